//! `wattle tx`: transactions step by step, with signing apart from the network.

use super::input::{CallArgs, Draft, TxFile};
use super::output::{OutArgs, to_json};
use super::query;
use super::secret::{SignerArgs, address_of};
use super::send::{self, SendArgs, TxOptions, WaitArgs};
use super::{CliError, CliResult, Ctx, Report, output};
use clap::{Args, Subcommand};
use serde_json::json;
use wattle_host::wall::now;
use wattle_primitives::{Amount, Auth, BoundedVec, Hash, Lane, Nonce, TimeMs, TxBody};

/// Lifetime of a transaction that is built offline and does not say when it expires: a day.
const EXPIRES_OFFLINE_S: u64 = 24 * 3600;

const EXAMPLES: &str = "Examples:
  wattle tx call --from alice --module token --call transfer \\
      --args '{\"to\": \"wat1…\", \"asset\": \"0\", \"amount\": \"5\"}'

  Signing on a machine without network:
    wattle tx build --sender wat1… --calls-file calls.json --out pay.json     online
    wattle tx sign pay.json --from alice --out signed.json                    offline
    wattle tx submit signed.json                                              online

  wattle tx status 4f1c… --json";

/// Arguments of `tx`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, arg_required_else_help = true)]
pub struct TxArgs {
    #[command(subcommand)]
    command: TxCommand,
}

#[derive(Debug, Subcommand)]
enum TxCommand {
    /// Build, sign, send and follow calls in one step.
    #[command(
        after_help = "Examples:\n  wattle tx call --from alice --module identity --call create_account --args '{\"key\": \"…\"}'\n  \
        wattle tx call --from alice --calls-file calls.json --dry-run"
    )]
    Call(CallNowArgs),
    /// Build a transaction to be signed elsewhere. Needs no node with --offline.
    #[command(
        after_help = "Examples:\n  wattle tx build --sender wat1… --calls-file calls.json --out pay.json\n  \
        wattle tx build --offline --sender wat1… --chain 9f3a… --nonce 7 --max-fee 2000 \\\n      \
        --module token --call burn --args '{\"asset\": \"1\", \"amount\": \"5\"}'"
    )]
    Build(BuildArgs),
    /// Add a signature. Uses no network.
    #[command(after_help = "Examples:\n  wattle tx sign pay.json --from alice --out signed.json\n  \
        wattle tx sign signed.json --from bob --out signed.json     a second signature\n  \
        wattle tx sign 9f3a… --secret-key-file seed.hex --json")]
    Sign(SignArgs),
    /// Show what a transaction does and who has signed it. Uses no network.
    #[command(after_help = "Example:\n  wattle tx show signed.json")]
    Show(SourceArgs),
    /// Send a signed transaction and follow it. Sending the same one again is harmless: those whose fate was not learned
    /// are in the keystore's directory, under unsent.
    #[command(
        after_help = "Examples:\n  wattle tx submit signed.json --wait finalized\n  wattle tx submit - < signed.json"
    )]
    Submit(SubmitArgs),
    /// Where a transaction stands: pending, included, finalized, expired or rejected.
    #[command(after_help = "Example:\n  wattle tx status 4f1c… --json")]
    Status(IdArgs),
    /// A transaction, where it stands, and what came of it.
    #[command(after_help = "Example:\n  wattle tx get 4f1c… --json")]
    Get(IdArgs),
    /// Effects and cost of a transaction if it were included now, without sending it.
    #[command(after_help = "Example:\n  wattle tx simulate pay.json")]
    Simulate(SourceArgs),
}

#[derive(Debug, Args)]
struct CallNowArgs {
    #[command(flatten)]
    calls: CallArgs,
    #[command(flatten)]
    send: SendArgs,
}

#[derive(Debug, Args)]
struct BuildArgs {
    #[command(flatten)]
    calls: CallArgs,
    #[command(flatten)]
    tx: TxOptions,
    /// Ask no node: --sender, --chain, --nonce and --max-fee must be given.
    #[arg(long, requires_all = ["sender", "chain", "nonce", "max_fee"])]
    offline: bool,
    #[command(flatten)]
    out: OutArgs,
}

#[derive(Debug, Args)]
struct SignArgs {
    /// The transaction: a file, - for standard input, or hex.
    tx: String,
    #[command(flatten)]
    signer: SignerArgs,
    /// Genesis hash that the transaction must be for.
    #[arg(long, value_name = "HASH", env = "WATTLE_CHAIN")]
    chain: Option<Hash>,
    #[command(flatten)]
    out: OutArgs,
}

#[derive(Debug, Args)]
struct SourceArgs {
    /// The transaction: a file, - for standard input, or hex.
    tx: String,
}

#[derive(Debug, Args)]
struct SubmitArgs {
    /// The signed transaction: a file, - for standard input, or hex.
    tx: String,
    #[command(flatten)]
    wait: WaitArgs,
}

#[derive(Debug, Args)]
struct IdArgs {
    /// The transaction's id, 64 hex digits.
    id: Hash,
}

