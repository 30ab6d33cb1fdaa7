#![expect(clippy::unwrap_used, reason = "tests")]
use super::*;
use wattle_primitives::merkle::ListProof;
use wattle_primitives::receipt::{BlockReceipts, Outcome};
use wattle_primitives::{Amount, Epoch, Header, PublicKey, TimeMs, View, Weight, encode};
use wattle_rpc_types::At;

const ACCOUNT: Address = Address([1; 32]);
const GRID: Hash = Hash([3; 32]);

fn paid(amount: u128, by_member: bool) -> Event {
    Event::Energy(EnergyEvent::TabPaid {
        microgrid: GRID,
        account: ACCOUNT,
        amount: Amount(amount),
        by_member,
    })
}

/// A block with two events of its own and a transaction with one, and the proof of event `place` of leaf `leaf`.
fn proof(leaf: u32, place: u32) -> EventProof {
    let receipt = Receipt {
        tx: Hash([5; 32]),
        outcome: Outcome::Success,
        weight: Weight(1),
        fee: Amount(1),
        events: vec![paid(9, true)],
    };
    let receipts = BlockReceipts { block: vec![paid(7, true), paid(8, false)], txs: vec![receipt.clone()] };
    let header = Header {
        version: 1,
        chain: Hash([9; 32]),
        epoch: Epoch(0),
        view: View(4),
        height: Height(4),
        parent: Hash::ZERO,
        time_ms: TimeMs(4),
        proposer: PublicKey([0; 32]),
        txs_root: Hash::ZERO,
        state_root: Hash::ZERO,
        receipts_root: receipts.root(),
        validators_hash: Hash::ZERO,
        next_validators_hash: Hash::ZERO,
    };
    EventProof {
        at: At::finalized(Height(4)),
        index: 0,
        event: paid(0, false), // nobody looks at the node's own word
        place,
        leaf: if leaf == 0 { encode(&receipts.block) } else { encode(&receipt) },
        proof: ListProof::build(&receipts.leaves(), leaf).unwrap(),
        header,
        finalization: None,
        path: Vec::new(),
    }
}

/// Goal: a line is believed only as the event that the block's receipts hold at that place.
#[test]
fn a_tampered_proof_of_a_line_is_refused() {
    let table = [(0, 0, paid(7, true)), (0, 1, paid(8, false)), (1, 0, paid(9, true))];
    for (leaf, place, event) in &table {
        check_event(&proof(*leaf, *place), Height(4), event).unwrap();
        let refused = |spoil: &dyn Fn(&mut EventProof), height: u64, event: &Event| {
            let mut proof = proof(*leaf, *place);
            spoil(&mut proof);
            check_event(&proof, Height(height), event).is_err()
        };
        assert!(refused(&|_| {}, 4, &paid(10, true)), "another amount");
        assert!(refused(&|_| {}, 5, event), "another block");
        assert!(refused(&|p| p.place += 1, 4, event), "another place");
        assert!(refused(&|p| p.header.receipts_root = Hash::ZERO, 4, event), "another root");
        assert!(refused(&|p| p.proof.index ^= 1, 4, event), "another leaf's place");
        assert!(refused(&|p| p.leaf.push(0), 4, event), "a longer leaf");
        assert!(
            refused(&|p| p.leaf = encode(&vec![event.clone(), event.clone()]), 4, event),
            "an invented leaf"
        );
    }
}

/// Goal: a line that was left out is missed, also one that left the balance as it was.
#[test]
fn lines_that_were_left_out_are_missed() {
    let lines = [paid(7, true), paid(8, false), paid(8, true)];
    let tab = BalanceRecord { debits_posted: 8, credits_posted: 15, ..BalanceRecord::default() };
    assert!(add_up(lines.iter(), &ACCOUNT, &tab, &[]).is_ok());
    for left_out in 0..lines.len() {
        let rest = lines.iter().enumerate().filter(|(at, _)| *at != left_out).map(|(_, line)| line);
        assert!(add_up(rest, &ACCOUNT, &tab, &[]).is_err(), "without line {left_out}");
    }
    // 5 went to another account of the member's, and 3 of it came back.
    let moved = BalanceRecord { debits_posted: 8 + 5, credits_posted: 15 + 3, ..tab };
    let other = BalanceRecord { debits_posted: 3, credits_posted: 5, ..BalanceRecord::default() };
    assert!(add_up(lines.iter(), &ACCOUNT, &moved, &[other]).is_ok());
    assert!(add_up(lines.iter(), &ACCOUNT, &moved, &[]).is_err());
    // Paid in and out again: the balance alone would not tell.
    assert!(add_up(lines[..1].iter(), &ACCOUNT, &tab, &[]).is_err());
}
