//! The queue's own numbers, in two alternating slots: a write that a power cut tears leaves the other slot whole.

use super::error::QueueError;
use super::slot;
use borsh::{BorshDeserialize, BorshSerialize};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use wattle_primitives::Nonce;

/// Bytes from one slot to the next: they share no page of the disk.
const SLOT_BYTES: u64 = 4096;
/// Bytes of a slot that are used: checksum, length, content.
const CONTENT_BYTES_MAX: usize = 512;
const KIND: &str = "wattle meter queue state v1";

/// Readings that were sent in one transaction and whose fate is not proven yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) struct Inflight {
    /// Nonce of the transaction.
    pub(crate) nonce: Nonce,
    /// Number of the last reading in it; it holds all pending ones up to there.
    pub(crate) up_to: u64,
}

/// The queue's memory besides the readings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) struct State {
    /// Counts writes; the higher slot is the newer.
    pub(crate) generation: u64,
    /// Numbers up to this one may have been used.
    pub(crate) reserved: u64,
    /// Readings up to this one are done with.
    pub(crate) acked: u64,
    /// Whether the numbers are known to follow those on the chain.
    pub(crate) anchored: bool,
    /// Readings dropped unsent since the queue was full.
    pub(crate) dropped: u64,
    /// Readings on their way.
    pub(crate) inflight: Option<Inflight>,
}

/// The file of the state.
pub(crate) struct StateFile {
    file: File,
    path: PathBuf,
}

impl StateFile {
    /// Opens the file and reads the newer whole slot; `None` when there is none.
    pub(crate) fn open(path: &Path) -> Result<(Self, Option<State>), QueueError> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)
            .map_err(QueueError::io("open", path))?;
        let newest = newest(&file);
        // Room for both slots from the start: then what was sent can be noted, and what has arrived be forgotten, on a
        // disk that is full. Where there is none now, the first write says so.
        let length = file.metadata().map_or(0, |metadata| metadata.len());
        let missing = usize::try_from(SLOT_BYTES.saturating_mul(2).saturating_sub(length)).unwrap_or(0);
        let _ = file.write_all_at(&vec![0; missing], length);
        Ok((Self { file, path: path.to_owned() }, newest))
    }

    /// Reads the newer whole slot of a file that another process may be writing to.
    pub(crate) fn peek(path: &Path) -> Result<Option<State>, QueueError> {
        File::open(path).map(|file| newest(&file)).map_err(QueueError::io("open", path))
    }

    /// Makes `state` durable as the next generation.
    pub(crate) fn write(&mut self, state: &mut State) -> Result<(), QueueError> {
        let next = State { generation: state.generation.saturating_add(1), ..*state };
        let content = wattle_primitives::encode(&next);
        let too_long = QueueError::TooLong { max: CONTENT_BYTES_MAX, got: content.len() };
        let bytes = slot::write(KIND, &[], &content).ok_or(too_long)?;
        let offset = (next.generation & 1).saturating_mul(SLOT_BYTES);
        self.file.write_all_at(&bytes, offset).map_err(QueueError::io("write", &self.path))?;
        self.file.sync_data().map_err(QueueError::io("sync", &self.path))?;
        *state = next;
        Ok(())
    }
}

fn newest(file: &File) -> Option<State> {
    [0, 1].into_iter().filter_map(|slot| read_slot(file, slot)).max_by_key(|state| state.generation)
}

fn read_slot(file: &File, slot: u64) -> Option<State> {
    let mut bytes = vec![0; CONTENT_BYTES_MAX];
    let mut have = 0usize;
    // A short file ends early; an unreadable slot counts as torn, the other one then decides.
    while let Some(rest) = bytes.get_mut(have..).filter(|rest| !rest.is_empty()) {
        let offset = slot.saturating_mul(SLOT_BYTES).saturating_add(have as u64);
        match file.read_at(rest, offset) {
            Ok(0) | Err(_) => break,
            Ok(read) => have = have.saturating_add(read),
        }
    }
    let content = slot::read(KIND, &[], bytes.get(..have)?)?;
    wattle_primitives::codec::decode_bounded(content, CONTENT_BYTES_MAX).ok()
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
