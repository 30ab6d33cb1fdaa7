use super::*;

#[test]
fn a_write_counts_as_the_pages_it_touches() {
    for (from, to, want) in
        [(0, 0, 0), (5, 5, 0), (0, 1, 1), (0, 4096, 1), (4095, 4097, 2), (256, 512, 1), (4096, 8193, 2)]
    {
        assert_eq!(page_bytes(from, to), want * PAGE_BYTES, "{from}..{to}");
    }
}

#[test]
fn only_the_last_hour_counts_and_crossing_the_budget_is_told_once() {
    let (mut wear, mut total) = (Wear::default(), 0);
    for minute in 0..180u64 {
        let burst = if minute == 70 { 500_000 } else { 0 };
        total += 1000 + burst;
        let news = wear.note(minute * 60_000, total, 100_000);
        assert_eq!(news, minute == 70, "minute {minute}: {}", wear.per_hour());
        assert_eq!(wear.is_over(), (70..130).contains(&minute), "minute {minute}: {}", wear.per_hour());
    }
    assert_eq!((wear.per_hour(), wear.total()), (60_000, total));
}

#[test]
fn the_start_is_not_taken_for_the_whole_hour() {
    let mut wear = Wear::default();
    wear.note(0, 0, 1_000_000);
    assert!(!wear.note(2_000, 100_000, 1_000_000));
    assert_eq!(wear.per_hour(), 600_000);
}
