//! The Wattle node: everything that turns the floors below into a running validator, full node or devnet.
//!
//! ```text
//! driver      the node as a function: events in, effects out        work      long work as pure functions
//! run         the one loop around it: network, threads, clocks      views     answers for the JSON-RPC interface
//! wal, signer what must be durable before it is said                journal   log and sign state as one
//! mempool     transactions that wait
//! home        a node's directory                                    launch    from a directory to a running node
//! testnet     a whole network laid out                              logs      the process's log
//! commands    the command line: what `cli` has, and what runs nodes  admin     the operator's orders
//! ```

pub mod admin;
pub mod commands;
pub mod driver;
pub mod home;
pub mod journal;
pub mod launch;
pub mod logs;
pub mod mempool;
pub mod run;
pub mod signer;
#[cfg(test)]
mod testchain;
pub mod testnet;
pub mod views;
pub mod wal;
pub mod work;
