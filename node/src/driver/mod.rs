//! The node as a function: one event and two clock readings in, effects out.
//!
//! [`Driver::step`] is synchronous, performs no I/O, and reads no clock. The run loop (`crate::run`) feeds it from
//! the network, workers and timers; the simulator feeds the same driver from a seeded event heap.
//!
//! ```text
//! consensus.rs   votes, proposals and certificates; what the core asks for
//! blocks.rs      bodies on their way in: check, execute, fetch
//! clock.rs       what this node's clock reads, told to other validators
//! epoch.rs       one core per epoch; what starts and ends it
//! finalize.rs    final blocks on their way to the database and to subscribers
//! evidence.rs    proof that validators broke the rules
//! heard.rs       which validators live, and whether they are a quorum
//! txs.rs         transactions from clients, peers and gossip: checked, admitted, offered to the builder
//! outgoing.rs    transactions that entered here, on their way to others
//! fates.rs       what became of transactions that no database knows
//! sync.rs        catching up by height
//! partial.rs     fetched blocks that wait for a certificate
//! parts.rs       a large block that comes in parts
//! newcomer.rs    what a validator on a new disk may have signed before
//! peers.rs       who serves blocks, and how high each claims to be
//! pace.rs        how much to ask a peer for, and how long to wait for it
//! serve.rs       answers to peers and clients
//! relay.rs       passing on what a neighbour does not hear itself
//! outbox.rs      nothing is sent before what it rests on is durable
//! room.rs        how large blocks of this leader are
//! tree.rs        blocks above the last finalized one
//! ```
//!
//! # Not here
//! Sockets, files, threads; consensus rules (`wattle-consensus`); what transactions do (`wattle-runtime`).

mod blocks;
mod clock;
mod consensus;
pub mod effect;
mod epoch;
pub mod event;
mod evidence;
mod fates;
mod finalize;
mod heard;
mod newcomer;
mod outbox;
mod outgoing;
mod pace;
mod partial;
mod parts;
mod peers;
mod relay;
mod room;
mod serve;
mod sync;
pub mod tree;
mod txs;

pub use effect::{Answer, DriverStatus, Effect, Fate, FinalBlock, Halt, Quorum, SubmitError};
pub use event::{Event, Question};
pub use finalize::{COMMIT_BACKLOG_HARD_MAX, COMMIT_BACKLOG_MAX};
pub use sync::SyncCounts;

use crate::signer::Barred;
use crate::work::{Done, Token};
use epoch::Current;
use evidence::Accusations;
use finalize::Backlog;
use heard::Signs;
use newcomer::Newcomer;
use outbox::Outbox;
use peers::Peers;
use relay::Relay;
use room::Room;
use std::sync::Arc;
use sync::Sync;
use tree::Tree;
use txs::Txs;
use wattle_consensus::{Clock, Core, GivenUp, Input, MonoMs, Record, Work};
use wattle_p2p::wire::Gossip;
use wattle_primitives::{Accusation, Block, Certificate, Hash, Header, PublicKey, Round, TimeMs};
use wattle_runtime::{Schedule, State};

/// Longest time between two looks at what nobody announces: due expiries, stalled synchronization.
const HOUSEKEEPING_MS: u64 = 250;

/// The chain and the part that this node takes in it.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Genesis hash.
    pub chain: Hash,
    /// Our validator key, if we have one; whether it votes depends on the epoch's set.
    pub key: Option<PublicKey>,
    /// Bounds of the mempool.
    pub mempool: crate::mempool::Limits,
    /// Bytes written to the consensus log with nothing committed after which it is written anew, or after as many as
    /// that takes, if those are more.
    pub log_bytes: u64,
}

/// The node as it was found on disk.
#[derive(Debug)]
pub struct Boot {
    /// Header of the last committed block.
    pub header: Header,
    /// State after it.
    pub state: State,
    /// Parameters and validator sets in that state.
    pub schedule: Arc<Schedule>,
    /// Its finalization; `None` for genesis.
    pub certificate: Option<Certificate>,
    /// Consensus records of the log, in order.
    pub records: Vec<Record>,
    /// Bodies in the log.
    pub bodies: Vec<Block>,
    /// Rounds that were given up by votes that the log has lost.
    pub given_up: Option<GivenUp>,
    /// The last round that this validator signed anything in, as its sign state knows.
    pub latest: Option<Round>,
    /// Accusations of validators that are kept.
    pub accusations: Vec<Accusation>,
    /// Rounds in which nothing is signed, since the disk is new.
    pub barred: Barred,
}

