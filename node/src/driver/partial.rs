//! Fetched blocks that wait for a certificate.
//!
//! A run of blocks that were finalized through a descendant may be longer than an answer: its blocks are linked to our
//! last final one, and wait here, bounded, until an answer brings the certificate.

use super::pace::Progress;
use std::collections::BTreeMap;
use wattle_consensus::MonoMs;
use wattle_p2p::PeerId;
use wattle_p2p::wire::SyncBlock;
use wattle_primitives::{Block, Certificate, Hash, Height, encode, planted};

/// Most bytes of blocks that wait for their certificate.
const BYTES_MAX: usize = 128 * 1024 * 1024;
/// Most blocks that wait for their certificate: what a liar can send who never means to send one.
const BLOCKS_MAX: usize = 4096;

/// Blocks above the last final one, each the parent of the next, and the certificates among them.
#[derive(Debug, Default)]
pub(super) struct Partial {
    /// Who sent them all.
    from: Option<PeerId>,
    /// When the first of them was asked for.
    since: MonoMs,
    blocks: Vec<Block>,
    certificates: BTreeMap<Hash, Certificate>,
    bytes: usize,
}

/// Why an answer does not help.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Useless {
    /// It has nothing that we lack. Nobody is at fault: heights are told before blocks are on disk.
    Nothing,
    /// It goes on from blocks that this node has left behind meanwhile.
    Overtaken,
    /// Its blocks follow each other without end and no certificate covers them.
    Endless,
    /// It breaks a rule: the peer that sent it pays.
    Wrong,
}

/// Between which heights blocks are taken.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    /// Hash of the last final block.
    pub(super) hash: Hash,
    /// Its height.
    pub(super) above: Height,
    /// Last height of its epoch: what belongs to a later one is left out.
    pub(super) terminal: Height,
}

impl Partial {
    /// Who sent the blocks: whoever began a run goes on with it, so that it is clear who is to blame for all of it.
    pub(super) const fn from(&self) -> Option<PeerId> {
        self.from
    }

    /// How the run goes on.
    pub(super) const fn progress(&self) -> Progress {
        Progress { since: self.since, bytes: self.bytes }
    }

    /// Height of the last block.
    pub(super) fn height(&self) -> Option<Height> {
        self.blocks.last().map(|block| block.header.height)
    }

    /// Whether the block at a height is another one than this.
    pub(super) fn differs(&self, height: Height, hash: &Hash) -> bool {
        let block = self.blocks.iter().find(|block| block.header.height == height);
        block.is_some_and(|block| block.hash() != *hash) && !planted!("invention-goes-on")
    }

    /// Whether a certificate covers any of the blocks.
    pub(super) fn is_covered(&self) -> bool {
        !self.certificates.is_empty()
    }

    /// None yet, of a run whose first blocks are asked for at `since`.
    pub(super) fn new(since: MonoMs) -> Self {
        Self { since, ..Self::default() }
    }

    /// Links an answer to what is there; `shown` is a finalization that verified before, `finalizes` verifies a
    /// certificate of the block with a hash. After an error nothing that is here is of use.
    pub(super) fn extend(
        &mut self,
        peer: PeerId,
        answer: Vec<SyncBlock>,
        span: Span,
        shown: Option<&Certificate>,
        finalizes: impl Fn(&Hash, &Certificate) -> bool,
    ) -> Result<(), Useless> {
        // Consensus may have gone on meanwhile: then the answer goes on from what is no more.
        let overtaken = self.blocks.first().is_some_and(|b| b.header.parent != span.hash);
        if overtaken {
            *self = Self::new(self.since);
        }
        self.from = Some(peer);
        let last = self.blocks.last().map(|b| (b.hash(), b.header.height));
        let (mut parent, mut height) = last.unwrap_or((span.hash, span.above));
        let (mut fresh, some) = (false, !answer.is_empty());
        for SyncBlock { block, certificate } in answer {
            if block.header.height <= span.above || block.header.height > span.terminal {
                continue;
            }
            if block.header.parent != parent || block.header.height != height.next() {
                return Err(if overtaken { Useless::Overtaken } else { Useless::Wrong });
            }
            (parent, height) = (block.hash(), block.header.height);
            self.bytes = self.bytes.saturating_add(encode(&block).len());
            self.blocks.push(block);
            fresh = true;
            if let Some(certificate) = certificate {
                if !finalizes(&parent, &certificate) {
                    return Err(Useless::Wrong);
                }
                self.certificates.insert(parent, certificate);
            } else if let Some(certificate) =
                shown.filter(|c| c.vote.proposal().map(|p| p.block) == Some(parent))
                && !planted!("shown-certificate-unused")
            {
                self.certificates.insert(parent, certificate.clone());
            }
        }
        if self.bytes > BYTES_MAX || self.blocks.len() > BLOCKS_MAX {
            return Err(Useless::Endless);
        }
        match (fresh, some) {
            (true, _) => Ok(()),
            (false, true) => Err(Useless::Overtaken),
            (false, false) => Err(Useless::Nothing),
        }
    }

    /// Takes out what the last certificate covers, with all certificates; `None` when there is none yet.
    pub(super) fn take_covered(&mut self) -> Option<(Vec<Block>, BTreeMap<Hash, Certificate>)> {
        let covered =
            |b: &Block| self.certificates.contains_key(&b.hash()) || planted!("sync-stores-before-verifying");
        let last = self.blocks.iter().rposition(covered)?;
        let Self { mut blocks, certificates, .. } = std::mem::take(self);
        blocks.truncate(last.saturating_add(1));
        Some((blocks, certificates))
    }
}
