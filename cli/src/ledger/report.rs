//! Trial balances and statements, as tables, CSV and JSON; books, charts and dues as CSV.

use super::{CliError, CliResult, Ctx, UntilArgs, text_of};
use crate::client::Client;
use crate::date::parse_time;
use crate::output::OutArgs;
use crate::wallet::resolve_asset;
use crate::{Report, amount, output};
use clap::Args;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use wattle_primitives::call::ledger::{AccountClass, AccountId};
use wattle_primitives::{Amount, AssetId, BookId, Hash, TimeMs};
use wattle_rpc_types::{AssetInfo, BookInfo, ChartItem, DueInfo, StatementLine, TrialBalanceItem};

#[derive(Debug, Args)]
pub(super) struct TrialBalanceArgs {
    /// The book's id.
    book: BookId,
    #[command(flatten)]
    until: UntilArgs,
    /// As comma-separated values.
    #[arg(long)]
    csv: bool,
    #[command(flatten)]
    pub(super) out: OutArgs,
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
    #[command(flatten)]
    pub(super) out: OutArgs,
}

/// Items asked for at once.
pub(super) const PAGE: u32 = wattle_rpc_types::limits::PAGE_ITEMS_MAX;

/// The state that a report of several pages is of: always one height, so that they add up.
async fn pinned(until: UntilArgs, client: &Client) -> Result<UntilArgs, CliError> {
    let height = match until.height {
        Some(height) => height,
        None => client.chain_status().await?.at.height,
    };
    Ok(UntilArgs { height: Some(height), ..until })
}

/// Answers of a node that do not agree with each other.
pub(super) fn differ(detail: String) -> CliError {
    CliError::input("the node's answers", detail)
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
    let until = pinned(args.until, &client).await?;
    let params = until.add_to(json!({ "book": args.book, "limit": PAGE }));
    let items: Vec<TrialBalanceItem> = client.list("ledger_trialBalance", params).await?;
    let assets = assets(&client, items.iter().map(|item| item.asset)).await?;
    let mut totals: BTreeMap<AssetId, [u128; 2]> = BTreeMap::new();
    let mut rows = Vec::new();
    for item in &items {
        let [debit, credit] = sides(item);
        let total = totals.entry(item.asset).or_default();
        total[0] = total[0].saturating_add(debit.0);
        total[1] = total[1].saturating_add(credit.0);
        rows.push(row(&text_of(&item.account), &name_of(&item.class), &assets, item.asset, [debit, credit]));
    }
    for (asset, [debit, credit]) in &totals {
        if debit != credit {
            return Err(differ(format!("asset {asset}: {debit} base units debited, {credit} credited")));
        }
        rows.push(row("total", "", &assets, *asset, [Amount(*debit), Amount(*credit)]));
    }
    let columns = ["account", "class", "asset", "debit", "credit"];
    let text = if args.csv { csv(&columns, &rows) } else { output::aligned(&columns, rows) };
    let totals: Vec<_> = totals
        .iter()
        .map(|(asset, [debit, credit])| json!({ "asset": asset, "debit": Amount(*debit), "credit": Amount(*credit) }))
        .collect();
    let document = json!({
        "book": args.book, "height": until.height, "items": output::to_json(&items), "totals": totals,
    });
    Ok(Report::new(document, text))
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
    let name = asset_name(asset, assets.get(&asset));
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
    let params = pinned(args.until, &client).await?.add_to(params);
    let lines: Vec<StatementLine> = client.list("ledger_statement", params).await?;
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

/// All books that `params` ask for, in CSV.
pub(super) async fn books(params: Value, ctx: &Ctx) -> CliResult {
    let items: Vec<BookInfo> = ctx.client()?.list("ledger_listBooks", whole(params)).await?;
    let row = |book: &BookInfo| {
        let assets: Vec<String> = book.assets.iter().map(AssetId::to_string).collect();
        let closed = (book.closed_ms > TimeMs::ZERO).then(|| output::time(book.closed_ms));
        vec![
            book.id.to_string(),
            book.owner.to_string(),
            book.accounts.to_string(),
            assets.join(" "),
            closed.unwrap_or_default(),
        ]
    };
    Ok(listed(&items, &["book", "owner", "accounts", "assets", "closed"], row))
}

/// A book's chart, in CSV.
pub(super) async fn chart(params: Value, ctx: &Ctx) -> CliResult {
    let client = ctx.client()?;
    let items: Vec<ChartItem> = client.list("ledger_listAccounts", whole(params)).await?;
    let assets = assets(&client, items.iter().map(|item| item.asset)).await?;
    let row = |item: &ChartItem| {
        let scale = assets.get(&item.asset).map_or(0, |asset| asset.scale);
        let most = |most: Option<Amount>| most.map_or_else(String::new, |most| amount::format(most, scale));
        vec![
            item.code.to_string(),
            item.name.map_or_else(String::new, |name| name.to_string()),
            name_of(&item.class),
            item.parent.map_or_else(String::new, |parent| parent.to_string()),
            asset_name(item.asset, assets.get(&item.asset)),
            most(item.debit_max),
            most(item.credit_max),
        ]
    };
    let columns = ["code", "name", "class", "parent", "asset", "debit_max", "credit_max"];
    Ok(listed(&items, &columns, row))
}

/// Dues to books in an asset, in CSV.
pub(super) async fn dues(asset: &AssetInfo, until: UntilArgs, ctx: &Ctx) -> CliResult {
    let client = ctx.client()?;
    let params = pinned(until, &client).await?.add_to(whole(json!({ "asset": asset.id })));
    let items: Vec<DueInfo> = client.list("ledger_listDues", params).await?;
    let name = asset_name(asset.id, Some(asset));
    let row = |due: &DueInfo| {
        let [owed, reserved] = [due.owed, due.reserved].map(|amount| amount::format(amount, asset.scale));
        vec![due.book.to_string(), due.owner.to_string(), name.clone(), owed, reserved]
    };
    Ok(listed(&items, &["book", "owner", "asset", "owed", "reserved"], row))
}

/// The parameters of a list that is read to its end.
fn whole(mut params: Value) -> Value {
    params["limit"] = PAGE.into();
    params
}

/// A list as CSV, and as JSON.
fn listed<T: Serialize>(items: &[T], columns: &[&str], row: impl Fn(&T) -> Vec<String>) -> Report {
    let rows: Vec<_> = items.iter().map(row).collect();
    Report::new(json!({ "items": output::to_json(&items) }), csv(columns, &rows))
}

/// A class as it is written in JSON.
fn name_of(class: &AccountClass) -> String {
    output::to_json(class).as_str().unwrap_or_default().to_owned()
}

fn asset_name(id: AssetId, asset: Option<&AssetInfo>) -> String {
    asset.map_or_else(|| id.to_string(), |of| amount::asset_name(&of.symbol, id))
}

/// Comma-separated values, RFC 4180. No field here has a comma or a quote in it.
pub(super) fn csv(columns: &[&str], rows: &[Vec<String>]) -> String {
    let lines = std::iter::once(columns.join(",")).chain(rows.iter().map(|row| row.join(",")));
    lines.map(|line| line + "\r\n").collect()
}
