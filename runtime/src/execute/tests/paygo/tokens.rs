//! The effect of a token, once, and refusals with their reasons.

use super::*;

#[test]
fn a_token_is_spent_once_whoever_tells_of_it() {
    let mut shop = Shop::new();
    shop.give(add(2, 5));
    assert_eq!(shop.credit(), (0, 0));
    shop.redeem(add(2, 5));
    assert_eq!(shop.credit(), (500, 0));
    let again = shop.signed(shop.redemption(add(2, 5)), DEVICE_KEY);
    shop.village.fails(4, again, Reason::TokenUsed);
    for n in [1, 2, 3] {
        let call = shop.told(add(2, 5));
        shop.village.fails(n, call, Reason::TokenUsed);
    }
    assert_eq!((shop.credit(), shop.standing(2)), ((500, 0), None));
}

#[test]
fn each_that_may_tells_of_a_redemption_and_nobody_else() {
    for n in [1, 2, 3] {
        let mut shop = Shop::new();
        shop.give(add(2, 5));
        let call = shop.told(add(2, 5));
        shop.village.fails(4, call.clone(), Reason::NotAllowed);
        shop.village.ok(n, call);
        assert_eq!(shop.credit(), (500, 0));
    }
}

#[test]
fn another_devices_token_or_key_is_refused() {
    let mut shop = Shop::new();
    shop.give(add(2, 5));
    // A sibling of the same batch, of the same owner: what counts is for whom it was issued.
    let sibling = device_id(&address(1), &Hash([8; 32]));
    shop.village.ok(1, RegisterDevice { reference: Hash([8; 32]), ..device() }.into());
    let set = SetDevice { device: sibling, key: Some(key(91).public()), ..shop.setting(|_| {}) };
    shop.village.ok(1, set.into());
    let of_sibling = Redemption { device: sibling, ..shop.redemption(add(2, 5)) };
    let told = Call::from(RedeemToken { redemption: of_sibling.clone(), proof: None });
    shop.village.fails(2, told, Reason::NotReserved);
    let call = shop.signed(of_sibling, DEVICE_KEY);
    shop.village.fails(4, call, Reason::WrongDevice);
    let call = shop.signed(shop.redemption(add(2, 5)), 91);
    shop.village.fails(4, call, Reason::WrongDevice);
    let Call::Paygo(PaygoCall::RedeemToken(mut call)) = shop.signed(shop.redemption(add(2, 5)), DEVICE_KEY)
    else {
        unreachable!()
    };
    call.redemption.token.value = 6;
    shop.village.fails(4, call.into(), Reason::BadSignature);
    let unknown = Redemption { device: Hash([1; 32]), ..shop.redemption(add(2, 5)) };
    shop.village.fails(2, RedeemToken { redemption: unknown, proof: None }.into(), Reason::UnknownDevice);
    assert_eq!(shop.credit(), (0, 0));
}

#[test]
fn only_what_was_committed_to_is_credited() {
    let mut shop = Shop::new();
    shop.give(add(2, 5));
    for (token, nonce) in [(add(2, 6), nonce(2)), (add(2, 4), nonce(2)), (add(2, 5), nonce(4))] {
        let call = shop.signed(Redemption { nonce, ..shop.redemption(token) }, DEVICE_KEY);
        shop.village.fails(4, call, Reason::BadCommitment);
    }
    shop.give(token(5, TokenKind::Set, 5));
    let call = shop.signed(shop.redemption(token(5, TokenKind::Disable, 0)), DEVICE_KEY);
    shop.village.fails(4, call, Reason::BadCommitment);
    shop.redeem(add(2, 5));
}

#[test]
fn add_tokens_of_the_last_sixteen_counts_are_taken_out_of_order() {
    let mut shop = Shop::new();
    for count in [2, 4, 6, 18] {
        shop.give(add(count, 1));
    }
    shop.redeem(add(6, 1));
    shop.redeem(add(2, 1));
    for count in [2, 6] {
        let call = shop.told(add(count, 1));
        shop.village.fails(1, call, Reason::TokenUsed);
    }
    shop.redeem(add(18, 1));
    // 16 counts old, and 14.
    let call = shop.told(add(2, 1));
    shop.village.fails(1, call, Reason::CountOutOfWindow);
    shop.redeem(add(4, 1));
    let call = shop.told(add(4, 1));
    shop.village.fails(1, call, Reason::TokenUsed);
    assert_eq!(shop.credit(), (400, 0));
}

