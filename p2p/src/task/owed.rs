//! Bytes of answers that are being written: a peer that asks and does not read makes this node hold them until the
//! request's time is over.
//!
//! # Bounds
//! [`Limits::answer_bytes_per_peer_max`] for each peer; [`Limits::answer_bytes_max`] for all but validators of the set,
//! of whom there are few. Answers of at most [`SMALL_BYTES`] are not counted, so that whoever fills the rest keeps
//! nobody from status and proofs: the streams of a connection bound them.
//!
//! # Invariants
//! - A request is here from when it is taken until the library says that it is over, which it does for each.
//! - What is counted is the sum over these requests.

use crate::config::Limits;
use crate::wire::RESPONSE_BYTES_MAX;
use libp2p::PeerId;
use libp2p::request_response::InboundRequestId;
use std::collections::{BTreeMap, HashMap};
use wattle_primitives::planted;

/// Longest answer that is not counted.
const SMALL_BYTES: usize = 16 * 1024;

const _: () = assert!(SMALL_BYTES < RESPONSE_BYTES_MAX);

/// What is owed to whom.
#[derive(Debug, Default)]
pub(super) struct Owed {
    peers: BTreeMap<PeerId, HashMap<InboundRequestId, Debt>>,
    /// Bytes counted for all but validators of the set.
    common: usize,
}

#[derive(Clone, Copy, Debug, Default)]
struct Debt {
    bytes: usize,
    common: bool,
}

/// What to do with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// It may be written.
    Granted,
    /// Too much is being written: the answer is `Busy`.
    Refused,
    /// The request is over.
    Late,
}

impl Owed {
    /// An answer to this request is being made.
    pub(super) fn asked(&mut self, peer: PeerId, id: InboundRequestId) {
        self.peers.entry(peer).or_default().insert(id, Debt::default());
    }

    /// An answer of so many bytes is there, for a validator of the set or somebody else.
    pub(super) fn admit(
        &mut self,
        (peer, id): (PeerId, InboundRequestId),
        bytes: usize,
        validator: bool,
        limits: &Limits,
    ) -> Admission {
        let Some(debts) = self.peers.get_mut(&peer).filter(|debts| debts.contains_key(&id)) else {
            return Admission::Late;
        };
        if bytes <= SMALL_BYTES {
            return Admission::Granted;
        }
        let of_peer = debts.values().fold(bytes, |sum, debt| sum.saturating_add(debt.bytes));
        let of_all = if validator { 0 } else { self.common.saturating_add(bytes) };
        let full = of_peer > limits.answer_bytes_per_peer_max || of_all > limits.answer_bytes_max;
        if full && !planted!("unread-answers-uncounted") {
            return Admission::Refused;
        }
        debts.insert(id, Debt { bytes, common: !validator });
        self.common = self.common.max(of_all);
        Admission::Granted
    }

    /// The request is over: its answer was written, or will not be.
    pub(super) fn over(&mut self, peer: &PeerId, id: &InboundRequestId) {
        let Some(debts) = self.peers.get_mut(peer) else { return };
        if let Some(debt) = debts.remove(id).filter(|debt| debt.common) {
            self.common = self.common.saturating_sub(debt.bytes);
        }
        if debts.is_empty() {
            self.peers.remove(peer);
        }
    }
}
