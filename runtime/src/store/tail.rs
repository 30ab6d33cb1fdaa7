//! The torn end of RocksDB's log or manifest, told apart from damage elsewhere.
//!
//! A power cut in mid-write may leave any of the sectors of the last record and not the others. RocksDB then finds a
//! wrong checksum, and cannot say whether this record was ever acknowledged: it refuses to open. Here it can be said.
//! Every batch is synced before the next is written, so whatever is whole after the damage proves that the damaged
//! record was once durable. With nothing whole after it, it is the unfinished one, and is cut off.
//!
//! Damage to the very last record that was acknowledged looks the same. A validator finds that block again in its
//! consensus log or, like everybody else, with its peers; [`Cut`] lets it be said aloud.
//!
//! # Format
//! Blocks of 32 KiB, in them records `checksum u32 ‖ length u16 ‖ type u8 ‖ payload`, little-endian; none spans two
//! blocks, larger ones are split into first, middle and last. The checksum is CRC-32C over type and payload, masked.
//!
//! Source: RocksDB, `db/log_format.h`, `util/crc32c.h`.

#![expect(
    clippy::arithmetic_side_effects,
    reason = "places in a file that is in memory, plus at most one record of 64 KiB; no two nodes agree on them"
)]

use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

const BLOCK_BYTES: usize = 32 * 1024;
const HEADER_BYTES: usize = 7;
const FULL: u8 = 1;
const FIRST: u8 = 2;
const MIDDLE: u8 = 3;
const LAST: u8 = 4;

/// The end of a file that was cut off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Name of the file.
    pub file: String,
    /// Bytes that it keeps.
    pub kept: u64,
    /// Bytes that went.
    pub lost: u64,
}

/// Damage in a file of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Damage {
    /// Where the damaged record begins.
    at: usize,
    /// Whether anything whole begins after it.
    followed: bool,
}

/// Cuts unfinished records off the database's logs and its manifest. Changes nothing if there is other damage, or
/// none that it knows of.
pub(super) fn cut_torn(dir: &Path) -> io::Result<Vec<Cut>> {
    let mut torn: Vec<(PathBuf, usize, usize)> = Vec::new();
    for path in logs(dir)? {
        let bytes = fs::read(&path)?;
        if !torn.is_empty() && !bytes.is_empty() {
            return Ok(Vec::new()); // a later log was written to: what is damaged had been durable
        }
        match damage(&bytes) {
            Some(Damage { followed: true, .. }) => return Ok(Vec::new()),
            Some(Damage { at, .. }) => torn.push((path, at, bytes.len())),
            None => {}
        }
    }
    if let Some(path) = manifest(dir)? {
        let bytes = fs::read(&path)?;
        match damage(&bytes) {
            Some(Damage { followed: true, .. }) => return Ok(Vec::new()),
            Some(Damage { at, .. }) => torn.push((path, at, bytes.len())),
            None => {}
        }
    }
    torn.into_iter().map(|(path, at, len)| cut(&path, at, len)).collect()
}

/// A record in the logs or the manifest of a type that only recycled logs have, which this database does not use: the
/// file and the place. One flipped bit makes it of any other, and RocksDB then takes the rest for old, or never
/// returns.
pub(super) fn recycled_type(dir: &Path) -> io::Result<Option<(String, usize)>> {
    for path in logs(dir)?.into_iter().chain(manifest(dir)?) {
        if let Some(at) = first_recycled(&fs::read(&path)?) {
            return Ok(Some((name_of(&path), at)));
        }
    }
    Ok(None)
}

/// Follows the records by their lengths, as far as these can be followed.
fn first_recycled(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let left = BLOCK_BYTES - at % BLOCK_BYTES;
        if left < HEADER_BYTES {
            at += left;
            continue;
        }
        let rest = bytes.get(at..)?;
        match *rest.get(HEADER_BYTES - 1)? {
            5..=8 | 11 | 131 => return Some(at),
            0 => return None,
            _ if length(rest) + HEADER_BYTES > left => return None,
            _ => at += HEADER_BYTES + length(rest),
        }
    }
}

