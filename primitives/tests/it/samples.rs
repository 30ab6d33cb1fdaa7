//! One fixed value for every type and every enum variant that is hashed, signed, stored or sent.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use wattle_chain_spec::Preset;
use wattle_primitives::bucket::Bucket;
use wattle_primitives::call;
use wattle_primitives::call::deals::{DealEnd, Funding};
use wattle_primitives::call::energy::{
    ClearingRule, Fees, LineKind, LossRule, Mandate, MeterSwap, TariffBand, Tax, Terms,
};
use wattle_primitives::call::identity::{Authority, Calls, KeyWeight, Limits, PerPeriod, Spending};
use wattle_primitives::call::ledger::{AccountClass, AccountId, Balancing, Entry, JournalId, SystemAccount};
use wattle_primitives::call::market::{OrderEnd, Side};
use wattle_primitives::call::token::Symbol;
use wattle_primitives::codec::decode_bounded;
use wattle_primitives::event::{
    DealsEvent, DisputesEvent, EnergyEvent, IdentityEvent, LedgerEvent, MarketEvent, TokenEvent,
};
use wattle_primitives::genesis::{GenesisAccount, GenesisMeter, GenesisMicrogrid, ScheduledSet};
use wattle_primitives::merkle::ListProof;
use wattle_primitives::reading::{
    ClockQuality, MeterRole, Reading, RegisterEncoding, Registers, SignedReading,
};
use wattle_primitives::receipt::BlockReceipts;
use wattle_primitives::state_key::{AccountRecord, BalanceRecord, LastReading, MeterRecord};
use wattle_primitives::trie::{Leaf, Step, TrieProof};
use wattle_primitives::units::IntervalId;
use wattle_primitives::*;

/// A value's bytes and how to read them again.
pub(crate) struct Sample {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
    /// Its JSON form, for types that have one.
    pub(crate) json: Option<Value>,
    /// Decodes and encodes again.
    pub(crate) again: fn(&[u8]) -> Result<Vec<u8>, DecodeError>,
    /// Reads JSON and encodes.
    pub(crate) from_json: fn(&Value) -> Result<Vec<u8>, String>,
}

fn again<T: BorshSerialize + BorshDeserialize>(bytes: &[u8]) -> Result<Vec<u8>, DecodeError> {
    decode_bounded::<T>(bytes, usize::MAX).map(|value| encode(&value))
}

fn from_json<T: BorshSerialize + DeserializeOwned>(json: &Value) -> Result<Vec<u8>, String> {
    // Through text, as it arrives from a client.
    serde_json::from_str::<T>(&json.to_string()).map(|value| encode(&value)).map_err(|e| e.to_string())
}

fn no_json(_: &Value) -> Result<Vec<u8>, String> {
    Err("this type has no JSON form".into())
}

fn stored<T: BorshSerialize + BorshDeserialize>(name: &str, value: &T) -> Sample {
    Sample { name: name.into(), bytes: encode(value), json: None, again: again::<T>, from_json: no_json }
}

fn sample<T>(name: &str, value: &T) -> Sample
where
    T: BorshSerialize + BorshDeserialize + Serialize + DeserializeOwned,
{
    let json = Some(serde_json::to_value(value).unwrap());
    Sample { json, from_json: from_json::<T>, ..stored(name, value) }
}

pub(crate) fn hash(n: u8) -> Hash {
    Hash([n; 32])
}

pub(crate) fn address(n: u8) -> Address {
    Address([n; 32])
}

pub(crate) fn key(n: u8) -> PublicKey {
    SecretKey::from_seed([n; 32]).public()
}

fn signature(n: u8) -> Signature {
    Signature([n; 64])
}

fn list<T: std::fmt::Debug, const N: usize>(items: Vec<T>) -> BoundedVec<T, N> {
    BoundedVec::new(items).unwrap()
}

pub(crate) fn accounts() -> Vec<(&'static str, AccountId)> {
    vec![
        ("Wallet", AccountId::Wallet { owner: address(1) }),
        ("Book", AccountId::Book { book: BOOK, code: 1000 }),
        ("System", AccountId::System { account: SystemAccount::Fees }),
        ("Due", AccountId::Due { book: BOOK }),
        ("Cash", AccountId::Cash { book: BOOK }),
    ]
}

const BOOK: BookId = BookId([7; 16]);

fn entry() -> Entry {
    Entry {
        debit: AccountId::Wallet { owner: address(1) },
        credit: AccountId::Book { book: BOOK, code: 1000 },
        asset: AssetId(2),
        amount: Amount(5_000_000),
        balancing: Some(Balancing::Both),
    }
}

fn authority() -> Authority {
    let mut keys = vec![KeyWeight { key: key(1), weight: 1 }, KeyWeight { key: key(2), weight: 2 }];
    keys.sort_unstable();
    Authority { keys: list(keys), threshold: 3 }
}

