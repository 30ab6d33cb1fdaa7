#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use crate::driver::{Boot, Event, Setup};
use crate::mempool::Limits;
use crate::testchain::{TestChain, key};
use wattle_p2p::NodeKey;
use wattle_primitives::{Hash, Proposal, Round, SignedVote, TimeMs, View, Vote};

/// Persons whose keys validate.
const VALIDATORS: [u8; 4] = [201, 202, 203, 204];

/// A node without a vote, and the peer that talks to it.
struct Node {
    driver: Driver,
    chain: Hash,
    peer: PeerId,
    now: u64,
}

fn round(view: u64) -> Round {
    Round { epoch: Epoch(0), view: View(view) }
}

fn notarize(view: u64, block: u8) -> Vote {
    Vote::Notarize(Proposal { round: round(view), parent_view: View(0), block: Hash([block; 32]) })
}

fn finalize(view: u64, block: u8) -> Vote {
    Vote::Finalize(Proposal { round: round(view), parent_view: View(0), block: Hash([block; 32]) })
}

impl Node {
    fn new(kept: Vec<Accusation>) -> Self {
        let chain = TestChain::of(&VALIDATORS);
        let setup =
            Setup { chain: chain.worker.chain, key: None, mempool: Limits::NODE, log_bytes: u64::MAX };
        let boot = Boot { accusations: kept, ..chain.boot() };
        let peer = NodeKey::from_seed(&mut [7; 32]).unwrap().peer_id();
        let mut node = Self { driver: Driver::new(setup, boot), chain: chain.worker.chain, peer, now: 0 };
        node.step(Event::Start);
        node
    }

    fn step(&mut self, event: Event) -> Vec<Effect> {
        self.driver.step(event, MonoMs(self.now), TimeMs(1_800_000_000_000 + self.now))
    }

    /// Both votes, signed by person `n`.
    fn evidence(&self, n: u8, a: Vote, b: Vote) -> Evidence {
        let set = self.driver.schedule.validators(Epoch(0));
        let signer = set.index_of(&key(n).public()).unwrap();
        let signed = |vote: Vote| SignedVote {
            vote,
            signer,
            signature: key(n).sign(&vote.signing_bytes(&self.chain)),
        };
        Evidence::of(&signed(a), &signed(b)).unwrap()
    }

    /// A peer gossips it: what becomes of it, and what is kept.
    fn hear(&mut self, evidence: Evidence) -> (Verdict, Vec<Accusation>) {
        let (peer, message) = (self.peer, Gossip::Evidence(Box::new(evidence)));
        let effects = self.step(Event::Gossip { peer, id: MessageId(vec![1]), message });
        let mut told = effects.iter().filter_map(|effect| match effect {
            Effect::Verdict { verdict, .. } => Some(*verdict),
            _ => None,
        });
        (told.next().unwrap(), found(&effects))
    }

    /// The pieces that it gossips while `ms` pass.
    fn gossips(&mut self, ms: u64) -> Vec<Evidence> {
        let mut said = Vec::new();
        for _ in 0..ms / 250 {
            self.now += 250;
            said.extend(self.step(Event::Tick).into_iter().filter_map(|effect| match effect {
                Effect::Gossip(Gossip::Evidence(evidence)) => Some(*evidence),
                _ => None,
            }));
        }
        said
    }
}

fn found(effects: &[Effect]) -> Vec<Accusation> {
    let found = effects.iter().filter_map(|effect| match effect {
        Effect::Evidence { found, .. } => Some(*found),
        _ => None,
    });
    found.collect()
}

