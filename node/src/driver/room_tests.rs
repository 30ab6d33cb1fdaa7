use super::*;
use wattle_primitives::{Epoch, View};

const CHAIN_MAX: u32 = 1024 * 1024;

fn round(view: u64) -> Round {
    Round { epoch: Epoch(0), view: View(view) }
}

/// Proposes as much as there is room for, of plenty.
fn propose(room: &mut Room, view: u64) -> usize {
    let bytes = room.bytes_max().min(1024 * 1024);
    room.building(round(view), 2 * 1024 * 1024);
    room.built(round(view), bytes);
    bytes
}

#[test]
fn given_up_views_halve_a_leaders_blocks_down_to_empty_and_final_ones_double_them() {
    let mut room = Room::default();
    let mut sizes = Vec::new();
    for view in 1..=11 {
        sizes.push(propose(&mut room, view) / 1024);
        room.given_up(round(view));
    }
    assert_eq!(sizes, [1024, 512, 256, 128, 64, 32, 16, 8, 4, 2, 0]);
    sizes.clear();
    for view in 20..=100 {
        sizes.push(propose(&mut room, view) / 1024);
        room.finalized(round(view), CHAIN_MAX);
        room.settled(round(view));
    }
    assert_eq!(sizes[..12], [0, 2, 4, 8, 16, 32, 64, 128, 256, 512, 576, 648]);
    assert_eq!(sizes[64..67], [896, 1024, 1024], "the size that failed is tried again in the end");
    assert!(room.bytes_max.is_none() && room.proposed.is_empty(), "nothing is left of it: {room:?}");
}

#[test]
fn a_leaders_blocks_stay_below_what_the_network_does_not_carry() {
    let mut room = Room::default();
    let (mut given_up, mut carried) = (0, 0);
    for view in 1..=400 {
        let bytes = propose(&mut room, view);
        if bytes > 300 * 1024 {
            room.given_up(round(view));
            given_up += 1;
        } else {
            room.finalized(round(view), CHAIN_MAX);
            carried += bytes;
        }
    }
    assert!(given_up <= 400 / 20, "{given_up} views are lost");
    assert!(carried / 400 > 200 * 1024, "{carried} bytes are carried");
}

#[test]
fn a_leader_learns_nothing_of_views_of_others_and_of_blocks_that_left_nothing_out() {
    let mut room = Room::default();
    room.given_up(round(1));
    assert_eq!(room.bytes_max(), usize::MAX, "not ours");
    propose(&mut room, 2);
    room.given_up(round(2));
    room.given_up(round(2));
    assert_eq!(room.bytes_max(), 512 * 1024, "once for each view");
    room.building(round(3), 700);
    room.built(round(3), 700);
    room.finalized(round(3), CHAIN_MAX);
    assert_eq!(room.bytes_max(), 512 * 1024, "a small block shows nothing of large ones");
    room.building(round(4), 0);
    room.given_up(round(4));
    assert_eq!(room.bytes_max(), 512 * 1024, "an empty block was not too large");
}