fn reading() -> Reading {
    Reading {
        meter: Address::of_key(&key(9)),
        seq: 42,
        boot_id: u64::MAX - 1,
        uptime_ms: 900_000,
        time_ms: TimeMs(1_800_000_000_000),
        clock: ClockQuality::Synced,
        import: list(vec![0x4366, 0x3334]),
        export: list(vec![0, 0]),
    }
}

fn signed_reading() -> SignedReading {
    SignedReading { reading: reading(), key: key(9), signature: signature(3) }
}

pub(crate) fn calls() -> Vec<(&'static str, Call)> {
    let (asset, amount, hold) = (AssetId(2), Amount(u128::MAX - 1), hash(6));
    vec![
        ("Ledger::CreateBook", Call::from(call::ledger::CreateBook { reference: hash(5) })),
        (
            "Ledger::OpenAccount",
            Call::from(call::ledger::OpenAccount {
                book: BOOK,
                code: 1010,
                name: Some(hash(8)),
                asset,
                class: AccountClass::Revenue,
                parent: Some(1000),
                debit_max: Some(Amount(3)),
                credit_max: None,
            }),
        ),
        (
            "Ledger::Journal",
            Call::from(call::ledger::Journal {
                reference: Some(hash(5)),
                memo: Some(hash(8)),
                effective_ms: Some(TimeMs(1_800_000_000_000)),
                reverses: Some(hash(9)),
                entries: list(vec![Entry { balancing: None, ..entry() }, entry()]),
            }),
        ),
        (
            "Ledger::Journal(plain)",
            Call::from(call::ledger::Journal {
                reference: None,
                memo: None,
                effective_ms: None,
                reverses: None,
                entries: list(vec![entry()]),
            }),
        ),
        (
            "Ledger::Hold",
            Call::from(call::ledger::Hold {
                reference: hash(5),
                entry: entry(),
                captor: address(3),
                ttl_ms: Some(TimeMs(60_000)),
            }),
        ),
        (
            "Ledger::Hold(standing)",
            Call::from(call::ledger::Hold {
                reference: hash(5),
                entry: entry(),
                captor: address(3),
                ttl_ms: None,
            }),
        ),
        (
            "Ledger::Capture(part)",
            Call::from(call::ledger::Capture { hold, amount: Some(amount), more: true }),
        ),
        ("Ledger::Capture(all)", Call::from(call::ledger::Capture { hold, amount: None, more: false })),
        ("Ledger::Void", Call::from(call::ledger::Void { hold })),
        (
            "Ledger::SetPeriod",
            Call::from(call::ledger::SetPeriod { book: BOOK, closed_ms: TimeMs(1_800_000_000_000) }),
        ),
        ("Token::Issue", Call::from(call::token::Issue { symbol: "KWH2".parse().unwrap(), scale: 6 })),
        ("Token::Mint", Call::from(call::token::Mint { asset, to: address(4), amount })),
        ("Token::Burn", Call::from(call::token::Burn { asset, amount })),
        ("Token::Transfer", Call::from(call::token::Transfer { to: address(4), asset, amount })),
        ("Identity::CreateAccount", Call::from(call::identity::CreateAccount { key: key(1) })),
        ("Identity::SetAuthority", Call::from(call::identity::SetAuthority { authority: authority() })),
        (
            "Identity::Sponsor",
            Call::from(call::identity::Sponsor {
                grantee: address(4),
                limits: Limits::allowance(amount, TimeMs(1_900_000_000_000)),
            }),
        ),
        (
            "Identity::Grant",
            Call::from(call::identity::Grant { reference: hash(5), grantee: address(4), limits: limits() }),
        ),
        ("Identity::RevokeGrant", Call::from(call::identity::RevokeGrant { grant: hash(6) })),
        ("Identity::Unsponsor", Call::from(call::identity::Unsponsor { grantee: address(4) })),
        (
            "Energy::RegisterMicrogrid",
            Call::from(call::energy::RegisterMicrogrid {
                reference: hash(5),
                asset,
                interval_ms: TimeMs(900_000),
            }),
        ),
        (
            "Energy::RegisterMeter",
            Call::from(call::energy::RegisterMeter {
                microgrid: hash(8),
                key: key(9),
                owner: address(1),
                encoding: RegisterEncoding::Float32Kwh,
                role: MeterRole::Feeder,
                power_max_w: 69_000,
                opening: Box::new(registers()),
                binding: signature(6),
            }),
        ),
        (
            "Energy::SubmitReadings",
            Call::from(call::energy::SubmitReadings { readings: list(vec![signed_reading()]) }),
        ),
    ]
    .into_iter()
    .chain(energy_calls())
    .collect()
}

