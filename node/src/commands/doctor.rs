//! `wattle doctor`: executes a stopped node's chain again from genesis, and compares every root.

use crate::home::Home;
use crate::journal::{CureError, cure};
use crate::run::storage::data_at;
use crate::signer::{Barred, Signer, Unreconciled};
use crate::views::supply_info;
use crate::wal::{SEGMENT_BYTES, WalConfig};
use crate::work::{TxCache, Worker, replay};
use clap::Args;
use serde_json::json;
use std::path::PathBuf;
use std::sync::Arc;
use wattle_cli::{CliError, CliResult, Ctx, Report};
use wattle_host::dir::OsDir;
use wattle_host::lock::DirLock;
use wattle_primitives::{BlockId, Genesis, Hash, Height, SecretKey, Vote};
use wattle_rpc_types::SupplyInfo;
use wattle_runtime::modules::Violation;
use wattle_runtime::store::RocksStore;
use wattle_runtime::supply::{History, Tally};
use wattle_runtime::{Schedule, State, Store};

/// Options of `wattle doctor`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Examples:\n  wattle doctor --home ~/village/v0\n  wattle doctor --home ~/village/v0 --cure-log\n  wattle doctor --home ~/village/v0 --resume-signing --accept-risk"
)]
pub struct DoctorArgs {
    /// The node's directory. The node must not run.
    #[arg(long, env = "WATTLE_HOME", value_name = "DIR")]
    pub home: PathBuf,
    /// Only put a validator's corrupt consensus log aside, so that the node can start again; the sign state stays.
    #[arg(long)]
    pub cure_log: bool,
    /// Only let a validator sign at once that sits out what it may have signed on a lost disk. Needs --accept-risk.
    #[arg(long, conflicts_with = "cure_log")]
    pub resume_signing: bool,
    /// With --resume-signing: if the key has signed in these rounds before, it signs twice, which is proof against it
    /// and can split the chain.
    #[arg(long, requires = "resume_signing")]
    pub accept_risk: bool,
}

/// Checks a node's data.
///
/// # Errors
/// `corrupt` with the first height that does not fit; `unsound` where all fits and the chain has broken a rule.
pub(super) fn run(args: DoctorArgs, _ctx: &Ctx) -> CliResult {
    let home = Home::new(args.home);
    let spec = home.spec().map_err(|e| CliError::failed("node_directory", &e))?;
    let _lock = DirLock::take(home.path()).map_err(|e| CliError::failed("home_in_use", &e))?;
    if args.cure_log {
        return cure_log(&home, &spec.genesis);
    }
    if args.resume_signing {
        return resume_signing(&home, &spec.genesis, args.accept_risk);
    }
    let db = home.data_dir().join("db");
    let store = RocksStore::open(&db).map_err(|e| CliError::failed("database", &e))?;
    let (state, genesis) =
        wattle_runtime::genesis(&spec.genesis).map_err(|e| CliError::failed("genesis", &e))?;
    let chain = genesis.hash();
    let schedule = Schedule::of(&state).ok_or_else(|| corrupt(Height::ZERO, "genesis has no parameters"))?;
    let worker = Worker { chain, schedule: Arc::new(schedule), cache: Arc::new(TxCache::default()) };
    let history = History::of_genesis(&spec.genesis);
    let examined = examine(&store, &worker, state, genesis.hash(), history)?;
    let json = json!({
        "genesisHash": chain,
        "height": examined.height,
        "hash": examined.hash,
        "stateRoot": examined.state.root(),
        "transactions": examined.transactions.to_string(),
        "certificates": examined.certificates.to_string(),
        "supply": examined.supply,
        "ok": true,
    });
    let supply = examined.supply.iter().map(|of| {
        let SupplyInfo { asset, issued, burned, wallets, held, fees, deposits, books } = of;
        format!(
            "\nasset {asset}: {issued} base units issued, {burned} burned; {wallets} in wallets, {held} held, \
             {fees} fees, {deposits} deposits, {books} in books"
        )
    });
    let text = format!(
        "all is well: {} blocks with {} transactions give the roots of their headers, {} certificates verify{}",
        examined.height,
        examined.transactions,
        examined.certificates,
        supply.collect::<String>()
    );
    Ok(Report::new(json, text))
}

