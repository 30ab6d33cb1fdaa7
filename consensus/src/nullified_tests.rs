use super::*;
use wattle_primitives::{BoundedBytes, BoundedVec, Epoch, Round, Vote};

fn nullification(view: u64) -> Certificate {
    let vote = Vote::Nullify(Round { epoch: Epoch(0), view: View(view) });
    Certificate { vote, signers: BoundedBytes::default(), signatures: BoundedVec::default() }
}

/// Goal: whatever the order, a run reaches down to the first view that is not nullified.
#[test]
fn runs_are_found_whatever_the_order_in_which_views_came() {
    let held: Vec<u64> = (1..=40).filter(|v| ![1, 7, 8, 23, 40].contains(v)).collect();
    for turn in 0..held.len() {
        let mut order = held.clone();
        order.rotate_left(turn);
        if turn % 2 == 1 {
            order.reverse();
        }
        let mut nullified = Nullified::default();
        assert!(order.iter().all(|view| nullified.insert(&nullification(*view))));
        assert!(!nullified.insert(&nullification(held[0])));
        for floor in [0, 3, 8, 22, 39] {
            nullified.forget_up_to(View(floor));
            for view in floor + 1..=41 {
                let walked = (floor + 1..=view).rev().find(|v| !held.contains(v)).unwrap_or(floor);
                assert_eq!(nullified.gap_from(View(view)), View(walked), "{view} above {floor}");
            }
        }
        assert_eq!((nullified.len(), nullified.last()), (0, None));
    }
}
