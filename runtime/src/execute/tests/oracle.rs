//! Random ledger calls against a model that shares no code with the ledger.
//!
//! The model keeps no counters: it lists what was posted and what is held, and derives from the lists what must be
//! allowed and what every sum must be.

use super::*;
use crate::execute::tx::Verified;
use crate::query;
use crate::records::DueKind;
use std::collections::BTreeMap;
use std::sync::LazyLock;
use wattle_primitives::call;
use wattle_primitives::call::ledger::{Balancing, Entry, hold_id};

/// xorshift64*: repeatable, and no dependency.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) % sides
    }
}

struct Held {
    entry: Entry,
    captor: u8,
    /// Without it, the hold stands.
    expires_ms: Option<u64>,
}

#[derive(Default)]
struct Model {
    /// Net position of each account, credits positive.
    net: BTreeMap<AccountId, i128>,
    /// Amounts reserved to go out, and to come in.
    out: BTreeMap<AccountId, i128>,
    inn: BTreeMap<AccountId, i128>,
    holds: BTreeMap<Hash, Held>,
}

static BOOK: LazyLock<BookId> = LazyLock::new(|| book_of(1, 1));

fn book(code: u32) -> AccountId {
    AccountId::Book { book: *BOOK, code }
}

/// The book's cash: what others paid in and it has not paid out.
static CASH: LazyLock<AccountId> = LazyLock::new(|| AccountId::Due { book: *BOOK });

/// Where money leaves the book, and where it comes in: (out of, into) the book, if it crosses its border.
fn crosses(entry: &Entry) -> (bool, bool) {
    let inside = |account: &AccountId| matches!(account, AccountId::Book { .. });
    (inside(&entry.debit) && !inside(&entry.credit), !inside(&entry.debit) && inside(&entry.credit))
}

impl Model {
    /// Codes 1 (asset, limited), 2 (revenue, limited), 3 (expense, free).
    fn may_debit(&self, account: &AccountId, amount: i128) -> bool {
        let free = self.net.get(account).unwrap_or(&0) - self.out.get(account).unwrap_or(&0);
        match account {
            AccountId::Wallet { .. } => free >= amount,
            AccountId::Book { code: 2, .. } => free >= amount,
            _ => true,
        }
    }

    fn may_credit(&self, account: &AccountId, amount: i128) -> bool {
        let room = -self.net.get(account).unwrap_or(&0) - self.inn.get(account).unwrap_or(&0);
        !matches!(account, AccountId::Book { code: 1, .. }) || room >= amount
    }

    /// The entry with what is there on its balancing sides.
    fn balanced(&self, entry: Entry) -> Entry {
        let of = |sums: &BTreeMap<AccountId, i128>, account| *sums.get(account).unwrap_or(&0);
        let out = of(&self.net, &entry.debit) - of(&self.out, &entry.debit);
        let room = -of(&self.net, &entry.credit) - of(&self.inn, &entry.credit);
        let most = match entry.balancing {
            None => i128::MAX,
            Some(Balancing::Debit) => out,
            Some(Balancing::Credit) => room,
            Some(Balancing::Both) => out.min(room),
        };
        Entry { amount: entry.amount.min(Amount(most.max(0) as u128)), ..entry }
    }

    fn may(&self, entry: &Entry) -> bool {
        let amount = entry.amount.0 as i128;
        let cash = self.net.get(&*CASH).unwrap_or(&0) - self.out.get(&*CASH).unwrap_or(&0);
        self.may_debit(&entry.debit, amount)
            && self.may_credit(&entry.credit, amount)
            && (!crosses(entry).0 || cash >= amount)
    }

    fn post(&mut self, entry: &Entry, amount: u128) {
        *self.net.entry(entry.debit).or_default() -= amount as i128;
        *self.net.entry(entry.credit).or_default() += amount as i128;
        let (leaves, comes) = crosses(entry);
        *self.net.entry(*CASH).or_default() += amount as i128 * (i128::from(comes) - i128::from(leaves));
    }

    fn reserve(&mut self, entry: &Entry, sign: i128) {
        *self.out.entry(entry.debit).or_default() += sign * entry.amount.0 as i128;
        *self.inn.entry(entry.credit).or_default() += sign * entry.amount.0 as i128;
        if crosses(entry).0 {
            *self.out.entry(*CASH).or_default() += sign * entry.amount.0 as i128;
        }
    }

    /// Posts a part; the rest stays held.
    fn take(&mut self, id: &Hash, captured: u128) {
        let held = self.holds.get_mut(id).expect("known");
        held.entry.amount.0 -= captured;
        let part = Entry { amount: Amount(captured), ..held.entry.clone() };
        self.reserve(&part, -1);
        self.post(&part, captured);
    }

