//! Package `examples`.
