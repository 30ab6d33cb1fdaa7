//! A validator that lies: its own driver is honest, but what it says is twinned on the way out.
//!
//! One half of the network gets its proposals and votes as they are, the other half conflicting ones, just as well
//! signed: another valid block for the same view, another notarize, another finalize, a nullify beside a finalize.

use super::rng::Rng;
use std::collections::BTreeMap;
use std::sync::Arc;
use wattle_node::driver::effect::BuildJob;
use wattle_node::work::{Worker, build};
use wattle_p2p::wire::{Response, ValidatorMessage};
use wattle_primitives::{
    Block, BoundedVec, Hash, Proposal, PublicKey, Round, SecretKey, SignedVote, TimeMs, ValidatorIndex, Vote,
};

/// Rounds whose twins are remembered.
const ROUNDS_MAX: usize = 64;

/// The liar's memory. Without a key it tells the truth.
pub(super) struct Byzantine {
    key: Option<SecretKey>,
    chain: Hash,
    rng: Rng,
    /// The second block of each round that it led.
    twins: BTreeMap<Round, Block>,
}

impl Byzantine {
    pub(super) fn new(key: Option<SecretKey>, chain: Hash, seed: u64) -> Self {
        Self { key, chain, rng: Rng::new(seed, "liar"), twins: BTreeMap::new() }
    }

    pub(super) fn key(&self) -> Option<PublicKey> {
        self.key.as_ref().map(SecretKey::public)
    }

    /// Its driver builds a block: the twin is the same a millisecond later.
    pub(super) fn note_build(&mut self, worker: &Worker, job: &BuildJob) {
        let mut template = job.template.clone();
        template.time_ms = template.time_ms.saturating_add(TimeMs(1));
        let twin = BuildJob {
            round: job.round,
            template,
            state: job.state.clone(),
            candidates: if self.rng.coin() { job.candidates.clone() } else { Vec::new() },
        };
        self.twins.insert(job.round, build(worker, twin).block.block.clone());
        while self.twins.len() > ROUNDS_MAX {
            self.twins.pop_first();
        }
    }

    /// What a message becomes on its way to node `to`.
    pub(super) fn messages(
        &mut self,
        to: usize,
        message: &Arc<ValidatorMessage>,
    ) -> Vec<Arc<ValidatorMessage>> {
        let honest = vec![Arc::clone(message)];
        let (vote, block) = match message.as_ref() {
            ValidatorMessage::Proposal { vote, .. } => (*vote, true),
            ValidatorMessage::Vote(vote) => (*vote, false),
            ValidatorMessage::Certificate(_) | ValidatorMessage::Links(_) => return honest,
        };
        let Some(key) = self.key.as_ref().filter(|_| self.is_own(&vote)) else { return honest };
        let round = vote.vote.round();
        // Which half a node belongs to changes from view to view, but not within one.
        let deceived = (round.view.0 + u64::try_from(to).unwrap_or(0)) % 2 == 1;
        let twin = self.twins.get(&round);
        let mut lies = Vec::new();
        match (vote.vote, twin) {
            (Vote::Notarize(p), Some(twin)) if block && deceived => {
                let vote = self.sign(key, Vote::Notarize(with_block(p, twin.hash())), vote.signer);
                lies.push(ValidatorMessage::Proposal { vote, block: Box::new(twin.clone()) });
            }
            (Vote::Notarize(p), twin) if !block && deceived => {
                let other = twin.map_or(Hash([0x66; 32]), Block::hash);
                lies.push(ValidatorMessage::Vote(self.sign(
                    key,
                    Vote::Notarize(with_block(p, other)),
                    vote.signer,
                )));
            }
            (Vote::Finalize(p), twin) if deceived => {
                let other = twin.map_or(Hash([0x66; 32]), Block::hash);
                lies.push(ValidatorMessage::Vote(self.sign(
                    key,
                    Vote::Finalize(with_block(p, other)),
                    vote.signer,
                )));
                lies.push(ValidatorMessage::Vote(self.sign(key, Vote::Nullify(round), vote.signer)));
            }
            _ => return honest,
        }
        if self.rng.chance(100) {
            lies.push(message.as_ref().clone()); // sometimes one node sees both
        }
        lies.into_iter().map(Arc::new).collect()
    }

    /// What an answer becomes: blocks with a transaction less, without their certificates, or none at all.
    pub(super) fn response(&mut self, response: Response) -> Response {
        let Response::Blocks(blocks) = response else { return response };
        let mut blocks = blocks.into_inner();
        let at = self.rng.index(blocks.len());
        match (self.rng.below(6), blocks.get_mut(at)) {
            (0, Some(block)) => drop(block.block.txs.pop()),
            (1, Some(block)) => block.block.header.time_ms = block.block.header.time_ms.next(),
            (2, Some(block)) => block.certificate = None,
            (3, _) => blocks.clear(),
            (4, Some(_)) => drop(blocks.remove(at)),
            _ => {}
        }
        Response::Blocks(BoundedVec::new(blocks).unwrap_or_default())
    }

    fn is_own(&self, vote: &SignedVote) -> bool {
        // A relayed vote of another is not its to change; its own verify under its key.
        self.key()
            .is_some_and(|key| key.verify(&vote.vote.signing_bytes(&self.chain), &vote.signature).is_ok())
    }

    fn sign(&self, key: &SecretKey, vote: Vote, signer: ValidatorIndex) -> SignedVote {
        SignedVote { vote, signer, signature: key.sign(&vote.signing_bytes(&self.chain)) }
    }
}

const fn with_block(proposal: Proposal, block: Hash) -> Proposal {
    Proposal { block, ..proposal }
}
