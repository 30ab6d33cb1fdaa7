//! Pay-as-you-go, from its promises: what a token brings and when, who pays what, and what credit pays of a bill.

mod credit;
mod prepaid;
mod random;
mod sales;
mod tokens;

use super::settlement::{QUARTER, Sim, Village, terms};
use super::*;
use crate::keys;
use crate::modules::paygo::records::{Device, TokenRecord};
use wattle_primitives::call::energy::Terms;
use wattle_primitives::call::paygo::*;
use wattle_primitives::event::{BurnCause, EnergyEvent, PaygoEvent};
use wattle_primitives::reading::ClockQuality;

/// The key with which the device signs.
const DEVICE_KEY: u8 = 90;
const DAY: u64 = 86_400_000;

/// Person 1 sells to person 2, whose device is behind the gateway of person 3. It counts 100 Wh a raw unit.
struct Shop {
    village: Village,
    id: Hash,
    reference: u8,
}

fn nonce(count: u32) -> Hash {
    Hash([count as u8 ^ 0x55; 32])
}

const fn token(count: u32, kind: TokenKind, value: u32) -> Token {
    Token { count, kind, value }
}

const fn add(count: u32, value: u32) -> Token {
    token(count, TokenKind::Add, value)
}

/// A device that counts Wh from count 0.
fn device() -> RegisterDevice {
    RegisterDevice {
        reference: Hash([7; 32]),
        unit: CreditUnit::WattHours { per_unit: WattHours(100) },
        divider: 1,
        profile: FirmwareProfile::Own,
        extended: false,
        count: 0,
    }
}

impl Shop {
    fn new() -> Self {
        Self::with(params(), &terms(), device())
    }

    fn with(params: Params, terms: &Terms, device: RegisterDevice) -> Self {
        let mut village = Village::new(params, terms);
        village.ok(1, SetPaygoOperator { asset: AssetId::NATIVE, daily_cap: 10_000 }.into());
        let id = device_id(&address(1), &device.reference);
        village.ok(1, device.into());
        let mut shop = Self { village, id, reference: 0 };
        shop.set(|_| {});
        shop
    }

    /// With a meter of person 2's, of key 60, in person 1's microgrid, read once: 1,000 Wh.
    fn metered(terms: &Terms) -> (Self, Sim) {
        let mut shop = Self::with(params(), terms, device());
        let mut sim = shop.village.meter(60, 2, MeterRole::Sub);
        shop.set(|set| set.meter = Some(address(60)));
        shop.village.go(shop.village.first_ms + 1);
        shop.read(&mut sim, 0);
        (shop, sim)
    }

    /// Sets the device as it is but for a change.
    fn set(&mut self, change: impl FnOnce(&mut SetDevice)) {
        let call = self.setting(change);
        self.village.ok(1, call.into());
    }

    fn setting(&self, change: impl FnOnce(&mut SetDevice)) -> SetDevice {
        let Device { meter, contract, .. } = self.device();
        let mut set = SetDevice {
            device: self.id,
            owner: Some(address(2)),
            gateway: Some(address(3)),
            key: Some(key(DEVICE_KEY).public()),
            meter,
            suspended: false,
            contract: contract.map(|contract| Box::new(contract.terms)),
        };
        change(&mut set);
        set
    }

    fn device(&self) -> Device {
        self.village.record(keys::device(&self.id)).unwrap()
    }

    fn standing(&self, count: u32) -> Option<TokenRecord> {
        self.village.record(keys::device_token(&self.id, count))
    }

    fn issue(&self, token: Token, payment: Payment) -> Call {
        let commitment = token.commitment(&self.id, &nonce(token.count));
        Call::from(IssueToken { device: self.id, token, commitment, payment })
    }

    fn reserve(&self, token: Token) -> Call {
        let commitment = token.commitment(&self.id, &nonce(token.count));
        let tokens = BoundedVec::new(vec![ReservedToken { token, commitment }]).unwrap();
        Call::from(ReserveTokens { device: self.id, tokens })
    }

    fn give(&mut self, token: Token) {
        let call = self.issue(token, Payment::Free);
        self.village.ok(1, call);
    }

    fn void(&self, count: u32, refund: bool) -> Call {
        Call::from(VoidToken { device: self.id, count, refund })
    }

