//! `wattle energy bill`: what an account's energy came to, line by line, each provable.

use super::super::output::{self, Report};
use super::super::proof::{Finality, check};
use super::super::secret::address_of;
use super::date::parse_time;
use super::{CliError, CliResult, Ctx};
use crate::client::Client;
use clap::Args;
use serde::Serialize;
use serde_json::{Value, json};
use wattle_primitives::receipt::Receipt;
use wattle_primitives::{Address, Event, Hash, TimeMs, domain};
use wattle_rpc::types::{EventItem, EventProof, MeterInfo, ReadingItem};

/// Lines asked for at once.
const PAGE_LINES: u32 = 100;

#[derive(Debug, Args)]
pub(super) struct BillArgs {
    /// The account: an address, or the name of a key.
    account: String,
    /// Lines of this microgrid only.
    #[arg(long, value_name = "HASH")]
    microgrid: Option<Hash>,
    /// From this time on: a date (UTC), or ms since 1970.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    from: Option<TimeMs>,
    /// Before this time.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    to: Option<TimeMs>,
    /// As comma-separated values.
    #[arg(long)]
    csv: bool,
    /// List the accepted readings of the account's meters as well.
    #[arg(long)]
    readings: bool,
    /// Fetch and check the proof of every line; with --json the proofs are in the document.
    #[arg(long)]
    verify: bool,
    /// Hash of the validator set that you trust, instead of the node's word for it.
    #[arg(long, value_name = "HASH", requires = "verify")]
    validators_hash: Option<Hash>,
}

/// One line of a bill. Amounts in base units, energy in Wh.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    height: String,
    index: u32,
    time_ms: TimeMs,
    kind: &'static str,
    what: String,
    import_wh: String,
    export_wh: String,
    /// Charged to the tab.
    debit: String,
    /// Credited to the tab.
    credit: String,
    /// Paid by the member into its tab.
    paid: String,
    /// Paid out to the member.
    received: String,
    estimated: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Figures {
    /// Adjustments may lower it.
    import_wh: i128,
    export_wh: i128,
    debit: u128,
    credit: u128,
    paid: u128,
    received: u128,
}

pub(super) async fn run(args: &BillArgs, ctx: &Ctx) -> CliResult {
    let account = address_of(&args.account, ctx)?;
    let client = ctx.client()?;
    let items = lines(&client, account, args).await?;
    let mut total = Figures::default();
    let lines: Vec<Line> = items.iter().map(|item| line(item, &account, &mut total)).collect();
    let proofs = if args.verify { verified(&client, &items, args).await? } else { Vec::new() };
    let readings = if args.readings { readings(&client, account, args).await? } else { Vec::new() };
    if args.csv {
        let text = csv(&lines);
        return Ok(Report::new(json!({ "csv": text }), text));
    }
    let summary = json!({
        "account": account,
        "importWh": total.import_wh.to_string(),
        "exportWh": total.export_wh.to_string(),
        "debit": total.debit.to_string(),
        "credit": total.credit.to_string(),
        "paid": total.paid.to_string(),
        "received": total.received.to_string(),
        "verified": args.verify,
    });
    let mut text = table(&lines);
    text.push_str(&format!("\n{}", output::render(&summary)));
    if !readings.is_empty() {
        let rows: Vec<Value> = readings.iter().map(super::super::query::to_json).collect();
        text.push_str(&format!("\nreadings\n{}", output::table(&rows)));
    }
    let mut document = summary;
    document["lines"] = super::super::query::to_json(&lines);
    document["readings"] = super::super::query::to_json(&readings);
    document["proofs"] = super::super::query::to_json(&proofs);
    Ok(Report::new(document, text))
}

async fn lines(client: &Client, account: Address, args: &BillArgs) -> Result<Vec<EventItem>, CliError> {
    let params = json!({
        "account": account,
        "microgrid": args.microgrid,
        "fromMs": args.from,
        "toMs": args.to,
        "limit": PAGE_LINES,
    });
    Ok(client.list("energy_bill", params).await?)
}

