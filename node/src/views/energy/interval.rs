//! Where an interval stands, and what the microgrid's statement tells of it.

use crate::views::{NodeBackend, View, events, storage};
use wattle_primitives::event::{EnergyEvent, MarketEvent};
use wattle_primitives::units::IntervalId;
use wattle_primitives::{Address, Event, Hash, TimeMs, WattHours};
use wattle_rpc_types::{
    EventItem, IntervalInfo, IntervalState, MeasuredInfo, RpcError, RpcResult, SettlementInfo,
};
use wattle_runtime::modules::energy::records::{Agenda, Interval, Measured, Microgrid, Step};
use wattle_runtime::store::Towards;
use wattle_runtime::{keys, query};

/// Lines read at once.
const LINES_AT_ONCE: usize = 200;
/// Most lines looked at for one step of an interval: what is due at one time is worked off in the order of intervals,
/// so that only a long halt of the chain puts many lines before it.
const INTERVAL_LINES_MAX: usize = 2000;

/// An interval, by its record while there is work on it and by the statement.
///
/// # Errors
/// `not_found` for an interval before the first terms: nothing of it was ever settled.
pub(super) fn info(
    node: &NodeBackend,
    view: &View,
    microgrid: Hash,
    grid: &Microgrid,
    interval: IntervalId,
) -> RpcResult<IntervalInfo> {
    let events = told(node, view, &microgrid, grid, interval)?;
    let found = view.state.read(keys::interval(&microgrid, interval));
    let mut value = IntervalInfo {
        microgrid,
        interval,
        start_ms: grid.start(interval),
        end_ms: grid.end(interval),
        state: state(grid.agenda.as_ref(), interval, found.as_ref().map(|found| found.step)),
        orders: found.as_ref().map(|found| found.orders),
        traded_wh: WattHours::ZERO,
        trades: None,
        price: None,
        settlement: found.as_ref().map(settlement_info),
        events,
    };
    if value.orders.is_none() && value.state != IntervalState::Final {
        value.orders = Some(0);
    }
    for item in &value.events {
        if let Event::Market(MarketEvent::MarketCleared { price, wh, trades, .. }) = &item.event {
            (value.price, value.traded_wh, value.trades) = (*price, *wh, Some(*trades));
        }
        if let Event::Energy(EnergyEvent::IntervalSettled { traded_wh, .. }) = &item.event {
            value.traded_wh = *traded_wh;
        }
    }
    // While the work is under way its record knows more: deals as well.
    if let Some(found) = found {
        value.traded_wh = value.traded_wh.max(found.traded_wh);
    }
    Ok(value)
}

/// The events of an interval in the microgrid's statement: cleared, settled, final, as far as it has come.
///
/// # Errors
/// `not_found` for an interval before the first terms: nothing of it was ever settled.
pub(in crate::views) fn told(
    node: &NodeBackend,
    view: &View,
    microgrid: &Hash,
    grid: &Microgrid,
    interval: IntervalId,
) -> RpcResult<Vec<EventItem>> {
    let missing = || RpcError::not_found("interval", interval);
    let terms = query::terms_at(&view.state, microgrid, interval).ok_or_else(missing)?.1.terms;
    let (start, end) = (grid.start(interval), grid.end(interval));
    let Some(agenda) = grid.agenda else { return Ok(Vec::new()) };
    let done = [
        (interval < agenda.clear && terms.takes_orders(), start.saturating_sub(terms.gate_closure_ms)),
        (interval < agenda.settle, end.saturating_add(terms.grace_ms)),
        (interval < agenda.finalize, end.saturating_add(terms.late_window_ms)),
    ];
    statement_of(node, microgrid, interval, done.map(|(done, due)| done.then_some(due)))
}

/// Looks for the events that clear, settle and end an interval, each from the time on at which it was due; `None` where
/// that has not happened.
fn statement_of(
    node: &NodeBackend,
    microgrid: &Hash,
    interval: IntervalId,
    due: [Option<TimeMs>; 3],
) -> RpcResult<Vec<EventItem>> {
    let (store, subject) = (&node.shared.store, Address::of_microgrid(microgrid));
    let mut found = Vec::new();
    for (kind, due) in due.into_iter().enumerate() {
        let Some(due) = due else { continue };
        let mut next = Some((store.height_at(due).map_err(storage)?, 0));
        let mut looked = 0usize;
        while let Some(from) = next.filter(|_| looked < INTERVAL_LINES_MAX) {
            let page = store.statement(&subject, from, Towards::Newer, LINES_AT_ONCE).map_err(storage)?;
            looked = looked.saturating_add(page.items.len());
            let line = page.items.into_iter().find(|item| step_of(&item.event, interval) == Some(kind));
            next = page.next.filter(|_| line.is_none());
            found.extend(line);
        }
    }
    events::dated(node, found)
}

/// Which of its steps an event tells of the interval.
fn step_of(event: &Event, wanted: IntervalId) -> Option<usize> {
    let (step, interval) = if let Event::Market(MarketEvent::MarketCleared { interval, .. }) = event {
        (0, interval)
    } else if let Event::Energy(EnergyEvent::IntervalSettled { interval, .. }) = event {
        (1, interval)
    } else if let Event::Energy(EnergyEvent::IntervalFinal { interval, .. }) = event {
        (2, interval)
    } else {
        return None;
    };
    (*interval == wanted).then_some(step)
}

/// Where an interval stands: by the step under way, or by what the microgrid has done.
fn state(agenda: Option<&Agenda>, interval: IntervalId, step: Option<Step>) -> IntervalState {
    let Some(agenda) = agenda else { return IntervalState::Open };
    match step {
        Some(Step::Release { .. }) => IntervalState::Clearing,
        Some(
            Step::Measure { .. }
            | Step::Sum { .. }
            | Step::Post { .. }
            | Step::Claim { .. }
            | Step::Pay { .. },
        ) => IntervalState::Settling,
        None | Some(Step::Open | Step::Cleared | Step::Settled | Step::Finish { .. }) => {
            if interval < agenda.finalize {
                IntervalState::Final
            } else if interval < agenda.settle {
                IntervalState::Settled
            } else if interval < agenda.clear {
                IntervalState::Cleared
            } else {
                IntervalState::Open
            }
        }
    }
}

const fn settlement_info(found: &Interval) -> SettlementInfo {
    SettlementInfo {
        accounts: found.accounts,
        members: measured(&found.subs),
        feeders: measured(&found.feeders),
    }
}

const fn measured(sums: &Measured) -> MeasuredInfo {
    let Measured { meters, estimated, import_wh, export_wh } = *sums;
    MeasuredInfo { meters, estimated, import_wh, export_wh }
}
