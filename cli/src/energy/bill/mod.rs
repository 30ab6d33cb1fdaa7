//! `wattle energy bill`: what an account's energy came to, line by line, each provable.
//!
//! - `lines`: what an event is to the account, and the sums for each microgrid.
//! - `taxes`: which taxes the tax on a line is made of.
//! - `verify`: the proof of every line, and whether a node left one out.

mod lines;
mod taxes;
mod verify;

use super::{CliError, CliResult, Ctx, asset_of};
use crate::client::Client;
use crate::date::parse_time;
use crate::output::{self, OutArgs, Report, to_json};
use crate::secret::address_of;
use clap::{Args, ValueEnum};
use lines::{Grid, Grids, Line, Totals};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use verify::Verified;
use wattle_primitives::{Address, Hash, TimeMs};
use wattle_rpc_types::{Anchored, EventItem, MeterInfo, MicrogridInfo, ReadingItem};

/// Items asked for at once.
const PAGE_ITEMS: u32 = 100;

#[derive(Debug, Args)]
pub(super) struct BillArgs {
    /// The account: an address, or the name of a key.
    account: String,
    /// Lines of this microgrid only.
    #[arg(long, value_name = "HASH")]
    microgrid: Option<Hash>,
    /// Lines booked from this time on: a date (UTC), or ms since 1970.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    from: Option<TimeMs>,
    /// Lines booked before this time.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    to: Option<TimeMs>,
    /// The time by which a line is of the period: when it was booked, or when its energy began to flow.
    #[arg(long, value_name = "WHAT", default_value = "block")]
    by: By,
    /// As comma-separated values: amounts with the asset's decimals, times in UTC.
    #[arg(long, conflicts_with = "readings")]
    csv: bool,
    #[command(flatten)]
    out: OutArgs,
    /// List the accepted readings of the account's meters in the period as well.
    #[arg(long)]
    readings: bool,
    /// Fetch and check the proof of every line and reading; with --json the proofs are in the document. A bill without
    /// --from and --to is compared with the proven tab as well, so that no line can have been left out.
    #[arg(long)]
    verify: bool,
    /// Hash of the validator set that you trust, instead of the node's word for it.
    #[arg(long, value_name = "HASH", requires = "verify")]
    validators_hash: Option<Hash>,
}

/// The time by which a line belongs to a bill's period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum By {
    /// The time of the block that booked the line: what was booked in January, of whatever time. Such a bill never
    /// changes once its period is over.
    Block,
    /// The beginning of the line's energy: an adjustment of January's energy belongs to January, whenever it is booked.
    /// Lines without energy of their own (payments, deals, disputes) count by their block.
    Energy,
}

pub(super) async fn run(args: &BillArgs, ctx: &Ctx) -> CliResult {
    args.out.take(bill(args, ctx).await?, ctx.json)
}

