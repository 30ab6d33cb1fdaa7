//! The node's interface to the outside: JSON-RPC 2.0 over HTTP and WebSocket at `/rpc`, and `/healthy`, `/ready` and
//! `/metrics` over HTTP, all on one port.
//!
//! This crate knows no chain: it declares [`Backend`], which the node implements, and turns it into methods, pages and
//! streams within fixed [`limits`].

pub mod backend;
pub mod error;
pub mod filter;
mod hex;
pub mod limits;
pub mod types;

pub use backend::{Backend, Peers, RpcResult};
pub use error::RpcError;
