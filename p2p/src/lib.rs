//! The network of a node: libp2p connections, validator streams, gossip, requests, and who is trusted with what.
//!
//! [`spawn`] starts one task that owns the swarm. The node talks to it through a [`Handle`] and hears of it through
//! a bounded channel of [`NetEvent`]. Messages are the types of [`wire`].
//!
//! - **Handshake first.** A peer of another chain or version is refused with a typed reason and left alone for a
//!   while. Only a peer that completed the handshake is asked, answered or counted.
//! - **Validators** prove their key by a signature over (genesis, peer id); a key has one peer, the newest that has.
//!   Votes and blocks then travel on separate direct streams with bounded queues in which the newest wins: consensus
//!   sends again what still matters.
//! - **Gossip** carries transactions and finalized headers, anonymous, named by content, forwarded only after the
//!   node's verdict.
//! - **One manager** decides who is dialed, and who of those that come has a place.
//! - **Everything is bounded**: connections, in all and from one network, queues, frames (before allocation), requests
//!   under way and per second, answers that wait to be read. Penalties add up to a ban that expires.
//!
//! # Not here
//! Whether a vote, block or transaction is valid; what to do next. No consensus rules, no database, no secret key of
//! a validator. The library's mDNS service name is fixed, so local discovery may find peers of other chains: the
//! handshake turns them away.

mod behaviour;
mod codec;
mod config;
mod discovery;
mod door;
mod error;
mod event;
mod gate;
mod handle;
mod manager;
mod names;
mod quiet;
mod scores;
mod shared;
mod streams;
mod task;
mod transport;
pub mod wire;

/// How messages lie on a stream: a `u32` length, little endian, then as many bytes.
///
/// The network task reads and writes through these; tests and fuzz targets use them without a network.
pub mod framing {
    pub use crate::codec::{read, write};
    pub use crate::shared::Lane;
    pub use crate::streams::{ReadError, Reader};
}

pub use config::{Config, Kademlia, Limits, NodeKey, OperatorOf, REQUEST_TIMEOUT};
pub use error::{Error, GoneReason, RequestError, SendError};
pub use event::{Ban, BanReason, MessageId, NetEvent, Offence, PeerInfo, Penalty, Responder, Verdict};
pub use gate::GateLimits;
pub use handle::Handle;
pub use ipnet::IpNet;
pub use libp2p::{Multiaddr, PeerId};
pub use task::spawn;
