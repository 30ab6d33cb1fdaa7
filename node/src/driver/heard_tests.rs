#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use crate::driver::{Boot, Event, Setup};
use crate::mempool::Limits;
use crate::signer::Barred;
use crate::testchain::{TestChain, key};
use wattle_p2p::{NodeKey, PeerId};
use wattle_primitives::{Epoch, Height, TimeMs, VotingPower};

/// Persons whose keys validate, with equal power: three of them are a quorum.
const VALIDATORS: [u8; 4] = [201, 202, 203, 204];
/// A claim of the operator's page: a halt is told within this time, in ms.
const TOLD_WITHIN_MS: u64 = 10_000;
/// How long it takes at most until a page that is asked shows what the driver knows, in ms.
const SHOWN_WITHIN_MS: u64 = 1_500;

/// A node among peers that a test lets speak.
struct Node {
    driver: Driver,
    wall: TimeMs,
    now: u64,
    /// Its words on the quorum: when, and who is missing; nobody when one is heard.
    said: Vec<(u64, Vec<PublicKey>)>,
    /// Signs of life that it gave to its neighbours: when, and the numbers.
    gave: Vec<(u64, Numbers)>,
    /// Its questions for numbers.
    asked: Vec<(Token, PeerId)>,
    /// Its questions for blocks.
    fetches: Vec<Token>,
}

fn public(n: u8) -> PublicKey {
    key(n).public()
}

fn peer(n: u8) -> PeerId {
    NodeKey::from_seed(&mut [n; 32]).unwrap().peer_id()
}

fn sorted<const N: usize>(persons: [u8; N]) -> Vec<PublicKey> {
    let mut keys: Vec<_> = persons.into_iter().map(public).collect();
    keys.sort_unstable();
    keys
}

/// Numbers of these persons' signs of life; of the others none is known.
fn numbers(known: &[(u8, u16)]) -> Numbers {
    let number =
        |of: &PublicKey| known.iter().find(|(n, _)| public(*n) == *of).map_or(0, |(_, number)| *number);
    let numbers = sorted(VALIDATORS).iter().map(number).collect();
    Numbers { epoch: Epoch(0), numbers: BoundedVec::new(numbers).unwrap() }
}

impl Node {
    /// The node of a person, or one without a key.
    fn new(person: Option<u8>) -> Self {
        let TestChain { worker, header, state, .. } = TestChain::of(&VALIDATORS);
        let (key, mempool) = (person.map(public), Limits::NODE);
        let setup = Setup { chain: worker.chain, key, mempool, log_bytes: u64::MAX };
        let (wall, schedule) = (header.time_ms, Arc::clone(&worker.schedule));
        let boot = Boot {
            header,
            state,
            schedule,
            certificate: None,
            records: vec![],
            bodies: vec![],
            given_up: None,
            latest: None,
            accusations: Vec::new(),
            barred: Barred::Free,
        };
        let (said, gave, asked, fetches) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut node = Self { driver: Driver::new(setup, boot), wall, now: 0, said, gave, asked, fetches };
        node.step(Event::Start);
        node
    }

    fn step(&mut self, event: Event) {
        let wall = TimeMs(self.wall.0 + self.now);
        for effect in self.driver.step(event, MonoMs(self.now), wall) {
            match effect {
                Effect::Quorum(quorum) if quorum.is_lost() => self.said.push((self.now, quorum.missing)),
                Effect::Quorum(_) => self.said.push((self.now, Vec::new())),
                Effect::Broadcast(message) => {
                    if let ValidatorMessage::Heard(numbers) = message.as_ref() {
                        self.gave.push((self.now, numbers.clone()));
                    }
                }
                Effect::Ask { token, peer, request: Request::Heard } => self.asked.push((token, peer)),
                Effect::Ask { token, request: Request::Blocks { .. }, .. } => self.fetches.push(token),
                _ => {}
            }
        }
    }

    /// The streams to a person's node are open.
    fn link(&mut self, person: u8) {
        self.meet(person, true);
        self.step(Event::ValidatorConnected { key: public(person), peer: peer(person) });
    }

    fn hear(&mut self, from: u8, message: ValidatorMessage) {
        self.step(Event::Validator { from: public(from), peer: peer(from), message });
    }

    /// A person says whom it hears itself.
    fn links(&mut self, from: u8, hears: &[u8]) {
        let keys = BoundedVec::new(hears.iter().map(|n| public(*n)).collect()).unwrap();
        self.hear(from, ValidatorMessage::Links(keys));
    }

    /// Time passes; in every step `speak` lets peers say something.
    fn run(&mut self, ms: u64, mut speak: impl FnMut(&mut Self)) {
        let end = self.now + ms;
        while self.now < end {
            self.now += 50;
            speak(self);
            self.step(Event::Tick);
        }
    }