pub(crate) fn terms() -> Terms {
    let band = |from_minute, import: u128, export: u128| TariffBand {
        from_minute,
        import_price: Amount(import),
        export_price: Amount(export),
    };
    Terms {
        tariff: list(vec![band(0, 200_000, 80_000), band(1080, 350_000, 80_000)]),
        utc_offset_minutes: 180,
        clearing: ClearingRule::Uniform,
        gate_closure_ms: TimeMs(300_000),
        grace_ms: TimeMs(60_000),
        late_window_ms: TimeMs(86_400_000),
        fee_per_kwh: Amount(5_000),
        losses: LossRule::ProRata,
        loss_permille_max: 30,
        credit_limit: Amount(50_000_000),
        installer: Some(address(7)),
        dispute_votes: 3,
        notice_ms: TimeMs(604_800_000),
        fees: Fees {
            monthly: Amount(1_000_000),
            demand_per_kw: Amount(250_000),
            connection: Amount(9_000_000),
            taxes: list(vec![Tax {
                code: 16,
                permille: 160,
                on: list(vec![LineKind::Energy, LineKind::Monthly, LineKind::Connection]),
            }]),
        },
    }
}

fn mandate() -> Mandate {
    Mandate {
        per_charge: Some(Amount(2_000_000)),
        per_period: Some(PerPeriod { amount: Amount(60_000_000), period_ms: TimeMs(2_592_000_000) }),
        expires_ms: TimeMs(1_900_000_000_000),
        notice_ms: TimeMs(604_800_000),
    }
}

fn swap() -> MeterSwap {
    MeterSwap {
        old: address(9),
        final_import_wh: WattHours(1_234_567),
        final_export_wh: WattHours(89),
        new: key(10),
        encoding: RegisterEncoding::Acc32 { exponent: 1 },
        power_max_w: 69_000,
        opening_import: list(vec![0, 7]),
        opening_export: list(vec![0, 0]),
        time_ms: TimeMs(1_799_999_500_000),
    }
}

fn registers() -> Registers {
    Registers {
        import: list(vec![17_254, 13_107]),
        export: list(vec![0, 7]),
        time_ms: TimeMs(1_799_999_000_000),
    }
}

fn energy_calls() -> Vec<(&'static str, Call)> {
    let (microgrid, reference, deal, price) = (hash(8), hash(5), hash(11), Amount(150_000));
    let (wh, expires_ms, first) = (WattHours(5_000), TimeMs(1_800_000_900_000), Box::new(signed_reading()));
    vec![
        ("Energy::SetTerms", Call::from(call::energy::SetTerms { microgrid, terms: Box::new(terms()) })),
        (
            "Energy::SetMember",
            Call::from(call::energy::SetMember {
                microgrid,
                account: address(2),
                credit_limit: Some(Amount(7)),
            }),
        ),
        (
            "Market::PlaceOrder",
            Call::from(call::market::PlaceOrder {
                microgrid,
                reference,
                interval: IntervalId(2_000_001),
                side: Side::Sell,
                price,
                wh,
                partner: Some(address(2)),
                expires_ms: None,
            }),
        ),
        ("Market::CancelOrder", Call::from(call::market::CancelOrder { order: hash(12) })),
        ("Energy::PayTab", Call::from(call::energy::PayTab { microgrid })),
        (
            "Energy::ReadMeter",
            Call::from(call::energy::ReadMeter {
                meter: address(9),
                import_wh: WattHours(1_234_000),
                export_wh: WattHours(56),
                time_ms: TimeMs(1_799_999_000_000),
            }),
        ),
        (
            "Energy::RetireMeter",
            Call::from(call::energy::RetireMeter { meter: address(9), closing: Some(first.clone()) }),
        ),
        (
            "Energy::ChargeLine",
            Call::from(call::energy::ChargeLine {
                microgrid,
                account: address(2),
                kind: LineKind::WriteOff,
                amount: Amount(12_500),
                reason: hash(13),
            }),
        ),
        ("Energy::LeaveMicrogrid", Call::from(call::energy::LeaveMicrogrid { microgrid })),
        (
            "Energy::SwapMeter",
            Call::from(call::energy::SwapMeter {
                swap: Box::new(swap()),
                key: key(7),
                signature: signature(4),
                binding: signature(5),
            }),
        ),
        (
            "Deals::RequestDeal",
            Call::from(call::deals::RequestDeal {
                microgrid,
                reference,
                side: Side::Buy,
                wh_max: wh,
                wh_min: WattHours(50),
                unit_wh: WattHours(50),
                price,
                expires_ms,
            }),
        ),
        ("Deals::AcceptDeal", Call::from(call::deals::AcceptDeal { request: deal, wh_max: wh, price })),
        ("Deals::ConfirmDeal", Call::from(call::deals::ConfirmDeal { request: deal, partner: address(2) })),
        (
            "Deals::AuthoriseDeal",
            Call::from(call::deals::AuthoriseDeal {
                deal,
                funding: Funding::Credit,
                expires_ms,
                margin_wh: WattHours(50),
                meter: address(9),
            }),
        ),
        (
            "Deals::ReportUsage",
            Call::from(call::deals::ReportUsage { deal, seq: 3, cumulative_wh: WattHours(300) }),
        ),
        ("Deals::CloseDeal", Call::from(call::deals::CloseDeal { deal, cumulative_wh: WattHours(4_990) })),
        ("Deals::AbortDeal", Call::from(call::deals::AbortDeal { deal })),
        (
            "Disputes::OpenDispute",
            Call::from(call::disputes::OpenDispute {
                microgrid,
                reference,
                second: first.clone(),
                first,
                claim: Amount(900),
                note: hash(13),
            }),
        ),
        (
            "Disputes::DecideDispute",
            Call::from(call::disputes::DecideDispute { dispute: hash(14), uphold: true }),
        ),
        ("Energy::SetMandate", Call::from(call::energy::SetMandate { microgrid, mandate: Some(mandate()) })),
        (
            "Energy::HandOverMeter",
            Call::from(call::energy::HandOverMeter {
                meter: address(9),
                to: address(2),
                closing: Box::new(signed_reading()),
            }),
        ),
        ("Energy::RateMeter", Call::from(call::energy::RateMeter { meter: address(9), power_max_w: 11_000 })),
        ("Disputes::WithdrawDispute", Call::from(call::disputes::WithdrawDispute { dispute: hash(14) })),
        ("Energy::ResumeMicrogrid", Call::from(call::energy::ResumeMicrogrid { microgrid })),
    ]
}

