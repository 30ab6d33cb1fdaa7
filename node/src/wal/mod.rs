//! The consensus write-ahead log: what this node has said, seen and promised, in the order it became durable.
//!
//! ```text
//! segment = page 0: sum ‖ magic ‖ version ‖ chain ‖ log id ‖ segment ‖ first group      (one 4 KiB page)
//!           then groups, each padded with zeros to whole pages:
//! group   = head sum ‖ magic ‖ segment ‖ group ‖ height ‖ records ‖ body length ‖ body sum ‖ body ‖ padding
//! body    = (length as u32 ‖ bytes) for each record
//! ```
//! All integers are little-endian. The head sum covers the head, length included, so that no length is believed and
//! no memory taken before it is proven. The body sum covers body and padding. Both take in the random log id:
//! nobody can plant bytes in a block that pass for a group.
//!
//! # Invariants
//! - [`Wal::append`] returns after the sync, so group g+1 is never written before group g is durable, and at most
//!   one group, the last, can be torn by a crash.
//! - A segment's page 0 is durable before the segment has its name, and a segment is begun only when all groups
//!   before it are durable.
//!
//! # Opening
//! | found | verdict |
//! |---|---|
//! | the last group is bad, no head of a higher group follows it | torn tail, cut off |
//! | a bad group anywhere else, a bad page 0, a segment or group number missing | [`WalError::MidLogCorruption`] |
//!
//! A head of group g+1 alone already proves that group g was durable once. Corruption of the very last group looks
//! like a torn tail; that this node then has forgotten a vote is noticed by the sign state (see [`crate::signer`]).
//!
//! # Not here
//! The meaning of records (`journal`), RocksDB.

mod format;
mod recover;
mod replay;

use format::LogId;
pub(crate) use format::PAGE_BYTES;
use std::collections::VecDeque;
use wattle_host::FileError;
use wattle_host::dir::{Dir, File};
use wattle_primitives::{Hash, Height, planted};

pub use replay::{Group, Replay};

/// Most bytes of one group, head and padding included.
pub const GROUP_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Segment size in bytes at which the next group begins a new one.
pub const SEGMENT_BYTES: u64 = 64 * 1024 * 1024;

const _: () =
    assert!(GROUP_BYTES_MAX >= 2 * wattle_primitives::block::BLOCK_BYTES_MAX, "two bodies fit one group");
const _: () = assert!(GROUP_BYTES_MAX as u64 <= SEGMENT_BYTES && GROUP_BYTES_MAX.is_multiple_of(PAGE_BYTES));

/// Name of the file whose lock guards the directory.
const LOCK: &str = "wal.lock";

/// Number of a group; counts up by one over the log's whole life, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct GroupId(pub u64);

/// The chain and the sizes of a log.
#[derive(Clone, Debug)]
pub struct WalConfig {
    /// Genesis hash; a log of another chain is refused.
    pub chain: Hash,
    /// 32 random bytes, used as the log's id when there is no log yet.
    pub entropy: [u8; 32],
    /// Bytes after which a segment is closed: [`SEGMENT_BYTES`], less in tests.
    pub segment_bytes: u64,
}

/// An open log. One owner; locked against other processes.
#[derive(Debug)]
pub struct Wal<D: Dir> {
    dir: D,
    file: D::File,
    config: WalConfig,
    log_id: LogId,
    /// Oldest first; the last is written to. Never empty.
    segments: VecDeque<Segment>,
    next_group: u64,
    torn_tail: Option<TornTail>,
    /// An operation left the disk in an unknown state: nothing is accepted any more.
    failed: bool,
    _lock: D::Lock,
}

/// One segment file.
#[derive(Clone, Debug)]
struct Segment {
    id: u64,
    first_group: u64,
    /// Bytes up to the end of the last good group.
    len: u64,
    height_max: Height,
}

/// An unfinished group that was cut off when the log was opened: nothing in it was ever sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TornTail {
    /// Number that the group would have had.
    pub group: GroupId,
    /// Bytes cut off.
    pub bytes: u64,
}

/// Why the log cannot be used. Our disk: no peer is at fault.
#[derive(Debug, thiserror::Error)]
pub enum WalError {
    /// Another process has it open.
    #[error("another process uses this write-ahead log")]
    Locked,
    /// It belongs to another chain.
    #[error("write-ahead log of chain {found}, expected {expected}")]
    WrongChain {
        /// Genesis hash expected.
        expected: Hash,
        /// Genesis hash found.
        found: Hash,
    },
    /// Its layout is another version's.
    #[error(
        "write-ahead log of version {found}, this program reads version {}: start the version that wrote it",
        format::VERSION
    )]
    Version {
        /// Version found.
        found: u32,
    },
    /// Durable records are damaged or missing: the node must not sign on top of them.
    #[error("write-ahead log is corrupt in segment {segment} at byte {offset}: {detail}")]
    MidLogCorruption {
        /// Segment number.
        segment: u64,
        /// Byte offset in its file.
        offset: u64,
        /// The damage, for people.
        detail: &'static str,
    },
    /// The group is too large; nothing was written.
    #[error("group of {got} bytes exceeds the limit of {GROUP_BYTES_MAX}")]
    GroupTooLarge {
        /// Bytes it would take.
        got: usize,
    },
    /// The disk is full; nothing was written, and a later try may succeed.
    #[error("disk is full")]
    Full {
        /// The system's error.
        #[source]
        source: FileError,
    },
    /// A file operation failed. After a failed sync the process must end: what is durable is no longer known.
    #[error("write-ahead log failed")]
    File {
        /// The system's error.
        #[from]
        source: FileError,
    },
    /// An earlier operation failed.
    #[error("write-ahead log failed before")]
    Failed,
}

