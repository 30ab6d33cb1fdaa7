//! Attempts of accounts: each call with arguments drawn from what exists and from what is hostile, and scripts of
//! colluders.
//!
//! Honest accounts sign whatever they like within their means, for energy what their meters truly show. Colluders sign
//! anything; but nobody has another's key. A signature is [`GENUINE`] or worthless: checking them is not what is
//! tested.

use super::wealth::View;
use super::*;
use crate::modules::deals::records::{Deal, DealState};
use wattle_primitives::call::deals::{Funding, deal_id};
use wattle_primitives::call::identity::{Authority, KeyWeight, PerPeriod, Spending};
use wattle_primitives::call::ledger::{AccountClass, Balancing, Entry, SUPPLY_MAX, SystemAccount};
use wattle_primitives::call::market::Side;
use wattle_primitives::call::{deals, disputes, energy, identity, ledger, market, token};

const GENUINE: Signature = Signature([1; 64]);

/// Collects verdicts.
pub(super) struct Verdicts(pub(super) Vec<bool>);

impl SigSink for Verdicts {
    fn push(&mut self, _: &PublicKey, _: &[u8], signature: &Signature) {
        self.0.push(*signature == GENUINE);
    }
}

/// Somebody at the dice.
pub(super) struct Draw<'a> {
    pub(super) dice: &'a mut Dice,
    pub(super) view: &'a View,
    /// Who acts.
    pub(super) n: u8,
    pub(super) now: u64,
    /// Numbers the references of honest accounts.
    pub(super) serial: &'a mut u64,
    /// Readings that were sent, genuine ones: evidence, and to be sent again.
    pub(super) seen: &'a mut Vec<SignedReading>,
    /// The price of weight, native units.
    pub(super) price: u128,
}

