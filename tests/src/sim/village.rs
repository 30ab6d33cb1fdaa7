//! Members of the microgrid: their meters count, fall silent and send late; they trade, make deals and pay.
//!
//! Nothing here knows the rules: much of what is asked for is refused, with a receipt. What must come of it is the
//! business of `bills`.

use super::plan::{METERS, OUTSIDER, Plan, WALLETS, meter_key, meter_owner, wallet_key};
use super::rng::Rng;
use std::collections::VecDeque;
use std::sync::LazyLock;
use wattle_primitives::call::deals::{Funding, deal_id};
use wattle_primitives::call::energy::Mandate;
use wattle_primitives::call::identity::PerPeriod;
use wattle_primitives::call::market::{Side, order_id};
use wattle_primitives::reading::{ClockQuality, Reading, SignedReading};
use wattle_primitives::units::IntervalId;
use wattle_primitives::{Address, Amount, BoundedVec, Call, Hash, SecretKey, TimeMs, WattHours, call};

/// Length of an interval, ms: the shortest there is.
pub(super) const INTERVAL_MS: u64 = 60_000;
/// Readings sent at once, at most.
const BATCH_MAX: usize = 12;
/// Readings that the operator sends at once, at most.
const READ_AT_ONCE_MAX: usize = 60;
/// Readings that a meter keeps while it is silent.
const QUEUE_MAX: usize = 40;
/// Deals under way, at most.
const DEALS_MAX: usize = 4;
/// How long a meter stays silent at most, wall ms.
const SILENCE_MS_MAX: u64 = 240_000;
/// How wrong the clock of a meter may be, ms: a month ahead.
const CLOCK_OFF_MS: u64 = 30 * 86_400_000;
/// Most energy between two readings, Wh.
const STEP_WH_MAX: u64 = 400;

/// Who signs a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sender {
    /// A wallet, which pays for itself.
    Wallet(usize),
    /// A meter, for which the operator pays.
    Meter(usize),
}

impl Sender {
    pub(super) fn key(self) -> &'static SecretKey {
        match self {
            Self::Wallet(i) => &PEOPLE.wallets[i].0,
            Self::Meter(i) => &PEOPLE.meters[i].0,
        }
    }
}

/// Keys and addresses, made once: making a key takes as long as a signature.
struct People {
    wallets: Vec<(SecretKey, Address)>,
    meters: Vec<(SecretKey, Address)>,
}

static PEOPLE: LazyLock<People> = LazyLock::new(|| {
    let with_address = |key: SecretKey| {
        let address = Address::of_key(&key.public());
        (key, address)
    };
    People {
        wallets: (0..WALLETS).map(wallet_key).map(with_address).collect(),
        meters: (0..METERS).map(meter_key).map(with_address).collect(),
    }
});

/// The address of wallet `i`.
pub(super) fn account(i: usize) -> Address {
    PEOPLE.wallets[i].1
}

/// The address of meter `i`.
pub(super) fn meter(i: usize) -> Address {
    PEOPLE.meters[i].1
}

/// A meter and what it has not sent.
#[derive(Debug, Default)]
struct Counter {
    import: u64,
    export: u64,
    seq: u64,
    boot_id: u64,
    booted_ms: u64,
    read_ms: u64,
    silent_until: u64,
    queue: VecDeque<SignedReading>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Requested,
    Accepted,
    Confirmed,
    Authorised,
}

/// A deal as those who make it see it.
#[derive(Debug)]
struct Deal {
    id: Hash,
    charger: usize,
    discharger: usize,
    requester: usize,
    stage: Stage,
    wh: u64,
    /// Counter of the charging side's meter when it authorised.
    from_wh: u64,
    seq: u64,
    told_wh: u64,
    /// The transaction that must be final before the next.
    waits_for: u64,
}

/// All members.
#[derive(Debug)]
pub(super) struct Village {
    chain: Hash,
    id: Hash,
    rng: Rng,
    trades: bool,
    meters: Vec<Counter>,
    orders: Vec<(usize, Hash)>,
    deals: Vec<Deal>,
    references: u64,
}

