//! The lines of an account's bill, an event each, and the sums for each microgrid.

use crate::{amount, output};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use wattle_primitives::event::{DealsEvent, DisputesEvent, EnergyEvent, MarketEvent};
use wattle_primitives::units::IntervalId;
use wattle_primitives::{Address, Amount, AssetId, Event, Hash, TimeMs};
use wattle_rpc_types::{AssetInfo, EventItem};

/// A microgrid that a bill has lines of.
#[derive(Clone, Debug)]
pub(super) struct Grid {
    pub(super) id: Hash,
    pub(super) operator: Address,
    pub(super) interval_ms: TimeMs,
    pub(super) asset: AssetInfo,
}

/// Microgrids by id.
pub(super) type Grids = BTreeMap<Hash, Grid>;
/// Sums by microgrid.
pub(super) type Totals = BTreeMap<Hash, Figures>;

/// One line of a bill. Amounts in base units of `asset`, energy in Wh.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Line {
    pub(super) height: String,
    pub(super) index: u32,
    /// When it was booked.
    pub(super) time_ms: TimeMs,
    pub(super) microgrid: Hash,
    pub(super) asset: AssetId,
    pub(super) kind: &'static str,
    pub(super) what: String,
    /// From when on its energy flowed; absent for payments, deals and disputes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) from_ms: Option<TimeMs>,
    /// Until when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) to_ms: Option<TimeMs>,
    #[serde(flatten)]
    pub(super) figures: Figures,
    pub(super) estimated: bool,
}

/// Energy and money of a line, or of several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Figures {
    /// Energy drawn, Wh; adjustments may lower it.
    #[serde(serialize_with = "text")]
    pub(super) import_wh: i128,
    /// Energy given, Wh; adjustments may lower it.
    #[serde(serialize_with = "text")]
    pub(super) export_wh: i128,
    /// Charged to the tab.
    #[serde(serialize_with = "text")]
    pub(super) debit: u128,
    /// Credited to the tab.
    #[serde(serialize_with = "text")]
    pub(super) credit: u128,
    /// Paid by the member into its tab.
    #[serde(serialize_with = "text")]
    pub(super) paid: u128,
    /// Paid out to the member.
    #[serde(serialize_with = "text")]
    pub(super) received: u128,
}

fn text<T: ToString, S: serde::Serializer>(value: &T, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&value.to_string())
}

impl Figures {
    /// Adds a line's.
    pub(super) fn add(&mut self, other: &Self) {
        self.import_wh = self.import_wh.saturating_add(other.import_wh);
        self.export_wh = self.export_wh.saturating_add(other.export_wh);
        for (sum, part) in [
            (&mut self.debit, other.debit),
            (&mut self.credit, other.credit),
            (&mut self.paid, other.paid),
            (&mut self.received, other.received),
        ] {
            *sum = sum.saturating_add(part);
        }
    }
}

