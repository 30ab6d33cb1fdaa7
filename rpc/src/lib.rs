//! The node's interface to the outside: JSON-RPC 2.0 over HTTP and WebSocket at `/rpc`, and `/healthy`, `/ready` and
//! `/metrics` over HTTP, all on one port.
//!
//! This crate knows no chain: it turns the queries of `rpc-types`, which the node implements, into methods, pages and
//! streams within fixed limits. [`Backend`] is all of them together.
//!
//! ```text
//! server   the port for everybody                    admin   the operator's methods, on a unix socket
//! connection, places: who is served, who has to go   io      gives up on clients that do not read
//! http     routes, Host and Origin, bodies           ws      one WebSocket and its subscriptions
//! wire     JSON-RPC envelope                         service runs methods, counts them
//! methods  the tables of all methods                 params  named and positional parameters
//! events   pages and streams of events               openrpc rpc.discover
//! explorer the block explorer's files
//! budget   memory for large messages                 metrics  figures
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
mod local;
mod methods;
pub mod metrics;
mod openrpc;
mod params;
mod places;
pub mod server;
mod service;
mod wire;
mod ws;

pub use admin::AdminServer;
pub use backend::Backend;
pub use config::{Config, ServeError};
pub use gauges::Gauges;
pub use local::Local;
pub use methods::{admin_names, names as method_names};
pub use metrics::Metrics;
pub use server::{RpcServer, bind};