    /// A peer is there that serves, and is no validator's unless said so.
    fn meet(&mut self, person: u8, validator: bool) {
        let (peer, validator) = (peer(person), validator.then(|| public(person)));
        self.step(Event::PeerReady { peer, validator, height: Height(0), serves: true });
    }

    /// Peers answer what they were asked for numbers; who says none says nothing.
    fn answers(&mut self, told: impl Fn(PeerId, u64) -> Option<Numbers>) {
        for (token, to) in std::mem::take(&mut self.asked) {
            if let Some(told) = told(to, self.now) {
                self.step(Event::Response { token, response: Some(Response::Heard(told)) });
            }
        }
    }

    fn missing(&self) -> Vec<PublicKey> {
        self.driver.status().quorum.missing
    }
}

/// Whether a sign is due at this moment.
fn due(now: u64) -> bool {
    now.is_multiple_of(SIGN_INTERVAL_MS)
}

/// The number of a sign that is given at this moment by who lives since 0.
fn number(now: u64) -> u16 {
    u16::try_from(now / SIGN_INTERVAL_MS).unwrap() + 1
}

/// The numbers that are told of four who live.
fn all_live(now: u64) -> Numbers {
    numbers(&VALIDATORS.map(|person| (person, number(now))))
}

/// These persons live: each tells its own number, and no other.
fn live(node: &mut Node, persons: &[u8]) {
    if due(node.now) {
        for person in persons {
            node.hear(*person, ValidatorMessage::Heard(numbers(&[(*person, number(node.now))])));
        }
    }
}

#[test]
fn a_halt_is_told_once_within_ten_seconds_with_who_is_missing_and_its_end_too() {
    let mut node = Node::new(Some(201));
    [202, 203, 204].into_iter().for_each(|person| node.link(person));
    node.run(60_000, |node| live(node, &[202, 203, 204]));
    assert_eq!((node.said.len(), node.missing()), (0, vec![]), "all are heard: {:?}", node.said);
    let died = node.now;
    node.run(60_000, |node| live(node, &[202]));
    let [(at, missing)] = &node.said[..] else { panic!("not once: {:?}", node.said) };
    assert!(at + SHOWN_WITHIN_MS <= died + TOLD_WITHIN_MS, "told {} ms after the last sign", at - died);
    assert_eq!(*missing, sorted([203, 204]));
    let quorum = node.driver.status().quorum;
    assert_eq!(
        (quorum.missing_power, quorum.total, quorum.needed),
        (VotingPower(2), VotingPower(4), VotingPower(3))
    );
    let back = node.now;
    node.run(60_000, |node| live(node, &[202, 204]));
    assert_eq!(node.said.len(), 2, "{:?}", node.said);
    assert!(node.said[1].1.is_empty() && node.said[1].0 <= back + SIGN_INTERVAL_MS + 250, "{:?}", node.said);
    assert_eq!(node.missing(), sorted([203]), "who is still away is named");
}

#[test]
fn one_of_four_that_is_away_is_no_halt_and_is_named() {
    let mut node = Node::new(Some(201));
    [202, 203, 204].into_iter().for_each(|person| node.link(person));
    node.run(20_000, |node| live(node, &[202, 203]));
    assert_eq!((node.said.len(), node.missing()), (0, sorted([204])));
    // Whatever it says shows that it is there again.
    node.links(204, &[201]);
    assert!(node.missing().is_empty());
}

#[test]
fn a_quorum_that_is_heard_only_through_others_is_no_halt_until_its_own_numbers_stop() {
    let mut node = Node::new(Some(201)); // in a chain 201 - 202 - 203 - 204
    node.link(202);
    let told = |node: &mut Node, at: u64| {
        let number = number(at);
        node.hear(202, ValidatorMessage::Heard(numbers(&[(202, number), (203, number), (204, number)])));
    };
    node.run(60_000, |node| {
        if due(node.now) {
            told(node, node.now)
        }
    });
    assert_eq!((node.said.len(), node.missing()), (0, vec![]), "{:?}", node.said);
    let died = node.now;
    // The neighbour lives on and repeats the last numbers that it has.
    node.run(30_000, |node| {
        if due(node.now) {
            told(node, died);
        }
    });
    let [(at, missing)] = &node.said[..] else { panic!("not once: {:?}", node.said) };
    assert!(
        at + SHOWN_WITHIN_MS <= died + TOLD_WITHIN_MS && *missing == sorted([203, 204]),
        "{:?}",
        node.said
    );
}

