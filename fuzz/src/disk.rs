//! Files on a disk, damaged in any way: the log, the sign state, keys and the light node's queue.
//!
//! Their checksums would turn nearly every input away at the door. The first byte therefore says how many of them are
//! put right before the file is opened, as if somebody had written it that way.

use crate::heap;
use crate::world::{key, secret, world};
use std::path::{Path, PathBuf};
use wattle_host::seal::{KdfParams, KeyFile, Password};
use wattle_meter::queue::Queue;
use wattle_node::journal::WalRecord;
use wattle_node::signer::{DataDir, Signer};
use wattle_node::wal::{SEGMENT_BYTES, Wal, WalConfig, WalError};
use wattle_primitives::domain::{Domain, SIGN_STATE, WAL_BODY, WAL_GROUP, WAL_SEGMENT};
use wattle_primitives::reading::{ClockQuality, Reading, SignedReading};
use wattle_primitives::{
    Address, BoundedVec, Epoch, Hash, Height, Proposal, Round, TimeMs, ValidatorIndex, View, Vote,
};
use wattle_test_disk::SimDir;

const PAGE: usize = 4096;
const SUM: usize = 32;
/// Bytes of a group's head: sum, magic, segment, group, height, records, body length, body sum.
const GROUP_HEAD: usize = SUM + 72;
/// Name of the log's first segment.
pub const SEGMENT: &str = "wal-00000000000000000000";
/// Name of the sign state's file.
pub const SIGN_FILE: &str = "sign-state";

/// An empty directory, the same for every run of this process. `scripts/fuzz` lays it into memory.
pub(crate) fn scratch(name: &str) -> PathBuf {
    let dir = std::env::temp_dir().join(format!("wattle-fuzz-{}", std::process::id())).join(name);
    let _ = std::fs::remove_dir_all(&dir); // there is none the first time
    std::fs::create_dir_all(&dir).expect("scratch directory");
    dir
}

fn put_sum(bytes: &mut [u8], tag: Domain, parts: &[&[u8]]) {
    let sum = Hash::of(tag, parts);
    bytes[..SUM].copy_from_slice(sum.as_bytes());
}

/// Puts the sums of a segment's first page and of the groups that follow each other from page 1 right.
fn mend_log(file: &mut [u8]) {
    let Some((page, mut rest)) = file.split_at_mut_checked(PAGE) else { return };
    let log_id = page[76..108].to_vec();
    let fields = page[SUM..].to_vec();
    put_sum(page, WAL_SEGMENT, &[&fields]);
    while rest.len() >= GROUP_HEAD {
        let body = u32::from_le_bytes(rest[SUM + 36..SUM + 40].try_into().expect("four bytes"));
        let total = (body as usize).saturating_add(GROUP_HEAD).checked_next_multiple_of(PAGE);
        let Some((group, after)) = total.and_then(|total| rest.split_at_mut_checked(total)) else { return };
        let sum = Hash::of(WAL_BODY, &[&log_id, &group[GROUP_HEAD..]]);
        group[SUM + 40..GROUP_HEAD].copy_from_slice(sum.as_bytes());
        let fields = group[SUM..GROUP_HEAD].to_vec();
        put_sum(group, WAL_GROUP, &[&log_id, &fields]);
        rest = after;
    }
}

/// Opens a log in `dir` with small segments.
///
/// # Errors
/// [`WalError`].
pub fn open_log(dir: &SimDir) -> Result<Wal<SimDir>, WalError> {
    let config = WalConfig { chain: world().chain, entropy: [3; 32], segment_bytes: SEGMENT_BYTES };
    Wal::open(dir.clone(), config)
}

/// The first segment of a write-ahead log.
pub fn wal(bytes: &[u8]) {
    let Some((first, file)) = bytes.split_first() else { return };
    let mut file = file.to_vec();
    if first & 1 == 1 {
        mend_log(&mut file);
    }
    let dir = SimDir::new();
    dir.plant(SEGMENT, file);
    let room = bytes.len().saturating_mul(4).saturating_add(64 * 1024);
    let Ok(mut log) = heap::bounded(room, || open_log(&dir)) else { return };
    let groups: Vec<_> = log.replay().map(|group| group.expect("an open log is whole")).collect();
    for group in &groups {
        let _ = group.decode::<WalRecord>().map(|records| {
            records.iter().for_each(|record| {
                let _ = record.block(); // of another build, perhaps
            });
        });
        group.records.iter().for_each(|record| crate::codec::reads::<WalRecord>(record));
    }
    if log.append(Height(9), &[b"one more".to_vec()]).is_err() {
        return; // numbers can be used up
    }
    drop(log);
    let log = open_log(&dir).expect("what was opened and appended to is opened again");
    assert_eq!(log.torn_tail().map(|tail| tail.bytes), None, "the torn tail was cut");
    let again: Vec<_> = log.replay().map(|group| group.expect("an open log is whole")).collect();
    assert_eq!(again[..groups.len()], groups[..], "groups changed");
    assert_eq!(again.len(), groups.len() + 1);
}

/// Puts the sums of the sign state's pages right.
fn mend_sign_state(file: &mut [u8], binding: &[u8]) {
    for (index, page) in file.chunks_exact_mut(PAGE).enumerate() {
        let fields = page[SUM..].to_vec();
        put_sum(page, SIGN_STATE, &[if index == 0 { &[] } else { binding }, &fields]);
    }
}