/// The account's part of an event.
fn line(item: &EventItem, account: &Address, total: &mut Figures) -> Line {
    let mut figures = Figures::default();
    let mut estimated = false;
    let wide = i128::from;
    let (kind, what) = match &item.event {
        Event::EnergySettled {
            interval,
            import_wh,
            export_wh,
            bought_wh,
            sold_wh,
            debit,
            credit,
            estimated: e,
            ..
        } => {
            estimated = *e;
            figures.import_wh = wide(import_wh.0);
            figures.export_wh = wide(export_wh.0);
            (figures.debit, figures.credit) = (debit.0, credit.0);
            ("interval", format!("interval {interval}, traded {bought_wh} in, {sold_wh} out"))
        }
        Event::EnergyAdjusted {
            meter,
            from_ms,
            to_ms,
            import_wh,
            export_wh,
            settled_import_wh,
            settled_export_wh,
            debit,
            credit,
            ..
        } => {
            figures.import_wh = wide(import_wh.0).saturating_sub(wide(settled_import_wh.0));
            figures.export_wh = wide(export_wh.0).saturating_sub(wide(settled_export_wh.0));
            (figures.debit, figures.credit) = (debit.0, credit.0);
            let (from, to) = (output::time(*from_ms), output::time(*to_ms));
            ("adjustment", format!("meter {meter}, {from} to {to}"))
        }
        Event::Traded { interval, buyer, wh, price, amount, fee, .. } => {
            if buyer == account {
                figures.debit = amount.0.saturating_add(fee.0);
                figures.paid = figures.debit; // out of the bid's hold
            } else {
                figures.credit = amount.0;
            }
            ("trade", format!("interval {interval}, {wh} Wh at {price}"))
        }
        Event::LossShared { interval, wh, debit, .. } => {
            figures.debit = debit.0;
            ("losses", format!("interval {interval}, {wh} Wh"))
        }
        Event::DealEnded { deal, charger, used_wh, captured, receivable, .. } => {
            let price = captured.0.saturating_add(receivable.0);
            if charger.as_ref() == Some(account) {
                figures.debit = price;
                figures.paid = captured.0; // out of the deal's hold
            } else {
                figures.credit = price;
            }
            ("deal", format!("deal {}, {used_wh} Wh", deal.short()))
        }
        Event::DisputeDecided { dispute, credit, upheld, .. } => {
            figures.credit = credit.0;
            (
                "dispute",
                format!("dispute {}, {}", dispute.short(), if *upheld { "upheld" } else { "rejected" }),
            )
        }
        Event::TabPaid { amount, by_member, .. } => {
            if *by_member {
                figures.paid = amount.0;
            } else {
                figures.received = amount.0;
            }
            ("payment", String::new())
        }
        _ => ("other", String::new()),
    };
    total.add(&figures);
    Line {
        height: item.position.height.to_string(),
        index: item.position.index,
        time_ms: item.time_ms,
        kind,
        what,
        import_wh: figures.import_wh.to_string(),
        export_wh: figures.export_wh.to_string(),
        debit: figures.debit.to_string(),
        credit: figures.credit.to_string(),
        paid: figures.paid.to_string(),
        received: figures.received.to_string(),
        estimated,
    }
}

