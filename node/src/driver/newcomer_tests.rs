#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use crate::driver::{Boot, Event, Setup};
use crate::mempool::Limits;
use crate::testchain::{TestChain, key};
use wattle_p2p::NodeKey;
use wattle_p2p::wire::ValidatorMessage;
use wattle_primitives::{Certificate, Epoch, Hash, Height, SignedVote, TimeMs, Vote};

/// Persons whose keys validate, with equal power; the first is this node.
const VALIDATORS: [u8; 4] = [201, 202, 203, 204];
const OTHERS: [u8; 3] = [202, 203, 204];

struct Node {
    driver: Driver,
    chain: Hash,
    now: u64,
    bars: Vec<Barred>,
    asked: Vec<(Token, PeerId)>,
    fined: Vec<PeerId>,
}

fn peer(n: u8) -> PeerId {
    NodeKey::from_seed(&mut [n; 32]).unwrap().peer_id()
}

fn round(epoch: u64, view: u64) -> Round {
    Round { epoch: Epoch(epoch), view: View(view) }
}

fn until(epoch: u64, view: u64) -> Barred {
    Barred::Until(round(epoch, view))
}

fn passed(epoch: u64, view: u64) -> Barred {
    Barred::Passed(round(epoch, view))
}

impl Node {
    fn new(barred: Barred) -> Self {
        Self::of(barred, None)
    }

    /// One that signed last in that round.
    fn of(barred: Barred, latest: Option<Round>) -> Self {
        let chain = TestChain::of(&VALIDATORS);
        let me = Some(key(VALIDATORS[0]).public());
        let setup = Setup { chain: chain.worker.chain, key: me, mempool: Limits::NODE, log_bytes: u64::MAX };
        let boot = Boot { latest, barred, ..chain.boot() };
        let driver = Driver::new(setup, boot);
        let (bars, asked, fined) = (vec![], vec![], vec![]);
        let mut node = Self { driver, chain: chain.worker.chain, now: 0, bars, asked, fined };
        node.step(Event::Start);
        for n in OTHERS {
            let validator = Some(key(n).public());
            node.step(Event::PeerReady { peer: peer(n), validator, height: Height(0), serves: true });
        }
        node
    }

    fn step(&mut self, event: Event) -> Vec<Effect> {
        let mut rest = Vec::new();
        for effect in self.driver.step(event, MonoMs(self.now), TimeMs(1_800_000_000_000 + self.now)) {
            match effect {
                Effect::Bar(barred) => self.bars.push(barred),
                Effect::Ask { token, peer, request: Request::Reached } => self.asked.push((token, peer)),
                Effect::Report { peer, .. } => self.fined.push(peer),
                other => rest.push(other),
            }
        }
        rest
    }

    fn wait(&mut self, ms: u64) {
        for _ in 0..ms / 250 {
            self.now += 250;
            self.step(Event::Tick);
        }
    }

    /// A nullification of `view` by these persons.
    fn certificate(&self, epoch: u64, view: u64, by: &[u8]) -> Certificate {
        let set = self.driver.schedule.validators(Epoch(0));
        let vote = Vote::Nullify(Round { epoch: Epoch(epoch), view: View(view) });
        let sign = |n: &u8| SignedVote {
            vote,
            signer: set.index_of(&key(*n).public()).unwrap(),
            signature: key(*n).sign(&vote.signing_bytes(&self.chain)),
        };
        let votes: Vec<SignedVote> = by.iter().map(sign).collect();
        Certificate::assemble(vote, &votes, set).unwrap()
    }

    /// Person `n` answers its question.
    fn answer(&mut self, n: u8, epoch: u64, certificate: Option<Certificate>) {
        let at = self.asked.iter().rposition(|(_, asked)| *asked == peer(n));
        let (token, _) = self.asked.remove(at.unwrap_or_else(|| panic!("{n} is not asked")));
        let response = Some(Response::Reached(Reached { epoch: Epoch(epoch), certificate }));
        self.step(Event::Response { token, response });
    }
}