impl Village {
    pub(super) fn new(chain: Hash, plan: &Plan) -> Self {
        Self {
            chain,
            id: plan.microgrid_id(),
            rng: Rng::new(plan.seed, "village"),
            trades: plan.terms().takes_orders(),
            meters: (0..METERS).map(|_| Counter::default()).collect(),
            orders: Vec::new(),
            deals: Vec::new(),
            references: 0,
        }
    }

    /// Somebody's next call, which gets the number `issued`; `open` says of a number whether it is not yet final.
    pub(super) fn next(
        &mut self,
        wall: u64,
        issued: u64,
        open: impl Fn(u64) -> bool,
    ) -> Option<(Sender, Call)> {
        match self.rng.below(100) {
            0..14 => self.read_all(wall),
            14..36 => self.read(wall),
            36..66 if self.trades => Some(self.order(wall)),
            36..86 => self.deal(wall, issued, open),
            86..91 => {
                let wallet = Sender::Wallet(self.rng.index(WALLETS));
                Some((wallet, Call::from(call::energy::PayTab { microgrid: self.id })))
            }
            _ => {
                let mandate = self.rng.coin().then(|| self.mandate(wall));
                let wallet = Sender::Wallet(self.rng.index(WALLETS));
                Some((wallet, Call::from(call::energy::SetMandate { microgrid: self.id, mandate })))
            }
        }
    }

    /// Without a limit, or of one that is soon used up.
    fn mandate(&mut self, wall: u64) -> Mandate {
        let limited = self.rng.coin();
        let amount = Amount(u128::from(self.rng.between(1, 100_000)));
        let period_ms = TimeMs(4 * INTERVAL_MS);
        Mandate {
            per_charge: limited.then_some(amount),
            per_period: limited.then_some(PerPeriod { amount, period_ms }),
            expires_ms: TimeMs(wall + self.rng.between(INTERVAL_MS, 100 * INTERVAL_MS)),
            notice_ms: TimeMs(0),
        }
    }

    /// A meter is read, and sends what it has, or nothing: perhaps late, twice, or the newest first.
    fn read(&mut self, wall: u64) -> Option<(Sender, Call)> {
        let at = self.rng.index(METERS);
        let reading = self.count(at, wall);
        let counter = &mut self.meters[at];
        counter.queue.push_back(reading);
        if counter.queue.len() > QUEUE_MAX {
            counter.queue.pop_front(); // counters are cumulative: nothing is lost with it
        }
        if wall < counter.silent_until {
            return None;
        }
        if self.rng.chance(120) {
            counter.silent_until = wall + self.rng.between(INTERVAL_MS / 2, SILENCE_MS_MAX);
            return None;
        }
        let mut sent: Vec<_> = counter.queue.iter().take(BATCH_MAX).cloned().collect();
        if self.rng.chance(850) {
            counter.queue.drain(..sent.len()); // else they come again
        }
        if self.rng.chance(120) {
            sent.reverse();
        }
        let sender = match self.rng.below(100) {
            0..35 => Sender::Meter(at),
            35..65 => Sender::Wallet(meter_owner(at)),
            65..95 => Sender::Wallet(0),
            _ => Sender::Wallet(OUTSIDER),
        };
        let readings = BoundedVec::new(sent).unwrap_or_default();
        Some((sender, Call::from(call::energy::SubmitReadings { readings })))
    }

    /// The operator reads all meters that are not silent, and sends what they have.
    fn read_all(&mut self, wall: u64) -> Option<(Sender, Call)> {
        let mut sent = Vec::new();
        for at in 0..METERS {
            let reading = self.count(at, wall);
            let counter = &mut self.meters[at];
            counter.queue.push_back(reading);
            if counter.queue.len() > QUEUE_MAX {
                counter.queue.pop_front();
            }
            if wall >= counter.silent_until {
                sent.extend(counter.queue.drain(..));
            }
        }
        sent.truncate(READ_AT_ONCE_MAX);
        let readings = BoundedVec::new(sent).ok().filter(|sent| !sent.is_empty())?;
        Some((Sender::Wallet(0), Call::from(call::energy::SubmitReadings { readings })))
    }

