//! `wattle ledger`: books and what is in them.

mod export;
mod hold;
mod post;
mod report;
mod write;

use super::output::OutArgs;
use super::query::{self, PageArgs};
use super::secret::address_of;
use super::{CliError, CliResult, Ctx};
use crate::date::parse_time;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use wattle_primitives::call::ledger::{AccountId, SystemAccount};
use wattle_primitives::{BookId, Height, TimeMs};

const EXAMPLES: &str = "Examples:
  wattle ledger create-book --from alice --reference 01…
  wattle ledger open-account --from alice --book 5e6f… --code 4000 --class revenue
  wattle ledger post --from alice --debit bob --credit 5e6f…/4000 --amount 2.5 --reference 77…
  wattle ledger books --owner alice
  wattle ledger trial-balance 5e6f… --to 2026-02-01
  wattle ledger statement 5e6f…/4000 --from 2026-01-01 --csv --out january.csv
  wattle ledger export 5e6f… --format hledger --out book.journal";

/// Arguments of `ledger`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, arg_required_else_help = true)]
pub struct LedgerArgs {
    #[command(subcommand)]
    command: LedgerCommand,
}

#[derive(Debug, Subcommand)]
enum LedgerCommand {
    /// Open a book of the sender's. Prints its id before it is sent.
    #[command(after_help = "Example:\n  wattle ledger create-book --from alice")]
    CreateBook(post::CreateBookArgs),
    /// Open an account in a book of the sender's.
    #[command(
        after_help = "Example:\n  wattle ledger open-account --from alice --book 5e6f… --code 4100 --class revenue --parent 4000 --debit-max 0"
    )]
    OpenAccount(post::OpenAccountArgs),
    /// Post a journal: one entry by arguments, or several from a file.
    #[command(
        after_help = "Examples:\n  wattle ledger post --from alice --debit alice --credit 5e6f…/4000 --amount 2.5\n  \
        wattle ledger post --from alice --file journal.json --reference 77… --date 2026-01-31\n\n  \
        The file holds a list of entries as they stand in a transaction: [{\"debit\": …, \"credit\": …, \"asset\": \"0\", \"amount\": \"5\"}]."
    )]
    Post(post::PostArgs),
    /// Put money aside for somebody: nothing else can spend it until it is captured, voided or over.
    #[command(
        after_help = "Example:\n  wattle ledger hold --from alice --debit alice --credit 5e6f…/2100 --amount 20 --captor bob --ttl 86400"
    )]
    Hold(hold::HoldArgs),
    /// Post what is held, all or in parts.
    #[command(
        after_help = "Examples:\n  wattle ledger capture --from bob 4f1c…\n  wattle ledger capture --from bob 4f1c… --amount 5 --more"
    )]
    Capture(hold::CaptureArgs),
    /// Let go of what is held.
    #[command(after_help = "Example:\n  wattle ledger void --from bob 4f1c…")]
    Void(hold::VoidArgs),
    /// List the open holds of an account: those that debit or credit it, or whose captor its owner is.
    #[command(after_help = "Examples:\n  wattle ledger holds alice\n  wattle ledger holds 5e6f…/2100")]
    Holds(hold::HoldsArgs),
    /// Close a book up to a time: nothing can be dated before it any more.
    #[command(after_help = "Example:\n  wattle ledger close --from alice --book 5e6f… --to 2026-02-01")]
    Close(post::CloseArgs),
    /// Reopen a book from a time on; all of it without one.
    #[command(after_help = "Example:\n  wattle ledger reopen --from alice --book 5e6f… --to 2026-01-01")]
    Reopen(post::ReopenArgs),
    /// List books, those of one owner or all.
    #[command(
        after_help = "Examples:\n  wattle ledger books --owner alice\n  wattle ledger books --csv --out books.csv"
    )]
    Books(BooksArgs),
    /// One book: its owner, and up to when it is closed.
    #[command(after_help = "Example:\n  wattle ledger book 5e6f…")]
    Book(BookArgs),
    /// A book's chart of accounts.
    #[command(
        after_help = "Examples:\n  wattle ledger chart 5e6f…\n  wattle ledger chart 5e6f… --csv --out chart.csv"
    )]
    Chart(ChartArgs),
    /// Trial balance of a book, now or after a height: of all, or of what is dated before a time.
    #[command(
        after_help = "Examples:\n  wattle ledger trial-balance 5e6f…\n  wattle ledger trial-balance 5e6f… --to 2026-02-01 --csv\n  \
        wattle ledger trial-balance 5e6f… --height 120 --json\n  \
        wattle ledger trial-balance 5e6f… --to 2026-02-01 --height 120"
    )]
    TrialBalance(report::TrialBalanceArgs),
    /// Dues of the public book to books, now, after a height or before a time: the cash paid in and not paid out.
    #[command(
        after_help = "Examples:\n  wattle ledger dues --asset 0\n  wattle ledger dues --to 2026-02-01 --csv\n  wattle ledger dues --height 120"
    )]
    Dues(DuesArgs),
    /// Statement of an account: each posting, with its running balance.
    #[command(
        after_help = "Examples:\n  wattle ledger statement bob\n  wattle ledger statement 5e6f…/4000 --from 2026-01-01 --to 2026-02-01\n  \
        wattle ledger statement 5e6f…/cash --asset KES --csv\n  wattle ledger statement system/fees --height 120 --json\n\n  \
        An account is a wallet (an address, or the name of a key), BOOK/CODE, BOOK/cash, BOOK/due, or system/fees, system/deposits, \
        system/issuance."
    )]
    Statement(report::StatementArgs),
    /// A book's journal for other programs to read, with balances that they check.
    #[command(
        after_help = "Examples:\n  wattle ledger export 5e6f… --format hledger --out book.journal && hledger -f book.journal check -s\n  \
        wattle ledger export 5e6f… --format beancount --from 2026-01-01 --to 2027-01-01 --out book.beancount && bean-check book.beancount\n  \
        wattle ledger export 5e6f… --format csv --out book.csv"
    )]
    Export(export::ExportArgs),
}

