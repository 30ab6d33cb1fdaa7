//! The chain as readers see it: the last committed block with its state, the database, and a line to the driver.

use super::encoded::Encoded;
use super::holds::Holds;
use super::storage::Found;
use crate::driver::{Answer, FinalBlock, Question, SubmitError};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::{mpsc, oneshot, watch};
use wattle_primitives::call::ledger::AccountId;
use wattle_primitives::{
    Address, AssetId, Certificate, Epoch, Genesis, Hash, Header, Height, PublicKey, TimeMs, Tx,
};
use wattle_runtime::supply::{History, Holdings, Tally};
use wattle_runtime::{Schedule, State, Store, keys};

/// Most questions and submissions that wait for the loop.
pub const COMMANDS_MAX: usize = 1024;

/// The last committed block.
#[derive(Clone, Debug)]
pub struct View {
    /// Its header.
    pub header: Header,
    /// Its hash.
    pub hash: Hash,
    /// State after it.
    pub state: State,
    /// Parameters and validator sets in that state.
    pub schedule: Arc<Schedule>,
    /// The last finalization.
    pub certificate: Option<Certificate>,
}

impl View {
    /// The view of a chain as it was found on disk.
    #[must_use]
    pub fn of(found: &Found) -> Self {
        Self {
            hash: found.header.hash(),
            header: found.header.clone(),
            state: found.state.clone(),
            schedule: Arc::clone(&found.schedule),
            certificate: found.certificate.clone(),
        }
    }

    /// The operator of the microgrid in which a meter of this key takes readings.
    #[must_use]
    pub fn operator_of(&self, meter: &PublicKey) -> Option<Address> {
        let meter = self.state.read(keys::meter(&Address::of_key(meter)))?;
        let counts = meter.replaced_by.is_none() && meter.retired_ms.is_none();
        counts.then(|| self.state.read(keys::microgrid(&meter.microgrid))).flatten().map(|grid| grid.operator)
    }

    /// The epoch that decides on the next block.
    #[must_use]
    pub fn next_epoch(&self) -> Epoch {
        self.schedule.epoch_after(self.header.height)
    }
}

/// Everything that answers are made from. Shared by RPC, peers' questions and commands.
pub struct Shared {
    /// Genesis hash.
    pub chain: Hash,
    /// The chain's genesis; parameters and validator sets are the view's.
    pub genesis: Arc<Genesis>,
    /// Our validator key.
    pub key: Option<PublicKey>,
    /// Balances that the genesis gave out.
    pub given: History,
    /// Finalized history.
    pub store: Arc<dyn Store>,
    /// Blocks that peers take in parts.
    pub(super) encoded: Encoded,
    at: RwLock<At>,
    heights: watch::Sender<Height>,
    /// The node's clock, ms UTC.
    clock: AtomicU64,
    commands: mpsc::Sender<Command>,
}

/// Where the chain stands, where all money is then, and which holds are open.
struct At {
    view: Arc<View>,
    /// `None` when an account is below zero, which no state should show.
    tally: Option<Tally>,
    holds: Holds,
}

/// The sum; `None`, and an error in the log, when the state breaks a rule: the node goes on without figures of money.
fn sound<T, E: std::fmt::Display>(sum: Result<T, E>) -> Option<T> {
    sum.inspect_err(|broken| tracing::error!(%broken, "the state is not sound: run `wattle doctor`")).ok()
}

/// A client's order to the driver.
#[derive(Debug)]
pub enum Command {
    /// Take transactions.
    Submit(Vec<Tx>, oneshot::Sender<Answer>),
    /// Answer a question.
    Ask(Question, oneshot::Sender<Answer>),
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("chain", &self.chain)
            .field("height", &self.view().header.height)
            .finish()
    }
}

impl Shared {
    /// Readers of a chain that stands at `view`.
    #[must_use]
    pub fn new(
        chain: Hash,
        genesis: Arc<Genesis>,
        key: Option<PublicKey>,
        store: Arc<dyn Store>,
        view: View,
    ) -> (Arc<Self>, mpsc::Receiver<Command>) {
        let (commands, inbox) = mpsc::channel(COMMANDS_MAX);
        let (heights, _) = watch::channel(view.header.height);
        let (tally, holds) = (sound(Tally::of(&view.state)), Holds::of(&view.state));
        let clock = AtomicU64::new(view.header.time_ms.0);
        let at = RwLock::new(At { view: Arc::new(view), tally, holds });
        let (given, encoded) = (History::of_genesis(&genesis), Encoded::default());
        (Arc::new(Self { chain, genesis, key, given, store, encoded, at, heights, clock, commands }), inbox)
    }

