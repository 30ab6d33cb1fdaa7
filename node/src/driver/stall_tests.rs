#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use crate::journal::{Journal, Syncs, Voting};
use crate::mempool::Limits;
use crate::signer::{Barred, DataDir};
use crate::testchain::{TestChain, key};
use crate::wal::WalConfig;
use std::collections::VecDeque;
use wattle_consensus::Rotation;
use wattle_consensus::config::VIEWS_BEHIND_MAX;
use wattle_host::dir::Dir;
use wattle_p2p::wire::ValidatorMessage;
use wattle_p2p::{NodeKey, PeerId};
use wattle_primitives::{Epoch, Height, Lane, Proposal, Round, SignedVote, View, Vote};
use wattle_test_disk::SimDir;

/// Validators; the first is this node.
const MEMBERS: [u8; 4] = [200, 201, 202, 203];
const EPOCH: Epoch = Epoch(0);
const LOG_BYTES: u64 = 256 * 1024;
/// Deadlines after which what has not come never comes: an hour and more.
const DEADLINES_MAX: u32 = 20_000;

/// One validator of four, with its log; the others are what the test says.
struct Member {
    chain: TestChain,
    wal: SimDir,
    sign: SimDir,
    driver: Driver,
    journal: Journal<SimDir, SimDir>,
    peer: PeerId,
    mono: MonoMs,
    /// Of the last block committed, which `chain` ends with.
    certificate: Option<Certificate>,
}

impl Member {
    fn new() -> Self {
        Self::of(&MEMBERS)
    }

    /// The first of these validators.
    fn of(members: &[u8]) -> Self {
        let (chain, wal, sign) = (TestChain::of(members), SimDir::new(), SimDir::new());
        let (driver, journal) = Self::open(&chain, None, &wal, &sign);
        let peer = NodeKey::from_seed(&mut [1; 32]).unwrap().peer_id();
        let mut member = Self { chain, wal, sign, driver, journal, peer, mono: MonoMs(1), certificate: None };
        member.settle(Event::Start);
        member
    }

    fn open(
        chain: &TestChain,
        certificate: Option<Certificate>,
        wal: &SimDir,
        sign: &SimDir,
    ) -> (Driver, Journal<SimDir, SimDir>) {
        let config = WalConfig { chain: chain.worker.chain, entropy: [1; 32], segment_bytes: LOG_BYTES / 4 };
        let me = key(MEMBERS[0]);
        let public = me.public();
        let Voting { journal, records, bodies, given_up, latest, barred, .. } =
            Journal::open(wal.clone(), sign.clone(), chain.worker.chain, me, DataDir::NewKey, config)
                .unwrap();
        let setup = Setup {
            chain: chain.worker.chain,
            key: Some(public),
            mempool: Limits::NODE,
            log_bytes: LOG_BYTES,
        };
        let (header, state) = (chain.header.clone(), chain.state.clone());
        let schedule = Arc::clone(&chain.worker.schedule);
        (
            Driver::new(
                setup,
                Boot {
                    header,
                    state,
                    schedule,
                    certificate,
                    records,
                    bodies,
                    given_up,
                    latest,
                    accusations: Vec::new(),
                    barred,
                },
            ),
            journal,
        )
    }

    /// Loses power and comes back.
    fn restart(self) -> Self {
        self.restart_heard().0
    }

    /// The same, with the votes that leave at once.
    fn restart_heard(self) -> (Self, Vec<Vote>) {
        let Self { chain, wal, sign, driver, journal, peer, mono, certificate } = self;
        drop((driver, journal));
        let (driver, journal) = Self::open(&chain, certificate.clone(), &wal, &sign);
        let mut member = Self { chain, wal, sign, driver, journal, peer, mono, certificate };
        let votes = member.settle(Event::Start);
        (member, votes)
    }

