//! The machine that a process runs on: its clock, its files, its secrets.
//!
//! ```text
//! wall    the wall clock of this process, on a devnet a faster one
//! ```
//!
//! # Not here
//! The chain and its rules, any network protocol, asynchronous code.

pub mod wall;
