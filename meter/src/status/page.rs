//! The status as a page for people: no script, nothing from elsewhere, renewed by the browser.

use super::live::{LiveStatus, MeterStatus};
use crate::relay::Position;
use std::fmt::Display;
use wattle_primitives::WattHours;

/// The page's style sheet.
pub(crate) const CSS: &str = include_str!("status.css");
/// Between two renewals, s.
const REFRESH_S: u32 = 5;

/// Writes the page.
pub(crate) fn render(status: &LiveStatus) -> String {
    let mut body = String::new();
    body.push_str("<h1>Wattle light node</h1>");
    for meter in &status.meters {
        body.push_str(&meter_section(meter));
    }
    body.push_str(&chain_section(status));
    if let Some(relay) = &status.relay {
        let mut rows = Rows::default();
        let name = |p: Option<Position>| match p {
            Some(Position::Connected) => "connected",
            Some(Position::Disconnected) => "disconnected",
            None => "never commanded",
        };
        rows.marked("Position", name(relay.commanded), relay.confirmed != Some(false));
        rows.row("Order", format!("{:?}", relay.order).to_lowercase());
        rows.optional("Waits to be", relay.pending.map(|p| name(Some(p))));
        rows.bad("Failure", relay.error.as_ref());
        body.push_str(&rows.section("Relay"));
    }
    let mut rows = Rows::default();
    rows.row("Clock", format!("{} ({} ms UTC)", status.clock, status.time_ms));
    rows.row("Running for", duration(status.uptime_ms));
    let disk = &status.disk;
    let text = format!("{} of {} bytes an hour", disk.written_bytes_per_hour, disk.budget_bytes_per_hour);
    rows.marked("Written", text, !disk.over_budget);
    rows.row("Version", status.version);
    body.push_str(&rows.section("This computer"));
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Wattle light node</title>\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta http-equiv=\"refresh\" content=\"{REFRESH_S}\"><link rel=\"stylesheet\" href=\"/status.css\">\
         </head><body>{body}<p><a href=\"/status\">JSON</a> · <a href=\"/metrics\">metrics</a></p></body></html>\n"
    )
}

fn meter_section(meter: &MeterStatus) -> String {
    let mut rows = Rows::default();
    rows.bad("Not readable", meter.error.as_ref());
    rows.bad("Not signed", meter.held.as_ref());
    if let Some(watts) = meter.watts {
        let direction = if watts < 0.0 { "giving" } else { "drawing" };
        rows.big("Power", format!("{:.0} W {direction}", watts.abs()));
    }
    if let Some(today) = &meter.today {
        rows.row("Today (UTC)", format!("{} drawn, {} given", kwh(today.import_wh), kwh(today.export_wh)));
    }
    if let (Some(import), Some(export)) = (meter.import_wh, meter.export_wh) {
        rows.row("Counters", format!("{} drawn, {} given", kwh(import), kwh(export)));
    }
    rows.optional("Last read", meter.sample_age_ms.map(|age| format!("{} ago", duration(age))));
    for (name, value) in &meter.quantities {
        rows.row(name, format!("{value:.2}"));
    }
    if let Some(credit) = &meter.credit {
        let text = format!("{} base units at height {}, proven", credit.available, credit.height);
        rows.row("Credit", text);
    }
    if let Some(tariff) = &meter.tariff {
        let text = format!("{} to draw a kWh, {} to give one", tariff.import_price, tariff.export_price);
        rows.row("Prices now", format!("{text}, base units, at height {}, proven", tariff.height));
        if let Some(next) = &tariff.next {
            let text =
                format!("{} and {} from {} ms UTC", next.import_price, next.export_price, next.from_ms);
            rows.row("Prices next", text);
        }
    }
    let refused = meter.refused_by_chain.as_ref();
    let text = refused.map(|r| format!("readings up to {}: {}", r.up_to, r.reason.replace('_', " ")));
    rows.bad("Refused by the chain", text.as_ref());
    if let Some(queue) = &meter.queue {
        rows.row("Readings waiting", queue.depth);
        rows.row("Last reading", format!("{}, on the chain up to {}", queue.last_seq, queue.acked_seq));
        rows.row("Submission", meter.submission.replace('_', " "));
        rows.bad("Dropped unsent", Some(queue.dropped).filter(|n| *n > 0).as_ref());
        rows.optional("Numbers skipped", Some(queue.skipped).filter(|n| *n > 0));
        let gaps: Vec<String> = queue.gaps.iter().map(|(from, to)| format!("{from}–{to}")).collect();
        rows.optional("Gaps", Some(gaps.join(", ")).filter(|text| !text.is_empty()));
    }
    rows.optional("Address", meter.address);
    rows.section(&meter.name)
}

fn chain_section(status: &LiveStatus) -> String {
    let chain = &status.chain;
    let mut rows = Rows::default();
    let words = if chain.believing { "yes" } else { chain.reason.unwrap_or("no") };
    rows.marked("Balances and prices believed", words.replace('_', " "), chain.believing);
    rows.bad("What to do", chain.advice.as_ref());
    rows.row("Chain", &chain.chain_id);
    rows.row("Last final height", format!("{} (epoch {})", chain.height, chain.epoch));
    rows.optional("Its age", chain.age_ms.map(duration));
    rows.row("Trusted until", format!("{} ms UTC", chain.trusted_until_ms));
    rows.marked("Peers", chain.peers, chain.peers > 0);
    rows.bad("Lies caught", Some(chain.lies).filter(|n| *n > 0).as_ref());
    rows.section("Chain")
}

#[derive(Default)]
struct Rows(String);

impl Rows {
    fn put(&mut self, name: &str, class: &str, value: impl Display) {
        let (name, value) = (escape(name), escape(&value.to_string()));
        self.0.push_str(&format!("<tr><th scope=\"row\">{name}</th><td class=\"{class}\">{value}</td></tr>"));
    }

    fn row(&mut self, name: &str, value: impl Display) {
        self.put(name, "", value);
    }

    fn big(&mut self, name: &str, value: impl Display) {
        self.put(name, "big", value);
    }

    fn marked(&mut self, name: &str, value: impl Display, good: bool) {
        self.put(name, if good { "good" } else { "bad" }, value);
    }

    fn optional(&mut self, name: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.row(name, value);
        }
    }

    fn bad(&mut self, name: &str, value: Option<&impl Display>) {
        if let Some(value) = value {
            self.put(name, "bad", value);
        }
    }

    fn section(self, title: &str) -> String {
        format!("<h2>{}</h2><table>{}</table>", escape(title), self.0)
    }
}

/// Names come from a file, telemetry and errors from a meter: none of them is markup.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
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