    /// Takes an event and does all work and writing that follows from it at once. Returns the votes that leave.
    fn settle(&mut self, event: Event) -> Vec<Vote> {
        // A second after the time of every block here.
        let now = self.chain.header.time_ms.saturating_add(TimeMs(2_000));
        let mut votes = Vec::new();
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            for effect in self.driver.step(event, self.mono, now) {
                match effect {
                    Effect::Work(job) => events.push_back(Event::Done(self.chain.worker.run(job))),
                    Effect::Persist(order) => {
                        events.push_back(Event::Done(self.journal.persist(order, Syncs::InTurn).unwrap()));
                    }
                    Effect::Commit(blocks) => {
                        let height = self.commit(blocks.last().unwrap());
                        events.push_back(Event::Done(Done::Committed { height }));
                    }
                    Effect::Bar(barred) => self.journal.bar(barred).unwrap(),
                    Effect::Broadcast(message) => {
                        if let ValidatorMessage::Vote(signed) = message.as_ref() {
                            votes.push(signed.vote);
                        }
                    }
                    _ => {}
                }
            }
        }
        votes
    }

    /// The database: keeps the last block. Returns its height.
    fn commit(&mut self, last: &FinalBlock) -> Height {
        self.chain.header = last.block.header().clone();
        self.chain.state = last.executed.state.clone();
        self.certificate.clone_from(&last.certificate);
        self.chain.header.height
    }

    /// Lets time pass, from one deadline to the next, until a state is reached.
    fn wait_until(&mut self, reached: impl Fn(&DriverStatus) -> bool) {
        for _ in 0..DEADLINES_MAX {
            if reached(&self.driver.status()) {
                return;
            }
            self.mono = self.mono.after(1).max(self.driver.next_deadline());
            self.settle(Event::Tick);
        }
        panic!("{:?} at {:?}", self.driver.status(), self.mono);
    }

    fn hear(&mut self, from: u8, message: ValidatorMessage) -> Vec<Vote> {
        self.settle(Event::Validator { from: key(from).public(), peer: self.peer, message })
    }

    fn signed(&self, by: u8, vote: Vote) -> SignedVote {
        let set = self.chain.worker.schedule.validators(EPOCH);
        let signer = set.index_of(&key(by).public()).unwrap();
        SignedVote { vote, signer, signature: key(by).sign(&vote.signing_bytes(&self.chain.worker.chain)) }
    }

    fn leader(&self, view: u64) -> u8 {
        let set = self.chain.worker.schedule.validators(EPOCH);
        let leader = set.get(Rotation::new(EPOCH, set).leader(View(view))).unwrap().key;
        MEMBERS.into_iter().find(|n| key(*n).public() == leader).unwrap()
    }

    /// The view's leader, if it is not this node, proposes a block on genesis.
    fn propose(&mut self, view: u64) -> Vec<Vote> {
        let (leader, round) = (self.leader(view), Round { epoch: EPOCH, view: View(view) });
        if leader == MEMBERS[0] {
            return Vec::new();
        }
        let pay = self.chain.pay(1, Lane(0), 0, u128::from(view));
        let block = self.chain.build_in(round.view, leader, &[pay]).block.block.clone();
        let proposal = Proposal { round, parent_view: View(0), block: block.header.hash() };
        let vote = self.signed(leader, Vote::Notarize(proposal));
        self.hear(leader, ValidatorMessage::Proposal { vote, block: Box::new(block) })
    }

    /// The block that the view's leader proposes on genesis.
    fn block_of(&self, view: u64) -> Hash {
        let pay = self.chain.pay(1, Lane(0), 0, u128::from(view));
        self.chain.build_in(View(view), self.leader(view), &[pay]).block.block.header.hash()
    }

    /// The others give the view up.
    fn nullify(&mut self, view: u64) {
        self.hear_quorum(Vote::Nullify(Round { epoch: EPOCH, view: View(view) }));
    }

    /// The others all vote so.
    fn hear_quorum(&mut self, vote: Vote) {
        let votes = [201, 202, 203].map(|by| self.signed(by, vote));
        let set = self.chain.worker.schedule.validators(EPOCH);
        let certificate = Certificate::assemble(vote, &votes, set).unwrap();
        self.hear(201, ValidatorMessage::Certificate(certificate));
    }

    fn log_bytes(&self) -> u64 {
        let names = self.wal.list().unwrap();
        names.iter().filter_map(|name| self.wal.bytes(name)).map(|bytes| bytes.len() as u64).sum()
    }
}

