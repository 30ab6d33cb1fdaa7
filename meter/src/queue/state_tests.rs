#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;

#[test]
fn a_write_torn_anywhere_leaves_the_state_before_it() {
    let dir = crate::tests::chain::memory_dir();
    let path = dir.path().join("state");
    let (mut file, none) = StateFile::open(&path).unwrap();
    assert_eq!(none, None);
    let mut states = Vec::new();
    let mut state = State::default();
    for reserved in [64, 128, 192] {
        state.reserved = reserved;
        file.write(&mut state).unwrap();
        states.push((state, std::fs::read(&path).unwrap()));
    }
    for pair in states.windows(2) {
        let ((old, before), (new, after)) = (&pair[0], &pair[1]);
        for cut in 0..=SLOT_BYTES as usize * 2 {
            let mut torn = after.clone();
            // The first `cut` bytes of the new write arrived, the rest did not.
            for at in cut.min(torn.len())..torn.len() {
                torn[at] = before.get(at).copied().unwrap_or(0);
            }
            std::fs::write(&path, &torn).unwrap();
            let got = StateFile::open(&path).unwrap().1.unwrap();
            assert!(got == *old || got == *new, "cut at {cut}: {got:?}");
        }
    }
}

#[test]
fn both_slots_have_their_room_from_the_start() {
    let dir = crate::tests::chain::memory_dir();
    let path = dir.path().join("state");
    let (mut file, none) = StateFile::open(&path).unwrap();
    let length = || std::fs::metadata(&path).unwrap().len();
    assert_eq!((none, length()), (None, SLOT_BYTES * 2));
    let mut state = State::default();
    for acked in 1..=4 {
        state.acked = acked;
        file.write(&mut state).unwrap();
    }
    assert_eq!((StateFile::open(&path).unwrap().1, length()), (Some(state), SLOT_BYTES * 2));
}

#[test]
fn a_flipped_bit_never_yields_another_state() {
    let dir = crate::tests::chain::memory_dir();
    let path = dir.path().join("state");
    let (mut file, _) = StateFile::open(&path).unwrap();
    let mut state = State::default();
    file.write(&mut state).unwrap();
    let old = state;
    state.acked = 7;
    file.write(&mut state).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    for at in 0..bytes.len() {
        let mut bad = bytes.clone();
        bad[at] ^= 0x10;
        std::fs::write(&path, &bad).unwrap();
        let got = StateFile::open(&path).unwrap().1;
        assert!(got == Some(old) || got == Some(state), "offset {at}: {got:?}");
    }
}