pub(crate) fn events() -> Vec<(&'static str, Event)> {
    let (account, asset, amount, hold) = (accounts()[1].1, AssetId(2), Amount(1 << 70), hash(6));
    let (debit, credit, meter, expires_ms) = (accounts()[0].1, accounts()[2].1, address(9), TimeMs(99));
    vec![
        ("FeeCharged", Event::Ledger(LedgerEvent::FeeCharged { payer: address(1), amount })),
        ("BookCreated", Event::Ledger(LedgerEvent::BookCreated { book: BOOK, owner: address(1) })),
        (
            "LedgerAccountOpened",
            Event::Ledger(LedgerEvent::LedgerAccountOpened { account, asset, class: AccountClass::Expense }),
        ),
        ("Posted", Event::Ledger(LedgerEvent::Posted { debit, credit, asset, amount, journal: Some(7) })),
        (
            "HoldCreated",
            Event::Ledger(LedgerEvent::HoldCreated { hold, debit, credit, asset, amount, expires_ms }),
        ),
        (
            "HoldCaptured",
            Event::Ledger(LedgerEvent::HoldCaptured {
                hold,
                captured: amount,
                released: Amount(1),
                left: Amount(2),
            }),
        ),
        ("HoldReleased", Event::Ledger(LedgerEvent::HoldReleased { hold, amount, expired: true })),
        (
            "JournalPosted",
            Event::Ledger(LedgerEvent::JournalPosted {
                account: address(1),
                reference: Some(hash(5)),
                memo: Some(hash(8)),
                effective_ms: Some(TimeMs(98)),
                reverses: Some(JournalId { height: Height(12), index: 3 }),
            }),
        ),
        (
            "JournalRepeated",
            Event::Ledger(LedgerEvent::JournalRepeated {
                account: address(1),
                reference: hash(5),
                posted: JournalId { height: Height(12), index: 3 },
            }),
        ),
        (
            "PeriodSet",
            Event::Ledger(LedgerEvent::PeriodSet {
                book: BOOK,
                closed_ms: TimeMs(98),
                before_ms: TimeMs(97),
            }),
        ),
        (
            "AssetIssued",
            Event::Token(TokenEvent::AssetIssued {
                asset,
                symbol: "SUN".parse().unwrap(),
                scale: 2,
                issuer: address(1),
            }),
        ),
        ("AccountCreated", Event::Identity(IdentityEvent::AccountCreated { account: address(2) })),
        ("AuthorityChanged", Event::Identity(IdentityEvent::AuthorityChanged { account: address(2) })),
        (
            "SponsorshipGranted",
            Event::Identity(IdentityEvent::SponsorshipGranted {
                sponsor: address(1),
                grantee: address(2),
                limits: Limits::allowance(amount, expires_ms),
            }),
        ),
        (
            "GrantMade",
            Event::Identity(IdentityEvent::GrantMade {
                grant: hash(6),
                grantor: address(1),
                grantee: address(2),
                limits: limits(),
            }),
        ),
        (
            "GrantRevoked",
            Event::Identity(IdentityEvent::GrantRevoked {
                grant: hash(6),
                grantor: address(1),
                grantee: address(2),
            }),
        ),
        (
            "GrantUsed",
            Event::Identity(IdentityEvent::GrantUsed {
                grant: hash(6),
                grantor: address(1),
                grantee: address(2),
            }),
        ),
        (
            "SponsorshipEnded",
            Event::Identity(IdentityEvent::SponsorshipEnded { sponsor: address(1), grantee: address(2) }),
        ),
        (
            "MicrogridRegistered",
            Event::Energy(EnergyEvent::MicrogridRegistered { microgrid: hash(8), operator: address(1) }),
        ),
        (
            "MeterRegistered",
            Event::Energy(EnergyEvent::MeterRegistered {
                meter,
                microgrid: hash(8),
                owner: address(1),
                import_wh: WattHours(230_200),
                export_wh: WattHours(7),
            }),
        ),
        (
            "ReadingAccepted",
            Event::Energy(EnergyEvent::ReadingAccepted {
                meter,
                seq: u64::MAX,
                import_wh: WattHours(230_200),
                export_wh: WattHours(0),
                time_ms: TimeMs(1_800_000_000_000),
                manual: Some(address(1)),
            }),
        ),
        (
            "ReadingRefused",
            Event::Energy(EnergyEvent::ReadingRefused { meter, seq: 42, reason: Reason::DuplicateReading }),
        ),
    ]
    .into_iter()
    .chain(energy_events())
    .collect()
}