/// Goal: a stall in which every view brings a block takes bounded memory and disk, and a power cut in it costs nothing:
/// afterwards this validator still votes for a block on the last final one.
#[test]
fn a_stall_takes_bounded_memory_and_log_and_outlives_restarts() {
    let mut member = Member::new();
    let views = 400;
    for view in 1..=views {
        let votes = member.propose(view);
        let mine = member.leader(view) == MEMBERS[0];
        let votes_for_it = votes.iter().any(|vote| matches!(vote, Vote::Notarize(_)));
        assert!(mine || votes_for_it, "view {view}: a sound proposal on genesis");
        member.nullify(view);
        assert!(
            member.driver.tree.len() as u64 <= 2 * VIEWS_BEHIND_MAX + 32,
            "{} bodies",
            member.driver.tree.len()
        );
        // The log that is needed, as much again before it is written anew, and both at once while it is.
        let log = member.log_bytes();
        assert!(log <= 4 * LOG_BYTES, "{log} bytes of log in view {view}");
        if view % 150 == 0 {
            member = member.restart();
            assert_eq!(member.driver.status().view, View(view + 1));
        }
    }
    assert_eq!(member.driver.status().height.0, 0);
    let mut next = views + 1;
    while member.leader(next) == MEMBERS[0] {
        member.nullify(next);
        next += 1;
    }
    let votes = member.propose(next);
    assert!(votes.iter().any(|vote| matches!(vote, Vote::Notarize(_))), "{votes:?}");
}

/// Goal: a validator alone whose disk was full for many views, and whose log was put aside afterwards, gives those
/// views up again and goes on.
#[test]
fn a_validator_alone_goes_on_after_a_stall_and_the_cure_of_its_log() {
    let mut member = Member::of(&MEMBERS[..1]);
    member.wait_until(|status| status.height.0 == 2);
    member.settle(Event::LowSpace(true));
    let stalled = member.driver.status().view.saturating_add(View(20));
    member.wait_until(|status| status.view > stalled);
    member.wal = SimDir::new();
    let mut member = member.restart();
    assert!(member.driver.status().view > stalled, "past the stall without waiting");
    member.wait_until(|status| status.height.0 >= 4);
}

/// Views in which a validator on a new disk may have signed.
const PAST: u64 = 3;

fn finalizes(votes: &[Vote]) -> bool {
    votes.iter().any(|vote| matches!(vote, Vote::Finalize(_)))
}

/// A validator that sits out what may have been signed before, if any was. Its view is the first that another leads,
/// which comes back too.
fn newcomer(barred: Barred) -> (Member, u64) {
    let mut member = Member::new();
    member.journal.bar(barred).unwrap();
    let mut member = member.restart();
    let view = if member.leader(1) == MEMBERS[0] { 2 } else { 1 };
    (1..view).for_each(|earlier| member.nullify(earlier));
    (member, view)
}

/// The others notarize the block of `view`, and give up the views after it that the validator sits out.
fn pass_over(member: &mut Member, view: u64) {
    let round = Round { epoch: EPOCH, view: View(view) };
    let block = member.block_of(view);
    member.hear_quorum(Vote::Notarize(Proposal { round, parent_view: View(0), block }));
    (view + 1..=PAST).for_each(|later| member.nullify(later));
    member.wait_until(|status| !status.new_disk && status.view > View(PAST));
}

const fn until_past() -> Barred {
    Barred::Until(Round { epoch: EPOCH, view: View(PAST) })
}

/// Goal: what a validator on a new disk sat out it never signs, also after it is past it: not when a restart finds a
/// block there that is certified and not final, and not when its log is lost before it has signed anything.
#[test]
fn what_was_sat_out_is_not_signed_after_a_restart_either() {
    let (mut member, view) = newcomer(until_past());
    assert_eq!(member.propose(view), []);
    pass_over(&mut member, view);

    let (mut member, votes) = member.restart_heard();
    assert!(!finalizes(&votes), "{votes:?}");
    let log = std::mem::take(&mut member.wal);
    let (mut member, mut votes) = member.restart_heard();
    (1..view).for_each(|earlier| member.nullify(earlier));
    votes.extend(member.propose(view));
    assert_eq!(votes, [], "with an empty log");

    // The bar alone is what holds it.
    member.wal = log;
    member.journal.bar(Barred::Free).unwrap();
    assert!(finalizes(&member.restart_heard().1));
}

/// Goal: a body that comes after its view was sat out and left brings no vote in it.
#[test]
fn a_late_body_brings_no_vote_in_a_view_that_was_sat_out() {
    for (barred, votes) in [(Barred::Free, true), (until_past(), false)] {
        let (mut member, view) = newcomer(barred);
        pass_over(&mut member, view);
        assert_eq!(finalizes(&member.propose(view)), votes, "{barred:?}");
    }
}
