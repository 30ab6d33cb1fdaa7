#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::outbox::Outbox;
use super::*;
use crate::journal::Order;
use crate::mempool::Limits;
use crate::testchain::{START, TestChain, VALIDATOR, key};
use std::collections::VecDeque;
use wattle_p2p::wire::{LightBlock, Request, Response, SyncBlock, ValidatorMessage};
use wattle_p2p::{MessageId, NodeKey, PeerId, Penalty};
use wattle_primitives::{BoundedVec, Epoch, Height, Lane, Round, Tx, ValidatorIndex, View, Vote};

mod liars;

/// A node without a key that follows a chain through its peers.
struct Follower {
    driver: Driver,
    chain: TestChain,
    /// The one that is there from the first question on.
    peer: PeerId,
    /// Questions for blocks that nobody has looked at.
    questions: VecDeque<Asked>,
    now: u64,
    /// Whether its operating system's clock is right; else it says 1970.
    has_clock: bool,
}

/// A question for blocks.
#[derive(Clone, Copy, Debug)]
struct Asked {
    token: Token,
    peer: PeerId,
    /// First height, or 0: a block by its hash.
    from: u64,
    offset: u32,
    bytes: u32,
}

fn peer(seed: u8) -> PeerId {
    NodeKey::from_seed(&mut [seed; 32]).unwrap().peer_id()
}

impl Follower {
    /// The peer claims a height that it never reaches, so that there is always something to ask for.
    fn new() -> Self {
        Self::start(None, true)
    }

