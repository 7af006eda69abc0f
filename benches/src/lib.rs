//! Package `benches`.