    /// Energy flows through all meters since they were last looked at, and one is read. The first one stands at the
    /// microgrid's own connection: it shows what all others do, and what gets lost.
    fn count(&mut self, at: usize, wall: u64) -> SignedReading {
        for (i, counter) in self.meters.iter_mut().enumerate().skip(1) {
            let most = ((wall - counter.read_ms.min(wall)) / 400).min(STEP_WH_MAX);
            if most == 0 {
                continue;
            }
            counter.read_ms = wall;
            counter.import += self.rng.below(most + 1);
            counter.export += if i > 1 { self.rng.below(2 * most + 1) } else { 0 };
        }
        let sum = |of: fn(&Counter) -> u64| self.meters.iter().skip(1).map(of).sum::<u64>();
        let (import, export) = (sum(|c| c.import), sum(|c| c.export));
        self.meters[0].import = import + import / 16;
        self.meters[0].export = export;
        let reboots = self.rng.chance(20);
        let boot_id = self.rng.next();
        let clock = if self.rng.chance(60) { ClockQuality::Unset } else { ClockQuality::Synced };
        let off_ms = if self.rng.chance(30) { CLOCK_OFF_MS } else { 0 };
        let counter = &mut self.meters[at];
        if reboots {
            (counter.boot_id, counter.booted_ms) = (boot_id, wall);
        }
        counter.seq += 1;
        let key = Sender::Meter(at).key();
        let reading = Reading {
            meter: meter(at),
            seq: counter.seq,
            boot_id: counter.boot_id,
            uptime_ms: wall - counter.booted_ms.min(wall),
            time_ms: TimeMs(wall + off_ms),
            clock,
            import: words(counter.import),
            export: words(counter.export),
        };
        let signature = key.sign(&reading.signing_bytes(&self.chain));
        SignedReading { reading, key: key.public(), signature }
    }