/// A node without its surroundings.
#[derive(Debug)]
pub struct Driver {
    setup: Setup,
    mono: MonoMs,
    clock: Clock,
    /// The clock in this step.
    reading: TimeMs,
    /// When validators are told of it next.
    tell_clock_at: MonoMs,
    /// When the last block became final here.
    finalized_at: MonoMs,
    current: Current,
    /// Parameters and validator sets, as the state has had them since the epoch began.
    schedule: Arc<Schedule>,
    tree: Tree,
    bodies: blocks::Bodies,
    txs: Txs,
    outbox: Outbox,
    sync: Sync,
    peers: Peers,
    relay: Relay,
    room: Room,
    heard: Signs,
    accusations: Accusations,
    newcomer: Newcomer,
    backlog: Backlog,
    low_space: bool,
    /// Log records of the last run, until the epochs they belong to have started.
    replay: Vec<Record>,
    given_up: Option<GivenUp>,
    work: Work,
    entered_at: MonoMs,
    nullifications: u64,
    /// Bytes that were needed when the log was last written anew.
    rewritten: u64,
    next_housekeeping: MonoMs,
    effects: Vec<Effect>,
    tokens: u64,
    stopped: bool,
}

impl Driver {
    /// A driver that goes on from what was found on disk. Nothing happens before [`Event::Start`].
    #[must_use]
    pub fn new(setup: Setup, boot: Boot) -> Self {
        let Boot {
            header,
            state,
            schedule,
            certificate,
            records: mut replay,
            bodies: logged,
            given_up,
            latest,
            accusations,
            barred,
        } = boot;
        let mut bodies = blocks::Bodies::default();
        for block in logged {
            replay.push(Record::Block(block.header.clone()));
            bodies.recovered(block);
        }
        let current = Current::waiting(&schedule, setup.key, &header);
        Self {
            mono: MonoMs(0),
            clock: Clock::new(header.time_ms, schedule.params().clock_skew_ms_max, MonoMs(0)),
            reading: header.time_ms,
            tell_clock_at: MonoMs(0),
            finalized_at: MonoMs(0),
            current,
            schedule,
            txs: Txs::new(setup.mempool),
            tree: Tree::new(header, state),
            bodies,
            outbox: Outbox::default(),
            sync: Sync::new(certificate),
            peers: Peers::default(),
            relay: Relay::default(),
            room: Room::default(),
            heard: Signs::default(),
            accusations: Accusations::new(accusations),
            newcomer: Newcomer::new(barred, latest),
            backlog: Backlog::default(),
            low_space: false,
            replay,
            given_up,
            work: Work::None,
            entered_at: MonoMs(0),
            nullifications: 0,
            rewritten: 0,
            next_housekeeping: MonoMs(0),
            effects: Vec::new(),
            tokens: 0,
            stopped: false,
            setup,
        }
    }

    /// Takes one event and returns what it leads to, in order.
    ///
    /// `mono` is a monotonic clock in ms since the start, `os_wall` the operating system's in ms UTC; the latter may be
    /// wrong by years.
    pub fn step(&mut self, event: Event, mono: MonoMs, os_wall: TimeMs) -> Vec<Effect> {
        self.read_clock(mono, os_wall);
        if self.stopped {
            self.wind_down(event);
        } else {
            self.handle(event);
            self.settle();
        }
        std::mem::take(&mut self.effects)
    }

    /// When the next [`Event::Tick`] is due at the latest.
    #[must_use]
    pub fn next_deadline(&self) -> MonoMs {
        let core = self.current.core.as_ref().and_then(Core::next_deadline);
        [core, self.txs.outgoing.flush_at(), Some(self.next_housekeeping)]
            .into_iter()
            .flatten()
            .min()
            .unwrap_or(self.mono)
    }

