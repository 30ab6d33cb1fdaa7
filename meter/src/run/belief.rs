//! The chain's loop, belief: puts the chain on the board as far as it is believed, and tells when that changes.

use super::chain::Chain;
use crate::board::ChainFacts;
use crate::follow::Doubt;
use wattle_primitives::TimeMs;

impl Chain {
    /// Puts the believed chain on the board, and logs when belief ends or begins.
    pub(crate) fn publish(&mut self, peers: usize) {
        let doubt = self.follower.doubt();
        if doubt.is_some() != self.doubt.is_some() {
            announce(doubt);
        }
        self.doubt = doubt;
        let chain = self.facts(peers);
        self.board.update(|facts| {
            let lies = facts.chain.lies;
            facts.chain = ChainFacts { lies, ..chain };
        });
    }

    fn facts(&self, peers: usize) -> ChainFacts {
        let head = self.follower.head();
        let (reason, advice) = match self.doubt {
            None if self.follower.is_verified() => (None, None),
            None => {
                (Some("nothing_verified"), Some("no peer has proven a header since the start".to_owned()))
            }
            Some(Doubt::Expired { until }) => (Some("trust_expired"), Some(expired(until))),
            Some(Doubt::Disputed(dispute)) => {
                let text = format!(
                    "two proven headers exclude each other at height {}: ask the operator which is right, then \
                     `wattle-light anchor`",
                    dispute.height
                );
                (Some("peers_disagree"), Some(text))
            }
        };
        ChainFacts {
            chain_id: self.follower.chain_id().to_owned(),
            genesis_hash: self.follower.chain(),
            height: head.height,
            hash: head.hash(),
            epoch: head.epoch,
            time_ms: head.time_ms,
            age_ms: self.follower.head_age_ms(),
            trusted_until_ms: self.follower.trusted_until(),
            believing: reason.is_none(),
            reason,
            advice,
            peers,
            visits: self.visits.clone(),
            lies: 0,
            agreements: self.follower.agreements(),
        }
    }
}

fn expired(until: TimeMs) -> String {
    format!(
        "the trust period ended at {until} ms: get a checkpoint from the operator, then `wattle-light anchor`"
    )
}

fn announce(doubt: Option<Doubt>) {
    match doubt {
        None => tracing::info!("balances and prices are believed again"),
        Some(Doubt::Expired { until }) => tracing::error!(
            until_ms = until.0,
            "the trust period is over: balances and prices are not believed until `wattle-light anchor`"
        ),
        Some(Doubt::Disputed(dispute)) => tracing::error!(
            height = dispute.height.0,
            "peers disagree: balances and prices are not believed until `wattle-light anchor`"
        ),
    }
}
