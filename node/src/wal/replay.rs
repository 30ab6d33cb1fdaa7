//! Reading groups back.

use super::format::{self, HEAD_BYTES, LogId, PAGE_BYTES};
use super::{GroupId, Segment, Wal, WalError};
use borsh::BorshDeserialize;
use wattle_host::dir::{Dir, File};
use wattle_primitives::{DecodeError, Height, codec};

/// One group as it was appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its number.
    pub id: GroupId,
    /// Highest height that it is about.
    pub height: Height,
    /// Its records, in order.
    pub records: Vec<Vec<u8>>,
    /// Bytes it takes in its file.
    pub(super) bytes: u64,
}

impl Group {
    /// The records as values.
    ///
    /// # Errors
    /// [`DecodeError`] when one is no `T`: another build wrote it.
    pub fn decode<T: BorshDeserialize>(&self) -> Result<Vec<T>, DecodeError> {
        self.records.iter().map(|r| codec::decode_bounded(r, super::GROUP_BYTES_MAX)).collect()
    }
}

/// All groups of a log, oldest first. Ends after the first error.
#[derive(Debug)]
pub struct Replay<'a, D: Dir> {
    wal: &'a Wal<D>,
    /// Index into the log's segments.
    segment: usize,
    file: Option<D::File>,
    offset: u64,
    group: u64,
}

impl<'a, D: Dir> Replay<'a, D> {
    pub(super) fn new(wal: &'a Wal<D>) -> Self {
        let group = wal.segments.front().map_or(wal.next_group, |s| s.first_group);
        Self { wal, segment: 0, file: None, offset: PAGE_BYTES as u64, group }
    }

    fn read(&mut self) -> Result<Option<Group>, WalError> {
        loop {
            let Some(segment) = self.wal.segments.get(self.segment) else { return Ok(None) };
            if self.offset >= segment.len {
                self.segment += 1;
                self.offset = PAGE_BYTES as u64;
                self.file = None;
                continue;
            }
            let damaged = WalError::MidLogCorruption {
                segment: segment.id,
                offset: self.offset,
                detail: "a group changed after the log was opened",
            };
            if self.file.is_none() {
                self.file = self.wal.dir.open(&format::segment_name(segment.id))?;
            }
            let Some(file) = &self.file else { return Err(damaged) };
            let at = Segment { len: self.offset, ..segment.clone() };
            let group =
                read_group(file, &self.wal.log_id, &at, segment.len, GroupId(self.group))?.ok_or(damaged)?;
            self.offset += group.bytes;
            self.group += 1;
            return Ok(Some(group));
        }
    }
}

impl<D: Dir> Iterator for Replay<'_, D> {
    type Item = Result<Group, WalError>;

    fn next(&mut self) -> Option<Self::Item> {
        let result = self.read();
        if result.is_err() {
            self.segment = self.wal.segments.len();
        }
        result.transpose()
    }
}

/// Reads group `id` at `segment.len` of a file of `len` bytes; `None` when no good group of that number is there.
pub(super) fn read_group<F: File>(
    file: &F,
    log_id: &LogId,
    segment: &Segment,
    len: u64,
    id: GroupId,
) -> Result<Option<Group>, WalError> {
    let room = len.saturating_sub(segment.len);
    let mut head = [0; HEAD_BYTES];
    if room < HEAD_BYTES as u64 {
        return Ok(None);
    }
    file.read_at(segment.len, &mut head)?;
    let Some(head) = format::decode_head(log_id, &head) else { return Ok(None) };
    let total = head.total_bytes();
    if head.group != id.0 || head.segment != segment.id || total as u64 > room {
        return Ok(None);
    }
    // The length is proven by the head's sum and within the limit: only now is memory taken.
    let mut rest = vec![0; total - HEAD_BYTES];
    file.read_at(segment.len + HEAD_BYTES as u64, &mut rest)?;
    Ok(head.decode_body(log_id, &rest).map(|records| Group {
        id,
        height: head.height,
        records,
        bytes: total as u64,
    }))
}