fn energy_events() -> Vec<(&'static str, Event)> {
    let (microgrid, interval, account, meter) = (hash(8), IntervalId(2_000_001), address(2), address(9));
    let (order, deal, dispute, side) = (hash(12), hash(11), hash(14), Side::Buy);
    let (wh, price, amount) = (WattHours(1_500), Amount(150_000), Amount(225));
    let (import_wh, export_wh, debit, credit) = (WattHours(2_000), WattHours(30), Amount(100), Amount(0));
    vec![
        ("TermsSet", Event::Energy(EnergyEvent::TermsSet { microgrid, from: interval })),
        (
            "MemberSet",
            Event::Energy(EnergyEvent::MemberSet { microgrid, account, code: 2, credit_limit: Some(amount) }),
        ),
        (
            "OrderPlaced",
            Event::Market(MarketEvent::OrderPlaced {
                order,
                microgrid,
                interval,
                account,
                side,
                price,
                wh,
                reserved: amount,
            }),
        ),
        (
            "OrderEnded",
            Event::Market(MarketEvent::OrderEnded { order, account, filled_wh: wh, end: OrderEnd::Cleared }),
        ),
        (
            "MarketCleared",
            Event::Market(MarketEvent::MarketCleared {
                microgrid,
                interval,
                rule: ClearingRule::Uniform,
                price: Some(price),
                wh,
                trades: 1,
            }),
        ),
        (
            "Traded",
            Event::Market(MarketEvent::Traded {
                microgrid,
                interval,
                bid: order,
                offer: hash(15),
                buyer: account,
                seller: address(3),
                wh,
                price,
                amount,
                fee: Amount(8),
            }),
        ),
        (
            "EnergySettled",
            Event::Energy(EnergyEvent::EnergySettled {
                microgrid,
                interval,
                account,
                import_wh,
                export_wh,
                bought_wh: wh,
                sold_wh: WattHours(0),
                estimated: true,
                debit,
                credit,
            }),
        ),
        (
            "IntervalSettled",
            Event::Energy(EnergyEvent::IntervalSettled {
                microgrid,
                interval,
                import_wh,
                export_wh,
                traded_wh: wh,
                accounts: 4,
                estimated: 1,
            }),
        ),
        (
            "IntervalFinal",
            Event::Energy(EnergyEvent::IntervalFinal {
                microgrid,
                interval,
                feeder_wh: Some(wh),
                loss_wh: WattHours(40),
                under_reported: false,
            }),
        ),
        (
            "EnergyAdjusted",
            Event::Energy(EnergyEvent::EnergyAdjusted {
                microgrid,
                meter,
                account,
                from_ms: TimeMs(1_800_000_000_000),
                to_ms: TimeMs(1_800_000_900_000),
                import_wh,
                export_wh,
                settled_import_wh: WattHours(1_900),
                settled_export_wh: WattHours(0),
                debit,
                credit,
                manual: true,
            }),
        ),
        (
            "LossShared",
            Event::Energy(EnergyEvent::LossShared { microgrid, interval, account, wh: WattHours(4), debit }),
        ),
        ("TabPaid", Event::Energy(EnergyEvent::TabPaid { microgrid, account, amount, by_member: true })),
        (
            "CreditExceeded",
            Event::Energy(EnergyEvent::CreditExceeded {
                microgrid,
                account,
                owed: amount,
                limit: Amount(200),
            }),
        ),
        (
            "MeterSwapped",
            Event::Energy(EnergyEvent::MeterSwapped {
                microgrid,
                old: meter,
                new: address(10),
                final_import_wh: import_wh,
                final_export_wh: export_wh,
            }),
        ),
        ("MeterSuspended", Event::Energy(EnergyEvent::MeterSuspended { microgrid, meter, owner: account })),
        (
            "MeterRetired",
            Event::Energy(EnergyEvent::MeterRetired {
                microgrid,
                meter,
                owner: account,
                import_wh,
                export_wh,
            }),
        ),
        (
            "MeterHandedOver",
            Event::Energy(EnergyEvent::MeterHandedOver {
                microgrid,
                meter,
                from: account,
                to: address(2),
                import_wh,
                export_wh,
            }),
        ),
        (
            "MeterRated",
            Event::Energy(EnergyEvent::MeterRated { microgrid, meter, owner: account, power_max_w: 11_000 }),
        ),
        (
            "LineCharged",
            Event::Energy(EnergyEvent::LineCharged {
                microgrid,
                interval,
                account,
                line: LineKind::Monthly,
                amount,
                tax: Amount(3),
                reason: Some(hash(13)),
            }),
        ),
        ("MemberLeft", Event::Energy(EnergyEvent::MemberLeft { microgrid, account, code: 2 })),
        (
            "DealRequested",
            Event::Deals(DealsEvent::DealRequested { deal, microgrid, account, side, wh_max: wh, price }),
        ),
        ("DealAccepted", Event::Deals(DealsEvent::DealAccepted { deal, account, wh, price })),
        (
            "DealConfirmed",
            Event::Deals(DealsEvent::DealConfirmed {
                deal,
                charger: account,
                discharger: address(3),
                wh,
                price,
            }),
        ),
        (
            "DealAuthorised",
            Event::Deals(DealsEvent::DealAuthorised {
                deal,
                funding: Funding::Balance,
                reserved: amount,
                expires_ms: TimeMs(1_800_000_900_000),
                meter: address(9),
            }),
        ),
        (
            "DealUsage",
            Event::Deals(DealsEvent::DealUsage {
                deal,
                seq: 3,
                cumulative_wh: WattHours(300),
                remaining_wh: WattHours(4_700),
                stop: false,
            }),
        ),
        (
            "DealEnded",
            Event::Deals(DealsEvent::DealEnded {
                deal,
                microgrid,
                charger: Some(account),
                discharger: None,
                end: DealEnd::Closed,
                used_wh: wh,
                captured: amount,
                receivable: Amount(2),
                released: Amount(0),
            }),
        ),
        (
            "DisputeOpened",
            Event::Disputes(DisputesEvent::DisputeOpened {
                dispute,
                microgrid,
                account,
                meter,
                import_wh,
                export_wh,
                claim: Amount(900),
            }),
        ),
        ("DisputeVoted", Event::Disputes(DisputesEvent::DisputeVoted { dispute, account, uphold: true })),
        (
            "DisputeDecided",
            Event::Disputes(DisputesEvent::DisputeDecided {
                dispute,
                microgrid,
                account,
                upheld: true,
                credit: Amount(900),
            }),
        ),
        (
            "DisputeWithdrawn",
            Event::Disputes(DisputesEvent::DisputeWithdrawn { dispute, microgrid, account, by: address(7) }),
        ),
        ("DealWithdrawn", Event::Deals(DealsEvent::DealWithdrawn { deal, account })),
        (
            "MandateSet",
            Event::Energy(EnergyEvent::MandateSet { microgrid, account, mandate: Some(mandate()) }),
        ),
        (
            "MicrogridPaused",
            Event::Energy(EnergyEvent::MicrogridPaused {
                microgrid,
                operator: account,
                needed: Amount(1_240),
            }),
        ),
        (
            "MicrogridResumed",
            Event::Energy(EnergyEvent::MicrogridResumed { microgrid, operator: account, by: address(2) }),
        ),
    ]
}

