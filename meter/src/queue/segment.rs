//! A file of readings in slots of fixed size.
//!
//! With fixed slots a damaged byte costs one reading and never the way to the next one. Each slot's checksum covers
//! its length, its place and the segment it belongs to, so that neither a torn write nor a misplaced block of the
//! disk passes for a reading.

use super::error::QueueError;
use super::slot;
use crate::wear::page_bytes;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use wattle_primitives::reading::SignedReading;

/// Bytes of a slot.
pub(crate) const SLOT_BYTES: usize = 256;
/// Slots of a full segment: 256 KiB.
pub(crate) const SLOTS_MAX: u64 = 1024;
const KIND: &str = "wattle meter queue slot v1";
pub(super) const SUFFIX: &str = "readings";

/// One open segment.
pub(crate) struct Segment {
    /// Number of its first reading: its name.
    pub(crate) first: u64,
    /// Number of its last reading; [`Segment::floor`] while it is empty.
    pub(crate) last: u64,
    /// The last number before this segment: its own are above.
    floor: u64,
    /// Slots in use, damaged ones included.
    slots: u64,
    /// Slots that are known to be durable.
    synced_slots: u64,
    file: File,
    path: PathBuf,
}

/// Findings of a segment's recovery.
pub(crate) struct Recovered {
    pub(crate) segment: Segment,
    /// Numbers of the readings that are whole, in order.
    pub(crate) seqs: Vec<u64>,
    /// Slots before the last whole one that are not.
    pub(crate) damaged: u64,
    /// Bytes cut off the end.
    pub(crate) torn: u64,
}

impl Segment {
    /// Creates the segment whose first reading is `first`. The directory entry is durable on return.
    pub(crate) fn create(dir: &Path, first: u64) -> Result<Self, QueueError> {
        let path = dir.join(format!("{first:020}.{SUFFIX}"));
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&path)
            .map_err(QueueError::io("create", &path))?;
        let folder = File::open(dir).map_err(QueueError::io("open", dir))?;
        folder.sync_all().map_err(QueueError::io("sync", dir))?;
        let floor = first.saturating_sub(1);
        Ok(Self { first, last: floor, floor, slots: 0, synced_slots: 0, file, path })
    }

    /// The first number of the segment in the file of this name; `None` for other files.
    pub(crate) fn first_of(path: &Path) -> Option<u64> {
        let name = path.file_name()?.to_str()?;
        let digits = name.strip_suffix(SUFFIX)?.strip_suffix('.')?;
        (digits.len() == 20).then(|| digits.parse().ok()).flatten()
    }

    /// Opens a segment and cuts off what a power cut left at its end. `before` is the last number of the segments
    /// before it.
    pub(crate) fn recover(path: &Path, first: u64, before: u64) -> Result<Recovered, QueueError> {
        let file =
            OpenOptions::new().read(true).write(true).open(path).map_err(QueueError::io("open", path))?;
        let bytes = std::fs::read(path).map_err(QueueError::io("read", path))?;
        let floor = before.max(first.saturating_sub(1));
        let Scan { seqs, slots, damaged } = scan(first, floor, &bytes);
        let last = seqs.last().copied().unwrap_or(floor);
        let end = slots.saturating_mul(SLOT_BYTES as u64);
        let torn = (bytes.len() as u64).saturating_sub(end);
        if torn > 0 {
            file.set_len(end).map_err(QueueError::io("truncate", path))?;
            file.sync_data().map_err(QueueError::io("sync", path))?;
        }
        let segment = Self { first, last, floor, slots, synced_slots: slots, file, path: path.to_owned() };
        Ok(Recovered { segment, seqs, damaged, torn })
    }

    /// Numbers of the whole readings in a file that another process may be writing to.
    pub(crate) fn peek(path: &Path, first: u64, before: u64) -> Result<Vec<u64>, QueueError> {
        let bytes = std::fs::read(path).map_err(QueueError::io("read", path))?;
        Ok(scan(first, before.max(first.saturating_sub(1)), &bytes).seqs)
    }

    /// Whether no reading fits any more.
    pub(crate) const fn is_full(&self) -> bool {
        self.slots >= SLOTS_MAX
    }

    /// Writes one reading behind the last. Not durable before [`Segment::sync`].
    pub(crate) fn append(&mut self, reading: &SignedReading) -> Result<(), QueueError> {
        let slot = encode(self.first, self.slots, reading)?;
        let offset = self.slots.saturating_mul(SLOT_BYTES as u64);
        self.file.write_all_at(&slot, offset).map_err(QueueError::io("write", &self.path))?;
        self.slots = self.slots.saturating_add(1);
        self.last = reading.reading.seq;
        Ok(())
    }

    /// Makes everything appended durable. Returns the bytes of the pages that this wrote.
    pub(crate) fn sync(&mut self) -> Result<u64, QueueError> {
        self.file.sync_data().map_err(QueueError::io("sync", &self.path))?;
        let bytes = |slots: u64| slots.saturating_mul(SLOT_BYTES as u64);
        let written = page_bytes(bytes(self.synced_slots), bytes(self.slots));
        self.synced_slots = self.slots;
        Ok(written)
    }

    /// The whole readings with numbers in `above+1..=up_to`, at most `max`.
    pub(crate) fn read(&self, above: u64, up_to: u64, max: usize) -> Result<Vec<SignedReading>, QueueError> {
        let mut readings = Vec::new();
        let mut slot = [0; SLOT_BYTES];
        let mut last = self.floor;
        for at in 0..self.slots {
            if readings.len() >= max {
                break;
            }
            let offset = at.saturating_mul(SLOT_BYTES as u64);
            self.file.read_exact_at(&mut slot, offset).map_err(QueueError::io("read", &self.path))?;
            let Some(reading) = next(self.first, at, &slot, &mut last) else { continue };
            if reading.reading.seq > above && reading.reading.seq <= up_to {
                readings.push(reading);
            }
        }
        Ok(readings)
    }

    /// Deletes the file.
    pub(crate) fn remove(self) -> Result<(), QueueError> {
        std::fs::remove_file(&self.path).map_err(QueueError::io("remove", &self.path))
    }
}

