//! Everything that can happen to a node.

use crate::work::{Done, Token};
use wattle_p2p::wire::{Gossip, Request, Response, ValidatorMessage};
use wattle_p2p::{MessageId, PeerId};
use wattle_primitives::{Address, Hash, Height, Lane, PublicKey, Tx};

/// One thing that happened. The driver answers each with effects, at once and without I/O.
#[derive(Debug)]
pub enum Event {
    /// The node starts: once, first.
    Start,
    /// A deadline may have passed.
    Tick,
    /// A message from a validator. `from` may relay: it pays for a bad signature.
    Validator {
        /// Proven key of the sender.
        from: PublicKey,
        /// Its peer.
        peer: PeerId,
        /// The message.
        message: ValidatorMessage,
    },
    /// The streams to a validator are open again; what was sent before may be lost.
    ValidatorConnected {
        /// Its key.
        key: PublicKey,
        /// Its peer.
        peer: PeerId,
    },
    /// A peer completed the handshake.
    PeerReady {
        /// The peer.
        peer: PeerId,
        /// Its validator key, if it proved one.
        validator: Option<PublicKey>,
        /// Its last finalized height.
        height: Height,
        /// Whether it serves blocks.
        serves: bool,
    },
    /// A peer says how far it is.
    PeerHeight {
        /// The peer.
        peer: PeerId,
        /// Its last finalized height, by its own word.
        height: Height,
    },
    /// A peer is gone.
    PeerGone {
        /// The peer.
        peer: PeerId,
    },
    /// A gossip message, waiting for its verdict.
    Gossip {
        /// Who handed it on.
        peer: PeerId,
        /// Its name.
        id: MessageId,
        /// The message.
        message: Gossip,
    },
    /// A question of a peer.
    Request {
        /// Names the answer.
        token: Token,
        /// Who asks.
        peer: PeerId,
        /// The question.
        request: Request,
    },
    /// The answer to a question of ours; `None` when there was none in time.
    Response {
        /// Names the question.
        token: Token,
        /// The answer.
        response: Option<Response>,
    },
    /// Less room is left on the disk than is to be kept free, or there is enough again.
    LowSpace(bool),
    /// Transactions from a client.
    Submit {
        /// Names the answer.
        token: Token,
        /// At most as many as the interface lets through.
        txs: Vec<Tx>,
    },
    /// A question of a client.
    Ask {
        /// Names the answer.
        token: Token,
        /// The question.
        question: Question,
    },
    /// Long work is done.
    Done(Done),
    /// The node shall stop: nothing new is started.
    Stop,
}

/// A question that only the driver can answer. All others are answered from the last committed view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// Where an unfinalized transaction stands.
    TxFate(Hash),
    /// An unfinalized transaction itself.
    Tx(Hash),
    /// The nonce after all that wait in the mempool.
    NextNonce(Address, Lane),
    /// Consensus, mempool and synchronization at a glance.
    Status,
}