fn validator_key(home: &Home, code: &'static str, message: &str) -> Result<SecretKey, CliError> {
    let key = home.validator_key().map_err(|e| CliError::failed("node_directory", &e))?;
    key.ok_or_else(|| CliError::Other { code, message: message.into(), hint: None })
}

/// Ends the sit-out of a validator on a new disk, and forgets what it has sat out.
fn resume_signing(home: &Home, genesis: &Genesis, accept_risk: bool) -> CliResult {
    let key = validator_key(home, "no_sign_state", "only a validator signs")?;
    if !accept_risk {
        return Err(CliError::Other {
            code: "risk_not_accepted",
            message: "a validator that has signed in these rounds on another disk or machine would sign twice: that is proof \
                      against it, and together with liars it can split the chain"
                .into(),
            hint: Some(
                "first let it ask the others: start the node and wait; only when too few of them are left, and the old disk \
                 and every copy of the key are gone: --accept-risk"
                    .into(),
            ),
        });
    }
    let chain = wattle_runtime::chain_hash(genesis).map_err(|e| CliError::failed("genesis", &e))?;
    let sign = OsDir::open(&home.sign_dir()).map_err(|e| CliError::failed("sign_state", &e))?;
    let data = data_at(&home.data_dir(), wal_config(chain)?).map_err(|e| CliError::failed("database", &e))?;
    let signer = Signer::open(sign, chain, key, data);
    let barred = signer.and_then(Unreconciled::resume).map_err(|e| CliError::failed("sign_state", &e))?;
    let (sat_out, text) = match barred {
        Barred::Free => (json!(null), "this validator sits out nothing, and nothing was changed".to_owned()),
        Barred::Unasked => (json!("all"), "this validator signs again from its next start on".to_owned()),
        Barred::Until(past) | Barred::Passed(past) => (
            json!(past.to_string()),
            format!("this validator signs again from its next start on, also up to round {past}"),
        ),
    };
    Ok(Report::new(json!({ "satOut": sat_out, "ok": true }), text))
}

/// The log as it is read here. Nothing is appended, so that any size of segments will do, whatever the setting.
fn wal_config(chain: Hash) -> Result<WalConfig, CliError> {
    let mut entropy = [0; 32];
    let dry = |e: getrandom::Error| CliError::Other { code: "entropy", message: e.to_string(), hint: None };
    getrandom::fill(&mut entropy).map_err(dry)?;
    Ok(WalConfig { chain, entropy, segment_bytes: SEGMENT_BYTES })
}

/// Puts a corrupt log aside.
fn cure_log(home: &Home, genesis: &Genesis) -> CliResult {
    let key = validator_key(home, "no_log", "only a validator has a consensus log")?;
    let chain = wattle_runtime::chain_hash(genesis).map_err(|e| CliError::failed("genesis", &e))?;
    let config = wal_config(chain)?;
    let aside = cure(&home.data_dir(), &home.sign_dir(), key, config).map_err(|error| {
        let code = match error {
            CureError::Whole => "log_whole",
            CureError::Version(_) => "log_version",
            CureError::SignState(_) | CureError::Slot => "sign_state",
            CureError::Log(_) | CureError::File(_) => "log",
        };
        CliError::failed(code, &error)
    })?;
    let text = format!(
        "the corrupt log is at {}; start the node: it sits out what it may have voted in, then takes part again. \
         Keep that log until then: if a block is missing for which it voted to be final, only that block helps, from a peer",
        aside.display()
    );
    Ok(Report::new(json!({ "aside": aside, "ok": true }), text))
}

struct Examined {
    height: Height,
    hash: Hash,
    state: State,
    transactions: usize,
    certificates: u64,
    /// Of each asset: issued and burned by the history, and where the state has the rest.
    supply: Vec<SupplyInfo>,
}

