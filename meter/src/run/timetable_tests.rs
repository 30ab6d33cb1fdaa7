use super::*;

const INTERVAL: Duration = Duration::from_secs(900);
const LONGEST: Duration = Duration::from_secs(300);

fn after(start: Instant, s: u64) -> Instant {
    start + Duration::from_secs(s)
}

/// Goal: a meter that signs in steps, and one whose link comes and goes, costs no more visits than any other.
#[test]
fn readings_cost_a_visit_an_interval_however_many_there_are() {
    let start = Instant::now();
    let mut table = Timetable::new(INTERVAL, LONGEST, start, u64::MAX);
    let (mut visits, mut last) = (0, None);
    for s in 0..36_000 {
        let now = after(start, s);
        if table.left(now).is_zero() {
            let since = last.replace(now).map(|last| now - last);
            assert!(since.is_none_or(|since| since >= INTERVAL - INTERVAL / 30), "{since:?} after the last");
            table.visited(now, now, true, s);
            visits += 1;
        }
        table.reading(now, s * 7919);
    }
    assert!((40..=42).contains(&visits), "{visits} visits in ten hours");
}

#[test]
fn the_reading_at_an_intervals_end_goes_with_its_visit_and_none_makes_one_all_the_same() {
    let start = Instant::now();
    let mut table = Timetable::new(INTERVAL, LONGEST, start, 0);
    table.visited(start, after(start, 3), true, 0);
    assert_eq!(table.left(start), INTERVAL + INTERVAL / 10, "without a reading a little later");
    // It is durable ten seconds after the end.
    let now = after(start, 890);
    table.reading(now, 20_000);
    assert_eq!(table.left(now), Duration::from_secs(20), "at a moment of its own within a thirtieth");
    table.hurry(now);
    assert!(table.left(now).is_zero());
    // Who wants no spreading has none.
    let mut table = Timetable::new(INTERVAL, Duration::ZERO, start, 12_345);
    assert!(table.left(start).is_zero());
    table.visited(start, start, true, 0);
    table.reading(after(start, 890), 20_000);
    assert_eq!(table.left(start), INTERVAL);
}

/// Goal: forty light nodes whose validators come back do not dial in step, and none of them dials often meanwhile.
#[test]
fn after_failures_a_village_comes_ever_more_rarely_and_never_in_step() {
    let start = Instant::now();
    let mut village: Vec<Timetable> =
        (0..40).map(|node| Timetable::new(INTERVAL, LONGEST, start, node * 104_729)).collect();
    let mut seed = 7u64;
    let mut random = move || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        seed >> 11
    };
    let mut tries = vec![Vec::new(); village.len()];
    for s in 0..36_000 {
        let now = after(start, s);
        for (table, tries) in village.iter_mut().zip(&mut tries) {
            table.reading(now, random());
            if table.left(now).is_zero() {
                tries.push(s);
                table.visited(now, now, false, random());
            }
        }
    }
    for tries in &tries {
        assert!(tries.len() < 70, "{} tries in ten hours", tries.len());
        let pauses: Vec<u64> = tries.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(pauses[0] <= 31 && *pauses.iter().max().unwrap_or(&0) <= 901, "{pauses:?}");
    }
    let mut last: Vec<u64> = tries.iter().filter_map(|tries| tries.last().copied()).collect();
    last.sort_unstable();
    last.dedup();
    assert!(last.len() > 30, "{} moments for forty", last.len());
    // The next success ends all that.
    village[0].visited(start, start, true, 0);
    assert_eq!(village[0].left(start), INTERVAL + INTERVAL / 10);
}
