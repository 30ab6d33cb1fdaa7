//! Devices, their tokens, what they lack, and what became of them.

use super::energy::market_terms;
use super::*;
use wattle_primitives::call::paygo::{
    Contract, CreditUnit, FirmwareProfile, IssueToken, Payment, RedeemToken, Redemption, RegisterDevice,
    ReserveTokens, ReservedToken, SetDevice, SetPaygoOperator, Token, TokenKind, device_id,
};
use wattle_primitives::event::PaygoEvent;

const NONCE: Hash = Hash([9; 32]);
const DAY_MS: u64 = 86_400_000;

fn device(n: u8) -> Hash {
    device_id(&address(1), &Hash([n; 32]))
}

fn register(n: u8, unit: CreditUnit) -> Call {
    Call::from(RegisterDevice {
        reference: Hash([n; 32]),
        unit,
        divider: 1,
        profile: FirmwareProfile::Own,
        extended: false,
        count: 0,
    })
}

/// A device of person 1 itself; under a contract of 5 a unit.
fn set(n: u8, meter: Option<Address>) -> Call {
    let terms = Contract {
        deposit: Amount::ZERO,
        included: 0,
        price: Amount(5),
        total: Amount(1000),
        postpaid: true,
    };
    Call::from(SetDevice {
        device: device(n),
        owner: Some(address(1)),
        gateway: None,
        key: None,
        meter,
        suspended: false,
        contract: Some(Box::new(terms)),
    })
}

fn add(count: u32, value: u32) -> Token {
    Token { count, kind: TokenKind::Add, value }
}

fn issue(n: u8, token: Token, payment: Payment) -> Call {
    let device = device(n);
    Call::from(IssueToken { device, token, commitment: token.commitment(&device, &NONCE), payment })
}

fn redeem(world: &World, n: u8, token: Token) -> Call {
    let redemption = Redemption { device: device(n), token, nonce: NONCE, time_ms: world.header.time_ms };
    Call::from(RedeemToken { redemption, proof: None })
}

fn listed(world: &World, only: DeviceList, below_wh: u64, within_ms: u64) -> Vec<Hash> {
    let request = DevicesRequest {
        operator: address(1),
        only: Some(only),
        below_wh: WattHours(below_wh),
        within_ms: TimeMs(within_ms),
    };
    let node = world.open();
    all(1, |page| node.paygo_devices(request, page)).iter().map(|info| info.device).collect()
}

/// Goal: an operator finds the devices that it must look after, each for what it lacks.
#[test]
fn devices_are_listed_by_what_they_lack() {
    let mut world = World::new();
    let none = world.open();
    assert!(matches!(none.paygo_operator(address(1)), Err(RpcError::NotFound { .. })));
    assert!(matches!(none.paygo_device(device(1)), Err(RpcError::NotFound { what: "device", .. })));
    let microgrid = microgrid_id(&address(1), &Hash::ZERO);
    let terms = Call::from(call::energy::SetTerms { microgrid, terms: Box::new(market_terms()) });
    let energy = CreditUnit::WattHours { per_unit: WattHours(100) };
    let days = CreditUnit::Time { per_unit: TimeMs(DAY_MS) };
    let operate = Call::from(SetPaygoOperator { asset: AssetId::NATIVE, daily_cap: 500 });
    let cash = |amount| Payment::Cash { amount: Amount(amount) };
    let calls = [operate, register(1, energy), register(2, energy), register(3, days), terms];
    world.block(vec![world.tx(1, 0, calls.to_vec())], true);
    let calls = [set(1, Some(address(50))), set(2, None), set(3, None)];
    world.block(vec![world.tx(1, 1, calls.to_vec())], true);
    let low = |world: &World, wh, ms| listed(world, DeviceList::Low, wh, ms);
    assert_eq!(low(&world, 0, 0), [device(1), device(2), device(3)], "in the order of registration");
    assert!(listed(&world, DeviceList::Overdue, 0, 0).is_empty(), "no contract has begun");
    // 1 has energy, 2 owes for energy that it has, 3 has a day.
    let sold = [
        issue(1, add(2, 10), cash(52)),
        redeem(&world, 1, add(2, 10)),
        issue(2, add(2, 4), Payment::Postpaid),
        redeem(&world, 2, add(2, 4)),
        issue(3, add(2, 1), cash(5)),
        redeem(&world, 3, add(2, 1)),
    ];
    world.block(vec![world.tx(1, 2, sold.to_vec())], true);
    let first = world.open().paygo_device(device(1)).unwrap().value;
    let contract = first.contract.unwrap();
    assert_eq!((contract.paid, contract.rest, contract.left), (Amount(52), Amount(2), Some(Amount(948))));
    assert_eq!(first.credit.unwrap().available_wh, WattHours(1000));
    assert_eq!((first.issued_today, first.left_today, first.count, first.adds), (10, 490, 2, 0));
    assert_eq!(first.wallet, Address::of_device(&device(1)));
    assert_eq!(listed(&world, DeviceList::Overdue, 0, 0), [device(2)]);
    assert!(low(&world, 399, 0).is_empty());
    assert_eq!(low(&world, 400, DAY_MS), [device(2), device(3)]);
    let found = world.open().search(&device(2).to_string()).unwrap();
    assert_eq!((found.best.kind, found.best.target), (SearchKind::Device, device(2).to_string()));
    assert_eq!(world.open().energy_meter(address(50)).unwrap().value.device, Some(device(1)));
    // The meter has been read once, and then no more.
    assert!(listed(&world, DeviceList::Silent, 0, 0).is_empty());
    let chain = world.chain;
    world.block(vec![world.tx(1, 3, vec![readings(&chain, 50, 1..=1)])], true);
    world.block_at(world.header.time_ms.0 + 20 * 900_000);
    assert_eq!(listed(&world, DeviceList::Silent, 0, 0), [device(1)]);
    // A day later 3 has run out, and nothing counts for today.
    world.block_at(world.header.time_ms.0 + DAY_MS);
    assert!(listed(&world, DeviceList::Overdue, 0, 0).contains(&device(3)));
    assert_eq!(world.open().paygo_device(device(3)).unwrap().value.left_today, 500);
}

