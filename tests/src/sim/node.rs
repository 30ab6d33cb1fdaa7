//! One node: the real driver, log, sign state and store, on a simulated disk.

use super::coverage::Mark;
use super::plan::{Plan, node_seed, validator_key};
use super::rng::Rng;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use wattle_node::driver::{Driver, FinalBlock, Setup};
use wattle_node::journal::Journal;
use wattle_node::mempool::Limits;
use wattle_node::run::shared::{Command, Shared, View};
use wattle_node::run::storage::{StorageError, open_chain};
use wattle_node::run::threads::LogOrder;
use wattle_node::signer::{Barred, DataDir};
use wattle_node::wal::WalConfig;
use wattle_node::work::{Token, TxCache, Worker};
use wattle_p2p::wire::Gossip;
use wattle_p2p::{NodeKey, PeerId};
use wattle_primitives::{Genesis, Hash, Height, PublicKey, SecretKey};
use wattle_runtime::Store;
use wattle_runtime::store::MemoryStore;
use wattle_test_disk::{Crash, Faults as SimFaults, SimDir};

/// Bytes of a log segment: mostly small, so that segments are closed and let go of.
const SEGMENT_BYTES: [u64; 3] = [24 * 1024, 128 * 1024, 64 * 1024 * 1024];

/// A node, running or not. Its disk outlives its crashes.
pub(super) struct Node {
    pub(super) key: Option<PublicKey>,
    seed: Option<[u8; 32]>,
    pub(super) peer: PeerId,
    wal: SimDir,
    sign: SimDir,
    segment_bytes: u64,
    /// The disk is the one that the key was made on.
    disk_is_first: bool,
    /// Whether it has ever come back with an earlier state of its disks: all that makes it vote twice.
    pub(super) rolled_back: bool,
    /// An earlier state of both disks, for who restores a backup.
    backup: Option<(SimDir, SimDir)>,
    /// A disk is set to fail, in this way.
    pub(super) armed: Option<Mark>,
    pub(super) store: Arc<MemoryStore>,
    /// Counts starts; what was meant for an earlier life is void.
    pub(super) life: u64,
    /// How wrong its wall clock is, in ms; `None`: it has no clock and says 1970.
    pub(super) clock_ms: Option<i64>,
    pub(super) running: Option<Box<Running>>,
}

/// The part of a node that a crash forgets.
pub(super) struct Running {
    pub(super) driver: Driver,
    pub(super) shared: Arc<Shared>,
    /// Kept open: a closed one would tell readers that the node has ended.
    _commands: tokio::sync::mpsc::Receiver<Command>,
    pub(super) worker: Worker,
    pub(super) journal: Option<Journal<SimDir, SimDir>>,
    pub(super) log: VecDeque<LogOrder>,
    pub(super) logging: bool,
    pub(super) commits: Vec<FinalBlock>,
    pub(super) committing: bool,
    /// When each of the two threads for long work is free.
    pub(super) free_at: [u64; 2],
    /// Monotonic zero.
    pub(super) origin: u64,
    /// When the next tick is due.
    pub(super) timer: Option<u64>,
    /// Validators with whom messages are exchanged.
    pub(super) allowed: BTreeSet<PublicKey>,
    /// Own questions that have no answer yet.
    pub(super) asked: BTreeSet<Token>,
    /// Questions of others: who, in which life, under which token.
    pub(super) questions: BTreeMap<Token, (usize, u64, Token)>,
    pub(super) tokens: u64,
    /// Gossip seen: when, and what waits for its verdict.
    pub(super) gossip: BTreeMap<Hash, (u64, Option<Arc<Gossip>>)>,
}

impl Node {
    pub(super) fn new(index: usize, plan: &Plan) -> Result<Self, String> {
        let seed = plan.key_of(index).map(|validator| *validator_key(validator).seed());
        let node_key = NodeKey::from_seed(&mut node_seed(index)).map_err(|e| e.to_string())?;
        Ok(Self {
            key: seed.map(|s| SecretKey::from_seed(s).public()),
            seed,
            peer: node_key.peer_id(),
            wal: SimDir::new(),
            sign: SimDir::new(),
            segment_bytes: SEGMENT_BYTES[(index + usize::try_from(plan.seed % 3).unwrap_or(0)) % 3],
            disk_is_first: true,
            rolled_back: false,
            backup: None,
            armed: None,
            store: empty_store()?,
            life: 0,
            clock_ms: Some(0),
            running: None,
        })
    }

