//! Decides the relay's position, as a pure function of orders, proven balances, the meter's presence and time.
//!
//! | what holds | position |
//! |---|---|
//! | the operator ordered one | that, until the next order; over restarts too |
//! | `auto`, the meter is lost, `on_meter_lost` names one | that |
//! | `auto`, the proven balance was below `disconnect_below` twice in a row | disconnected |
//! | `auto`, the proven balance is `connect_at` or more | connected |
//! | `auto`, a start, `on_start` names one | that, until a proven balance says otherwise |
//! | otherwise | the one it was last commanded into |
//!
//! A balance that is not proven, or too old, is none: it changes nothing, and a row of proven ones begins anew after
//! it. Two changes are at least `min_switch_interval_ms` apart, whoever wants them; a start counts as a change, so that
//! a light node that fails again and again does not wear the contacts out. After a start the position is commanded once
//! more: the relay may have lost it with the power.

use serde::{Deserialize, Serialize};
use wattle_primitives::Amount;

/// Proven balances below the limit in a row that disconnect.
const LOOKS_TO_DISCONNECT: u32 = 2;

/// Where a relay can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Position {
    /// The customer has power.
    Connected,
    /// The customer has none.
    Disconnected,
}

/// An order of the operator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// The customer has power, until the next order.
    Connect,
    /// The customer has none, until the next order.
    Disconnect,
    /// Proven credit decides.
    #[default]
    Auto,
}

/// The position to take where nothing is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fallback {
    /// The position stays.
    #[default]
    Keep,
    /// The customer gets power.
    Connect,
    /// The customer gets none.
    Disconnect,
}

/// The operator's settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// At a start, in `auto`.
    pub on_start: Fallback,
    /// When the meter cannot be read, in `auto`.
    pub on_meter_lost: Fallback,
    /// Least time between two changes, in ms.
    pub min_switch_interval_ms: u64,
    /// Balance below which to disconnect; never when `None`.
    pub disconnect_below: Option<Amount>,
    /// Balance from which on to connect; never when `None`.
    pub connect_at: Option<Amount>,
}

/// The part that outlives a power cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Saved {
    /// The standing order.
    pub order: Order,
    /// The position last commanded; `None` before the first.
    pub commanded: Option<Position>,
}

/// Everything that can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    /// The operator's word.
    Order(Order),
    /// A look at the chain: the proven balance, or `None` when nothing could be proven or what was is too old.
    Balance(Option<Amount>),
    /// Whether the meter can be read.
    Meter {
        /// It cannot.
        lost: bool,
    },
}

/// The relay's state machine. Times are monotonic ms.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    rules: Rules,
    saved: Saved,
    /// The position was commanded since the start.
    confirmed: bool,
    changed_ms: Option<u64>,
    /// Position that `auto` wants while the meter is there.
    wish: Option<Position>,
    low_looks: u32,
    meter_lost: bool,
}

impl From<Order> for Option<Position> {
    fn from(order: Order) -> Self {
        match order {
            Order::Auto => None,
            Order::Connect => Some(Position::Connected),
            Order::Disconnect => Some(Position::Disconnected),
        }
    }
}

impl From<Fallback> for Option<Position> {
    fn from(fallback: Fallback) -> Self {
        match fallback {
            Fallback::Keep => None,
            Fallback::Connect => Some(Position::Connected),
            Fallback::Disconnect => Some(Position::Disconnected),
        }
    }
}

impl Position {
    const fn other(self) -> Self {
        match self {
            Self::Connected => Self::Disconnected,
            Self::Disconnected => Self::Connected,
        }
    }
}

impl Machine {
    /// The machine after a start.
    #[must_use]
    pub(crate) fn new(rules: Rules, saved: Saved) -> Self {
        let wish = Option::from(rules.on_start).or(saved.commanded);
        Self { rules, saved, confirmed: false, changed_ms: None, wish, low_looks: 0, meter_lost: false }
    }

    /// Order and position, which must be durable before a returned position is commanded.
    #[must_use]
    pub(crate) const fn saved(&self) -> Saved {
        self.saved
    }

    /// The position that is wanted, commanded or not yet; `None` while nobody has said anything.
    #[must_use]
    pub(crate) fn wanted(&self) -> Option<Position> {
        let lost = Option::from(self.rules.on_meter_lost).filter(|_| self.meter_lost);
        Option::from(self.saved.order).or(lost).or(self.wish)
    }

    /// Takes one input. Returns a position to command now: make [`Machine::saved`] durable first.
    pub(crate) fn step(&mut self, now_ms: u64, input: Input) -> Option<Position> {
        match input {
            Input::Order(order) => self.saved.order = order,
            Input::Balance(balance) => self.look(balance),
            Input::Meter { lost } => self.note_meter(lost),
        }
        let wanted = self.wanted()?;
        let changes = self.saved.commanded != Some(wanted);
        if !changes && self.confirmed {
            return None;
        }
        let waited = |at: u64| now_ms.saturating_sub(at) >= self.rules.min_switch_interval_ms;
        if changes && !self.changed_ms.is_none_or(waited) {
            return None;
        }
        self.changed_ms = Some(now_ms);
        self.confirmed = true;
        self.saved.commanded = Some(wanted);
        Some(wanted)
    }

    fn look(&mut self, balance: Option<Amount>) {
        let below = |limit: Option<Amount>| matches!((balance, limit), (Some(b), Some(l)) if b < l);
        let reached = |limit: Option<Amount>| matches!((balance, limit), (Some(b), Some(l)) if b >= l);
        self.low_looks =
            if below(self.rules.disconnect_below) { self.low_looks.saturating_add(1) } else { 0 };
        if self.low_looks >= LOOKS_TO_DISCONNECT {
            self.wish = Some(Position::Disconnected);
        } else if reached(self.rules.connect_at) {
            self.wish = Some(Position::Connected);
        }
    }

    fn note_meter(&mut self, lost: bool) {
        let fallback: Option<Position> = self.rules.on_meter_lost.into();
        // Nobody has ever said anything: when the meter is back, what its loss changed is changed back.
        if let Some(fallback) = fallback.filter(|_| lost && !self.meter_lost && self.wish.is_none()) {
            self.wish = Some(fallback.other());
        }
        self.meter_lost = lost;
    }
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
