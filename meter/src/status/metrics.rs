//! The status as Prometheus text: every name begins with `wattle_light_`, units are base units, counters end in
//! `_total`, and no label names an account.

use super::live::LiveStatus;
use crate::relay::Position;
use prometheus::TextEncoder;
use prometheus::proto::{Counter, Gauge, LabelPair, Metric, MetricFamily, MetricType};
use std::collections::BTreeMap;
use wattle_primitives::{Amount, WattHours};

/// Writes every metric that has a value.
///
/// # Errors
/// None that the encoder knows: names and help are constants, and a family has at least one sample.
pub(crate) fn render(status: &LiveStatus) -> Result<String, prometheus::Error> {
    let mut out = Families::default();
    let LiveStatus { chain, disk, .. } = status;
    let relay = status.relay.as_ref();
    let connected = relay.and_then(|relay| relay.commanded).map(|p| flag(p == Position::Connected));
    out.add("build_info", "Always 1.", &[("version", status.version)], Some(1.0));
    out.add("clock_info", "Always 1: what the clock is worth.", &[("quality", status.clock)], Some(1.0));
    let visits = chain.visits.as_ref();
    for (name, help, value) in [
        ("uptime_seconds", "Since the start.", Some(seconds(status.uptime_ms))),
        ("head_height", "The newest header believed.", Some(lossy(chain.height.0))),
        ("head_age_seconds", "Its age.", chain.age_ms.map(seconds)),
        ("trusted_until_timestamp_seconds", "When trust ends.", Some(seconds(chain.trusted_until_ms.0))),
        ("believing", "1 while balances and prices are believed.", Some(flag(chain.believing))),
        ("peers", "Peers that can be asked.", Some(count(chain.peers))),
        ("visits_total", "Visits on demand.", visits.map(|visits| lossy(visits.done))),
        (
            "visits_failed_total",
            "Tries that reached nobody of use.",
            visits.map(|visits| lossy(visits.failed)),
        ),
        ("lies_total", "Answers that no honest peer gives.", Some(lossy(chain.lies))),
        ("agreements_total", "Times that a second peer had the same header.", Some(lossy(chain.agreements))),
        ("relay_connected", "1 when last commanded to connect.", connected),
        ("relay_failing", "1 when the last command failed.", relay.map(|r| flag(r.confirmed == Some(false)))),
        ("relay_commands_total", "Commands given.", relay.map(|relay| lossy(relay.commands))),
        ("written_bytes_total", "Bytes of pages written.", Some(lossy(disk.written_bytes))),
        ("written_bytes_per_hour", WITHIN_HOUR, Some(lossy(disk.written_bytes_per_hour))),
        ("write_budget_bytes_per_hour", BUDGET, Some(lossy(disk.budget_bytes_per_hour))),
    ] {
        out.add(name, help, &[], value);
    }
    for reason in ["trust_expired", "peers_disagree", "nothing_verified"] {
        let help = "1 for the reason why nothing is believed.";
        out.add("doubt", help, &[("reason", reason)], Some(flag(chain.reason == Some(reason))));
    }
    meters(&mut out, status);
    let families: Vec<MetricFamily> = out.0.into_values().collect();
    TextEncoder::new().encode_to_string(&families)
}

const WITHIN_HOUR: &str = "Bytes of pages written within the last hour.";
const BUDGET: &str = "Bytes that may be written in an hour.";
const IMPORT_PRICE: &str = "Proven price of a kWh from the grid now, base units.";
const EXPORT_PRICE: &str = "Proven price of a kWh to the grid now, base units.";

fn meters(out: &mut Families, status: &LiveStatus) {
    let joules = |energy: Option<WattHours>| energy.map(|wh| lossy(wh.0) * 3600.0);
    // Up to 2^53 base units exactly, which is more than a graph needs.
    let price = |price: Amount| lossy(u64::try_from(price.0).unwrap_or(u64::MAX));
    for status in &status.meters {
        let meter = &status.facts;
        let (tariff, queue) = (status.tariff.as_ref(), status.queue.as_ref());
        for (name, help, value) in [
            ("meter_power_watts", "Net power, positive while importing.", status.watts),
            ("meter_import_joules_total", "Import counter.", joules(meter.import_wh)),
            ("meter_export_joules_total", "Export counter.", joules(meter.export_wh)),
            ("meter_sample_age_seconds", "Age of the last good sample.", status.sample_age_ms.map(seconds)),
            ("meter_samples_total", "Samples.", Some(lossy(meter.samples))),
            ("meter_failures_total", "Failed samples.", Some(lossy(meter.failures))),
            ("import_price_units_per_kwh", IMPORT_PRICE, tariff.map(|t| price(t.import_price))),
            ("export_price_units_per_kwh", EXPORT_PRICE, tariff.map(|t| price(t.export_price))),
            ("tariff_height", "Height at which the prices were proven.", tariff.map(|t| lossy(t.height.0))),
            ("queue_readings", "Readings that wait.", queue.map(|q| count(q.depth))),
            ("queue_last_seq", "Last number given out.", queue.map(|q| lossy(q.last_seq))),
            (
                "queue_acked_seq",
                "Number that the chain is proven to have.",
                queue.map(|q| lossy(q.acked_seq)),
            ),
            ("queue_dropped_total", "Readings dropped unsent.", queue.map(|q| lossy(q.dropped))),
            ("queue_skipped_total", "Numbers that no reading will have.", queue.map(|q| lossy(q.skipped))),
        ] {
            out.add(name, help, &[("meter", &meter.name)], value);
        }
        if let Some(refused) = meter.refusal {
            let labels = [("meter", meter.name.as_str()), ("reason", refused.reason.name())];
            out.add("refused_by_chain", "1 for the reason why readings are refused.", &labels, Some(1.0));
        }
    }
}

/// Metrics by name, each with its samples.
#[derive(Default)]
struct Families(BTreeMap<&'static str, MetricFamily>);

impl Families {
    /// Adds a sample, if there is a value that a graph can show.
    fn add(&mut self, name: &'static str, help: &str, labels: &[(&str, &str)], value: Option<f64>) {
        let Some(value) = value.filter(|value| value.is_finite()) else { return };
        let mut metric = Metric::from_label(labels.iter().map(|(name, value)| label(name, value)).collect());
        let counts = name.ends_with("_total");
        if counts {
            let mut counter = Counter::default();
            counter.set_value(value);
            metric.set_counter(counter);
        } else {
            let mut gauge = Gauge::default();
            gauge.set_value(value);
            metric.set_gauge(gauge);
        }
        let family = self.0.entry(name).or_insert_with(|| {
            let mut family = MetricFamily::default();
            family.set_name(format!("wattle_light_{name}"));
            family.set_help(help.to_owned());
            family.set_field_type(if counts { MetricType::COUNTER } else { MetricType::GAUGE });
            family
        });
        family.mut_metric().push(metric);
    }
}

fn label(name: &str, value: &str) -> LabelPair {
    let mut label = LabelPair::default();
    label.set_name(name.to_owned());
    label.set_value(value.to_owned());
    label
}

#[expect(clippy::cast_precision_loss, reason = "for a graph")]
const fn lossy(value: u64) -> f64 {
    value as f64
}

fn count(value: usize) -> f64 {
    lossy(u64::try_from(value).unwrap_or(u64::MAX))
}

fn seconds(ms: u64) -> f64 {
    lossy(ms) / 1000.0
}

fn flag(holds: bool) -> f64 {
    f64::from(u8::from(holds))
}
