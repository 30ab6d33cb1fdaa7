//! A peer that lies when asked: blocks, certificates, headers, sets, proofs.

use crate::sim::coverage::Mark;
use crate::sim::rng::Rng;
use wattle_p2p::wire::{ErrorCode, LightBlock, ProofAnswer, Reached, Response};
use wattle_primitives::{
    BoundedBytes, BoundedVec, Certificate, Hash, Header, SecretKey, Signature, Validator, ValidatorSet,
    VotingPower,
};

/// The memory of a lying peer.
pub(in crate::sim) struct Answers {
    rng: Rng,
    /// The first head that it was asked for, told again when that is long past.
    old: Option<LightBlock>,
    /// The last head that it was asked for.
    last: Option<LightBlock>,
}

/// How often a lying peer lies about the end of an epoch at least, per thousand: it is asked seldom.
const EPOCH_LIE: u64 = 700;

impl Answers {
    pub(in crate::sim) fn new(seed: u64, node: usize) -> Self {
        Self {
            rng: Rng::new(seed.wrapping_add(u64::try_from(node).unwrap_or(0)), "answers"),
            old: None,
            last: None,
        }
    }

    /// Replaces an answer by a lie, in `lie` of 1000 cases.
    pub(in crate::sim) fn change(&mut self, response: Response, lie: u64) -> (Response, Option<Mark>) {
        let lie = if matches!(response, Response::EpochProof(_)) { lie.max(EPOCH_LIE) } else { lie };
        if !self.rng.chance(lie) {
            return (response, None);
        }
        match response {
            Response::Blocks(_) => self.blocks(response),
            Response::Certificates(certificates) => {
                let mut certificates = certificates.into_inner();
                certificates.iter_mut().for_each(forge);
                let mark = (!certificates.is_empty()).then_some(Mark::CertificateLie);
                (Response::Certificates(BoundedVec::new(certificates).unwrap_or_default()), mark)
            }
            Response::LightBlock(light) => self.light(*light),
            Response::EpochProof(mut proof) => {
                if self.rng.coin() {
                    let mine = SecretKey::from_seed([0x99; 32]).public();
                    let set = ValidatorSet::new(vec![Validator { key: mine, power: VotingPower(1) }]);
                    let Ok(set) = set else { return (Response::EpochProof(proof), None) };
                    if self.rng.coin() {
                        // A header that names the set, too: then the certificate is the lie.
                        proof.header.next_validators_hash = set.hash();
                        bind(&mut proof.certificate, &proof.header);
                    }
                    proof.next_validators = set;
                    return (Response::EpochProof(proof), Some(Mark::LightWrongSet));
                }
                forge(&mut proof.certificate);
                (Response::EpochProof(proof), Some(Mark::LightForged))
            }
            Response::Proof(proof) => self.proof(*proof),
            Response::Reached(told) => self.reached(told),
            other => (other, None),
        }
    }

    /// Less than it knows, a forged certificate, an epoch that has not begun.
    fn reached(&mut self, mut told: Reached) -> (Response, Option<Mark>) {
        let mark = match self.rng.below(3) {
            0 => told.certificate.take().and(None),
            1 => told.certificate.as_mut().map(|certificate| {
                forge(certificate);
                Mark::CertificateLie
            }),
            _ => {
                told.epoch = told.epoch.next();
                None
            }
        };
        (Response::Reached(told), mark)
    }

    /// A transaction less, another header, no certificate or a forged one, a gap, nothing at all.
    fn blocks(&mut self, response: Response) -> (Response, Option<Mark>) {
        let Response::Blocks(blocks) = response else { return (response, None) };
        let mut blocks = blocks.into_inner();
        let at = self.rng.index(blocks.len());
        let mark = match (self.rng.below(6), blocks.get_mut(at)) {
            (0, Some(block)) => block.block.txs.pop().map(|_| Mark::BlocksLie),
            (1, Some(block)) => {
                block.block.header.time_ms = block.block.header.time_ms.next();
                Some(Mark::BlocksLie)
            }
            (2, Some(block)) => block.certificate.take().map(|_| Mark::BlocksWithheld),
            (3, Some(_)) => {
                blocks.clear();
                Some(Mark::BlocksWithheld)
            }
            (4, Some(_)) => {
                blocks.remove(at);
                Some(Mark::BlocksWithheld)
            }
            (5, Some(block)) => block.certificate.as_mut().map(|certificate| {
                forge(certificate);
                Mark::CertificateLie
            }),
            _ => None,
        };
        (Response::Blocks(BoundedVec::new(blocks).unwrap_or_default()), mark)
    }

    fn light(&mut self, mut light: LightBlock) -> (Response, Option<Mark>) {
        let old = self.old.get_or_insert_with(|| light.clone()).clone();
        let last = self.last.replace(light.clone()).unwrap_or_else(|| light.clone());
        let mark = match self.rng.below(4) {
            0 if old.header.height < light.header.height => {
                light = old;
                Mark::LightStale
            }
            1 if last.header.height < light.header.height => {
                // Final it is, but the headers between it and the certified one are missing.
                light.header = last.header;
                light.path = BoundedVec::default();
                Mark::LightNoPath
            }
            2 => return (Response::error(ErrorCode::NotFound, ""), Some(Mark::LightSilence)),
            _ => {
                self.forge_light(&mut light);
                Mark::LightForged
            }
        };
        (Response::LightBlock(Box::new(light)), Some(mark))
    }

    fn forge_light(&mut self, light: &mut LightBlock) {
        match self.rng.below(3) {
            0 => forge(&mut light.certificate),
            1 => {
                light.header.state_root = Hash(self.rng.bytes());
                light.path = BoundedVec::default();
                bind(&mut light.certificate, &light.header);
            }
            _ => light.header.height = light.header.height.next(),
        }
    }

    fn proof(&mut self, mut proof: ProofAnswer) -> (Response, Option<Mark>) {
        let mut values = std::mem::take(&mut proof.values).into_inner();
        let at = self.rng.index(values.len());
        let mark = match (self.rng.below(3), values.get_mut(at).map(|proven| (proven.value.take(), proven))) {
            (_, None) => return (Response::Proof(Box::new(proof)), None), // nothing was asked for
            (0, Some((value, proven))) => {
                proven.value = value;
                self.forge_light(&mut proof.light);
                Mark::LightForged
            }
            (1, Some((Some(_), _))) => Mark::LightBadProof, // it says that there is none
            (_, Some((value, proven))) => {
                let mut bytes = value.map_or_else(|| vec![1], |v| v.to_vec());
                if let Some(last) = bytes.last_mut() {
                    *last ^= 1;
                }
                proven.value = BoundedBytes::new(bytes).ok();
                Mark::LightBadProof
            }
        };
        proof.values = BoundedVec::new(values).unwrap_or_default();
        (Response::Proof(Box::new(proof)), Some(mark))
    }
}

/// Signatures that nobody made.
fn forge(certificate: &mut Certificate) {
    let signatures = vec![Signature([0x5a; 64]); certificate.signatures.len()];
    certificate.signatures = BoundedVec::new(signatures).unwrap_or_default();
}

/// The same signatures under a vote for another header.
fn bind(certificate: &mut Certificate, header: &Header) {
    if let wattle_primitives::Vote::Finalize(proposal) = &mut certificate.vote {
        proposal.block = header.hash();
    }
}
