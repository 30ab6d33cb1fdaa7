#![expect(clippy::unwrap_used, reason = "tests fail loudly")]

use super::*;
use proptest::prelude::*;
use wattle_host::dir::OsDir;
use wattle_test_disk::{Crash, Faults, SimDir};

const PAGE: usize = PAGE_BYTES;

fn config(segment_bytes: u64) -> WalConfig {
    WalConfig { chain: Hash([7; 32]), entropy: [3; 32], segment_bytes }
}

fn open(dir: &SimDir) -> Result<Wal<SimDir>, WalError> {
    Wal::open(dir.clone(), config(4 * PAGE as u64))
}

fn records(n: u64) -> Vec<Vec<u8>> {
    (0..=n % 3).map(|i| vec![n as u8; (n * 37 + i * 1500) as usize]).collect()
}

fn contents<D: Dir>(wal: &Wal<D>) -> Vec<(GroupId, Height, Vec<Vec<u8>>)> {
    wal.replay().map(|g| g.unwrap()).map(|g| (g.id, g.height, g.records)).collect()
}

fn expected(groups: u64) -> Vec<(GroupId, Height, Vec<Vec<u8>>)> {
    (1..=groups).map(|n| (GroupId(n), Height(n * 10), records(n))).collect()
}

/// Appends groups up to number `last`; returns how many the log acknowledged.
fn fill(dir: &SimDir, last: u64) -> u64 {
    let Ok(mut wal) = open(dir) else { return 0 };
    let first = wal.last_group().map_or(1, |g| g.0 + 1);
    for n in first..=last {
        if wal.append(Height(n * 10), &records(n)).is_err() {
            return n - 1;
        }
    }
    last
}

#[test]
fn groups_come_back_across_segments_and_reopening() {
    let dir = SimDir::new();
    for last in [3, 4, 11] {
        assert_eq!(fill(&dir, last), last);
        let wal = open(&dir).unwrap();
        assert_eq!(contents(&wal), expected(last));
        assert_eq!((wal.last_group(), wal.torn_tail()), (Some(GroupId(last)), None));
    }
    assert!(dir.list().unwrap().len() > 3, "several segments");
}

#[test]
fn the_real_file_system_works_too_and_a_second_process_is_refused() {
    let temp = tempfile::tempdir().unwrap();
    let open = || Wal::open(OsDir::open(temp.path()).unwrap(), config(4 * PAGE as u64));
    let mut wal = open().unwrap();
    assert!(matches!(open(), Err(WalError::Locked)));
    for n in 1..=9 {
        wal.append(Height(n * 10), &records(n)).unwrap();
    }
    drop(wal);
    assert_eq!(contents(&open().unwrap()), expected(9));
}

#[test]
fn closed_segments_go_once_covered_and_numbers_go_on() {
    let dir = SimDir::new();
    fill(&dir, 12);
    let mut wal = open(&dir).unwrap();
    assert_eq!(wal.release(Height(9)).unwrap(), 0, "group 1 is about height 10");
    let before = wal.bytes();
    assert!(wal.release(Height(60)).unwrap() > 0);
    assert!(wal.bytes() < before);
    assert!(contents(&wal).iter().any(|(_, height, _)| *height == Height(70)), "not covered, not gone");
    wal.release(Height::MAX).unwrap();
    assert_eq!(wal.last_group(), Some(GroupId(12)), "the current segment stays");
    wal.append(Height(130), &records(13)).unwrap();
    drop(wal);
    dir.crash(Crash::DropUnsynced, 0);
    assert_eq!(contents(&open(&dir).unwrap()).last(), expected(13).last());
}

#[test]
fn a_log_written_anew_holds_that_alone_and_numbers_go_on() {
    let dir = SimDir::new();
    fill(&dir, 12);
    let mut wal = open(&dir).unwrap();
    let kept = [records(1), records(2), records(3)];
    for round in 0..4 {
        wal.rewrite(Height(120), &kept).unwrap();
        let held: Vec<_> = contents(&wal).into_iter().map(|(_, _, records)| records).collect();
        assert_eq!(held, kept, "round {round}");
        assert_eq!(wal.last_group(), Some(GroupId(12 + 3 * (round + 1))));
    }
    drop(wal);
    dir.crash(Crash::DropUnsynced, 0);
    let mut wal = open(&dir).unwrap();
    wal.append(Height(130), &records(4)).unwrap();
    assert_eq!(contents(&wal).len(), 4);
}

