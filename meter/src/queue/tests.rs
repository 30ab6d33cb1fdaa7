#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;
use wattle_primitives::reading::{ClockQuality, Reading, Words};
use wattle_primitives::{Address, Hash, SecretKey, TimeMs};

fn reading(seq: u64) -> SignedReading {
    let key = SecretKey::from_seed([3; 32]);
    let words = |low: u64| Words::new(vec![0, low as u16]).unwrap();
    let reading = Reading {
        meter: Address::of_key(&key.public()),
        seq,
        boot_id: 9,
        uptime_ms: seq * 10,
        time_ms: TimeMs(1_700_000_000_000 + seq),
        clock: ClockQuality::Chain,
        import: words(seq),
        export: words(0),
    };
    let signature = key.sign(&reading.signing_bytes(&Hash([1; 32])));
    SignedReading { reading, key: key.public(), signature }
}

fn put(queue: &mut Queue) -> u64 {
    let seq = queue.next_seq().unwrap();
    queue.append(&reading(seq)).unwrap();
    seq
}

fn seqs(queue: &Queue) -> Vec<u64> {
    queue.pending(0, u64::MAX, usize::MAX).unwrap().iter().map(|r| r.reading.seq).collect()
}

fn segment_path(dir: &Path) -> PathBuf {
    segment_files(dir).unwrap().pop().unwrap().1
}

#[test]
fn nothing_leaves_before_it_is_synced() {
    let dir = crate::tests::chain::memory_dir();
    let (mut queue, recovery) = Queue::open(dir.path(), 100).unwrap();
    assert_eq!(recovery, Recovery::default());
    put(&mut queue);
    assert_eq!((seqs(&queue), queue.depth()), (vec![], 1));
    queue.sync().unwrap();
    put(&mut queue);
    assert_eq!((seqs(&queue), queue.depth()), (vec![1], 2));
    queue.sync().unwrap();
    assert_eq!(seqs(&queue), [1, 2]);
    assert_eq!(queue.pending(0, 1, 9).unwrap().len(), 1);
    assert_eq!(queue.pending(1, 9, 9).unwrap(), [reading(2)]);
}

#[test]
fn nothing_leaves_after_a_failed_sync() {
    let dir = crate::tests::chain::memory_dir();
    let (mut queue, _) = Queue::open(dir.path(), 100).unwrap();
    let seq = queue.next_seq().unwrap();
    // A device that takes every write and can sync none.
    let path = dir.path().join(format!("{seq:020}.{}", segment::SUFFIX));
    std::os::unix::fs::symlink("/dev/null", path).unwrap();
    queue.append(&reading(seq)).unwrap();
    assert!(matches!(queue.sync(), Err(QueueError::Io { action: "sync", .. })));
    assert_eq!((seqs(&queue), queue.depth()), (vec![], 1));
}

#[test]
fn reopening_at_any_stage_loses_nothing_synced_and_repeats_no_number() {
    let dir = crate::tests::chain::memory_dir();
    let mut given = std::collections::BTreeSet::new();
    let mut synced = std::collections::BTreeSet::new();
    for round in 0u64..40 {
        let (mut queue, _) = Queue::open(dir.path(), 10_000).unwrap();
        let have: std::collections::BTreeSet<u64> = seqs(&queue).into_iter().collect();
        assert!(synced.iter().all(|s| have.contains(s)), "round {round}");
        for _ in 0..round % 7 {
            assert!(given.insert(put(&mut queue)), "round {round}: number given twice");
        }
        if round % 3 == 0 {
            queue.sync().unwrap();
            synced.extend(seqs(&queue));
        }
        if round % 5 == 4 {
            let up_to = have.iter().copied().nth(have.len() / 2).unwrap_or(0);
            queue.ack(up_to).unwrap();
            synced.retain(|s| *s > up_to);
            assert!(seqs(&queue).iter().all(|s| *s > up_to));
        }
        if round % 4 == 1 {
            assert!(given.insert(queue.next_seq().unwrap()), "a number that never became a reading");
        }
    }
}

