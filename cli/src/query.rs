//! `wattle query`: what a node knows.

use super::secret::address_of;
use super::{CliError, CliResult, Ctx, Report, proof};
use crate::client::with_cursor;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use wattle_primitives::{AssetId, Hash, Height};
use wattle_rpc_types::limits::PAGE_ITEMS_MAX;

const EXAMPLES: &str = "Examples:
  wattle query status
  wattle query block 120 --json
  wattle query proof alice                              checked here, not only by the node
  wattle query events --from-height 100 --type posted --account wat1…
  wattle query search KES
  wattle query call chain_getValidators '{\"epoch\": \"2\"}'";

/// Arguments of `query`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, arg_required_else_help = true)]
pub struct QueryArgs {
    #[command(subcommand)]
    command: QueryCommand,
}

#[derive(Debug, Subcommand)]
enum QueryCommand {
    /// Where the chain stands.
    #[command(after_help = "Example:\n  wattle query status --json")]
    Status,
    /// A block, by height or hash; the last final one when absent.
    #[command(
        after_help = "Examples:\n  wattle query block\n  wattle query block 120\n  wattle query block 4f1c…"
    )]
    Block(BlockArgs),
    /// Nonces, balances and keys of an account.
    #[command(after_help = "Example:\n  wattle query account alice --json")]
    Account(AccountArgs),
    /// Balances of an account in all assets, in parts.
    #[command(after_help = "Example:\n  wattle query balances alice --limit 50")]
    Balances(BalancesArgs),
    /// A state value with its proof, which is checked here.
    #[command(
        after_help = "Examples:\n  wattle query proof alice\n  wattle query proof alice --asset 0\n  wattle query proof --key 10ab… --validators-hash 77c0…"
    )]
    Proof(proof::ProofArgs),
    /// The validators of an epoch.
    #[command(after_help = "Example:\n  wattle query validators --epoch 2")]
    Validators(EpochArgs),
    /// Events of final blocks, oldest first.
    #[command(
        after_help = "Example:\n  wattle query events --from-height 100 --type reading_accepted --limit 20"
    )]
    Events(EventArgs),
    /// Everything that a text may mean: height, hash, address, key, symbol.
    #[command(after_help = "Example:\n  wattle query search wat1…")]
    Search(SearchArgs),
    /// The protocol parameters in force.
    #[command(after_help = "Example:\n  wattle query params")]
    Params,
    /// The node's peers, connected or banned, with their scores.
    #[command(after_help = "Example:\n  wattle query peers")]
    Peers,
    /// The state of consensus on the node.
    #[command(after_help = "Example:\n  wattle query consensus")]
    Consensus,
    /// Evidence of misbehaviour that the node holds.
    #[command(after_help = "Example:\n  wattle query evidence")]
    Evidence(PageArgs),
    /// An open hold.
    #[command(after_help = "Example:\n  wattle query hold 4f1c…")]
    Hold(HoldArgs),
    /// The four counters of a ledger account in one asset.
    #[command(
        after_help = "Example:\n  wattle query ledger-account '{\"kind\": \"system\", \"account\": \"fees\"}'"
    )]
    LedgerAccount(LedgerArgs),
    /// Any method of the node, with parameters as JSON.
    #[command(
        after_help = "Examples:\n  wattle query call rpc.discover\n  wattle query call energy_getMeter '{\"address\": \"wat1…\"}'"
    )]
    Call(RawArgs),
}

/// Which part of a list.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct PageArgs {
    /// Most items.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(PAGE_ITEMS_MAX)))]
    limit: Option<u32>,
    /// Where to go on: nextCursor of the part before.
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<String>,
}

impl PageArgs {
    /// The parameters of a list with its part.
    #[must_use]
    pub(crate) fn add_to(&self, params: Value) -> Value {
        let mut params = with_cursor(params, self.cursor.as_deref());
        if let Some(limit) = self.limit {
            params["limit"] = limit.into();
        }
        params
    }
}

#[derive(Debug, Args)]
struct BlockArgs {
    /// Height, or hash.
    block: Option<String>,
}

#[derive(Debug, Args)]
struct AccountArgs {
    /// Address, or name of a key.
    account: String,
}

#[derive(Debug, Args)]
struct BalancesArgs {
    #[command(flatten)]
    of: AccountArgs,
    #[command(flatten)]
    page: PageArgs,
}

#[derive(Debug, Args)]
struct EpochArgs {
    /// The epoch; the current one when absent.
    #[arg(long, value_name = "N")]
    epoch: Option<u64>,
}