#[derive(Debug, Args)]
struct BooksArgs {
    /// Only those of this account: an address, or the name of a key.
    #[arg(long, value_name = "ADDRESS")]
    owner: Option<String>,
    #[command(flatten)]
    csv: CsvArgs,
    #[command(flatten)]
    page: PageArgs,
}

#[derive(Clone, Debug, Args)]
struct CsvArgs {
    /// All of it, as comma-separated values.
    #[arg(long, conflicts_with_all = ["limit", "cursor"])]
    csv: bool,
    #[command(flatten)]
    out: OutArgs,
}

#[derive(Debug, Args)]
struct BookArgs {
    /// The book's id.
    book: BookId,
}

#[derive(Debug, Args)]
struct ChartArgs {
    #[command(flatten)]
    of: BookArgs,
    #[command(flatten)]
    csv: CsvArgs,
    #[command(flatten)]
    page: PageArgs,
}

#[derive(Debug, Args)]
struct DuesArgs {
    /// Asset: its number, or its symbol when only one asset has it.
    #[arg(long, value_name = "ASSET", default_value = "0")]
    asset: String,
    #[command(flatten)]
    until: UntilArgs,
    #[command(flatten)]
    csv: CsvArgs,
    #[command(flatten)]
    page: PageArgs,
}

/// Up to when a report goes.
#[derive(Clone, Copy, Debug, Default, Args)]
struct UntilArgs {
    /// After the block of this height; the last final one when absent.
    #[arg(long, value_name = "HEIGHT")]
    height: Option<Height>,
    /// Before this time: a date (UTC), or ms since 1970.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    to: Option<TimeMs>,
}

impl UntilArgs {
    fn add_to(self, mut params: Value) -> Value {
        if let Some(height) = self.height {
            params["height"] = height.to_string().into();
        }
        if let Some(to) = self.to {
            params["toMs"] = to.to_string().into();
        }
        params
    }
}