struct Scan {
    seqs: Vec<u64>,
    /// Slots up to the last whole one.
    slots: u64,
    damaged: u64,
}

fn scan(first: u64, floor: u64, bytes: &[u8]) -> Scan {
    let (mut seqs, mut slots, mut damaged) = (Vec::new(), 0u64, 0u64);
    let mut last = floor;
    for (at, slot) in (0u64..).zip(bytes.chunks_exact(SLOT_BYTES)) {
        if next(first, at, slot, &mut last).is_none() {
            continue;
        }
        seqs.push(last);
        damaged = damaged.saturating_add(at.saturating_sub(slots));
        slots = at.saturating_add(1);
    }
    Scan { seqs, slots, damaged }
}

/// The reading in a slot, if it is whole and its number is above `last`, which it then becomes. A whole one whose
/// number does not rise would be of an older life of the file; whoever reads a segment must pass it over alike.
fn next(first: u64, at: u64, slot: &[u8], last: &mut u64) -> Option<SignedReading> {
    let reading = decode(first, at, slot).filter(|r| r.reading.seq > *last)?;
    *last = reading.reading.seq;
    Some(reading)
}

fn encode(first: u64, at: u64, reading: &SignedReading) -> Result<Vec<u8>, QueueError> {
    let content = wattle_primitives::encode(reading);
    let max = SLOT_BYTES.saturating_sub(slot::HEAD_BYTES);
    let fits = slot::write(KIND, &place(first, at), &content).filter(|_| content.len() <= max);
    let mut slot = fits.ok_or(QueueError::TooLong { max, got: content.len() })?;
    slot.resize(SLOT_BYTES, 0);
    Ok(slot)
}

fn decode(first: u64, at: u64, slot: &[u8]) -> Option<SignedReading> {
    wattle_primitives::decode(slot::read(KIND, &place(first, at), slot)?).ok()
}

/// The segment, and the slot in it.
fn place(first: u64, at: u64) -> Vec<u8> {
    [first.to_le_bytes(), at.to_le_bytes()].concat()
}
