//! `wattle paygo operator`.

use super::{CliResult, Ctx, SendArgs, query};
use crate::secret::address_of;
use crate::send::execute;
use crate::wallet::resolve_asset;
use clap::{Args, Subcommand};
use serde_json::json;
use wattle_primitives::call::paygo::SetPaygoOperator;
use wattle_primitives::{AssetId, Call};
use wattle_rpc_types::{Anchored, PaygoOperatorInfo};

#[derive(Debug, Subcommand)]
pub(super) enum OperatorCommand {
    /// Make the sender an operator. The asset in which it is paid is never changed.
    #[command(
        after_help = "Example:\n  wattle paygo operator register --from alice --asset KES --daily-cap 500"
    )]
    Register(RegisterArgs),
    /// Change how much is issued at most.
    #[command(after_help = "Example:\n  wattle paygo operator set --from alice --daily-cap 1000")]
    Set(SetArgs),
    /// Show an operator.
    #[command(after_help = "Example:\n  wattle paygo operator show alice")]
    Show(ShowArgs),
}

#[derive(Debug, Args)]
pub(super) struct RegisterArgs {
    /// The asset in which it is paid: its number, or its symbol when only one asset has it.
    #[arg(long, value_name = "ASSET", default_value = "0")]
    asset: String,
    #[command(flatten)]
    set: SetArgs,
}

#[derive(Debug, Args)]
pub(super) struct SetArgs {
    /// Most raw units issued for a device in a day, UTC, by whomever: what a thief of the issuer's key can take.
    #[arg(long, value_name = "UNITS")]
    daily_cap: u32,
    #[command(flatten)]
    send: SendArgs,
}

#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    /// The operator: an address, or the name of a key.
    operator: String,
}

/// Runs `paygo operator`.
pub(super) async fn run(command: OperatorCommand, ctx: &Ctx) -> CliResult {
    match command {
        OperatorCommand::Register(args) => {
            let asset = resolve_asset(&ctx.client()?, &args.asset).await?;
            set(asset.id, &args.set, ctx).await
        }
        OperatorCommand::Set(args) => {
            let account = args.send.on_behalf_of(ctx).await?;
            let known: Anchored<PaygoOperatorInfo> =
                ctx.client()?.call("paygo_getOperator", json!({ "operator": account })).await?;
            set(known.value.asset, &args, ctx).await
        }
        OperatorCommand::Show(args) => {
            let operator = address_of(&args.operator, ctx)?;
            query::ask(ctx, "paygo_getOperator", json!({ "operator": operator })).await
        }
    }
}

async fn set(asset: AssetId, args: &SetArgs, ctx: &Ctx) -> CliResult {
    let daily_cap = args.daily_cap;
    let call = Call::from(SetPaygoOperator { asset, daily_cap });
    let what =
        format!("be an operator of pay-as-you-go, paid in asset {asset}, {daily_cap} units a day at most");
    execute(vec![call], &what, &args.send, ctx).await
}