    /// Opens what is on disk, as the real node does.
    pub(super) fn open(
        &mut self,
        genesis: &Arc<Genesis>,
        now: u64,
        entropy: [u8; 32],
    ) -> Result<Height, StorageError> {
        let found = open_chain(self.store.as_ref(), genesis)?;
        let height = found.header.height;
        let (mut records, mut bodies, mut given_up, mut journal) = (Vec::new(), Vec::new(), None, None);
        let (mut latest, mut barred) = (None, Barred::Free);
        if let Some(seed) = self.seed {
            let config = WalConfig { chain: found.chain, entropy, segment_bytes: self.segment_bytes };
            let (wal, sign, key) = (self.wal.clone(), self.sign.clone(), SecretKey::from_seed(seed));
            let data = match height {
                Height::ZERO if self.disk_is_first => DataDir::NewKey, // as `wattle init` leaves it
                Height::ZERO => DataDir::Empty,
                _ => DataDir::InUse,
            };
            let voting = Journal::open(wal, sign, found.chain, key, data, config)?;
            (given_up, latest, barred) = (voting.given_up, voting.latest, voting.barred);
            (journal, records, bodies) = (Some(voting.journal), voting.records, voting.bodies);
        }
        self.life += 1;
        let store: Arc<dyn Store> = self.store.clone();
        let view = View::of(&found);
        let (shared, commands) = Shared::new(found.chain, Arc::clone(genesis), self.key, store, view);
        let worker = Worker {
            chain: found.chain,
            schedule: Arc::clone(&found.schedule),
            cache: Arc::new(TxCache::default()),
        };
        let setup =
            Setup { chain: found.chain, key: self.key, mempool: Limits::NODE, log_bytes: self.segment_bytes };
        self.running = Some(Box::new(Running {
            driver: Driver::new(setup, found.boot(records, bodies, given_up, latest, barred)),
            shared,
            _commands: commands,
            worker,
            journal,
            log: VecDeque::new(),
            logging: false,
            commits: Vec::new(),
            committing: false,
            free_at: [0; 2],
            origin: now,
            timer: None,
            allowed: BTreeSet::new(),
            asked: BTreeSet::new(),
            questions: BTreeMap::new(),
            tokens: 0,
            gossip: BTreeMap::new(),
        }));
        Ok(height)
    }

    /// Lets a disk fail at one of its next operations: the power goes off in the middle of whatever is written then,
    /// a sync reports an error and loses what it should have kept, or nothing more fits.
    pub(super) fn arm_disk_fault(&mut self, rng: &mut Rng) {
        let dir = if rng.coin() { &self.wal } else { &self.sign };
        let counts = dir.counts();
        let full = rng.chance(200);
        let faults = if full {
            SimFaults { capacity_bytes: Some(0), ..SimFaults::default() }
        } else if rng.chance(700) {
            SimFaults { power_off: Some(counts.operations + rng.below(8)), ..SimFaults::default() }
        } else {
            SimFaults { fail_sync: Some(counts.syncs + rng.below(4)), ..SimFaults::default() }
        };
        dir.set_faults(faults);
        let mark = if full { Mark::DiskFull } else { Mark::DiskFault };
        self.armed = self.seed.map(|_| mark);
    }

    /// The next sync of each disk lies.
    pub(super) fn skip_syncs(&self) {
        for dir in [&self.wal, &self.sign] {
            let skip_sync = Some(dir.counts().syncs);
            dir.set_faults(SimFaults { skip_sync, ..SimFaults::default() });
        }
    }

    /// Keeps a copy of both disks, which nobody ever should.
    pub(super) fn back_up(&mut self) {
        self.backup = Some((self.wal.durable_copy(), self.sign.durable_copy()));
    }

    /// Puts the copy back; `false` when there is none.
    pub(super) fn roll_back(&mut self) -> bool {
        let Some((wal, sign)) = &self.backup else { return false };
        (self.wal, self.sign) = (wal.durable_copy(), sign.durable_copy());
        self.rolled_back = true;
        true
    }

    /// All disks are new.
    pub(super) fn wipe(&mut self) -> Result<(), String> {
        (self.wal, self.sign, self.backup) = (SimDir::new(), SimDir::new(), None);
        self.store = empty_store()?;
        self.disk_is_first = false;
        Ok(())
    }

    /// Memory is gone; what was not synced meets its fate, or is all gone too.
    pub(super) fn crash(&mut self, rng: &mut Rng, drop_all: bool) {
        self.life += 1;
        self.running = None;
        self.armed = None;
        for dir in [&self.wal, &self.sign] {
            let kinds = [Crash::DropUnsynced, Crash::TornPrefix, Crash::AnySectors];
            let kind = *rng.pick(&kinds).filter(|_| !drop_all).unwrap_or(&Crash::DropUnsynced);
            dir.crash(kind, rng.next());
        }
    }
}

impl Running {
    pub(super) fn new_token(&mut self) -> Token {
        self.tokens += 1;
        Token(self.tokens)
    }
}

fn empty_store() -> Result<Arc<MemoryStore>, String> {
    MemoryStore::in_memory().map(Arc::new).map_err(|e| e.to_string())
}
