//! Money put aside: holding it, capturing it, letting it go.

use super::{CliResult, Ctx, account};
use crate::query::{self, PageArgs};
use crate::secret::address_of;
use crate::send::{SendArgs, execute, money, money_of};
use crate::wallet::resolve_asset;
use crate::{input, output};
use clap::Args;
use serde_json::json;
use wattle_primitives::call::ledger::{Capture, Entry, HOLD_MS_MAX, Hold, Void, hold_id};
use wattle_primitives::{Call, Hash, TimeMs};
use wattle_rpc_types::{Anchored, HoldInfo};

#[derive(Debug, Args)]
pub(super) struct HoldArgs {
    /// Account to be debited: a wallet of the sender's, or BOOK/CODE.
    #[arg(long, value_name = "ACCOUNT")]
    debit: String,
    /// Account to be credited: a wallet, or BOOK/CODE.
    #[arg(long, value_name = "ACCOUNT")]
    credit: String,
    /// Asset: its number, or its symbol when only one asset has it.
    #[arg(long, value_name = "ASSET", default_value = "0")]
    asset: String,
    /// How much: 1.5, "1.5 KES", or "150 base" for base units.
    #[arg(long, value_name = "AMOUNT")]
    amount: String,
    /// Who may capture or void it: an address, or the name of a key; whoever holds it when absent.
    #[arg(long, value_name = "ADDRESS")]
    captor: Option<String>,
    /// Seconds after which it is released, at most 90 days; it stands until its captor ends it when absent.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=HOLD_MS_MAX / 1000))]
    ttl: Option<u64>,
    /// Makes the hold's id, together with the sender's address: 64 hex digits, random when absent.
    #[arg(long, value_name = "HEX")]
    reference: Option<Hash>,
    #[command(flatten)]
    send: SendArgs,
}

#[derive(Debug, Args)]
pub(super) struct CaptureArgs {
    /// The hold's id.
    hold: Hash,
    /// How much of it: 1.5, or "150 base" for base units; all of it when absent.
    #[arg(long, value_name = "AMOUNT")]
    amount: Option<String>,
    /// Keep the rest held, for another capture; it is released else.
    #[arg(long, requires = "amount")]
    more: bool,
    #[command(flatten)]
    send: SendArgs,
}

#[derive(Debug, Args)]
pub(super) struct VoidArgs {
    /// The hold's id.
    hold: Hash,
    #[command(flatten)]
    send: SendArgs,
}

#[derive(Debug, Args)]
pub(super) struct HoldsArgs {
    /// The account: a wallet (an address, or the name of a key), or BOOK/CODE.
    account: String,
    #[command(flatten)]
    page: PageArgs,
}

pub(super) async fn hold(args: &HoldArgs, ctx: &Ctx) -> CliResult {
    let asset = resolve_asset(&ctx.client()?, &args.asset).await?;
    let amount = money_of(&args.amount, &asset)?;
    let (debit, credit) = (account(&args.debit, ctx)?, account(&args.credit, ctx)?);
    let maker = args.send.on_behalf_of(ctx).await?;
    let captor = args.captor.as_deref().map_or(Ok(maker), |text| address_of(text, ctx))?;
    let reference = input::reference(args.reference)?;
    output::note(&format!("hold {}", hold_id(&maker, &reference)));
    let entry = Entry::new(debit, credit, asset.id, amount);
    let ttl_ms = args.ttl.map(|seconds| TimeMs(seconds.saturating_mul(1000)));
    let call = Call::from(Hold { reference, entry, captor, ttl_ms });
    let what = format!("hold {} of {} for {}", money(amount, &asset), args.debit, args.credit);
    execute(vec![call], &what, &args.send, ctx).await
}

pub(super) async fn capture(args: &CaptureArgs, ctx: &Ctx) -> CliResult {
    let CaptureArgs { hold, more, .. } = *args;
    let (amount, what) = match &args.amount {
        None => (None, format!("capture all of hold {hold}")),
        Some(text) => {
            let client = ctx.client()?;
            let held: Anchored<HoldInfo> = client.call("ledger_getHold", json!({ "id": hold })).await?;
            let asset = client.asset(held.value.asset).await?;
            let amount = money_of(text, &asset)?;
            (Some(amount), format!("capture {} of hold {hold}", money(amount, &asset)))
        }
    };
    execute(vec![Call::from(Capture { hold, amount, more })], &what, &args.send, ctx).await
}

pub(super) async fn void(args: &VoidArgs, ctx: &Ctx) -> CliResult {
    let call = Call::from(Void { hold: args.hold });
    execute(vec![call], &format!("void hold {}", args.hold), &args.send, ctx).await
}

pub(super) async fn list(args: &HoldsArgs, ctx: &Ctx) -> CliResult {
    let params = json!({ "account": account(&args.account, ctx)? });
    query::ask(ctx, "ledger_listHolds", args.page.add_to(params)).await
}