    /// Whether everything that was started is on disk: after [`Event::Stop`] the node may end.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.outbox.is_idle() && self.backlog.queue.is_empty()
    }

    /// The last finalized header.
    #[must_use]
    pub const fn finalized(&self) -> &Header {
        &self.tree.header
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Start => self.start(),
            Event::Tick => {} // deadlines are looked at after every event
            Event::Validator { from, peer, message } => self.on_validator(from, peer, message),
            Event::ValidatorConnected { key, peer } => self.on_validator_connected(key, peer),
            Event::PeerReady { peer, validator, height, serves } => {
                self.peers.ready(peer, validator, height, serves);
            }
            Event::PeerHeight { peer, height } => self.peers.ahead(&peer, height),
            Event::PeerGone { peer } => {
                self.peers.gone(&peer);
                self.sync.gone(&peer);
                self.heard.gone(&peer);
                self.bodies.gone(&peer);
                self.relay.closed(&peer);
            }
            Event::Gossip { peer, id, message } => match message {
                Gossip::Txs(txs) => self.on_gossiped_txs(peer, id, txs.into_inner()),
                Gossip::Finalized(light) => self.on_gossiped_header(peer, id, *light),
                Gossip::Evidence(evidence) => self.on_gossiped_evidence(peer, id, *evidence),
            },
            Event::Request { token, peer, request } => self.on_request(token, peer, request),
            Event::Response { token, response } => {
                if let Some(response) = self.on_reached(token, response) {
                    self.on_response(token, response);
                }
            }
            Event::Submit { token, txs } => self.on_submit(token, txs),
            Event::Ask { token, question } => self.on_question(token, question),
            Event::Done(done) => self.on_done(done),
            Event::LowSpace(low) => self.low_space = low,
            Event::Stop => self.stopped = true,
        }
    }

    /// Nothing new begins after a stop; what was begun ends in order.
    fn wind_down(&mut self, event: Event) {
        match event {
            Event::Done(Done::Committed { height }) => self.on_committed(height),
            Event::Done(Done::Persisted { token, .. }) => drop(self.outbox.durable(token)),
            Event::Submit { token, txs } => self.refuse_all(token, &txs, &SubmitError::Stopping),
            _ => {}
        }
    }

    fn on_done(&mut self, done: Done) {
        match done {
            Done::Body { hash, result } => self.on_body(hash, result),
            Done::Txs { token, results } => self.on_txs_checked(token, results),
            Done::Executed { hash, result } => self.on_executed(hash, result),
            Done::Built { round, result } => self.on_built(round, *result),
            Done::Replayed { token, result } => self.on_replayed(token, result),
            Done::Persisted { token, signed, refused } => self.on_persisted(token, signed, refused),
            Done::Committed { height } => self.on_committed(height),
        }
    }

    fn start(&mut self) {
        self.next_housekeeping = self.mono.after(HOUSEKEEPING_MS);
        self.finalized_at = self.mono;
        self.start_epoch();
    }

    /// Consequences that any event may have: changed work, flushes, synchronization.
    fn settle(&mut self) {
        if self.mono >= self.next_housekeeping {
            self.next_housekeeping = self.mono.after(HOUSEKEEPING_MS);
            self.expire_txs();
            self.recheck_txs();
            self.gossip_again();
            self.hand_on_by_request();
            self.tell_links();
            self.listen();
            self.tell_clock();
            self.accuse_again();
            self.sit_out();
        }
        let due = self.current.core.as_ref().and_then(Core::next_deadline);
        if due.is_some_and(|at| at <= self.mono) {
            self.feed(Input::Tick); // a busy network must not keep the timers waiting
        }
        let work = self.work_known();
        if work != self.work {
            self.work = work;
            self.feed(Input::Work(work));
        }
        self.press_or_release();
        self.tidy_log();
        self.flush_gossip();
        self.synchronize();
    }

    /// Work that nobody else announces.
    fn work_known(&mut self) -> Work {
        if self.has_ready_tx() {
            Work::Transaction
        } else if wattle_runtime::query::has_due(&self.tree.state, self.next_time()) {
            Work::Due
        } else {
            Work::None
        }
    }

    fn token(&mut self) -> Token {
        self.tokens = self.tokens.saturating_add(1);
        Token(self.tokens)
    }

    fn emit(&mut self, effect: Effect) {
        self.effects.push(effect);
    }
}

#[cfg(test)]
mod stall_tests;
#[cfg(test)]
mod tests;