async fn bill(args: &BillArgs, ctx: &Ctx) -> CliResult {
    let account = address_of(&args.account, ctx)?;
    let client = ctx.client()?;
    let mut items = events(&client, account, args).await?;
    let grids = grids(&client, &items).await?;
    if args.by == By::Energy {
        items.retain(|item| within(lines::begins(item, &grids), args));
    }
    let taxes = taxes::of(&client, &items, &grids).await;
    let mut totals = Totals::default();
    let line = |item| lines::line(item, &account, &grids, &taxes, &mut totals);
    let lines: Vec<Line> = items.iter().map(line).collect();
    let readings = if args.readings { readings(&client, account, args).await? } else { Vec::new() };
    let verified = match args.verify {
        false => None,
        true => Some(verify::all(&client, account, args, &items, &readings, &grids).await?),
    };
    let operated: Vec<Hash> =
        grids.values().filter(|grid| grid.operator == account).map(|grid| grid.id).collect();
    let coded = taxes.values().any(|parts| !parts.is_empty());
    let notes = notes(&operated, verified.as_ref(), coded);
    if args.csv {
        notes.iter().for_each(|note| output::note(note));
        let text = lines::csv(&lines, &grids);
        return Ok(Report::new(json!({ "csv": text }), text));
    }
    let mut text = lines::table(&lines, &grids);
    text.push_str(&format!("\ntotals\n{}", lines::totals_table(&totals, &grids)));
    if !readings.is_empty() {
        let rows: Vec<Value> = readings.iter().map(to_json).collect();
        text.push_str(&format!("\nreadings\n{}", output::table(&rows)));
    }
    notes.iter().for_each(|note| text.push_str(&format!("\n{note}\n")));
    let document = json!({
        "account": account,
        "by": if args.by == By::Block { "block" } else { "energy" },
        "totals": lines::totals_json(&totals, &grids),
        "operated": operated,
        "lines": to_json(&lines),
        "readings": to_json(&readings),
        "verified": verified.as_ref().map(Verified::summary),
        "proofs": verified.as_ref().map(|verified| to_json(&verified.lines)).unwrap_or_default(),
        "readingProofs": verified.as_ref().map(|verified| to_json(&verified.readings)).unwrap_or_default(),
    });
    Ok(Report::new(document, text))
}

/// Notes that a reader needs besides the figures.
fn notes(operated: &[Hash], verified: Option<&Verified>, coded: bool) -> Vec<String> {
    let mut notes: Vec<String> = operated
        .iter()
        .map(|id| {
            format!(
                "This account operates microgrid {}: its tab is the counterpart of every member's lines, and this bill has \
                 only the lines that it has as a member itself. `wattle energy members` shows its tab.",
                id.short()
            )
        })
        .collect();
    notes.extend(verified.into_iter().flat_map(Verified::notes));
    if coded && verified.is_some() {
        let told =
            "The sum of the taxes on a line is proven; their codes are by the terms as this node tells them.";
        notes.push(told.into());
    }
    notes
}

fn within(begins: TimeMs, args: &BillArgs) -> bool {
    begins >= args.from.unwrap_or(TimeMs::ZERO) && begins < args.to.unwrap_or(TimeMs::MAX)
}

/// The statement's lines: of the period by block; by energy all that may be of it, since none is booked before it
/// flows.
async fn events(client: &Client, account: Address, args: &BillArgs) -> Result<Vec<EventItem>, CliError> {
    let to = args.to.filter(|_| args.by == By::Block);
    let params = json!({
        "account": account,
        "microgrid": args.microgrid,
        "fromMs": args.from,
        "toMs": to,
        "limit": PAGE_ITEMS,
    });
    Ok(client.list("energy_bill", params).await?)
}

/// The microgrids that lines are of, with their assets.
async fn grids(client: &Client, items: &[EventItem]) -> Result<Grids, CliError> {
    let mut grids = Grids::new();
    let ids: BTreeSet<Hash> = items.iter().filter_map(|item| item.event.concerns().microgrid).collect();
    for id in ids {
        let info: Anchored<MicrogridInfo> = client.call("energy_getMicrogrid", json!({ "id": id })).await?;
        let MicrogridInfo { operator, interval_ms, .. } = info.value;
        grids.insert(id, Grid { id, operator, interval_ms, asset: asset_of(client, &id).await? });
    }
    Ok(grids)
}

/// The accepted readings of the account's meters that the chain took in the period, newest first for each meter.
async fn readings(client: &Client, account: Address, args: &BillArgs) -> Result<Vec<ReadingItem>, CliError> {
    let meters: Vec<MeterInfo> =
        client.list("energy_listMeters", json!({ "microgrid": args.microgrid })).await?;
    let mut found = Vec::new();
    for meter in meters.iter().filter(|meter| meter.owner == account) {
        let params =
            json!({ "meter": meter.address, "fromMs": args.from, "toMs": args.to, "limit": PAGE_ITEMS });
        found.extend(client.list::<ReadingItem>("energy_listReadings", params).await?);
    }
    Ok(found)
}
