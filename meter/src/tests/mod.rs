//! Code of tests alone: a chain in memory with peers that lie, a meter's way to it, and its life through crashes.

pub(crate) mod chain;
mod crash;
pub(crate) mod life;
