//! From calls to a known fate: prepare, compare, sign, print the id, submit, wait.
//!
//! The id is printed before anything is sent, and what is sent is the same bytes each time: whatever happens in
//! between, asking by the id tells what became of it, and nobody pays twice.

use super::amount::{self, AmountError};
use super::input::TxFile;
use super::output::{self, note};
use super::secret::{SignerArgs, address_of};
use super::{CliError, CliResult, Ctx, Report};
use crate::client::{Client, ClientError};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::{Instant, sleep};
use wattle_host::file;
use wattle_host::wall::now;
use wattle_primitives::tx::LANES_MAX;
use wattle_primitives::{Address, Amount, Auth, BoundedVec, Call, Hash, Lane, Nonce, TimeMs, Tx, TxBody};
use wattle_rpc_types::{Anchored, GrantInfo, PrepareRequest, Simulation, TxState, TxStatus};

/// Pause before the first question after a transaction's state; doubles up to [`POLL_MAX`].
const POLL_MIN: Duration = Duration::from_millis(50);
/// Longest pause between two questions.
const POLL_MAX: Duration = Duration::from_millis(500);
/// Directory in the keystore of signed transactions whose fate is not known.
const UNSENT_DIR: &str = "unsent";

/// How far to follow a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Wait {
    /// A node has taken it.
    Pending,
    /// It stands in a block.
    Included,
    /// It stands in a final block: this cannot change any more.
    Finalized,
}

impl Wait {
    const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Included => "included",
            Self::Finalized => "finalized",
        }
    }

    fn is_reached(self, state: TxState) -> bool {
        match state {
            TxState::Pending => self <= Self::Pending,
            TxState::Included => self <= Self::Included,
            TxState::Finalized => true,
            TxState::Expired | TxState::Superseded | TxState::Dropped => false,
        }
    }
}

/// How to follow a transaction.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct WaitArgs {
    /// Wait until it is pending, included or finalized.
    #[arg(long, value_name = "STATE", default_value = "finalized")]
    pub(crate) wait: Wait,
    /// Longest to wait, in seconds; the transaction may still be included afterwards.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) timeout: u64,
}

/// Fields of a transaction that need not be given.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct TxOptions {
    /// Account that acts, when it is not the one of the signing key: an address, or a name in the keystore.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) sender: Option<String>,
    /// Grant by which the sender acts on its grantor's behalf: an id, as `grant list` shows it.
    #[arg(long, value_name = "GRANT")]
    pub(crate) grant: Option<Hash>,
    /// Account that pays fee and deposits, when it is not the sender.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) fee_payer: Option<String>,
    /// Most it may cost, tip included, in native base units; the fee at today's price when absent.
    #[arg(long, value_name = "UNITS")]
    pub(crate) max_fee: Option<u128>,
    /// Extra for the proposer, in native base units.
    #[arg(long, value_name = "UNITS")]
    pub(crate) tip: Option<u128>,
    /// Nonce sequence, 0 to 15: transactions on different lanes do not wait for each other.
    #[arg(long, value_name = "LANE", value_parser = clap::value_parser!(u16).range(..i64::from(LANES_MAX)))]
    pub(crate) lane: Option<u16>,
    /// Nonce; the next one when absent. Of two transactions with the same one, only one can ever be included.
    #[arg(long, value_name = "N")]
    pub(crate) nonce: Option<u64>,
    /// Seconds from now after which it can no longer be included. Now is the later of the chain's time and this
    /// machine's.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=604_800))]
    pub(crate) expires_in: Option<u64>,
    /// Genesis hash that the node must have: refuses to sign for any other chain.
    #[arg(long, value_name = "HASH", env = "WATTLE_CHAIN")]
    pub(crate) chain: Option<Hash>,
}

/// Everything that a command needs to have calls executed.
#[derive(Clone, Debug, Args)]
pub(crate) struct SendArgs {
    /// Who signs.
    #[command(flatten)]
    pub(crate) signer: SignerArgs,
    /// The transaction's fields.
    #[command(flatten)]
    pub(crate) tx: TxOptions,
    /// How to follow it.
    #[command(flatten)]
    pub(crate) wait: WaitArgs,
    /// Only say what it would do and cost; sign and send nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Send it even if it would fail on the last final state: what it lacks may come before it is included.
    #[arg(long)]
    pub(crate) force: bool,
}

