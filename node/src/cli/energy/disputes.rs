//! `wattle energy dispute`: bills that are contested.

use super::super::query;
use super::{CliError, CliResult, Ctx, SendArgs, call, output, reference};
use clap::{Args, Subcommand};
use serde_json::json;
use std::path::{Path, PathBuf};
use wattle_primitives::call::EnergyCall;
use wattle_primitives::call::energy::dispute_id;
use wattle_primitives::reading::SignedReading;
use wattle_primitives::{Amount, Hash};

#[derive(Debug, Subcommand)]
pub(super) enum DisputeCommand {
    /// Contest a bill by two signed readings of one of the sender's meters.
    #[command(
        after_help = "Example:\n  wattle energy dispute open --from bob --microgrid 9f3a… --first a.json --second b.json --claim 250000\n\n  \
        A file holds a signed reading as JSON, as it stands in the transaction that brought it (wattle tx get)."
    )]
    Open(OpenArgs),
    /// Decide a dispute, as the operator; or vote on it, as a member.
    #[command(after_help = "Example:\n  wattle energy dispute decide --from alice 4f1c… --uphold")]
    Decide(DecideArgs),
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
    /// What the sender wants back, base units of the settlement asset.
    #[arg(long, value_name = "UNITS")]
    claim: u128,
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
pub(super) struct ShowArgs {
    /// The dispute.
    dispute: Hash,
}

/// Runs `energy dispute`.
pub(super) async fn run(command: DisputeCommand, ctx: &Ctx) -> CliResult {
    match command {
        DisputeCommand::Open(args) => open(&args, ctx).await,
        DisputeCommand::Decide(args) => {
            let decide = EnergyCall::DecideDispute { dispute: args.dispute, uphold: args.uphold };
            call(decide, "decide a dispute", &args.send, ctx).await
        }
        DisputeCommand::Show(args) => {
            query::ask(ctx, "energy_getDispute", json!({ "dispute": args.dispute })).await
        }
    }
}

async fn open(args: &OpenArgs, ctx: &Ctx) -> CliResult {
    let reference = reference(args.reference)?;
    let id = dispute_id(&args.send.tx.sender(&args.send.signer, ctx)?, &reference);
    output::note(&format!("dispute {id}"));
    let open = EnergyCall::OpenDispute {
        microgrid: args.microgrid,
        reference,
        first: Box::new(reading(&args.first)?),
        second: Box::new(reading(&args.second)?),
        claim: Amount(args.claim),
        note: args.note.unwrap_or(Hash::ZERO),
    };
    call(open, &format!("open dispute {id}"), &args.send, ctx).await
}

fn reading(path: &Path) -> Result<SignedReading, CliError> {
    let text = std::fs::read_to_string(path).map_err(|e| CliError::io("read", path, e))?;
    serde_json::from_str(&text).map_err(|e| CliError::input("signed reading", e))
}