#[test]
fn where_links_are_missing_a_sign_of_life_is_passed_on_at_once() {
    let mut node = Node::new(Some(202)); // between 201 and 203, who do not hear each other
    node.link(201);
    node.link(203);
    node.links(201, &[202]);
    node.links(203, &[202]);
    node.run(500, |_| {});
    node.gave.clear();
    node.hear(203, ValidatorMessage::Heard(numbers(&[(203, 700)])));
    node.run(250, |_| {});
    let passed = |node: &Node| {
        let at = sorted(VALIDATORS).iter().position(|k| *k == public(203)).unwrap();
        node.gave.iter().any(|(_, given)| given.numbers[at] == 700)
    };
    assert!(passed(&node), "{:?}", node.gave);
    // To who hears it itself it is said with the next sign of our own.
    node.links(201, &[202, 203]);
    node.gave.clear();
    node.hear(203, ValidatorMessage::Heard(numbers(&[(203, 701)])));
    node.run(250, |_| {});
    assert!(node.gave.is_empty(), "{:?}", node.gave);
    node.run(SIGN_INTERVAL_MS, |_| {});
    assert_eq!(node.gave.len(), 1, "one sign each interval: {:?}", node.gave);
}

#[test]
fn a_node_that_stood_still_itself_blames_nobody_for_it() {
    let mut node = Node::new(Some(201));
    [202, 203, 204].into_iter().for_each(|person| node.link(person));
    node.run(10_000, |node| live(node, &[202, 203, 204]));
    node.now += 600_000; // the machine was suspended
    node.step(Event::Tick);
    node.run(2_000, |_| {});
    assert_eq!((node.said.len(), node.missing()), (0, vec![]), "{:?}", node.said);
    node.run(6_000, |_| {});
    assert_eq!(node.missing(), sorted([202, 203, 204]), "they do not come back either");
}

#[test]
fn who_comes_back_goes_on_after_the_number_that_others_know() {
    let mut node = Node::new(Some(201));
    node.link(202);
    let at = sorted(VALIDATORS).iter().position(|k| *k == public(201)).unwrap();
    for (known, wanted) in [(40_000, 40_001), (u16::MAX, 1)] {
        node.hear(202, ValidatorMessage::Heard(numbers(&[(201, known), (202, 5)])));
        node.gave.clear();
        node.run(SIGN_INTERVAL_MS, |_| {});
        assert_eq!(node.gave.last().unwrap().1.numbers[at], wanted, "after {known}");
    }
}

#[test]
fn a_node_without_a_vote_tells_a_halt_by_what_its_peers_hear() {
    let mut node = Node::new(None);
    let peer = peer(202);
    node.step(Event::PeerReady { peer, validator: Some(public(202)), height: Height(0), serves: true });
    let answer = |node: &mut Node, at: u64| {
        for (token, to) in std::mem::take(&mut node.asked) {
            assert_eq!(to, peer);
            let all = VALIDATORS.map(|person| (person, number(if person < 203 { node.now } else { at })));
            node.step(Event::Response { token, response: Some(Response::Heard(numbers(&all))) });
        }
    };
    node.run(30_000, |node| answer(node, node.now));
    assert_eq!((node.said.len(), node.missing()), (0, vec![]), "{:?}", node.said);
    let died = node.now;
    node.run(30_000, |node| answer(node, died));
    let [(at, missing)] = &node.said[..] else { panic!("not once: {:?}", node.said) };
    assert_eq!(*missing, sorted([203, 204]));
    assert!(at + SHOWN_WITHIN_MS <= died + TOLD_WITHIN_MS, "told {} ms after the last sign", at - died);
    assert!(node.gave.is_empty(), "it gives no sign of life");
    // Asked itself, it passes on what it was told.
    let effects = node.driver.step(
        Event::Request { token: Token(900), peer, request: Request::Heard },
        MonoMs(node.now),
        node.wall,
    );
    let told = effects.iter().find_map(|effect| match effect {
        Effect::Respond { response: Response::Heard(told), .. } => Some(told.clone()),
        _ => None,
    });
    assert_eq!(told.unwrap().numbers.iter().filter(|number| **number > 0).count(), 4);
    // Nobody answers: it hears nobody.
    node.step(Event::PeerGone { peer });
    node.run(10_000, |_| {});
    assert_eq!(node.missing(), sorted(VALIDATORS));
}

#[test]
fn numbers_of_another_set_are_not_believed() {
    let mut node = Node::new(Some(201));
    node.link(202);
    node.run(20_000, |node| {
        if due(node.now) {
            let numbers = BoundedVec::new(vec![number(node.now); 3]).unwrap();
            node.hear(202, ValidatorMessage::Heard(Numbers { epoch: Epoch(0), numbers }));
        }
    });
    assert_eq!(node.missing(), sorted([203, 204]));
}