    fn release(&mut self, id: &Hash, captured: u128) {
        let held = self.holds.remove(id).expect("known");
        self.reserve(&held.entry, -1);
        self.post(&held.entry, captured);
    }

    fn expire(&mut self, now: u64) {
        let due: Vec<Hash> = self
            .holds
            .iter()
            .filter(|(_, h)| h.expires_ms.is_some_and(|at| at <= now))
            .map(|(id, _)| *id)
            .collect();
        due.iter().for_each(|id| self.release(id, 0));
    }

    fn compare(&self, state: &State) {
        for n in 1..=6u8 {
            let balance = query::balance(state, &wallet(n), AssetId::NATIVE);
            let (net, out) = (self.net.get(&wallet(n)).unwrap_or(&0), self.out.get(&wallet(n)).unwrap_or(&0));
            assert_eq!(
                (balance.available().0 as i128, balance.debits_pending as i128),
                (net - out, *out),
                "wallet {n}"
            );
            assert_eq!(balance.credits_pending as i128, *self.inn.get(&wallet(n)).unwrap_or(&0));
        }
        for (code, _) in query::book_accounts(state, *BOOK, 0, 10) {
            let account = book(code);
            let balance = query::balance(state, &account, AssetId::NATIVE);
            let net = balance.credits_posted as i128 - balance.debits_posted as i128;
            assert_eq!(net, *self.net.get(&account).unwrap_or(&0), "{account:?}");
            assert_eq!(balance.debits_pending as i128, *self.out.get(&account).unwrap_or(&0));
            assert_eq!(balance.credits_pending as i128, *self.inn.get(&account).unwrap_or(&0));
        }
        let cash = query::balance(state, &CASH, AssetId::NATIVE);
        assert_eq!(
            cash.available().0 as i128,
            self.net.get(&*CASH).unwrap_or(&0) - self.out.get(&*CASH).unwrap_or(&0)
        );
        let queued = self.holds.values().filter(|held| held.expires_ms.is_some()).count();
        assert_eq!(queued, state.due_in_order(DueKind::Hold).count());
    }
}

/// Person 1 owns the book; everybody else has a wallet.
fn random_entry(dice: &mut Dice, n: u8) -> Entry {
    let mut place = |own: bool| match dice.roll(3) {
        0 if n == 1 => book(dice.roll(3) as u32 + 1),
        _ if own => wallet(n),
        _ => wallet(dice.roll(6) as u8 + 1),
    };
    let (debit, credit) = (place(true), place(false));
    let amount = Amount(u128::from(dice.roll(START.0 as u64 / 3) + 1));
    let sides = [Balancing::Debit, Balancing::Credit, Balancing::Both];
    let balancing = (dice.roll(5) == 0).then(|| sides[dice.roll(3) as usize]);
    Entry { balancing, ..Entry::new(debit, credit, AssetId::NATIVE, amount) }
}

/// One random call, and whether the model lets it pass; `None` for calls that are refused by their form.
fn random_call(dice: &mut Dice, model: &mut Model, n: u8, now: u64, serial: u64) -> Option<(Call, bool)> {
    let pick = |dice: &mut Dice, model: &Model| {
        let at = dice.roll(model.holds.len() as u64) as usize;
        *model.holds.keys().nth(at).expect("in range")
    };
    match dice.roll(10) {
        0..=4 => {
            let mut entries = Vec::new();
            let before: Model = Model {
                net: model.net.clone(),
                out: model.out.clone(),
                inn: model.inn.clone(),
                holds: BTreeMap::new(),
            };
            let (mut passes, mut moves) = (true, false);
            for _ in 0..=dice.roll(3) {
                let entry = random_entry(dice, n);
                if entry.debit == entry.credit {
                    continue;
                }
                let moved = model.balanced(entry.clone());
                passes = passes && (moved.amount == Amount::ZERO || model.may(&moved));
                if passes {
                    model.post(&moved, moved.amount.0);
                }
                moves |= moved.amount > Amount::ZERO;
                entries.push(entry);
            }
            passes = passes && moves;
            if !passes {
                (model.net, model.out, model.inn) = (before.net, before.out, before.inn);
            }
            let entries = BoundedVec::new(entries).expect("few");
            (!entries.is_empty()).then_some((Call::from(call::ledger::Journal::of(entries)), passes))
        }
        5..=6 => {
            let entry = random_entry(dice, n);
            if entry.debit == entry.credit {
                return None;
            }
            let mut reference = Hash::ZERO;
            reference.0[..8].copy_from_slice(&serial.to_le_bytes());
            let (captor, ttl) = (dice.roll(6) as u8 + 1, (dice.roll(4) > 0).then(|| dice.roll(60_000) + 1));
            let moved = model.balanced(entry.clone());
            let passes = moved.amount > Amount::ZERO && model.may(&moved);
            if passes {
                model.reserve(&moved, 1);
                let held = Held { entry: moved, captor, expires_ms: ttl.map(|ttl| now + ttl) };
                model.holds.insert(hold_id(&address(n), &reference), held);
            }
            let call = Call::from(call::ledger::Hold {
                reference,
                entry,
                captor: address(captor),
                ttl_ms: ttl.map(TimeMs),
            });
            Some((call, passes))
        }
        7..=8 if !model.holds.is_empty() => {
            let hold = pick(dice, model);
            let held = &model.holds[&hold];
            let amount = held.entry.amount.0 * u128::from(dice.roll(12)) / 10;
            let passes = held.captor == n && amount <= held.entry.amount.0;
            if amount == 0 {
                return None;
            }
            let more = dice.roll(2) == 0;
            if passes && more && amount < held.entry.amount.0 {
                model.take(&hold, amount);
            } else if passes {
                model.release(&hold, amount);
            }
            Some((Call::from(call::ledger::Capture { hold, amount: Some(Amount(amount)), more }), passes))
        }
        9 if !model.holds.is_empty() => {
            let hold = pick(dice, model);
            let passes = model.holds[&hold].captor == n;
            if passes {
                model.release(&hold, 0);
            }
            Some((Call::from(call::ledger::Void { hold }), passes))
        }
        _ => None,
    }
}

