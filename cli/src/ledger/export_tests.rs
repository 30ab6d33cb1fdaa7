#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use std::process::Command;

const BOOK: BookId = BookId([7; 16]);
const DAY_MS: u64 = 24 * 3_600_000;

fn asset(id: u32, symbol: &str, scale: u8) -> (AssetId, AssetInfo) {
    let id = AssetId(id);
    (id, AssetInfo { id, symbol: symbol.parse().unwrap(), scale, issuer: None, supply: Amount(0) })
}

const fn at(code: u32) -> AccountId {
    AccountId::Book { book: BOOK, code }
}

/// xorshift64*: repeatable.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) % sides
    }
}

/// A book in four assets, two of one symbol and one of a single letter, with accounts that are parts of others, and
/// random entries: what a node would tell of each account.
fn random_book(seed: u64) -> Export {
    let assets =
        BTreeMap::from([asset(0, "WAT", 6), asset(3, "K", 0), asset(4, "EUR", 2), asset(9, "EUR", 18)]);
    let mut accounts = BTreeMap::new();
    for (place, asset) in (0u32..).zip(assets.keys()) {
        let code = |n: u32| at(place * 100 + n);
        accounts.insert((AccountId::Cash { book: BOOK }, *asset), (AccountClass::Asset, None));
        for (n, class, parent) in [
            (1, AccountClass::Asset, None),
            (2, AccountClass::Liability, None),
            (3, AccountClass::Revenue, None),
            (4, AccountClass::Revenue, Some(3)),
            (5, AccountClass::Revenue, Some(4)),
            (6, AccountClass::Expense, None),
            (7, AccountClass::Equity, None),
        ] {
            let parent = parent.map(|parent: u32| place * 100 + parent);
            accounts.insert((code(n), *asset), (class, parent));
        }
    }
    let mut dice = Dice(seed | 1);
    let mut totals: BTreeMap<Place, [u128; 2]> = BTreeMap::new();
    let mut lines = Vec::new();
    for n in 0..200u64 {
        let asset = *assets.keys().nth(dice.roll(4) as usize).unwrap();
        let places: Vec<Place> = accounts.keys().filter(|(_, of)| *of == asset).copied().collect();
        let debit = places[dice.roll(8) as usize];
        let credit = places[dice.roll(8) as usize];
        if debit == credit {
            continue;
        }
        let amount = Amount(u128::from(dice.roll(1 << 40)) << dice.roll(40));
        let time_ms = TimeMs(1_800_000_000_000 + n * DAY_MS / 3);
        let dated = dice.roll(3) == 0;
        let date_ms = if dated { TimeMs(time_ms.0 - dice.roll(60) * DAY_MS) } else { time_ms };
        let journal = JournalId { height: Height(n / 2), index: (n % 2) as u32 * 5 };
        for (place, other, side) in [(debit, credit, 0), (credit, debit, 1)] {
            let total = totals.entry(place).or_default();
            total[side] += amount.0;
            let of = |wanted: usize| if side == wanted { amount } else { Amount::ZERO };
            let settled = !dated && dice.0.is_multiple_of(7);
            lines.push((
                place,
                StatementLine {
                    height: journal.height,
                    index: (!settled).then_some(journal.index + 1),
                    time_ms,
                    date_ms,
                    tx: Some(Hash([1; 32])),
                    debit: of(0),
                    credit: of(1),
                    against: Some(other.0),
                    journal: dated.then_some(journal),
                    reference: dated.then_some(Hash([2; 32])),
                    memo: None,
                    reverses: (n % 11 == 0).then_some(journal),
                    debits: Amount(total[0]),
                    credits: Amount(total[1]),
                },
            ));
        }
    }
    let balances = accounts
        .keys()
        .map(|place| {
            let [debits, credits] = totals.get(place).copied().unwrap_or_default();
            (*place, net(Amount(debits), Amount(credits)))
        })
        .collect();
    let entries = journal(lines);
    Export { book: BOOK, height: Height(100), assets, accounts, entries, balances }
}

/// Has a program check a text.
fn check(program: &str, args: &[&str], text: &str) -> (bool, String) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("book");
    std::fs::write(&file, text).unwrap();
    let output = Command::new(program).args(args).arg(&file).output();
    let output = output.unwrap_or_else(|e| panic!("{program}: {e}; run scripts/setup --tests"));
    let both = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&both).into_owned())
}

/// hledger and beancount come to the balances that the book has, and to no others.
#[test]
fn other_programs_come_to_the_same_balances() {
    type Write = fn(&Export) -> String;
    let programs: [(&str, &[&str], Write); 2] =
        [("hledger", &["check", "-s", "-f"], Export::hledger), ("bean-check", &[], Export::beancount)];
    for seed in 1..=3 {
        let mut export = random_book(seed);
        export.check().unwrap();
        for (program, args, text) in programs {
            let text = text(&export);
            let (took, said) = check(program, args, &text);
            assert!(took, "{program}: {said}\n{text}");
        }
        let place = *export.balances.keys().nth(seed as usize).unwrap();
        *export.balances.get_mut(&place).unwrap() += 1;
        assert!(export.check().is_err());
        for (program, args, text) in programs {
            let (took, _) = check(program, args, &text(&export));
            assert!(!took, "{program} takes a wrong balance");
        }
    }
}

#[test]
fn a_journal_is_one_entry_however_many_lines_it_has() {
    let export = random_book(5);
    let dated: Vec<_> = export.entries.iter().filter(|entry| entry.reference.is_some()).collect();
    assert!(dated.len() > 20);
    for entry in dated {
        assert!(entry.what.starts_with("journal ") && entry.lines.len() == 2, "{entry:?}");
    }
    let document = export.json();
    assert_eq!(document["entries"].as_array().unwrap().len(), export.entries.len());
    let rows = export.csv().lines().count();
    assert_eq!(rows, 1 + export.entries.iter().map(|entry| entry.lines.len()).sum::<usize>());
}

/// What an account's lines lack is asked for, and nothing else: a period of an old book costs that period.
#[test]
fn lines_that_do_not_lead_to_the_balance_are_not_all() {
    let item = |debits, credits| TrialBalanceItem {
        account: at(1),
        asset: AssetId::NATIVE,
        class: AccountClass::Asset,
        parent: None,
        debits: Amount(debits),
        credits: Amount(credits),
    };
    let line = |debit, credit| StatementLine {
        height: Height(1),
        index: None,
        time_ms: TimeMs(1),
        date_ms: TimeMs(1),
        tx: None,
        debit: Amount(debit),
        credit: Amount(credit),
        against: None,
        journal: None,
        reference: None,
        memo: None,
        reverses: None,
        debits: Amount(debit),
        credits: Amount(credit),
    };
    let lines = [line(5, 0), line(0, 2)];
    for (before, after, all) in [
        (None, item(5, 2), true),
        (Some(item(1, 1)), item(6, 3), true),
        (None, item(6, 3), false), // as much on either side is missing
        (None, item(5, 3), false),
        (Some(item(0, 1)), item(5, 2), false),
    ] {
        assert_eq!(comes_to(&lines, before.as_ref(), &after), all, "{before:?} {after:?}");
    }
    assert!(comes_to(&[], None, &item(0, 0)));
}
