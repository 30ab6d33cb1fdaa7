use super::*;

#[test]
fn the_first_number_of_a_key_is_kept_and_another_keys_is_not_its_own() {
    let dir = crate::tests::chain::memory_dir();
    let (one, two) = (Some(Address([1; 32])), Some(Address([2; 32])));
    let mut serial = Serial::open(dir.path(), one);
    assert_eq!(serial.note(None), 0);
    assert_eq!(serial.number(), None);
    assert!(serial.note(Some("12")) > 0);
    assert_eq!(serial.note(Some("12")), 0, "once");
    assert_eq!(Serial::open(dir.path(), one).number(), Some("12"));
    let mut other = Serial::open(dir.path(), two);
    assert_eq!(other.number(), None);
    assert!(other.note(Some("34")) > 0);
    assert_eq!(Serial::open(dir.path(), two).number(), Some("34"));
    let mut shows = Serial::open(dir.path(), None);
    assert_eq!(shows.note(Some("56")), 0);
    assert_eq!(shows.number(), None);
}