impl<D: Dir> Wal<D> {
    /// Opens the log in `dir`, or begins one. Reads and checks all of it; cuts a torn tail.
    ///
    /// # Errors
    /// [`WalError`]; [`WalError::MidLogCorruption`] must never be answered by deleting the log of a validator.
    pub fn open(dir: D, config: WalConfig) -> Result<Self, WalError> {
        recover::open(dir, config)
    }

    /// Writes records as one group and syncs. On return they are durable, all or (after a crash) none.
    ///
    /// `height` is the highest height that any record is about: the group goes once that height is in the database.
    ///
    /// # Errors
    /// [`WalError`]; unless it is [`WalError::Full`] or [`WalError::GroupTooLarge`], the process must end.
    pub fn append(&mut self, height: Height, records: &[Vec<u8>]) -> Result<GroupId, WalError> {
        if self.failed {
            return Err(WalError::Failed);
        }
        self.rotate_before(format::group_bytes(records)?)?;
        let Some(segment) = self.segments.back_mut() else { return Err(WalError::Failed) };
        let group = GroupId(self.next_group);
        let bytes = format::encode_group(&self.log_id, segment.id, group, height, records)?;
        if let Err(source) = self.file.write_at(segment.len, &bytes) {
            // Nothing was acknowledged: with the remains gone the same number can be written again.
            let undone = source.is_full() && self.file.truncate(segment.len).is_ok();
            self.failed = !undone;
            return Err(if undone { WalError::Full { source } } else { source.into() });
        }
        if !planted!("wal-skip-fsync")
            && let Err(source) = self.file.sync()
        {
            self.failed = true;
            return Err(source.into());
        }
        segment.len += bytes.len() as u64;
        segment.height_max = segment.height_max.max(height);
        self.next_group += 1;
        Ok(group)
    }

    /// Removes every closed segment that is only about heights up to `up_to`. Returns how many went.
    ///
    /// Call it after a synced database commit covers `up_to`, never before.
    ///
    /// # Errors
    /// [`WalError`]; fatal.
    pub fn release(&mut self, up_to: Height) -> Result<usize, WalError> {
        if self.failed {
            return Err(WalError::Failed);
        }
        self.remove_while(|segment| segment.height_max <= up_to)
    }

    /// Writes groups into new segments, then removes every older one: the log of a stall, in which nothing is committed
    /// that would let it go, stays as large as what is still needed. After a crash the older segments are there, or all
    /// of the groups, or both.
    ///
    /// # Errors
    /// [`WalError`], as for [`Wal::append`].
    pub fn rewrite(&mut self, height: Height, groups: &[Vec<Vec<u8>>]) -> Result<(), WalError> {
        self.begin_segment()?;
        let first = self.segments.back().map(|s| s.id);
        if planted!("log-rewritten-after") {
            self.remove_while(|segment| Some(segment.id) < first)?;
        }
        for records in groups {
            self.append(height, records)?;
        }
        self.remove_while(|segment| Some(segment.id) < first)?;
        Ok(())
    }

    /// Removes the oldest segments as long as `goes` says so; never the current one. Returns how many went.
    fn remove_while(&mut self, goes: impl Fn(&Segment) -> bool) -> Result<usize, WalError> {
        let mut removed = 0;
        while self.segments.len() > 1 && self.segments.front().is_some_and(&goes) {
            let Some(segment) = self.segments.pop_front() else { break };
            // One at a time, oldest first and durable: a crash in between leaves no hole.
            let gone = self.dir.remove(&format::segment_name(segment.id)).and_then(|()| self.dir.sync());
            self.failed = gone.is_err();
            gone?;
            removed += 1;
        }
        Ok(removed)
    }

    /// Reads all groups again, oldest first, one in memory at a time.
    pub fn replay(&self) -> Replay<'_, D> {
        Replay::new(self)
    }

    /// The group that was cut off when the log was opened.
    #[must_use]
    pub const fn torn_tail(&self) -> Option<TornTail> {
        self.torn_tail
    }

    /// The last durable group, if there is any.
    #[must_use]
    pub fn last_group(&self) -> Option<GroupId> {
        let first = self.segments.front().map_or(self.next_group, |s| s.first_group);
        (self.next_group > first).then(|| GroupId(self.next_group.saturating_sub(1)))
    }

    /// Bytes on disk.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(|s| s.len).sum()
    }

    /// Begins a new segment when the current one has groups and cannot take `bytes` more.
    fn rotate_before(&mut self, bytes: usize) -> Result<(), WalError> {
        let Some(current) = self.segments.back() else { return Err(WalError::Failed) };
        if current.len <= PAGE_BYTES as u64 || current.len + bytes as u64 <= self.config.segment_bytes {
            return Ok(());
        }
        self.begin_segment()
    }

    /// Begins a new segment.
    fn begin_segment(&mut self) -> Result<(), WalError> {
        if self.failed {
            return Err(WalError::Failed);
        }
        let Some(current) = self.segments.back() else { return Err(WalError::Failed) };
        let id = current.id + 1;
        match recover::create_segment(&self.dir, &self.config.chain, &self.log_id, id, self.next_group) {
            Ok((file, segment)) => {
                self.file = file;
                self.segments.push_back(segment);
                Ok(())
            }
            // Without its name the new segment does not exist; its remains are overwritten by the next try.
            Err(source) if source.is_full() => Err(WalError::Full { source }),
            Err(source) => {
                self.failed = true;
                Err(source.into())
            }
        }
    }
}

#[cfg(test)]
mod tests;