/// Limits of every kind at once.
fn limits() -> Limits {
    let spending = Spending {
        asset: AssetId(3),
        per_tx: Some(Amount(4)),
        per_period: Some(PerPeriod { amount: Amount(5), period_ms: TimeMs(6) }),
        total: Some(Amount(7)),
        cosign_above: Some(Amount(8)),
    };
    let kinds = ["ledger.journal", "token.transfer"].map(|text| text.parse().unwrap());
    Limits {
        calls: Calls::Only(list(kinds.to_vec())),
        spending: list(vec![spending]),
        counterparties: list(vec![address(9)]),
        books: list(vec![BookId([10; 16])]),
        tx_per_hour: Some(11),
        uses: Some(12),
        expires_ms: TimeMs(13),
    }
}

pub(crate) fn body() -> TxBody {
    TxBody {
        chain: hash(0xc4),
        sender: address(1),
        grant: Some(hash(9)),
        lane: Lane(3),
        nonce: Nonce(17),
        expires_ms: TimeMs(1_800_000_000_000),
        fee_payer: address(2),
        max_fee: Amount(1_000),
        tip: Amount(1),
        calls: list(calls().into_iter().map(|(_, call)| call).take(2).collect()),
    }
}

pub(crate) fn header() -> Header {
    Header {
        version: 1,
        chain: hash(0xc4),
        epoch: Epoch(2),
        view: View(33),
        height: Height(44),
        parent: hash(1),
        time_ms: TimeMs(1_800_000_000_000),
        proposer: key(1),
        txs_root: hash(2),
        state_root: hash(3),
        receipts_root: hash(4),
        validators_hash: hash(5),
        next_validators_hash: hash(6),
    }
}

