//! `wattle wallet`: balances, payments, history.

use super::output::to_json;
use super::query;
use super::secret::{SignerArgs, address_of};
use super::send::{SendArgs, execute, money};
use super::{CliError, CliResult, Ctx, Report, amount, output};
use crate::client::{Client, with_cursor};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use wattle_primitives::call::token::Symbol;
use wattle_primitives::{AssetId, Call, call};
use wattle_rpc_types::{AssetInfo, Balance, HistoryItem, Page};

/// Pages of assets that a search by symbol looks at: 20 of 50.
const ASSET_PAGES_MAX: usize = 20;

const EXAMPLES: &str = "Examples:
  wattle wallet balance alice
  wattle wallet send --from alice --to wat1… --amount 1.5
  wattle wallet send --from alice --to bob --amount \"20 KES\" --asset KES --wait included
  wattle wallet send --secret-key-file seed.hex --to wat1… --amount \"1500000 base\" --json
  wattle wallet history alice --limit 20";

/// Arguments of `wallet`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, arg_required_else_help = true)]
pub struct WalletArgs {
    #[command(subcommand)]
    command: WalletCommand,
}

#[derive(Debug, Subcommand)]
#[expect(clippy::large_enum_variant, reason = "one value a process, and clap derives no boxes")]
enum WalletCommand {
    /// Money that an account can spend, and that is reserved.
    #[command(after_help = "Examples:\n  wattle wallet balance alice\n  wattle wallet balance wat1… --json")]
    Balance(BalanceArgs),
    /// Pay somebody. The transaction's id is printed before it is sent.
    #[command(after_help = "Examples:\n  wattle wallet send --from alice --to bob --amount 1.5\n  \
        wattle wallet send --from alice --to wat1… --amount \"1500000 base\" --wait included --timeout 30\n  \
        wattle wallet send --from alice --to bob --amount 1.5 --dry-run")]
    Send(PayArgs),
    /// Transactions that touched an account, newest first.
    #[command(after_help = "Example:\n  wattle wallet history alice --limit 20 --json")]
    History(HistoryArgs),
}

#[derive(Debug, Args)]
struct BalanceArgs {
    /// Address, or name of a key; the only key when absent.
    account: Option<String>,
}

#[derive(Debug, Args)]
struct PayArgs {
    /// Who receives it: an address, or the name of a key.
    #[arg(long, value_name = "ADDRESS")]
    to: String,
    /// How much: 1.5, "1.5 WAT", or "1500000 base" for base units.
    #[arg(long, value_name = "AMOUNT")]
    amount: String,
    /// Asset: its number, or its symbol when only one asset has it.
    #[arg(long, value_name = "ASSET", default_value = "0")]
    asset: String,
    #[command(flatten)]
    send: SendArgs,
}

#[derive(Debug, Args)]
struct HistoryArgs {
    /// Address, or name of a key; the only key when absent.
    account: Option<String>,
    #[command(flatten)]
    page: query::PageArgs,
}

/// Runs `wallet`.
///
/// # Errors
/// [`CliError`].
pub(crate) async fn run(args: WalletArgs, ctx: &Ctx) -> CliResult {
    match args.command {
        WalletCommand::Balance(args) => balance(&args, ctx).await,
        WalletCommand::Send(args) => send(&args, ctx).await,
        WalletCommand::History(args) => history(&args, ctx).await,
    }
}