#[test]
fn a_token_that_sets_kills_add_tokens_and_credit_and_says_so_before() {
    let mut shop = Shop::new();
    shop.top_up(7);
    shop.give(add(4, 5));
    let set = token(5, TokenKind::Set, 3);
    shop.give(set);
    let (device, operator) = (shop.id, address(1));
    let warned = PaygoEvent::CreditAtRisk { device, operator, token: set, adds: 1, wh: WattHours(700) };
    assert!(shop.events().contains(&warned));
    shop.redeem(set);
    assert_eq!(shop.credit(), (300, 0));
    let call = shop.told(add(4, 5));
    shop.village.fails(1, call, Reason::TokenUsed);
    let off = token(7, TokenKind::Set, 0);
    shop.give(off);
    shop.redeem(off);
    assert_eq!(shop.credit(), (0, 0));
}

#[test]
fn a_sync_moves_the_count_forward_only() {
    let mut shop = Shop::new();
    let sync = |count| token(count, TokenKind::Sync, 0);
    let far = shop.issue(sync(101), Payment::Free);
    shop.village.fails(1, far, Reason::CountOutOfWindow);
    shop.give(sync(99));
    shop.redeem(sync(99));
    assert_eq!(shop.device().count, 99);
    let back = shop.issue(sync(41), Payment::Free);
    shop.village.fails(1, back, Reason::TokenUsed);
    // Forged by somebody with the secret, and told by the gateway.
    for count in [41, 97, 99] {
        let reason = if count == 99 { Reason::TokenUsed } else { Reason::CountOutOfWindow };
        let call = shop.told(sync(count));
        shop.village.fails(3, call, reason);
    }
    assert_eq!(shop.device().count, 99);
}

#[test]
fn counts_values_and_profiles_are_what_devices_take() {
    let mut shop = Shop::new();
    let refused = [
        (add(3, 1), Reason::BadParity),
        (token(2, TokenKind::Set, 1), Reason::BadParity),
        (token(2, TokenKind::Disable, 0), Reason::BadParity),
        (token(2, TokenKind::Sync, 0), Reason::BadParity),
        (add(2, 996), Reason::ValueOutOfRange),
        (add(2, 998), Reason::ValueOutOfRange),
        (add(66, 1), Reason::CountOutOfWindow),
        (token(65, TokenKind::Set, 1), Reason::CountOutOfWindow),
    ];
    for (token, reason) in refused {
        let (issue, reserve) = (shop.issue(token, Payment::Free), shop.reserve(token));
        shop.village.fails(1, issue, reason);
        shop.village.fails(1, reserve, reason);
    }
    shop.give(add(64, 995));

    // Twelve digits carry more, but none of the values that mean something else.
    let mut shop = Shop::with(params(), &terms(), RegisterDevice { extended: true, ..device() });
    for value in [996, 997, 998, 999] {
        let call = shop.issue(add(2, value), Payment::Free);
        shop.village.fails(1, call, Reason::ValueOutOfRange);
    }
    shop.give(add(2, 1_000));

    // The C firmware counts to 65,535, and its extended tokens have no kinds.
    let c_firmware =
        RegisterDevice { profile: FirmwareProfile::CFirmware, count: 65_530, extended: true, ..device() };
    let mut shop = Shop::with(params(), &terms(), c_firmware);
    shop.give(add(65_534, 1));
    for token in [add(65_536, 1), token(65_535, TokenKind::Set, 1)] {
        let call = shop.issue(token, Payment::Free);
        shop.village.fails(1, call, Reason::ProfileLimit);
    }
    shop.give(token(65_535, TokenKind::Disable, 0));
}

#[test]
fn what_has_no_right_form_is_refused_before_it_meets_a_state() {
    let check = |token: Token| token.check();
    assert_eq!(check(add(0, 1)), Err(Reason::CountOutOfWindow));
    assert_eq!(check(token(1, TokenKind::Disable, 1)), Err(Reason::ValueOutOfRange));
    assert_eq!(check(add(2, 1_000_000)), Err(Reason::ValueOutOfRange));
    let priced = IssueToken {
        device: Hash::ZERO,
        token: token(1, TokenKind::Disable, 0),
        commitment: Hash::ZERO,
        payment: Payment::Cash { amount: Amount(1) },
    };
    assert_eq!(priced.check(), Err(Reason::WrongPrice));
    let thirds = RegisterDevice { divider: 3, ..device() };
    assert_eq!(thirds.check(), Err(Reason::OutOfRange));
    assert_eq!(RegisterDevice { divider: 0, ..device() }.check(), Err(Reason::OutOfRange));
    assert_eq!(RegisterDevice { divider: 4, ..device() }.check(), Ok(()));
}

