//! `wattle energy dispute`: bills that are contested.

use super::{
    CliError, CliResult, Ctx, PageArgs, SendArgs, address, asset_of, call, money_of, output, reference,
};
use crate::send::money;
use crate::{input, query};
use clap::{Args, Subcommand};
use serde_json::json;
use std::path::{Path, PathBuf};
use wattle_primitives::call::disputes::dispute_id;
use wattle_primitives::reading::SignedReading;
use wattle_primitives::{Call, Hash, call};

#[derive(Debug, Subcommand)]
pub(super) enum DisputeCommand {
    /// Contest a bill by two signed readings of one of the sender's meters.
    #[command(
        after_help = "Example:\n  wattle energy dispute open --from bob --microgrid 9f3a… --first a.json --second b.json --claim 0.25\n\n  \
        A file holds a signed reading as JSON, as it stands in the transaction that brought it (wattle tx get)."
    )]
    Open(OpenArgs),
    /// Vote on a dispute, as a member; or decide it, as the operator, where the terms left it to it.
    #[command(after_help = "Example:\n  wattle energy dispute decide --from alice 4f1c… --uphold")]
    Decide(DecideArgs),
    /// End a dispute without a decision: one's own, or anybody's that has expired. Its deposit is given back.
    #[command(after_help = "Example:\n  wattle energy dispute withdraw --from bob 4f1c…")]
    Withdraw(WithdrawArgs),
    /// Disputes that are not decided: votes needed and given, until when, and by which readings they were opened.
    #[command(
        after_help = "Examples:\n  wattle energy dispute list\n  wattle energy dispute list --microgrid 9f3a… --account bob"
    )]
    List(ListArgs),
    /// A dispute that is not decided.
    #[command(after_help = "Example:\n  wattle energy dispute show 4f1c…")]
    Show(ShowArgs),
}

#[derive(Debug, Args)]
pub(super) struct OpenArgs {
    /// The microgrid's id.
    #[arg(long, value_name = "HASH")]
    microgrid: Hash,
    /// Makes the dispute's id, together with the sender's address: 64 hex digits, random when absent.
    #[arg(long, value_name = "HEX")]
    reference: Option<Hash>,
    /// File with the earlier reading.
    #[arg(long, value_name = "FILE")]
    first: PathBuf,
    /// File with the later reading.
    #[arg(long, value_name = "FILE")]
    second: PathBuf,
    /// Money that the sender wants back: 0.25, "0.25 KES", or "250000 base" for base units.
    #[arg(long, value_name = "AMOUNT")]
    claim: String,
    /// Hash of the reasons, which lie elsewhere.
    #[arg(long, value_name = "HEX")]
    note: Option<Hash>,
    #[command(flatten)]
    send: SendArgs,
}

#[derive(Debug, Args)]
pub(super) struct DecideArgs {
    /// The dispute.
    dispute: Hash,
    /// Grant the claim.
    #[arg(long, conflicts_with = "reject", required_unless_present = "reject")]
    uphold: bool,
    /// Reject the claim.
    #[arg(long)]
    reject: bool,
    #[command(flatten)]
    send: SendArgs,
}

#[derive(Debug, Args)]
pub(super) struct WithdrawArgs {
    /// The dispute.
    dispute: Hash,
    #[command(flatten)]
    send: SendArgs,
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// Of this microgrid only.
    #[arg(long, value_name = "HASH")]
    microgrid: Option<Hash>,
    /// Of this account only: an address, or the name of a key.
    #[arg(long, value_name = "ADDRESS")]
    account: Option<String>,
    #[command(flatten)]
    page: PageArgs,
}

#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    /// The dispute.
    dispute: Hash,
}

/// Runs `energy dispute`.
pub(super) async fn run(command: DisputeCommand, ctx: &Ctx) -> CliResult {
    match command {
        DisputeCommand::Open(args) => open(&args, ctx).await,
        DisputeCommand::Decide(args) => {
            let decide =
                Call::from(call::disputes::DecideDispute { dispute: args.dispute, uphold: args.uphold });
            call(decide, "decide a dispute", &args.send, ctx).await
        }
        DisputeCommand::Withdraw(args) => {
            let withdraw = Call::from(call::disputes::WithdrawDispute { dispute: args.dispute });
            call(withdraw, "withdraw a dispute", &args.send, ctx).await
        }
        DisputeCommand::List(args) => {
            let account = address(args.account.as_deref(), ctx)?;
            let params = args.page.add_to(json!({ "microgrid": args.microgrid, "account": account }));
            query::ask(ctx, "disputes_listDisputes", params).await
        }
        DisputeCommand::Show(args) => {
            query::ask(ctx, "disputes_getDispute", json!({ "dispute": args.dispute })).await
        }
    }
}

async fn open(args: &OpenArgs, ctx: &Ctx) -> CliResult {
    let asset = asset_of(&ctx.client()?, &args.microgrid).await?;
    let claim = money_of(&args.claim, &asset)?;
    let reference = reference(args.reference)?;
    let id = dispute_id(&args.send.on_behalf_of(ctx).await?, &reference);
    output::note(&format!("dispute {id}"));
    let open = Call::from(call::disputes::OpenDispute {
        microgrid: args.microgrid,
        reference,
        first: Box::new(reading(&args.first)?),
        second: Box::new(reading(&args.second)?),
        claim,
        note: args.note.unwrap_or(Hash::ZERO),
    });
    call(open, &format!("open dispute {id} about {}", money(claim, &asset)), &args.send, ctx).await
}

fn reading(path: &Path) -> Result<SignedReading, CliError> {
    serde_json::from_slice(&input::read(path)?).map_err(|e| CliError::input("signed reading", e))
}