#[derive(Debug, Args)]
struct EventArgs {
    /// First height to look at.
    #[arg(long, value_name = "HEIGHT")]
    from_height: Option<u64>,
    /// Only events of this type; may be given several times.
    #[arg(long = "type", value_name = "TYPE")]
    types: Vec<String>,
    /// Only events that touch this account; may be given several times.
    #[arg(long = "account", value_name = "ADDRESS")]
    accounts: Vec<String>,
    /// Only events of this transaction; may be given several times.
    #[arg(long = "tx", value_name = "ID")]
    txs: Vec<Hash>,
    #[command(flatten)]
    page: PageArgs,
}

#[derive(Debug, Args)]
struct SearchArgs {
    /// The text to look for.
    text: String,
}

#[derive(Debug, Args)]
struct HoldArgs {
    /// The hold's id.
    id: Hash,
}

#[derive(Debug, Args)]
struct LedgerArgs {
    /// The account as JSON: {"kind": "wallet", "owner": …}, {"kind": "book", "book": …, "code": …}, …
    account: String,
    /// The asset.
    #[arg(long, value_name = "ASSET", default_value_t = 0)]
    asset: u32,
}

#[derive(Debug, Args)]
struct RawArgs {
    /// The method's name; rpc.discover describes them all.
    method: String,
    /// Its parameters, a JSON object.
    #[arg(default_value = "{}")]
    params: String,
}

/// Runs `query`.
///
/// # Errors
/// [`CliError`].
pub(crate) async fn run(args: QueryArgs, ctx: &Ctx) -> CliResult {
    let (method, params) = match args.command {
        QueryCommand::Proof(args) => return proof::run(&args, ctx).await,
        QueryCommand::Status => ("chain_status", json!({})),
        QueryCommand::Block(args) => match args.block {
            Some(block) => ("chain_getBlock", block_id(&block)?),
            None => ("chain_getLightBlock", json!({})),
        },
        QueryCommand::Account(args) => ("account_get", json!({ "address": address_of(&args.account, ctx)? })),
        QueryCommand::Balances(args) => {
            let address = address_of(&args.of.account, ctx)?;
            ("account_listBalances", args.page.add_to(json!({ "address": address })))
        }
        QueryCommand::Validators(args) => match args.epoch {
            Some(epoch) => ("chain_getValidators", json!({ "epoch": epoch.to_string() })),
            None => ("chain_getValidators", json!({})),
        },
        QueryCommand::Events(args) => ("event_list", events(&args, ctx)?),
        QueryCommand::Search(args) => ("search_query", json!({ "text": args.text })),
        QueryCommand::Params => ("chain_getParams", json!({})),
        QueryCommand::Peers => ("node_peers", json!({})),
        QueryCommand::Consensus => ("node_consensus", json!({})),
        QueryCommand::Evidence(page) => ("evidence_list", page.add_to(json!({}))),
        QueryCommand::Hold(args) => ("ledger_getHold", json!({ "id": args.id })),
        QueryCommand::LedgerAccount(args) => {
            let account: Value =
                serde_json::from_str(&args.account).map_err(|e| CliError::input("account", e))?;
            ("ledger_getAccount", json!({ "account": account, "asset": AssetId(args.asset) }))
        }
        QueryCommand::Call(args) => {
            let params: Value =
                serde_json::from_str(&args.params).map_err(|e| CliError::input("parameters", e))?;
            if !params.is_object() && !params.is_array() {
                return Err(CliError::input("parameters", "expected a JSON object"));
            }
            return ask(ctx, &args.method, params).await;
        }
    };
    ask(ctx, method, params).await
}

/// Asks a node and reports its answer as it is.
///
/// # Errors
/// [`CliError::Client`].
pub(crate) async fn ask(ctx: &Ctx, method: &str, params: Value) -> CliResult {
    Ok(Report::of(ctx.client()?.call(method, params).await?))
}

fn block_id(text: &str) -> Result<Value, CliError> {
    if let Ok(height) = text.parse::<Height>() {
        return Ok(json!({ "height": height }));
    }
    match text.parse::<Hash>() {
        Ok(hash) => Ok(json!({ "hash": hash })),
        Err(_) => Err(CliError::input("block", "expected a height or a hash of 64 hex digits")),
    }
}

fn events(args: &EventArgs, ctx: &Ctx) -> Result<Value, CliError> {
    let accounts = args.accounts.iter().map(|a| address_of(a, ctx)).collect::<Result<Vec<_>, _>>()?;
    let mut params = args.page.add_to(json!({}));
    if let Some(height) = args.from_height {
        params["fromHeight"] = height.to_string().into();
    }
    if !(args.types.is_empty() && accounts.is_empty() && args.txs.is_empty()) {
        params["filter"] = json!({ "types": args.types, "accounts": accounts, "txs": args.txs });
    }
    Ok(params)
}
