//! The network as the node sees it: what happens, and what is known of peers.

use crate::error::GoneReason;
use crate::wire::{Gossip, Refusal, Request, Response, Role, ValidatorMessage};
use libp2p::{Multiaddr, PeerId};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::Instant;
use wattle_primitives::{Height, PublicKey};

pub use libp2p::gossipsub::MessageId;

/// Something that happened on the network.
#[derive(Debug)]
pub enum NetEvent {
    /// A message from a peer that has proven an allowed validator key.
    ///
    /// The peer may relay: `from` is who pays for a bad signature, not who signed.
    ValidatorMessage {
        /// The proven key.
        from: PublicKey,
        /// Who sent it.
        peer: PeerId,
        /// The message.
        message: ValidatorMessage,
    },
    /// Gossip. It is not forwarded before [`crate::Handle::gossip_verdict`].
    Gossip {
        /// Who handed it on.
        peer: PeerId,
        /// Its name, for the verdict.
        id: MessageId,
        /// The message.
        message: Gossip,
    },
    /// A question. Dropping the responder answers [`Response::Busy`].
    Request {
        /// Who asks.
        peer: PeerId,
        /// The question.
        request: Request,
        /// Takes the answer.
        responder: Responder,
    },
    /// A peer has completed the handshake.
    PeerReady {
        /// The peer.
        peer: PeerId,
        /// Its role.
        role: Role,
        /// The key it has proven, whether allowed or not.
        validator: Option<PublicKey>,
        /// Its last finalized height.
        height: Height,
    },
    /// A peer that serves, asked now and then, says how far it is. Unproven, like all that it says of itself.
    PeerHeight {
        /// The peer.
        peer: PeerId,
        /// Its last finalized height.
        height: Height,
    },
    /// The streams to a validator are open, for the first time or again: what was sent before may be lost, so that
    /// the node should send again every vote above the last finalization and its best certificate.
    ValidatorConnected {
        /// Its key.
        key: PublicKey,
        /// Its peer.
        peer: PeerId,
    },
    /// A peer that was ready is gone.
    PeerGone {
        /// The peer.
        peer: PeerId,
        /// The key it had proven.
        validator: Option<PublicKey>,
        /// The reason.
        reason: GoneReason,
    },
    /// A peer did not become ready since one side refused the other; it is left alone for a while. Not told when this
    /// node has no place for a peer that came.
    PeerRefused {
        /// The peer.
        peer: PeerId,
        /// The reason.
        refusal: Refusal,
        /// Whether the peer refused this node; else this node refused it.
        by_peer: bool,
    },
    /// A new address is listened on.
    Listening {
        /// The address, without `/p2p`.
        address: Multiaddr,
    },
}

/// Takes the answer to one request.
#[derive(Debug)]
pub struct Responder {
    reply: oneshot::Sender<(Response, usize)>,
    member: bool,
}

impl Responder {
    /// One for a question of a member of the validator set or of somebody else, and where the answer arrives, with the
    /// bytes of its encoding.
    #[must_use]
    pub fn new(member: bool) -> (Self, oneshot::Receiver<(Response, usize)>) {
        let (reply, answer) = oneshot::channel();
        (Self { reply, member }, answer)
    }

    /// Whether a member of the validator set asks.
    #[must_use]
    pub const fn is_for_member(&self) -> bool {
        self.member
    }

    /// Whether the peer has gone or waited too long: no answer is needed.
    #[must_use]
    pub fn is_late(&self) -> bool {
        self.reply.is_closed()
    }

    /// Answers. Does nothing when the peer has gone or waited too long.
    pub fn send(self, response: Response) {
        // Measured here: the network task has no time for it. What has no length is longer than any answer may be.
        let bytes = borsh::object_length(&response).unwrap_or(usize::MAX);
        let _ = self.reply.send((response, bytes));
    }
}