async fn balance(args: &BalanceArgs, ctx: &Ctx) -> CliResult {
    let address = account(args.account.as_deref(), ctx)?;
    let client = ctx.client()?;
    let mut reply = client.account(&address).await?;
    while let Some(cursor) = reply.balances_cursor.take() {
        let params = json!({ "address": address, "cursor": cursor });
        let page: Page<Balance> = client.call("account_listBalances", params).await?;
        reply.balances.extend(page.items);
        reply.balances_cursor = page.next_cursor;
    }
    let mut text = format!("{address}\n");
    if !reply.exists {
        text.push_str("not on the chain yet: it comes to be with the first payment to it\n");
    }
    let rows: Vec<Value> = reply
        .balances
        .iter()
        .map(|b| {
            let shown = |units| amount::format(units, b.scale);
            json!({ "asset": amount::asset_name(&b.symbol, b.asset), "available": shown(b.available),
                "pending": shown(b.pending), "incoming": shown(b.incoming) })
        })
        .collect();
    if !rows.is_empty() {
        text.push_str(&output::table(&rows));
    }
    text.push_str(&format!("at height {}", reply.at.height));
    Ok(Report::new(to_json(&reply), text))
}

async fn send(args: &PayArgs, ctx: &Ctx) -> CliResult {
    let to = address_of(&args.to, ctx)?;
    let asset = resolve_asset(&ctx.client()?, &args.asset).await?;
    let amount = amount::parse(&args.amount, &asset.symbol, asset.scale)?;
    let call = Call::from(call::token::Transfer { to, asset: asset.id, amount });
    execute(vec![call], &format!("pay {} to {to}", money(amount, &asset)), &args.send, ctx).await
}

async fn history(args: &HistoryArgs, ctx: &Ctx) -> CliResult {
    let address = account(args.account.as_deref(), ctx)?;
    let params = args.page.add_to(json!({ "address": address }));
    let page: Page<HistoryItem> = ctx.client()?.call("account_history", params).await?;
    let mut text = String::new();
    for item in &page.items {
        let (time, calls) = (output::time(item.time_ms), output::clean(&item.calls.join(", ")));
        text.push_str(&format!(
            "{time}  #{}  {}  {calls}  {}\n",
            item.height,
            item.id,
            output::clean(&item.code)
        ));
        for event in &item.events {
            text.push_str(&format!("    {}\n", super::send::event_line(&to_json(event))));
        }
    }
    if page.items.is_empty() {
        text.push_str("no transactions\n");
    }
    if let Some(cursor) = &page.next_cursor {
        text.push_str(&format!("more: --cursor {}\n", output::clean(cursor)));
    }
    Ok(Report::new(to_json(&page), text))
}

fn account(text: Option<&str>, ctx: &Ctx) -> Result<wattle_primitives::Address, CliError> {
    match text {
        Some(text) => address_of(text, ctx),
        None => SignerArgs::default().address(ctx),
    }
}

/// The asset with this number or symbol. Symbols are not unique: one that several assets have is refused.
///
/// # Errors
/// [`CliError`] when there is none, or more than one.
pub(crate) async fn resolve_asset(client: &Client, text: &str) -> Result<AssetInfo, CliError> {
    if let Ok(id) = text.parse::<AssetId>() {
        return Ok(client.asset(id).await?);
    }
    let symbol: Symbol = text.parse().map_err(|e| CliError::input("asset", e))?;
    let (mut found, mut cursor): (Vec<AssetInfo>, Option<String>) = (Vec::new(), None);
    for _ in 0..ASSET_PAGES_MAX {
        let page: Page<AssetInfo> =
            client.call("token_listAssets", with_cursor(json!({ "limit": 50 }), cursor.as_deref())).await?;
        found.extend(page.items.into_iter().filter(|a| a.symbol == symbol));
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    let ids: Vec<String> = found.iter().map(|a| a.id.to_string()).collect();
    match (found.pop(), found.is_empty(), cursor) {
        (Some(asset), true, None) => Ok(asset),
        (None, _, None) => Err(CliError::input("asset", format!("none has the symbol {symbol}"))),
        (_, _, Some(_)) => {
            Err(CliError::input("asset", "there are too many to search by symbol: give its number"))
        }
        (Some(_), false, None) => Err(CliError::input(
            "asset",
            format!("{symbol} is the symbol of {}: give the number", ids.join(", ")),
        )),
    }
}
