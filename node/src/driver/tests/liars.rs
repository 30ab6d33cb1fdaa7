//! Peers that answer just well enough to be waited for.

use super::*;

fn validator() -> Option<PublicKey> {
    Some(key(VALIDATOR).public())
}

impl Follower {
    fn ready(&mut self, peer: PeerId, validator: Option<PublicKey>, height: u64) {
        self.settle(Event::PeerReady { peer, validator, height: Height(height), serves: true });
    }

    /// The answer to a question for a body: what `block` has there. Returns what follows, and the next question.
    fn bring(&mut self, asked: Asked, block: &SyncBlock, bytes: u32) -> (Vec<Effect>, Option<Asked>) {
        let response = Some(block.clone().answer(asked.offset, bytes));
        let effects = self.settle(Event::Response { token: asked.token, response });
        (effects, self.questions.pop_front())
    }
}

/// Whether this peer is banned.
fn pays(effects: &[Effect], liar: PeerId) -> bool {
    let report =
        |e: &Effect| matches!(e, Effect::Report { peer, penalty: Penalty::Fatal, .. } if *peer == liar);
    effects.iter().any(report)
}

/// A block of the same header whose transactions are others.
fn invented(block: &SyncBlock) -> SyncBlock {
    let mut other = block.clone();
    other.block.txs.reverse();
    other
}

#[test]
fn who_sends_quickly_what_makes_no_block_is_found_out_and_keeps_nobody_from_being_asked() {
    let mut node = Follower::new();
    let block = of_payments(&mut node, 1_000);
    let (hash, lie) = (block.block.hash(), invented(&block));
    (1..=3).for_each(|seed| node.ready(peer(seed), None, 0));
    let mut asked = want_body(&mut node, hash).remove(0);
    let liar = asked.peer;
    let mut seconds = 0;
    let mut honest = loop {
        assert!(seconds < 30, "nobody else is asked");
        (node.now, seconds) = (node.now + 1_000, seconds + 1);
        // 5 KiB a second: it keeps up.
        for _ in 0..5 {
            asked = node.bring(asked, &lie, 1_024).1.unwrap();
        }
        if let Some(other) = want_body(&mut node, hash).first() {
            break *other;
        }
    };
    assert!(seconds >= 20, "a narrow link carried it twice after {seconds} s");
    assert_ne!(honest.peer, liar);
    let fined = loop {
        let (effects, next) = node.bring(honest, &block, honest.bytes);
        let Some(next) = next else { break effects };
        honest = next;
    };
    assert!(pays(&fined, liar) && node.driver.tree.get(&hash).is_some());
}

#[test]
fn parts_that_do_not_begin_with_the_header_asked_for_end_at_once() {
    let mut node = Follower::new();
    let block = large(&mut node);
    let mut other = block.clone();
    other.block.header.view = View(9);
    node.ready(peer(1), None, 0);
    let asked = want_body(&mut node, block.block.hash()).remove(0);
    let Response::Part(mut part) = other.answer(0, 1_024) else { panic!("it fits") };
    part.hash = block.block.hash();
    let effects = node.settle(Event::Response { token: asked.token, response: Some(Response::Part(part)) });
    assert!(effects.iter().any(|e| matches!(e, Effect::Report { .. })), "{effects:?}");
    assert!(node.questions.is_empty(), "it is not asked for more");
}

#[test]
fn a_notarized_block_is_asked_for_of_two_since_its_leader_may_keep_it_back() {
    let mut node = Follower::new();
    let block = large(&mut node);
    let hash = block.block.hash();
    (1..=3).for_each(|seed| node.ready(peer(seed), None, 0));
    let leader = want_body(&mut node, hash).remove(0);
    node.bring(leader, &block, 1_024).1.unwrap();
    assert!(want_body(&mut node, hash).is_empty(), "a proposal comes from its leader alone");
    let signers = [ValidatorIndex(0), ValidatorIndex(1)];
    let second = want_body_of(&mut node, hash, &signers);
    assert!(second.iter().all(|asked| asked.peer != leader.peer) && second.len() == 1, "{second:?}");
    node.bring(second[0], &block, 1_024).1.unwrap();
    assert!(want_body_of(&mut node, hash, &signers).is_empty(), "two at a time");
}

#[test]
fn a_new_name_does_not_bring_who_failed_to_the_front() {
    let mut node = Follower::new();
    let ask = |node: &mut Follower| node.driver.peer_for(&[], &[]).unwrap();
    (1..=2).for_each(|seed| node.ready(peer(seed), None, 0));
    let first = ask(&mut node);
    node.ready(peer(3), None, 0);
    let second = ask(&mut node);
    assert!(second != first && second != peer(3), "those that were here go before a newcomer");
    node.ready(peer(4), validator(), 0);
    assert_eq!(ask(&mut node), peer(4), "and a validator before strangers");
}

#[test]
fn a_stranger_who_began_a_run_gives_way_to_a_validator() {
    let mut node = Follower::new();
    let mut blocks = node.grow(2);
    blocks[0].certificate = None;
    node.ready(peer(1), None, 90);
    let question = node.next_question().unwrap();
    node.answer(question.token, vec![blocks[0].clone()]);
    let same = node.next_question().unwrap();
    assert_eq!((same.peer, same.from), (peer(1), 2), "alone it goes on");
    let before = node.now;
    node.ready(peer(2), validator(), 90);
    let asked = node.next_question().unwrap();
    assert_eq!((asked.peer, asked.from), (peer(2), 1), "a validator is asked from the start");
    assert!(node.now - before < 3_000, "at once, and not when patience with the stranger is over");
    assert_eq!(committed(&node.answer(asked.token, blocks)), [1, 2]);
}

#[test]
fn who_sent_another_block_than_the_final_one_pays() {
    let mut node = Follower::new();
    let block = node.chain.build_in(View(9), VALIDATOR, &[]).block.block.clone();
    let invention = SyncBlock { block, certificate: None };
    let genuine = node.grow(1).remove(0);
    node.ready(peer(1), None, 90);
    let question = node.next_question().unwrap();
    assert!(!fined(&node.answer(question.token, vec![invention])));
    node.ready(peer(2), None, 0);
    let effects = node.hear_of(peer(2), &genuine);
    assert!(pays(&effects, peer(1)), "{effects:?}");
}

#[test]
fn who_has_no_room_is_asked_for_less() {
    let mut node = Follower::new();
    node.ready(peer(1), None, 90);
    let first = node.next_question().unwrap();
    node.settle(Event::Response { token: first.token, response: Some(Response::Busy) });
    let second = node.next_question().unwrap();
    assert_eq!(second.bytes, first.bytes / 2);
    let hash = Hash([7; 32]);
    let body = want_body(&mut node, hash).remove(0);
    node.settle(Event::Response { token: body.token, response: Some(Response::Busy) });
    assert_eq!(want_body(&mut node, hash).remove(0).bytes, body.bytes / 2);
}

#[test]
fn whose_answers_take_long_is_asked_after_the_others() {
    let mut node = Follower::new();
    let blocks = node.grow(3);
    node.ready(peer(1), validator(), 90);
    let slow = node.next_question().unwrap();
    node.wait(7_000);
    node.ready(peer(2), validator(), 90);
    assert_eq!(committed(&node.answer(slow.token, blocks[..1].to_vec())), [1]);
    for height in [2, 3] {
        let asked = node.next_question().unwrap();
        assert_eq!((asked.peer, asked.from), (peer(2), height));
        node.answer(asked.token, vec![blocks[height as usize - 1].clone()]);
    }
}
