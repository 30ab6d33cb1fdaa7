use super::*;
use wattle_primitives::call::ledger::Entry;
use wattle_primitives::{Address, Amount, AssetId, TimeMs, encode};
use wattle_runtime::modules::ledger::records::Deposit;

const fn wallet(n: u8) -> AccountId {
    AccountId::Wallet { owner: Address([n; 32]) }
}

/// A state with holds: id, account debited, account credited, captor.
fn state(holds: &[[u8; 4]]) -> State {
    let entry = |&[id, debit, credit, captor]: &[u8; 4]| {
        let hold = Hold {
            entry: Entry::new(wallet(debit), wallet(credit), AssetId::NATIVE, Amount(1)),
            captor: Address([captor; 32]),
            expires_ms: TimeMs::MAX,
            owned: false,
            deposit: Deposit { payer: Address([debit; 32]), amount: Amount(1) },
        };
        (keys::hold(&Hash([id; 32])).to_vec(), encode(&hold))
    };
    State::from_entries(holds.iter().map(entry))
}

#[test]
fn holds_are_listed_by_account_as_blocks_make_and_end_them() {
    let before = state(&[[1, 1, 2, 1], [2, 1, 3, 9], [3, 4, 1, 4]]);
    let mut holds = Holds::of(&before);
    let list = |holds: &Holds, n, from: u8, limit| -> Vec<u8> {
        let found = holds.list(&wallet(n), Hash([from; 32]), limit);
        found.into_iter().map(|id| id.0[0]).collect()
    };
    for (n, from, limit, want) in [
        (1, 0, 9, &[1, 2, 3][..]),
        (1, 2, 9, &[2, 3][..]),
        (1, 0, 2, &[1, 2][..]),
        (2, 0, 9, &[1][..]),
        (9, 0, 9, &[2][..]),
        (5, 0, 9, &[][..]),
    ] {
        assert_eq!(list(&holds, n, from, limit), want, "{n}");
    }
    // One ends, one ends and another of its id is made, one is new; a part of the third is captured.
    let after = state(&[[2, 5, 6, 5], [3, 4, 1, 4], [7, 1, 2, 1]]);
    let written = [1, 2, 3, 7].map(|id| keys::hold(&Hash([id; 32])).to_vec());
    holds.go_on(&before, &after, written.iter().map(Vec::as_slice));
    assert_eq!(holds, Holds::of(&after));
    assert_eq!(list(&holds, 1, 0, 9), [3, 7]);
}
