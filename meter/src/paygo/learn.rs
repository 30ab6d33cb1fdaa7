//! Takes in what the chain is proven to know of the device: what it has of the device's redemptions, and tokens that
//! others have reported for it.
//!
//! | the chain has used a count that the device has not | then |
//! |---|---|
//! | of a token that adds | the device counts it as used, and its credit grows by what the chain gave for it |
//! | of one that sets or synchronizes | all before it are void; the device takes the chain's credit over |
//! | of one that ended payment control | the device supplies whatever is left |
//!
//! So a token gives credit once, whoever reports it first: typed later it is used; typed before, the chain has it from
//! somebody and needs no second report. Credit is taken over when the chain has all that the device has redeemed, since
//! only then it is whole. Until a first look nothing is known to be somebody else's: that look gives nothing, unless
//! the device has never taken a token, as after the loss of its directory.

use super::device::Paygo;
use super::state::{Known, Redeemed, State};
use super::{Rules, Unit};
use openpaygo::{Count, Window};
use wattle_host::FileError;
use wattle_primitives::call::paygo::{CreditUnit, FirmwareProfile};
use wattle_primitives::state_key::{BalanceRecord, DeviceRecord, DeviceStatus};
use wattle_primitives::{PublicKey, WattHours, planted};

/// Proven records of a device, all in one state.
#[derive(Clone, Debug)]
pub(crate) struct Proven {
    pub(crate) record: DeviceRecord,
    /// Its energy.
    pub(crate) balance: BalanceRecord,
}

impl Paygo {
    /// Takes a proven record in. `key` is that with which this device signs its redemptions.
    ///
    /// # Errors
    /// The disk's; nothing has changed.
    pub(crate) fn learn(&mut self, proven: &Proven, key: &PublicKey) -> Result<(), FileError> {
        let Proven { record, balance } = proven;
        let given = u64::try_from(balance.credits_posted).unwrap_or(u64::MAX);
        let chain = Known::of(record, WattHours(given));
        self.compare(record, key);
        let (mut next, mut tokens) = (self.state.clone(), self.device.state());
        let window = tokens.window;
        let open = |count: &u32| *count > window.last().0 || window.is_open(Count(*count));
        let reported: Vec<Redeemed> = drain(&mut next.waiting, |redeemed| chain.is_over(&redeemed.token));
        let before = next.chain.replace(chain);
        let news = |count: &u32| chain.has(*count) && before.is_none_or(|before| !before.has(*count));
        let foreign: Vec<u32> = chain.counts().filter(news).filter(open).collect();
        tokens.window = join(window, &chain);
        match before {
            None => next.adopt |= next.is_new(),
            Some(_) if foreign.is_empty() => {}
            Some(before) => {
                tracing::info!(counts = ?foreign, "tokens were redeemed elsewhere");
                if foreign.iter().any(|count| !Count(*count).is_even()) {
                    let ended = record.status == DeviceStatus::Unlocked;
                    next.credit.unlocked |= ended;
                    next.adopt |= !ended;
                } else {
                    self.grow(&mut next, chain.given.saturating_sub(before.given), &reported);
                }
            }
        }
        self.take_over(&mut next, proven);
        if next == self.state && tokens == self.device.state() { Ok(()) } else { self.keep(next, tokens) }
    }

    /// Adds what the chain has given beyond what the device's own redemptions were worth.
    fn grow(&self, next: &mut State, given: WattHours, reported: &[Redeemed]) {
        if self.rules.unit == Unit::Time {
            next.adopt = true;
            return;
        }
        let raw = self.rules.raw();
        let own = reported
            .iter()
            .fold(0u64, |sum, redeemed| sum.saturating_add(raw.saturating_mul(redeemed.token.value.into())));
        let gift = given.0.saturating_sub(own);
        if gift > 0 && !next.credit.unlocked {
            next.credit.put(next.credit.left.saturating_add(gift));
        }
    }

    /// Has the chain's credit from now on, if it is to and the chain has all redemptions.
    fn take_over(&self, next: &mut State, proven: &Proven) {
        let whole = next.waiting.is_empty() || planted!("light-half-credit-taken-over");
        if !next.adopt || !whole {
            return;
        }
        let left = match (self.rules.unit, self.look.clock) {
            (Unit::WattHours, _) => u64::try_from(proven.balance.available().0).unwrap_or(u64::MAX),
            (Unit::Time, Some(now)) => proven.record.active_until_ms.saturating_sub(now).0,
            (Unit::Time, None) => return, // nobody can tell yet
        };
        next.credit.put(left);
        next.credit.unlocked = proven.record.status == DeviceStatus::Unlocked;
        next.adopt = false;
    }

    /// Notes what record and settings say differently: then the chain refuses redemptions, or counts them otherwise.
    fn compare(&mut self, record: &DeviceRecord, key: &PublicKey) {
        let Rules { unit, unit_size, divider, .. } = self.rules;
        let (its_unit, its_size) = match record.unit {
            CreditUnit::WattHours { per_unit } => (Unit::WattHours, per_unit.0),
            CreditUnit::Time { per_unit } => (Unit::Time, per_unit.0),
        };
        let mismatch = if (its_unit, its_size, record.divider) != (unit, unit_size, divider) {
            Some("it is registered with another unit or divider")
        } else if record.profile != FirmwareProfile::Own {
            Some("it is registered with another profile than own")
        } else if record.key.as_ref() != Some(key) {
            Some("it is registered with another redemption key")
        } else {
            None
        };
        if mismatch != self.mismatch {
            if let Some(mismatch) = mismatch {
                tracing::error!(device = %self.rules.device, mismatch, "pay-as-you-go device");
            }
            self.mismatch = mismatch;
        }
    }
}

/// The window with what the chain has taken, too. It never goes back.
fn join(window: Window, chain: &Known) -> Window {
    if planted!("light-foreign-count-open") {
        return window;
    }
    let last = window.last().max(Count(chain.count));
    let theirs = chain.counts().filter(|count| chain.has(*count)).map(Count);
    Window::with_used(last, window.used().chain(theirs))
}

/// Takes out what holds.
fn drain(list: &mut Vec<Redeemed>, holds: impl FnMut(&Redeemed) -> bool) -> Vec<Redeemed> {
    let (out, rest): (Vec<_>, Vec<_>) = list.drain(..).partition(holds);
    *list = rest;
    out
}