#[test]
fn a_new_disk_is_sat_out_to_two_views_above_what_a_quorum_of_others_shows() {
    let mut node = Node::new(Barred::Unasked);
    node.wait(2_500);
    for (n, view) in [(202, 5), (203, 7)] {
        let shown = node.certificate(0, view, &OTHERS);
        node.answer(n, 0, Some(shown));
    }
    node.wait(30_000);
    assert_eq!(node.bars, [], "this validator's own power counts for nothing");
    assert!(node.driver.status().new_disk);
    node.answer(204, 0, None);
    assert_eq!(node.bars, [until(0, 9)]);
    node.asked.clear();
    node.wait(30_000);
    assert_eq!((node.bars.len(), node.asked.len()), (1, 0), "it is known");

    let message = |node: &Node, view| ValidatorMessage::Certificate(node.certificate(0, view, &OTHERS));
    for (view, votes) in [(8, false), (9, true)] {
        let (from, message) = (key(202).public(), message(&node, view));
        node.step(Event::Validator { from, peer: peer(202), message });
        node.wait(500);
        assert_eq!(node.bars.last() == Some(&passed(0, 9)), votes, "view {view} is over");
    }
    assert!(!node.driver.status().new_disk);
    node.wait(30_000);
    assert_eq!(node.bars.len(), 2, "what is over stays as it is");
}

#[test]
fn nobody_moves_a_bar_by_lying() {
    let mut node = Node::new(Barred::Unasked);
    node.wait(2_500);
    let mut forged = node.certificate(0, 1_000_000, &OTHERS);
    forged.vote = Vote::Nullify(Round { epoch: Epoch(0), view: View(2_000_000) });
    node.answer(202, 0, Some(forged));
    assert_eq!((node.fined.clone(), node.bars.len()), (vec![peer(202)], 0));
    let other = node.certificate(1, 3, &OTHERS);
    node.answer(203, 0, Some(other));
    assert_eq!(node.fined.len(), 2, "of another epoch than it says");
    node.answer(204, 1, None);
    assert_eq!(node.fined.len(), 2, "of a later epoch nothing is known here");
    for _ in 0..2 {
        node.wait(2_500);
        node.answer(203, 0, None);
        node.wait(2_500);
        assert!(node.asked.iter().all(|(_, asked)| *asked != peer(203)), "it has answered");
        node.driver.newcomer.reached.clear();
    }
    assert_eq!(node.bars, []);
}

#[test]
fn who_sits_out_does_not_count_for_another() {
    let table = [
        (Barred::Free, None, true),
        (Barred::Unasked, None, false),
        (until(0, 50), None, false),
        // Once it is past the bar it counts, unless it has lost what took it there.
        (passed(0, 7), None, true),
        (passed(0, 8), None, false),
        // Whatever it signed last it has reached, with its log or without.
        (Barred::Free, Some(round(0, 8)), true),
        (Barred::Free, Some(round(0, 9)), false),
        (Barred::Free, Some(round(1, 1)), false),
        (passed(0, 7), Some(round(0, 9)), false),
    ];
    for (barred, latest, counts) in table {
        let mut node = Node::of(barred, latest);
        let shown = node.certificate(0, 7, &OTHERS);
        let message = ValidatorMessage::Certificate(shown.clone());
        node.step(Event::Validator { from: key(202).public(), peer: peer(202), message });
        let request = Request::Reached;
        let effects = node.step(Event::Request { token: Token(99), peer: peer(203), request });
        let told = effects.into_iter().find_map(|effect| match effect {
            Effect::Respond { response, .. } => Some(response),
            _ => None,
        });
        let want = Reached { epoch: Epoch(0), certificate: Some(shown) };
        assert_eq!(told == Some(Response::Reached(want)), counts, "{barred:?} {latest:?}");
    }
}

/// Goal: a bar reaches into the next epoch if, and only if, the last block of its own can have been final before.
#[test]
fn a_bar_goes_on_in_the_next_epoch_where_it_must() {
    let table = [
        ("not over, the last block came later", until(0, 9), 8, 0, Some(passed(0, 9))),
        ("the last block was there before", until(0, 9), 7, 0, Some(until(1, 1))),
        ("carried over once, over now", until(0, 1), 1, 0, Some(passed(0, 1))),
        ("the epoch after that has begun already", until(0, 9), 7, 1, Some(Barred::Unasked)),
        ("this epoch's", until(1, 9), 7, 0, None),
        ("not asked yet", Barred::Unasked, 7, 0, None),
        ("over", passed(0, 9), 7, 0, None),
    ];
    for (why, before, last_view, past_floor, after) in table {
        let mut node = Node::new(before);
        let driver = &mut node.driver;
        driver.current.epoch = Epoch(1);
        driver.tree.header.height = Height(driver.schedule.params().floor_height(Epoch(1)).0 + past_floor);
        driver.tree.header.view = View(last_view);
        driver.effects.clear();
        driver.bar_in_epoch();
        let told = driver.effects.iter().find_map(|effect| match effect {
            Effect::Bar(barred) => Some(*barred),
            _ => None,
        });
        assert_eq!(told, after, "{why}");
    }
}