/// How bad something was that a peer did. Penalties fade with time and ban when they add up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Penalty {
    /// May be bad luck: a late or useless answer. Twenty in short order ban.
    Light,
    /// Against the protocol, but perhaps a fault elsewhere: bad signature of a relayed vote. Five ban.
    Heavy,
    /// No honest peer does it: bans at once.
    Fatal,
}

/// The offence that a penalty is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Offence {
    /// A handshake that is no message, or claims a validator key without proof.
    Handshake,
    /// A frame of a validator stream that is too long, no message, or on the wrong stream.
    Frame,
    /// A validator stream without a proven key.
    Stream,
    /// A request that is no message.
    Request,
    /// An answer that is no message.
    Answer,
    /// A gossip message that is none, or is bad whatever the state.
    Gossip,
    /// A vote or certificate whose signatures do not verify.
    Vote,
    /// A block that is not the one it is said to be.
    Block,
    /// Blocks or proofs, asked for, that certificates contradict.
    Sync,
    /// A transaction that no state makes valid.
    Transaction,
}

impl Offence {
    /// Stable code, for the interface.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Handshake => "handshake",
            Self::Frame => "frame",
            Self::Stream => "stream",
            Self::Request => "request",
            Self::Answer => "answer",
            Self::Gossip => "gossip",
            Self::Vote => "vote",
            Self::Block => "block",
            Self::Sync => "sync",
            Self::Transaction => "transaction",
        }
    }
}

/// Why a peer is refused at present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BanReason {
    /// Its penalties added up; this was the last.
    Penalties(Offence),
    /// It, or this node in its eyes, does not belong here.
    Refused(Refusal),
    /// It speaks none of our protocols.
    Foreign,
    /// Another peer has proven the same validator key after it.
    Displaced,
    /// The operator wants it so.
    Order,
}

impl BanReason {
    /// Stable code, for the interface.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Penalties(offence) => offence.code(),
            Self::Refused(Refusal::Genesis) => "other_genesis",
            Self::Refused(Refusal::Version) => "other_version",
            Self::Refused(Refusal::Proof | Refusal::Role) => "handshake",
            Self::Refused(Refusal::Full) => "full",
            Self::Foreign => "foreign",
            Self::Displaced => "displaced",
            Self::Order => "order",
        }
    }
}

/// A ban in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ban {
    /// Its reason.
    pub reason: BanReason,
    /// When it ends.
    pub until: Instant,
}

/// The node's verdict on a gossip message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Good: forward it.
    Accept,
    /// Of no use here, by this node's state: do not forward, blame nobody.
    Ignore,
    /// Bad whatever the state: do not forward, and the peer that handed it on loses score.
    Reject,
}

/// Everything that is known of a peer.
#[derive(Clone, Debug)]
pub struct PeerInfo {
    /// Its name on the network.
    pub peer: PeerId,
    /// Where it is connected, or was when it was banned.
    pub address: Option<Multiaddr>,
    /// Whether this node dialed.
    pub outbound: bool,
    /// Whether the handshake is complete; if not, the next three are not known.
    pub ready: bool,
    /// Its role.
    pub role: Option<Role>,
    /// Validator key proven, whether allowed or not.
    pub validator: Option<PublicKey>,
    /// Highest finalized height it has told: in the handshake, in answers, in headers it handed on.
    pub height: Height,
    /// Its program and version, as it says; printable and short, empty until it has.
    pub agent: String,
    /// Penalty points; 100 ban.
    pub score: u32,
    /// Penalties that are not forgotten yet, by what they were for.
    pub penalties: BTreeMap<Offence, u32>,
    /// The ban in force.
    pub ban: Option<Ban>,
    /// Last round-trip time in microseconds, once measured.
    pub rtt_us: Option<u64>,
}

impl Ban {
    /// How long it still lasts.
    #[must_use]
    pub fn remaining(&self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }
}

impl PeerInfo {
    /// Whether it is refused at present.
    #[must_use]
    pub const fn is_banned(&self) -> bool {
        self.ban.is_some()
    }
}
