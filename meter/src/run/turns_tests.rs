use super::*;

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn peers_take_turns_from_any_of_them_on() {
    let now = Instant::now();
    let mut turns = Turns::new(3, 4);
    let called: Vec<_> = (0..5).map(|_| turns.choose(now)).collect();
    assert_eq!(called, [Some(1), Some(2), Some(0), Some(1), Some(2)]);
    assert_eq!(Turns::new(0, 4).choose(now), None);
}

#[test]
fn a_liar_is_passed_over_for_twice_as_long_each_time() {
    let mut now = Instant::now();
    let mut turns = Turns::new(2, 0);
    for hours in [1u32, 2, 4, 8, 16, 32, 64, 128, 256, 256] {
        turns.blame(0, now);
        let end = now + SHUNNED_MIN * hours;
        for at in [now, end - MINUTE] {
            assert_eq!([turns.choose(at), turns.choose(at)], [Some(1), Some(1)], "{hours} h");
        }
        let after = [turns.choose(end), turns.choose(end)];
        assert_eq!(after, [Some(0), Some(1)], "{hours} h");
        now = end;
    }
}

#[test]
fn where_all_have_lied_the_one_found_out_longest_ago_is_called() {
    let now = Instant::now();
    let mut turns = Turns::new(3, 0);
    for (peer, minutes) in [(1, 0), (0, 1), (2, 2)] {
        turns.blame(peer, now + MINUTE * minutes);
    }
    let later = now + MINUTE * 3;
    assert_eq!([turns.choose(later), turns.choose(later)], [Some(1), Some(1)]);
    turns.blame(1, later);
    assert_eq!(turns.choose(later), Some(0));
}
