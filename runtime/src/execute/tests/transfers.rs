//! The semantics of transfers, as tables: limits on both sides, two phases, linked entries.
//!
//! The bar is TigerBeetle's state machine (github.com/tigerbeetle/tigerbeetle, `src/state_machine.zig`), as far as
//! there is the same here: flags `debits_must_not_exceed_credits` and its mirror (here amounts, of which the flags are
//! 0), pending transfers that are posted in full or in part, voided or expire, at most once (here also in several
//! parts), linked chains, and balancing transfers (of which one that moves nothing is no entry here, and by itself no
//! journal and no hold).
//!
//! Not here: closing transfers (there are none), and allotment by largest remainder: what is shared
//! here is shared by running sums, which leave no remainder (`modules/energy/exact.rs`).

use super::*;
use crate::query;
use wattle_primitives::call::ledger::{Balancing, Capture, Entry, Hold, Journal, OpenAccount, hold_id};

/// Accounts by code, with the most of debits above credits and of credits above debits.
const ACCOUNTS: &[(u32, AccountClass, Option<u128>, Option<u128>)] = &[
    (1, AccountClass::Asset, None, None),
    (2, AccountClass::Liability, Some(0), None),
    (3, AccountClass::Asset, None, Some(0)),
    (4, AccountClass::Liability, Some(10), None),
    (5, AccountClass::Asset, None, Some(10)),
    (6, AccountClass::Equity, Some(10), Some(20)),
];

