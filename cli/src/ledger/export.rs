//! A book's journal for other programs: hledger, beancount, CSV, JSON.
//!
//! Everything comes from statements and trial balances of the node. The entries are added up here and compared with the
//! trial balance of the end, and the same balances are written as assertions, which the reading program checks by
//! itself.

use super::report::{self, PAGE, differ};
use super::{CliError, CliResult, Ctx, UntilArgs, text_of};
use crate::Report;
use crate::client::Client;
use crate::date::parse_time;
use crate::output::OutArgs;
use clap::{Args, ValueEnum};
use serde_json::json;
use std::collections::BTreeMap;
use wattle_primitives::call::ledger::{AccountClass, AccountId, JournalId};
use wattle_primitives::{Amount, AssetId, BookId, Hash, Height, TimeMs};
use wattle_rpc_types::{AssetInfo, StatementLine, TrialBalanceItem};

#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    /// The book's id.
    book: BookId,
    /// Format of the output.
    #[arg(long)]
    format: Format,
    /// Dated from this time on: a date (UTC), or ms since 1970. What is dated before is one entry, the opening
    /// balances.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    from: Option<TimeMs>,
    /// Dated before this time.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    to: Option<TimeMs>,
    #[command(flatten)]
    pub(super) out: OutArgs,
}

/// Formats of an export, by the program that reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Plain text accounting with hledger (and ledger).
    Hledger,
    /// Plain text accounting with beancount.
    Beancount,
    /// A posting a line.
    Csv,
    /// Entries with their postings.
    Json,
}

/// An account of a book in an asset.
pub(super) type Place = (AccountId, AssetId);

/// A book, as it is exported.
#[derive(Debug)]
pub(super) struct Export {
    pub(super) book: BookId,
    pub(super) height: Height,
    pub(super) assets: BTreeMap<AssetId, AssetInfo>,
    /// Class of every account, and the code that it is a part of.
    pub(super) accounts: BTreeMap<Place, (AccountClass, Option<u32>)>,
    /// By date.
    pub(super) entries: Vec<Posting>,
    /// Debits less credits at the end, base units.
    pub(super) balances: BTreeMap<Place, i128>,
}

/// An entry, or several of one journal: its lines come to nothing in each asset.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Posting {
    pub(super) date_ms: TimeMs,
    pub(super) height: Height,
    /// Of its event; none for what has no event of its own, or many.
    pub(super) index: Option<u32>,
    pub(super) what: String,
    pub(super) tx: Option<Hash>,
    pub(super) reference: Option<Hash>,
    pub(super) memo: Option<Hash>,
    pub(super) reverses: Option<JournalId>,
    /// Debits less credits, base units.
    pub(super) lines: Vec<(Place, i128)>,
}

pub(super) async fn export(args: &ExportArgs, ctx: &Ctx) -> CliResult {
    let export = collect(args, &ctx.client()?).await?;
    match args.format {
        Format::Hledger => Ok(text_report(export.hledger())),
        Format::Beancount => Ok(text_report(export.beancount())),
        Format::Csv => Ok(text_report(export.csv())),
        Format::Json => {
            let document = export.json();
            Ok(Report::new(document.clone(), document.to_string()))
        }
    }
}

fn text_report(text: String) -> Report {
    Report::new(json!({ "text": text }), text)
}

async fn collect(args: &ExportArgs, client: &Client) -> Result<Export, CliError> {
    // One height for all questions, so that the answers add up.
    let height = client.chain_status().await?.at.height;
    let of_book = json!({ "book": args.book, "limit": PAGE });
    let by = |to| UntilArgs { height: Some(height), to };
    let end: Vec<TrialBalanceItem> =
        client.list("ledger_trialBalance", by(args.to).add_to(of_book.clone())).await?;
    let assets = report::assets(client, end.iter().map(|item| item.asset)).await?;
    let accounts = end.iter().map(|item| ((item.account, item.asset), (item.class, item.parent))).collect();
    let (mut entries, mut opening) = (Vec::new(), Vec::<TrialBalanceItem>::new());
    if let Some(from) = args.from {
        opening = client.list("ledger_trialBalance", by(Some(from)).add_to(of_book)).await?;
        entries.extend(opening_entry(&opening, from));
    }
    let mut lines = Vec::new();
    for item in &end {
        let place = (item.account, item.asset);
        let before = opening.iter().find(|item| (item.account, item.asset) == place);
        let within = |line: &StatementLine| {
            args.from.is_none_or(|from| from <= line.date_ms) && args.to.is_none_or(|to| line.date_ms < to)
        };
        let params = json!({ "account": place.0, "asset": place.1, "fromMs": args.from, "limit": PAGE });
        let mut found: Vec<StatementLine> =
            client.list("ledger_statement", by(args.to).add_to(params.clone())).await?;
        found.retain(within);
        // Entries that were posted later and dated back. Cash and tabs never are, so it is seldom asked for.
        if let Some(to) = args.to.filter(|_| !comes_to(&found, before, item)) {
            let mut params = by(None).add_to(params);
            params["fromMs"] = to.to_string().into();
            let late: Vec<StatementLine> = client.list("ledger_statement", params).await?;
            found.extend(late.into_iter().filter(within));
        }
        lines.extend(found.into_iter().map(|line| (place, line)));
    }
    entries.extend(journal(lines));
    let balances =
        end.iter().map(|item| ((item.account, item.asset), net(item.debits, item.credits))).collect();
    let export = Export { book: args.book, height, assets, accounts, entries, balances };
    export.check()?;
    Ok(export)
}