#[test]
fn a_count_is_issued_once() {
    let mut shop = Shop::new();
    let reserve = shop.reserve(add(4, 9));
    shop.village.ok(1, reserve.clone());
    shop.village.fails(1, reserve, Reason::CountReserved);
    for count in [2, 4] {
        let call = shop.issue(add(count, 10), Payment::Free);
        let reason = if count == 2 { Reason::TokenUsed } else { Reason::BadCommitment };
        shop.village.fails(1, call, reason);
    }
    shop.give(add(6, 1));
    let again = shop.issue(add(6, 1), Payment::Free);
    shop.village.fails(1, again, Reason::TokenUsed);
}

/// Whoever holds a device's secret makes tokens that the device takes. Here it makes none.
#[test]
fn a_key_holder_mints_nothing_above_the_cap_and_nothing_unseen() {
    let mut shop = Shop::new();
    shop.village.ok(1, SetPaygoOperator { asset: AssetId::NATIVE, daily_cap: 10 }.into());
    shop.give(add(2, 6));
    for call in [shop.issue(add(4, 5), Payment::Free), shop.reserve(add(4, 5))] {
        shop.village.fails(1, call, Reason::IssuanceCapped);
    }
    let reserve = shop.reserve(add(4, 4));
    shop.village.ok(1, reserve);
    let call = shop.issue(add(6, 1), Payment::Free);
    shop.village.fails(1, call, Reason::IssuanceCapped);
    shop.village.go(shop.village.now() + DAY);
    shop.give(add(6, 10));

    // Forged for the device itself: an alarm, and no energy.
    let forged = add(12, 900);
    let call = shop.told(forged);
    shop.village.fails(2, call.clone(), Reason::NotReserved);
    shop.village.ok(3, call);
    let (device, operator, by) = (shop.id, address(1), RedeemedBy::Gateway);
    assert_eq!(
        shop.events().last(),
        Some(&PaygoEvent::UnknownRedemption { device, operator, token: forged, by })
    );
    assert_eq!((shop.credit(), shop.device().count), ((0, 0), 12));
    let again = shop.told(forged);
    shop.village.fails(3, again, Reason::TokenUsed);
    shop.redeem(add(2, 6));
}

#[test]
fn time_credit_is_until_when_the_device_is_active() {
    let day = CreditUnit::Time { per_unit: TimeMs(DAY) };
    let mut shop = Shop::with(params(), &terms(), RegisterDevice { unit: day, divider: 24, ..device() });
    let hour = DAY / 24;
    shop.top_up(5);
    let first = shop.device().active_until_ms.0;
    assert_eq!(first, shop.village.now() - 1_000 + 5 * hour);
    // Taken while it is active: it adds to that. Taken after: it begins then, not in the meantime.
    shop.top_up(2);
    assert_eq!(shop.device().active_until_ms.0, first + 2 * hour);
    shop.village.go(first + 10 * hour);
    shop.give(add(6, 1));
    let late = Redemption { time_ms: TimeMs(first + 4 * hour), ..shop.redemption(add(6, 1)) };
    let call = shop.signed(late, DEVICE_KEY);
    shop.village.ok(4, call);
    assert_eq!(shop.device().active_until_ms.0, first + 5 * hour);
    let set = token(7, TokenKind::Set, 3);
    shop.give(set);
    let ahead = Redemption { time_ms: TimeMs(shop.village.now() + hour), ..shop.redemption(set) };
    let call = shop.signed(ahead, DEVICE_KEY);
    shop.village.fails(4, call, Reason::BadTime);
    shop.redeem(set);
    assert_eq!(shop.device().active_until_ms.0, shop.village.now() - 1_000 + 3 * hour);
    assert_eq!(shop.credit(), (0, 0));
}

#[test]
fn a_voided_sale_that_is_redeemed_is_a_debt() {
    let mut shop = Shop::new();
    let sell = shop.issue(add(2, 5), Payment::Cash { amount: Amount(700) });
    shop.village.ok(1, sell);
    let void = shop.void(2, true);
    shop.village.fails(2, void.clone(), Reason::NotAllowed);
    shop.village.ok(1, void.clone());
    shop.village.fails(1, void, Reason::NotReserved);
    assert_eq!(shop.device().debt, Amount(0));
    // The device has heard of nothing.
    shop.redeem(add(2, 5));
    assert_eq!((shop.credit(), shop.device().debt), ((500, 0), Amount(700)));
    let pay = |amount, n| {
        let amount = Amount(amount);
        let payment = if n == 1 { Payment::Cash { amount } } else { Payment::Wallet { amount } };
        Call::from(PayDevice { device: shop.id, payment })
    };
    let (too_much, part, rest) = (pay(701, 2), pay(300, 2), pay(400, 1));
    let before = shop.village.funds(1);
    shop.village.fails(2, too_much, Reason::LimitExceeded);
    shop.village.ok(2, part);
    shop.village.ok(1, rest);
    assert_eq!((shop.device().debt, shop.village.funds(1)), (Amount(0), before + 300));
}

