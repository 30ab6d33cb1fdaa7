//! The durable queue between the meter and the chain.
//!
//! Readings are appended to segments, become visible to the sender once they are synced, and go when the chain is
//! proven to have them. A number is reserved durably before a reading with it can exist, in runs of
//! [`RESERVATION`]: after a crash the rest of a run is skipped, so that no number is ever signed twice for two
//! different readings. Gaps are allowed.
//!
//! # Invariants
//! - A reading that was synced is returned by [`Queue::pending`] until it is acknowledged, dropped for lack of
//!   room (counted and logged), or its slot of the disk is damaged (counted and logged).
//! - Numbers rise. None is given out twice, whatever was lost.
//!
//! # A new directory
//! It cannot know what an older one has used. Until [`Queue::anchor`] has compared the numbers with the chain's,
//! nothing may be sent; if the chain is ahead, the caller signs the pending readings again with fresh numbers.

mod error;
mod segment;
mod slot;
mod state;

pub(crate) use error::QueueError;
pub(crate) use state::Inflight;

use crate::wear::PAGE_BYTES;
use segment::Segment;
use state::{State, StateFile};
use std::collections::VecDeque;
use std::fs::File;
use std::path::{Path, PathBuf};
use wattle_host::lock::FileLock;
use wattle_primitives::call::energy::READINGS_MAX;
use wattle_primitives::planted;
use wattle_primitives::reading::SignedReading;

/// Numbers reserved at once: one write for so many readings.
pub(crate) const RESERVATION: u64 = 64;
/// Most readings that a queue may be set to hold.
pub const CAPACITY_MAX: usize = 1_000_000;

/// Findings when a queue was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Readings that still wait.
    pub pending: usize,
    /// Slots that are damaged: readings lost to the disk.
    pub damaged: u64,
    /// Bytes of unfinished writes that were cut off.
    pub torn_bytes: u64,
    /// Numbers that were reserved before and that no reading will have.
    pub skipped: u64,
}

/// The queue of one meter. Holds a lock on its directory.
pub struct Queue {
    dir: PathBuf,
    capacity: usize,
    state: State,
    state_file: StateFile,
    /// By rising numbers; the last one is written to.
    segments: VecDeque<Segment>,
    /// Numbers above `state.acked` that are in the segments, synced or not.
    waiting: VecDeque<u64>,
    /// Last number given out.
    last: u64,
    /// Last number that is durable.
    synced: u64,
    /// Numbers that no reading will ever have, since this queue was opened.
    skipped: u64,
    /// Bytes of pages written since this queue was opened.
    written: u64,
    _lock: FileLock,
}

impl Queue {
    /// Opens or creates the queue in `dir` and repairs what a power cut left. Never holds more than `capacity`
    /// readings, 1 to [`CAPACITY_MAX`].
    ///
    /// # Errors
    /// [`QueueError::Locked`] and [`QueueError::Io`].
    pub fn open(dir: &Path, capacity: usize) -> Result<(Self, Recovery), QueueError> {
        std::fs::create_dir_all(dir).map_err(QueueError::io("create", dir))?;
        let lock = lock(dir)?;
        let (state_file, state) = StateFile::open(&dir.join("state"))?;
        // Without its state the queue knows nothing of what was sent: as if new, until the chain has told.
        let state = state.unwrap_or_default();
        let mut recovery = Recovery::default();
        let (mut segments, mut waiting) = (VecDeque::new(), VecDeque::new());
        let mut last = 0;
        for (first, path) in segment_files(dir)? {
            let before = segments.back().map_or(0, |segment: &Segment| segment.last);
            let found = Segment::recover(&path, first, before)?;
            recovery.damaged = recovery.damaged.saturating_add(found.damaged);
            recovery.torn_bytes = recovery.torn_bytes.saturating_add(found.torn);
            waiting.extend(found.seqs.iter().filter(|seq| **seq > state.acked));
            last = last.max(found.segment.last);
            segments.push_back(found.segment);
        }
        recovery.pending = waiting.len();
        let synced = segments.back().map_or(0, |s| s.last);
        // Recovered readings may be in the page cache only: make them durable before anything is sent.
        for segment in &mut segments {
            segment.sync()?;
        }
        let capacity = capacity.clamp(1, CAPACITY_MAX);
        // Readings with reserved numbers that are not there may have been signed all the same: none is used again.
        let known = last.max(state.acked);
        recovery.skipped = state.reserved.saturating_sub(known);
        let last = known.max(state.reserved);
        let mut queue = Self {
            dir: dir.to_owned(),
            capacity,
            state: State { reserved: last, ..state },
            state_file,
            segments,
            waiting,
            last,
            synced,
            skipped: recovery.skipped,
            written: 0,
            _lock: lock,
        };
        queue.remove_finished()?;
        Ok((queue, recovery))
    }