fn name_of(path: &Path) -> String {
    path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

fn cut(path: &Path, at: usize, len: usize) -> io::Result<Cut> {
    let file = OpenOptions::new().write(true).open(path)?;
    let (kept, len) = (to_u64(at), to_u64(len));
    file.set_len(kept)?;
    file.sync_data()?;
    Ok(Cut { file: name_of(path), kept, lost: len.saturating_sub(kept) })
}

fn to_u64(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

/// The logs, oldest first.
fn logs(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    if !dir.is_dir() {
        return Ok(Vec::new()); // a new database
    }
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let number = path.file_stem().and_then(|stem| stem.to_str()?.parse::<u64>().ok());
        if let Some(number) = number.filter(|_| path.extension().is_some_and(|e| e == "log")) {
            found.push((number, path));
        }
    }
    found.sort();
    Ok(found.into_iter().map(|(_, path)| path).collect())
}

/// The manifest in force.
fn manifest(dir: &Path) -> io::Result<Option<PathBuf>> {
    let current = dir.join("CURRENT");
    if !current.exists() {
        return Ok(None);
    }
    let path = dir.join(fs::read_to_string(current)?.trim_end());
    Ok(path.is_file().then_some(path))
}

/// The first damage that RocksDB would not tolerate. A record that the file is too short for is none.
fn damage(bytes: &[u8]) -> Option<Damage> {
    let (mut at, mut begun) = (0, None);
    loop {
        let left = BLOCK_BYTES - at % BLOCK_BYTES;
        if left < HEADER_BYTES {
            at += left;
            continue;
        }
        let rest = bytes.get(at..).filter(|rest| rest.len() >= HEADER_BYTES)?;
        let start = begun.unwrap_or(at);
        let length = length(rest);
        if length + HEADER_BYTES <= left && length + HEADER_BYTES > rest.len() {
            return None;
        }
        let kind = whole(rest, left);
        begun = match (kind, begun) {
            (Some(FULL), None) => None,
            (Some(FIRST), None) => Some(at),
            (Some(MIDDLE), Some(first)) => Some(first),
            (Some(LAST), Some(_)) => None,
            // Types that say something about the log itself.
            (Some(9..), begun) => begun,
            _ => {
                return Some(Damage {
                    at: start,
                    followed: anything_begins(bytes, at + 1) || kind == Some(FIRST),
                });
            }
        };
        at += HEADER_BYTES + length;
    }
}

/// Whether a whole record, or the whole first part of one, begins at `from` or later.
fn anything_begins(bytes: &[u8], from: usize) -> bool {
    (from..bytes.len()).any(|at| {
        let rest = bytes.get(at..).unwrap_or_default();
        matches!(rest.get(6), Some(&(FULL | FIRST))) && whole(rest, BLOCK_BYTES - at % BLOCK_BYTES).is_some()
    })
}

/// The type of the record at the beginning of `rest`, if its checksum is right; `left` bytes are left of the block.
fn whole(rest: &[u8], left: usize) -> Option<u8> {
    let end = HEADER_BYTES + length(rest);
    let (header, covered) = (rest.get(..4)?, rest.get(6..end)?);
    let masked = u32::from_le_bytes(header.try_into().ok()?);
    let kind = *covered.first()?;
    (end <= left && kind > 0 && mask(crc32c(covered)) == masked).then_some(kind)
}

fn length(rest: &[u8]) -> usize {
    match rest {
        [_, _, _, _, low, high, ..] => usize::from(u16::from_le_bytes([*low, *high])),
        _ => 0,
    }
}

const fn mask(crc: u32) -> u32 {
    crc.rotate_right(15).wrapping_add(0xa282_ead8)
}

fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, byte| {
        let index = usize::from(crc.to_le_bytes()[0] ^ byte);
        TABLE.get(index).copied().unwrap_or(0) ^ (crc >> 8)
    })
}

/// CRC-32C of every byte, polynomial 0x1edc6f41 reflected.
const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let (mut crc, mut bit) = (byte as u32, 0);
        while bit < 8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
};

#[cfg(test)]
#[path = "tail_tests.rs"]
mod tests;
