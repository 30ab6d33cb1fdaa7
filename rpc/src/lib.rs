//! The node's interface to the outside: JSON-RPC 2.0 over HTTP and WebSocket at `/rpc`, and `/healthy`, `/ready` and
//! `/metrics` over HTTP, all on one port.
//!
//! This crate knows no chain and no method: it serves those of `rpc-types` within fixed limits, by asking the queries
//! that the node answers, and streams events. [`Backend`] is that node.
//!
//! ```text
//! server   the port for everybody                    admin   the operator's methods, on a unix socket
//! connection, places: who is served, who has to go   io      gives up on clients that do not read
//! http     routes, Host and Origin, bodies           ws      one WebSocket and its subscriptions
//! wire     JSON-RPC envelope                         service runs methods, counts them
//! events   pages and streams of events               submit  offers transactions
//! explorer the block explorer's files                openrpc rpc.discover
//! budget   memory for large messages                 metrics figures
//! lanes    turns at the threads                      proxy   the client's address behind a reverse proxy
//! ```
//!
//! # Why the envelope is our own
//! General JSON-RPC servers start every WebSocket message in a task of its own and read on. A client that sends and
//! never reads then grows the node's memory without bound. Here a connection has one request at work at a time.

pub mod admin;
pub mod backend;
mod budget;
pub mod config;
mod connection;
mod events;
pub mod explorer;
mod gauges;
mod http;
mod io;
mod lanes;
mod local;
pub mod metrics;
mod openrpc;
mod places;
mod proxy;
pub mod server;
mod service;
mod submit;
mod wire;
mod ws;

pub use admin::AdminServer;
pub use backend::Backend;
pub use config::{Config, ServeError};
pub use gauges::Gauges;
pub use local::Local;
pub use metrics::Metrics;
pub use server::{RpcServer, bind};
pub use wattle_rpc_types::method::{admin_names, names as method_names};