/// Goal: whenever the power fails, what is still needed is there: as it was written first, or as written anew.
#[test]
fn a_power_cut_while_the_log_is_written_anew_loses_nothing() {
    let kept = [records(4), records(5)];
    let begin = || {
        let dir = SimDir::new();
        fill(&dir, 5);
        dir
    };
    let dir = begin();
    let before = dir.counts().operations;
    open(&dir).unwrap().rewrite(Height(50), &kept).unwrap();
    for at in before..=dir.counts().operations {
        for (seed, kind) in
            (0..4).flat_map(|s| [Crash::DropUnsynced, Crash::TornPrefix].map(|kind| (s, kind)))
        {
            let dir = begin();
            dir.set_faults(Faults { power_off: Some(at), ..Faults::default() });
            let _ = open(&dir).and_then(|mut wal| wal.rewrite(Height(50), &kept));
            dir.crash(kind, seed);
            let found = contents(&open(&dir).unwrap());
            let whole = kept.iter().all(|group| found.iter().any(|(_, _, records)| records == group));
            assert!(whole, "power off at {at}, {kind:?}, seed {seed}: {} groups", found.len());
        }
    }
}

#[test]
fn another_chains_log_and_a_missing_segment_are_refused() {
    let dir = SimDir::new();
    fill(&dir, 12);
    let other = WalConfig { chain: Hash([8; 32]), ..config(4 * PAGE as u64) };
    assert!(matches!(Wal::open(dir.clone(), other), Err(WalError::WrongChain { .. })));
    dir.remove(&format::segment_name(1)).unwrap();
    assert!(matches!(open(&dir), Err(WalError::MidLogCorruption { segment: 2, .. })));
}

/// A log of one segment with three groups, and where each group ends.
fn small() -> (Vec<u8>, Vec<usize>) {
    let dir = SimDir::new();
    let mut wal = Wal::open(dir.clone(), config(SEGMENT_BYTES)).unwrap();
    let mut ends = vec![PAGE];
    for n in 1..=3 {
        wal.append(Height(n * 10), &records(n)).unwrap();
        ends.push(wal.bytes() as usize);
    }
    (dir.bytes(&format::segment_name(0)).unwrap(), ends)
}

fn open_bytes(bytes: Vec<u8>) -> Result<Wal<SimDir>, WalError> {
    let dir = SimDir::new();
    dir.plant(&format::segment_name(0), bytes);
    Wal::open(dir, config(SEGMENT_BYTES))
}

#[test]
fn cut_at_every_byte_the_whole_groups_before_it_remain() {
    let (bytes, ends) = small();
    for cut in 0..=bytes.len() {
        let opened = open_bytes(bytes[..cut].to_vec());
        if cut < PAGE {
            assert!(matches!(opened, Err(WalError::MidLogCorruption { .. })), "cut at {cut}");
            continue;
        }
        let whole = ends.iter().filter(|end| **end <= cut).count() - 1;
        let wal = opened.unwrap();
        assert_eq!(wal.last_group().map_or(0, |g| g.0), whole as u64, "cut at {cut}");
        assert_eq!(wal.torn_tail().is_some(), cut > ends[whole], "cut at {cut}");
        if cut % 509 == 0 {
            assert_eq!(contents(&wal), expected(whole as u64));
        }
    }
}

#[test]
fn flipped_at_every_byte_the_last_group_is_cut_and_all_else_refused() {
    let (bytes, ends) = small();
    let last = ends[ends.len() - 2];
    for at in 0..bytes.len() {
        let mut bytes = bytes.clone();
        bytes[at] ^= 1 << (at % 8);
        match open_bytes(bytes) {
            Ok(wal) => {
                assert!(at >= last, "a flip at {at} went unnoticed");
                assert_eq!(wal.last_group(), Some(GroupId(2)));
                assert!(wal.torn_tail().is_some());
            }
            Err(WalError::MidLogCorruption { .. }) => assert!(at < last, "flip at {at}"),
            Err(other) => panic!("flip at {at}: {other}"),
        }
    }
}

#[test]
fn a_cut_tail_is_written_over() {
    let (mut bytes, _) = small();
    bytes.pop();
    let mut wal = open_bytes(bytes).unwrap();
    assert_eq!(wal.append(Height(30), &records(3)).unwrap(), GroupId(3));
    assert_eq!(contents(&wal), expected(3));
}

#[test]
fn bytes_that_look_like_a_group_inside_a_torn_one_do_not_stop_the_node() {
    let planted = format::encode_group(&LogId([0; 32]), 0, GroupId(9), Height(1), &[vec![1]]).unwrap();
    let mut record = vec![0; PAGE - format::HEAD_BYTES - 4];
    record.extend(planted);
    let dir = SimDir::new();
    let mut wal = Wal::open(dir.clone(), config(SEGMENT_BYTES)).unwrap();
    wal.append(Height(1), &[record]).unwrap();
    let mut bytes = dir.bytes(&format::segment_name(0)).unwrap();
    assert_eq!(bytes[2 * PAGE + 32..2 * PAGE + 40], *b"WATWALGR", "the bait lies on a page boundary");
    bytes[PAGE] ^= 1;
    assert_eq!(open_bytes(bytes).unwrap().last_group(), None);
}