impl SendArgs {
    /// On whose behalf it is: the sender's, or that of its grant's grantor.
    ///
    /// # Errors
    /// [`CliError`] when there is nobody, or no such grant.
    pub(crate) async fn on_behalf_of(&self, ctx: &Ctx) -> Result<Address, CliError> {
        let Some(grant) = self.tx.grant else { return self.tx.sender(&self.signer, ctx) };
        let found: Anchored<GrantInfo> =
            ctx.client()?.call("identity_getGrant", json!({ "grant": grant })).await?;
        Ok(found.value.grantor)
    }
}

impl TxOptions {
    /// Who acts: the one named, else the signer.
    ///
    /// # Errors
    /// [`CliError`] when there is nobody.
    pub(crate) fn sender(&self, signer: &SignerArgs, ctx: &Ctx) -> Result<Address, CliError> {
        match &self.sender {
            Some(text) => address_of(text, ctx),
            None => signer.address(ctx),
        }
    }

    /// Has a node prepare the transaction.
    ///
    /// # Errors
    /// [`CliError`]; `wrong_chain` and `node_changed_tx` when it is not what was asked for.
    pub(crate) async fn prepare(
        &self,
        client: &Client,
        calls: Vec<Call>,
        sender: Address,
        ctx: &Ctx,
    ) -> Result<TxBody, CliError> {
        let status = client.chain_status().await?;
        // A clock that is behind the chain would let it expire at once; a chain at rest is behind the clock.
        let now = now().max(status.time_ms);
        let request = PrepareRequest {
            calls: BoundedVec::new(calls).map_err(|e| CliError::input("calls", e))?,
            sender,
            grant: self.grant,
            lane: self.lane.map(Lane),
            nonce: self.nonce.map(Nonce),
            expires_ms: self.expires_in.map(|s| TimeMs(now.0.saturating_add(s.saturating_mul(1000)))),
            fee_payer: self.fee_payer.as_deref().map(|text| address_of(text, ctx)).transpose()?,
            max_fee: self.max_fee.map(Amount),
            tip: self.tip.map(Amount),
        };
        prepare(client, &request, self.chain.unwrap_or(status.genesis_hash)).await
    }
}

/// Has a node fill in what is missing, and compares the result with what was asked: a signature is worth money, and
/// the node is not trusted with it.
///
/// # Errors
/// [`CliError`]; `node_changed_tx` when a field that was asked for differs.
async fn prepare(client: &Client, request: &PrepareRequest, expected: Hash) -> Result<TxBody, CliError> {
    let prepared = client.prepare(request).await?;
    let body: TxBody = wattle_primitives::decode(&prepared.body_hex).map_err(|e| ClientError::Answer {
        endpoint: client.endpoint().into(),
        method: "tx_prepare".into(),
        detail: e.to_string(),
    })?;
    if body.chain != expected {
        return Err(CliError::WrongChain { expected, got: body.chain });
    }
    compare(request, &body)?;
    Ok(body)
}

/// Checks that every field that was asked for is as asked, and the others are what they default to.
fn compare(request: &PrepareRequest, body: &TxBody) -> Result<(), CliError> {
    let checks = [
        ("calls", body.calls == request.calls),
        ("sender", body.sender == request.sender),
        ("grant", body.grant == request.grant),
        ("lane", body.lane == request.lane.unwrap_or_default()),
        ("nonce", request.nonce.is_none_or(|n| n == body.nonce)),
        ("expiresMs", request.expires_ms.is_none_or(|t| t == body.expires_ms)),
        ("feePayer", body.fee_payer == request.fee_payer.unwrap_or(request.sender)),
        ("maxFee", request.max_fee.is_none_or(|fee| fee == body.max_fee)),
        ("tip", body.tip == request.tip.unwrap_or_default()),
    ];
    match checks.iter().find(|(_, same)| !same) {
        Some((field, _)) => Err(CliError::Prepared { field }),
        None => Ok(()),
    }
}

