//! The lines of an account's bill, an event each, and the sums for each microgrid.

use crate::{amount, output};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use wattle_primitives::call::energy::LineKind;
use wattle_primitives::event::{DealsEvent, DisputesEvent, EnergyEvent, MarketEvent};
use wattle_primitives::units::IntervalId;
use wattle_primitives::{Address, Amount, AssetId, Event, Hash, TimeMs};
use wattle_rpc_types::{AssetInfo, EventItem, EventPosition};

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

/// A part of a line's tax.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct TaxPart {
    /// The operator's code.
    pub(super) code: u16,
    /// Base units.
    pub(super) amount: Amount,
}

/// The parts of the taxes on lines, by the place of their event; none where they cannot be told apart.
pub(super) type Taxes = BTreeMap<EventPosition, Vec<TaxPart>>;

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
    /// Taxes within the debit, by their codes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) taxes: Vec<TaxPart>,
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
pub(super) fn line(
    item: &EventItem,
    account: &Address,
    grids: &Grids,
    taxes: &Taxes,
    totals: &mut Totals,
) -> Line {
    let microgrid = item.event.concerns().microgrid.unwrap_or(Hash::ZERO);
    let grid = grids.get(&microgrid);
    let (kind, mut what, figures, estimated) = told(&item.event, account, grid);
    let taxes = taxes.get(&item.position).cloned().unwrap_or_default();
    if !taxes.is_empty() {
        let by_code = taxes.iter().map(|tax| format!("{} by code {}", money(tax.amount, grid), tax.code));
        what = format!("{what}: {}", by_code.collect::<Vec<_>>().join(", "));
    }
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
        taxes,
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
            manual,
            ..
        }) => {
            let less = |new: u64, old: u64| i128::from(new).saturating_sub(i128::from(old));
            let import_wh = less(import_wh.0, settled_import_wh.0);
            let export_wh = less(export_wh.0, settled_export_wh.0);
            let figures = Figures { import_wh, export_wh, debit: debit.0, credit: credit.0, ..zero };
            let by = if *manual { ", read by a person" } else { "" };
            ("adjustment", format!("meter {meter}{by}"), figures, false)
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
        Event::Energy(EnergyEvent::LineCharged { line, amount, tax, reason, .. }) => {
            let charged = Figures { debit: amount.0.saturating_add(tax.0), ..zero };
            let given = Figures { credit: amount.0, ..zero };
            let (kind, figures) = match line {
                LineKind::Energy => ("tax", charged),
                LineKind::Monthly => ("fee", charged),
                LineKind::Demand => ("demand", charged),
                LineKind::Connection => ("connection", charged),
                LineKind::Credit => ("credit", given),
                LineKind::WriteOff => ("write-off", given),
                LineKind::Refund => ("refund", given),
                LineKind::TaxPaid => ("tax paid", given),
            };
            let why = reason.map_or_else(|| "by the terms".to_owned(), |reason| format!("reason {reason}"));
            let what = if *tax > Amount::ZERO { format!("{why}, tax of {}", money(*tax, grid)) } else { why };
            (kind, what, figures, false)
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

fn money(amount: Amount, grid: Option<&Grid>) -> String {
    match grid {
        Some(grid) => crate::send::money(amount, &grid.asset),
        None => format!("{amount} base units"),
    }
}

fn per_kwh(price: Amount, grid: Option<&Grid>) -> String {
    format!("{} a kWh", money(price, grid))
}

/// Base units with the decimals of the microgrid's asset, and its name.
fn decimals(microgrid: &Hash, grids: &Grids) -> (impl Fn(u128) -> String, String) {
    let asset = grids.get(microgrid).map(|grid| &grid.asset);
    let scale = asset.map_or(0, |asset| asset.scale);
    let name = asset.map_or_else(String::new, |asset| amount::asset_name(&asset.symbol, asset.id));
    (move |units| amount::format(Amount(units), scale), name)
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
                    asset,estimated,taxes,what\r\n"
        .to_owned();
    let time = |at: Option<TimeMs>| at.map_or_else(String::new, output::time);
    for line in lines {
        let (shown, symbol) = decimals(&line.microgrid, grids);
        let figures = &line.figures;
        let taxes: Vec<String> =
            line.taxes.iter().map(|tax| format!("{}:{}", tax.code, shown(tax.amount.0))).collect();
        text.push_str(&format!(
            "{},{},{},{},{},{},{},{},{},{},{},{},{},{symbol},{},{},\"{}\"\r\n",
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
            taxes.join(" "),
            line.what,
        ));
    }
    text
}

#[cfg(test)]
#[path = "lines_tests.rs"]
mod tests;