/// Runs `tx`.
///
/// # Errors
/// [`CliError`].
pub(crate) async fn run(args: TxArgs, ctx: &Ctx) -> CliResult {
    match args.command {
        TxCommand::Call(args) => call(&args, ctx).await,
        TxCommand::Build(args) => build(&args, ctx).await,
        TxCommand::Sign(args) => sign(&args, ctx),
        TxCommand::Show(args) => show(&args),
        TxCommand::Submit(args) => {
            let tx = Draft::load(&args.tx)?.into_tx()?;
            send::submit(&ctx.client()?, &tx, args.wait, ctx).await
        }
        TxCommand::Status(args) => status(&args, ctx).await,
        TxCommand::Get(args) => query::ask(ctx, "tx_get", json!({ "id": args.id })).await,
        TxCommand::Simulate(args) => {
            let draft = Draft::load(&args.tx)?;
            Ok(Report::of(to_json(&ctx.client()?.simulate(&draft.body, &draft.auths).await?)))
        }
    }
}

async fn call(args: &CallNowArgs, ctx: &Ctx) -> CliResult {
    let calls = args.calls.calls()?;
    let names: Vec<String> = calls.iter().map(|c| format!("{}.{}", c.name().0, c.name().1)).collect();
    send::execute(calls, &names.join(", "), &args.send, ctx).await
}

async fn build(args: &BuildArgs, ctx: &Ctx) -> CliResult {
    let calls = args.calls.calls()?;
    let sender = args.tx.sender(&SignerArgs::default(), ctx)?;
    let body = if args.offline {
        offline_body(args, calls, sender, ctx)?
    } else {
        args.tx.prepare(&ctx.client()?, calls, sender, ctx).await?
    };
    write(&TxFile::new(&body, Vec::new()), &args.out)
}

fn offline_body(
    args: &BuildArgs,
    calls: Vec<wattle_primitives::Call>,
    sender: wattle_primitives::Address,
    ctx: &Ctx,
) -> Result<TxBody, CliError> {
    let missing = |what: &str| CliError::Usage { detail: format!("--offline needs {what}") };
    let tx = &args.tx;
    let lifetime_ms = tx.expires_in.unwrap_or(EXPIRES_OFFLINE_S).saturating_mul(1000);
    Ok(TxBody {
        chain: tx.chain.ok_or_else(|| missing("--chain"))?,
        sender,
        grant: tx.grant,
        lane: Lane(tx.lane.unwrap_or_default()),
        nonce: Nonce(tx.nonce.ok_or_else(|| missing("--nonce"))?),
        expires_ms: TimeMs(now().0.saturating_add(lifetime_ms)),
        fee_payer: tx.fee_payer.as_deref().map(|text| address_of(text, ctx)).transpose()?.unwrap_or(sender),
        max_fee: Amount(tx.max_fee.ok_or_else(|| missing("--max-fee"))?),
        tip: Amount(tx.tip.unwrap_or_default()),
        calls: BoundedVec::new(calls).map_err(|e| CliError::input("calls", e))?,
    })
}

fn sign(args: &SignArgs, ctx: &Ctx) -> CliResult {
    let mut draft = Draft::load(&args.tx)?;
    if let Some(expected) = args.chain.filter(|chain| *chain != draft.body.chain) {
        return Err(CliError::WrongChain { expected, got: draft.body.chain });
    }
    output::note(&summary(&draft));
    let key = args.signer.unlock(ctx)?;
    draft.add(Auth { key: key.public(), signature: key.sign(&draft.body.signing_bytes()) });
    write(&TxFile::new(&draft.body, draft.auths), &args.out)
}

fn show(args: &SourceArgs) -> CliResult {
    let draft = Draft::load(&args.tx)?;
    let text = summary(&draft);
    Ok(Report::new(to_json(&TxFile::new(&draft.body, draft.auths)), text))
}

async fn status(args: &IdArgs, ctx: &Ctx) -> CliResult {
    let status: wattle_rpc_types::TxStatus =
        ctx.client()?.call("tx_status", json!({ "id": args.id })).await?;
    Ok(Report::new(to_json(&status), send::describe(&status)))
}

/// Says in words what a signature would allow.
fn summary(draft: &Draft) -> String {
    let body = &draft.body;
    let mut text = format!(
        "transaction {}\nchain       {}\nsender      {}\nfee payer   {}, at most {} base units, tip {}\nnonce       {} on lane {}\nexpires     {}\n",
        body.id(),
        body.chain,
        body.sender,
        body.fee_payer,
        body.max_fee,
        body.tip,
        body.nonce,
        body.lane,
        output::time(body.expires_ms),
    );
    if let Some(grant) = body.grant {
        text += &format!("on behalf   of the grantor of {grant}\n");
    }
    for call in body.calls.iter() {
        text.push_str(&format!("call        {}\n", output::clean(&to_json(call).to_string())));
    }
    for auth in &draft.auths {
        text.push_str(&format!("signed by   {}\n", auth.key));
    }
    text
}

fn write(file: &TxFile, out: &OutArgs) -> CliResult {
    let text = file.text()?;
    let Some(path) = out.write(&text)? else { return Ok(Report::new(to_json(file), text)) };
    let done = format!("transaction {} written to {path}", file.id);
    Ok(Report::new(json!({ "id": file.id, "file": path, "signatures": file.auths.len() }), done))
}
