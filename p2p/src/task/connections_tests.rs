use super::*;

#[test]
fn both_ends_keep_the_same_of_several_connections() {
    let mut ends = [PeerId::random(), PeerId::random()];
    ends.sort();
    let [smaller, greater] = ends;
    // Who dialed each, as the smaller sees it in its order, and as the greater does in its own.
    let table: [(&[bool], &[bool], usize, usize); 4] = [
        (&[true, false], &[true, false], 0, 1), // each saw its own dial first
        (&[false, true], &[true, false], 1, 1), // both saw the greater's first
        (&[false, false], &[true, true], 1, 1), // the greater dialed twice: the newest lives
        (&[true], &[false], 0, 0),
    ];
    for (at_smaller, at_greater, first, second) in table {
        let got = (
            kept(at_smaller.iter().copied(), &smaller, &greater),
            kept(at_greater.iter().copied(), &greater, &smaller),
        );
        assert_eq!(got, (Some(first), Some(second)), "{at_smaller:?} {at_greater:?}");
    }
}