/// Whether an account's lines lead from its balance before them, if it has one, to that after them.
fn comes_to(lines: &[StatementLine], before: Option<&TrialBalanceItem>, after: &TrialBalanceItem) -> bool {
    let begin = before.map_or((Amount::ZERO, Amount::ZERO), |item| (item.debits, item.credits));
    let sum = lines.iter().fold(begin, |(debits, credits), line| {
        (debits.saturating_add(line.debit), credits.saturating_add(line.credit))
    });
    sum == (after.debits, after.credits)
}

fn net(debits: Amount, credits: Amount) -> i128 {
    let signed = |amount: Amount| i128::try_from(amount.0).unwrap_or(i128::MAX);
    signed(debits).saturating_sub(signed(credits))
}

/// Balances at the beginning, as one entry.
fn opening_entry(balances: &[TrialBalanceItem], from: TimeMs) -> Option<Posting> {
    let lines: Vec<(Place, i128)> = balances
        .iter()
        .map(|item| ((item.account, item.asset), net(item.debits, item.credits)))
        .filter(|(_, net)| *net != 0)
        .collect();
    let what = "opening balances".to_owned();
    (!lines.is_empty()).then_some(Posting { date_ms: from, what, lines, ..Posting::default() })
}

/// Statements of all of a book's accounts, put together: each entry stands in those of both its accounts.
fn journal(lines: Vec<(Place, StatementLine)>) -> Vec<Posting> {
    let mut entries: BTreeMap<(TimeMs, Height, u32), Posting> = BTreeMap::new();
    for (place, line) in lines {
        let StatementLine { height, index, date_ms, .. } = line;
        let of = line.journal.map(|journal| journal.index).or(index);
        let entry = entries.entry((date_ms, height, of.unwrap_or(u32::MAX))).or_insert_with(|| Posting {
            date_ms,
            height,
            index: of,
            what: match (line.journal, of) {
                (Some(_), Some(of)) => format!("journal {height}-{of}"),
                (_, Some(of)) => format!("posting {height}-{of}"),
                (_, None) => format!("settlement {height}"),
            },
            tx: line.tx,
            reference: line.reference,
            memo: line.memo,
            reverses: line.reverses,
            lines: Vec::new(),
        });
        entry.lines.push((place, net(line.debit, line.credit)));
    }
    entries.into_values().collect()
}

impl Export {
    /// Whether every entry comes to nothing in each asset, and all of them to the balances.
    fn check(&self) -> Result<(), CliError> {
        let mut sums: BTreeMap<Place, i128> = BTreeMap::new();
        for entry in &self.entries {
            let mut by_asset: BTreeMap<AssetId, i128> = BTreeMap::new();
            for ((account, asset), amount) in &entry.lines {
                let sum = by_asset.entry(*asset).or_default();
                *sum = sum.saturating_add(*amount);
                let sum = sums.entry((*account, *asset)).or_default();
                *sum = sum.saturating_add(*amount);
            }
            if by_asset.values().any(|sum| *sum != 0) {
                return Err(differ(format!("{} does not balance", entry.what)));
            }
        }
        let apart = self.balances.iter().find(|(place, net)| sums.get(*place).copied().unwrap_or(0) != **net);
        match apart {
            None => Ok(()),
            Some(((account, _), net)) => Err(differ(format!(
                "the entries of {} do not come to its balance of {net} base units",
                text_of(account)
            ))),
        }
    }
}

#[cfg(test)]
#[path = "export_tests.rs"]
mod tests;