/// Runs `ledger`.
///
/// # Errors
/// [`CliError`].
pub(crate) async fn run(args: LedgerArgs, ctx: &Ctx) -> CliResult {
    match args.command {
        LedgerCommand::CreateBook(args) => post::create_book(&args, ctx).await,
        LedgerCommand::OpenAccount(args) => post::open_account(&args, ctx).await,
        LedgerCommand::Post(args) => post::post(&args, ctx).await,
        LedgerCommand::Hold(args) => hold::hold(&args, ctx).await,
        LedgerCommand::Capture(args) => hold::capture(&args, ctx).await,
        LedgerCommand::Void(args) => hold::void(&args, ctx).await,
        LedgerCommand::Holds(args) => hold::list(&args, ctx).await,
        LedgerCommand::Close(args) => post::close(&args, ctx).await,
        LedgerCommand::Reopen(args) => post::reopen(&args, ctx).await,
        LedgerCommand::Books(args) => {
            let owner = args.owner.as_deref().map(|text| address_of(text, ctx)).transpose()?;
            let params = json!({ "owner": owner });
            let report = match args.csv.csv {
                true => report::books(params, ctx).await?,
                false => query::ask(ctx, "ledger_listBooks", args.page.add_to(params)).await?,
            };
            args.csv.out.take(report, ctx.json)
        }
        LedgerCommand::Book(args) => query::ask(ctx, "ledger_getBook", json!({ "book": args.book })).await,
        LedgerCommand::Chart(args) => {
            let params = json!({ "book": args.of.book });
            let report = match args.csv.csv {
                true => report::chart(params, ctx).await?,
                false => query::ask(ctx, "ledger_listAccounts", args.page.add_to(params)).await?,
            };
            args.csv.out.take(report, ctx.json)
        }
        LedgerCommand::TrialBalance(args) => {
            args.out.take(report::trial_balance(&args, ctx).await?, ctx.json)
        }
        LedgerCommand::Dues(args) => {
            let asset = crate::wallet::resolve_asset(&ctx.client()?, &args.asset).await?;
            let report = match args.csv.csv {
                true => report::dues(&asset, args.until, ctx).await?,
                false => {
                    let params = args.until.add_to(json!({ "asset": asset.id }));
                    query::ask(ctx, "ledger_listDues", args.page.add_to(params)).await?
                }
            };
            args.csv.out.take(report, ctx.json)
        }
        LedgerCommand::Statement(args) => args.out.take(report::statement(&args, ctx).await?, ctx.json),
        LedgerCommand::Export(args) => args.out.take(export::export(&args, ctx).await?, ctx.json),
    }
}

/// An account as people write it.
fn account(text: &str, ctx: &Ctx) -> Result<AccountId, CliError> {
    let Some((place, part)) = text.split_once('/') else {
        return Ok(AccountId::Wallet { owner: address_of(text, ctx)? });
    };
    let wrong = |detail: String| CliError::input("account", detail);
    if place == "system" {
        let account = match part {
            "issuance" => SystemAccount::Issuance,
            "fees" => SystemAccount::Fees,
            "deposits" => SystemAccount::Deposits,
            _ => {
                return Err(wrong(
                    "the protocol's are system/issuance, system/fees and system/deposits".into(),
                ));
            }
        };
        return Ok(AccountId::System { account });
    }
    let book: BookId = place.parse().map_err(|e| wrong(format!("{place:?} is no book: {e}")))?;
    match part {
        "cash" => Ok(AccountId::Cash { book }),
        "due" => Ok(AccountId::Due { book }),
        code => match code.parse() {
            Ok(code) => Ok(AccountId::Book { book, code }),
            Err(_) => Err(wrong(format!("{code:?} is no code: expected a number, cash or due"))),
        },
    }
}

/// An account as [`account`] reads it.
fn text_of(account: &AccountId) -> String {
    match account {
        AccountId::Wallet { owner } => owner.to_string(),
        AccountId::Book { book, code } => format!("{book}/{code}"),
        AccountId::System { account: SystemAccount::Issuance } => "system/issuance".into(),
        AccountId::System { account: SystemAccount::Fees } => "system/fees".into(),
        AccountId::System { account: SystemAccount::Deposits } => "system/deposits".into(),
        AccountId::Due { book } => format!("{book}/due"),
        AccountId::Cash { book } => format!("{book}/cash"),
    }
}