    /// A number that no reading has had. It is durably reserved on return.
    ///
    /// # Errors
    /// [`QueueError::Exhausted`], [`QueueError::Io`].
    pub fn next_seq(&mut self) -> Result<u64, QueueError> {
        let seq = self.last.checked_add(1).ok_or(QueueError::Exhausted)?;
        if seq > self.state.reserved {
            let reserved = self.state.reserved.max(self.last).saturating_add(RESERVATION);
            self.update(|state| state.reserved = reserved)?;
        }
        self.last = seq;
        Ok(seq)
    }

    /// Appends a reading whose number came from [`Queue::next_seq`]. When the queue is full the oldest goes.
    ///
    /// # Errors
    /// [`QueueError::Sequence`], [`QueueError::TooLong`], [`QueueError::Io`].
    pub fn append(&mut self, reading: &SignedReading) -> Result<(), QueueError> {
        let seq = reading.reading.seq;
        let last = self.segments.back().map_or(0, |s| s.last);
        if seq <= last || seq <= self.state.acked || seq > self.last {
            return Err(QueueError::Sequence { seq, last, reserved: self.last });
        }
        if self.segments.back().is_none_or(Segment::is_full) {
            self.sync()?; // a later segment must not be whole when the one before it is torn
            self.segments.push_back(Segment::create(&self.dir, seq)?);
            self.written = self.written.saturating_add(PAGE_BYTES);
        }
        if let Some(segment) = self.segments.back_mut() {
            segment.append(reading)?;
        }
        self.waiting.push_back(seq);
        if self.waiting.len() > self.capacity {
            self.drop_oldest()?;
        }
        Ok(())
    }

    /// Makes every appended reading durable: one fsync however many there are.
    ///
    /// # Errors
    /// [`QueueError::Io`]; what was not synced must count as lost.
    pub fn sync(&mut self) -> Result<(), QueueError> {
        if let Some(segment) = self.segments.back_mut().filter(|s| s.last > self.synced) {
            if !planted!("light-queue-skips-fsync") {
                self.written = self.written.saturating_add(segment.sync()?);
            }
            self.synced = segment.last;
        }
        Ok(())
    }

    /// The oldest readings that are durable and not acknowledged: numbers above `above` and up to `up_to`, at most
    /// `max` of them.
    ///
    /// # Errors
    /// [`QueueError::Io`].
    pub fn pending(&self, above: u64, up_to: u64, max: usize) -> Result<Vec<SignedReading>, QueueError> {
        let (above, up_to) = (self.state.acked.max(above), up_to.min(self.synced));
        let mut readings = Vec::new();
        for segment in self.segments.iter().filter(|s| s.last > above && s.first <= up_to) {
            let room = max.saturating_sub(readings.len());
            readings.extend(segment.read(above, up_to, room)?);
        }
        Ok(readings)
    }

    /// Readings up to `up_to` are done with. Their files go, and so does the memory of a transaction in flight.
    ///
    /// # Errors
    /// [`QueueError::Io`].
    pub fn ack(&mut self, up_to: u64) -> Result<(), QueueError> {
        let acked = self.state.acked.max(up_to.min(self.last));
        if acked == self.state.acked && self.state.inflight.is_none() {
            return Ok(());
        }
        self.update(|state| {
            state.acked = acked;
            state.inflight = state.inflight.filter(|inflight| inflight.up_to > acked);
        })?;
        while self.waiting.front().is_some_and(|seq| *seq <= acked) {
            self.waiting.pop_front();
        }
        self.remove_finished()
    }

    /// Readings that were sent and are not known to have arrived.
    #[must_use]
    pub(crate) const fn inflight(&self) -> Option<Inflight> {
        self.state.inflight
    }

    /// Remembers durably which readings are about to be sent, or that none are any more.
    ///
    /// # Errors
    /// [`QueueError::Io`].
    pub(crate) fn set_inflight(&mut self, inflight: Option<Inflight>) -> Result<(), QueueError> {
        if self.state.inflight == inflight {
            return Ok(());
        }
        self.update(|state| state.inflight = inflight)
    }

    /// Whether the numbers are known to follow the chain's.
    #[must_use]
    pub(crate) const fn is_anchored(&self) -> bool {
        self.state.anchored
    }

    /// Compares the numbers with the last one the chain has proven. Returns whether pending readings must be signed
    /// again: their numbers have been used by an earlier life of this meter.
    ///
    /// # Errors
    /// [`QueueError::Io`].
    pub(crate) fn anchor(&mut self, on_chain: u64) -> Result<bool, QueueError> {
        let first = self.waiting.front().copied().unwrap_or_else(|| self.last.saturating_add(1));
        let behind = on_chain >= first;
        if behind {
            // Beyond what an earlier life may still have under way.
            let margin = u64::try_from(READINGS_MAX).unwrap_or(u64::MAX);
            let floor = self.last.max(on_chain.saturating_add(margin));
            self.skipped = self.skipped.saturating_add(floor.saturating_sub(self.last));
            self.last = floor;
            self.update(|state| state.reserved = state.reserved.max(floor))?;
        }
        Ok(behind)
    }

    /// The numbers follow the chain's from now on.
    ///
    /// # Errors
    /// [`QueueError::Io`].
    pub(crate) fn set_anchored(&mut self) -> Result<(), QueueError> {
        self.update(|state| state.anchored = true)
    }

