//! Opening books and accounts, posting in them, closing them.

use super::{CliError, CliResult, Ctx, account};
use crate::amount;
use crate::date::parse_time;
use crate::send::{SendArgs, execute, money, money_of};
use crate::wallet::resolve_asset;
use crate::{input, output};
use clap::{Args, ValueEnum};
use std::path::PathBuf;
use wattle_primitives::call::ledger::{AccountClass, Balancing, Entry, Journal, OpenAccount, SetPeriod};
use wattle_primitives::{BookId, BoundedVec, Call, Hash, TimeMs, call};

#[derive(Debug, Args)]
pub(super) struct CreateBookArgs {
    /// Makes the book's id, together with the sender's address: 64 hex digits, random when absent.
    #[arg(long, value_name = "HEX")]
    reference: Option<Hash>,
    #[command(flatten)]
    send: SendArgs,
}

#[derive(Debug, Args)]
pub(super) struct OpenAccountArgs {
    /// The book's id.
    #[arg(long, value_name = "HEX")]
    book: BookId,
    /// Its code in the chart.
    #[arg(long, value_name = "N")]
    code: u32,
    /// Hash of its name, which lies elsewhere.
    #[arg(long, value_name = "HEX")]
    name: Option<Hash>,
    /// Its one asset: its number, or its symbol when only one asset has it.
    #[arg(long, value_name = "ASSET", default_value = "0")]
    asset: String,
    /// By which side its balance grows.
    #[arg(long)]
    class: Class,
    /// Code of the account that it is a part of.
    #[arg(long, value_name = "N")]
    parent: Option<u32>,
    /// Most by which debits may exceed credits: 0 keeps a liability, equity or revenue from going below zero.
    #[arg(long, value_name = "AMOUNT")]
    debit_max: Option<String>,
    /// Most by which credits may exceed debits: 0 keeps an asset or expense from going below zero.
    #[arg(long, value_name = "AMOUNT")]
    credit_max: Option<String>,
    #[command(flatten)]
    send: SendArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Class {
    /// Grows by debits.
    Asset,
    /// Grows by credits.
    Liability,
    /// Grows by credits.
    Equity,
    /// Grows by credits.
    Revenue,
    /// Grows by debits.
    Expense,
}

/// Which side caps an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Side {
    /// Balance of the debited account.
    Debit,
    /// Balance of the credited account.
    Credit,
    /// The smaller of the two.
    Both,
}

#[derive(Debug, Args)]
pub(super) struct PostArgs {
    /// Account debited: a wallet of the sender's, or BOOK/CODE.
    #[arg(long, value_name = "ACCOUNT", required_unless_present = "file")]
    debit: Option<String>,
    /// Account credited: a wallet, or BOOK/CODE.
    #[arg(long, value_name = "ACCOUNT", required_unless_present = "file")]
    credit: Option<String>,
    /// Asset: its number, or its symbol when only one asset has it.
    #[arg(long, value_name = "ASSET", default_value = "0")]
    asset: String,
    /// How much: 1.5, "1.5 KES", or "150 base" for base units.
    #[arg(long, value_name = "AMOUNT", required_unless_present = "file")]
    amount: Option<String>,
    /// Post no more than is there: what the debited account's credits exceed its debits by, the credited account's
    /// debits its credits, or the smaller of the two.
    #[arg(long, value_name = "SIDE")]
    balancing: Option<Side>,
    /// File with several entries.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["debit", "credit", "amount", "balancing"])]
    file: Option<PathBuf>,
    /// Sent twice under one reference, it is posted once: 64 hex digits.
    #[arg(long, value_name = "HEX")]
    reference: Option<Hash>,
    /// Hash of the document behind it.
    #[arg(long, value_name = "HEX")]
    memo: Option<Hash>,
    /// The date that it belongs to, when that is not the block's: only if all entries are within one book.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    date: Option<TimeMs>,
    /// Reference of an earlier journal that this one takes back.
    #[arg(long, value_name = "HEX")]
    reverses: Option<Hash>,
    #[command(flatten)]
    send: SendArgs,
}