pub(crate) fn set(powers: &[u64]) -> ValidatorSet {
    let member = |(i, power): (usize, &u64)| Validator { key: key(i as u8 + 1), power: VotingPower(*power) };
    ValidatorSet::new(powers.iter().enumerate().map(member).collect()).unwrap()
}

pub(crate) fn proposal() -> Proposal {
    let round = Round { epoch: Epoch(2), view: View(33) };
    Proposal { round, parent_view: View(31), block: hash(7) }
}

fn receipt() -> Receipt {
    Receipt {
        tx: hash(1),
        outcome: Outcome::Failed { call: 1, reason: Reason::InsufficientFunds },
        weight: Weight(120),
        fee: Amount(12),
        events: vec![events()[0].1.clone()],
    }
}

fn genesis() -> Genesis {
    let meter = GenesisMeter {
        key: key(9),
        owner: address(1),
        encoding: RegisterEncoding::Uint64Wh,
        role: MeterRole::Sub,
        power_max_w: 69_000,
        allowance: Amount(500),
    };
    Genesis {
        chain_id: "sample".into(),
        time_ms: TimeMs(1_700_000_000_000),
        native_symbol: "WAT".parse().unwrap(),
        native_scale: 6,
        params: Params {
            epoch_length: 100,
            block_interval_ms: 50,
            idle_interval_ms: 10_000,
            timeout_ms_max: 60_000,
            skip_timeout_ms: 30_000,
            clock_skew_ms_max: 5_000,
            block_bytes_max: 1 << 20,
            block_weight_max: Weight(250_000),
            bandwidth_rate: Weight(1_000),
            bandwidth_capacity: Weight(60_000),
            registrar: Some(address(9)),
            ..Preset::Devnet.template().unwrap().genesis.params
        },
        validator_sets: vec![
            ScheduledSet { from_epoch: Epoch(0), validators: set(&[1, 1, 1, 1]) },
            ScheduledSet { from_epoch: Epoch(2), validators: set(&[3, 1]) },
        ],
        accounts: vec![GenesisAccount { key: key(1), balance: Amount(1_000_000) }],
        microgrids: vec![GenesisMicrogrid {
            operator: address(1),
            reference: hash(5),
            asset: AssetId(0),
            interval_ms: TimeMs(900_000),
            terms: Some(terms()),
            meters: vec![meter],
        }],
    }
}

fn units() -> Vec<Sample> {
    vec![
        sample("Hash", &hash(0xab)),
        sample("Address", &address(0xab)),
        sample("PublicKey", &key(1)),
        sample("Signature", &signature(0xab)),
        sample("Height", &Height(0x0102_0304_0506_0708)),
        sample("View", &View(2)),
        sample("Epoch", &Epoch(3)),
        sample("Amount", &Amount(u128::MAX - 0xff)),
        sample("WattHours", &WattHours(4)),
        sample("TimeMs", &TimeMs(5)),
        sample("Weight", &Weight(6)),
        sample("Nonce", &Nonce(7)),
        sample("Lane", &Lane(0x0102)),
        sample("AssetId", &AssetId(0x0102_0304)),
        sample("BookId", &BOOK),
        sample("VotingPower", &VotingPower(10)),
        sample("ValidatorIndex", &ValidatorIndex(0x0102)),
        sample("Symbol", &"KWH2".parse::<Symbol>().unwrap()),
        sample("BoundedBytes", &BoundedBytes::<8>::new(vec![1, 2, 3]).unwrap()),
    ]
}

fn enums() -> Vec<Sample> {
    let mut all = Vec::new();
    for account in [SystemAccount::Issuance, SystemAccount::Fees, SystemAccount::Deposits] {
        all.push(sample(&format!("SystemAccount::{account:?}"), &account));
    }
    use AccountClass::{Asset, Equity, Expense, Liability, Revenue};
    for class in [Asset, Liability, Equity, Revenue, Expense] {
        all.push(sample(&format!("AccountClass::{class:?}"), &class));
    }
    use RegisterEncoding::{Acc32, Float32Kwh, Uint32Wh, Uint64Wh};
    for encoding in [Float32Kwh, Uint32Wh, Uint64Wh] {
        all.push(sample(&format!("RegisterEncoding::{encoding:?}"), &encoding));
    }
    all.push(sample("RegisterEncoding::Acc32", &Acc32 { exponent: -1 }));
    for role in [MeterRole::Sub, MeterRole::Feeder] {
        all.push(sample(&format!("MeterRole::{role:?}"), &role));
    }
    for clock in [ClockQuality::Unset, ClockQuality::Chain, ClockQuality::Synced] {
        all.push(sample(&format!("ClockQuality::{clock:?}"), &clock));
    }
    for kind in [VoteKind::Notarize, VoteKind::Nullify, VoteKind::Finalize] {
        all.push(sample(&format!("VoteKind::{kind:?}"), &kind));
    }
    for reason in Reason::ALL {
        all.push(sample(&format!("Reason::{reason:?}"), reason));
    }
    for (name, account) in accounts() {
        all.push(sample(&format!("AccountId::{name}"), &account));
    }
    for (name, call) in calls() {
        all.push(sample(&format!("Call::{name}"), &call));
    }
    for (name, event) in events() {
        all.push(sample(&format!("Event::{name}"), &event));
    }
    all.push(sample("Outcome::Success", &Outcome::Success));
    all.push(sample("Outcome::Failed", &Outcome::Failed { call: 1, reason: Reason::BadTime }));
    all.push(sample("Vote::Notarize", &Vote::Notarize(proposal())));
    all.push(sample("Vote::Nullify", &Vote::Nullify(proposal().round)));
    all.push(sample("Vote::Finalize", &Vote::Finalize(proposal())));
    all
}