    /// The last committed block.
    #[must_use]
    pub fn view(&self) -> Arc<View> {
        Arc::clone(&self.at.read().unwrap_or_else(PoisonError::into_inner).view)
    }

    /// The last committed block, and where an asset's units are after it.
    #[must_use]
    pub fn holdings(&self, asset: AssetId) -> (Arc<View>, Option<Holdings>) {
        let at = self.at.read().unwrap_or_else(PoisonError::into_inner);
        (Arc::clone(&at.view), at.tally.as_ref().map(|tally| tally.of_asset(asset)))
    }

    /// The last committed block, and the holds that are open after it of an account: debited, credited, or its captor's
    /// wallet; by id, from an id on, at most `limit`.
    #[must_use]
    pub fn holds(&self, account: &AccountId, from: Hash, limit: usize) -> (Arc<View>, Vec<Hash>) {
        let at = self.at.read().unwrap_or_else(PoisonError::into_inner);
        (Arc::clone(&at.view), at.holds.list(account, from, limit))
    }

    /// The last committed height, as it moves.
    #[must_use]
    pub fn heights(&self) -> watch::Receiver<Height> {
        self.heights.subscribe()
    }

    /// The node's clock at its driver's last step, which is less than a second ago.
    #[must_use]
    pub fn clock(&self) -> TimeMs {
        TimeMs(self.clock.load(Ordering::Relaxed))
    }

    /// The node's clock goes on.
    pub fn set_clock(&self, reading: TimeMs) {
        self.clock.store(reading.0, Ordering::Relaxed);
    }

    /// A block is in the database: readers move on to it.
    pub fn announce(&self, block: &FinalBlock) {
        let mut at = self.at.write().unwrap_or_else(PoisonError::into_inner);
        let At { view, tally, holds } = &mut *at;
        let moved = sound(block.executed.moved.as_ref());
        *tally = tally.take().zip(moved).map(|(mut tally, moved)| {
            tally.add(moved);
            tally
        });
        let written = block.executed.writes.iter().map(|(key, _)| key.as_slice());
        holds.go_on(&view.state, &block.executed.state, written);
        let certificate = block.certificate.clone().or_else(|| view.certificate.clone());
        let (header, state) = (block.block.header().clone(), block.executed.state.clone());
        let (height, hash, mut schedule) = (header.height, block.block.hash, Arc::clone(&view.schedule));
        // The schedule changes with an epoch only.
        if height == schedule.params().terminal_height(header.epoch)
            && let Some(changed) = Schedule::of(&state)
        {
            schedule = Arc::new(changed);
        }
        *view = Arc::new(View { header, hash, state, schedule, certificate });
        drop(at);
        self.heights.send_replace(height);
    }

    /// Offers transactions; one verdict each, in order.
    pub async fn submit(&self, txs: Vec<Tx>) -> Vec<Result<Hash, (Hash, SubmitError)>> {
        let ids: Vec<Hash> = txs.iter().map(Tx::id).collect();
        let (reply, answer) = oneshot::channel();
        let error = match self.commands.try_send(Command::Submit(txs, reply)) {
            Ok(()) => match answer.await {
                Ok(Answer::Submitted(answers)) => return answers,
                _ => SubmitError::Stopping,
            },
            Err(mpsc::error::TrySendError::Full(_)) => SubmitError::Busy,
            Err(mpsc::error::TrySendError::Closed(_)) => SubmitError::Stopping,
        };
        ids.into_iter().map(|id| Err((id, error.clone()))).collect()
    }

    /// Asks the driver; `None` when it is too busy, or the node stops.
    pub async fn ask(&self, question: Question) -> Option<Answer> {
        let (reply, answer) = oneshot::channel();
        self.commands.try_send(Command::Ask(question, reply)).ok()?;
        answer.await.ok()
    }
}
