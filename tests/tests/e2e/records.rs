//! The encodings of what state holds and only validators read, pinned in `tests/vectors/records.json`. That they are
//! what `docs/protocol.md` says, `tests/vectors/check.py` finds out from the page.

use serde_json::{Map, Value, json};
use std::path::Path;
use wattle_primitives::bucket::Bucket;
use wattle_primitives::call::deals::{ACCEPTANCES_MAX, Funding};
use wattle_primitives::call::identity::Limits;
use wattle_primitives::call::ledger::{AccountClass, AccountId, Entry, JournalId};
use wattle_primitives::call::market::Side;
use wattle_primitives::units::IntervalId;
use wattle_primitives::{Address, Amount, AssetId, BoundedVec, Hash, Height, TimeMs, WattHours, encode};
use wattle_runtime::modules::deals::records::{Acceptance, Deal, DealState};
use wattle_runtime::modules::disputes::records::Dispute;
use wattle_runtime::modules::energy::profile::Profile;
use wattle_runtime::modules::energy::records::{
    Agenda, Carry, Coarse, Demand, Handed, Interval, Mandate, Measured, Member, Microgrid, Pause, Position,
    SettledMeter, Silence, Slice, Step,
};
use wattle_runtime::modules::identity::records::{Allowance, Grant, Spent, Sponsorship};
use wattle_runtime::modules::ledger::records::{Asset, Book, BookAccount, Deposit, Hold, PostedJournal};
use wattle_runtime::modules::market::records::Order;
use wattle_runtime::records::{Counters, Due};

/// Set to write the vectors anew, after a deliberate change of protocol.
const BLESS: &str = "WATTLE_BLESS_VECTORS";