#[test]
fn a_tail_torn_at_any_byte_costs_at_most_the_unsynced_readings() {
    let dir = crate::tests::chain::memory_dir();
    let (mut queue, _) = Queue::open(dir.path(), 100).unwrap();
    fill(&mut queue, 3);
    queue.sync().unwrap();
    let durable = std::fs::read(segment_path(dir.path())).unwrap().len();
    fill(&mut queue, 2);
    let last_given = queue.last_seq();
    drop(queue);
    let whole = std::fs::read(segment_path(dir.path())).unwrap();
    let state = std::fs::read(dir.path().join("state")).unwrap();
    for cut in durable..=whole.len() {
        std::fs::write(segment_path(dir.path()), &whole[..cut]).unwrap();
        std::fs::write(dir.path().join("state"), &state).unwrap();
        let (mut queue, recovery) = Queue::open(dir.path(), 100).unwrap();
        let left = (cut / segment::SLOT_BYTES) as u64;
        assert_eq!(seqs(&queue), (1..=left).collect::<Vec<_>>(), "cut at {cut}");
        assert_eq!(recovery.torn_bytes, (cut % segment::SLOT_BYTES) as u64);
        let next = put(&mut queue);
        assert!(next > last_given, "cut at {cut}: number {next} again");
        queue.sync().unwrap();
        drop(queue);
        assert_eq!(seqs(&Queue::open(dir.path(), 100).unwrap().0).last(), Some(&next));
    }
}

#[test]
fn a_flipped_bit_at_any_byte_costs_at_most_one_reading_and_forges_none() {
    let dir = crate::tests::chain::memory_dir();
    let (mut queue, _) = Queue::open(dir.path(), 100).unwrap();
    fill(&mut queue, 4);
    queue.sync().unwrap();
    drop(queue);
    let path = segment_path(dir.path());
    let whole = std::fs::read(&path).unwrap();
    for at in 0..whole.len() {
        let mut bad = whole.clone();
        bad[at] ^= 1 << (at % 8);
        std::fs::write(&path, &bad).unwrap();
        let (mut queue, _) = Queue::open(dir.path(), 100).unwrap();
        let left = queue.pending(0, u64::MAX, 9).unwrap();
        assert!(left.len() >= 3, "offset {at}: {} left", left.len());
        assert!(left.iter().all(|r| *r == reading(r.reading.seq)), "offset {at}");
        assert!(queue.next_seq().unwrap() > 4, "offset {at}");
    }
}

#[test]
fn whole_slots_whose_numbers_do_not_rise_are_passed_over_by_everybody() {
    let dir = crate::tests::chain::memory_dir();
    for (first, numbers) in [(3, [10, 5, 11]), (12, [9, 11, 13])] {
        let mut segment = Segment::create(dir.path(), first).unwrap();
        for seq in numbers {
            segment.append(&reading(seq)).unwrap();
        }
        segment.sync().unwrap();
    }
    let (queue, recovery) = Queue::open(dir.path(), 100).unwrap();
    assert_eq!((recovery.pending, queue.depth(), queue.last_seq()), (3, 3, 13));
    assert_eq!(seqs(&queue), [10, 11, 13]);
    let seen = overview(dir.path()).unwrap();
    assert_eq!((seen.depth, seen.last_seq), (3, 13));
}

#[test]
fn acknowledged_segments_go_and_the_full_queue_drops_its_oldest() {
    let dir = crate::tests::chain::memory_dir();
    let capacity = segment::SLOTS_MAX as usize + 10;
    let (mut queue, _) = Queue::open(dir.path(), capacity).unwrap();
    for _ in 0..capacity + 5 {
        put(&mut queue);
    }
    queue.sync().unwrap();
    assert_eq!((queue.depth(), queue.dropped(), queue.acked()), (capacity, 5, 5));
    assert_eq!(segment_files(dir.path()).unwrap().len(), 2);
    queue.ack(segment::SLOTS_MAX).unwrap();
    assert_eq!(segment_files(dir.path()).unwrap().len(), 1);
    drop(queue);
    let (queue, recovery) = Queue::open(dir.path(), capacity).unwrap();
    assert_eq!((recovery.pending, queue.dropped()), (15, 5));
}