#[test]
fn one_lie_about_numbers_makes_nobody_missing_at_a_node_without_a_vote() {
    let mut node = Node::new(None);
    node.meet(202, true);
    node.meet(99, false); // the liar
    node.run(10_000, |node| node.answers(|_, now| Some(all_live(now))));
    // The greatest that is newer than what it told last.
    let far = number(node.now - SIGN_INTERVAL_MS) + u16::MAX / 2;
    let lie = numbers(&VALIDATORS.map(|person| (person, far)));
    let mut told = false;
    node.run(60_000, |node| {
        let lies = !told;
        told |= node.asked.iter().any(|(_, to)| *to == peer(99));
        node.answers(|to, now| {
            if to != peer(99) {
                return Some(all_live(now));
            }
            lies.then(|| lie.clone())
        });
    });
    assert!(told, "the liar was asked");
    assert_eq!((node.said.len(), node.missing()), (0, vec![]), "{:?}", node.said);
    // This node tells others the truth again, and a peer that comes later is believed as well.
    let passed_on = node.driver.numbers().numbers;
    assert!(passed_on.iter().all(|known| number(node.now) - known <= 3), "{passed_on:?}");
    node.step(Event::PeerGone { peer: peer(202) });
    node.meet(203, true);
    node.run(30_000, |node| node.answers(|to, now| (to != peer(99)).then(|| all_live(now))));
    assert_eq!((node.said.len(), node.missing()), (0, vec![]), "{:?}", node.said);
}

#[test]
fn a_dead_validator_that_peers_tell_of_late_and_at_different_times_is_missing_all_the_same() {
    let mut node = Node::new(None);
    node.meet(202, true);
    node.meet(99, false);
    // The stranger is two signs late.
    let late = |to: PeerId, now: u64| if to == peer(99) { now.saturating_sub(4_000) } else { now };
    node.run(30_000, |node| node.answers(|to, now| Some(all_live(late(to, now)))));
    let died = node.now;
    node.run(30_000, |node| node.answers(|to, now| Some(all_live(late(to, now).min(died)))));
    let [(at, missing)] = &node.said[..] else { panic!("not once: {:?}", node.said) };
    assert_eq!(*missing, sorted([201, 203, 204]), "who answers lives");
    assert!(*at <= died + 4_000 + TOLD_WITHIN_MS, "told {} ms after the last sign", at - died);
}

#[test]
fn a_silent_validator_is_not_the_only_one_that_is_asked() {
    let mut node = Node::new(None);
    node.meet(202, true); // says nothing
    node.meet(99, false);
    node.run(60_000, |node| {
        assert!(node.asked.len() <= ASKED_PEERS, "{:?}", node.asked);
        node.answers(|to, now| (to == peer(99)).then(|| all_live(now)));
    });
    assert_eq!((node.said.len(), node.missing()), (0, vec![]), "{:?}", node.said);
}

#[test]
fn a_slow_answer_and_a_signs_interval_are_no_silence() {
    let mut node = Node::new(Some(201));
    [202, 203, 204].into_iter().for_each(|person| node.link(person));
    node.run(64_000, |node| {
        if node.now.is_multiple_of(6_000 + SIGN_INTERVAL_MS) {
            live(node, &[202, 203, 204]);
        }
    });
    assert_eq!((node.said.len(), node.missing()), (0, vec![]), "{:?}", node.said);
}

#[test]
fn whatever_a_validator_answers_shows_that_it_lives() {
    let mut node = Node::new(None);
    node.meet(202, true);
    // Its narrow link carries blocks, each answer 6 s long, and no number.
    let blocks = |node: &mut Node| {
        if node.now.is_multiple_of(6_000) {
            for token in std::mem::take(&mut node.fetches) {
                let response = Some(Response::Blocks(BoundedVec::default()));
                node.step(Event::Response { token, response });
            }
            node.step(Event::PeerHeight { peer: peer(202), height: Height(9) });
        }
    };
    node.run(60_000, blocks);
    assert_eq!(node.missing(), sorted([201, 203, 204]));
    node.run(SILENCE_MS + 1_000, |_| {});
    assert_eq!(node.missing(), sorted(VALIDATORS));
}

#[test]
fn numbers_wrap_and_none_is_never_newer() {
    let table = [
        (0, 0, false),
        (0, 5, false),
        (5, 0, true),
        (5, 5, false),
        (6, 5, true),
        (5, 6, false),
        (1, 65_535, true),
        (65_535, 1, false),
    ];
    for (number, known, newer) in table {
        assert_eq!(is_newer(number, known), newer, "{number} after {known}");
    }
    assert_eq!((next(0), next(7), next(u16::MAX)), (1, 8, 1));
}