/// Prepares, signs and sends `calls` and waits as asked. `what` says in words what is done.
///
/// # Errors
/// [`CliError`].
pub(crate) async fn execute(calls: Vec<Call>, what: &str, args: &SendArgs, ctx: &Ctx) -> CliResult {
    let client = ctx.client()?;
    let sender = args.tx.sender(&args.signer, ctx)?;
    let body = args.tx.prepare(&client, calls, sender, ctx).await?;
    note(&format!("{what}\nfor at most {} base units of the native asset in fees", body.max_fee));
    if args.dry_run {
        return Ok(Report::of(output::to_json(&client.simulate(&body, &[]).await?)));
    }
    if !args.force {
        would_succeed(&client.simulate(&body, &[]).await?)?;
    }
    let key = args.signer.unlock(ctx)?;
    let auth = Auth { key: key.public(), signature: key.sign(&body.signing_bytes()) };
    drop(key);
    let tx = Tx::new(body, vec![auth]).map_err(|e| CliError::input("signatures", e))?;
    submit(&client, &tx, args.wait, ctx).await
}

/// Refuses what would fail: it would cost its fee and do nothing else.
fn would_succeed(tried: &Simulation) -> Result<(), CliError> {
    match tried.receipt.code.as_str() {
        "success" => Ok(()),
        code => Err(CliError::WouldFail { code: code.to_owned(), height: tried.at.height }),
    }
}

/// Prints the id, sends the transaction and follows it. A file has it until it is where it is waited for, or refused.
///
/// # Errors
/// [`CliError`]; `tx_undecided` when time runs out first.
pub(crate) async fn submit(client: &Client, tx: &Tx, args: WaitArgs, ctx: &Ctx) -> CliResult {
    let id = tx.id();
    note(&format!("transaction {id}"));
    let kept = keep(tx, ctx);
    let deadline = Instant::now() + Duration::from_secs(args.timeout);
    // Repeated here, until the deadline.
    let client = client.clone().with_patience(Duration::ZERO);
    let followed = follow(&client, tx, args.wait, deadline).await;
    let decided = matches!(followed, Ok(Some(_)) | Err(CliError::Client(ClientError::Refused { .. })));
    if let Some(path) = kept.as_ref().filter(|_| decided) {
        let _ = file::remove(path); // what stays is harmless: sent again, it is the same transaction
    }
    match followed? {
        Some(status) => conclude(status),
        None => Err(CliError::Undecided {
            id,
            wanted: args.wait.name(),
            waited_s: args.timeout,
            expires_ms: tx.body().expires_ms,
            tx_hex: hex::encode(wattle_primitives::encode(tx)),
            file: kept,
        }),
    }
}

/// Writes a signed transaction to a file that `tx submit` takes. Without one it is sent all the same.
fn keep(tx: &Tx, ctx: &Ctx) -> Option<PathBuf> {
    let dir = ctx.keystore.dir().join(UNSENT_DIR);
    let path = dir.join(format!("{}.tx", tx.id()));
    let written = TxFile::new(tx.body(), tx.auths().to_vec()).text().and_then(|text| {
        file::create_dir(&dir)?;
        Ok(file::replace(&path, text.as_bytes(), file::PRIVATE)?)
    });
    match written {
        Ok(()) => Some(path),
        Err(error) => {
            note(&format!("the signed transaction is in no file: {}", error.message()));
            None
        }
    }
}

/// Submits until a node has taken it, then asks until the state is reached; `None` when time runs out.
async fn follow(
    client: &Client,
    tx: &Tx,
    wait: Wait,
    deadline: Instant,
) -> Result<Option<TxStatus>, CliError> {
    let (id, mut pause, mut taken, mut told, mut dropped) = (tx.id(), POLL_MIN, false, false, false);
    loop {
        let step = if taken { ask(client, &id).await } else { offer(client, tx).await };
        match step {
            Ok(Some(status)) if is_settled(&status, wait) => return Ok(Some(status)),
            // Another node may have it and include it: it is offered again, and waited for.
            Ok(Some(TxStatus { state: TxState::Dropped, reason, .. })) => {
                if !dropped {
                    let why = reason.unwrap_or_default();
                    note(&format!("the node let it go ({why}), and another may still include it: waiting"));
                }
                (taken, dropped) = (false, true);
            }
            Ok(found) => taken = found.is_some(), // forgotten by the node: the same bytes are offered again
            Err(error) if error.is_transient() => {
                if !told {
                    note(&format!("{error}; trying again"));
                }
                told = true;
            }
            Err(_) if dropped => taken = true, // refused again: asked for, since others may have included it
            // An earlier answer was lost: what is refused now may have been taken then.
            Err(error) if told && !taken => match ask(client, &id).await {
                Ok(Some(_)) => taken = true,
                Err(lost) if lost.is_transient() => {} // refused again, and asked for again
                _ => return Err(error.into()),
            },
            Err(error) => return Err(error.into()),
        }
        if Instant::now() + pause >= deadline {
            return Ok(None);
        }
        sleep(pause).await;
        pause = (pause * 2).min(POLL_MAX);
    }
}