#[test]
fn tokens_give_their_deposits_back_when_they_are_over() {
    let params = Params { account_deposit: Amount(10), ..params() };
    let mut shop = Shop::with(params, &terms(), device());
    let start = shop.village.funds(1);
    for count in [2, 4] {
        shop.give(add(count, 1));
    }
    shop.give(token(5, TokenKind::Set, 1));
    let reserve = shop.reserve(add(6, 1));
    shop.village.ok(1, reserve);
    assert_eq!(shop.village.funds(1), start - 40);
    shop.redeem(add(2, 1));
    shop.redeem(token(5, TokenKind::Set, 1));
    assert_eq!(shop.village.funds(1), start - 20);
    // The device takes the one no more, the other still.
    for (count, back) in [(4, 10), (6, 10)] {
        let call = shop.void(count, false);
        shop.village.ok(1, call);
        assert_eq!(shop.village.funds(1), start - 20 + back);
    }
    let sync = token(99, TokenKind::Sync, 0);
    shop.give(sync);
    shop.redeem(sync);
    let call = shop.void(6, false);
    shop.village.ok(1, call);
    assert_eq!(shop.village.funds(1), start);
}

#[test]
fn a_suspended_or_unlocked_device_is_issued_nothing_but_takes_what_it_has() {
    let c_firmware = RegisterDevice { profile: FirmwareProfile::CFirmware, ..device() };
    let mut shop = Shop::with(params(), &terms(), c_firmware);
    shop.give(add(2, 1));
    shop.set(|set| set.suspended = true);
    let call = shop.issue(add(4, 1), Payment::Free);
    shop.village.fails(1, call, Reason::DeviceInactive);
    shop.redeem(add(2, 1));
    shop.set(|_| {});
    let unlock = token(5, TokenKind::Disable, 0);
    shop.give(unlock);
    shop.redeem(unlock);
    shop.set(|set| set.suspended = true); // that does not lock it again
    let call = shop.issue(add(6, 1), Payment::Free);
    shop.village.fails(1, call, Reason::DeviceInactive);
    let lock = token(7, TokenKind::Set, 2);
    shop.give(lock);
    shop.redeem(lock);
    shop.give(add(8, 1));
    assert_eq!(shop.credit(), (200, 0));
}

#[test]
fn nobody_makes_energy_or_moves_it_but_by_tokens() {
    let mut shop = Shop::new();
    shop.top_up(5);
    let asset = shop.device().asset;
    let to = address(1);
    let mint = call::token::Mint { asset, to, amount: Amount(5) };
    for n in [1, 2, 3] {
        shop.village.fails(n, mint.clone().into(), Reason::NotAllowed);
        let burn = call::token::Burn { asset, amount: Amount(5) };
        shop.village.fails(n, burn.into(), Reason::InsufficientFunds);
        let (debit, credit) = (crate::modules::ledger::wallet(Address::of_device(&shop.id)), wallet(n));
        let entries = vec![call::ledger::Entry::new(debit, credit, asset, Amount(5))];
        let journal = call::ledger::Journal::of(BoundedVec::new(entries).unwrap());
        shop.village.fails(n, journal.into(), Reason::NotAllowed);
    }
    let device = shop.told(add(4, 1));
    shop.village.fails(6, device, Reason::NotAllowed);
    for n in [2, 3, 4] {
        for call in [shop.issue(add(4, 1), Payment::Free), shop.reserve(add(4, 1)), shop.void(2, false)] {
            let outcome = shop.village.run(n, call);
            let refused = [Reason::NotAllowed, Reason::NotReserved];
            assert!(
                refused.iter().any(|reason| outcome == Outcome::Failed { call: 0, reason: *reason }),
                "{outcome:?}"
            );
        }
        let set = shop.setting(|set| set.owner = Some(address(n)));
        shop.village.fails(n, set.into(), Reason::NotAllowed);
    }
}
