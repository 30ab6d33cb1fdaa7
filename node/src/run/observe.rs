//! Consensus in figures, as the run loop sees it passing by.

use crate::driver::{DriverStatus, Effect};
use crate::journal::WalRecord;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;
use wattle_consensus::Record;
use wattle_p2p::wire::ValidatorMessage;
use wattle_primitives::{PublicKey, Round, TimeMs, Vote};
use wattle_rpc::metrics::{Metrics, QuorumOf};

/// Proposals whose quorums are waited for; a few views are under way at once.
const PROPOSALS_MAX: usize = 16;

/// Watches messages, effects and views, and counts.
#[derive(Debug)]
pub(super) struct Observer {
    metrics: Arc<Metrics>,
    key: Option<PublicKey>,
    round: Option<Round>,
    entered: Instant,
    proposals: VecDeque<(Round, Instant)>,
    /// Rounds that this node leads or has just led.
    leads: VecDeque<Round>,
}

impl Observer {
    pub(super) fn new(metrics: Arc<Metrics>, key: Option<PublicKey>) -> Self {
        let (proposals, leads) = (VecDeque::new(), VecDeque::new());
        Self { metrics, key, round: None, entered: Instant::now(), proposals, leads }
    }

    /// A validator's message has come in, when this node's clock read so.
    pub(super) fn received(&mut self, message: &ValidatorMessage, reading: TimeMs) {
        let ValidatorMessage::Proposal { vote, block } = message else { return };
        let round = vote.vote.round();
        // One that is sent again tells nothing of clocks.
        if self.proposed(round) && self.round.is_none_or(|current| round >= current) {
            let (ours, theirs) = (reading.0, block.header.time_ms.0);
            #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
            let seconds = ours.abs_diff(theirs) as f64 / 1000.0;
            self.metrics.clock_skew_seconds.set(if ours < theirs { -seconds } else { seconds });
        }
    }

    /// An effect is about to be carried out.
    pub(super) fn carries_out(&mut self, effect: &Effect) {
        match effect {
            Effect::Broadcast(message) => {
                if let ValidatorMessage::Proposal { vote, .. } = message.as_ref() {
                    self.proposed(vote.vote.round());
                }
            }
            Effect::Persist(order) if !order.anew => {
                order.records.iter().for_each(|record| self.recorded(record))
            }
            _ => {}
        }
    }

    /// Consensus has entered a view.
    pub(super) fn entered(&mut self, round: Round, status: &DriverStatus) {
        self.metrics.view_duration_seconds.observe(self.entered.elapsed().as_secs_f64());
        (self.entered, self.round) = (Instant::now(), Some(round));
        let seen = self.metrics.nullifications_total.get();
        self.metrics.nullifications_total.inc_by(status.nullifications.saturating_sub(seen));
        if self.key.is_some() && status.leader == self.key {
            remember(&mut self.leads, round);
        }
    }

    /// Notes when a round's proposal was first there; false when it was before.
    fn proposed(&mut self, round: Round) -> bool {
        let new = self.proposals.iter().all(|(known, _)| *known != round);
        if new {
            remember(&mut self.proposals, (round, Instant::now()));
        }
        new
    }

    fn recorded(&mut self, record: &WalRecord) {
        let WalRecord::Consensus(Record::Certificate(certificate)) = record else { return };
        let round = certificate.round();
        let of = match certificate.vote {
            Vote::Notarize(_) => QuorumOf::Notarize,
            Vote::Finalize(_) => QuorumOf::Finalize,
            Vote::Nullify(_) => {
                if let Some(at) = self.leads.iter().position(|led| *led == round) {
                    self.leads.remove(at);
                    self.metrics.missed_blocks_total.inc();
                }
                return;
            }
        };
        if let Some((_, since)) = self.proposals.iter().find(|(known, _)| *known == round) {
            self.metrics.quorum(of, since.elapsed().as_secs_f64());
        }
    }
}

fn remember<T>(queue: &mut VecDeque<T>, item: T) {
    queue.push_back(item);
    if queue.len() > PROPOSALS_MAX {
        queue.pop_front();
    }
}
