//! The status as Prometheus text. Base units; counters end in `_total`; no label names an account.

use super::live::{LiveStatus, MeterStatus};
use std::fmt::{Display, Write};
use wattle_primitives::Amount;

/// Writes every metric.
pub(crate) fn render(status: &LiveStatus) -> String {
    let mut out = Text::default();
    out.family("wattle_light_build_info", "gauge", "Always 1.");
    out.sample("wattle_light_build_info", &[("version", status.version)], 1);
    out.family("wattle_light_clock_info", "gauge", "Always 1: what the clock is worth.");
    out.sample("wattle_light_clock_info", &[("quality", status.clock)], 1);
    out.single("wattle_light_uptime_seconds", "gauge", "Since the start.", seconds(status.uptime_ms));
    chain(&mut out, status);
    meters(&mut out, &status.meters);
    queues(&mut out, &status.meters);
    if let Some(relay) = &status.relay {
        let connected = relay.commanded.map(|p| u8::from(p == crate::relay::Position::Connected));
        if let Some(connected) = connected {
            out.single(
                "wattle_light_relay_connected",
                "gauge",
                "1 when last commanded to connect.",
                connected,
            );
        }
        let failing = u8::from(relay.confirmed == Some(false));
        out.single("wattle_light_relay_failing", "gauge", "1 when the last command failed.", failing);
        out.single("wattle_light_relay_commands_total", "counter", "Commands given.", relay.commands);
    }
    let disk = &status.disk;
    let help = "Bytes of pages written.";
    out.single("wattle_light_written_bytes_total", "counter", help, disk.written_bytes);
    let help = "Bytes of pages written within the last hour.";
    out.single("wattle_light_written_bytes_per_hour", "gauge", help, disk.written_bytes_per_hour);
    let help = "Bytes that may be written in an hour.";
    out.single("wattle_light_write_budget_bytes_per_hour", "gauge", help, disk.budget_bytes_per_hour);
    out.0
}

fn chain(out: &mut Text, status: &LiveStatus) {
    let chain = &status.chain;
    out.single("wattle_light_head_height", "gauge", "The newest header believed.", chain.height);
    if let Some(age_ms) = chain.age_ms {
        out.single("wattle_light_head_age_seconds", "gauge", "Its age.", seconds(age_ms));
    }
    let until = seconds(chain.trusted_until_ms.0);
    out.single("wattle_light_trusted_until_timestamp_seconds", "gauge", "When trust ends.", until);
    let believing = u8::from(chain.believing);
    out.single("wattle_light_believing", "gauge", "1 while balances and prices are believed.", believing);
    out.family("wattle_light_doubt", "gauge", "1 for the reason why nothing is believed.");
    for reason in ["trust_expired", "peers_disagree", "nothing_verified"] {
        out.sample("wattle_light_doubt", &[("reason", reason)], u8::from(chain.reason == Some(reason)));
    }
    out.single("wattle_light_peers", "gauge", "Peers that can be asked.", chain.peers);
    out.single("wattle_light_lies_total", "counter", "Answers that no honest peer gives.", chain.lies);
    let help = "Times that a second peer had the same header.";
    out.single("wattle_light_agreements_total", "counter", help, chain.agreements);
}

fn meters(out: &mut Text, meters: &[MeterStatus]) {
    let mut each = |name: &str, kind: &str, help: &str, value: &dyn Fn(&MeterStatus) -> Option<f64>| {
        out.family(name, kind, help);
        for meter in meters {
            if let Some(value) = value(meter).filter(|value| value.is_finite()) {
                out.sample(name, &[("meter", &meter.name)], value);
            }
        }
    };
    each("wattle_light_meter_power_watts", "gauge", "Net power, positive while importing.", &|m| m.watts);
    let wh = |value: Option<wattle_primitives::WattHours>| value.map(|wh| lossy(wh.0) * 3600.0);
    let help = "Import counter.";
    each("wattle_light_meter_import_joules_total", "counter", help, &|m| wh(m.import_wh));
    let help = "Export counter.";
    each("wattle_light_meter_export_joules_total", "counter", help, &|m| wh(m.export_wh));
    let help = "Age of the last good sample.";
    each("wattle_light_meter_sample_age_seconds", "gauge", help, &|m| m.sample_age_ms.map(seconds));
    each("wattle_light_meter_samples_total", "counter", "Samples.", &|m| Some(lossy(m.samples)));
    each("wattle_light_meter_failures_total", "counter", "Failed samples.", &|m| Some(lossy(m.failures)));
    // Up to 2^53 base units exactly, which is more than a graph needs.
    let price = |price: Amount| lossy(u64::try_from(price.0).unwrap_or(u64::MAX));
    let help = "Proven price of a kWh from the grid now, base units.";
    each("wattle_light_import_price_units_per_kwh", "gauge", help, &|m| {
        m.tariff.map(|t| price(t.import_price))
    });
    let help = "Proven price of a kWh to the grid now, base units.";
    each("wattle_light_export_price_units_per_kwh", "gauge", help, &|m| {
        m.tariff.map(|t| price(t.export_price))
    });
    let help = "Height at which the prices were proven.";
    each("wattle_light_tariff_height", "gauge", help, &|m| m.tariff.map(|t| lossy(t.height.0)));
    out.family("wattle_light_refused_by_chain", "gauge", "1 for the reason why readings are refused.");
    for meter in meters {
        if let Some(refused) = meter.refused_by_chain {
            let labels = [("meter", meter.name.as_str()), ("reason", refused.reason)];
            out.sample("wattle_light_refused_by_chain", &labels, 1);
        }
    }
}

fn queues(out: &mut Text, meters: &[MeterStatus]) {
    let mut each = |name: &str, kind: &str, help: &str, value: &dyn Fn(&super::live::QueueFacts) -> u64| {
        out.family(name, kind, help);
        for meter in meters {
            if let Some(queue) = &meter.queue {
                out.sample(name, &[("meter", &meter.name)], value(queue));
            }
        }
    };
    let depth = |q: &super::live::QueueFacts| u64::try_from(q.depth).unwrap_or(u64::MAX);
    each("wattle_light_queue_readings", "gauge", "Readings that wait.", &depth);
    each("wattle_light_queue_last_seq", "gauge", "Last number given out.", &|q| q.last_seq);
    each("wattle_light_queue_acked_seq", "gauge", "Number that the chain is proven to have.", &|q| {
        q.acked_seq
    });
    each("wattle_light_queue_dropped_total", "counter", "Readings dropped unsent.", &|q| q.dropped);
    each("wattle_light_queue_skipped_total", "counter", "Numbers that no reading will have.", &|q| q.skipped);
}

#[expect(clippy::cast_precision_loss, reason = "for a graph")]
const fn lossy(value: u64) -> f64 {
    value as f64
}

fn seconds(ms: u64) -> f64 {
    lossy(ms) / 1000.0
}

#[derive(Default)]
struct Text(String);

impl Text {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a string does not fail.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        let escape = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let labels: Vec<String> = labels.iter().map(|(k, v)| format!("{k}=\"{}\"", escape(v))).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _ = writeln!(self.0, "{name}{labels} {value}");
    }

    fn single(&mut self, name: &str, kind: &str, help: &str, value: impl Display) {
        self.family(name, kind, help);
        self.sample(name, &[], value);
    }
}
