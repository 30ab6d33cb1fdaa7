use super::Input::{Balance, Meter};
use super::Position::{Connected, Disconnected};
use super::*;

/// Time passes, and the meter is there.
const TICK: Input = Meter { lost: false };

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
        assert!(want.is_none() || machine.saved().commanded == *want, "{name}: saved before it is commanded");
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
            row(0, TICK, None),
            row(1, bal(9), None),
            row(2, Balance(None), None),
            row(3, bal(9), None),
            row(4, bal(10), None),
            row(5, bal(0), None),
            row(6, bal(0), Some(Disconnected)),
            row(7, bal(49), None),
            row(8, bal(50), None), // not so soon
            row(65, TICK, None),
            row(66, TICK, Some(Connected)),
            row(200, Balance(None), None),
            row(201, Balance(None), None),
            row(900_000, TICK, None),
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
            row(0, TICK, Some(Connected)),
            row(1, Input::Order(Order::Disconnect), None),
            row(60, TICK, Some(Disconnected)),
            row(130, bal(99), None),
            row(131, Meter { lost: true }, None),
        ],
    );
    check(
        "after a restart",
        rules,
        was(Order::Disconnect, Disconnected),
        &[
            row(0, TICK, Some(Disconnected)), // commanded again, not changed
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
            row(0, TICK, Some(Disconnected)),
            row(1, TICK, None),
            row(5, bal(90), None), // a start counts as a change
            row(60, TICK, Some(Connected)),
        ],
    );
    let rules = Rules { on_start: Fallback::Disconnect, ..RULES };
    check("disconnect", rules, was(Order::Auto, Connected), &[row(0, TICK, Some(Disconnected))]);
    check("first start", RULES, Saved::default(), &[row(0, TICK, None), row(1, Meter { lost: false }, None)]);
}

#[test]
fn a_lost_meter_falls_back_and_a_found_one_restores() {
    let rules = Rules { on_meter_lost: Fallback::Disconnect, ..RULES };
    check(
        "lost",
        rules,
        was(Order::Auto, Connected),
        &[
            row(0, TICK, Some(Connected)),
            row(100, Meter { lost: true }, Some(Disconnected)),
            row(101, bal(99), None), // the loss weighs more than credit
            row(200, Meter { lost: false }, Some(Connected)),
        ],
    );
    check(
        "never commanded",
        rules,
        Saved::default(),
        &[row(0, Meter { lost: true }, Some(Disconnected)), row(100, Meter { lost: false }, Some(Connected))],
    );
    check(
        "kept",
        RULES,
        was(Order::Auto, Connected),
        &[
            row(0, TICK, Some(Connected)),
            row(100, Meter { lost: true }, None),
            row(101, bal(1), None),
            row(102, bal(1), Some(Disconnected)),
        ],
    );
}
