//! The threads beside the run loop: long work, the log, the database.
//!
//! Each takes its orders from a channel and reports to the loop. What can wait in a channel is bounded by the driver:
//! one build and one execution at a time for a block, [`crate::driver::COMMIT_BACKLOG_MAX`] commits, and no more
//! transactions than [`crate::driver`] lets through to checking.

use super::storage::Journal;
use crate::driver::{Committing, Done, Job, Token};
use crate::file::Dir;
use crate::signer::{PersistError, Syncs};
use crate::wal::record::WalRecord;
use crate::work::{Unchecked, Worker};
use std::borrow::Cow;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread::JoinHandle;
use tokio::sync::mpsc::UnboundedSender;
use wattle_p2p::wire::Response;
use wattle_primitives::{Height, ValidatorIndex, Vote, encode};
use wattle_runtime::{Commit, Store, StoreError};

/// What a thread tells the loop.
#[derive(Debug)]
pub enum Report {
    /// An order was carried out.
    Done(Done),
    /// A peer answered, or did not in time.
    Response {
        /// Names the question.
        token: Token,
        /// What came.
        response: Option<Response>,
    },
    /// How long it took to make a batch of blocks durable.
    Committed(std::time::Duration),
    /// Whether less room is left on the disk than is to be kept free.
    LowSpace(bool),
    /// The disk failed: the process must end.
    Fatal(Fatal),
}

/// Why the process must end.
#[derive(Debug, thiserror::Error)]
pub enum Fatal {
    /// What was to be durable is not.
    #[error("cannot make a group durable")]
    Persist(#[from] PersistError),
    /// A finalized block could not be stored.
    #[error("cannot commit a finalized block")]
    Commit(#[from] StoreError),
    /// A thread ended unexpectedly.
    #[error("thread {0} ended")]
    Thread(&'static str),
}

/// One group for the log.
#[derive(Debug)]
pub struct Order {
    /// Names it.
    pub token: Token,
    /// Highest height it is about.
    pub height: Height,
    /// Records.
    pub records: Vec<WalRecord>,
    /// Votes to sign.
    pub votes: Vec<(Vote, ValidatorIndex)>,
}

/// Orders for the log's thread.
#[derive(Debug)]
pub enum LogOrder {
    /// Make a group durable.
    Persist(Order),
    /// Heights up to this one are in the database.
    Release(Height),
}

/// Starts a thread that does long work in order.
///
/// # Errors
/// When the system gives no thread.
pub fn worker(
    worker: Worker,
    reports: UnboundedSender<Report>,
) -> std::io::Result<(mpsc::Sender<Job>, JoinHandle<()>)> {
    let (orders, inbox) = mpsc::channel::<Job>();
    let thread = std::thread::Builder::new().name("wattle-work".into()).spawn(move || {
        for job in inbox {
            if reports.send(Report::Done(worker.run(job))).is_err() {
                return; // the loop has ended
            }
        }
    })?;
    Ok((orders, thread))
}

/// Transactions above which a batch takes in no further source: beyond it a signature costs hardly less.
const CHECKED_TOGETHER: usize = 1024;

/// Starts the thread that checks transactions. What has piled up from several sources is verified as one batch.
///
/// # Errors
/// When the system gives no thread.
pub fn checker(
    worker: Worker,
    reports: UnboundedSender<Report>,
) -> std::io::Result<(mpsc::Sender<Unchecked>, JoinHandle<()>)> {
    let (orders, inbox) = mpsc::channel::<Unchecked>();
    let thread = std::thread::Builder::new().name("wattle-check".into()).spawn(move || {
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
                    return; // the loop has ended
                }
            }
        }
    })?;
    Ok((orders, thread))
}

/// Starts the log's thread.
///
/// # Errors
/// When the system gives no thread.
pub fn log<W: Dir, S: Dir>(
    mut journal: Journal<W, S>,
    reports: UnboundedSender<Report>,
) -> std::io::Result<(mpsc::Sender<LogOrder>, JoinHandle<()>)>
where
    Journal<W, S>: Send,
{
    let (orders, inbox) = mpsc::channel::<LogOrder>();
    let thread = std::thread::Builder::new().name("wattle-log".into()).spawn(move || {
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
            };
            let fatal = report.is_err();
            let report = report.unwrap_or_else(|error| Report::Fatal(Fatal::Persist(error)));
            if reports.send(report).is_err() || fatal {
                return;
            }
        }
    })?;
    Ok((orders, thread))
}

/// Starts the database's thread. Commits that have piled up go into one synced batch.
///
/// # Errors
/// When the system gives no thread.
pub fn committer(
    store: Arc<dyn Store>,
    reports: UnboundedSender<Report>,
) -> std::io::Result<(mpsc::Sender<Vec<Committing>>, JoinHandle<()>)> {
    let (orders, inbox) = mpsc::channel::<Vec<Committing>>();
    let thread = std::thread::Builder::new().name("wattle-commit".into()).spawn(move || {
        while let Ok(mut batch) = inbox.recv() {
            batch.extend(inbox.try_iter().flatten());
            let begun = std::time::Instant::now();
            let stored = commit(store.as_ref(), &batch);
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
    })?;
    Ok((orders, thread))
}

/// Writes final blocks, oldest first, in one synced batch. Returns the last height.
///
/// # Errors
/// [`StoreError`]; the process must end.
pub fn commit(store: &dyn Store, batch: &[Committing]) -> Result<Option<Height>, StoreError> {
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
