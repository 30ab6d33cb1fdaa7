//! Who pays for tokens, what money buys, and where it goes.

use super::*;
use crate::modules::paygo::records::{PaidFrom, Sale, TokenState};
use wattle_primitives::call::identity::{Calls, Limits, grant_id};
use wattle_primitives::call::ledger::{Entry, Hold, hold_id};

fn contract() -> Contract {
    Contract { deposit: Amount(0), included: 0, price: Amount(10), total: Amount(0), postpaid: false }
}

fn cash(amount: u128) -> Payment {
    Payment::Cash { amount: Amount(amount) }
}

fn from_wallet(amount: u128) -> Payment {
    Payment::Wallet { amount: Amount(amount) }
}

impl Shop {
    fn contracted(contract: Contract) -> Self {
        let mut shop = Self::new();
        shop.set(|set| set.contract = Some(Box::new(contract)));
        shop
    }

    fn sell(&mut self, token: Token, payment: Payment) {
        let call = self.issue(token, payment);
        self.village.ok(1, call);
    }

    fn rest(&self) -> (u128, u128) {
        let contract = self.device().contract.unwrap();
        (contract.paid.0, contract.rest.0)
    }

    /// A hold of person 2's in favour of person 1.
    fn hold(&mut self, amount: u128) -> Hash {
        self.reference += 1;
        let reference = Hash([self.reference; 32]);
        let entry = Entry::new(wallet(2), wallet(1), AssetId::NATIVE, Amount(amount));
        let ttl_ms = Some(TimeMs(60_000));
        self.village.ok(2, Hold { reference, entry, captor: address(1), ttl_ms }.into());
        hold_id(&address(2), &reference)
    }
}

#[test]
fn money_buys_whole_units_and_what_is_left_over_counts_with_the_next_sale() {
    let mut shop = Shop::contracted(contract());
    for value in [9, 11] {
        let call = shop.issue(add(2, value), cash(105));
        shop.village.fails(1, call, Reason::WrongPrice);
    }
    shop.sell(add(2, 10), cash(105));
    assert_eq!(shop.rest(), (105, 5));
    shop.sell(add(4, 1), cash(7));
    assert_eq!(shop.rest(), (112, 2));
    shop.sell(add(6, 1), cash(8));
    assert_eq!(shop.rest(), (120, 0));
    let nothing = shop.issue(add(8, 1), cash(9));
    shop.village.fails(1, nothing, Reason::WrongPrice);
}

#[test]
fn the_first_sale_pays_the_deposit_and_has_what_it_includes() {
    let mut shop = Shop::contracted(Contract { deposit: Amount(500), included: 30, ..contract() });
    let call = shop.issue(add(2, 30), cash(499));
    shop.village.fails(1, call, Reason::WrongPrice);
    shop.sell(add(2, 32), cash(525));
    assert_eq!(shop.rest(), (525, 5));
    shop.sell(add(4, 1), cash(5));
    // Another contract goes on from what was paid.
    shop.set(|set| set.contract.as_mut().unwrap().price = Amount(20));
    shop.sell(add(6, 2), cash(40));
    assert_eq!(shop.rest(), (570, 0));
}

#[test]
fn a_device_that_is_paid_off_is_unlocked_and_no_other() {
    let mut shop = Shop::contracted(Contract { total: Amount(100), ..contract() });
    let unlock = |shop: &Shop| {
        let count = shop.device().last_count;
        token(count + 1 + count % 2, TokenKind::Disable, 0)
    };
    shop.sell(add(2, 9), cash(90));
    let early = shop.issue(unlock(&shop), Payment::Free);
    shop.village.fails(1, early, Reason::ContractUnpaid);
    shop.sell(add(4, 1), cash(10));
    let (device, operator, paid) = (shop.id, address(1), Amount(100));
    let told = PaygoEvent::ContractPaid { device, operator, paid };
    assert_eq!(shop.events().iter().filter(|event| **event == told).count(), 1);
    let unlock = unlock(&shop);
    shop.give(unlock);
    shop.redeem(unlock);
    assert_eq!(shop.device().status, crate::modules::paygo::records::DeviceStatus::Unlocked);
}

#[test]
fn a_customers_hold_pays_in_the_same_transaction() {
    let mut shop = Shop::contracted(contract());
    let (before, seller) = (shop.village.funds(2), shop.village.funds(1));
    let hold = shop.hold(80);
    for (n, payment, reason) in [
        (1, Payment::Hold { hold, amount: Amount(90) }, Reason::ExceedsHold),
        (1, Payment::Hold { hold: Hash([1; 32]), amount: Amount(50) }, Reason::UnknownHold),
        (2, Payment::Hold { hold, amount: Amount(50) }, Reason::NotReserved),
    ] {
        let call = shop.issue(add(2, payment_units(&payment)), payment);
        shop.village.fails(n, call, reason);
    }
    shop.sell(add(2, 5), Payment::Hold { hold, amount: Amount(50) });
    assert_eq!((shop.village.funds(2), shop.village.funds(1)), (before - 50, seller + 50));
    assert_eq!(shop.village.world.funds(2).1, 0);
    // It is the operator's to take: nobody else's hold, and no other purpose.
    let call = shop.issue(add(4, 5), Payment::Hold { hold, amount: Amount(50) });
    shop.village.fails(1, call, Reason::UnknownHold);
}