fn play(seed: u64, calls: u64) {
    let mut world = World::new(Params {
        bandwidth_rate: Weight(1 << 40),
        bandwidth_capacity: Weight(1 << 44),
        ..params()
    });
    let mut model = Model::default();
    model.net.extend((1..=6).map(|n| (wallet(n), START.0 as i128)));
    world.ok(1, create_book(1));
    for account in [
        never_below_zero(account_in(*BOOK, 1, AccountClass::Asset)),
        never_below_zero(account_in(*BOOK, 2, AccountClass::Revenue)),
        account_in(*BOOK, 3, AccountClass::Expense),
    ] {
        world.ok(1, Call::from(account));
    }
    // Something is in the book, so that it can pay.
    let paid_in = Entry::new(wallet(1), book(2), AssetId::NATIVE, Amount(START.0 / 2));
    world.ok(1, Call::from(call::ledger::Journal::of(BoundedVec::new(vec![paid_in.clone()]).expect("one"))));
    model.post(&paid_in, paid_in.amount.0);
    let mut dice = Dice(seed | 1);
    let (mut done, mut passed) = (0, 0);
    let mut nonces = [0u64; 7];
    (1..=6u8).for_each(|n| nonces[usize::from(n)] = query::nonce(&world.state, &address(n), Lane(0)).0);
    while done < calls {
        let now = world.env.time_ms.0;
        model.expire(now);
        let (mut txs, mut want) = (Vec::new(), Vec::new());
        for _ in 0..dice.roll(60) {
            let n = dice.roll(6) as u8 + 1;
            if let Some((call, passes)) = random_call(&mut dice, &mut model, n, now, done) {
                let nonce = &mut nonces[usize::from(n)];
                let body = TxBody { nonce: Nonce(*nonce), ..world.body(n, vec![call]) };
                *nonce += 1;
                txs.push(body);
                want.push(passes);
                done += 1;
                passed += u64::from(passes);
            }
        }
        let txs: Vec<_> = txs.into_iter().map(|body| unsigned(&world, body)).collect();
        let got = world.try_run(&txs).unwrap_or_else(|e| panic!("seed {seed}: {e:?}"));
        let got: Vec<bool> = got.receipts.txs.iter().map(|r| r.outcome == Outcome::Success).collect();
        assert_eq!(got, want, "seed {seed} at call {done}");
        model.compare(&world.state);
    }
    assert!(passed > calls / 4, "only {passed} of {calls} took effect");
}

/// Signing is the slow part and not what is tested here.
pub(super) fn unsigned(world: &World, body: TxBody) -> VerifiedTx {
    let n = (1..=6).find(|n| address(*n) == body.sender).expect("a person");
    let auth = Auth { key: key(n).public(), signature: Signature([0; 64]) };
    let signed = Tx::new(body, vec![auth]).unwrap();
    let checked = CheckedTx::check(signed, &world.env.chain, &world.env.params).unwrap();
    VerifiedTx(std::sync::Arc::new(Verified { checked, verdicts: Vec::new() }))
}

/// Goal: every sum as the model says after every block. `SEED=n` replays one run, `CALLS=n` makes it longer.
#[test]
fn random_ledger_calls_agree_with_the_model() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let calls = number("CALLS").unwrap_or(10_000);
    match number("SEED") {
        Some(seed) => play(seed, calls),
        None => (1..=4).for_each(|seed| play(seed, calls / 4)),
    }
}