fn structs() -> Vec<Sample> {
    let auth = Auth { key: key(1), signature: signature(1) };
    let tx = Tx::new(body(), vec![auth.clone()]).unwrap();
    let vote =
        SignedVote { vote: Vote::Notarize(proposal()), signer: ValidatorIndex(2), signature: signature(2) };
    let certificate = Certificate {
        vote: Vote::Finalize(proposal()),
        signers: BoundedBytes::new(vec![0b1011]).unwrap(),
        signatures: list(vec![signature(1), signature(2), signature(3)]),
    };
    let (step, leaf) = (Step { bit: 4, sibling: hash(1) }, Leaf { key_hash: hash(2), value_hash: hash(3) });
    let last = LastReading {
        seq: 42,
        boot_id: 77,
        uptime_ms: 900_000,
        import_count: 230_200,
        export_count: 7,
        import_wh: WattHours(230_200),
        export_wh: WattHours(7),
        time_ms: TimeMs(1),
        effective_ms: TimeMs(1),
        block_time_ms: TimeMs(2),
        flow_ms: TimeMs(3),
        manual: true,
    };
    let meter = MeterRecord {
        microgrid: hash(8),
        owner: address(1),
        encoding: RegisterEncoding::Float32Kwh,
        role: MeterRole::Sub,
        power_max_w: 69_000,
        registered_ms: TimeMs(1_800_000_000_000),
        replaced_by: None,
        retired_ms: Some(TimeMs(1_800_000_900_000)),
        suspended_ms: Some(TimeMs(1_800_000_800_000)),
        dealt_wh: WattHours(77),
        last: Some(last),
    };
    let account = AccountRecord {
        nonces: list(vec![Nonce(9), Nonce(0), Nonce(1)]),
        bucket: Bucket { level: 1 << 40, at_ms: TimeMs(1_800_000_000_000) },
        authority: Some(authority()),
        assets: 2,
    };
    let balance =
        BalanceRecord { debits_pending: 1, debits_posted: 2, credits_pending: 3, credits_posted: 4 };
    let proof = ListProof { index: 2, count: 5, siblings: list(vec![hash(1), hash(2), hash(3)]) };
    let genesis = genesis();
    vec![
        sample("KeyWeight", &authority().keys[0]),
        sample("Authority", &authority()),
        sample("Entry", &entry()),
        sample("Reading", &reading()),
        sample("SignedReading", &signed_reading()),
        sample("TxBody", &body()),
        sample("Auth", &auth),
        sample("Tx::V1", &tx),
        sample("Header", &header()),
        sample("Block", &Block { header: header(), txs: vec![tx] }),
        sample("Receipt", &receipt()),
        sample("BlockReceipts", &BlockReceipts { block: vec![events()[6].1.clone()], txs: vec![receipt()] }),
        sample("Round", &proposal().round),
        sample("Proposal", &proposal()),
        sample("SignedVote", &vote),
        sample("Certificate", &certificate),
        sample("Validator", &set(&[5]).members()[0]),
        sample("ValidatorSet", &set(&[5, 6])),
        sample("ListProof", &proof),
        sample("trie::Step", &step),
        sample("trie::Leaf", &leaf),
        sample("TrieProof(leaf)", &TrieProof { path: list(vec![step]), leaf: Some(leaf) }),
        sample("TrieProof(empty)", &TrieProof { path: list(vec![]), leaf: None }),
        sample("Params", &genesis.params),
        sample("ScheduledSet", &genesis.validator_sets[1]),
        sample("GenesisAccount", &genesis.accounts[0]),
        sample("GenesisMeter", &genesis.microgrids[0].meters[0]),
        sample("GenesisMicrogrid", &genesis.microgrids[0]),
        sample("Genesis", &genesis),
        stored("state::AccountRecord", &account),
        stored("state::AccountRecord(new)", &AccountRecord::default()),
        stored("state::BalanceRecord", &balance),
        stored("state::LastReading", &last),
        stored("state::MeterRecord", &meter),
    ]
}

/// All of them.
pub(crate) fn all() -> Vec<Sample> {
    let mut all = units();
    all.extend(enums());
    all.extend(structs());
    all
}