#[test]
fn gossiped_evidence_is_verified_kept_once_and_known_after_a_restart() {
    let mut node = Node::new(vec![]);
    let evidence = node.evidence(202, notarize(1, 1), notarize(1, 2));
    let (verdict, kept) = node.hear(evidence);
    assert_eq!(
        (verdict, kept.clone()),
        (Verdict::Accept, vec![Accusation { validator: key(202).public(), evidence }])
    );
    assert_eq!(node.hear(evidence), (Verdict::Ignore, vec![]), "known");
    let again = node.evidence(202, notarize(5, 1), notarize(5, 2));
    assert_eq!(node.hear(again), (Verdict::Ignore, vec![]), "one of a kind in an epoch");

    let forged = |evidence: Evidence, second| Evidence { second, ..evidence };
    let other = node.evidence(203, finalize(2, 1), finalize(2, 2));
    let signature = node.evidence(203, finalize(3, 1), finalize(3, 2)).second.signature;
    for (why, bad) in [
        ("another vote's signature", forged(other, SignedVote { signature, ..other.second })),
        ("one vote twice", forged(other, other.first)),
        ("of nobody", {
            let signer = wattle_primitives::ValidatorIndex(9);
            let nobody = |vote| SignedVote { signer, ..vote };
            Evidence { first: nobody(other.first), second: nobody(other.second) }
        }),
    ] {
        assert_eq!(node.hear(bad), (Verdict::Reject, vec![]), "{why}");
    }
    assert_eq!(node.hear(other).0, Verdict::Accept, "another validator");
    let cross = node.evidence(202, finalize(1, 1), Vote::Nullify(round(1)));
    assert_eq!(node.hear(cross).0, Verdict::Accept, "another kind");

    let mut later = Node::new(kept);
    assert_eq!(later.hear(evidence), (Verdict::Ignore, vec![]), "known after a restart");
    assert_eq!(later.hear(other).0, Verdict::Accept);
}

/// Goal: who was away hears of everything that is kept, and nobody is told the same all the time.
#[test]
fn what_is_kept_is_gossiped_again_piece_by_piece() {
    let mut node = Node::new(vec![]);
    let pieces = [
        node.evidence(202, notarize(1, 1), notarize(1, 2)),
        node.evidence(202, finalize(1, 1), finalize(1, 2)),
        node.evidence(203, notarize(1, 1), notarize(1, 2)),
    ];
    assert_eq!(node.gossips(2 * AGAIN_MS), []);
    pieces.iter().for_each(|piece| assert_eq!(node.hear(*piece).0, Verdict::Accept));
    let mut said = node.gossips(3 * AGAIN_MS);
    assert_eq!(node.gossips(3 * AGAIN_MS), said, "in turn");
    let mut all = pieces.to_vec();
    said.sort_unstable();
    all.sort_unstable();
    assert_eq!(said, all);
}

/// Goal: consensus of a validator finds a double vote; everybody is told, and it is kept.
#[test]
fn what_consensus_finds_is_kept_and_gossiped_at_once() {
    let mut node = Node::new(vec![]);
    let evidence = node.evidence(204, notarize(1, 1), notarize(1, 2));
    node.driver.found_evidence(evidence);
    let effects = node.step(Event::Tick);
    assert_eq!(found(&effects), [Accusation { validator: key(204).public(), evidence }]);
    let told =
        |effect: &Effect| matches!(effect, Effect::Gossip(Gossip::Evidence(told)) if **told == evidence);
    assert!(effects.iter().any(told));
    node.driver.found_evidence(node.evidence(204, notarize(2, 1), notarize(2, 2)));
    assert_eq!(found(&node.step(Event::Tick)), [], "one of a kind in an epoch");
}

#[test]
fn one_validator_does_not_push_out_what_is_known_of_others() {
    let evidence = |epoch| {
        let round = Round { epoch: Epoch(epoch), view: View(1) };
        let vote = |block| SignedVote {
            vote: Vote::Notarize(Proposal { round, parent_view: View(0), block: Hash([block; 32]) }),
            signer: wattle_primitives::ValidatorIndex(0),
            signature: key(1).sign(b"not looked at"),
        };
        Evidence::of(&vote(1), &vote(2)).unwrap()
    };
    let accuse =
        |person: u8, epoch| Accusation { validator: key(person).public(), evidence: evidence(epoch) };
    let mut known = Accusations::default();
    assert_eq!(known.keep(&accuse(1, 0)), None);
    for epoch in 0..100 {
        let gone = known.keep(&accuse(2, epoch));
        let oldest = epoch.checked_sub(BY_VALIDATOR_MAX as u64).map(|epoch| accuse(2, epoch).id());
        assert_eq!(gone, oldest, "its own oldest goes");
    }
    assert!(known.held.contains_key(&accuse(1, 0).id()));
    assert_eq!(known.held.len(), BY_VALIDATOR_MAX + 1);
}
