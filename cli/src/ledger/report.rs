//! Trial balances and statements, as tables, CSV and JSON.

use super::{CliError, CliResult, Ctx, UntilArgs, text_of};
use crate::client::Client;
use crate::date::parse_time;
use crate::wallet::resolve_asset;
use crate::{Report, amount, output};
use clap::Args;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use wattle_primitives::call::ledger::AccountId;
use wattle_primitives::{Amount, AssetId, BookId, Hash, TimeMs};
use wattle_rpc_types::{AssetInfo, ChartItem, StatementLine, TrialBalanceItem};

#[derive(Debug, Args)]
pub(super) struct TrialBalanceArgs {
    /// The book's id.
    book: BookId,
    #[command(flatten)]
    until: UntilArgs,
    /// As comma-separated values.
    #[arg(long)]
    csv: bool,
}

#[derive(Debug, Args)]
pub(super) struct StatementArgs {
    /// The account: a wallet, BOOK/CODE, BOOK/cash, BOOK/due, or system/fees.
    account: String,
    /// Asset: its number, or its symbol when only one asset has it; that of a book's account when absent, else the
    /// native one.
    #[arg(long, value_name = "ASSET")]
    asset: Option<String>,
    /// Posted from this time on: a date (UTC), or ms since 1970.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    from: Option<TimeMs>,
    #[command(flatten)]
    until: UntilArgs,
    /// As comma-separated values.
    #[arg(long)]
    csv: bool,
}

/// Items asked for at once.
pub(super) const PAGE: u32 = 200;

/// The parameters of a report up to the last final block.
async fn at_tip(client: &Client, params: Value) -> Result<Value, CliError> {
    let until = UntilArgs { height: Some(client.chain_status().await?.at.height), to: None };
    Ok(until.add_to(params))
}

/// Assets by their numbers, asked for once each.
pub(super) async fn assets(
    client: &Client,
    numbers: impl IntoIterator<Item = AssetId>,
) -> Result<BTreeMap<AssetId, AssetInfo>, CliError> {
    let mut found = BTreeMap::new();
    for number in numbers.into_iter().collect::<BTreeSet<_>>() {
        found.insert(number, client.asset(number).await?);
    }
    Ok(found)
}

pub(super) async fn trial_balance(args: &TrialBalanceArgs, ctx: &Ctx) -> CliResult {
    let client = ctx.client()?;
    let params = json!({ "book": args.book, "limit": PAGE });
    let params = match args.until {
        // One height for all pages, so that they add up.
        UntilArgs { height: None, to: None } => at_tip(&client, params).await?,
        until => until.add_to(params),
    };
    let items: Vec<TrialBalanceItem> = client.list("ledger_trialBalance", params).await?;
    let assets = assets(&client, items.iter().map(|item| item.asset)).await?;
    let mut totals: BTreeMap<AssetId, [u128; 2]> = BTreeMap::new();
    let mut rows = Vec::new();
    for item in &items {
        let [debit, credit] = sides(item);
        let total = totals.entry(item.asset).or_default();
        total[0] = total[0].saturating_add(debit.0);
        total[1] = total[1].saturating_add(credit.0);
        let class = output::to_json(&item.class).as_str().unwrap_or_default().to_owned();
        rows.push(row(&text_of(&item.account), &class, &assets, item.asset, [debit, credit]));
    }
    for (asset, [debit, credit]) in &totals {
        rows.push(row("total", "", &assets, *asset, [Amount(*debit), Amount(*credit)]));
    }
    let columns = ["account", "class", "asset", "debit", "credit"];
    let text = if args.csv { csv(&columns, &rows) } else { output::aligned(&columns, rows) };
    let totals: Vec<_> = totals
        .iter()
        .map(|(asset, [debit, credit])| json!({ "asset": asset, "debit": Amount(*debit), "credit": Amount(*credit) }))
        .collect();
    Ok(Report::new(json!({ "book": args.book, "items": output::to_json(&items), "totals": totals }), text))
}

/// Balance of an account, on the side where it stands.
fn sides(item: &TrialBalanceItem) -> [Amount; 2] {
    [item.debits.saturating_sub(item.credits), item.credits.saturating_sub(item.debits)]
}