fn payment_units(payment: &Payment) -> u32 {
    match payment {
        Payment::Hold { amount, .. } | Payment::Wallet { amount } | Payment::Cash { amount } => {
            (amount.0 / 10) as u32
        }
        Payment::Free | Payment::Postpaid => 0,
    }
}

#[test]
fn anybody_buys_a_reserved_token_from_its_own_wallet_at_the_contracts_price() {
    let mut shop = Shop::contracted(contract());
    let call = shop.issue(add(2, 5), from_wallet(50));
    shop.village.fails(4, call, Reason::NotReserved);
    let reserve = shop.reserve(add(2, 20));
    shop.village.ok(1, reserve);
    let sold = |shop: &Shop, value, amount| {
        let call = shop.issue(add(2, value), from_wallet(amount));
        let Call::Paygo(PaygoCall::IssueToken(call)) = call else { unreachable!() };
        let commitment = add(2, 20).commitment(&shop.id, &nonce(2));
        Call::from(IssueToken { commitment, ..call })
    };
    for (value, amount, reason) in [
        (6, 50, Reason::WrongPrice),
        (21, 210, Reason::ValueOutOfRange),
        (20, START.0 + 1, Reason::InsufficientFunds),
    ] {
        let call = sold(&shop, value, amount);
        shop.village.fails(4, call, reason);
    }
    for payment in [cash(50), Payment::Free] {
        let Call::Paygo(PaygoCall::IssueToken(call)) = sold(&shop, 5, 50) else { unreachable!() };
        shop.village.fails(4, IssueToken { payment, ..call }.into(), Reason::NotAllowed);
    }
    let (agent, seller) = (shop.village.funds(4), shop.village.funds(1));
    let call = sold(&shop, 5, 50);
    shop.set(|set| set.suspended = true);
    shop.village.fails(4, call.clone(), Reason::DeviceInactive);
    shop.set(|_| {});
    shop.village.ok(4, call.clone());
    shop.village.fails(5, call, Reason::TokenUsed);
    assert_eq!((shop.village.funds(4), shop.village.funds(1)), (agent - 50, seller + 50));
    shop.redeem_of(add(2, 5));
    assert_eq!(shop.credit(), (500, 0));
}

impl Shop {
    /// The device takes a reserved token: the nonce is that of its commitment.
    fn redeem_of(&mut self, token: Token) {
        let call = self.signed(self.redemption(token), DEVICE_KEY);
        self.village.ok(4, call);
    }
}

#[test]
fn a_reserved_token_that_was_sold_in_an_outage_is_credited_at_once_and_booked_later() {
    let mut shop = Shop::contracted(contract());
    for count in [2, 4] {
        let reserve = shop.reserve(add(count, 20));
        shop.village.ok(1, reserve);
    }
    // Its owner's word is not enough for what it is worth; nobody's is for more than was reserved.
    let (by_owner, beyond) = (shop.told(add(2, 20)), shop.told(add(2, 21)));
    shop.village.fails(2, by_owner, Reason::NotReserved);
    shop.village.fails(3, beyond, Reason::ValueOutOfRange);
    shop.redeem(add(2, 5));
    shop.redeem(add(4, 7));
    assert_eq!(shop.credit(), (1_200, 0));
    let book = |shop: &Shop, count, value, amount| {
        let commitment = add(count, 20).commitment(&shop.id, &nonce(count));
        let token = add(count, value);
        Call::from(IssueToken { device: shop.id, token, commitment, payment: cash(amount) })
    };
    let wrong = book(&shop, 2, 6, 60);
    shop.village.fails(1, wrong, Reason::ValueOutOfRange);
    let right = book(&shop, 2, 5, 50);
    shop.village.ok(1, right.clone());
    shop.village.fails(1, right, Reason::TokenUsed);
    assert_eq!((shop.rest(), shop.standing(2)), ((50, 0), None));
    // Nobody knows of money for the other: then it is owed.
    let void = shop.void(4, false);
    shop.village.ok(1, void);
    assert_eq!((shop.device().debt, shop.standing(4)), (Amount(70), None));
}