#[test]
fn what_is_in_flight_survives_a_restart_and_ends_with_its_last_reading() {
    let dir = crate::tests::chain::memory_dir();
    let (mut queue, _) = Queue::open(dir.path(), 100).unwrap();
    fill(&mut queue, 5);
    queue.sync().unwrap();
    let inflight = Inflight { nonce: wattle_primitives::Nonce(7), up_to: 4 };
    queue.set_inflight(Some(inflight)).unwrap();
    drop(queue);
    let (mut queue, _) = Queue::open(dir.path(), 100).unwrap();
    assert_eq!(queue.inflight(), Some(inflight));
    queue.ack(3).unwrap();
    assert_eq!(queue.inflight(), Some(inflight));
    queue.ack(4).unwrap();
    assert_eq!((queue.inflight(), seqs(&queue)), (None, vec![5]));
}

#[test]
fn a_new_directory_never_reuses_the_numbers_of_an_old_one() {
    let dir = crate::tests::chain::memory_dir();
    let (mut queue, _) = Queue::open(dir.path(), 100).unwrap();
    put(&mut queue);
    assert!(!queue.is_anchored());
    assert!(queue.anchor(500).unwrap(), "the chain is ahead");
    assert!(queue.next_seq().unwrap() > 500);
    queue.set_anchored().unwrap();
    drop(queue);
    let (mut queue, _) = Queue::open(dir.path(), 100).unwrap();
    assert!(queue.is_anchored());
    assert!(queue.next_seq().unwrap() > 500);
    assert!(!queue.anchor(0).unwrap());
}

#[test]
fn a_second_process_is_refused_and_wrong_numbers_too() {
    let dir = crate::tests::chain::memory_dir();
    let (mut queue, _) = Queue::open(dir.path(), 100).unwrap();
    assert!(matches!(Queue::open(dir.path(), 100), Err(QueueError::Locked { .. })));
    assert!(matches!(queue.append(&reading(1)), Err(QueueError::Sequence { .. })));
    let seq = put(&mut queue);
    assert!(matches!(queue.append(&reading(seq)), Err(QueueError::Sequence { .. })));
}

fn fill(queue: &mut Queue, readings: u32) {
    for _ in 0..readings {
        put(queue);
    }
}

#[test]
fn gaps_skipped_and_dropped_numbers_are_told() {
    let dir = crate::tests::chain::memory_dir();
    let (mut queue, recovery) = Queue::open(dir.path(), 4).unwrap();
    assert_eq!((recovery.skipped, queue.skipped(), queue.gaps(9)), (0, 0, vec![]));
    fill(&mut queue, 2);
    queue.sync().unwrap();
    drop(queue);
    // The rest of the first reservation may have been used: it is skipped, and that is told.
    let (mut queue, recovery) = Queue::open(dir.path(), 4).unwrap();
    assert_eq!((recovery.skipped, queue.skipped()), (RESERVATION - 2, RESERVATION - 2));
    fill(&mut queue, 1);
    queue.next_seq().unwrap(); // a number that never became a reading
    fill(&mut queue, 1);
    assert_eq!(queue.gaps(9), [(3, RESERVATION), (RESERVATION + 2, RESERVATION + 2)]);
    assert_eq!(queue.gaps(1), [(3, RESERVATION)]);
    fill(&mut queue, 2);
    assert_eq!((queue.depth(), queue.dropped(), queue.acked()), (4, 2, 2));
    assert_eq!(queue.newest().unwrap().unwrap().reading.seq, queue.last_seq());
    queue.ack(queue.last_seq()).unwrap();
    assert_eq!((queue.gaps(9), queue.depth()), (vec![], 0));
    assert_eq!(queue.newest().unwrap().unwrap().reading.seq, queue.last_seq(), "also when it is done with");
}

#[test]
fn a_day_of_quarter_hours_writes_little() {
    let dir = crate::tests::chain::memory_dir();
    let (mut queue, _) = Queue::open(dir.path(), 4000).unwrap();
    for nonce in 0..96 {
        let seq = put(&mut queue);
        queue.sync().unwrap();
        let nonce = wattle_primitives::Nonce(nonce);
        queue.set_inflight(Some(Inflight { nonce, up_to: seq })).unwrap();
        queue.ack(seq).unwrap();
    }
    let per_hour = queue.written_bytes() / 24;
    assert!((40_000..80_000).contains(&per_hour), "{per_hour} bytes an hour");
    let before = queue.written_bytes();
    queue.sync().unwrap();
    assert_eq!(queue.written_bytes(), before, "nothing new, nothing written");
    fill(&mut queue, 64);
    queue.sync().unwrap();
    assert!(queue.written_bytes() - before <= 7 * PAGE_BYTES, "one sync for many readings");
}