#[derive(Clone, Copy, Debug)]
enum Step {
    /// Debit, credit, amount.
    Post(u32, u32, u128),
    /// All or none.
    Linked(&'static [(u32, u32, u128)]),
    /// Number, debit, credit, amount.
    Pend(u8, u32, u32, u128),
    /// Capped by the balancing side: that, debit, credit, amount.
    Balance(Balancing, u32, u32, u128),
    /// Several of those, all or none.
    LinkedBalance(&'static [(Balancing, u32, u32, u128)]),
    /// Number, balancing side, debit, credit, amount.
    PendBalance(u8, Balancing, u32, u32, u128),
    /// Number, and how much; all when absent. The rest goes back.
    PostPending(u8, Option<u128>),
    /// The same; the rest stays.
    PostPart(u8, u128),
    Void(u8),
    /// All that is pending runs out.
    Expire,
}
use Balancing::{Both, Credit, Debit};
use Step::*;

/// An account and its counters: debits pending and posted, credits pending and posted.
type Counters = (u32, [u128; 4]);
/// A step, why it is refused, and the counters that it leaves.
type Row = (Step, Option<Reason>, &'static [Counters]);

const LIMIT: Option<Reason> = Some(Reason::LimitExceeded);
const NOTHING: Option<Reason> = Some(Reason::ZeroAmount);
const GONE: Option<Reason> = Some(Reason::UnknownHold);
const MORE: Option<Reason> = Some(Reason::ExceedsHold);
const SAME: Option<Reason> = Some(Reason::AlreadyExists);

const DEBITS_WITHIN_CREDITS: &[Row] = &[
    (Post(2, 1, 1), LIMIT, &[(2, [0; 4])]),
    (Post(1, 2, 100), None, &[(1, [0, 100, 0, 0]), (2, [0, 0, 0, 100])]),
    (Post(2, 1, 101), LIMIT, &[]),
    (Post(2, 1, 60), None, &[(2, [0, 60, 0, 100])]),
    (Pend(1, 2, 1, 30), None, &[(2, [30, 60, 0, 100]), (1, [0, 100, 30, 60])]),
    // Pending debits count against it, pending credits do not count for it.
    (Post(2, 1, 11), LIMIT, &[]),
    (Pend(2, 1, 2, 50), None, &[(2, [30, 60, 50, 100])]),
    (Pend(3, 2, 1, 11), LIMIT, &[]),
    (Pend(3, 2, 1, 10), None, &[(2, [40, 60, 50, 100])]),
    (PostPending(1, Some(20)), None, &[(2, [10, 80, 50, 100])]),
    (Post(2, 1, 10), None, &[(2, [10, 90, 50, 100])]),
    (PostPending(3, None), None, &[(2, [0, 100, 50, 100])]),
    (PostPending(2, None), None, &[(2, [0, 100, 0, 150])]),
];

const CREDITS_WITHIN_DEBITS: &[Row] = &[
    (Post(1, 3, 1), LIMIT, &[(3, [0; 4])]),
    (Post(3, 1, 100), None, &[(3, [0, 100, 0, 0])]),
    (Post(1, 3, 101), LIMIT, &[]),
    (Post(1, 3, 60), None, &[(3, [0, 100, 0, 60])]),
    (Pend(1, 1, 3, 40), None, &[(3, [0, 100, 40, 60])]),
    (Post(1, 3, 1), LIMIT, &[]),
    (Pend(2, 3, 1, 50), None, &[(3, [50, 100, 40, 60])]),
    (Pend(3, 1, 3, 1), LIMIT, &[]),
    (Void(1), None, &[(3, [50, 100, 0, 60])]),
    (Post(1, 3, 40), None, &[(3, [50, 100, 0, 100])]),
];

const LIMITS_ARE_AMOUNTS_ON_EITHER_SIDE: &[Row] = &[
    (Post(4, 1, 11), LIMIT, &[]),
    (Post(4, 1, 10), None, &[(4, [0, 10, 0, 0])]),
    (Pend(1, 4, 1, 1), LIMIT, &[]),
    (Post(1, 4, 5), None, &[(4, [0, 10, 0, 5])]),
    (Pend(1, 4, 1, 5), None, &[(4, [5, 10, 0, 5])]),
    (Post(1, 5, 11), LIMIT, &[]),
    (Post(1, 5, 10), None, &[(5, [0, 0, 0, 10])]),
    (Post(6, 1, 11), LIMIT, &[]),
    (Post(1, 6, 21), LIMIT, &[]),
    (Post(1, 6, 20), None, &[(6, [0, 0, 0, 20])]),
    (Post(1, 6, 1), LIMIT, &[]),
    (Post(6, 1, 30), None, &[(6, [0, 30, 0, 20])]),
    (Post(6, 1, 1), LIMIT, &[]),
    // Between two accounts with limits both are asked.
    (Post(4, 6, 1), LIMIT, &[]),
    (Post(6, 4, 1), LIMIT, &[(4, [5, 10, 0, 5]), (6, [0, 30, 0, 20])]),
];

const TWO_PHASES_AT_MOST_ONCE: &[Row] = &[
    (Post(1, 2, 1000), None, &[]),
    (Pend(1, 2, 1, 100), None, &[(2, [100, 0, 0, 1000]), (1, [0, 1000, 100, 0])]),
    (Pend(1, 2, 1, 100), SAME, &[]),
    (PostPending(1, Some(101)), MORE, &[]),
    (PostPending(1, Some(100)), None, &[(2, [0, 100, 0, 1000])]),
    (PostPending(1, None), GONE, &[]),
    (Void(1), GONE, &[]),
    (Pend(2, 2, 1, 100), None, &[]),
    (PostPending(2, Some(25)), None, &[(2, [0, 125, 0, 1000])]),
    (PostPending(2, Some(75)), GONE, &[]),
    (Pend(3, 2, 1, 100), None, &[]),
    (Void(3), None, &[(2, [0, 125, 0, 1000])]),
    (Void(3), GONE, &[]),
    (PostPending(3, None), GONE, &[]),
    (Pend(4, 2, 1, 100), None, &[(2, [100, 125, 0, 1000])]),
    (Expire, None, &[(2, [0, 125, 0, 1000])]),
    (PostPending(4, None), GONE, &[]),
    (Void(4), GONE, &[]),
    (PostPending(9, None), GONE, &[]),
];

const SEVERAL_PARTS: &[Row] = &[
    (Post(1, 2, 1000), None, &[]),
    (Pend(1, 2, 1, 100), None, &[(2, [100, 0, 0, 1000])]),
    (PostPart(1, 30), None, &[(2, [70, 30, 0, 1000]), (1, [0, 1000, 70, 30])]),
    (PostPart(1, 71), MORE, &[]),
    (PostPart(1, 30), None, &[(2, [40, 60, 0, 1000])]),
    (PostPending(1, Some(15)), None, &[(2, [0, 75, 0, 1000])]),
    (PostPart(1, 1), GONE, &[]),
    (Pend(2, 2, 1, 100), None, &[]),
    (PostPart(2, 100), None, &[(2, [0, 175, 0, 1000])]),
    (Void(2), GONE, &[]),
    (Pend(3, 2, 1, 100), None, &[]),
    (PostPart(3, 60), None, &[(2, [40, 235, 0, 1000])]),
    (Void(3), None, &[(2, [0, 235, 0, 1000])]),
    (Pend(4, 2, 1, 100), None, &[]),
    (PostPart(4, 60), None, &[(2, [40, 295, 0, 1000])]),
    (Expire, None, &[(2, [0, 295, 0, 1000])]),
];

const LINKED_ALL_OR_NONE: &[Row] = &[
    (Linked(&[(1, 2, 50), (2, 1, 50)]), None, &[(2, [0, 50, 0, 50])]),
    (Linked(&[(1, 2, 50), (2, 1, 51)]), LIMIT, &[(2, [0, 50, 0, 50]), (1, [0, 50, 0, 50])]),
    (Linked(&[(2, 1, 50), (1, 2, 50)]), LIMIT, &[(2, [0, 50, 0, 50])]),
    (Linked(&[(1, 2, 10), (2, 3, 10), (3, 1, 10)]), LIMIT, &[(2, [0, 50, 0, 50]), (3, [0; 4])]),
    (Linked(&[(3, 1, 10), (1, 2, 10), (2, 3, 10)]), None, &[(2, [0, 60, 0, 60]), (3, [0, 10, 0, 10])]),
];

const BALANCING_TAKES_WHAT_IS_THERE: &[Row] = &[
    (Post(1, 2, 10), None, &[]),
    (Pend(1, 2, 1, 1), None, &[(2, [1, 0, 0, 10])]),
    (Post(3, 1, 10), None, &[]),
    (Pend(2, 1, 3, 2), None, &[(3, [0, 10, 2, 0])]),
    (Balance(Debit, 2, 1, 3), None, &[(2, [1, 3, 0, 10])]),
    (Balance(Debit, 2, 1, 13), None, &[(2, [1, 9, 0, 10])]),
    (Balance(Debit, 2, 1, 1), NOTHING, &[(2, [1, 9, 0, 10])]),
    (Balance(Credit, 1, 3, 3), None, &[(3, [0, 10, 2, 3])]),
    (Balance(Credit, 1, 3, 13), None, &[(3, [0, 10, 2, 8])]),
    (Balance(Credit, 1, 3, 1), NOTHING, &[(3, [0, 10, 2, 8])]),
    (Void(1), None, &[]),
    (Balance(Both, 2, 3, 5), NOTHING, &[(2, [0, 9, 0, 10]), (3, [0, 10, 2, 8])]),
    (Void(2), None, &[]),
    (Balance(Both, 2, 3, 5), None, &[(2, [0, 10, 0, 10]), (3, [0, 10, 0, 9])]),
    // The side that does not balance has its limit asked.
    (Post(1, 2, 100), None, &[]),
    (Balance(Debit, 2, 3, 200), LIMIT, &[(2, [0, 10, 0, 110]), (3, [0, 10, 0, 9])]),
    (Balance(Credit, 2, 3, 200), None, &[(2, [0, 11, 0, 110]), (3, [0, 10, 0, 10])]),
];

/// What an account may be overdrawn by is not there, and without a limit nothing more is.
const BALANCING_BEGINS_AT_ZERO: &[Row] = &[
    (Balance(Debit, 1, 2, 5), NOTHING, &[(1, [0; 4]), (2, [0; 4])]),
    (Balance(Credit, 1, 2, 5), NOTHING, &[(1, [0; 4]), (2, [0; 4])]),
    (Post(1, 4, 5), None, &[]),
    (Balance(Debit, 4, 1, 100), None, &[(4, [0, 5, 0, 5]), (1, [0, 5, 0, 5])]),
    (Post(1, 2, 7), None, &[(1, [0, 12, 0, 5])]),
    (Balance(Credit, 2, 1, 100), None, &[(1, [0, 12, 0, 12]), (2, [0, 7, 0, 7])]),
];

const BALANCING_IN_TWO_PHASES: &[Row] = &[
    (Post(1, 2, 10), None, &[]),
    (PendBalance(1, Debit, 2, 1, 100), None, &[(2, [10, 0, 0, 10])]),
    (PendBalance(2, Debit, 2, 1, 1), NOTHING, &[(2, [10, 0, 0, 10])]),
    (PostPending(1, Some(11)), MORE, &[]),
    (PostPending(1, Some(4)), None, &[(2, [0, 4, 0, 10])]),
    (PendBalance(3, Both, 2, 1, 5), None, &[(2, [5, 4, 0, 10]), (1, [0, 10, 5, 4])]),
    (PendBalance(4, Both, 2, 1, 5), None, &[(2, [6, 4, 0, 10]), (1, [0, 10, 6, 4])]),
    (Expire, None, &[(2, [0, 4, 0, 10])]),
];

/// Each sees what those before it left: one journal pays a part of what is owed in the order of its entries.
const BALANCING_ONE_AFTER_ANOTHER: &[Row] = &[
    (Post(3, 6, 20), None, &[]),
    (Post(5, 4, 30), None, &[]),
    (Post(1, 2, 45), None, &[]),
    (
        LinkedBalance(&[(Both, 2, 3, 100), (Both, 2, 5, 100), (Debit, 2, 1, 100)]),
        None,
        &[(2, [0, 45, 0, 45]), (3, [0, 20, 0, 20]), (5, [0, 30, 0, 25]), (1, [0, 45, 0, 0])],
    ),
    (Post(1, 2, 45), None, &[]),
    (
        LinkedBalance(&[(Both, 2, 3, 100), (Both, 2, 5, 100), (Debit, 2, 1, 100)]),
        None,
        &[(2, [0, 90, 0, 90]), (3, [0, 20, 0, 20]), (5, [0, 30, 0, 30]), (1, [0, 90, 0, 40])],
    ),
    (Post(1, 2, 10), None, &[]),
    // The last passes a limit: none of it was.
    (
        LinkedBalance(&[(Both, 2, 1, 4), (Debit, 2, 3, 100)]),
        LIMIT,
        &[(2, [0, 90, 0, 100]), (1, [0, 100, 0, 40])],
    ),
];

/// Debits and credits of all accounts are equal, pending and posted apart, after every step: [`World::try_run`] looks.
#[test]
fn transfers_do_as_the_tables_say() {
    let tables = [
        ("debits within credits", DEBITS_WITHIN_CREDITS),
        ("credits within debits", CREDITS_WITHIN_DEBITS),
        ("limits are amounts on either side", LIMITS_ARE_AMOUNTS_ON_EITHER_SIDE),
        ("two phases, at most once", TWO_PHASES_AT_MOST_ONCE),
        ("several parts", SEVERAL_PARTS),
        ("linked, all or none", LINKED_ALL_OR_NONE),
        ("balancing takes what is there", BALANCING_TAKES_WHAT_IS_THERE),
        ("balancing begins at zero", BALANCING_BEGINS_AT_ZERO),
        ("balancing in two phases", BALANCING_IN_TWO_PHASES),
        ("balancing one after another", BALANCING_ONE_AFTER_ANOTHER),
    ];
    for (name, rows) in tables {
        let mut world = World::new(params());
        let book = book_of(1, 1);
        world.ok(1, create_book(1));
        for &(code, class, debit_max, credit_max) in ACCOUNTS {
            let (debit_max, credit_max) = (debit_max.map(Amount), credit_max.map(Amount));
            world.ok(1, OpenAccount { debit_max, credit_max, ..account_in(book, code, class) }.into());
        }
        for (step, refused, counters) in rows {
            let outcome = take(&mut world, book, *step);
            let want = refused.map_or(Outcome::Success, |reason| Outcome::Failed { call: 0, reason });
            assert_eq!(outcome, want, "{name}: {step:?}");
            for (code, want) in *counters {
                let of =
                    query::balance(&world.state, &AccountId::Book { book, code: *code }, AssetId::NATIVE);
                let got = [of.debits_pending, of.debits_posted, of.credits_pending, of.credits_posted];
                assert_eq!(got, *want, "{name}: account {code} after {step:?}");
            }
        }
    }
}

fn take(world: &mut World, book: BookId, step: Step) -> Outcome {
    let entry = |(debit, credit, amount): (u32, u32, u128)| {
        let [debit, credit] = [debit, credit].map(|code| AccountId::Book { book, code });
        Entry::new(debit, credit, AssetId::NATIVE, Amount(amount))
    };
    let balance =
        |(side, debit, credit, amount)| Entry { balancing: Some(side), ..entry((debit, credit, amount)) };
    let journal = |entries: Vec<Entry>| Call::from(Journal::of(BoundedVec::new(entries).unwrap()));
    let reference = |number: u8| Hash([number; 32]);
    let pend = |number, entry| {
        let (reference, captor, ttl_ms) = (reference(number), address(1), Some(TimeMs(3_600_000)));
        Call::from(Hold { reference, entry, captor, ttl_ms })
    };
    let hold = |number: u8| hold_id(&address(1), &reference(number));
    let call = match step {
        Post(debit, credit, amount) => journal(vec![entry((debit, credit, amount))]),
        Linked(entries) => journal(entries.iter().copied().map(entry).collect()),
        Balance(side, debit, credit, amount) => journal(vec![balance((side, debit, credit, amount))]),
        LinkedBalance(entries) => journal(entries.iter().copied().map(balance).collect()),
        Pend(number, debit, credit, amount) => pend(number, entry((debit, credit, amount))),
        PendBalance(number, side, debit, credit, amount) => {
            pend(number, balance((side, debit, credit, amount)))
        }
        PostPending(number, amount) => {
            Call::from(Capture { hold: hold(number), amount: amount.map(Amount), more: false })
        }
        PostPart(number, amount) => {
            Call::from(Capture { hold: hold(number), amount: Some(Amount(amount)), more: true })
        }
        Void(number) => Call::from(call::ledger::Void { hold: hold(number) }),
        Expire => {
            world.env.time_ms.0 += 3_600_000;
            world.try_run(&[]).unwrap();
            return Outcome::Success;
        }
    };
    world.run(1, vec![call]).outcome
}