/// Goal: what is not redeemed is listed, and nothing of a device is left out of its history.
#[test]
fn tokens_and_their_history_are_told_page_by_page() {
    let mut world = World::new();
    let energy = CreditUnit::WattHours { per_unit: WattHours(100) };
    let operate = Call::from(SetPaygoOperator { asset: AssetId::NATIVE, daily_cap: 500 });
    let reserved = [8, 10].map(|count| {
        let token = add(count, 20);
        ReservedToken { token, commitment: token.commitment(&device(1), &NONCE) }
    });
    let reserve =
        Call::from(ReserveTokens { device: device(1), tokens: BoundedVec::new(reserved.to_vec()).unwrap() });
    let calls = [
        operate,
        register(1, energy),
        set(1, None),
        issue(1, add(2, 10), Payment::Cash { amount: Amount(50) }),
        issue(1, add(4, 3), Payment::Free),
        issue(1, add(6, 2), Payment::Postpaid),
        reserve,
    ];
    world.block(vec![world.tx(1, 0, calls.to_vec())], true);
    world.block(vec![world.tx(1, 1, vec![redeem(&world, 1, add(4, 3))])], true);
    // Person 2 buys a reserved one for 15, knowing no nonce.
    let token = add(8, 3);
    let commitment = reserved[0].commitment;
    let payment = Payment::Wallet { amount: Amount(15) };
    let buy = Call::from(IssueToken { device: device(1), token, commitment, payment });
    world.block(vec![world.tx(2, 0, vec![buy])], true);
    let node = world.open();
    let kept = all(1, |page| node.paygo_tokens(device(1), page));
    let told: Vec<_> = kept.iter().map(|token| (token.count, token.value, token.state, token.owed)).collect();
    assert_eq!(
        told,
        [
            (10, 20, TokenStatus::Reserved, false),
            (8, 3, TokenStatus::Issued, false),
            (6, 2, TokenStatus::Issued, true),
            (2, 10, TokenStatus::Issued, false),
        ]
    );
    let payer = AccountId::Wallet { owner: address(2) };
    assert_eq!((kept[1].price, kept[1].payer), (Some(Amount(15)), Some(payer)));
    assert_eq!((kept[3].price, kept[3].payer, kept[3].over), (Some(Amount(50)), None, false));
    for token in &kept {
        assert_eq!(node.paygo_token(device(1), token.count).unwrap().value, *token);
    }
    let gone = node.paygo_token(device(1), 4);
    assert!(matches!(gone, Err(RpcError::NotFound { what: "token", .. })));
    let history = all(2, |page| node.paygo_history(device(1), page));
    assert!(history.windows(2).all(|pair| pair[0].position > pair[1].position));
    let kinds: Vec<_> = history.iter().rev().map(|item| item.event.type_name()).collect();
    let want = [
        "device_registered",
        "device_set",
        "token_issued",
        "token_issued",
        "device_owes",
        "token_issued",
        "token_reserved",
        "token_reserved",
        "credit_minted",
        "token_redeemed",
        "token_issued",
    ];
    assert_eq!(kinds, want);
    assert!(
        matches!(&history[0].event, Event::Paygo(PaygoEvent::TokenIssued { by, .. }) if *by == address(2))
    );
    assert!(matches!(node.paygo_history(device(2), page(None, 5)), Err(RpcError::NotFound { .. })));
}