fn examine(
    store: &dyn Store,
    worker: &Worker,
    state: State,
    genesis: Hash,
    mut history: History,
) -> Result<Examined, CliError> {
    let tip =
        store.tip().map_err(|e| CliError::failed("database", &e))?.map_or(Height::ZERO, |t| t.header.height);
    let mut tally = Tally::of(&state).map_err(|broken| unsound(Height::ZERO, &broken))?;
    history.check(&tally).map_err(|broken| unsound(Height::ZERO, &broken))?;
    let mut at = Examined {
        height: Height::ZERO,
        hash: genesis,
        state,
        transactions: 0,
        certificates: 0,
        supply: Vec::new(),
    };
    while at.height < tip {
        let height = at.height.next();
        let block = store.block(BlockId::Height(height)).map_err(|e| CliError::failed("database", &e))?;
        let block = block.ok_or_else(|| corrupt(height, "the block is missing"))?;
        if block.header.parent != at.hash || block.header.height != height {
            return Err(corrupt(height, "the block does not follow the one before"));
        }
        let done = replay(worker, &at.state, vec![block]).map_err(|e| CliError::failed("corrupt", &e))?;
        let Some(done) = done.into_iter().next() else { return Err(corrupt(height, "nothing was executed")) };
        let receipts = store.receipts(height).map_err(|e| CliError::failed("database", &e))?;
        if receipts.as_ref() != Some(&done.executed.receipts) {
            return Err(corrupt(height, "the stored receipts differ"));
        }
        at.certificates =
            at.certificates.saturating_add(u64::from(certificate(store, worker, height, &done.block.hash)?));
        history.take(&done.block.block.txs, &done.executed.receipts);
        tally.add(done.executed.moved.as_ref().map_err(|broken| unsound(height, broken))?);
        history.check(&tally).map_err(|broken| unsound(height, &broken))?;
        at.transactions = at.transactions.saturating_add(done.block.txs.len());
        (at.height, at.hash, at.state) = (height, done.block.hash, done.executed.state.clone());
    }
    let stored = wattle_runtime::store::load(store).map_err(|e| CliError::failed("corrupt", &e))?;
    if stored.is_some_and(|(_, stored)| stored.root() != at.state.root()) {
        return Err(corrupt(tip, "the stored state differs from the executed one"));
    }
    wattle_runtime::modules::invariants(&at.state).map_err(|broken| unsound(tip, &broken))?;
    let found = Tally::of(&at.state).map_err(|broken| unsound(tip, &broken))?;
    if found != tally {
        return Err(corrupt(tip, "the money of all accounts is not what the blocks changed"));
    }
    let info = |(asset, issued)| supply_info(asset, issued, found.of_asset(asset));
    at.supply = history.assets().map(info).collect();
    Ok(at)
}

/// Verifies the certificate of a height, if it has one.
fn certificate(store: &dyn Store, worker: &Worker, height: Height, hash: &Hash) -> Result<bool, CliError> {
    let Some(certificate) = store.certificate(height).map_err(|e| CliError::failed("database", &e))? else {
        return Ok(false);
    };
    let epoch = worker.schedule.params().epoch_of(height);
    let set = worker.schedule.validators(epoch);
    let fits = matches!(certificate.vote, Vote::Finalize(p) if p.block == *hash && p.round.epoch == epoch);
    if !fits || certificate.verify(&worker.chain, set).is_err() {
        return Err(corrupt(height, "the certificate does not verify"));
    }
    Ok(true)
}

fn corrupt(height: Height, detail: &str) -> CliError {
    CliError::Other {
        code: "corrupt",
        message: format!("height {height}: {detail}"),
        hint: Some("keep the sign directory, move data away, and let the node fetch the chain again".into()),
    }
}

/// The data are what the chain agreed on, and the chain breaks its own rules.
fn unsound(height: Height, broken: &Violation) -> CliError {
    CliError::Other {
        code: "unsound",
        message: format!("height {height}: {broken}"),
        hint: Some("the data are whole: do not fetch them again; report the height to the developers".into()),
    }
}

#[cfg(test)]
#[path = "doctor_tests.rs"]
mod tests;
