//! The bytes of segments and groups. See the module above for the layout.

use super::{GROUP_BYTES_MAX, GroupId, WalError};
use borsh::{BorshDeserialize, BorshSerialize};
use wattle_primitives::domain::{WAL_BODY, WAL_GROUP, WAL_SEGMENT};
use wattle_primitives::{Hash, Height, encode};

/// Unit of padding; both ends of every group lie on a multiple of it.
pub(crate) const PAGE_BYTES: usize = 4096;
/// Bytes of a group's head, sum included.
pub(super) const HEAD_BYTES: usize = SUM_BYTES + HEAD_FIELDS_BYTES;

const SUM_BYTES: usize = 32;
const HEAD_FIELDS_BYTES: usize = 8 + 8 + 8 + 8 + 4 + 4 + 32;
const SEGMENT_FIELDS_BYTES: usize = 8 + 4 + 32 + 32 + 8 + 8;
const SEGMENT_MAGIC: [u8; 8] = *b"WATWALSG";
const GROUP_MAGIC: [u8; 8] = *b"WATWALGR";
/// Version of the layout.
pub(super) const VERSION: u32 = 1;
const PREFIX: &str = "wal-";
/// Ending of a segment that is not finished and has never held a group.
pub(super) const UNFINISHED: &str = ".tmp";

const _: () = assert!(HEAD_BYTES < PAGE_BYTES && SUM_BYTES + SEGMENT_FIELDS_BYTES < PAGE_BYTES);

/// Random name of a log, taken into every sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(super) struct LogId(pub(super) [u8; 32]);

/// Page 0 of a segment.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(super) struct SegmentHead {
    magic: [u8; 8],
    pub(super) version: u32,
    pub(super) chain: Hash,
    pub(super) log_id: LogId,
    pub(super) segment: u64,
    pub(super) first_group: u64,
}

/// The head of a group; its sum was found right.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(super) struct GroupHead {
    magic: [u8; 8],
    pub(super) segment: u64,
    pub(super) group: u64,
    pub(super) height: Height,
    pub(super) records: u32,
    body_bytes: u32,
    body_sum: Hash,
}

/// File name of a segment; names sort as numbers do.
pub(super) fn segment_name(id: u64) -> String {
    format!("{PREFIX}{id:020}")
}

/// The segment that a file name stands for.
pub(super) fn segment_of(name: &str) -> Option<u64> {
    let id = name.strip_prefix(PREFIX)?.parse().ok()?;
    (segment_name(id) == name).then_some(id)
}

/// Page 0 of a segment.
pub(super) fn encode_segment(chain: &Hash, log_id: &LogId, segment: u64, first_group: u64) -> Vec<u8> {
    let head = SegmentHead {
        magic: SEGMENT_MAGIC,
        version: VERSION,
        chain: *chain,
        log_id: *log_id,
        segment,
        first_group,
    };
    let mut page = vec![0; SUM_BYTES];
    page.extend(encode(&head));
    page.resize(PAGE_BYTES, 0);
    let sum = Hash::of(WAL_SEGMENT, &[&page[SUM_BYTES..]]);
    page[..SUM_BYTES].copy_from_slice(sum.as_bytes());
    page
}

/// Reads page 0; `None` when its sum or magic is wrong. Of another version, nothing but the version means anything.
pub(super) fn decode_segment(page: &[u8; PAGE_BYTES]) -> Option<SegmentHead> {
    let (sum, rest) = page.split_at(SUM_BYTES);
    if Hash::of(WAL_SEGMENT, &[rest]).as_bytes() != sum {
        return None;
    }
    let head = SegmentHead::try_from_slice(rest.get(..SEGMENT_FIELDS_BYTES)?).ok()?;
    (head.magic == SEGMENT_MAGIC).then_some(head)
}

/// Bytes that a group of these records takes, padding included.
pub(super) fn group_bytes(records: &[Vec<u8>]) -> Result<usize, WalError> {
    let body = records.iter().fold(0usize, |sum, r| sum.saturating_add(4).saturating_add(r.len()));
    let got = body.saturating_add(HEAD_BYTES).checked_next_multiple_of(PAGE_BYTES).unwrap_or(usize::MAX);
    if got > GROUP_BYTES_MAX { Err(WalError::GroupTooLarge { got }) } else { Ok(got) }
}

/// A whole group, ready to be written.
pub(super) fn encode_group(
    log_id: &LogId,
    segment: u64,
    group: GroupId,
    height: Height,
    records: &[Vec<u8>],
) -> Result<Vec<u8>, WalError> {
    let total = group_bytes(records)?;
    let too_large = |_| WalError::GroupTooLarge { got: total };
    let mut bytes = Vec::with_capacity(total);
    bytes.resize(HEAD_BYTES, 0);
    for record in records {
        bytes.extend_from_slice(&u32::try_from(record.len()).map_err(too_large)?.to_le_bytes());
        bytes.extend_from_slice(record);
    }
    let body_bytes = u32::try_from(bytes.len() - HEAD_BYTES).map_err(too_large)?;
    bytes.resize(total, 0);
    let head = GroupHead {
        magic: GROUP_MAGIC,
        segment,
        group: group.0,
        height,
        records: u32::try_from(records.len()).map_err(too_large)?,
        body_bytes,
        body_sum: Hash::of(WAL_BODY, &[&log_id.0, &bytes[HEAD_BYTES..]]),
    };
    let fields = encode(&head);
    bytes[..SUM_BYTES].copy_from_slice(Hash::of(WAL_GROUP, &[&log_id.0, &fields]).as_bytes());
    bytes[SUM_BYTES..HEAD_BYTES].copy_from_slice(&fields);
    Ok(bytes)
}

/// Reads a head; `None` when its sum is wrong or its length is beyond the limit.
pub(super) fn decode_head(log_id: &LogId, bytes: &[u8; HEAD_BYTES]) -> Option<GroupHead> {
    let (sum, fields) = bytes.split_at(SUM_BYTES);
    // Cheap and enough for nearly every page that is no head.
    if !fields.starts_with(&GROUP_MAGIC) || Hash::of(WAL_GROUP, &[&log_id.0, fields]).as_bytes() != sum {
        return None;
    }
    let head = GroupHead::try_from_slice(fields).ok()?;
    (head.total_bytes() <= GROUP_BYTES_MAX).then_some(head)
}

impl GroupHead {
    /// Bytes of the whole group.
    pub(super) fn total_bytes(&self) -> usize {
        let body = usize::try_from(self.body_bytes).unwrap_or(usize::MAX);
        body.saturating_add(HEAD_BYTES).checked_next_multiple_of(PAGE_BYTES).unwrap_or(usize::MAX)
    }

    /// The records in `rest`, which is everything after the head, padding included; `None` when the sum is wrong.
    pub(super) fn decode_body(&self, log_id: &LogId, rest: &[u8]) -> Option<Vec<Vec<u8>>> {
        if Hash::of(WAL_BODY, &[&log_id.0, rest]) != self.body_sum {
            return None;
        }
        let mut body = rest.get(..usize::try_from(self.body_bytes).ok()?)?;
        let mut records = Vec::new();
        while let Some((len, after)) = body.split_first_chunk() {
            let (record, after) = after.split_at_checked(usize::try_from(u32::from_le_bytes(*len)).ok()?)?;
            records.push(record.to_vec());
            body = after;
        }
        (body.is_empty() && u32::try_from(records.len()) == Ok(self.records)).then_some(records)
    }
}
