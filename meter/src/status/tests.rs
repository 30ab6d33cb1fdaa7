#![expect(clippy::unwrap_used, reason = "tests")]

use super::live::{DiskStatus, LiveStatus, MeterStatus, QueueFacts};
use super::{metrics, page};
use crate::board::{ChainFacts, MeterFacts, Visits};
use crate::follow::Tariff;
use crate::relay::{Order, Position, RelayStatus};
use crate::submit::{Objection, Refusal};
use std::collections::{BTreeMap, BTreeSet};
use wattle_primitives::{Amount, AssetId, Hash, Height, TimeMs, WattHours};

/// A status in which everything has a value.
fn full() -> LiveStatus {
    let facts = MeterFacts {
        name: "<b>&\"house\"".to_owned(),
        error: Some("<script>alert('x')</script>".to_owned()),
        import_wh: Some(WattHours(1_234_567)),
        export_wh: Some(WattHours(5)),
        quantities: BTreeMap::from([("volts".to_owned(), 230.126)]),
        refusal: Some(Refusal::for_tests(7, Objection::RegisterDecreased, 2)),
        submission: "refused_by_chain",
        ..MeterFacts::default()
    };
    let tariff = Tariff {
        microgrid: Hash::ZERO,
        version: 1,
        asset: AssetId::NATIVE,
        import_price: Amount(20),
        export_price: Amount(10),
        next: None,
        height: Height(9),
        time_ms: TimeMs(1),
    };
    let relay =
        RelayStatus { order: Order::Auto, commanded: Some(Position::Connected), ..RelayStatus::default() };
    let visits =
        Visits { interval_ms: 900_000, done: 7, failed: 2, last_ms: Some(TimeMs(2)), failed_since_last: 1 };
    let chain = ChainFacts {
        reason: Some("trust_expired"),
        age_ms: Some(90_061_000),
        visits: Some(visits),
        ..ChainFacts::default()
    };
    LiveStatus {
        version: "1",
        uptime_ms: 3_661_000,
        time_ms: TimeMs(5),
        clock: "synced",
        meters: vec![MeterStatus {
            facts,
            sample_age_ms: Some(61_000),
            watts: Some(-12.4),
            queue: Some(QueueFacts { gaps: vec![(3, 4), (9, 9)], dropped: 2, ..QueueFacts::default() }),
            tariff: Some(tariff),
        }],
        chain,
        relay: Some(relay),
        disk: DiskStatus::default(),
    }
}

#[test]
fn the_page_shows_text_as_text_and_numbers_for_people() {
    let page = page::render(&full());
    assert!(!page.contains("<script") && !page.contains("<b>"), "{page}");
    for wanted in [
        "<h2>&lt;b&gt;&amp;&quot;house&quot;</h2>",
        "<th scope=\"row\">Power</th><td class=\"big\">12 W giving</td>",
        "<td class=\"\">1234.567 kWh drawn, 0.005 kWh given</td>",
        "<td class=\"\">1 min 1 s ago</td>",
        "<th scope=\"row\">volts</th><td class=\"\">230.13</td>",
        "<td class=\"bad\">readings up to 7: register decreased</td>",
        "<th scope=\"row\">Gaps</th><td class=\"\">3–4, 9–9</td>",
        "<td class=\"bad\">trust expired</td>",
        "<td class=\"\">1 d 1 h</td>",
        "<td class=\"\">1 h 1 min</td>",
        "<td class=\"bad\">every 15 min 0 s: 7 done, 2 failed</td>",
        "<th scope=\"row\">Balances that move it</th><td class=\"\">seen 0 s ago, at the last visit</td>",
        "<th scope=\"row\">Position</th><td class=\"good\">connected</td>",
    ] {
        assert!(page.contains(wanted), "{wanted} is not in {page}");
    }
}

#[test]
fn the_json_has_the_documented_fields() {
    let json = serde_json::to_value(full()).unwrap();
    let meter = &json["meters"][0];
    assert_eq!(meter["refusedByChain"], serde_json::json!({"upTo": 7, "reason": "register_decreased"}));
    assert_eq!((&meter["importWh"], &meter["tariff"]["importPrice"]), (&"1234567".into(), &"20".into()));
    let keys: BTreeSet<&str> = meter.as_object().unwrap().keys().map(String::as_str).collect();
    let want = "address credit error exportWh failures held importWh name quantities queue refusedByChain \
        sampleAgeMs samples submission tariff today watts";
    assert_eq!(keys, want.split_whitespace().collect());
}

/// Every metric stands in the documentation, with its kind, and nothing else does.
#[test]
fn the_documentation_lists_every_metric() {
    let text = metrics::render(&full()).unwrap();
    let shown: BTreeSet<(&str, &str)> =
        text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' ')).collect();
    let page = include_str!("../../../docs/light-node.md");
    let rows = page.lines().filter(|line| line.starts_with("| `wattle_light_"));
    let listed: BTreeSet<(&str, &str)> = rows
        .flat_map(|row| {
            let mut cells = row.split(" | ");
            let (names, kind) = (cells.next().unwrap(), cells.next().unwrap());
            names.split('`').filter(|part| part.starts_with("wattle_light_")).map(move |name| (name, kind))
        })
        .collect();
    assert_eq!(shown, listed);
    let name = r#"meter="<b>&\"house\"""#;
    assert!(text.contains(&format!("wattle_light_meter_power_watts{{{name}}} -12.4\n")), "{text}");
    assert!(
        text.contains("# HELP wattle_light_believing 1 while balances and prices are believed.\n"),
        "{text}"
    );
}