/// The file that keeps a validator from signing twice.
pub fn sign_state(bytes: &[u8]) {
    let Some((first, file)) = bytes.split_first() else { return };
    let chain = world().chain;
    let mut file = file.to_vec();
    if first & 1 == 1 {
        mend_sign_state(&mut file, &[*chain.as_bytes(), key(4).0].concat());
    }
    let dir = SimDir::new();
    dir.plant(SIGN_FILE, file);
    let open = || Signer::open(dir.clone(), chain, secret(4), DataDir::InUse);
    let Ok(unreconciled) = heap::bounded(64 * 1024, open) else { return };
    let before = *unreconciled.state();
    let Ok((mut signer, _)) = unreconciled.reconcile([]) else { return };
    assert_eq!(*signer.state(), before, "an empty log adds nothing");
    let round = Round { epoch: Epoch(u64::from(first >> 1)), view: View(5) };
    let vote = |block: u8| Vote::Notarize(Proposal { round, parent_view: View(0), block: Hash([block; 32]) });
    let first = signer.prepare(vote(1), ValidatorIndex(3)).is_ok();
    if signer.sync().is_err() {
        return; // slot numbers can be used up
    }
    assert!(signer.prepare(vote(2), ValidatorIndex(3)).is_err() || !first, "two votes in one round");
    let state = *signer.state();
    drop(signer);
    let again = open().expect("what was written is opened");
    assert_eq!(*again.state(), state, "what was synced is not what is read");
}

/// A key file of the keystore; its seal is tried when that is cheap.
pub fn key_file(bytes: &[u8]) {
    let path = Path::new("input.json");
    let Ok(file) = heap::bounded(bytes.len() * 8 + 64 * 1024, || KeyFile::parse(bytes, path)) else { return };
    let written = serde_json::to_vec(&file).expect("every key file has a JSON form");
    assert_eq!(KeyFile::parse(&written, path).expect("what is written is read"), file);
    let KdfParams { memory_kib, passes, lanes } = file.kdf_params;
    let cheap = memory_kib <= 64 && passes <= 2 && lanes <= 4;
    if cheap && let Ok(secret) = file.open(&Password::new("fuzz".to_owned())) {
        assert_eq!(secret.public(), file.public_key, "the file opens to another key");
    }
}

/// Puts the checksums of a queue's slots right: of readings, or of the state.
fn mend_queue(file: &mut [u8], slot_bytes: usize, first: Option<u64>) {
    let context = if first.is_some() { "wattle meter queue slot v1" } else { "wattle meter queue state v1" };
    for (at, slot) in (0u64..).zip(file.chunks_mut(slot_bytes)) {
        let Some((sum, rest)) = slot.split_at_mut_checked(16) else { return };
        let Some((length, content)) = rest.split_first_chunk::<2>() else { return };
        let Some(content) = content.get(..usize::from(u16::from_le_bytes(*length))) else { continue };
        let mut hasher = blake3::Hasher::new_derive_key(context);
        if let Some(first) = first {
            hasher.update(&first.to_le_bytes()).update(&at.to_le_bytes());
        }
        hasher.update(length).update(content);
        hasher.finalize_xof().fill(sum);
    }
}

/// A reading of the meter with key 5.
#[must_use]
pub fn reading(seq: u64) -> SignedReading {
    let words = |word: u16| BoundedVec::new(vec![word, 0]).expect("two words");
    let reading = Reading {
        meter: Address::of_key(&key(5)),
        seq,
        boot_id: 1,
        uptime_ms: seq,
        time_ms: TimeMs(seq),
        clock: ClockQuality::Synced,
        import: words(0x4366),
        export: words(0),
    };
    let signature = secret(5).sign(&reading.signing_bytes(&world().chain));
    SignedReading { reading, key: key(5), signature }
}

/// The light node's queue: the first 4,608 bytes are its state, the rest is the segment that begins with number 3.
pub fn meter_queue(bytes: &[u8]) {
    const FIRST: u64 = 3;
    let Some((first, files)) = bytes.split_first() else { return };
    let dir = scratch("queue");
    let (state, segment) = files.split_at(files.len().min(PAGE + 512));
    let (mut state, mut segment) = (state.to_vec(), segment.to_vec());
    if first & 1 == 1 {
        mend_queue(&mut segment, 256, Some(FIRST));
    }
    if first & 2 == 2 {
        mend_queue(&mut state, PAGE, None);
    }
    std::fs::write(dir.join("state"), state).expect("scratch directory");
    std::fs::write(dir.join(format!("{FIRST:020}.readings")), segment).expect("scratch directory");
    let room = bytes.len().saturating_mul(8).saturating_add(256 * 1024);
    let (mut queue, recovery) = heap::bounded(room, || Queue::open(&dir, 1000)).expect("damage is no error");
    let pending = queue.pending(0, u64::MAX, 1000).expect("recovered readings are read");
    assert_eq!(pending.len(), recovery.pending.min(1000));
    assert!(pending.windows(2).all(|pair| pair[0].reading.seq < pair[1].reading.seq), "numbers fall");
    let Ok(seq) = queue.next_seq() else { return }; // numbers can be used up
    assert!(pending.iter().all(|r| r.reading.seq < seq), "a number is given out twice");
    queue.append(&reading(seq)).expect("the number came from the queue");
    queue.sync().expect("scratch directory");
    drop(queue);
    let (queue, recovery) = Queue::open(&dir, 1000).expect("scratch directory");
    assert_eq!(recovery.torn_bytes, 0, "the torn tail was cut");
    let again = queue.pending(0, u64::MAX, 1001).expect("readings are read");
    assert_eq!(again.len(), pending.len() + 1, "readings are lost between two openings");
    assert_eq!(again[..pending.len()], pending[..]);
}