async fn offer(client: &Client, tx: &Tx) -> Result<Option<TxStatus>, ClientError> {
    let id = client.submit(tx).await?;
    ask(client, &id).await
}

async fn ask(client: &Client, id: &Hash) -> Result<Option<TxStatus>, ClientError> {
    client.tx_status(id).await
}

fn is_settled(status: &TxStatus, wait: Wait) -> bool {
    matches!(status.state, TxState::Expired | TxState::Superseded) || wait.is_reached(status.state)
}

/// Turns a status into the outcome of the command that waited for it.
///
/// # Errors
/// `tx_expired` and `tx_superseded`, or the receipt's code when the transaction failed.
pub(crate) fn conclude(status: TxStatus) -> CliResult {
    let id = status.id;
    match status.state {
        TxState::Expired => {
            return Err(CliError::TxDead { id, state: "expired", reason: "no block took it in time".into() });
        }
        TxState::Superseded => {
            let reason = "another transaction took its nonce".into();
            return Err(CliError::TxDead { id, state: "superseded", reason });
        }
        TxState::Pending | TxState::Included | TxState::Finalized | TxState::Dropped => {}
    }
    let json = output::to_json(&status);
    match &status.receipt {
        Some(receipt) if receipt.code != "success" => {
            Err(CliError::TxFailed { id, code: receipt.code.clone(), status: json })
        }
        _ => Ok(Report::new(json, describe(&status))),
    }
}

/// A status in words.
#[must_use]
pub(crate) fn describe(status: &TxStatus) -> String {
    let state = match status.state {
        TxState::Pending => "pending",
        TxState::Included => "included",
        TxState::Finalized => "finalized",
        TxState::Expired => "expired",
        TxState::Superseded => "superseded",
        TxState::Dropped => "dropped",
    };
    let mut text = format!("{}\nstate   {state}\n", status.id);
    if let Some(height) = status.height {
        text.push_str(&format!("height  {height}\n"));
    }
    if let (TxState::Pending, Some(expires)) = (status.state, status.expires_ms) {
        text.push_str(&format!("expires {}\n", output::time(expires)));
    }
    if let Some(reason) = &status.reason {
        text.push_str(&format!("reason  {}\n", output::clean(reason)));
    }
    if let Some(receipt) = &status.receipt {
        text.push_str(&format!("result  {}\nfee     {}\n", output::clean(&receipt.code), receipt.fee));
        for event in &receipt.events {
            text.push_str(&format!("event   {}\n", event_line(&output::to_json(event))));
        }
    }
    text
}

/// One event in one line: its type, then its fields.
#[must_use]
pub(crate) fn event_line(event: &Value) -> String {
    let fields = event.as_object().into_iter().flatten().filter(|(name, _)| *name != "type");
    let fields = fields.map(|(name, value)| match value {
        Value::String(text) => format!("{name}={text}"),
        other => format!("{name}={other}"),
    });
    let kind = event.get("type").and_then(Value::as_str).unwrap_or("event");
    output::clean(&std::iter::once(kind.to_string()).chain(fields).collect::<Vec<_>>().join(" "))
}

/// An amount of an asset, for people.
#[must_use]
pub(crate) fn money(amount: Amount, asset: &wattle_rpc_types::AssetInfo) -> String {
    format!("{} {}", amount::format(amount, asset.scale), amount::asset_name(&asset.symbol, asset.id))
}

/// Money or a price as people write it: `0.15`, `0.15 WAT` or `150000 base`. Nothing is an answer, too.
///
/// # Errors
/// [`CliError::Amount`].
pub(crate) fn money_of(text: &str, asset: &wattle_rpc_types::AssetInfo) -> Result<Amount, CliError> {
    match amount::parse(text, &asset.symbol, asset.scale) {
        Err(AmountError::Zero) => Ok(Amount::ZERO),
        parsed => Ok(parsed?),
    }
}

#[cfg(test)]
#[path = "send_tests.rs"]
mod tests;
