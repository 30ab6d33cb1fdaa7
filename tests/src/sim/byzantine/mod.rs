//! A validator that lies: its own driver is honest, but what it says is changed on the way out.
//!
//! One part of the network gets its proposals and votes as they are, the other conflicting ones, just as well signed:
//! another valid block for the same view or one that breaks a rule, another notarize, another finalize, a nullify
//! beside a finalize.

mod answers;
mod blocks;

pub(super) use answers::Answers;
pub(super) use blocks::Lie;

use super::rng::Rng;
use blocks::Told;
use std::collections::BTreeMap;
use std::sync::Arc;
use wattle_node::work::BuildJob;
use wattle_node::work::Worker;
use wattle_p2p::wire::ValidatorMessage;
use wattle_primitives::{
    Block, Hash, Proposal, PublicKey, Round, SecretKey, SignedVote, TimeMs, ValidatorIndex, Vote,
};

/// Rounds whose lies are remembered.
const ROUNDS_MAX: usize = 64;

/// A liar's memory.
pub(super) struct Liar {
    key: SecretKey,
    chain: Hash,
    rng: Rng,
    /// Blocks told instead of that of each round that it led.
    told: BTreeMap<Round, Told>,
}

impl Liar {
    pub(super) fn new(key: SecretKey, chain: Hash, seed: u64) -> Self {
        Self { key, chain, rng: Rng::new(seed, "liar"), told: BTreeMap::new() }
    }

    pub(super) fn key(&self) -> PublicKey {
        self.key.public()
    }

    /// Its driver builds a block; `lie` permille of them are lied about. Returns the lie and the hash that it goes by.
    pub(super) fn note_build(&mut self, worker: &Worker, job: &BuildJob, lie: u64) -> Option<(Lie, Hash)> {
        if !self.rng.chance(lie) {
            return None;
        }
        let told = Told::make(&mut self.rng, worker, job);
        let named = (told.lie, told.block.hash());
        self.told.insert(job.round, told);
        while self.told.len() > ROUNDS_MAX {
            self.told.pop_first();
        }
        Some(named)
    }

    /// Replaces a message on its way to node `to`.
    pub(super) fn messages(
        &mut self,
        to: usize,
        message: &Arc<ValidatorMessage>,
    ) -> Vec<Arc<ValidatorMessage>> {
        let honest = vec![Arc::clone(message)];
        let (vote, block) = match message.as_ref() {
            ValidatorMessage::Proposal { vote, .. } => (*vote, true),
            ValidatorMessage::Vote(vote) => (*vote, false),
            ValidatorMessage::Certificate(_) | ValidatorMessage::Links(_) | ValidatorMessage::Heard(_) => {
                return honest;
            }
            ValidatorMessage::Clock(_) => {
                let time = *self.rng.pick(&[TimeMs::ZERO, TimeMs::MAX]).unwrap_or(&TimeMs::MAX);
                return vec![Arc::new(ValidatorMessage::Clock(time))];
            }
        };
        if !self.is_own(&vote) {
            return honest; // a relayed vote of another is not its to change
        }
        let round = vote.vote.round();
        let told = self.told.get(&round);
        // Which half a node belongs to changes from view to view, but not within one.
        let half = (round.view.0 + u64::try_from(to).unwrap_or(0)) % 2 == 1;
        let deceived = half || told.is_some_and(|t| t.to_all);
        if !deceived {
            return honest;
        }
        let other = |p: Proposal| Proposal { block: told.map_or(Hash([0x66; 32]), |t| t.block.hash()), ..p };
        let lies = match (vote.vote, told) {
            (Vote::Notarize(p), Some(told)) if block => vec![self.proposal(p, told, vote.signer)],
            (Vote::Notarize(p), _) if !block => {
                vec![ValidatorMessage::Vote(self.sign(Vote::Notarize(other(p)), vote.signer))]
            }
            (Vote::Finalize(p), _) => vec![
                ValidatorMessage::Vote(self.sign(Vote::Finalize(other(p)), vote.signer)),
                ValidatorMessage::Vote(self.sign(Vote::Nullify(round), vote.signer)),
            ],
            _ => return honest,
        };
        let mut lies: Vec<Arc<ValidatorMessage>> = lies.into_iter().map(Arc::new).collect();
        if self.rng.chance(100) {
            lies.extend(honest); // sometimes one node sees both
        }
        lies
    }

    fn proposal(&self, honest: Proposal, told: &Told, signer: ValidatorIndex) -> ValidatorMessage {
        let mut block: Block = told.block.clone();
        if told.lie == Lie::Unbound {
            block.txs.clone_from(&told.body);
        }
        let vote = Vote::Notarize(Proposal { block: block.hash(), ..honest });
        ValidatorMessage::Proposal { vote: self.sign(vote, signer), block: Box::new(block) }
    }

    fn is_own(&self, vote: &SignedVote) -> bool {
        self.key().verify(&vote.vote.signing_bytes(&self.chain), &vote.signature).is_ok()
    }

    fn sign(&self, vote: Vote, signer: ValidatorIndex) -> SignedVote {
        SignedVote { vote, signer, signature: self.key.sign(&vote.signing_bytes(&self.chain)) }
    }
}
