//! A record on disk: checksum, length, content. A torn one is none, and neither is one that lies where it does not
//! belong: its place is part of the checksum.

const CHECKSUM_BYTES: usize = 16;
/// Bytes before the content.
pub(super) const HEAD_BYTES: usize = CHECKSUM_BYTES + 2;

/// Writes a record of this kind for this place; `None` for a content that no length can tell.
pub(super) fn write(kind: &'static str, place: &[u8], content: &[u8]) -> Option<Vec<u8>> {
    let length = u16::try_from(content.len()).ok()?.to_le_bytes();
    let mut slot = checksum(kind, place, length, content).to_vec();
    slot.extend_from_slice(&length);
    slot.extend_from_slice(content);
    Some(slot)
}

/// The content of a whole record of this kind at this place.
pub(super) fn read<'a>(kind: &'static str, place: &[u8], slot: &'a [u8]) -> Option<&'a [u8]> {
    let (sum, rest) = slot.split_at_checked(CHECKSUM_BYTES)?;
    let (length, rest) = rest.split_first_chunk::<2>()?;
    let content = rest.get(..usize::from(u16::from_le_bytes(*length)))?;
    (checksum(kind, place, *length, content).as_slice() == sum).then_some(content)
}

fn checksum(kind: &'static str, place: &[u8], length: [u8; 2], content: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let mut hasher = blake3::Hasher::new_derive_key(kind);
    hasher.update(place).update(&length).update(content);
    let mut sum = [0; CHECKSUM_BYTES];
    hasher.finalize_xof().fill(&mut sum);
    sum
}