macro_rules! draws {
    ($($module:ident($calls:ident) { $($call:ident: $draw:ident,)* })*) => {
        /// How each call is drawn.
        pub(super) const DRAWS: &[fn(&mut Draw<'_>) -> Call] = &[$($(|draw| Call::from(draw.$draw()),)*)*];

        /// The call's name. There is no wildcard arm: a new call does not compile until it is drawn.
        pub(super) const fn name(call: &Call) -> (&'static str, &'static str) {
            match call { $(Call::$module(calls) => match calls {
                $(call::$calls::$call(_) => (stringify!($module), stringify!($draw)),)*
            },)* }
        }
    };
}

draws! {
    Ledger(LedgerCall) {
        CreateBook: create_book, OpenAccount: open_account, Journal: journal, Hold: hold, Capture: capture, Void: void,
        SetPeriod: set_period,
    }
    Token(TokenCall) { Issue: issue, Mint: mint, Burn: burn, Transfer: transfer, }
    Identity(IdentityCall) {
        CreateAccount: create_account, SetAuthority: set_authority, Sponsor: sponsor, Unsponsor: unsponsor,
        Grant: grant, RevokeGrant: revoke_grant,
    }
    Energy(EnergyCall) {
        RegisterMicrogrid: register_microgrid, RegisterMeter: register_meter, SubmitReadings: submit_readings,
        SetTerms: set_terms, SetMember: set_member, PayTab: pay_tab, SwapMeter: swap_meter,
        SetMandate: set_mandate, ResumeMicrogrid: resume_microgrid,
        ReadMeter: read_meter, RetireMeter: retire_meter, LeaveMicrogrid: leave_microgrid,
        HandOverMeter: hand_over_meter, RateMeter: rate_meter, ChargeLine: charge_line,
    }
    Market(MarketCall) { PlaceOrder: place_order, CancelOrder: cancel_order, }
    Deals(DealsCall) {
        RequestDeal: request_deal, AcceptDeal: accept_deal, ConfirmDeal: confirm_deal,
        AuthoriseDeal: authorise_deal, ReportUsage: report_usage, CloseDeal: close_deal, AbortDeal: abort_deal,
    }
    Disputes(DisputesCall) { OpenDispute: open_dispute, DecideDispute: decide_dispute, WithdrawDispute: withdraw_dispute, }
}

impl Draw<'_> {
    fn one<T: Clone>(&mut self, of: &[T]) -> Option<T> {
        (!of.is_empty()).then(|| of[self.dice.roll(of.len() as u64) as usize].clone())
    }

    fn once_in(&mut self, times: u64) -> bool {
        self.dice.roll(times) == 0
    }

    const fn honest(&self) -> bool {
        self.n <= HONEST
    }

    fn me(&self) -> Address {
        person(self.n)
    }

    /// Mostly one of these that are the sender's concern; or any; or none that exists.
    fn pick<V>(&mut self, of: &BTreeMap<Hash, V>, mine: impl Fn(&Hash, &V) -> bool) -> Hash {
        let own: Vec<Hash> = of.iter().filter(|(id, value)| mine(id, value)).map(|(id, _)| *id).collect();
        let all: Vec<Hash> = of.keys().copied().collect();
        let other = Hash(*self.me().as_bytes());
        let hostile = [Hash::ZERO, Hash([255; 32]), other, *self.view.grids.keys().next().unwrap()];
        let from: &[Hash] = match self.dice.roll(10) {
            0..=6 if !own.is_empty() => &own,
            0..=8 => &all,
            _ => &hostile,
        };
        self.one(from).unwrap_or_default()
    }

    fn amount(&mut self) -> Amount {
        let hostile =
            [0, 1, SUPPLY_MAX.0, SUPPLY_MAX.0 + 1, u128::MAX, u128::MAX >> 1, u128::from(START_EACH)];
        let wild = !self.honest() && self.once_in(8);
        let sides = if self.honest() { 3_000 } else { START_EACH };
        let plain = u128::from(self.dice.roll(sides) + 1);
        Amount(if wild { self.one(&hostile).unwrap() } else { plain })
    }

    fn asset(&mut self) -> AssetId {
        let hostile = [AssetId(3), AssetId(4), AssetId(u32::MAX)];
        let known = AssetId(self.dice.roll(3) as u32);
        if self.once_in(20) { self.one(&hostile).unwrap() } else { known }
    }

    fn someone(&mut self) -> Address {
        let n = if self.once_in(12) { METER_FIRST + self.dice.roll(130) as u8 } else { self.anybody() };
        person(n)
    }

    fn anybody(&mut self) -> u8 {
        self.dice.roll(u64::from(PEOPLE)) as u8 + 1
    }

    /// Never used twice by an honest account.
    fn reference(&mut self) -> Hash {
        *self.serial += 1;
        let number = if self.honest() { *self.serial } else { self.dice.roll(60) };
        let mut reference = Hash::ZERO;
        reference.0[..8].copy_from_slice(&number.to_le_bytes());
        reference
    }

    fn ms(&mut self, most: u64) -> TimeMs {
        let hostile = [0, 1, 1 << 50, u64::MAX];
        let wild = self.once_in(10);
        TimeMs(if wild { self.one(&hostile).unwrap() } else { self.now + self.dice.roll(most) + 1 })
    }

    fn book(&mut self) -> BookId {
        let me = self.me();
        let own: Vec<_> =
            self.view.books.iter().filter(|(_, book)| book.owner == me).map(|(id, _)| *id).collect();
        let all: Vec<_> = self.view.books.keys().copied().collect();
        let hostile = [BookId::PUBLIC, BookId([255; 16]), BookId::of(&me, &Hash::ZERO)];
        let from: &[BookId] = match self.dice.roll(10) {
            0..=7 if !own.is_empty() => &own,
            0..=8 => &all,
            _ => &hostile,
        };
        self.one(from).unwrap()
    }

    /// An account in `asset`, where there is one, and where the sender may post if `own`.
    fn account(&mut self, asset: AssetId, own: bool) -> AccountId {
        let plain = self.honest() || self.dice.roll(3) > 0;
        match self.dice.roll(if plain { 8 } else { 11 }) {
            0..=2 => {
                let book = self.book();
                let codes = self.view.codes.range((book, 0)..=(book, u32::MAX));
                let codes: Vec<u32> = codes.filter(|(_, of)| of.asset == asset).map(|(at, _)| at.1).collect();
                match self.one(&codes) {
                    None if self.dice.roll(8) > 0 => AccountId::Wallet { owner: self.me() },
                    code => AccountId::Book { book, code: code.unwrap_or(1) },
                }
            }
            3..=7 if own => AccountId::Wallet { owner: self.me() },
            3..=8 => AccountId::Wallet { owner: self.someone() },
            9 => AccountId::Due { book: self.book() },
            _ => {
                let cash = AccountId::Cash { book: self.book() };
                let system = |account| AccountId::System { account };
                let all = [cash, system(SystemAccount::Issuance), system(SystemAccount::Deposits)];
                self.one(&all).unwrap()
            }
        }
    }

    fn entry(&mut self) -> Entry {
        let asset = self.asset();
        let (debit, credit) = (self.account(asset, true), self.account(asset, false));
        let sides = [Balancing::Debit, Balancing::Credit, Balancing::Both];
        let balancing = if self.once_in(6) { self.one(&sides) } else { None };
        Entry { balancing, ..Entry::new(debit, credit, asset, self.amount()) }
    }

    fn create_book(&mut self) -> ledger::CreateBook {
        ledger::CreateBook { reference: self.reference() }
    }

    fn open_account(&mut self) -> ledger::OpenAccount {
        let classes = [
            AccountClass::Asset,
            AccountClass::Liability,
            AccountClass::Equity,
            AccountClass::Revenue,
            AccountClass::Expense,
        ];
        let class = self.one(&classes).unwrap();
        let (book, code, asset) = (self.book(), self.dice.roll(6) as u32, self.asset());
        let mut most = || self.once_in(3).then(|| if self.once_in(2) { Amount::ZERO } else { self.amount() });
        let (debit_max, credit_max) = (most(), most());
        let parent = self.once_in(4).then(|| self.dice.roll(6) as u32);
        ledger::OpenAccount { book, code, name: None, asset, class, parent, debit_max, credit_max }
    }

    fn journal(&mut self) -> ledger::Journal {
        let entries = (0..=self.dice.roll(3) * self.dice.roll(2)).map(|_| self.entry()).collect();
        let reference = self.once_in(2).then(|| self.reference());
        let reverses = self.once_in(20).then(|| self.reference());
        let effective_ms = self.once_in(6).then(|| TimeMs(self.now - self.dice.roll(QUARTER)));
        let entries = BoundedVec::new(entries).unwrap();
        ledger::Journal { reference, memo: None, effective_ms, reverses, entries }
    }

    fn hold(&mut self) -> ledger::Hold {
        let ttl_ms = (!self.once_in(5)).then(|| TimeMs(self.dice.roll(8 * QUARTER)));
        ledger::Hold { reference: self.reference(), entry: self.entry(), captor: self.someone(), ttl_ms }
    }

    fn capture(&mut self) -> ledger::Capture {
        let me = self.me();
        let hold = self.pick(&self.view.holds, |_, hold| hold.captor == me);
        let held = self.view.holds.get(&hold).map_or(1, |hold| hold.entry.amount.0);
        let part = Amount(u128::from(self.dice.roll(held.min(1 << 60) as u64 + 1)));
        let (all, wild) = (self.once_in(3), self.once_in(6));
        let more = self.once_in(2);
        ledger::Capture { hold, amount: (!all).then(|| if wild { self.amount() } else { part }), more }
    }

    fn set_period(&mut self) -> ledger::SetPeriod {
        let back = TimeMs(self.now - self.dice.roll(4 * QUARTER));
        ledger::SetPeriod {
            book: self.book(),
            closed_ms: if self.once_in(6) { self.ms(QUARTER) } else { back },
        }
    }

    fn void(&mut self) -> ledger::Void {
        let me = self.me();
        ledger::Void { hold: self.pick(&self.view.holds, |_, hold| hold.captor == me) }
    }

    fn issue(&mut self) -> token::Issue {
        token::Issue { symbol: "ODD".parse().unwrap(), scale: self.dice.roll(20) as u8 }
    }

    fn mint(&mut self) -> token::Mint {
        let me = self.me();
        let own: Vec<_> =
            self.view.assets.iter().filter(|(_, of)| of.issuer == Some(me)).map(|(id, _)| *id).collect();
        let asset = self.one(&own).unwrap_or(AssetId(self.dice.roll(4) as u32));
        token::Mint { asset, to: self.someone(), amount: self.amount() }
    }

    fn burn(&mut self) -> token::Burn {
        token::Burn { asset: self.asset(), amount: self.amount() }
    }

    /// Sometimes what gets a microgrid going that is out of money.
    fn transfer(&mut self) -> token::Transfer {
        if let Some(grid) = self.paused().filter(|_| self.once_in(3)) {
            let (to, asset) = (Address::of_microgrid(&grid), AssetId::NATIVE);
            return token::Transfer { to, asset, amount: self.amount() };
        }
        token::Transfer { to: self.someone(), asset: self.asset(), amount: self.amount() }
    }

    fn create_account(&mut self) -> identity::CreateAccount {
        identity::CreateAccount { key: public(STRANGERS + self.dice.roll(30) as u8) }
    }

    /// Honest accounts keep to their own two keys; colluders try to share each other's, and honest ones'.
    fn set_authority(&mut self) -> identity::SetAuthority {
        let mut keys = BTreeSet::from([public(self.n)]);
        let more = self.dice.roll(3);
        let other = if self.honest() || self.dice.roll(4) > 0 { SECOND + self.n } else { self.anybody() };
        keys.extend((more > 0).then(|| public(other)));
        let threshold = (keys.len() as u32).min(1 + more as u32 / 2);
        let keys = keys.into_iter().map(|key| KeyWeight { key, weight: 1 }).collect();
        identity::SetAuthority { authority: Authority { keys: BoundedVec::new(keys).unwrap(), threshold } }
    }

    fn sponsor(&mut self) -> identity::Sponsor {
        // Little enough to be used up.
        let most = 40 + 4_000 * self.price as u64;
        let allowance =
            if self.honest() { Amount(u128::from(self.dice.roll(most) + 1)) } else { self.amount() };
        let grantee = self.someone();
        identity::Sponsor { grantee, limits: Limits::allowance(allowance, self.ms(4 * QUARTER)) }
    }

    /// Little, of one asset, for a few calls or any, to anybody.
    fn grant(&mut self) -> identity::Grant {
        let most = if self.honest() { Amount(u128::from(self.dice.roll(400))) } else { self.amount() };
        let (per_tx, uses) = (self.once_in(2), self.once_in(3));
        let spending = Spending {
            asset: self.asset(),
            per_tx: per_tx.then_some(Amount(most.0 / 2)),
            per_period: None,
            total: Some(most),
            cosign_above: None,
        };
        let all: Vec<CallKind> = CallKind::all().map(|(kind, _, _)| kind).collect();
        let some = (0..self.dice.roll(8) + 1).filter_map(|_| self.one(&all)).collect();
        // Calls that only make debts are bounded elsewhere.
        let calls = if self.honest() || self.once_in(2) {
            Calls::Any
        } else {
            Calls::Only(BoundedVec::new(some).unwrap())
        };
        let grantee = if self.honest() { person(self.anybody()) } else { self.someone() };
        let limits = Limits {
            calls,
            spending: BoundedVec::new(vec![spending]).unwrap(),
            uses: uses.then(|| 1 + self.dice.roll(3) as u32),
            ..Limits::allowance(Amount(0), self.ms(8 * QUARTER))
        };
        identity::Grant { reference: self.reference(), grantee, limits }
    }

    fn revoke_grant(&mut self) -> identity::RevokeGrant {
        let me = self.me();
        identity::RevokeGrant {
            grant: self.pick(&self.view.grants, |_, grant| grant.grantor == me || grant.grantee == me),
        }
    }

    fn unsponsor(&mut self) -> identity::Unsponsor {
        let me = self.me();
        let own: Vec<_> =
            self.view.sponsorships.keys().filter(|(by, _)| *by == me).map(|(_, to)| *to).collect();
        identity::Unsponsor { grantee: self.one(&own).unwrap_or_else(|| self.someone()) }
    }

    /// Mostly a microgrid that the sender operates, if `own`, or is a member of. Honest accounts keep to the two.
    fn grid(&mut self, own: bool) -> Hash {
        let me = self.me();
        let member = |id: &Hash| !own && self.view.members.contains_key(&(*id, me));
        let main = |id: &Hash| grids().contains(id);
        let picked = self.pick(&self.view.grids, |id, grid| main(id) && (grid.operator == me || member(id)));
        if self.honest() && !main(&picked) { grids()[self.dice.roll(2) as usize] } else { picked }
    }

    fn register_microgrid(&mut self) -> energy::RegisterMicrogrid {
        let lengths = [QUARTER, 4 * QUARTER, QUARTER - 1, 96 * QUARTER, 0];
        let reference = Hash([self.dice.roll(2) as u8; 32]);
        let asset = if self.honest() { AssetId(1) } else { self.asset() };
        energy::RegisterMicrogrid { reference, asset, interval_ms: TimeMs(self.one(&lengths).unwrap()) }
    }

    /// A meter's key, as a number, and whether it signs for the sender: keys of honest owners only where those live.
    fn meter_key(&mut self) -> (u8, Signature) {
        let n = METER_FIRST + self.dice.roll(u64::from(METER_LAST - METER_FIRST + 1)) as u8;
        let signs = if is_honest(&person(n)) { self.honest() } else { true };
        (n, if signs { GENUINE } else { Signature([0; 64]) })
    }

    fn power(&mut self) -> u32 {
        if !self.honest() && self.once_in(3) { [0, 1, u32::MAX][self.dice.roll(3) as usize] } else { POWER_W }
    }

    fn register_meter(&mut self) -> energy::RegisterMeter {
        let (n, binding) = self.meter_key();
        let owner = if self.honest() && is_honest(&person(n)) { person(owner_of(n)) } else { self.someone() };
        let role = if self.once_in(5) { MeterRole::Feeder } else { MeterRole::Sub };
        let (microgrid, power_max_w) = (self.grid(true), self.power());
        energy::RegisterMeter {
            microgrid,
            key: public(n),
            owner,
            encoding: RegisterEncoding::Uint32Wh,
            role,
            power_max_w,
            opening: Box::new(self.opening()),
            binding,
        }
    }

    /// Opening registers: of a meter that is new, or has run for long; colluders' were perhaps read long ago, or
    /// tomorrow.
    fn opening(&mut self) -> Registers {
        let words = |count: u64| BoundedVec::new(vec![(count >> 16) as u16, count as u16]).unwrap();
        let lie = if self.honest() { 0 } else { self.dice.roll(3) * self.dice.roll(30 * 86_400_000) };
        let time_ms = if self.once_in(9) { self.now + lie } else { self.now.saturating_sub(lie) };
        Registers { import: words(self.dice.roll(1 << 20)), export: words(0), time_ms: TimeMs(time_ms) }
    }

    /// Mostly a meter of the sender's, or of a microgrid that it operates.
    fn meter(&mut self) -> Address {
        let (me, view) = (self.me(), self.view);
        let operates = |id: &Hash| view.grids.get(id).is_some_and(|grid| grid.operator == me);
        let mine =
            |of: &energy_records::Meter| (of.owner == me || operates(&of.microgrid)) && of.closed().is_none();
        let own: Vec<_> = view.meters.iter().filter(|(_, of)| mine(of)).map(|(at, _)| *at).collect();
        self.one(&own).unwrap_or_else(|| self.someone())
    }

    /// Honest accounts enter what can have flowed, or what stands; colluders anything.
    fn read_meter(&mut self) -> energy::ReadMeter {
        let meter = self.meter();
        let record = self.view.meters.get(&meter);
        let last = record.and_then(|meter| meter.last).unwrap_or_default();
        let since = self.now.saturating_sub(last.block_time_ms.0).min(4 * QUARTER);
        let most = u64::from(record.map_or(0, |meter| meter.power_max_w.min(POWER_W))) * since / 3_600_000;
        let lie = if self.honest() { 0 } else { self.dice.roll(3) * self.dice.roll(1 << 20) };
        let back = if self.honest() { 0 } else { self.dice.roll(2) * self.dice.roll(QUARTER) };
        energy::ReadMeter {
            meter,
            import_wh: WattHours(last.import_wh.0 + self.dice.roll(most / 2 + 1) + lie),
            export_wh: WattHours(last.export_wh.0 + lie * self.dice.roll(2)),
            time_ms: TimeMs(self.now - back),
        }
    }

    fn retire_meter(&mut self) -> energy::RetireMeter {
        let meter = if self.once_in(4) { self.meter() } else { self.someone() };
        let known = self.view.meters.contains_key(&meter);
        let closing = (known && self.once_in(2)).then(|| Box::new(self.reading(meter)));
        energy::RetireMeter { meter, closing }
    }

    fn leave_microgrid(&mut self) -> energy::LeaveMicrogrid {
        energy::LeaveMicrogrid { microgrid: self.grid(false) }
    }

    /// A meter's reading: of an honest one what can have flowed, of a lying one anything.
    fn reading(&mut self, address: Address) -> SignedReading {
        let meter = &self.view.meters[&address];
        let last = meter.last.unwrap_or_default();
        let since = self.now.saturating_sub(last.block_time_ms.0.max(meter.registered_ms.0));
        let most = u64::from(meter.power_max_w) * since.min(4 * QUARTER) / 3_600_000;
        let truly = is_honest(&address);
        let rise = |dice: &mut Dice| match dice.roll(if truly { 3 } else { 8 }) {
            0..=2 => dice.roll(most / 2 + 1),
            3..=5 => most,
            6 => 2 * most + 5,
            _ => dice.roll(1 << 33),
        };
        let words = |count: u64| BoundedVec::new(vec![(count >> 16) as u16, count as u16]).unwrap();
        let (import, export) = (rise(self.dice), if self.once_in(2) { rise(self.dice) } else { 0 });
        let off = if truly { 0 } else { self.dice.roll(3) * self.dice.roll(8 * QUARTER) };
        let clock = if truly || self.dice.roll(3) > 0 { ClockQuality::Synced } else { ClockQuality::Unset };
        let reading = Reading {
            meter: address,
            seq: last.seq + 1,
            boot_id: 1,
            uptime_ms: self.now - T0,
            time_ms: TimeMs(self.now - off.min(self.now)),
            clock,
            import: words(last.import_count + import),
            export: words(last.export_count + export),
        };
        let holds = truly == self.honest();
        SignedReading {
            reading,
            key: public(number(&address)),
            signature: if holds { GENUINE } else { Signature([0; 64]) },
        }
    }

    fn submit_readings(&mut self) -> energy::SubmitReadings {
        let (me, view) = (self.me(), self.view);
        let operates = |id: &Hash| view.grids.get(id).is_some_and(|grid| grid.operator == me);
        let may = |meter: &energy_records::Meter| meter.owner == me || operates(&meter.microgrid);
        let own: Vec<_> = view.meters.iter().filter(|(_, of)| may(of)).map(|(at, _)| *at).collect();
        let all: Vec<_> = view.meters.keys().copied().collect();
        let mut readings = Vec::new();
        for _ in 0..=self.dice.roll(3) {
            let from = if own.is_empty() || self.once_in(10) { &all } else { &own };
            let meter = self.one(from).unwrap();
            let again = if self.once_in(12) { self.one(self.seen.clone().as_slice()) } else { None };
            let reading = again.unwrap_or_else(|| self.reading(meter));
            if reading.signature == GENUINE {
                self.seen.push(reading.clone());
            }
            readings.push(reading);
        }
        energy::SubmitReadings { readings: BoundedVec::new(readings).unwrap() }
    }

    fn set_terms(&mut self) -> energy::SetTerms {
        let dear = !self.honest() && self.once_in(6);
        let import = if dear { energy::PRICE_MAX } else { Amount(u128::from(self.dice.roll(30_000))) };
        let band = TariffBand {
            from_minute: 0,
            import_price: import,
            export_price: Amount(import.0 / (1 + u128::from(self.dice.roll(5)))),
        };
        let rules = [
            ClearingRule::PayAsBid,
            ClearingRule::Uniform,
            ClearingRule::PayAsBid,
            ClearingRule::MidMarket,
            ClearingRule::Tariff,
        ];
        let installer = if self.once_in(5) { Some(self.someone()) } else { None };
        let terms = Terms {
            tariff: BoundedVec::new(vec![band]).unwrap(),
            clearing: self.one(&rules).unwrap(),
            fee_per_kwh: Amount(u128::from(self.dice.roll(5_000))),
            losses: if self.once_in(2) { LossRule::ProRata } else { LossRule::Operator },
            credit_limit: self.amount(),
            installer: installer.filter(|_| !self.honest()),
            dispute_votes: self.dice.roll(3) as u16,
            notice_ms: TimeMs(self.dice.roll(2) * self.dice.roll(96 * QUARTER)),
            fees: Fees {
                monthly: Amount(u128::from(self.dice.roll(3) * self.dice.roll(2_000))),
                connection: Amount(u128::from(self.dice.roll(2_000))),
                ..Fees::default()
            },
            ..terms()
        };
        energy::SetTerms { microgrid: self.grid(true), terms: Box::new(terms) }
    }

    fn set_member(&mut self) -> energy::SetMember {
        let credit_limit = if self.once_in(2) { Some(self.amount()) } else { None };
        energy::SetMember { microgrid: self.grid(true), account: self.someone(), credit_limit }
    }

    fn charge_line(&mut self) -> energy::ChargeLine {
        use LineKind::{Connection, Credit, Energy, Refund, TaxPaid, WriteOff};
        let kinds = [Connection, Connection, Credit, Refund, WriteOff, WriteOff, TaxPaid, Energy];
        energy::ChargeLine {
            microgrid: self.grid(true),
            account: self.someone(),
            kind: self.one(&kinds).unwrap(),
            amount: Amount(u128::from(self.dice.roll(2_000))),
            reason: Hash([7; 32]),
        }
    }

    fn pay_tab(&mut self) -> energy::PayTab {
        energy::PayTab { microgrid: self.grid(false) }
    }

    fn set_mandate(&mut self) -> energy::SetMandate {
        let per_period = self.once_in(3).then(|| PerPeriod {
            amount: self.amount(),
            period_ms: TimeMs(self.dice.roll(4) * self.dice.roll(96 * QUARTER)),
        });
        let mandate = energy::Mandate {
            per_charge: self.once_in(3).then(|| self.amount()),
            per_period,
            expires_ms: TimeMs(self.now + self.dice.roll(8) * self.dice.roll(96 * QUARTER)),
            notice_ms: TimeMs(self.dice.roll(2) * self.dice.roll(96 * QUARTER)),
        };
        let mandate = (self.dice.roll(5) > 0).then_some(mandate);
        energy::SetMandate { microgrid: self.grid(false), mandate }
    }

    /// Honest accounts hand honest meters to honest accounts.
    fn hand_over_meter(&mut self) -> energy::HandOverMeter {
        let mut meter = self.meter();
        if !self.view.meters.contains_key(&meter) {
            meter = *self.view.meters.keys().next().unwrap();
        }
        let to = match (self.honest(), is_honest(&meter)) {
            (true, true) => person(self.dice.roll(u64::from(HONEST)) as u8 + 1),
            (true, false) => person(HONEST + 1 + self.dice.roll(8) as u8),
            (false, _) => self.someone(),
        };
        energy::HandOverMeter { meter, to, closing: Box::new(self.reading(meter)) }
    }

    fn rate_meter(&mut self) -> energy::RateMeter {
        energy::RateMeter { meter: self.meter(), power_max_w: self.power() }
    }

    fn paused(&mut self) -> Option<Hash> {
        let paused = |(id, grid): (&Hash, &energy_records::Microgrid)| grid.is_paused().then_some(*id);
        let all: Vec<Hash> = self.view.grids.iter().filter_map(paused).collect();
        self.one(&all)
    }

    fn resume_microgrid(&mut self) -> energy::ResumeMicrogrid {
        let paused = self.paused().filter(|_| !self.once_in(4));
        energy::ResumeMicrogrid { microgrid: paused.unwrap_or_else(|| self.grid(false)) }
    }

    fn swap_meter(&mut self) -> energy::SwapMeter {
        let (me, view) = (self.me(), self.view);
        let operates = |id: &Hash| view.grids.get(id).is_some_and(|grid| grid.operator == me);
        let standing = |meter: &energy_records::Meter| operates(&meter.microgrid) && meter.closed().is_none();
        let own: Vec<_> = view.meters.iter().filter(|(_, of)| standing(of)).map(|(at, _)| *at).collect();
        let old = self.one(&own).unwrap_or_else(|| self.someone());
        let last = view.meters.get(&old).and_then(|meter| meter.last).unwrap_or_default();
        let (new, binding) = self.meter_key();
        let lie = if self.honest() { 0 } else { self.dice.roll(3) * self.dice.roll(40_000) };
        let installer = if self.honest() || self.dice.roll(3) > 0 { self.n } else { HONEST + 3 };
        let early_ms = if self.honest() { 0 } else { self.dice.roll(2) * self.dice.roll(2 * QUARTER) };
        let zero = || BoundedVec::new(vec![0, 0]).unwrap();
        let swap = MeterSwap {
            old,
            final_import_wh: WattHours(last.import_wh.0 + lie),
            final_export_wh: WattHours(last.export_wh.0 + lie * self.dice.roll(2)),
            new: public(new),
            encoding: RegisterEncoding::Uint32Wh,
            power_max_w: self.power(),
            opening_import: zero(),
            opening_export: zero(),
            time_ms: TimeMs(self.now - early_ms),
        };
        energy::SwapMeter { swap: Box::new(swap), key: public(installer), signature: GENUINE, binding }
    }

    fn price(&mut self) -> Amount {
        let dear = !self.honest() && self.once_in(8);
        if dear { self.amount() } else { Amount(u128::from(self.dice.roll(40_000))) }
    }

    fn wh(&mut self) -> WattHours {
        let hostile = [0, 1, 1 << 30, u64::MAX];
        let wild = !self.honest() && self.once_in(8);
        WattHours(if wild { self.one(&hostile).unwrap() } else { self.dice.roll(400) + 1 })
    }

    fn side(&mut self) -> Side {
        if self.once_in(2) { Side::Buy } else { Side::Sell }
    }

    fn place_order(&mut self) -> market::PlaceOrder {
        let microgrid = self.grid(false);
        let length = self.view.grids.get(&microgrid).map_or(QUARTER, |grid| grid.interval_ms.0);
        let interval = IntervalId(self.now / length + self.dice.roll(4));
        let partner = if self.once_in(6) { Some(self.someone()) } else { None };
        let expires_ms = if self.once_in(4) { Some(self.ms(QUARTER)) } else { None };
        let (reference, side) = (self.reference(), self.side());
        market::PlaceOrder {
            microgrid,
            reference,
            interval,
            side,
            price: self.price(),
            wh: self.wh(),
            partner,
            expires_ms,
        }
    }

    fn cancel_order(&mut self) -> market::CancelOrder {
        let me = self.me();
        market::CancelOrder { order: self.pick(&self.view.orders, |_, order| order.account == me) }
    }

    fn request_deal(&mut self) -> deals::RequestDeal {
        let (wh_min, unit_wh) = (WattHours(1), WattHours(self.dice.roll(10) + 1));
        let (microgrid, reference, side) = (self.grid(false), self.reference(), self.side());
        let (wh_max, price, expires_ms) = (self.wh(), self.price(), self.ms(4 * QUARTER));
        deals::RequestDeal { microgrid, reference, side, wh_max, wh_min, unit_wh, price, expires_ms }
    }

    /// A deal of the sender's microgrids, or its own, in the state asked for.
    fn deal(&mut self, wanted: impl Fn(&Deal, &Address) -> bool) -> Hash {
        let me = self.me();
        self.pick(&self.view.deals, |_, deal| wanted(deal, &me))
    }

    fn accept_deal(&mut self) -> deals::AcceptDeal {
        let view = self.view;
        let request = self.deal(|deal, me| {
            deal.state == DealState::Requested
                && deal.requester != *me
                && view.members.contains_key(&(deal.microgrid, *me))
        });
        deals::AcceptDeal { request, wh_max: self.wh(), price: self.price() }
    }

    fn confirm_deal(&mut self) -> deals::ConfirmDeal {
        let request = self.deal(|deal, me| deal.requester == *me && !deal.acceptors.is_empty());
        let acceptors = self.view.deals.get(&request).map(|deal| deal.acceptors.to_vec()).unwrap_or_default();
        let partner = self.one(&acceptors).unwrap_or_else(|| self.someone());
        deals::ConfirmDeal { request, partner }
    }

    fn authorise_deal(&mut self) -> deals::AuthoriseDeal {
        let confirmed = |deal: &Deal, me: &Address| match deal.state {
            DealState::Confirmed { partner } => deal.sides(partner).0 == *me,
            DealState::Requested | DealState::Authorised { .. } => false,
        };
        let (me, deal, view) = (self.me(), self.deal(confirmed), self.view);
        let grid = view.deals.get(&deal).map(|deal| deal.microgrid);
        let own = view.meters.iter().filter(|(_, of)| of.owner == me && Some(of.microgrid) == grid);
        let own: Vec<_> = own.map(|(at, _)| *at).collect();
        let meter = self.one(&own).unwrap_or_else(|| self.someone());
        let funding = if self.once_in(2) { Funding::Balance } else { Funding::Credit };
        let margin_wh = WattHours(view.deals.get(&deal).map_or(0, |deal| self.dice.roll(deal.wh.0 / 8 + 1)));
        deals::AuthoriseDeal { deal, funding, expires_ms: self.ms(4 * QUARTER), margin_wh, meter }
    }

    /// A deal that the sender charges, and what its meter has shown of it, or a lie.
    fn used(&mut self) -> (Hash, WattHours) {
        let charging = |deal: &Deal, me: &Address| match deal.state {
            DealState::Authorised { partner, .. } => deal.sides(partner).0 == *me,
            DealState::Requested | DealState::Confirmed { .. } => false,
        };
        let id = self.deal(charging);
        let shown = match self.view.deals.get(&id).map(|deal| deal.state) {
            Some(DealState::Authorised { meter, from_wh, .. }) => {
                let last = self.view.meters[&meter].last.unwrap_or_default();
                last.import_wh.0.saturating_sub(from_wh.0)
            }
            _ => 0,
        };
        let lie = if self.honest() { 0 } else { self.dice.roll(2) * self.wh().0 };
        (id, WattHours(shown.saturating_add(lie)))
    }

    fn report_usage(&mut self) -> deals::ReportUsage {
        let (deal, cumulative_wh) = self.used();
        deals::ReportUsage { deal, seq: self.dice.roll(20), cumulative_wh }
    }

    fn close_deal(&mut self) -> deals::CloseDeal {
        let (deal, cumulative_wh) = self.used();
        deals::CloseDeal { deal, cumulative_wh }
    }

    fn abort_deal(&mut self) -> deals::AbortDeal {
        deals::AbortDeal { deal: self.deal(|deal, me| deal.requester == *me || deal.acceptors.contains(me)) }
    }

    fn open_dispute(&mut self) -> disputes::OpenDispute {
        let (me, view) = (self.me(), self.view);
        let mine = |at: &Address| view.meters.get(at).is_some_and(|meter| meter.owner == me);
        let first = self.seen.iter().rev().find(|of| mine(&of.reading.meter)).or(self.seen.last()).cloned();
        let first = first.unwrap_or_else(|| self.reading(*view.meters.keys().next().unwrap()));
        let (meter, seq) = (first.reading.meter, first.reading.seq);
        let earlier = self.seen.iter().rev().find(|of| of.reading.meter == meter && of.reading.seq < seq);
        let (first, second) =
            earlier.map_or_else(|| (first.clone(), first.clone()), |of| (of.clone(), first.clone()));
        let microgrid = view.meters[&meter].microgrid;
        let (reference, claim, note) = (self.reference(), self.amount(), Hash::ZERO);
        disputes::OpenDispute {
            microgrid,
            reference,
            first: Box::new(first),
            second: Box::new(second),
            claim,
            note,
        }
    }

    fn decide_dispute(&mut self) -> disputes::DecideDispute {
        let (me, view) = (self.me(), self.view);
        let member = |grid: &Hash| view.members.contains_key(&(*grid, me));
        let dispute = self.pick(&view.disputes, |_, dispute| member(&dispute.microgrid));
        disputes::DecideDispute { dispute, uphold: self.once_in(2) }
    }

    fn withdraw_dispute(&mut self) -> disputes::WithdrawDispute {
        let (me, view) = (self.me(), self.view);
        disputes::WithdrawDispute { dispute: self.pick(&view.disputes, |_, dispute| dispute.account == me) }
    }
}

/// Transactions of colluders, in order, with who sends each: what somebody with a plan would try.
pub(super) fn script(draw: &mut Draw<'_>) -> Vec<(u8, Vec<Call>)> {
    let (a, b) = (HONEST + 1 + draw.dice.roll(8) as u8, HONEST + 1 + draw.dice.roll(8) as u8);
    draw.n = a;
    let references = [draw.reference(), draw.reference()];
    let [book, other] = references.map(|reference| BookId::of(&person(a), &reference));
    let (asset, amount, victim) = (AssetId(draw.dice.roll(3) as u32), draw.amount(), draw.someone());
    let account = |book| AccountId::Book { book, code: 1 };
    let wallet = |owner| AccountId::Wallet { owner };
    let open = |book| {
        let (class, name, parent) = (AccountClass::Asset, None, None);
        ledger::OpenAccount { book, code: 1, name, asset, class, parent, debit_max: None, credit_max: None }
            .into()
    };
    let paid = |debit, credit, amount| {
        let entries = vec![Entry::new(debit, credit, asset, amount)];
        Call::from(ledger::Journal::of(BoundedVec::new(entries).unwrap()))
    };
    let post = |debit, credit| paid(debit, credit, amount);
    let reference = draw.reference();
    let hold = |debit, credit| {
        Call::from(ledger::Hold {
            reference,
            entry: Entry::new(debit, credit, asset, amount),
            captor: person(b),
            ttl_ms: Some(TimeMs(60_000)),
        })
    };
    let held = ledger::hold_id(&person(a), &reference);
    let part = |amount, more| Call::from(ledger::Capture { hold: held, amount: Some(amount), more });
    let capture = part(amount, false);
    let create = |reference| Call::from(ledger::CreateBook { reference });
    let [mine, yours] = [a, b].map(|n| wallet(person(n)));
    let (one, two) = (account(book), account(other));
    // A book that has had something, however little, can try to pay more.
    let little = paid(mine, one, Amount(1));
    let calls: Vec<(u8, Call)> = match draw.dice.roll(10) {
        0 => vec![(a, create(references[0])), (a, open(book)), (a, little), (a, post(one, mine))],
        1 => vec![
            (a, create(references[0])),
            (a, open(book)),
            (a, little),
            (a, hold(one, wallet(victim))),
            (b, capture),
        ],
        2 => vec![
            (a, create(references[0])),
            (a, create(references[1])),
            (a, open(book)),
            (a, open(other)),
            (a, little),
            (a, post(one, two)),
            (a, post(two, mine)),
        ],
        // Once in, twice out.
        3 => vec![
            (a, create(references[0])),
            (a, open(book)),
            (a, post(mine, one)),
            (a, hold(one, yours)),
            (a, post(one, mine)),
            (b, capture),
        ],
        4 => {
            let grant =
                identity::Sponsor { grantee: person(b), limits: Limits::allowance(amount, draw.ms(QUARTER)) };
            let end = || Call::from(identity::Unsponsor { grantee: person(b) });
            vec![
                (a, grant.clone().into()),
                (b, draw.transfer().into()),
                (a, end()),
                (a, end()),
                (a, grant.into()),
            ]
        }
        5 => {
            let bid = market::PlaceOrder { side: Side::Buy, ..draw.place_order() };
            let offer = market::PlaceOrder {
                side: Side::Sell,
                reference,
                price: Amount(bid.price.0 / 2),
                ..bid.clone()
            };
            let cancel = market::CancelOrder { order: market::order_id(&person(a), &bid.reference) };
            let mut calls = vec![(a, Call::from(bid)), (b, offer.into()), (b, draw.pay_tab().into())];
            calls.extend(draw.once_in(4).then(|| (a, cancel.into())));
            calls
        }
        6 => {
            let [a, b] = [(); 2].map(|()| PEOPLE - draw.dice.roll(3) as u8);
            draw.n = a;
            let ask = deals::RequestDeal {
                side: Side::Buy,
                wh_max: WattHours(900),
                reference,
                ..draw.request_deal()
            };
            let id = deal_id(&person(a), &reference);
            let own =
                |meter: &energy_records::Meter| meter.owner == person(a) && meter.microgrid == ask.microgrid;
            let meter = draw.view.meters.iter().find(|(_, meter)| own(meter)).map_or(victim, |(at, _)| *at);
            let back =
                deals::AuthoriseDeal { deal: id, margin_wh: WattHours(9), meter, ..draw.authorise_deal() };
            let price = draw.price();
            vec![
                (a, Call::from(ask)),
                (b, deals::AcceptDeal { request: id, wh_max: WattHours(900), price }.into()),
                (a, deals::ConfirmDeal { request: id, partner: person(b) }.into()),
                (a, back.into()),
                (a, draw.submit_readings().into()),
                (
                    a,
                    deals::ReportUsage { deal: id, seq: 1, cumulative_wh: WattHours(draw.dice.roll(400)) }
                        .into(),
                ),
            ]
        }
        // Once posted, twice sent; once taken back, twice tried.
        7 => {
            let entries =
                |debit, credit| BoundedVec::new(vec![Entry::new(debit, credit, asset, amount)]).unwrap();
            let paid =
                ledger::Journal { reference: Some(references[1]), ..ledger::Journal::of(entries(mine, one)) };
            let back =
                ledger::Journal { reverses: Some(references[1]), ..ledger::Journal::of(entries(one, mine)) };
            let open = vec![(a, create(references[0])), (a, open(book))];
            let posted = [&paid, &paid, &back, &back].map(|journal| (a, journal.clone().into()));
            open.into_iter().chain(posted).collect()
        }
        // In parts, and once more than there is.
        8 => {
            let half = Amount(amount.0 / 2 + 1);
            vec![
                (a, hold(mine, yours)),
                (b, part(half, true)),
                (b, part(half, true)),
                (b, part(amount, false)),
                (b, ledger::Void { hold: held }.into()),
            ]
        }
        _ => {
            let claim = draw.open_dispute();
            let dispute = disputes::dispute_id(&person(a), &claim.reference);
            let decide = || Call::from(disputes::DecideDispute { dispute, uphold: true });
            vec![
                (a, claim.into()),
                (b, decide()),
                (HONEST + 1, decide()),
                (HONEST + 1, decide()),
                (a, draw.pay_tab().into()),
            ]
        }
    };
    mutate(draw, calls)
}

/// Some calls are left out, done twice, or others; some of one sender's go together.
fn mutate(draw: &mut Draw<'_>, calls: Vec<(u8, Call)>) -> Vec<(u8, Vec<Call>)> {
    let mut txs: Vec<(u8, Vec<Call>)> = Vec::new();
    for (n, call) in calls {
        let times = [0, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1][draw.dice.roll(12) as usize];
        let call =
            if draw.once_in(12) { DRAWS[draw.dice.roll(DRAWS.len() as u64) as usize](draw) } else { call };
        let joins = draw.once_in(2);
        match txs.last_mut() {
            Some((last, tx)) if *last == n && joins => tx.extend(vec![call; times]),
            _ => txs.push((n, vec![call; times])),
        }
    }
    txs.retain(|(_, calls)| !calls.is_empty());
    txs
}

/// The transactions that the world begins with, each of which takes effect.
pub(super) fn setup() -> Vec<(u8, Vec<Call>)> {
    let mut txs: Vec<(u8, Vec<Call>)> = Vec::new();
    for (operator, issuer, asset) in [(1, 2, AssetId(1)), (HONEST + 1, HONEST + 2, AssetId(2))] {
        let microgrid = grids()[usize::from(operator > HONEST)];
        let mut calls = vec![Call::from(token::Issue { symbol: "KWH".parse().unwrap(), scale: 3 })];
        let amount = Amount(START_EACH.into());
        calls.extend((1..=PEOPLE).map(|n| token::Mint { asset, to: person(n), amount }.into()));
        txs.push((issuer, calls));
        let prices =
            TariffBand { from_minute: 0, import_price: Amount(30_000), export_price: Amount(10_000) };
        let terms = Box::new(Terms {
            tariff: BoundedVec::new(vec![prices]).unwrap(),
            clearing: ClearingRule::PayAsBid,
            losses: LossRule::ProRata,
            ..terms()
        });
        let found: Vec<Call> = vec![
            energy::RegisterMicrogrid { reference: Hash::ZERO, asset, interval_ms: TimeMs(QUARTER) }.into(),
            energy::SetTerms { microgrid, terms }.into(),
        ];
        txs.push((operator, found));
        // The first is the feeder; then honest members, then colluding ones.
        let meters: Vec<(u8, u8)> = match operator {
            1 => (3..=8)
                .map(|n| (METER_FIRST + n - 1, n))
                .chain((18..=20).map(|n| (HONEST_METERS + n, n)))
                .collect(),
            _ => (9..=12)
                .map(|n| (METER_FIRST + n - 1, n))
                .chain((18..=20).map(|n| (HONEST_METERS + 3 + n, n)))
                .collect(),
        };
        let mandate = Some(energy::Mandate::UNLIMITED);
        let consents = |n: u8| (n, vec![energy::SetMandate { microgrid, mandate }.into()]);
        txs.extend([operator].into_iter().chain(meters.iter().map(|(_, n)| *n)).map(consents));
        let mut calls: Vec<Call> = Vec::new();
        let feeder = if operator == 1 { METER_FIRST } else { HONEST_METERS + 1 };
        let roles = [(feeder, operator, MeterRole::Feeder)].into_iter();
        for (meter, owner, role) in
            roles.chain(meters.iter().map(|(meter, owner)| (*meter, *owner, MeterRole::Sub)))
        {
            let (key, owner, encoding) = (public(meter), person(owner), RegisterEncoding::Uint32Wh);
            let zero: Words = BoundedVec::new(vec![0, 0]).unwrap();
            let call = energy::RegisterMeter {
                microgrid,
                key,
                owner,
                encoding,
                role,
                power_max_w: POWER_W,
                opening: Box::new(Registers {
                    import: zero.clone(),
                    export: zero.clone(),
                    time_ms: TimeMs(T0),
                }),
                binding: GENUINE,
            };
            calls.push(call.into());
        }
        txs.push((operator, calls));
    }
    txs
}