    /// The device's report of a token.
    fn redemption(&self, token: Token) -> Redemption {
        let time_ms = self.village.world.env.time_ms;
        Redemption { device: self.id, token, nonce: nonce(token.count), time_ms }
    }

    /// The same, signed by a key.
    fn signed(&self, redemption: Redemption, by: u8) -> Call {
        let message = redemption.signing_bytes(&self.village.world.env.chain);
        let proof = RedemptionProof { key: key(by).public(), signature: key(by).sign(&message) };
        Call::from(RedeemToken { redemption, proof: Some(proof) })
    }

    /// A redemption by the word of whoever sends it.
    fn told(&self, token: Token) -> Call {
        Call::from(RedeemToken { redemption: self.redemption(token), proof: None })
    }

    /// The device takes a token and says so; person 4, a stranger, carries the message.
    fn redeem(&mut self, token: Token) {
        let call = self.signed(self.redemption(token), DEVICE_KEY);
        self.village.ok(4, call);
    }

    /// Gives a token that adds so much, and has it redeemed.
    fn top_up(&mut self, value: u32) {
        let count = (self.device().last_count + 2) / 2 * 2;
        self.give(add(count, value));
        self.redeem(add(count, value));
    }

    /// Energy in the device: what is free, and what is held.
    fn credit(&self) -> (u128, u128) {
        let wallet = crate::modules::ledger::wallet(Address::of_device(&self.id));
        let balance = crate::query::balance(&self.village.world.state, &wallet, self.device().asset);
        (balance.available().0, balance.debits_pending)
    }

    /// A meter has imported so much more, and is read now.
    fn read(&mut self, sim: &mut Sim, wh: u64) {
        self.read_all([(sim, wh, 0)]);
    }

    /// Meters have imported and exported so much more, and are read at one time.
    fn read_all<const N: usize>(&mut self, meters: [(&mut Sim, u64, u64); N]) {
        let (chain, now) = (self.village.world.env.chain, self.village.now());
        let readings = meters.map(|(sim, import, export)| {
            (sim.import, sim.export) = (sim.import + import, sim.export + export);
            sim.read(chain, now, 0, ClockQuality::Synced)
        });
        assert_eq!(self.village.submit(readings.to_vec()), [Ok(()); N]);
    }

    /// Goes to the end of quarter `n` of those that are settled, from 0.
    fn to_end_of(&mut self, n: u64) {
        self.village.world.env.time_ms = TimeMs(self.village.first_ms + (n + 1) * QUARTER);
    }

    /// Settles quarter `n`.
    fn settle(&mut self, n: u64) {
        self.village.go(self.village.first_ms + (n + 1) * QUARTER + 61_000);
    }

    /// An authorisation's hold, and the call that makes it.
    fn authorise(&mut self, wh: u64, ttl_ms: u64) -> (Hash, Call) {
        self.reference += 1;
        let reference = Hash([self.reference; 32]);
        let hold = call::ledger::hold_id(&Address::of_device(&self.id), &reference);
        let expires_ms = TimeMs(self.village.now() + ttl_ms);
        (hold, Call::from(AuthoriseCredit { device: self.id, reference, wh: WattHours(wh), expires_ms }))
    }

    fn draw(&self, authorisation: Hash, seq: u64, wh: u64) -> Call {
        Call::from(DrawCredit { device: self.id, authorisation, seq, cumulative_wh: WattHours(wh) })
    }

    fn close(&self, authorisation: Hash, wh: u64) -> Call {
        Call::from(CloseCredit { device: self.id, authorisation, cumulative_wh: WattHours(wh) })
    }

    /// Events of the module, newest last.
    fn events(&self) -> Vec<PaygoEvent> {
        let of = |event: &Event| if let Event::Paygo(event) = event { Some(event.clone()) } else { None };
        self.village.events.iter().filter_map(of).collect()
    }

    /// Energy that causes took from credit, as events say.
    fn burned(&self, cause: BurnCause) -> u64 {
        let of = |event: &PaygoEvent| match event {
            PaygoEvent::CreditBurned { wh, cause: by, .. } if *by == cause => wh.0,
            _ => 0,
        };
        self.events().iter().map(of).sum()
    }
}
