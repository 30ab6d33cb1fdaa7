//! The status as a page for people: no script, nothing from elsewhere, renewed by the browser.

use super::live::{LiveStatus, MeterStatus};
use crate::relay::{Position, RelayStatus};
use maud::{DOCTYPE, Markup, html};
use std::fmt::Display;
use wattle_primitives::{TimeMs, WattHours};

/// The page's style sheet.
pub(crate) const CSS: &str = include_str!("status.css");
/// Between two renewals, s.
const REFRESH_S: u32 = 5;

/// Writes the page. Names come from a file, telemetry and errors from a meter: all of them are escaped.
pub(crate) fn render(status: &LiveStatus) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                title { "Wattle light node" }
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="refresh" content=(REFRESH_S);
                link rel="stylesheet" href="/status.css";
            }
            body {
                h1 { "Wattle light node" }
                @for one in &status.meters { (section(&one.facts.name, meter(one))) }
                (section("Chain", chain(status)))
                @if let Some(one) = &status.relay { (section("Relay", relay(status, one))) }
                (section("This computer", computer(status)))
                p { a href="/status" { "JSON" } " · " a href="/metrics" { "metrics" } }
            }
        }
    };
    page.into_string()
}

fn meter(status: &MeterStatus) -> Markup {
    let MeterStatus { facts: meter, .. } = status;
    let kwh_both = |import, export| format!("{} drawn, {} given", kwh(import), kwh(export));
    let watts =
        status.watts.map(|w| format!("{:.0} W {}", w.abs(), if w < 0.0 { "giving" } else { "drawing" }));
    let tariff = status.tariff.as_ref();
    let prices = tariff.map(|t| {
        let now = format!("{} to draw a kWh, {} to give one", t.import_price, t.export_price);
        format!("{now}, base units, at height {}, proven", t.height)
    });
    let next = tariff
        .and_then(|t| t.next)
        .map(|next| format!("{} and {} from {} ms UTC", next.import_price, next.export_price, next.from_ms));
    let refused = meter.refusal.as_ref();
    let refused =
        refused.map(|r| format!("readings up to {}: {}", r.up_to, r.reason.name().replace('_', " ")));
    let credit = meter.credit.as_ref();
    html! {
        (bad("Not readable", meter.error.as_ref()))
        (bad("Not signed", meter.held))
        @if let Some(watts) = watts { (row("Power", "big", watts)) }
        (plain("Today (UTC)", meter.today.map(|today| kwh_both(today.import_wh, today.export_wh))))
        (plain("Counters", meter.import_wh.zip(meter.export_wh).map(|(import, export)| kwh_both(import, export))))
        (plain("Last read", status.sample_age_ms.map(|age| format!("{} ago", duration(age)))))
        @for (name, value) in &meter.quantities { (row(name, "", format_args!("{value:.2}"))) }
        (plain("Credit", credit.map(|c| format!("{} base units at height {}, proven", c.available, c.height))))
        (plain("Prices now", prices))
        (plain("Prices next", next))
        (bad("Refused by the chain", refused))
        @if let Some(queue) = &status.queue {
            (row("Readings waiting", "", queue.depth))
            (row("Last reading", "", format_args!("{}, on the chain up to {}", queue.last_seq, queue.acked_seq)))
            (row("Submission", "", meter.submission.replace('_', " ")))
            (bad("Dropped unsent", Some(queue.dropped).filter(|n| *n > 0)))
            (plain("Numbers skipped", Some(queue.skipped).filter(|n| *n > 0)))
            (plain("Gaps", Some(gaps(&queue.gaps)).filter(|text| !text.is_empty())))
        }
        (plain("Address", meter.address))
    }
}

fn chain(status: &LiveStatus) -> Markup {
    let chain = &status.chain;
    let believed = if chain.believing { "yes" } else { chain.reason.unwrap_or("no") };
    html! {
        (marked("Balances and prices believed", believed.replace('_', " "), chain.believing))
        (bad("What to do", chain.advice.as_ref()))
        (row("Chain", "", &chain.chain_id))
        (row("Last final height", "", format_args!("{} (epoch {})", chain.height, chain.epoch)))
        (plain("Its age", chain.age_ms.map(duration)))
        (row("Trusted until", "", format_args!("{} ms UTC", chain.trusted_until_ms)))
        @match &chain.visits {
            Some(visits) => {
                @let done = format!("every {}: {} done, {} failed", duration(visits.interval_ms), visits.done, visits.failed);
                (marked("Visits on demand", done, visits.failed_since_last == 0))
                (plain("Last visit", visits.last_ms.map(|last| format!("{} ago", since(status, last)))))
            }
            None => (marked("Peers", chain.peers, chain.peers > 0))
        }
        (bad("Lies caught", Some(chain.lies).filter(|n| *n > 0)))
    }
}

fn relay(status: &LiveStatus, relay: &RelayStatus) -> Markup {
    let seen = status.chain.visits.as_ref().map(|visits| match visits.last_ms {
        Some(last) => format!("seen {} ago, at the last visit", since(status, last)),
        None => "none seen yet".to_owned(),
    });
    let name = |position: Option<Position>| match position {
        Some(Position::Connected) => "connected",
        Some(Position::Disconnected) => "disconnected",
        None => "never commanded",
    };
    html! {
        (marked("Position", name(relay.commanded), relay.confirmed != Some(false)))
        (row("Order", "", format!("{:?}", relay.order).to_lowercase()))
        (plain("Balances that move it", seen))
        (plain("Waits to be", relay.pending.map(|position| name(Some(position)))))
        (bad("Failure", relay.error.as_ref()))
    }
}

fn computer(status: &LiveStatus) -> Markup {
    let disk = &status.disk;
    let written = format!("{} of {} bytes an hour", disk.written_bytes_per_hour, disk.budget_bytes_per_hour);
    html! {
        (row("Clock", "", format_args!("{} ({} ms UTC)", status.clock, status.time_ms)))
        (row("Running for", "", duration(status.uptime_ms)))
        (marked("Written", written, !disk.over_budget))
        (row("Version", "", status.version))
    }
}

fn section(title: &str, rows: Markup) -> Markup {
    html! { h2 { (title) } table { (rows) } }
}

fn row(name: &str, class: &str, value: impl Display) -> Markup {
    html! { tr { th scope="row" { (name) } td class=(class) { (maud::display(value)) } } }
}

fn marked(name: &str, value: impl Display, good: bool) -> Markup {
    row(name, if good { "good" } else { "bad" }, value)
}

fn plain(name: &str, value: Option<impl Display>) -> Markup {
    html! { @if let Some(value) = value { (row(name, "", value)) } }
}

fn bad(name: &str, value: Option<impl Display>) -> Markup {
    html! { @if let Some(value) = value { (row(name, "bad", value)) } }
}

/// Time since `then`.
fn since(status: &LiveStatus, then: TimeMs) -> String {
    duration(status.time_ms.0.saturating_sub(then.0))
}

fn gaps(gaps: &[(u64, u64)]) -> String {
    gaps.iter().map(|(from, to)| format!("{from}–{to}")).collect::<Vec<_>>().join(", ")
}

fn kwh(energy: WattHours) -> String {
    format!("{}.{:03} kWh", energy.0 / 1000, energy.0 % 1000)
}

fn duration(ms: u64) -> String {
    let s = ms / 1000;
    match s {
        0..60 => format!("{s} s"),
        60..3600 => format!("{} min {} s", s / 60, s % 60),
        3600..86_400 => format!("{} h {} min", s / 3600, s % 3600 / 60),
        _ => format!("{} d {} h", s / 86_400, s % 86_400 / 3600),
    }
}
