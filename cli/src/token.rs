//! `wattle token`: assets.

use super::query::{self, PageArgs};
use super::secret::address_of;
use super::send::{SendArgs, execute, money};
use super::wallet::resolve_asset;
use super::{CliError, CliResult, Ctx, Report, amount, output};
use clap::{Args, Subcommand};
use serde_json::json;
use wattle_primitives::call::token::{SCALE_MAX, Symbol};
use wattle_primitives::{Amount, Call, call};
use wattle_rpc_types::AssetInfo;

const EXAMPLES: &str = "Examples:
  wattle token issue --from alice --symbol KES --scale 2
  wattle token mint --from alice --asset 1 --to bob --amount 100
  wattle token burn --from bob --asset KES --amount \"5 KES\"
  wattle token list";

/// Arguments of `token`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, arg_required_else_help = true)]
pub struct TokenArgs {
    #[command(subcommand)]
    command: TokenCommand,
}

#[derive(Debug, Subcommand)]
enum TokenCommand {
    /// Create an asset whose issuer is the sender. Its number is in the event asset_issued.
    #[command(after_help = "Example:\n  wattle token issue --from alice --symbol KES --scale 2")]
    Issue(IssueArgs),
    /// Create units of an asset; by its issuer only.
    #[command(after_help = "Example:\n  wattle token mint --from alice --asset 1 --to bob --amount 100")]
    Mint(MoveArgs),
    /// Destroy own units of an asset.
    #[command(after_help = "Example:\n  wattle token burn --from bob --asset 1 --amount 5")]
    Burn(BurnArgs),
    /// Move units of an asset to somebody.
    #[command(after_help = "Example:\n  wattle token transfer --from bob --asset 1 --to wat1… --amount 5")]
    Transfer(MoveArgs),
    /// List all assets.
    #[command(after_help = "Example:\n  wattle token list --json")]
    List(PageArgs),
    /// Show one asset.
    #[command(after_help = "Example:\n  wattle token show KES")]
    Show(ShowArgs),
    /// Show how much of an asset was issued and burned, and where the rest of it is, in base units.
    #[command(after_help = "Example:\n  wattle token supply WAT")]
    Supply(ShowArgs),
}

#[derive(Debug, Args)]
struct IssueArgs {
    /// Short name: 1 to 12 upper-case letters and digits. Not unique.
    #[arg(long, value_name = "SYMBOL")]
    symbol: Symbol,
    /// Decimal places; never change.
    #[arg(long, value_name = "PLACES", value_parser = clap::value_parser!(u8).range(..=i64::from(SCALE_MAX)))]
    scale: u8,
    #[command(flatten)]
    send: SendArgs,
}

#[derive(Debug, Args)]
struct MoveArgs {
    /// Asset: its number, or its symbol when only one asset has it.
    #[arg(long, value_name = "ASSET")]
    asset: String,
    /// Who receives: an address, or the name of a key.
    #[arg(long, value_name = "ADDRESS")]
    to: String,
    /// How much: 1.5, "1.5 KES", or "150 base" for base units.
    #[arg(long, value_name = "AMOUNT")]
    amount: String,
    #[command(flatten)]
    send: SendArgs,
}

#[derive(Debug, Args)]
struct BurnArgs {
    /// Asset: its number, or its symbol when only one asset has it.
    #[arg(long, value_name = "ASSET")]
    asset: String,
    /// How much: 1.5, "1.5 KES", or "150 base" for base units.
    #[arg(long, value_name = "AMOUNT")]
    amount: String,
    #[command(flatten)]
    send: SendArgs,
}

#[derive(Debug, Args)]
struct ShowArgs {
    /// Asset: its number, or its symbol when only one asset has it.
    asset: String,
}

/// Runs `token`.
///
/// # Errors
/// [`CliError`].
pub(crate) async fn run(args: TokenArgs, ctx: &Ctx) -> CliResult {
    match args.command {
        TokenCommand::Issue(args) => {
            let what = format!("issue {} with {} decimal places", args.symbol, args.scale);
            let call = Call::from(call::token::Issue { symbol: args.symbol, scale: args.scale });
            execute(vec![call], &what, &args.send, ctx).await
        }
        TokenCommand::Mint(args) => {
            let to = address_of(&args.to, ctx)?;
            let (asset, amount) = amount_of(&args.asset, &args.amount, ctx).await?;
            let call = Call::from(call::token::Mint { asset: asset.id, to, amount });
            execute(vec![call], &format!("mint {} for {to}", money(amount, &asset)), &args.send, ctx).await
        }
        TokenCommand::Burn(args) => {
            let (asset, amount) = amount_of(&args.asset, &args.amount, ctx).await?;
            let call = Call::from(call::token::Burn { asset: asset.id, amount });
            execute(vec![call], &format!("burn {}", money(amount, &asset)), &args.send, ctx).await
        }
        TokenCommand::Transfer(args) => {
            let to = address_of(&args.to, ctx)?;
            let (asset, amount) = amount_of(&args.asset, &args.amount, ctx).await?;
            let call = Call::from(call::token::Transfer { to, asset: asset.id, amount });
            execute(vec![call], &format!("pay {} to {to}", money(amount, &asset)), &args.send, ctx).await
        }
        TokenCommand::List(page) => query::ask(ctx, "token_listAssets", page.add_to(json!({}))).await,
        TokenCommand::Show(args) => {
            Ok(Report::of(output::to_json(&resolve_asset(&ctx.client()?, &args.asset).await?)))
        }
        TokenCommand::Supply(args) => {
            let asset = resolve_asset(&ctx.client()?, &args.asset).await?.id;
            query::ask(ctx, "token_getSupply", json!({ "asset": asset })).await
        }
    }
}

async fn amount_of(asset: &str, text: &str, ctx: &Ctx) -> Result<(AssetInfo, Amount), CliError> {
    let asset = resolve_asset(&ctx.client()?, asset).await?;
    let amount = amount::parse(text, &asset.symbol, asset.scale)?;
    Ok((asset, amount))
}
