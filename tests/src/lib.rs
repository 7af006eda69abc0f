//! Package `tests`.
