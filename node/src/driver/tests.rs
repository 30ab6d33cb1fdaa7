#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::outbox::Outbox;
use super::*;
use crate::journal::Order;
use crate::mempool::Limits;
use crate::testchain::{START, TestChain, VALIDATOR, key};
use std::collections::VecDeque;
use wattle_p2p::wire::{Request, Response, SyncBlock, ValidatorMessage};
use wattle_p2p::{NodeKey, PeerId, Penalty};
use wattle_primitives::{BoundedVec, Epoch, Height, Lane, Round, ValidatorIndex, View, Vote};

/// A node without a key that follows a chain through one peer.
struct Follower {
    driver: Driver,
    chain: TestChain,
    peer: PeerId,
    /// The last question for blocks that was not answered, and the height from which on.
    question: Option<(Token, u64)>,
    now: u64,
    /// Whether its operating system's clock is right; else it says 1970.
    has_clock: bool,
}

impl Follower {
    /// The peer claims a height that it never reaches, so that there is always something to ask for.
    fn new() -> Self {
        Self::start(None, true)
    }

    fn start(key: Option<PublicKey>, has_clock: bool) -> Self {
        let chain = TestChain::new();
        let setup = Setup { chain: chain.worker.chain, key, mempool: Limits::NODE };
        let (header, state) = (chain.header.clone(), chain.state.clone());
        let schedule = Arc::clone(&chain.worker.schedule);
        let boot =
            Boot { header, state, schedule, certificate: None, records: Vec::new(), bodies: Vec::new() };
        let peer = NodeKey::from_seed(&mut [1; 32]).unwrap().peer_id();
        let driver = Driver::new(setup, boot);
        let mut follower = Self { driver, chain, peer, question: None, now: 0, has_clock };
        follower.step(Event::Start);
        follower
    }

    fn step(&mut self, event: Event) -> Vec<Effect> {
        let right = if self.has_clock { self.chain.header.time_ms.0 } else { 0 };
        let wall = TimeMs(right + self.now);
        self.driver.step(event, MonoMs(self.now), wall)
    }

    /// Takes an event and does all work that follows from it at once. Returns the other effects.
    fn settle(&mut self, event: Event) -> Vec<Effect> {
        let mut rest = Vec::new();
        let mut effects = VecDeque::from(self.step(event));
        while let Some(effect) = effects.pop_front() {
            match effect {
                Effect::Work(job) => {
                    let done = self.chain.worker.run(job);
                    effects.extend(self.step(Event::Done(done)));
                }
                Effect::Ask { token, request: Request::Blocks { from, .. }, .. } => {
                    self.question = Some((token, from.0));
                }
                other => rest.push(other),
            }
        }
        rest
    }

    /// The question for blocks from `from` on; time passes until it is asked.
    fn asked(&mut self, from: u64) -> Token {
        self.settle(Event::PeerReady { peer: self.peer, validator: None, height: Height(90), serves: true });
        for _ in 0..20 {
            if let Some((token, at)) = self.question.take() {
                assert_eq!(at, from);
                return token;
            }
            self.now += 500;
            self.settle(Event::Tick);
        }
        panic!("nobody asks for height {from}");
    }

    /// Answers the question for blocks.
    fn answer(&mut self, token: Token, blocks: Vec<SyncBlock>) -> Vec<Effect> {
        let response = Some(Response::Blocks(BoundedVec::new(blocks).unwrap()));
        self.settle(Event::Response { token, response })
    }

    fn fate(&mut self, id: Hash) -> Fate {
        let effects = self.settle(Event::Ask { token: Token(999), question: Question::TxFate(id) });
        let told = effects.into_iter().find_map(|effect| match effect {
            Effect::Answer { answer: Answer::TxFate(fate), .. } => Some(fate),
            _ => None,
        });
        told.unwrap()
    }
}

/// Heights that are handed to the database.
fn committed(effects: &[Effect]) -> Vec<u64> {
    let batches =
        effects.iter().filter_map(|e| if let Effect::Commit(batch) = e { Some(batch) } else { None });
    batches.flatten().map(|item| item.block.header().height.0).collect()
}

fn fined(effects: &[Effect]) -> bool {
    effects.iter().any(|e| matches!(e, Effect::Report { penalty: Penalty::Fatal, .. }))
}

#[test]
fn fetched_blocks_count_only_under_a_certificate_that_verifies() {
    let mut node = Follower::new();
    let blocks: Vec<Block> = (0..4).map(|_| node.chain.push(&[])).collect();
    let genuine = |block: &Block| Some(node.chain.certify(&block.header, VALIDATOR));
    let (second, last) = (genuine(&blocks[1]), genuine(&blocks[3]));
    let forged = Some(node.chain.certify(&blocks[3].header, 1));
    let bare = |block: &Block| SyncBlock { block: block.clone(), certificate: None };
    let with = |certificates: [&Option<Certificate>; 4]| -> Vec<SyncBlock> {
        let pairs = blocks.iter().zip(certificates);
        pairs.map(|(b, c)| SyncBlock { block: b.clone(), certificate: c.clone() }).collect()
    };

    let token = node.asked(1);
    let effects = node.answer(token, with([&None, &None, &None, &forged]));
    assert!(committed(&effects).is_empty() && fined(&effects), "{effects:?}");
    assert_eq!(node.driver.finalized().height, Height(0));

    let token = node.asked(1);
    let effects = node.answer(token, with([&None, &second, &None, &None]));
    assert_eq!((committed(&effects), fined(&effects)), (vec![1, 2], false), "3 and 4 are not proven");

    let token = node.asked(3);
    let effects = node.answer(token, blocks[2..3].iter().map(bare).collect());
    assert!(committed(&effects).is_empty() && !fined(&effects), "{effects:?}");
    assert_eq!(node.driver.finalized().height, Height(2));

    let token = node.asked(4);
    let effects = node.answer(token, vec![SyncBlock { block: blocks[3].clone(), certificate: last }]);
    assert_eq!((committed(&effects), node.driver.finalized().height), (vec![3, 4], Height(4)));
}

