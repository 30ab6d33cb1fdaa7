//! The machine that a process runs on: its clock, its files, its secrets.
//!
//! ```text
//! wall     the wall clock of this process, on a devnet a faster one
//! file     files that are whole after a power cut, and files that are read with a limit
//! dir      directories and open files with explicit syncs, for a log; the tests have another that may crash
//! key      secret keys as they are, in files that only their owner can read
//! seal     secret keys under a password
//! secret   secrets from a file, from standard input, or asked for on the terminal
//! lock     one process for a directory, one process for a validator key
//! socket   names of sockets that are too long for the system
//! process  no core dumps; the end of standard input
//! ```
//!
//! # Not here
//! The chain and its rules, any network protocol, asynchronous code.

pub mod dir;
pub mod file;
pub mod key;
pub mod lock;
pub mod process;
pub mod seal;
pub mod secret;
pub mod socket;
pub mod wall;

pub use file::FileError;

/// An error and everything below it, in one line.
#[must_use]
pub fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let all = std::iter::successors(Some(error), |error| error.source());
    all.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
