//! The node's interface to the outside: JSON-RPC 2.0 over HTTP and WebSocket at `/rpc`, and `/healthy`, `/ready` and
//! `/metrics` over HTTP, all on one port.
//!
//! This crate knows no chain: it declares [`Backend`], which the node implements, and turns it into methods, pages and
//! streams within fixed [`limits`].
//!
//! ```text
//! server   the port for everybody                    admin   the operator's methods, on a unix socket
//! connection, places: who is served, who has to go   io      gives up on clients that do not read
//! http     routes, Host and Origin, bodies           ws      one WebSocket and its subscriptions
//! wire     JSON-RPC envelope                         service runs methods, counts them
//! methods  the table of all methods                  params  named and positional parameters
//! events   pages and streams of events               schema, openrpc: rpc.discover
//! explorer the block explorer's files
//! budget   memory for large messages                 metrics, limits: figures and bounds
//! ```
//!
//! # Why the envelope is our own
//! General JSON-RPC servers start every WebSocket message in a task of its own and read on. A client that sends and
//! never reads then grows the node's memory without bound. Here a connection has one request at work at a time.

pub mod admin;
pub mod backend;
mod budget;
mod connection;
pub mod error;
pub mod events;
pub mod explorer;
pub mod filter;
mod gauges;
mod hex;
mod http;
mod io;
pub mod limits;
mod local;
mod methods;
pub mod metrics;
mod openrpc;
mod params;
mod places;
mod schema;
pub mod server;
mod service;
pub mod types;
mod wire;
mod ws;

pub use admin::{Admin, AdminServer};
pub use backend::{Backend, Peers, RpcResult};
pub use error::RpcError;
pub use gauges::Gauges;
pub use local::Local;
pub use methods::names as method_names;
pub use metrics::Metrics;
pub use params::call_name;
pub use server::{Config, RpcServer, ServeError, bind};
