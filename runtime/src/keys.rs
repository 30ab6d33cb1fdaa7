//! State keys.