    fn start(key: Option<PublicKey>, has_clock: bool) -> Self {
        let chain = TestChain::new();
        let setup = Setup { chain: chain.worker.chain, key, mempool: Limits::NODE, log_bytes: u64::MAX };
        let (driver, questions) = (Driver::new(setup, chain.boot()), VecDeque::new());
        let mut follower = Self { driver, chain, peer: peer(1), questions, now: 0, has_clock };
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
                Effect::Ask { token, peer, request: Request::Blocks { from, bytes, .. } } => {
                    self.questions.push_back(Asked { token, peer, from: from.0, offset: 0, bytes });
                }
                Effect::Ask { token, peer, request: Request::BlockByHash { offset, bytes, .. } } => {
                    self.questions.push_back(Asked { token, peer, from: 0, offset, bytes });
                }
                Effect::Commit(blocks) => {
                    let last = blocks.last().map(|item| item.block.header().height);
                    let done = last.map(|height| Event::Done(Done::Committed { height }));
                    rest.push(Effect::Commit(blocks));
                    effects.extend(done.map(|done| self.step(done)).into_iter().flatten());
                }
                other => rest.push(other),
            }
        }
        rest
    }

    /// The question for blocks from `from` on; time passes until it is asked.
    fn asked(&mut self, from: u64) -> Token {
        self.meet(self.peer);
        let asked = self.next_question().unwrap_or_else(|| panic!("nobody asks for height {from}"));
        assert_eq!(asked.from, from);
        asked.token
    }

    /// A peer that claims more than it ever shows, so that there is always something to ask for.
    fn meet(&mut self, peer: PeerId) {
        self.settle(Event::PeerReady { peer, validator: None, height: Height(90), serves: true });
    }

    /// The next question for blocks; time passes until it is asked, but not for ever.
    fn next_question(&mut self) -> Option<Asked> {
        for _ in 0..400 {
            if let Some(asked) = self.questions.pop_front() {
                return Some(asked);
            }
            self.wait(500);
        }
        None
    }

    fn wait(&mut self, ms: u64) {
        self.now += ms;
        self.settle(Event::Tick);
    }

    /// `count` more blocks of the chain, each with its certificate.
    fn grow(&mut self, count: usize) -> Vec<SyncBlock> {
        let blocks: Vec<Block> = (0..count).map(|_| self.chain.push(&[])).collect();
        let certify = |block: &Block| Some(self.chain.certify(&block.header, VALIDATOR));
        blocks.into_iter().map(|block| SyncBlock { certificate: certify(&block), block }).collect()
    }

    /// Somebody gossips the header of a block with its certificate.
    fn hear_of(&mut self, from: PeerId, block: &SyncBlock) -> Vec<Effect> {
        let (header, certificate) = (block.block.header.clone(), block.certificate.clone().unwrap());
        let light = LightBlock { header, certificate, path: BoundedVec::default() };
        let message = Gossip::Finalized(Box::new(light));
        self.settle(Event::Gossip { peer: from, id: MessageId(vec![1]), message })
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
fn a_node_low_on_disk_space_still_follows_the_chain() {
    let mut node = Follower::new();
    node.settle(Event::LowSpace(true));
    let block = node.chain.push(&[]);
    let certificate = Some(node.chain.certify(&block.header, VALIDATOR));
    let token = node.asked(1);
    let effects = node.answer(token, vec![SyncBlock { block, certificate }]);
    assert_eq!((committed(&effects), node.driver.finalized().height), (vec![1], Height(1)));
    assert!(node.driver.status().low_space);
}

/// Goal: nobody takes an answer without certificates for the word that there are none.
#[test]
fn a_node_without_certificates_says_so() {
    let mut node = Follower::new();
    let request = Request::Certificates { epoch: Epoch(0), above_view: View(0), max: 32 };
    let effects = node.settle(Event::Request { token: Token(997), peer: node.peer, request });
    let [Effect::Respond { response, .. }] = &effects[..] else { panic!("{effects:?}") };
    assert!(matches!(response, Response::Error { .. }), "{response:?}");
}

#[test]
fn a_late_answer_counts_and_whoever_is_late_keeps_its_claim() {
    let mut node = Follower::new();
    let blocks = node.grow(4);
    node.meet(peer(1));
    node.meet(peer(2));
    let late = node.next_question().unwrap();
    let second = node.next_question().unwrap();
    assert!(node.now > 3_000 && second.peer != late.peer, "after its patience, and of another peer");
    assert_eq!(committed(&node.answer(late.token, blocks.clone())), [1, 2, 3, 4]);
    assert_eq!(node.driver.sync_counts().late_answers, 1);
    // The same blocks again are nobody's fault, and change nothing.
    let effects = node.answer(second.token, blocks);
    assert!(committed(&effects).is_empty() && !fined(&effects), "{effects:?}");
    let third = node.next_question().unwrap();
    assert_eq!((third.peer, third.from), (second.peer, 5), "whoever is quicker is asked first");
    node.settle(Event::PeerGone { peer: second.peer });
    let fourth = node.next_question().unwrap();
    assert_eq!((fourth.peer, fourth.from), (late.peer, 5), "it is asked again");
    assert!(fourth.bytes < late.bytes, "and for less");
}

#[test]
fn a_late_answer_that_links_no_more_is_nobodys_fault() {
    let mut node = Follower::new();
    let (mut bare, covered) = (node.grow(2), node.grow(2));
    bare.iter_mut().for_each(|block| block.certificate = None);
    node.meet(peer(1));
    let first = node.next_question().unwrap();
    node.answer(first.token, bare.clone());
    node.meet(peer(2));
    let late = node.next_question().unwrap();
    assert_eq!((late.peer, late.from), (first.peer, 3), "whoever began a run goes on with it");
    let other = node.next_question().unwrap();
    assert_eq!((other.peer, other.from), (peer(2), 1), "but is not waited for beyond patience");
    let all = bare.into_iter().chain(covered.clone()).collect();
    assert_eq!(committed(&node.answer(other.token, all)), [1, 2, 3, 4]);
    let effects = node.answer(late.token, covered);
    assert!(committed(&effects).is_empty() && !fined(&effects), "{effects:?}");
}

#[test]
fn questions_go_round_and_a_silent_peer_holds_nobody_up_twice() {
    let mut node = Follower::new();
    let mut blocks = node.grow(30).into_iter();
    (1..=3).for_each(|seed| node.meet(peer(seed)));
    let mut asked = Vec::new();
    for _ in 0..6 {
        let question = node.next_question().unwrap();
        asked.push(question.peer);
        node.answer(question.token, vec![blocks.next().unwrap()]);
    }
    assert_eq!(asked[..3], asked[3..]);
    assert!(asked[0] != asked[1] && asked[1] != asked[2] && asked[0] != asked[2], "{asked:?}");
    let (silent, since) = (asked[0], node.now);
    for _ in 0..20 {
        let mut question = node.next_question().unwrap();
        if question.peer == silent {
            question = node.next_question().unwrap();
        }
        assert_ne!(question.peer, silent);
        node.answer(question.token, vec![blocks.next().unwrap()]);
    }
    assert!(node.now - since < 5_000, "{} ms", node.now - since);
}

#[test]
fn whoever_shows_that_it_has_nothing_is_cut_and_rises_by_its_word() {
    let mut node = Follower::new();
    let blocks = node.grow(1);
    node.meet(peer(1));
    let question = node.next_question().unwrap();
    node.answer(question.token, Vec::new());
    assert!(node.next_question().is_none(), "it has shown that it has nothing");
    node.settle(Event::PeerHeight { peer: peer(1), height: Height(1) });
    assert!(!node.driver.status().syncing, "a claim alone does not make this node call itself behind");
    let question = node.next_question().unwrap();
    assert_eq!(committed(&node.answer(question.token, blocks)), [1]);
}

#[test]
fn who_signed_a_certificate_of_a_higher_block_is_asked_for_it() {
    let mut node = Follower::new();
    let blocks = node.grow(4);
    let validator = Some(key(VALIDATOR).public());
    node.settle(Event::PeerReady { peer: peer(1), validator, height: Height(0), serves: true });
    node.settle(Event::PeerReady { peer: peer(2), validator: None, height: Height(0), serves: false });
    assert!(node.next_question().is_none(), "nobody has more");
    node.hear_of(peer(2), &blocks[3]);
    let question = node.next_question().unwrap();
    assert_eq!((question.peer, question.from), (peer(1), 1));
    assert_eq!(node.driver.status().best_peer_height, Height(4));
}

#[test]
fn who_signed_a_finalization_that_is_new_lives() {
    let mut node = Follower::new();
    let blocks = node.grow(2);
    let late = |node: &mut Follower| (0..30).for_each(|_| node.wait(500));
    late(&mut node);
    assert_eq!(node.driver.status().quorum.missing.len(), 1);
    node.hear_of(peer(2), &blocks[0]);
    assert!(node.driver.status().quorum.missing.is_empty());
    late(&mut node);
    node.hear_of(peer(2), &blocks[0]);
    assert_eq!(node.driver.status().quorum.missing.len(), 1, "the same again shows nothing");
    node.hear_of(peer(2), &blocks[1]);
    assert!(node.driver.status().quorum.missing.is_empty());
}

#[test]
fn a_certificate_that_was_shown_covers_blocks_that_come_without() {
    let mut node = Follower::new();
    let mut blocks = node.grow(4);
    node.meet(peer(1));
    node.hear_of(peer(1), &blocks[3]);
    blocks.iter_mut().for_each(|block| block.certificate = None);
    let question = node.next_question().unwrap();
    assert_eq!(committed(&node.answer(question.token, blocks)), [1, 2, 3, 4]);
}

#[test]
fn at_64_kbit_s_and_300_ms_a_node_catches_up() {
    let mut node = Follower::new();
    let mut blocks = Vec::new();
    for height in 0..80 {
        let txs: Vec<Tx> = (0..20).map(|n| node.chain.pay(1, Lane(0), height * 20 + n, 1)).collect();
        let block = node.chain.push(&txs);
        assert_eq!(block.txs.len(), 20);
        blocks.push(SyncBlock { certificate: Some(node.chain.certify(&block.header, VALIDATOR)), block });
    }
    let size = |block: &SyncBlock| u64::try_from(wattle_primitives::encode(block).len()).unwrap();
    let total: u64 = blocks.iter().map(size).sum();
    node.meet(peer(1));
    node.meet(peer(2));
    while node.driver.finalized().height < Height(80) {
        let question = node.next_question().unwrap();
        // As a node serves them: at most 128, within the bytes, one at least.
        let (mut answer, mut bytes) = (Vec::new(), 0);
        for block in &blocks[usize::try_from(question.from).unwrap() - 1..] {
            if !answer.is_empty() && bytes + size(block) > u64::from(question.bytes) {
                break;
            }
            bytes += size(block);
            answer.push(block.clone());
        }
        let arrives = node.now + 600 + bytes / 8;
        while node.now < arrives {
            node.wait(100);
        }
        node.answer(question.token, answer);
        assert!(node.now < 2 * total / 8, "{total} bytes are not there after {} ms", node.now);
    }
    println!("{total} bytes in {} ms, {} late", node.now, node.driver.sync_counts().late_answers);
    assert!(node.questions.len() <= 1, "nothing was asked twice: {:?}", node.questions);
}

#[test]
fn a_block_that_is_too_large_for_the_link_comes_in_parts_which_outlast_a_connection() {
    let mut node = Follower::new();
    let txs: Vec<Tx> = (0..400).map(|nonce| node.chain.pay(1, Lane(0), nonce, 1)).collect();
    let block = node.chain.push(&txs);
    let block = SyncBlock { certificate: Some(node.chain.certify(&block.header, VALIDATOR)), block };
    let size = wattle_primitives::encode(&block).len();
    node.meet(peer(1));
    let (mut come, mut questions) = (0, 0);
    while node.driver.finalized().height == Height(0) {
        let question = node.next_question().unwrap();
        assert_eq!(
            (question.from, question.offset),
            (u64::from(come == 0), come),
            "no byte is asked for twice"
        );
        // 64 kbit/s and 300 ms.
        node.wait(600 + u64::from(question.bytes) / 8);
        let response = block.clone().answer(question.offset, question.bytes);
        let Response::Part(part) = &response else { panic!("{response:?}") };
        come += u32::try_from(part.bytes.len()).unwrap();
        node.settle(Event::Response { token: question.token, response: Some(response) });
        questions += 1;
        if questions == 2 {
            node.questions.clear();
            node.settle(Event::PeerGone { peer: peer(1) });
            node.meet(peer(1));
        }
    }
    assert!(
        questions > 2 && usize::try_from(come).unwrap() == size,
        "{questions} questions for {size} bytes"
    );
    assert!(node.now < 2 * u64::from(come) / 8, "{} ms", node.now);
}

#[test]
fn a_body_is_asked_of_each_peer_once_while_its_answer_may_be_under_way() {
    let mut node = Follower::new();
    for seed in 1..=2 {
        node.settle(Event::PeerReady { peer: peer(seed), validator: None, height: Height(0), serves: true });
    }
    let fetch = |node: &mut Follower| {
        node.driver.fetch(Hash([7; 32]), &[], &mut VecDeque::new());
        let asked = std::mem::take(&mut node.driver.effects);
        asked.iter().filter(|e| matches!(e, Effect::Ask { request: Request::BlockByHash { .. }, .. })).count()
    };
    let asked: Vec<usize> = (0..4).map(|_| fetch(&mut node)).collect();
    assert_eq!(asked, [1, 1, 0, 0]);
    node.settle(Event::PeerGone { peer: peer(1) });
    node.settle(Event::PeerReady { peer: peer(1), validator: None, height: Height(0), serves: true });
    assert_eq!(fetch(&mut node), 1, "what it owed went with its connection");
    node.wait(60_000);
    assert_eq!(fetch(&mut node), 1, "it may be lost");
}

/// A block of some 80 kB with its certificate.
fn large(node: &mut Follower) -> SyncBlock {
    of_payments(node, 400)
}

fn of_payments(node: &mut Follower, count: u64) -> SyncBlock {
    let txs: Vec<Tx> = (0..count).map(|nonce| node.chain.pay(1, Lane(0), nonce, 1)).collect();
    let block = node.chain.push(&txs);
    SyncBlock { certificate: Some(node.chain.certify(&block.header, VALIDATOR)), block }
}

/// Consensus wants a body; the questions that follow.
fn want_body(node: &mut Follower, hash: Hash) -> Vec<Asked> {
    want_body_of(node, hash, &[])
}

/// The same, of a block that these voted for.
fn want_body_of(node: &mut Follower, hash: Hash, ask: &[ValidatorIndex]) -> Vec<Asked> {
    node.driver.fetch(hash, ask, &mut VecDeque::new());
    let effects = std::mem::take(&mut node.driver.effects);
    let asked = effects.into_iter().filter_map(|effect| match effect {
        Effect::Ask { token, peer, request: Request::BlockByHash { offset, bytes, .. } } => {
            Some(Asked { token, peer, from: 0, offset, bytes })
        }
        _ => None,
    });
    asked.collect()
}

#[test]
fn whoever_lets_a_body_come_in_drips_keeps_nobody_from_being_asked() {
    let mut node = Follower::new();
    let block = large(&mut node);
    let hash = block.block.hash();
    for seed in 1..=2 {
        node.settle(Event::PeerReady { peer: peer(seed), validator: None, height: Height(0), serves: true });
    }
    let mut drip = want_body(&mut node, hash).remove(0);
    for seconds in 0.. {
        assert!(seconds < 60, "nobody else is asked");
        // 1 KiB a second: all of it would take more than a minute.
        node.wait(1_000);
        let response = Some(block.clone().answer(drip.offset, 0));
        node.settle(Event::Response { token: drip.token, response });
        drip = node.questions.pop_front().unwrap();
        let asked = want_body(&mut node, hash);
        if let Some(other) = asked.first() {
            assert!(seconds >= 19, "what came in parts was asked for twice after {seconds} s");
            assert_ne!(other.peer, drip.peer);
            let response = Some(block.clone().answer(other.offset, other.bytes));
            node.settle(Event::Response { token: other.token, response });
            let next = node.questions.pop_front().unwrap();
            assert_eq!(next.peer, other.peer, "it goes on at once");
            node.wait(1_000);
            let response = Some(block.clone().answer(drip.offset, 0));
            node.settle(Event::Response { token: drip.token, response });
            assert!(node.questions.is_empty(), "a slow one waits while another is quick");
            return;
        }
    }
}

#[test]
fn a_link_on_which_bodies_do_not_come_in_time_is_asked_for_less() {
    let mut node = Follower::new();
    node.settle(Event::PeerReady { peer: peer(1), validator: None, height: Height(0), serves: true });
    let hash = Hash([7; 32]);
    let first = want_body(&mut node, hash).remove(0);
    node.wait(60_000);
    let second = want_body(&mut node, hash).remove(0);
    assert_eq!(second.bytes, first.bytes / 2, "it ran out of time");
    node.settle(Event::Response { token: first.token, response: None });
    node.settle(Event::Response { token: second.token, response: None });
    let third = want_body(&mut node, hash).remove(0);
    assert_eq!(third.bytes, second.bytes / 2, "once for each question");
}

#[test]
fn who_failed_once_is_asked_for_certificates_and_bodies_like_the_others() {
    let mut node = Follower::new();
    for seed in 1..=2 {
        node.settle(Event::PeerReady { peer: peer(seed), validator: None, height: Height(0), serves: true });
    }
    let failed = node.driver.peer_for(&[], &[]).unwrap();
    node.driver.peers.pace_mut(&failed).unwrap().give_up(1_024);
    let asked: Vec<PeerId> = (0..2).filter_map(|_| node.driver.peer_for(&[], &[])).collect();
    assert!(asked.contains(&failed), "{asked:?}");
}

#[test]
fn whoever_begins_a_large_block_and_brings_little_of_it_does_not_capture_catching_up() {
    let mut node = Follower::new();
    let block = large(&mut node);
    node.meet(peer(1));
    let mut question = node.next_question().unwrap();
    node.meet(peer(2));
    while question.peer == peer(1) {
        assert!(node.now < 60_000, "nobody else is asked");
        // 1 KiB in five seconds.
        node.wait(5_000);
        let response = Some(block.clone().answer(question.offset, 0));
        node.settle(Event::Response { token: question.token, response });
        question = node.next_question().unwrap();
    }
    assert!(node.now > 20_000, "not before it was clear: {} ms", node.now);
    while node.driver.finalized().height == Height(0) {
        assert_eq!(question.peer, peer(2), "whoever is quick goes on");
        node.wait(600 + u64::from(question.bytes) / 8);
        let response = Some(block.clone().answer(question.offset, question.bytes));
        node.settle(Event::Response { token: question.token, response });
        if node.driver.finalized().height == Height(0) {
            question = node.next_question().unwrap();
        }
    }
    assert!(node.now < 60_000, "{} ms", node.now);
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
    assert_eq!(node.fate(waiting.id()), Fate::Dropped("tx_insufficient_funds"));
    assert_eq!(node.fate(kept.id()), Fate::Pending);
}

#[test]
fn what_enters_where_nobody_proposes_is_handed_to_one_validator_after_the_other_until_it_is_final() {
    let member = Some(key(VALIDATOR).public());
    let submitted = |node: &mut Follower, tx: &Tx, ms: u64| {
        let mut to = Vec::new();
        for _ in 0..ms / 250 {
            node.now += 250;
            for effect in node.settle(Event::Tick) {
                if let Effect::Ask { token, peer, request: Request::SubmitTx(handed) } = effect {
                    assert_eq!(*handed, *tx);
                    node.settle(Event::Response {
                        token,
                        response: Some(Response::Submitted { id: tx.id() }),
                    });
                    to.push(peer);
                }
            }
        }
        to
    };
    for (own, handed_on) in [(None, true), (member, false)] {
        let mut node = Follower::start(own, true);
        for seed in [2, 3] {
            let peer = peer(seed);
            node.settle(Event::PeerReady { peer, validator: member, height: Height(0), serves: true });
        }
        let tx = node.chain.pay(1, Lane(0), 0, 10);
        node.settle(Event::Submit { token: Token(500), txs: vec![tx.clone()] });
        assert!(submitted(&mut node, &tx, 3_000).is_empty(), "gossip has its chance");
        let to = submitted(&mut node, &tx, 20_000);
        assert_eq!(to.len() >= 4, handed_on, "{to:?}");
        assert!(to.windows(2).all(|two| two[0] != two[1]), "{to:?}");
        if !handed_on {
            continue; // it votes, and proposes by itself
        }
        let block = node.chain.push(std::slice::from_ref(&tx));
        let certificate = Some(node.chain.certify(&block.header, VALIDATOR));
        let token = node.asked(1);
        assert_eq!(committed(&node.answer(token, vec![SyncBlock { block, certificate }])), [1]);
        assert!(submitted(&mut node, &tx, 20_000).is_empty(), "it is final");
    }
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
fn final_blocks_take_a_carried_time_along_at_the_skew_before_them_and_no_closer() {
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
    let base = TimeMs(node.driver.finalized().time_ms.0 - skew_ms);
    node.now += 1;
    node.settle(Event::Tick);
    assert_eq!(node.driver.reading(), TimeMs(base.0 + 1));

    // The word of more than a third of the power counts; here one validator is all.
    let from = key(VALIDATOR).public();
    let said = TimeMs(base.0 + 86_400_000);
    node.settle(Event::Validator { from, peer: node.peer, message: ValidatorMessage::Clock(said) });
    node.now += 1;
    node.settle(Event::Tick);
    assert_eq!((node.driver.reading(), node.driver.status().clock_carried), (TimeMs(said.0 + 1), true));

    let mut node = Follower::start(None, true);
    let block = node.grow(1);
    node.meet(peer(1));
    let question = node.next_question().unwrap();
    assert_eq!(committed(&node.answer(question.token, block)), [1]);
    node.settle(Event::Tick);
    let os_wall = TimeMs(node.chain.header.time_ms.0 + node.now);
    assert_eq!((node.driver.reading(), node.driver.status().clock_carried), (os_wall, false));
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