/// Whether every acknowledged group survives a crash at operation `at`, and the log opens and goes on.
fn survives(at: u64, skip_sync: Option<u64>, kind: Crash, seed: u64) -> bool {
    let dir = SimDir::new();
    dir.set_faults(Faults { power_off: Some(at), skip_sync, ..Faults::default() });
    let acknowledged = fill(&dir, 7);
    dir.crash(kind, seed);
    let Ok(wal) = open(&dir) else { return false };
    let found = contents(&wal);
    let whole = found.len() as u64;
    drop(wal);
    whole >= acknowledged && whole <= acknowledged + 1 && found == expected(whole) && fill(&dir, 8) == 8
}

fn operations() -> (u64, u64) {
    let dir = SimDir::new();
    assert_eq!(fill(&dir, 7), 7);
    (dir.counts().operations, dir.counts().syncs)
}

const KINDS: [Crash; 3] = [Crash::DropUnsynced, Crash::TornPrefix, Crash::AnySectors];

#[test]
fn acknowledged_groups_survive_a_power_cut_at_every_operation() {
    for at in 0..=operations().0 {
        for kind in KINDS {
            for seed in 0..8 {
                assert!(survives(at, None, kind, seed), "power off at operation {at}, {kind:?}, seed {seed}");
            }
        }
    }
}

#[test]
fn without_any_one_of_the_syncs_a_power_cut_loses_something() {
    let (operations, syncs) = operations();
    for skip in 0..syncs {
        let noticed = (0..=operations).any(|at| !survives(at, Some(skip), Crash::DropUnsynced, 0));
        assert!(noticed, "sync {skip} of {syncs} is not needed");
    }
}

#[test]
fn a_failed_sync_is_the_end_and_a_full_disk_is_not() {
    let dir = SimDir::new();
    let mut wal = open(&dir).unwrap();
    wal.append(Height(10), &records(1)).unwrap();
    dir.set_faults(Faults { capacity_bytes: Some(2 * PAGE as u64 + 100), ..Faults::default() });
    let full = wal.append(Height(20), &records(2)).unwrap_err();
    assert!(matches!(full, WalError::Full { .. }), "{full:?}");
    dir.set_faults(Faults::default());
    assert_eq!(wal.append(Height(20), &records(2)).unwrap(), GroupId(2));
    dir.set_faults(Faults { fail_sync: Some(dir.counts().syncs), ..Faults::default() });
    assert!(matches!(wal.append(Height(30), &records(3)), Err(WalError::File { .. })));
    assert!(matches!(wal.append(Height(30), &records(3)), Err(WalError::Failed)));
    drop(wal);
    dir.crash(Crash::DropUnsynced, 0);
    assert_eq!(contents(&open(&dir).unwrap()), expected(2));
}

#[test]
fn a_group_beyond_the_limit_is_refused_and_harmless() {
    let dir = SimDir::new();
    let mut wal = open(&dir).unwrap();
    let error = wal.append(Height(1), &[vec![0; GROUP_BYTES_MAX]]).unwrap_err();
    assert!(matches!(error, WalError::GroupTooLarge { .. }), "{error:?}");
    wal.append(Height(10), &records(1)).unwrap();
    assert_eq!(contents(&wal), expected(1));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_run_of_appends_crashes_and_releases_keeps_what_was_acknowledged(
        steps in proptest::collection::vec((0..6u8, any::<u64>(), proptest::collection::vec(0..9000usize, 0..4)), 1..40)
    ) {
        let dir = SimDir::new();
        let mut wal = open(&dir).unwrap();
        let mut model: Vec<(GroupId, Height, Vec<Vec<u8>>)> = Vec::new();
        let mut next = 1;
        for (step, seed, sizes) in steps {
            let records: Vec<Vec<u8>> = sizes.iter().map(|size| vec![seed as u8; *size]).collect();
            match step {
                0..=2 => {
                    let id = wal.append(Height(next), &records).unwrap();
                    prop_assert_eq!(id, GroupId(next));
                    model.push((id, Height(next), records));
                    next += 1;
                }
                3 => {
                    wal.release(Height(next / 2)).unwrap();
                }
                _ => {
                    // The power goes off in the middle of an append.
                    let off = dir.counts().operations + seed % 4;
                    dir.set_faults(Faults { power_off: Some(off), ..Faults::default() });
                    let acknowledged = wal.append(Height(next), &records).is_ok();
                    drop(wal);
                    dir.crash(if step == 4 { Crash::TornPrefix } else { Crash::AnySectors }, seed);
                    wal = open(&dir).unwrap();
                    let there = wal.last_group().is_some_and(|g| g.0 == next);
                    prop_assert!(there || !acknowledged);
                    if there {
                        model.push((GroupId(next), Height(next), records));
                        next += 1;
                    }
                }
            }
            let found = contents(&wal);
            prop_assert!(model.ends_with(&found));
            let kept = model.len() - found.len();
            prop_assert!(model[..kept].iter().all(|(_, height, _)| height.0 <= next / 2));
        }
    }
}