#[test]
fn what_can_no_longer_be_charged_leaves_the_mempool() {
    let mut node = Follower::new();
    let waiting = node.chain.pay(1, Lane(1), 0, 1);
    let kept = node.chain.pay(2, Lane(1), 0, 1);
    node.settle(Event::Submit { token: Token(998), txs: vec![waiting.clone(), kept.clone()] });
    assert_eq!((node.fate(waiting.id()), node.fate(kept.id())), (Fate::Pending, Fate::Pending));

    let fee = node.chain.verified(&waiting).weight().0; // as heavy as the one below
    let spent = node.chain.push(&[node.chain.pay(1, Lane(0), 0, START - u128::from(fee))]);
    assert_eq!(spent.txs.len(), 1);
    let certificate = Some(node.chain.certify(&spent.header, VALIDATOR));
    let token = node.asked(1);
    let effects = node.answer(token, vec![SyncBlock { block: spent, certificate }]);
    assert_eq!(committed(&effects), [1]);

    node.now += 1_000;
    node.settle(Event::Tick);
    assert_eq!(node.fate(waiting.id()), Fate::Rejected("tx_insufficient_funds"));
    assert_eq!(node.fate(kept.id()), Fate::Pending);
}

#[test]
fn nothing_is_sent_before_the_groups_ahead_of_it_are_durable() {
    let round = Round { epoch: Epoch(0), view: View(1) };
    let mut outbox = Outbox::default();
    let sent = |outbox: &mut Outbox| outbox.send(Effect::Entered(round)).is_some();
    assert!(sent(&mut outbox), "there is nothing to wait for");
    outbox.vote(Vote::Nullify(round), ValidatorIndex(0), Height(1), false);
    assert!(!sent(&mut outbox), "the vote is in the group to come");
    let groups = outbox.close(|| Token(1));
    assert!(matches!(groups[..], [Effect::Persist(Order { token: Token(1), .. })]));
    assert!(!sent(&mut outbox), "the group is on its way to disk");
    assert_eq!(outbox.durable(Token(1)).unwrap().sends.len(), 2);
    assert!(sent(&mut outbox) && outbox.is_idle());
}

#[test]
fn final_blocks_never_move_the_clock_that_proposals_are_judged_by() {
    let mut node = Follower::start(None, false);
    let skew_ms = node.chain.worker.schedule.params().clock_skew_ms_max;
    let base = TimeMs(node.chain.header.time_ms.0 - skew_ms);
    assert_eq!(node.driver.reading(), base);
    let blocks: Vec<Block> = (0..4).map(|_| node.chain.push(&[])).collect();
    let certificate = node.chain.certify(&blocks[3].header, VALIDATOR);
    let token = node.asked(1);
    let with = |block: Block| SyncBlock { certificate: None, block };
    let mut answer: Vec<SyncBlock> = blocks.into_iter().map(with).collect();
    answer[3].certificate = Some(certificate);
    assert_eq!(committed(&node.answer(token, answer)), [1, 2, 3, 4]);
    assert!(node.driver.finalized().time_ms.0 >= base.0 + 4_000);
    node.settle(Event::Tick);
    assert_eq!(node.driver.reading(), TimeMs(base.0 + node.now), "only the monotonic clock has gone on");

    // What more than a third of the power says counts; here one validator is all.
    let (from, peer) = (key(VALIDATOR).public(), node.peer);
    let said = TimeMs(base.0 + 86_400_000);
    node.settle(Event::Validator { from, peer, message: ValidatorMessage::Clock(said) });
    node.now += 1;
    node.settle(Event::Tick);
    assert_eq!((node.driver.reading(), node.driver.status().clock_carried), (TimeMs(said.0 + 1), true));
}

#[test]
fn a_validator_says_what_its_clock_reads_when_streams_open_and_from_time_to_time() {
    let key = key(VALIDATOR).public();
    let mut node = Follower::start(Some(key), true);
    let said = |effects: Vec<Effect>| -> Vec<(Option<PublicKey>, TimeMs)> {
        let message = |effect: Effect| match effect {
            Effect::Send(to, message) => Some((Some(to), message)),
            Effect::Broadcast(message) => Some((None, message)),
            _ => None,
        };
        let clock = |(to, message): (_, Arc<ValidatorMessage>)| match *message {
            ValidatorMessage::Clock(time) => Some((to, time)),
            _ => None,
        };
        effects.into_iter().filter_map(message).filter_map(clock).collect()
    };
    let peer = node.peer;
    let effects = node.settle(Event::ValidatorConnected { key, peer });
    assert_eq!(said(effects), [(Some(key), node.driver.reading())]);
    let mut told = Vec::new();
    for _ in 0..60 {
        node.now += 500;
        let effects = node.settle(Event::Tick);
        told.extend(said(effects).into_iter().map(|(to, time)| (to, time, node.driver.reading())));
    }
    assert_eq!(told.len(), 3, "every ten seconds: {told:?}");
    assert!(told.iter().all(|(to, time, reading)| to.is_none() && time == reading));
}