impl Figures {
    fn add(&mut self, other: &Self) {
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

fn table(lines: &[Line]) -> String {
    let rows: Vec<Value> = lines
        .iter()
        .map(|line| {
            json!({
                "time": output::time(line.time_ms),
                "kind": line.kind,
                "importWh": line.import_wh,
                "exportWh": line.export_wh,
                "debit": line.debit,
                "credit": line.credit,
                "paid": line.paid,
                "received": line.received,
                "estimated": if line.estimated { "yes" } else { "" },
                "at": format!("{}/{}", line.height, line.index),
                "what": line.what,
            })
        })
        .collect();
    if rows.is_empty() { "no lines\n".to_owned() } else { output::table(&rows) }
}

/// RFC 4180, with a heading. No field holds a quote or a line break; texts that hold commas are quoted.
fn csv(lines: &[Line]) -> String {
    let mut text =
        "time,height,index,kind,importWh,exportWh,debit,credit,paid,received,estimated,what\r\n".to_owned();
    for line in lines {
        text.push_str(&format!(
            "{},{},{},{},{},{},{},{},{},{},{},\"{}\"\r\n",
            output::time(line.time_ms),
            line.height,
            line.index,
            line.kind,
            line.import_wh,
            line.export_wh,
            line.debit,
            line.credit,
            line.paid,
            line.received,
            line.estimated,
            line.what,
        ));
    }
    text
}

/// The proof of every line, checked here.
async fn verified(
    client: &Client,
    items: &[EventItem],
    args: &BillArgs,
) -> Result<Vec<EventProof>, CliError> {
    let chain = client.chain_status().await?.genesis_hash;
    let mut proofs = Vec::with_capacity(items.len());
    for item in items {
        let params = json!({ "height": item.position.height, "index": item.position.index });
        let proof: EventProof = client.call("chain_getEventProof", params).await?;
        check_event(&proof, item)?;
        let EventProof { header, path, finalization, .. } = &proof;
        let finality = Finality { header, path, finalization: finalization.as_ref() };
        finality.verify(client, &chain, args.validators_hash).await?;
        proofs.push(proof);
    }
    Ok(proofs)
}

/// Checks that the leaf holds the event and stands under the header's receipts root.
fn check_event(proof: &EventProof, item: &EventItem) -> Result<(), CliError> {
    check(proof.header.height == item.position.height, "it is about another block")?;
    let leaf = Hash::of(domain::RECEIPT_LEAF, &[&proof.leaf]);
    check(proof.proof.verify(&proof.header.receipts_root, &leaf), "the leaf is not under the receipts root")?;
    let events =
        leaf_events(proof).ok_or_else(|| CliError::Proof { detail: "the leaf does not decode".into() })?;
    let place = usize::try_from(proof.place).unwrap_or(usize::MAX);
    check(events.get(place) == Some(&item.event), "the leaf does not hold the line's event")
}

fn leaf_events(proof: &EventProof) -> Option<Vec<Event>> {
    if proof.proof.index == 0 {
        borsh::from_slice(&proof.leaf).ok()
    } else {
        borsh::from_slice::<Receipt>(&proof.leaf).ok().map(|receipt| receipt.events)
    }
}

/// The accepted readings of the account's meters in the period, newest first for each meter.
async fn readings(client: &Client, account: Address, args: &BillArgs) -> Result<Vec<ReadingItem>, CliError> {
    let meters: Vec<MeterInfo> =
        client.list("energy_listMeters", json!({ "microgrid": args.microgrid })).await?;
    let (from, to) = (args.from.unwrap_or(TimeMs::ZERO), args.to.unwrap_or(TimeMs::MAX));
    let mut found = Vec::new();
    for meter in meters.iter().filter(|meter| meter.owner == account) {
        let all: Vec<ReadingItem> =
            client.list("energy_listReadings", json!({ "meter": meter.address })).await?;
        found.extend(all.into_iter().filter(|r| r.block_time_ms >= from && r.block_time_ms < to));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use wattle_primitives::units::IntervalId;
    use wattle_primitives::{Amount, Height, WattHours};
    use wattle_rpc::types::EventPosition;

    fn item(event: Event) -> EventItem {
        let position = EventPosition { height: Height(7), index: 1 };
        EventItem { position, time_ms: TimeMs(0), tx: None, event }
    }

    /// Goal: a bill adds up to the registers' difference, whatever was estimated, and a bid is paid once.
    #[test]
    fn adjustments_correct_the_sums_and_a_bid_is_paid_from_its_hold() {
        let (microgrid, account, other) = (Hash::ZERO, Address([1; 32]), Address([2; 32]));
        let (interval, zero) = (IntervalId(3), WattHours(0));
        let settled = Event::EnergySettled {
            microgrid,
            interval,
            account,
            import_wh: WattHours(250),
            export_wh: zero,
            bought_wh: WattHours(100),
            sold_wh: zero,
            estimated: true,
            debit: Amount(30),
            credit: Amount(0),
        };
        let adjusted = Event::EnergyAdjusted {
            microgrid,
            meter: other,
            account,
            from_ms: TimeMs(0),
            to_ms: TimeMs(1),
            import_wh: WattHours(200),
            export_wh: zero,
            settled_import_wh: WattHours(250),
            settled_export_wh: zero,
            debit: Amount(0),
            credit: Amount(10),
        };
        let traded = Event::Traded {
            microgrid,
            interval,
            bid: Hash::ZERO,
            offer: Hash::ZERO,
            buyer: account,
            seller: other,
            wh: WattHours(100),
            price: Amount(150),
            amount: Amount(15),
            fee: Amount(1),
        };
        let mut total = Figures::default();
        let lines: Vec<Line> =
            [settled, adjusted, traded].map(|event| line(&item(event), &account, &mut total)).into();
        let sums = (total.import_wh, total.debit, total.credit, total.paid);
        assert_eq!(sums, (200, 46, 10, 16));
        assert!(lines[0].estimated && lines[1].import_wh == "-50");
        let text = csv(&lines);
        assert_eq!(text.lines().count(), 4);
        assert!(text.lines().all(|line| line.matches(',').count() >= 11), "{text}");
    }
}
