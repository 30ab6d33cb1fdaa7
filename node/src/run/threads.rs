//! The threads beside the run loop: long work, the log, the database.
//!
//! Each takes its orders from a channel and reports to the loop. What can wait in a channel is bounded by the driver:
//! one build and one execution at a time for a block, [`crate::driver::COMMIT_BACKLOG_MAX`] commits, and no more
//! transactions than [`crate::driver`] lets through to checking.

use crate::driver::FinalBlock;
use crate::journal::{Journal, JournalError, Order, Syncs};
use crate::signer::Barred;
use crate::work::{Done, Job, Token, Unchecked, Worker};
use std::borrow::Cow;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::UnboundedSender;
use wattle_host::dir::{Dir, OsDir};
use wattle_p2p::wire::Response;
use wattle_primitives::evidence::AccusationId;
use wattle_primitives::{Accusation, Height, encode};
use wattle_runtime::{Commit, Store, StoreError};

/// The channel from the threads to the loop.
pub(super) type Reports = UnboundedSender<Report>;

/// A thread's message to the loop.
#[derive(Debug)]
pub enum Report {
    /// An order was carried out.
    Done(Done),
    /// A peer answered, or did not in time.
    Response {
        /// Names the question.
        token: Token,
        /// The answer.
        response: Option<Response>,
    },
    /// How long it took to make a batch of blocks durable.
    Committed(Duration),
    /// Whether less room is left on the disk than is to be kept free.
    LowSpace(bool),
    /// The disk failed: the process must end.
    Fatal(Fatal),
}

/// Why the process must end.
#[derive(Debug, thiserror::Error)]
pub enum Fatal {
    /// A group of the log is not durable.
    #[error("cannot make a group durable")]
    Persist(#[from] JournalError),
    /// A finalized block could not be stored.
    #[error("cannot commit a finalized block")]
    Commit(#[from] StoreError),
    /// A thread ended unexpectedly.
    #[error("thread {0} ended")]
    Thread(&'static str),
}

/// Orders for the log's thread.
#[derive(Debug)]
pub enum LogOrder {
    /// Make a group durable.
    Persist(Order),
    /// Heights up to this one are in the database.
    Release(Height),
    /// Sign nothing in these rounds.
    Bar(Barred),
}

/// Orders for the database's thread.
#[derive(Debug)]
enum StoreOrder {
    /// Store final blocks.
    Commit(Vec<FinalBlock>),
    /// Keep proof against a validator.
    Accuse { found: Box<Accusation>, forgotten: Option<AccusationId> },
}

/// Transactions above which a batch takes in no further source: beyond it a signature costs hardly less.
const CHECKED_TOGETHER: usize = 1024;

/// Names of the threads.
const WORK: &str = "wattle-work";
const CHECK: &str = "wattle-check";
const LOG: &str = "wattle-log";
const COMMIT: &str = "wattle-commit";

/// The running threads, and the channels to them. They end when this is dropped, after all that was ordered.
pub(super) struct Threads {
    work: Sender<Job>,
    check: Sender<Unchecked>,
    commit: Sender<StoreOrder>,
    log: Option<Sender<LogOrder>>,
    running: Vec<JoinHandle<()>>,
}

impl Threads {
    /// Starts all; only a validator has a journal to write.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(super) fn start(
        worker: Worker,
        store: Arc<dyn Store>,
        journal: Option<Journal<OsDir, OsDir>>,
        reports: &Reports,
    ) -> io::Result<Self> {
        let mut running = Vec::with_capacity(4);
        let checker = worker.clone();
        let work = start(WORK, reports, &mut running, move |inbox, reports| work(&worker, inbox, reports))?;
        let check =
            start(CHECK, reports, &mut running, move |inbox, reports| check(&checker, &inbox, reports))?;
        let commit = start(COMMIT, reports, &mut running, move |inbox, reports| {
            write_store(store.as_ref(), &inbox, reports);
        })?;
        let log = match journal {
            Some(mut journal) => Some(start(LOG, reports, &mut running, move |inbox, reports| {
                write_log(&mut journal, inbox, reports);
            })?),
            None => None,
        };
        Ok(Self { work, check, commit, log, running })
    }

    /// Has long work done: checks of transactions on a thread of their own, all else in order.
    pub(super) fn work(&self, job: Job) -> Result<(), Fatal> {
        match job {
            Job::Txs { token, txs } => order(CHECK, &self.check, (token, txs)),
            job => order(WORK, &self.work, job),
        }
    }

    /// Has a group made durable.
    pub(super) fn persist(&self, group: Order) -> Result<(), Fatal> {
        let log = self.log.as_ref().ok_or(Fatal::Thread(LOG))?;
        order(LOG, log, LogOrder::Persist(group))
    }

    /// Lets the log go up to a height that is in the database.
    pub(super) fn release(&self, height: Height) -> Result<(), Fatal> {
        self.log.as_ref().map_or(Ok(()), |log| order(LOG, log, LogOrder::Release(height)))
    }

    /// Has nothing signed in these rounds.
    pub(super) fn bar(&self, barred: Barred) -> Result<(), Fatal> {
        self.log.as_ref().map_or(Ok(()), |log| order(LOG, log, LogOrder::Bar(barred)))
    }

    /// Has final blocks stored.
    pub(super) fn commit(&self, batch: Vec<FinalBlock>) -> Result<(), Fatal> {
        order(COMMIT, &self.commit, StoreOrder::Commit(batch))
    }

    /// Has proof against a validator stored, in place of another.
    pub(super) fn accuse(&self, found: Accusation, forgotten: Option<AccusationId>) -> Result<(), Fatal> {
        order(COMMIT, &self.commit, StoreOrder::Accuse { found: Box::new(found), forgotten })
    }

    /// Lets the threads end and waits for them: they hold the locks of log, sign state and database. False when one
    /// has panicked.
    pub(super) fn end(self) -> bool {
        let Self { work, check, commit, log, running } = self;
        drop((work, check, commit, log));
        running.into_iter().map(JoinHandle::join).all(|ended| ended.is_ok())
    }
}

fn order<T>(thread: &'static str, to: &Sender<T>, what: T) -> Result<(), Fatal> {
    to.send(what).map_err(|_| Fatal::Thread(thread))
}

fn start<T: Send + 'static>(
    name: &str,
    reports: &Reports,
    running: &mut Vec<JoinHandle<()>>,
    body: impl FnOnce(Receiver<T>, &Reports) + Send + 'static,
) -> io::Result<Sender<T>> {
    let (orders, inbox) = channel();
    let reports = reports.clone();
    let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || body(inbox, &reports))?;
    running.push(thread);
    Ok(orders)
}

