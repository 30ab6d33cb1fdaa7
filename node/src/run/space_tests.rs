#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;

#[test]
fn it_holds_back_below_the_reserve_and_goes_on_only_well_above() {
    let reserve = 800;
    for (was, free, want) in [
        (false, 801, false),
        (false, 800, false),
        (false, 799, true),
        (true, 800, true),
        (true, 899, true),
        (true, 900, false),
        (true, 0, true),
    ] {
        assert_eq!(is_low(was, free, reserve), want, "{was} {free}");
    }
    assert!(is_low(true, 5, u64::MAX) && !is_low(false, 0, 0));
}

#[test]
fn room_is_found_where_there_is_a_directory() {
    let dir = tempfile::tempdir().unwrap();
    let free = free_bytes(&[dir.path().to_owned(), dir.path().join("missing")]).unwrap();
    assert!(free > 0 && free < u64::MAX, "{free}");
}