    fn reference(&mut self) -> Hash {
        self.references += 1;
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&self.references.to_le_bytes());
        Hash(bytes)
    }

    /// An order is placed, or taken back.
    fn order(&mut self, wall: u64) -> (Sender, Call) {
        if self.rng.chance(120)
            && let Some((wallet, order)) = self.rng.pick(&self.orders).copied()
        {
            return (Sender::Wallet(wallet), Call::from(call::market::CancelOrder { order }));
        }
        let wallet = self.rng.index(WALLETS);
        let reference = self.reference();
        let interval = IntervalId(wall / INTERVAL_MS + self.rng.between(1, 2));
        let side = if self.rng.coin() { Side::Buy } else { Side::Sell };
        let least = if side == Side::Buy { 150_000 } else { 50_000 };
        let partner = self.rng.chance(200).then(|| account(self.rng.index(WALLETS)));
        let end = (interval.0 + 1) * INTERVAL_MS;
        let expires_ms = self.rng.chance(200).then(|| TimeMs(self.rng.between(wall, end)));
        let call = Call::from(call::market::PlaceOrder {
            microgrid: self.id,
            reference,
            interval,
            side,
            price: Amount(u128::from(self.rng.between(least, least + 200_000))),
            wh: WattHours(self.rng.between(1, 300)),
            partner,
            expires_ms,
        });
        self.orders.push((wallet, order_id(&account(wallet), &reference)));
        (Sender::Wallet(wallet), call)
    }

    /// A deal is asked for, or one goes on.
    fn deal(&mut self, wall: u64, issued: u64, open: impl Fn(u64) -> bool) -> Option<(Sender, Call)> {
        let ready = self.deals.iter().position(|deal| !open(deal.waits_for));
        match ready {
            Some(at) => self.go_on(at, wall, issued),
            None if self.deals.len() < DEALS_MAX => Some(self.request(wall, issued)),
            None => None,
        }
    }

    fn request(&mut self, wall: u64, issued: u64) -> (Sender, Call) {
        let charger = 1 + self.rng.index(2);
        let discharger = if self.rng.coin() { 3 } else { 3 - charger };
        let side = if self.rng.coin() { Side::Buy } else { Side::Sell };
        let requester = if side == Side::Buy { charger } else { discharger };
        let reference = self.reference();
        let wh = self.rng.between(10, 150);
        let id = deal_id(&account(requester), &reference);
        let (stage, waits_for) = (Stage::Requested, issued);
        self.deals.push(Deal {
            id,
            charger,
            discharger,
            requester,
            stage,
            wh,
            from_wh: 0,
            seq: 0,
            told_wh: 0,
            waits_for,
        });
        let call = Call::from(call::deals::RequestDeal {
            microgrid: self.id,
            reference,
            side,
            wh_max: WattHours(wh),
            wh_min: WattHours(1),
            unit_wh: WattHours(self.rng.between(1, 5)),
            price: Amount(u128::from(self.rng.between(100_000, 300_000))),
            expires_ms: TimeMs(wall + self.rng.between(30_000, 600_000)),
        });
        (Sender::Wallet(requester), call)
    }

    fn go_on(&mut self, at: usize, wall: u64, issued: u64) -> Option<(Sender, Call)> {
        let Self { rng, deals, meters, .. } = self;
        let deal = deals.get_mut(at)?;
        let Deal { id, charger, discharger, requester, .. } = *deal;
        let other = charger + discharger - requester;
        deal.waits_for = issued;
        let mut gone = rng.chance(40);
        let (wallet, call) = match deal.stage {
            _ if gone && rng.coin() => (requester, Call::from(call::deals::AbortDeal { deal: id })),
            Stage::Requested => {
                deal.stage = Stage::Accepted;
                let wh_max = WattHours(rng.between(5, 150));
                deal.wh = deal.wh.min(wh_max.0);
                let price = Amount(u128::from(rng.between(100_000, 300_000)));
                (other, Call::from(call::deals::AcceptDeal { request: id, wh_max, price }))
            }
            Stage::Accepted => {
                deal.stage = Stage::Confirmed;
                (requester, Call::from(call::deals::ConfirmDeal { request: id, partner: account(other) }))
            }
            Stage::Confirmed => {
                deal.stage = Stage::Authorised;
                deal.from_wh = meters[charger].import;
                let call = Call::from(call::deals::AuthoriseDeal {
                    deal: id,
                    funding: if rng.coin() { Funding::Balance } else { Funding::Credit },
                    expires_ms: TimeMs(wall + rng.between(60_000, 900_000)),
                    margin_wh: WattHours(rng.below(deal.wh / 12 + 1)),
                    meter: meter(charger),
                });
                (charger, call)
            }
            Stage::Authorised => {
                // The meter may have counted more than it has sent, and so more than has been shown.
                let counted = meters[charger].import - deal.from_wh;
                let cumulative_wh = if rng.chance(150) { counted + rng.below(60) } else { counted * 3 / 4 };
                let cumulative_wh = WattHours(cumulative_wh.max(deal.told_wh));
                deal.seq += 1;
                gone = gone || rng.chance(350);
                if !gone {
                    deal.told_wh = if cumulative_wh.0 < counted { cumulative_wh.0 } else { deal.told_wh };
                }
                let sender = if rng.coin() { Sender::Meter(charger) } else { Sender::Wallet(charger) };
                let call = if gone {
                    Call::from(call::deals::CloseDeal { deal: id, cumulative_wh })
                } else {
                    Call::from(call::deals::ReportUsage { deal: id, seq: deal.seq, cumulative_wh })
                };
                if gone {
                    deals.remove(at);
                }
                return Some((sender, call));
            }
        };
        if gone {
            deals.remove(at); // aborted, or left to run out
        }
        Some((Sender::Wallet(wallet), call))
    }
}

fn words(wh: u64) -> BoundedVec<u16, 4> {
    let wh = u32::try_from(wh).unwrap_or(u32::MAX);
    let (high, low) = (u16::try_from(wh >> 16).unwrap_or(0), u16::try_from(wh & 0xffff).unwrap_or(0));
    BoundedVec::new(vec![high, low]).unwrap_or_default()
}