    /// The newest reading that is still in the files, acknowledged or not.
    ///
    /// # Errors
    /// [`QueueError::Io`].
    pub(crate) fn newest(&self) -> Result<Option<SignedReading>, QueueError> {
        let Some(segment) = self.segments.back() else { return Ok(None) };
        Ok(segment.read(segment.last.saturating_sub(1), segment.last, 1)?.pop())
    }

    /// Readings that wait.
    #[must_use]
    pub(crate) fn depth(&self) -> usize {
        self.waiting.len()
    }

    /// The last number given out.
    #[must_use]
    pub(crate) const fn last_seq(&self) -> u64 {
        self.last
    }

    /// Number up to which readings are done with.
    #[must_use]
    pub(crate) const fn acked(&self) -> u64 {
        self.state.acked
    }

    /// Readings dropped unsent since the queue was full.
    #[must_use]
    pub(crate) const fn dropped(&self) -> u64 {
        self.state.dropped
    }

    /// Numbers skipped since this queue was opened: no reading will ever have them.
    #[must_use]
    pub(crate) const fn skipped(&self) -> u64 {
        self.skipped
    }

    /// The numbers above the acknowledged ones that no reading has, oldest first, at most `max` runs of them, each
    /// with its first and last number.
    #[must_use]
    pub(crate) fn gaps(&self, max: usize) -> Vec<(u64, u64)> {
        let mut gaps = Vec::new();
        let mut next = self.state.acked.saturating_add(1);
        for seq in &self.waiting {
            if gaps.len() >= max {
                break;
            }
            if *seq > next {
                gaps.push((next, seq.saturating_sub(1)));
            }
            next = seq.saturating_add(1);
        }
        gaps
    }

    /// Bytes of pages written since this queue was opened: what a memory card sees, without its file system's own.
    #[must_use]
    pub(crate) const fn written_bytes(&self) -> u64 {
        self.written
    }

    fn drop_oldest(&mut self) -> Result<(), QueueError> {
        let Some(seq) = self.waiting.pop_front() else { return Ok(()) };
        tracing::error!(seq, capacity = self.capacity, "queue full: oldest reading dropped unsent");
        self.update(|state| {
            state.acked = state.acked.max(seq);
            state.dropped = state.dropped.saturating_add(1);
        })?;
        self.remove_finished()
    }

    /// Deletes segments that hold nothing any more. The last one stays: it is written to.
    fn remove_finished(&mut self) -> Result<(), QueueError> {
        while self.segments.len() > 1 && self.segments.front().is_some_and(|s| s.last <= self.state.acked) {
            if let Some(segment) = self.segments.pop_front() {
                segment.remove()?;
                self.written = self.written.saturating_add(PAGE_BYTES);
            }
        }
        Ok(())
    }

    fn update(&mut self, change: impl FnOnce(&mut State)) -> Result<(), QueueError> {
        let mut state = self.state;
        change(&mut state);
        self.state_file.write(&mut state)?;
        self.written = self.written.saturating_add(PAGE_BYTES);
        self.state = state;
        Ok(())
    }
}

/// A queue seen from outside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Overview {
    /// Readings that wait.
    pub depth: usize,
    /// Last number in the queue, or done with.
    pub last_seq: u64,
    /// Number up to which readings are done with.
    pub acked: u64,
    /// Readings dropped unsent.
    pub dropped: u64,
    /// Whether the numbers are known to follow the chain's.
    pub anchored: bool,
}

/// Looks at the queue in `dir` without lock or repair, also while another process uses it.
///
/// # Errors
/// [`QueueError::Io`].
pub(crate) fn overview(dir: &Path) -> Result<Overview, QueueError> {
    let state = StateFile::peek(&dir.join("state"))?.unwrap_or_default();
    let mut seen = Overview {
        acked: state.acked,
        dropped: state.dropped,
        anchored: state.anchored,
        ..Overview::default()
    };
    let mut last = 0;
    for (first, path) in segment_files(dir)? {
        let seqs = Segment::peek(&path, first, last)?;
        last = seqs.last().copied().unwrap_or(last);
        seen.depth = seen.depth.saturating_add(seqs.iter().filter(|seq| **seq > state.acked).count());
    }
    seen.last_seq = state.acked.max(last);
    Ok(seen)
}

fn lock(dir: &Path) -> Result<FileLock, QueueError> {
    let path = dir.join("lock");
    let mut options = File::options();
    let file = options
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(QueueError::io("open", &path))?;
    let lock = FileLock::take(file).map_err(QueueError::io("lock", &path))?;
    lock.map_err(|_| QueueError::Locked { path: dir.to_owned() })
}

fn segment_files(dir: &Path) -> Result<Vec<(u64, PathBuf)>, QueueError> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(QueueError::io("list", dir))? {
        let path = entry.map_err(QueueError::io("list", dir))?.path();
        files.extend(Segment::first_of(&path).map(|first| (first, path)));
    }
    files.sort_unstable();
    Ok(files)
}

#[cfg(test)]
mod tests;