/// A record with the JSON of its fields, each of which is written once. No two fields have one value, so that two that
/// changed places do not go unnoticed.
macro_rules! record {
    ($all:ident, $name:literal, $kind:ident { $($field:ident: $value:expr $(=> $json:expr)?),* $(,)? }) => {{
        let value = $kind { $($field: $value),* };
        let fields: Map<String, Value> =
            [$((stringify!($field).to_owned(), record!(@json $value $(, $json)?))),*].into_iter().collect();
        let bytes = encode(&value);
        $all.insert($name.into(), json!({ "hex": hex(&bytes), "blake3": blake3::hash(&bytes).to_hex().as_str(), "json": fields }));
    }};
    (@json $value:expr) => { serde_json::to_value($value).unwrap() };
    (@json $value:expr, $json:expr) => { $json };
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

const fn hash(n: u8) -> Hash {
    Hash([n; 32])
}

const fn address(n: u8) -> Address {
    Address([n; 32])
}

const fn deposit(payer: u8, amount: u128) -> Deposit {
    Deposit { payer: address(payer), amount: Amount(amount) }
}

fn deposit_json(payer: u8, amount: u128) -> Value {
    json!({ "payer": address(payer), "amount": Amount(amount) })
}

fn allowance() -> Allowance {
    Allowance {
        limits: Limits::allowance(Amount(31), TimeMs(32)),
        spent: vec![Spent {
            total: Amount(33),
            period: Amount(34),
            period_from_ms: TimeMs(35),
            tx: Amount(36),
        }],
        uses: 37,
        hour: Bucket { level: 38, at_ms: TimeMs(39) },
    }
}

fn allowance_json() -> Value {
    json!({
        "limits": Limits::allowance(Amount(31), TimeMs(32)),
        "spent": [{ "total": "33", "period": "34", "period_from_ms": "35", "tx": "36" }],
        "uses": 37,
        "hour": { "level": "38", "at_ms": "39" },
    })
}

const fn wh(n: u64) -> WattHours {
    WattHours(n)
}

fn members(all: &mut Map<String, Value>) {
    record!(all, "Microgrid", Microgrid {
        operator: address(1), asset: AssetId(2), interval_ms: TimeMs(3), meters: 4, book: wattle_primitives::BookId([5; 16]),
        members: 6, ordered: IntervalId(7), terms: 8, left: 13,
        agenda: Some(Agenda { clear: IntervalId(9), settle: IntervalId(10), finalize: IntervalId(11), due_ms: TimeMs(12), waits: true })
            => json!({ "clear": "9", "settle": "10", "finalize": "11", "due_ms": "12", "waits": true }),
        pause: Some(Pause { since_ms: TimeMs(13), until_ms: Some(TimeMs(14)), own_wallet: true })
            => json!({ "since_ms": "13", "until_ms": "14", "own_wallet": true }),
        month: 15,
    });
    record!(
        all,
        "Member",
        Member {
            code: 1,
            credit_limit: Some(Amount(2)),
            reserved: Amount(3),
            exposed: Amount(5),
            offset: wh(6),
            granted: Amount(7),
            traded: Amount(9),
            meters: 11,
            suspended: 12,
            until: IntervalId(13),
            carry: Carry { debit: 16, credit: 17, tax: 25 } => json!({ "debit": 16, "credit": 17, "tax": 25 }),
            claim: Amount(18),
            claimed: IntervalId(19),
            deposit: deposit(14, 15) => deposit_json(14, 15),
            since_ms: TimeMs(20),
            demand: Demand { amount: Amount(21), permille: 22 } => json!({ "amount": "21", "permille": 22 }),
            tax: -23 => json!("-23"),
            connections: 24,
        }
    );
    record!(all, "SettledMeter", SettledMeter {
        until: IntervalId(1),
        profile: Profile(BoundedVec::new(vec![wh(2), wh(3)]).unwrap()) => json!(["2", "3"]),
        silence: Some(Silence { since_ms: TimeMs(4), until_ms: Some(TimeMs(5)), amount: Amount(6), rest: 7 })
            => json!({ "since_ms": "4", "until_ms": "5", "amount": "6", "rest": 7 }),
        coarse: Some(Coarse { from: IntervalId(8), until: IntervalId(9) })
            => json!({ "from": "8", "until": "9" }),
        handed: Some(Handed { from: address(10), interval: IntervalId(11) })
            => json!({ "from": address(10), "interval": "11" }),
    });
    record!(
        all,
        "MandateRecord",
        Mandate {
            allowance: allowance() => allowance_json(),
            notice_ms: TimeMs(1),
            given_ms: TimeMs(2),
            charged: IntervalId(3),
            deposit: deposit(4, 5) => deposit_json(4, 5),
        }
    );
    record!(all, "Slice", Slice { import_wh: wh(1), export_wh: wh(2), beyond_wh: wh(3) });
    record!(
        all,
        "Dispute",
        Dispute {
            microgrid: hash(1),
            index: 11,
            account: address(2),
            meter: address(3),
            claim: Amount(4),
            note: hash(5),
            needed: 12,
            electorate: 13,
            expires_ms: TimeMs(14),
            upheld: 6,
            rejected: 7,
            voters: vec![8, 9],
            deposit: deposit(10, 11) => deposit_json(10, 11),
        }
    );
}

fn intervals(all: &mut Map<String, Value>) {
    let measured = |from: u32| Measured {
        meters: from,
        estimated: from + 1,
        import_wh: wh(u64::from(from) + 2),
        export_wh: wh(u64::from(from) + 3),
    };
    let shown = |from: u32| json!({ "meters": from, "estimated": from + 1, "import_wh": from + 2, "export_wh": from + 3 });
    let steps = [
        (Step::Open, json!("open")),
        (Step::Release { next: 90 }, json!({ "release": { "next": 90 } })),
        (Step::Cleared, json!("cleared")),
        (Step::Measure { next: 91 }, json!({ "measure": { "next": 91 } })),
        (Step::Post { next: 92 }, json!({ "post": { "next": 92 } })),
        (Step::Pay { next: 93 }, json!({ "pay": { "next": 93 } })),
        (Step::Settled, json!("settled")),
        (Step::Finish { next: 94 }, json!({ "finish": { "next": 94 } })),
        (Step::Sum { next: 95 }, json!({ "sum": { "next": 95 } })),
        (Step::Claim { next: 96 }, json!({ "claim": { "next": 96 } })),
    ];
    for (step, json) in steps {
        let mut one = Map::new();
        record!(one, "Interval", Interval {
            orders: 1, traded_wh: wh(2), price: Some(Amount(3)), step: step => json, demand_wh: wh(4), supply_wh: wh(5),
            done: [wh(6), wh(7)] => json!({ "demand": "6", "supply": "7" }), accounts: 8,
            claims: Amount(17), dues: Amount(18), pot: Amount(19), subs: measured(9) => shown(9), feeders: measured(13) => shown(13),
        });
        all.insert(format!("Interval({})", encode(&step)[0]), one.remove("Interval").unwrap());
    }
    record!(
        all,
        "Position",
        Position {
            bought_wh: wh(1),
            sold_wh: wh(2),
            import_wh: wh(3),
            export_wh: wh(4),
            estimated: true,
            exposed: Amount(5),
            escrow: Amount(6),
            estimate_wh: wh(7),
            beyond_wh: wh(9),
            orders: 8,
        }
    );
}

fn market(all: &mut Map<String, Value>) {
    record!(
        all,
        "Order",
        Order {
            microgrid: hash(1),
            interval: IntervalId(2),
            account: address(3),
            side: Side::Sell,
            price: Amount(4),
            wh: wh(5),
            partner: Some(address(6)),
            expires_ms: Some(TimeMs(7)),
            index: 8,
            fee_per_kwh: Amount(9),
            reserved: Amount(10),
            deposit: deposit(11, 15) => deposit_json(11, 15),
            filled_wh: wh(12),
            amount: Amount(13),
            fee: Amount(14),
        }
    );
    let states = [
        (DealState::Requested, json!("requested")),
        (DealState::Confirmed { partner: address(20) }, json!({ "confirmed": { "partner": address(20) } })),
        (
            DealState::Authorised {
                partner: address(21),
                funding: Funding::Credit,
                margin_wh: wh(22),
                seq: 23,
                used_wh: wh(24),
                meter: address(25),
                from_wh: wh(26),
            },
            json!({ "authorised": { "partner": address(21), "funding": "credit", "margin_wh": 22, "seq": 23, "used_wh": 24,
                "meter": address(25), "from_wh": 26 } }),
        ),
    ];
    for (state, json) in states {
        let mut one = Map::new();
        record!(one, "Deal", Deal {
            microgrid: hash(1), index: 2, requester: address(3), side: Side::Buy, wh: wh(4), wh_min: wh(5), unit_wh: wh(6),
            price: Amount(7), expires_ms: TimeMs(8), deposit: deposit(9, 11) => deposit_json(9, 11),
            acceptors: BoundedVec::<_, ACCEPTANCES_MAX>::new(vec![address(10)]).unwrap(), state: state => json,
        });
        all.insert(format!("Deal({})", encode(&state)[0]), one.remove("Deal").unwrap());
    }
    record!(all, "Acceptance", Acceptance { wh_max: wh(1), price: Amount(2), deposit: deposit(3, 4) => deposit_json(3, 4) });
}

fn ledger(all: &mut Map<String, Value>) {
    let wallet = |n| AccountId::Wallet { owner: address(n) };
    record!(all, "Counters", Counters { assets: 1, books: 2, microgrids: 3 });
    record!(
        all,
        "Asset",
        Asset {
            symbol: "SUN".parse::<wattle_primitives::call::token::Symbol>().unwrap(),
            scale: 1,
            issuer: Some(address(2))
        }
    );
    record!(all, "Book", Book { owner: address(1), accounts: 2, assets: 3, closed_ms: TimeMs(4) });
    record!(
        all,
        "BookAccount",
        BookAccount {
            asset: AssetId(1),
            class: AccountClass::Expense,
            name: Some(hash(2)),
            parent: Some(3),
            depth: 6,
            debit_max: Some(Amount(4)),
            credit_max: Some(Amount(5)),
        }
    );
    record!(all, "PostedJournal", PostedJournal {
        input: hash(1), entries: hash(2),
        posted: JournalId { height: Height(3), index: 4 } => json!({ "height": "3", "index": 4 }),
        date_ms: TimeMs(5),
        reversed: true,
    });
    record!(
        all,
        "HoldRecord",
        Hold {
            entry: Entry::new(wallet(1), wallet(2), AssetId(3), Amount(4)),
            captor: address(5),
            expires_ms: TimeMs(6),
            owned: true,
            deposit: deposit(7, 8) => deposit_json(7, 8),
        }
    );
    record!(
        all,
        "Sponsorship",
        Sponsorship {
            allowance: allowance() => allowance_json(),
            index: [1, 2] => json!({ "grantor": 1, "grantee": 2 }),
            deposit: deposit(3, 4) => deposit_json(3, 4),
        }
    );
    record!(
        all,
        "Grant",
        Grant {
            grantor: address(1),
            grantee: address(2),
            allowance: allowance() => allowance_json(),
            index: [3, 4] => json!({ "grantor": 3, "grantee": 4 }),
            deposit: deposit(5, 6) => deposit_json(5, 6),
        }
    );
    let dues = [
        (Due::Hold(hash(1)), "hold"),
        (Due::Microgrid(hash(2)), "microgrid"),
        (Due::Deal(hash(3)), "deal"),
        (Due::Order(hash(4)), "order"),
    ];
    for (due, name) in dues {
        let bytes = encode(&due);
        let row = json!({ "hex": hex(&bytes), "blake3": blake3::hash(&bytes).to_hex().as_str(), "json": { name: due.id() } });
        all.insert(format!("Due::{name}"), row);
    }
}

/// Goal: no record of state changes its bytes unnoticed.
#[test]
fn every_record_of_state_is_what_it_was() {
    let mut all = Map::new();
    for fill in [members, intervals, market, ledger] {
        fill(&mut all);
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/records.json");
    if std::env::var_os(BLESS).is_some() {
        std::fs::write(&path, serde_json::to_string_pretty(&all).unwrap() + "\n").unwrap();
        return;
    }
    let want: Map<String, Value> = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    for (name, row) in &all {
        assert_eq!(
            Some(row),
            want.get(name),
            "{name} is not what it was: THIS IS A PROTOCOL CHANGE. If it is meant: mend docs/protocol.md, say so in \
             CHANGELOG.md, and run this test once with {BLESS}=1."
        );
    }
    assert_eq!(all.len(), want.len(), "a record has gone");
}