#[derive(Debug, Args)]
pub(super) struct CloseArgs {
    /// The book's id.
    #[arg(long, value_name = "HEX")]
    book: BookId,
    /// Nothing can be dated before this time any more.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    to: TimeMs,
    #[command(flatten)]
    send: SendArgs,
}

#[derive(Debug, Args)]
pub(super) struct ReopenArgs {
    /// The book's id.
    #[arg(long, value_name = "HEX")]
    book: BookId,
    /// It stays closed up to this time.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    to: Option<TimeMs>,
    #[command(flatten)]
    send: SendArgs,
}

pub(super) async fn create_book(args: &CreateBookArgs, ctx: &Ctx) -> CliResult {
    let reference = input::reference(args.reference)?;
    let owner = args.send.on_behalf_of(ctx).await?;
    let book = BookId::of(&owner, &reference);
    output::note(&format!("book {book}"));
    let call = Call::from(call::ledger::CreateBook { reference });
    execute(vec![call], &format!("open the book {book}"), &args.send, ctx).await
}

pub(super) async fn open_account(args: &OpenAccountArgs, ctx: &Ctx) -> CliResult {
    let asset = resolve_asset(&ctx.client()?, &args.asset).await?;
    let most = |text: &Option<String>| text.as_deref().map(|text| money_of(text, &asset)).transpose();
    let OpenAccountArgs { book, code, name, parent, .. } = *args;
    let class = match args.class {
        Class::Asset => AccountClass::Asset,
        Class::Liability => AccountClass::Liability,
        Class::Equity => AccountClass::Equity,
        Class::Revenue => AccountClass::Revenue,
        Class::Expense => AccountClass::Expense,
    };
    let (debit_max, credit_max) = (most(&args.debit_max)?, most(&args.credit_max)?);
    let call = OpenAccount { book, code, name, asset: asset.id, class, parent, debit_max, credit_max };
    execute(vec![call.into()], &format!("open account {code} in book {book}"), &args.send, ctx).await
}

pub(super) async fn post(args: &PostArgs, ctx: &Ctx) -> CliResult {
    let PostArgs { reference, memo, date, reverses, .. } = *args;
    let (entries, what) = match (&args.file, &args.debit, &args.credit, &args.amount) {
        (None, Some(debit), Some(credit), Some(amount)) => {
            let asset = resolve_asset(&ctx.client()?, &args.asset).await?;
            let amount = amount::parse(amount, &asset.symbol, asset.scale)?;
            let most = if args.balancing.is_some() { " at most" } else { "" };
            let what = format!("post{most} {} from {debit} to {credit}", money(amount, &asset));
            let (debit, credit) = (account(debit, ctx)?, account(credit, ctx)?);
            let balancing = args.balancing.map(|side| match side {
                Side::Debit => Balancing::Debit,
                Side::Credit => Balancing::Credit,
                Side::Both => Balancing::Both,
            });
            (vec![Entry { balancing, ..Entry::new(debit, credit, asset.id, amount) }], what)
        }
        (Some(file), ..) => {
            let entries: Vec<Entry> =
                serde_json::from_slice(&input::read(file)?).map_err(|e| CliError::input("entries", e))?;
            let what = format!("post {} entries", entries.len());
            (entries, what)
        }
        _ => return Err(CliError::Usage { detail: "give --debit, --credit and --amount, or --file".into() }),
    };
    let entries = BoundedVec::new(entries).map_err(|e| CliError::input("entries", e))?;
    let journal = Journal { reference, memo, effective_ms: date, reverses, entries };
    execute(vec![journal.into()], &what, &args.send, ctx).await
}

pub(super) async fn close(args: &CloseArgs, ctx: &Ctx) -> CliResult {
    let call = SetPeriod { book: args.book, closed_ms: args.to };
    let what = format!("close book {} up to {}", args.book, output::time(args.to));
    execute(vec![call.into()], &what, &args.send, ctx).await
}

pub(super) async fn reopen(args: &ReopenArgs, ctx: &Ctx) -> CliResult {
    let call = SetPeriod { book: args.book, closed_ms: args.to.unwrap_or(TimeMs::ZERO) };
    execute(vec![call.into()], &format!("reopen book {}", args.book), &args.send, ctx).await
}
