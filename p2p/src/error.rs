//! Errors of the network, and why peers go.

use crate::wire::Refusal;
use libp2p::{Multiaddr, PeerId};

/// Why the network layer did not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The node key is no key.
    #[error("node key is not usable: {detail}")]
    NodeKey {
        /// The library's error.
        detail: String,
    },
    /// A part of the network stack refused its configuration.
    #[error("cannot build the {part}: {detail}")]
    Build {
        /// Which part.
        part: &'static str,
        /// Its error.
        detail: String,
    },
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {detail}")]
    Listen {
        /// The address.
        address: Multiaddr,
        /// The transport's error.
        detail: String,
    },
    /// All that there is to listen on is QUIC at public addresses, which is off unless the configuration has it on.
    #[error("QUIC at the public address {address} is off: listen on TCP as well, or allow QUIC there")]
    QuicPublic {
        /// The address.
        address: Multiaddr,
    },
    /// A bootstrap address does not say whom to expect there.
    #[error("bootstrap address {address} does not end in /p2p/<peer id>")]
    BootstrapPeer {
        /// The address.
        address: Multiaddr,
    },
}

/// Why a request has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// No connection with a completed handshake.
    #[error("not connected with {peer}")]
    NotConnected {
        /// The peer.
        peer: PeerId,
    },
    /// Too many requests under way here; try later.
    #[error("too many requests under way")]
    Busy,
    /// No answer in time.
    #[error("{peer} did not answer in time")]
    Timeout {
        /// The peer.
        peer: PeerId,
    },
    /// The message is no answer to any question, or longer than one may be. The peer is banned.
    #[error("what {peer} sent is no answer")]
    Garbage {
        /// The peer.
        peer: PeerId,
    },
    /// The connection broke.
    #[error("request to {peer} failed: {detail}")]
    Failed {
        /// The peer.
        peer: PeerId,
        /// The library's error.
        detail: String,
    },
    /// The network task has ended.
    #[error("the network is shut down")]
    Closed,
}

/// Why something was not handed to the network task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Its queue is full: the message is dropped.
    #[error("the network's queue is full")]
    Full,
    /// The message is larger than its kind allows.
    #[error("message of {got} bytes exceeds the limit of {max}")]
    TooLong {
        /// Limit in bytes.
        max: usize,
        /// Bytes of the message.
        got: usize,
    },
    /// No connected peer has proven the key.
    #[error("no such validator is connected")]
    NotConnected,
    /// The network task has ended.
    #[error("the network is shut down")]
    Closed,
}

/// Why a peer is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GoneReason {
    /// The connection closed or broke.
    #[error("connection closed")]
    Closed,
    /// It was refused, here or there.
    #[error("refused: {0}")]
    Refused(Refusal),
    /// Its penalties added up.
    #[error("banned")]
    Banned,
    /// Another peer has proven the same validator key after it.
    #[error("another peer speaks for its validator key")]
    Displaced,
    /// Its place went to another that had a better claim to it.
    #[error("its place went to another")]
    Yielded,
}