// A thread ends when it has no more orders, or when the loop that it reports to has ended.

fn work(worker: &Worker, inbox: Receiver<Job>, reports: &Reports) {
    for job in inbox {
        if reports.send(Report::Done(worker.run(job))).is_err() {
            return;
        }
    }
}

/// Checks transactions. What has piled up from several sources is verified as one batch.
fn check(worker: &Worker, inbox: &Receiver<Unchecked>, reports: &Reports) {
    while let Ok(first) = inbox.recv() {
        let mut count = first.1.len();
        let mut sources = vec![first];
        while count < CHECKED_TOGETHER
            && let Ok(next) = inbox.try_recv()
        {
            count = count.saturating_add(next.1.len());
            sources.push(next);
        }
        for done in worker.check_together(sources) {
            if reports.send(Report::Done(done)).is_err() {
                return;
            }
        }
    }
}

fn write_log<W: Dir, S: Dir>(journal: &mut Journal<W, S>, inbox: Receiver<LogOrder>, reports: &Reports) {
    for order in inbox {
        let report = match order {
            LogOrder::Persist(order) => {
                let report = journal.persist(order, Syncs::Together);
                if let Ok(Done::Persisted { signed, .. }) = &report {
                    // From here on these may leave: who looks for lost votes starts with this line.
                    for vote in signed {
                        tracing::debug!(target: "wattle::votes", vote = %hex::encode(encode(vote)), "durable");
                    }
                }
                report.map(Report::Done)
            }
            LogOrder::Release(height) => match journal.release(height) {
                Ok(()) => continue,
                Err(error) => Err(error),
            },
            LogOrder::Bar(barred) => match journal.bar(barred) {
                Ok(()) => continue,
                Err(error) => Err(error),
            },
        };
        let fatal = report.is_err();
        let report = report.unwrap_or_else(|error| Report::Fatal(Fatal::Persist(error)));
        if reports.send(report).is_err() || fatal {
            return;
        }
    }
}

/// Stores final blocks and proofs. Blocks that have piled up go into one synced batch.
fn write_store(store: &dyn Store, inbox: &Receiver<StoreOrder>, reports: &Reports) {
    while let Ok(first) = inbox.recv() {
        let (mut batch, mut accused) = (Vec::new(), Ok(()));
        for order in std::iter::once(first).chain(inbox.try_iter()) {
            match order {
                StoreOrder::Commit(blocks) => batch.extend(blocks),
                StoreOrder::Accuse { found, forgotten } => {
                    accused = accused.and_then(|()| store.accuse(&found, forgotten.as_ref()));
                }
            }
        }
        if batch.is_empty() && accused.is_ok() {
            continue;
        }
        let begun = Instant::now();
        let stored = accused.and_then(|()| commit(store, &batch));
        let _ = reports.send(Report::Committed(begun.elapsed())); // the loop's end is seen below
        let report = match stored {
            Ok(Some(height)) => Report::Done(Done::Committed { height }),
            Ok(None) => continue,
            Err(error) => Report::Fatal(Fatal::Commit(error)),
        };
        let fatal = matches!(report, Report::Fatal(_));
        if reports.send(report).is_err() || fatal {
            return;
        }
    }
}

/// Writes final blocks, oldest first, in one synced batch. Returns the last height.
///
/// # Errors
/// [`StoreError`]; the process must end.
pub fn commit(store: &dyn Store, batch: &[FinalBlock]) -> Result<Option<Height>, StoreError> {
    let commits: Vec<Commit<'_>> = batch
        .iter()
        .map(|item| Commit {
            block: Cow::Borrowed(&item.block.block),
            certificate: item.certificate.as_ref().map(Cow::Borrowed),
            receipts: Cow::Borrowed(&item.executed.receipts),
            writes: Cow::Borrowed(&item.executed.writes),
        })
        .collect();
    store.commit(&commits)?;
    Ok(batch.last().map(|item| item.block.header().height))
}