fn row(
    account: &str,
    class: &str,
    assets: &BTreeMap<AssetId, AssetInfo>,
    asset: AssetId,
    [debit, credit]: [Amount; 2],
) -> Vec<String> {
    let shown = |amount: Amount| shown(amount, assets.get(&asset));
    let name =
        assets.get(&asset).map_or_else(|| asset.to_string(), |of| amount::asset_name(&of.symbol, asset));
    vec![account.to_owned(), class.to_owned(), name, shown(debit), shown(credit)]
}

/// An amount with its asset's decimals; nothing for nothing.
fn shown(amount: Amount, asset: Option<&AssetInfo>) -> String {
    match amount {
        Amount::ZERO => String::new(),
        amount => amount::format(amount, asset.map_or(0, |asset| asset.scale)),
    }
}

pub(super) async fn statement(args: &StatementArgs, ctx: &Ctx) -> CliResult {
    let client = ctx.client()?;
    let account = super::account(&args.account, ctx)?;
    let asset = match &args.asset {
        Some(text) => resolve_asset(&client, text).await?,
        None => client.asset(own_asset(&client, &account).await?).await?,
    };
    let params = json!({ "account": account, "asset": asset.id, "fromMs": args.from, "limit": PAGE });
    let lines: Vec<StatementLine> = client.list("ledger_statement", args.until.add_to(params)).await?;
    let rows: Vec<Vec<String>> = lines
        .iter()
        .map(|line| {
            let hash = |hash: Option<Hash>| hash.map_or_else(String::new, |hash| hash.to_string());
            vec![
                output::time(line.date_ms),
                output::time(line.time_ms),
                line.height.to_string(),
                line.index.map_or_else(String::new, |index| index.to_string()),
                shown(line.debit, Some(&asset)),
                shown(line.credit, Some(&asset)),
                balance(line.debits, line.credits, asset.scale),
                line.against.map_or_else(String::new, |against| text_of(&against)),
                hash(line.reference),
                hash(line.memo),
                line.reverses.map_or_else(String::new, |id| format!("{}-{}", id.height, id.index)),
                hash(line.tx),
            ]
        })
        .collect();
    let columns = [
        "date",
        "booked",
        "height",
        "index",
        "debit",
        "credit",
        "balance",
        "against",
        "reference",
        "memo",
        "reverses",
        "tx",
    ];
    let text = if args.csv { csv(&columns, &rows) } else { output::aligned(&columns[..8], short(&rows)) };
    let document = json!({ "account": account, "asset": asset.id, "lines": output::to_json(&lines) });
    Ok(Report::new(document, text))
}

/// The asset that an account of a book is in; the native one for other accounts.
async fn own_asset(client: &Client, account: &AccountId) -> Result<AssetId, CliError> {
    let AccountId::Book { book, code } = account else { return Ok(AssetId::NATIVE) };
    let chart: Vec<ChartItem> = client.list("ledger_listAccounts", json!({ "book": book })).await?;
    let found = chart.iter().find(|item| item.code == *code);
    found
        .map(|item| item.asset)
        .ok_or_else(|| CliError::input("account", format!("book {book} has no code {code}")))
}

/// Debits less credits, with the asset's decimals.
fn balance(debits: Amount, credits: Amount, scale: u8) -> String {
    match debits.checked_sub(credits) {
        Some(more) => amount::format(more, scale),
        None => format!("-{}", amount::format(credits.saturating_sub(debits), scale)),
    }
}

/// The columns that fit a terminal.
fn short(rows: &[Vec<String>]) -> Vec<Vec<String>> {
    rows.iter().map(|row| row.iter().take(8).cloned().collect()).collect()
}

/// Comma-separated values, RFC 4180. No field here has a comma or a quote in it.
pub(super) fn csv(columns: &[&str], rows: &[Vec<String>]) -> String {
    let lines = std::iter::once(columns.join(",")).chain(rows.iter().map(|row| row.join(",")));
    lines.map(|line| line + "\r\n").collect()
}