#[test]
fn what_was_paid_by_the_ledger_is_paid_back_there() {
    let mut shop = Shop::contracted(contract());
    let hold = shop.hold(50);
    shop.sell(add(2, 5), Payment::Hold { hold, amount: Amount(50) });
    shop.sell(add(4, 3), cash(30));
    let (before, seller) = (shop.village.funds(2), shop.village.funds(1));
    for count in [2, 4] {
        let void = shop.void(count, true);
        shop.village.ok(1, void);
    }
    assert_eq!((shop.village.funds(2), shop.village.funds(1)), (before + 50, seller - 50));
    assert_eq!(shop.rest(), (0, 0));
    let sale = Sale { value: 3, price: Amount(30), from: PaidFrom::Hand };
    assert_eq!(shop.standing(4).unwrap().state, TokenState::Voided(Some(sale)));
}

#[test]
fn a_lost_token_is_replaced_and_costs_once() {
    let mut shop = Shop::contracted(contract());
    shop.sell(add(2, 5), cash(50));
    let void = shop.void(2, false);
    shop.village.ok(1, void);
    shop.give(add(4, 5));
    shop.redeem(add(4, 5));
    assert_eq!((shop.rest(), shop.device().debt), ((50, 0), Amount(0)));
    // It turns up after all.
    shop.redeem(add(2, 5));
    assert_eq!((shop.credit(), shop.device().debt), ((1_000, 0), Amount(50)));
}

#[test]
fn postpaid_tokens_are_owed_and_a_voided_one_no_more() {
    let mut shop = Shop::contracted(contract());
    let call = shop.issue(add(2, 5), Payment::Postpaid);
    shop.village.fails(1, call, Reason::NotAllowed);
    shop.set(|set| set.contract.as_mut().unwrap().postpaid = true);
    shop.sell(add(2, 5), Payment::Postpaid);
    shop.sell(add(4, 2), Payment::Postpaid);
    assert_eq!(shop.device().debt, Amount(70));
    let void = shop.void(4, true);
    shop.village.ok(1, void);
    assert_eq!(shop.device().debt, Amount(50));
    let pay = Call::from(PayDevice { device: shop.id, payment: from_wallet(50) });
    shop.village.ok(2, pay);
    assert_eq!((shop.device().debt, shop.rest()), (Amount(0), (50, 0)));
}

#[test]
fn an_issuer_acts_by_a_grant_that_names_what_it_may() {
    let mut shop = Shop::new();
    let kind = shop.issue(add(2, 5), cash(5)).kind();
    for (reference, calls) in [(1, Calls::Any), (2, Calls::Only(BoundedVec::new(vec![kind]).unwrap()))] {
        let limits = Limits { calls, ..Limits::allowance(Amount(0), TimeMs::MAX) };
        let grant = call::identity::Grant { reference: Hash([reference; 32]), grantee: address(5), limits };
        shop.village.ok(1, grant.into());
        let call = shop.issue(add(2, 5), cash(5));
        let body = TxBody {
            grant: Some(grant_id(&address(1), &Hash([reference; 32]))),
            ..shop.village.world.body(5, vec![call])
        };
        let tx = shop.village.world.sign(body, &[5]);
        let done = shop.village.world.try_run(&[tx]).unwrap();
        let want = match reference {
            1 => Outcome::Failed { call: 0, reason: Reason::CallNotGranted },
            _ => Outcome::Success,
        };
        assert_eq!(done.receipts.txs[0].outcome, want);
    }
    let unlimited = SetPaygoOperator { asset: AssetId::NATIVE, daily_cap: u32::MAX };
    shop.village.ok(5, unlimited.into()); // its own, not the operator's
    assert!(shop.standing(2).is_some());
}

/// Goal: money for prepaid energy is there for those who deliver it, before the operator has it.
#[test]
fn producers_are_paid_from_what_customers_paid_before() {
    let (mut shop, mut sim) = Shop::metered(&terms());
    let mut roof = shop.village.meter(61, 4, MeterRole::Sub);
    shop.read(&mut roof, 0);
    shop.set(|set| set.contract = Some(Box::new(contract())));
    let seller = shop.village.funds(1);
    let hold = shop.hold(300_000);
    shop.set(|set| set.contract.as_mut().unwrap().price = Amount(30_000));
    shop.sell(add(2, 10), Payment::Hold { hold, amount: Amount(300_000) });
    assert_eq!((shop.village.funds(1), shop.village.tab(1)), (seller, 300_000));
    shop.redeem(add(2, 10));
    shop.to_end_of(0);
    shop.read_all([(&mut sim, 1_000, 0), (&mut roof, 0, 1_000)]);
    let roofs = shop.village.funds(4);
    shop.settle(0);
    // 1,000 Wh at the export price; the rest is the operator's.
    assert_eq!(shop.village.funds(4), roofs + 100_000);
    assert_eq!((shop.village.funds(1), shop.village.tab(1)), (seller + 200_000, 0));
    assert_eq!(shop.village.line(2).debit, 0);
    shop.village.check_tabs();
}