/// A line's kind, what it is about and its figures.
type Told = (&'static str, String, Figures, bool);

/// The account's part of an event; adds it to the sums of its microgrid.
pub(super) fn line(item: &EventItem, account: &Address, grids: &Grids, totals: &mut Totals) -> Line {
    let microgrid = item.event.concerns().microgrid.unwrap_or(Hash::ZERO);
    let grid = grids.get(&microgrid);
    let (kind, what, figures, estimated) = told(&item.event, account, grid);
    let span = span(&item.event, grid);
    totals.entry(microgrid).or_default().add(&figures);
    Line {
        height: item.position.height.to_string(),
        index: item.position.index,
        time_ms: item.time_ms,
        microgrid,
        asset: grid.map_or(AssetId::NATIVE, |grid| grid.asset.id),
        kind,
        what,
        from_ms: span.map(|(from, _)| from),
        to_ms: span.map(|(_, to)| to),
        figures,
        estimated,
    }
}

/// The figures of an event alone.
pub(super) fn figures(event: &Event, account: &Address) -> Figures {
    told(event, account, None).2
}

/// When a line's energy began to flow; its block's time where it has none.
pub(super) fn begins(item: &EventItem, grids: &Grids) -> TimeMs {
    let grid = item.event.concerns().microgrid.and_then(|id| grids.get(&id));
    span(&item.event, grid).map_or(item.time_ms, |(from, _)| from)
}

/// When the energy flowed that an event is about.
fn span(event: &Event, grid: Option<&Grid>) -> Option<(TimeMs, TimeMs)> {
    let of = |interval: &IntervalId| {
        let length = grid?.interval_ms;
        let start = interval.0.saturating_mul(length.0);
        Some((TimeMs(start), TimeMs(start.saturating_add(length.0))))
    };
    match event {
        Event::Energy(EnergyEvent::EnergySettled { interval, .. })
        | Event::Market(MarketEvent::Traded { interval, .. })
        | Event::Energy(EnergyEvent::LossShared { interval, .. }) => of(interval),
        Event::Energy(EnergyEvent::EnergyAdjusted { from_ms, to_ms, .. }) => Some((*from_ms, *to_ms)),
        _ => None,
    }
}

fn told(event: &Event, account: &Address, grid: Option<&Grid>) -> Told {
    let zero = Figures::default();
    match event {
        Event::Energy(EnergyEvent::EnergySettled {
            interval,
            import_wh,
            export_wh,
            bought_wh,
            sold_wh,
            debit,
            credit,
            estimated,
            ..
        }) => {
            let (import_wh, export_wh) = (i128::from(import_wh.0), i128::from(export_wh.0));
            let figures = Figures { import_wh, export_wh, debit: debit.0, credit: credit.0, ..zero };
            let what = format!("interval {interval}, traded {bought_wh} in, {sold_wh} out");
            ("interval", what, figures, *estimated)
        }
        Event::Energy(EnergyEvent::EnergyAdjusted {
            meter,
            import_wh,
            export_wh,
            settled_import_wh,
            settled_export_wh,
            debit,
            credit,
            ..
        }) => {
            let less = |new: u64, old: u64| i128::from(new).saturating_sub(i128::from(old));
            let import_wh = less(import_wh.0, settled_import_wh.0);
            let export_wh = less(export_wh.0, settled_export_wh.0);
            let figures = Figures { import_wh, export_wh, debit: debit.0, credit: credit.0, ..zero };
            ("adjustment", format!("meter {meter}"), figures, false)
        }
        Event::Market(MarketEvent::Traded { interval, buyer, wh, price, amount, fee, .. }) => {
            // A bid is paid out of its hold.
            let cost = amount.0.saturating_add(fee.0);
            let figures = match buyer == account {
                true => Figures { debit: cost, paid: cost, ..zero },
                false => Figures { credit: amount.0, ..zero },
            };
            ("trade", format!("interval {interval}, {wh} Wh at {}", per_kwh(*price, grid)), figures, false)
        }
        Event::Energy(EnergyEvent::LossShared { interval, wh, debit, .. }) => {
            ("losses", format!("interval {interval}, {wh} Wh"), Figures { debit: debit.0, ..zero }, false)
        }
        Event::Deals(DealsEvent::DealEnded { deal, charger, used_wh, captured, receivable, .. }) => {
            let price = captured.0.saturating_add(receivable.0);
            let figures = match charger.as_ref() == Some(account) {
                true => Figures { debit: price, paid: captured.0, ..zero },
                false => Figures { credit: price, ..zero },
            };
            ("deal", format!("deal {}, {used_wh} Wh", deal.short()), figures, false)
        }
        Event::Disputes(DisputesEvent::DisputeDecided { dispute, credit, upheld, .. }) => {
            let end = if *upheld { "upheld" } else { "rejected" };
            let figures = Figures { credit: credit.0, ..zero };
            ("dispute", format!("dispute {}, {end}", dispute.short()), figures, false)
        }
        Event::Energy(EnergyEvent::TabPaid { amount, by_member: true, .. }) => {
            ("payment", "into the tab".into(), Figures { paid: amount.0, ..zero }, false)
        }
        Event::Energy(EnergyEvent::TabPaid { amount, .. }) => {
            ("payment", "out of the tab".into(), Figures { received: amount.0, ..zero }, false)
        }
        _ => ("other", String::new(), zero, false),
    }
}

fn per_kwh(price: Amount, grid: Option<&Grid>) -> String {
    match grid {
        Some(grid) => format!("{} {} a kWh", amount::format(price, grid.asset.scale), grid.asset.symbol),
        None => format!("{price} base units a kWh"),
    }
}

/// Base units with the decimals of the microgrid's asset, and its symbol.
fn decimals(microgrid: &Hash, grids: &Grids) -> (impl Fn(u128) -> String, String) {
    let asset = grids.get(microgrid).map(|grid| &grid.asset);
    let scale = asset.map_or(0, |asset| asset.scale);
    let symbol = asset.map_or_else(String::new, |asset| asset.symbol.to_string());
    (move |units| amount::format(Amount(units), scale), symbol)
}

/// The lines as a table for people.
pub(super) fn table(lines: &[Line], grids: &Grids) -> String {
    const COLUMNS: [&str; 14] = [
        "booked",
        "kind",
        "energy from",
        "to",
        "import Wh",
        "export Wh",
        "debit",
        "credit",
        "paid",
        "received",
        "",
        "estimated",
        "at",
        "what",
    ];
    let time = |at: Option<TimeMs>| at.map_or_else(String::new, output::time);
    let rows: Vec<Vec<String>> = lines
        .iter()
        .map(|line| {
            let (shown, symbol) = decimals(&line.microgrid, grids);
            let figures = &line.figures;
            vec![
                output::time(line.time_ms),
                line.kind.into(),
                time(line.from_ms),
                time(line.to_ms),
                figures.import_wh.to_string(),
                figures.export_wh.to_string(),
                shown(figures.debit),
                shown(figures.credit),
                shown(figures.paid),
                shown(figures.received),
                symbol,
                if line.estimated { "yes".into() } else { String::new() },
                format!("{}/{}", line.height, line.index),
                // Whose line it is only where there are several.
                if grids.len() > 1 {
                    format!("{}: {}", line.microgrid.short(), line.what)
                } else {
                    line.what.clone()
                },
            ]
        })
        .collect();
    if rows.is_empty() { "no lines\n".to_owned() } else { output::aligned(&COLUMNS, rows) }
}

/// The sums as a table for people.
pub(super) fn totals_table(totals: &Totals, grids: &Grids) -> String {
    const COLUMNS: [&str; 8] =
        ["microgrid", "import Wh", "export Wh", "debit", "credit", "paid", "received", ""];
    let rows: Vec<Vec<String>> = totals
        .iter()
        .map(|(id, sum)| {
            let (shown, symbol) = decimals(id, grids);
            vec![
                id.to_string(),
                sum.import_wh.to_string(),
                sum.export_wh.to_string(),
                shown(sum.debit),
                shown(sum.credit),
                shown(sum.paid),
                shown(sum.received),
                symbol,
            ]
        })
        .collect();
    if rows.is_empty() { "none\n".to_owned() } else { output::aligned(&COLUMNS, rows) }
}

/// The sums as JSON: base units, and what their decimals are.
pub(super) fn totals_json(totals: &Totals, grids: &Grids) -> Vec<Value> {
    let of = |(id, sum): (&Hash, &Figures)| {
        let asset = grids.get(id).map(|grid| &grid.asset);
        let mut row = super::to_json(sum);
        row["microgrid"] = id.to_string().into();
        row["asset"] = super::to_json(&asset.map(|asset| asset.id));
        row["symbol"] = super::to_json(&asset.map(|asset| &asset.symbol));
        row["scale"] = super::to_json(&asset.map(|asset| asset.scale));
        row
    };
    totals.iter().map(of).collect()
}

/// RFC 4180, with a heading. No field holds a quote or a line break; texts that hold commas are quoted.
pub(super) fn csv(lines: &[Line], grids: &Grids) -> String {
    let mut text = "booked,height,index,microgrid,kind,energyFrom,energyTo,importWh,exportWh,debit,credit,paid,received,\
                    asset,estimated,what\r\n"
        .to_owned();
    let time = |at: Option<TimeMs>| at.map_or_else(String::new, output::time);
    for line in lines {
        let (shown, symbol) = decimals(&line.microgrid, grids);
        let figures = &line.figures;
        text.push_str(&format!(
            "{},{},{},{},{},{},{},{},{},{},{},{},{},{symbol},{},\"{}\"\r\n",
            output::time(line.time_ms),
            line.height,
            line.index,
            line.microgrid,
            line.kind,
            time(line.from_ms),
            time(line.to_ms),
            figures.import_wh,
            figures.export_wh,
            shown(figures.debit),
            shown(figures.credit),
            shown(figures.paid),
            shown(figures.received),
            line.estimated,
            line.what,
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use serde_json::json;
    use wattle_primitives::{Height, WattHours};
    use wattle_rpc_types::EventPosition;

    const ACCOUNT: Address = Address([1; 32]);
    const OTHER: Address = Address([2; 32]);

    fn item(event: Event) -> EventItem {
        let position = EventPosition { height: Height(7), index: 1 };
        EventItem { position, time_ms: TimeMs(5_000_000), tx: None, event }
    }

    fn grids() -> Grids {
        let grid = |n: u8, symbol: &str, scale| {
            let asset = AssetInfo {
                id: AssetId(n.into()),
                symbol: symbol.parse().unwrap(),
                scale,
                issuer: None,
                supply: Amount(0),
            };
            (Hash([n; 32]), Grid { id: Hash([n; 32]), operator: OTHER, interval_ms: TimeMs(900_000), asset })
        };
        [grid(3, "KES", 2), grid(4, "SUN", 6)].into()
    }

    /// A settled interval, its correction and a trade in one microgrid, a payment in another.
    fn events() -> Vec<EventItem> {
        let (microgrid, interval, zero) = (Hash([3; 32]), IntervalId(3), WattHours(0));
        let settled = Event::Energy(EnergyEvent::EnergySettled {
            microgrid,
            interval,
            account: ACCOUNT,
            import_wh: WattHours(250),
            export_wh: zero,
            bought_wh: WattHours(100),
            sold_wh: zero,
            estimated: true,
            debit: Amount(30),
            credit: Amount(0),
        });
        let adjusted = Event::Energy(EnergyEvent::EnergyAdjusted {
            microgrid,
            meter: OTHER,
            account: ACCOUNT,
            from_ms: TimeMs(100),
            to_ms: TimeMs(200),
            import_wh: WattHours(200),
            export_wh: zero,
            settled_import_wh: WattHours(250),
            settled_export_wh: zero,
            debit: Amount(0),
            credit: Amount(10),
        });
        let traded = Event::Market(MarketEvent::Traded {
            microgrid,
            interval,
            bid: Hash::ZERO,
            offer: Hash::ZERO,
            buyer: ACCOUNT,
            seller: OTHER,
            wh: WattHours(100),
            price: Amount(150),
            amount: Amount(15),
            fee: Amount(1),
        });
        let paid = Event::Energy(EnergyEvent::TabPaid {
            microgrid: Hash([4; 32]),
            account: ACCOUNT,
            amount: Amount(1_500_000),
            by_member: false,
        });
        [settled, adjusted, traded, paid].map(item).into()
    }

    fn billed() -> (Vec<Line>, Totals) {
        let mut totals = Totals::default();
        let lines = events().iter().map(|item| line(item, &ACCOUNT, &grids(), &mut totals)).collect();
        (lines, totals)
    }

    /// Goal: a bill adds up to the registers' difference, whatever was estimated, and a bid is paid once; money of two
    /// microgrids is never added.
    #[test]
    fn adjustments_correct_the_sums_of_their_own_microgrid() {
        let (lines, totals) = billed();
        let sum = totals[&Hash([3; 32])];
        assert_eq!((sum.import_wh, sum.debit, sum.credit, sum.paid, sum.received), (200, 46, 10, 16, 0));
        assert_eq!(totals[&Hash([4; 32])], Figures { received: 1_500_000, ..Figures::default() });
        assert!(lines[0].estimated && lines[1].figures.import_wh == -50);
    }

    #[test]
    fn a_line_says_when_its_energy_flowed() {
        let (lines, _) = billed();
        let spans: Vec<_> = lines.iter().map(|line| (line.from_ms, line.to_ms)).collect();
        let of = |from, to| (Some(TimeMs(from)), Some(TimeMs(to)));
        assert_eq!(spans, [of(2_700_000, 3_600_000), of(100, 200), of(2_700_000, 3_600_000), (None, None)]);
        let begins: Vec<u64> = events().iter().map(|item| begins(item, &grids()).0).collect();
        assert_eq!(begins, [2_700_000, 100, 2_700_000, 5_000_000]);
    }

    #[test]
    fn amounts_have_their_assets_decimals_and_symbol() {
        let (lines, totals) = billed();
        let text = csv(&lines, &grids());
        let rows: Vec<Vec<&str>> = text.lines().map(|row| row.splitn(16, ',').collect()).collect();
        assert!(rows.iter().all(|row| row.len() == 16) && rows.len() == 5, "{text}");
        assert_eq!((rows[1][9], rows[1][13]), ("0.3", "KES"));
        assert_eq!((rows[4][12], rows[4][13]), ("1.5", "SUN"));
        assert_eq!(rows[4][3], Hash([4; 32]).to_string());
        assert!(table(&lines, &grids()).contains("100 Wh at 1.5 KES a kWh"));
        let json = totals_json(&totals, &grids());
        assert_eq!((&json[1]["symbol"], &json[1]["received"]), (&json!("SUN"), &json!("1500000")));
    }
}
