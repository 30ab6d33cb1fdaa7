//! Which position a relay is to be in, as a pure function of orders, proven balances, the meter's presence and time.
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
//! What is not proven, or is too old, is no balance: it changes nothing, and a row of proven ones begins anew after it.
//! Two changes are at least `min_switch_interval_ms` apart, whoever wants them; a start counts as a change, so that a
//! light node that fails again and again does not wear the contacts out. After a start the position is commanded once
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

/// Who decides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Proven credit.
    #[default]
    Auto,
    /// The operator: connected.
    Connect,
    /// The operator: disconnected.
    Disconnect,
}

/// What is done where nothing is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fallback {
    /// The position stays.
    #[default]
    Keep,
    /// Connected.
    Connect,
    /// Disconnected.
    Disconnect,
}

/// What the operator has set.
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

/// What outlives a power cut.
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
pub enum Input {
    /// The operator's word.
    Order(Order),
    /// A look at the chain: the proven balance, or `None` when nothing could be proven or what was is too old.
    Balance(Option<Amount>),
    /// Whether the meter can be read.
    Meter {
        /// It cannot.
        lost: bool,
    },
    /// Time passes.
    Tick,
}

/// The relay's state machine. Times are monotonic ms.
#[derive(Clone, Debug)]
pub struct Machine {
    rules: Rules,
    saved: Saved,
    /// The position was commanded since the start.
    confirmed: bool,
    changed_ms: Option<u64>,
    /// What `auto` wants while the meter is there.
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
    pub fn new(rules: Rules, saved: Saved) -> Self {
        let wish = Option::from(rules.on_start).or(saved.commanded);
        Self { rules, saved, confirmed: false, changed_ms: None, wish, low_looks: 0, meter_lost: false }
    }

    /// What must be durable before the returned position is commanded.
    #[must_use]
    pub const fn saved(&self) -> Saved {
        self.saved
    }

    /// The position that is wanted, commanded or not yet; `None` while nobody has said anything.
    #[must_use]
    pub fn wanted(&self) -> Option<Position> {
        let lost = Option::from(self.rules.on_meter_lost).filter(|_| self.meter_lost);
        Option::from(self.saved.order).or(lost).or(self.wish)
    }

    /// Takes one input. Returns a position to command now: make [`Machine::saved`] durable first.
    pub fn step(&mut self, now_ms: u64, input: Input) -> Option<Position> {
        match input {
            Input::Order(order) => self.saved.order = order,
            Input::Balance(balance) => self.look(balance),
            Input::Meter { lost } => self.note_meter(lost),
            Input::Tick => {}
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
mod tests {
    use super::Input::{Balance, Meter, Tick};
    use super::Position::{Connected, Disconnected};
    use super::*;

    const RULES: Rules = Rules {
        on_start: Fallback::Keep,
        on_meter_lost: Fallback::Keep,
        min_switch_interval_ms: 60_000,
        disconnect_below: Some(Amount(10)),
        connect_at: Some(Amount(50)),
    };

    struct Row {
        at_s: u64,
        input: Input,
        want: Option<Position>,
    }

    const fn row(at_s: u64, input: Input, want: Option<Position>) -> Row {
        Row { at_s, input, want }
    }

    fn check(name: &str, rules: Rules, saved: Saved, rows: &[Row]) {
        let mut machine = Machine::new(rules, saved);
        for (number, Row { at_s, input, want }) in rows.iter().enumerate() {
            assert_eq!(machine.step(at_s * 1000, *input), *want, "{name}, row {number}: {input:?}");
            assert!(
                want.is_none() || machine.saved().commanded == *want,
                "{name}: saved before it is commanded"
            );
        }
    }

    const fn bal(units: u128) -> Input {
        Balance(Some(Amount(units)))
    }

    fn was(order: Order, commanded: Position) -> Saved {
        Saved { order, commanded: Some(commanded) }
    }

    #[test]
    fn credit_disconnects_after_two_proven_looks_in_a_row_and_never_on_less() {
        check(
            "credit",
            RULES,
            Saved::default(),
            &[
                row(0, Tick, None),
                row(1, bal(9), None),
                row(2, Balance(None), None),
                row(3, bal(9), None),
                row(4, bal(10), None),
                row(5, bal(0), None),
                row(6, bal(0), Some(Disconnected)),
                row(7, bal(49), None),
                row(8, bal(50), None), // not so soon
                row(65, Tick, None),
                row(66, Tick, Some(Connected)),
                row(200, Balance(None), None),
                row(201, Balance(None), None),
                row(900_000, Tick, None),
            ],
        );
        let never = Rules { disconnect_below: None, connect_at: None, ..RULES };
        check(
            "no limits",
            never,
            Saved::default(),
            &[row(0, bal(0), None), row(1, bal(0), None), row(2, bal(99), None)],
        );
    }

    #[test]
    fn an_order_stands_over_credit_loss_and_restart_until_the_next_one() {
        let rules = Rules { on_start: Fallback::Connect, on_meter_lost: Fallback::Connect, ..RULES };
        check(
            "order",
            rules,
            Saved::default(),
            &[
                row(0, Tick, Some(Connected)),
                row(1, Input::Order(Order::Disconnect), None),
                row(60, Tick, Some(Disconnected)),
                row(130, bal(99), None),
                row(131, Meter { lost: true }, None),
            ],
        );
        check(
            "after a restart",
            rules,
            was(Order::Disconnect, Disconnected),
            &[
                row(0, Tick, Some(Disconnected)), // commanded again, not changed
                row(1, bal(99), None),
                row(61, Input::Order(Order::Auto), Some(Connected)),
            ],
        );
    }

    #[test]
    fn a_start_restores_or_falls_back_and_does_not_flap() {
        check(
            "keep",
            RULES,
            was(Order::Auto, Disconnected),
            &[
                row(0, Tick, Some(Disconnected)),
                row(1, Tick, None),
                row(5, bal(90), None), // a start counts as a change
                row(60, Tick, Some(Connected)),
            ],
        );
        let rules = Rules { on_start: Fallback::Disconnect, ..RULES };
        check("disconnect", rules, was(Order::Auto, Connected), &[row(0, Tick, Some(Disconnected))]);
        check(
            "first start",
            RULES,
            Saved::default(),
            &[row(0, Tick, None), row(1, Meter { lost: false }, None)],
        );
    }

    #[test]
    fn a_lost_meter_falls_back_and_a_found_one_restores() {
        let rules = Rules { on_meter_lost: Fallback::Disconnect, ..RULES };
        check(
            "lost",
            rules,
            was(Order::Auto, Connected),
            &[
                row(0, Tick, Some(Connected)),
                row(100, Meter { lost: true }, Some(Disconnected)),
                row(101, bal(99), None), // the loss weighs more than credit
                row(200, Meter { lost: false }, Some(Connected)),
            ],
        );
        check(
            "never commanded",
            rules,
            Saved::default(),
            &[
                row(0, Meter { lost: true }, Some(Disconnected)),
                row(100, Meter { lost: false }, Some(Connected)),
            ],
        );
        check(
            "kept",
            RULES,
            was(Order::Auto, Connected),
            &[
                row(0, Tick, Some(Connected)),
                row(100, Meter { lost: true }, None),
                row(101, bal(1), None),
                row(102, bal(1), Some(Disconnected)),
            ],
        );
    }
}
