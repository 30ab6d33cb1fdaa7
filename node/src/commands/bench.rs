//! `wattle bench`: finalized transfers a second end to end, and how long one takes from submit to finalized.
//!
//! Starts a fresh devnet in this process (real libp2p, real database, real fsync) and sends it transfers that were
//! signed before the clock starts, over JSON-RPC to the first validator, at a fixed rate or as fast as it takes them.

use super::failed;
use crate::cli::output::note;
use crate::cli::{CliError, CliResult, Ctx, Report};
use crate::launch::{Options, Running, launch};
use crate::run::unix_ms as now;
use crate::testnet::{Layout, Testnet};
use clap::Args;
use serde_json::json;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use wattle_chain_spec::Preset;
use wattle_primitives::call::token::TokenCall;
use wattle_primitives::{
    Address, Amount, AssetId, Auth, BlockId, BoundedVec, Call, Hash, Height, Lane, Nonce, SecretKey, TimeMs,
    Tx, TxBody,
};

/// Accounts that send: more than a block has room for from one lane.
const SENDERS: usize = 512;
/// Transactions handed over at once.
const BATCH: usize = 50;
/// How long the last transactions have to become final.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);
/// Native base units that each sender starts with.
const SENDER_BALANCE: Amount = Amount(10_000_000_000);

/// Options of `wattle bench`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Examples:\n  wattle bench --rate 1000 --seconds 20\n  wattle bench --validators 1 --rate 0"
)]
pub struct BenchArgs {
    /// Transfers a second; 0 sends as fast as they are taken.
    #[arg(long, default_value_t = 1000)]
    pub rate: u64,
    /// For how long.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub seconds: u64,
    /// Number of validators.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=16))]
    pub validators: u16,
    /// Most transfers signed beforehand when the rate is 0.
    #[arg(long, default_value_t = 200_000)]
    pub max: usize,
}

/// Runs the measurement.
///
/// # Errors
/// When the devnet does not come up, or a transfer is refused for another reason than a full pool.
pub(super) async fn run(args: BenchArgs, ctx: &Ctx) -> CliResult {
    let dir = std::env::temp_dir().join(format!("wattle-bench-{}", std::process::id()));
    let result = measure(&args, &dir).await;
    let _ = std::fs::remove_dir_all(&dir); // best effort: it is in the system's temporary directory
    let figures = result?;
    let json = figures.to_json(&args);
    if !ctx.json {
        note(&format!(
            "machine: {} cores",
            std::thread::available_parallelism().map_or(0, std::num::NonZero::get)
        ));
    }
    Ok(Report::new(json, figures.to_text(&args)))
}

async fn measure(args: &BenchArgs, dir: &std::path::Path) -> Result<Figures, CliError> {
    let begun = Instant::now();
    let senders: Vec<SecretKey> = (0..SENDERS)
        .map(|_| SecretKey::generate())
        .collect::<Result<_, _>>()
        .map_err(|e| other(&e.to_string()))?;
    let net = lay_out(args, dir, &senders)?;
    net.connect(0, 0).map_err(|e| failed("layout", &e))?;
    let mut nodes = Vec::new();
    for home in &net.homes {
        nodes.push(launch(home, Options::default()).await.map_err(|e| failed("node", &e))?);
    }
    let first = nodes.first().ok_or_else(|| other("no validator"))?;
    let mut heights = first.node.shared.heights();
    tokio::time::timeout(DRAIN_TIMEOUT, heights.wait_for(|h| *h > Height::ZERO))
        .await
        .map_err(|_| other("no block became final"))?
        .map_err(|e| failed("node", &e))?;
    let first_final_ms = begun.elapsed().as_secs_f64() * 1000.0;
    let count = match args.rate {
        0 => args.max,
        rate => usize::try_from(rate.saturating_mul(args.seconds)).unwrap_or(usize::MAX).min(args.max),
    };
    note(&format!("signing {count} transfers"));
    let txs = tokio::task::block_in_place(|| sign(net.genesis_hash, &senders, count))?;
    let figures = drive(args, first, txs).await.map(|figures| Figures { first_final_ms, ..figures });
    for node in nodes {
        node.stop().await.map_err(|e| failed("node", &e))?;
    }
    figures
}

fn lay_out(args: &BenchArgs, dir: &std::path::Path, senders: &[SecretKey]) -> Result<Testnet, CliError> {
    let layout = Layout {
        preset: Preset::Devnet,
        chain_id: "wattle-bench".into(),
        validators: args.validators,
        meters: 0,
        seed: None,
        time_ms: now(),
        set_change: None,
        epoch_length: None,
        accounts: senders.iter().map(|key| (key.public(), SENDER_BALANCE)).collect(),
    };
    layout.create(dir).map_err(|e| failed("layout", &e))
}

/// Transfers in a ring of accounts, each with the next nonce of its sender.
fn sign(chain: Hash, senders: &[SecretKey], count: usize) -> Result<Vec<Tx>, CliError> {
    let expanded: Vec<_> = senders.iter().map(|k| (k, k.public(), Address::of_key(&k.public()))).collect();
    let expires_ms = TimeMs(now().0.saturating_add(3_600_000));
    (0..count)
        .map(|i| {
            let (key, public, sender) = &expanded[i % expanded.len()];
            let to = expanded[(i + 1) % expanded.len()].2;
            let transfer = TokenCall::Transfer { to, asset: AssetId::NATIVE, amount: Amount(1) };
            let calls = BoundedVec::new(vec![Call::Token(transfer)]).map_err(|e| failed("bench", &e))?;
            let body = TxBody {
                chain,
                sender: *sender,
                lane: Lane(0),
                nonce: Nonce((i / expanded.len()) as u64),
                expires_ms,
                fee_payer: *sender,
                max_fee: Amount(1_000_000),
                tip: Amount(0),
                calls,
            };
            let signature = key.sign(&body.signing_bytes());
            Tx::new(body, vec![Auth { key: *public, signature }]).map_err(|e| failed("bench", &e))
        })
        .collect()
}

/// Sends at the wanted rate, then waits until everything taken is final.
async fn drive(args: &BenchArgs, node: &Running, txs: Vec<Tx>) -> Result<Figures, CliError> {
    let shared = Arc::clone(&node.node.shared);
    let watcher = tokio::spawn(watch_blocks(Arc::clone(&shared), txs.len()));
    let cpu = cpu_seconds();
    let begun = Instant::now();
    let end = begun + Duration::from_secs(args.seconds);
    let mut submitted: HashMap<Hash, Instant> = HashMap::with_capacity(txs.len());
    let mut refused = 0usize;
    for (i, batch) in txs.chunks(BATCH).enumerate() {
        if args.rate > 0 {
            let due = begun + Duration::from_secs_f64((i * BATCH) as f64 / args.rate as f64);
            tokio::time::sleep_until(due.into()).await;
        }
        if Instant::now() >= end {
            break;
        }
        let mut waiting = batch.to_vec();
        while !waiting.is_empty() && Instant::now() < end {
            let at = Instant::now();
            let answers = shared.submit(waiting.clone()).await;
            let mut again = Vec::new();
            for (tx, answer) in waiting.into_iter().zip(answers) {
                match answer {
                    Ok(id) => drop(submitted.insert(id, at)),
                    // Only a rate without limit runs into the pool's bounds: wait for room.
                    Err(_) if args.rate == 0 => again.push(tx),
                    Err(_) => refused += 1,
                }
            }
            waiting = again;
            if !waiting.is_empty() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    }
    let sending = begun.elapsed();
    let wanted = submitted.len();
    let finals = finish(watcher, &shared, wanted).await?;
    let cpu = cpu_seconds() - cpu;
    Ok(Figures::of(&submitted, &finals, begun, sending, refused, cpu))
}

/// When each transaction became final and durable at the first validator.
type Finals = (HashMap<Hash, Instant>, u64);

async fn watch_blocks(shared: Arc<crate::run::shared::Shared>, most: usize) -> Finals {
    let mut heights = shared.heights();
    let mut seen = *heights.borrow_and_update();
    let (mut finals, mut blocks) = (HashMap::with_capacity(most), 0);
    let mut idle = Instant::now();
    while finals.len() < most && idle.elapsed() < DRAIN_TIMEOUT / 5 {
        if tokio::time::timeout(Duration::from_millis(500), heights.changed()).await.is_err() {
            continue;
        }
        let at = Instant::now();
        let tip = *heights.borrow_and_update();
        while seen < tip {
            seen = seen.next();
            let Ok(Some(block)) = shared.store.block(BlockId::Height(seen)) else { continue };
            if !block.txs.is_empty() {
                idle = at;
                blocks += 1;
            }
            finals.extend(block.txs.iter().map(|tx| (tx.id(), at)));
        }
    }
    (finals, blocks)
}

async fn finish(
    watcher: tokio::task::JoinHandle<Finals>,
    shared: &crate::run::shared::Shared,
    wanted: usize,
) -> Result<Finals, CliError> {
    let height = shared.view().header.height;
    note(&format!("{wanted} transfers sent, height {height}; waiting for the rest to become final"));
    tokio::time::timeout(DRAIN_TIMEOUT * 2, watcher)
        .await
        .map_err(|_| other("transactions did not become final in time"))?
        .map_err(|e| failed("bench", &e))
}

/// What was measured.
struct Figures {
    /// From laying out a fresh network to its first final block.
    first_final_ms: f64,
    sent: usize,
    finalized: usize,
    refused: usize,
    blocks: u64,
    seconds: f64,
    sending_seconds: f64,
    cpu_seconds: f64,
    latencies_ms: Vec<f64>,
}

impl Figures {
    fn of(
        submitted: &HashMap<Hash, Instant>,
        (finals, blocks): &Finals,
        begun: Instant,
        sending: Duration,
        refused: usize,
        cpu_seconds: f64,
    ) -> Self {
        let mut latencies_ms: Vec<f64> = submitted
            .iter()
            .filter_map(|(id, at)| Some(finals.get(id)?.duration_since(*at).as_secs_f64() * 1000.0))
            .collect();
        latencies_ms.sort_by(f64::total_cmp);
        let last = finals.values().max().copied().unwrap_or(begun);
        Self {
            first_final_ms: 0.0,
            sent: submitted.len(),
            finalized: latencies_ms.len(),
            refused,
            blocks: *blocks,
            seconds: last.duration_since(begun).as_secs_f64().max(0.001),
            sending_seconds: sending.as_secs_f64(),
            cpu_seconds,
            latencies_ms,
        }
    }

    fn percentile(&self, percent: usize) -> f64 {
        let last = self.latencies_ms.len().saturating_sub(1);
        self.latencies_ms.get(last * percent / 100).copied().unwrap_or(0.0)
    }

    fn rate(&self) -> f64 {
        self.finalized as f64 / self.seconds
    }

    fn cpu_us(&self, validators: u16) -> f64 {
        self.cpu_seconds * 1e6 / self.finalized.max(1) as f64 / f64::from(validators)
    }

    fn to_json(&self, args: &BenchArgs) -> serde_json::Value {
        json!({
            "validators": args.validators,
            "firstFinalBlockMs": self.first_final_ms,
            "wantedPerSecond": args.rate,
            "sent": self.sent,
            "finalized": self.finalized,
            "refused": self.refused,
            "blocks": self.blocks,
            "sendingSeconds": self.sending_seconds,
            "finalizedPerSecond": self.rate(),
            "latencyMs": { "p50": self.percentile(50), "p95": self.percentile(95), "p99": self.percentile(99) },
            "cpuMicrosPerTransferAndNode": self.cpu_us(args.validators),
        })
    }

    fn to_text(&self, args: &BenchArgs) -> String {
        format!(
            "{} validators in one process: {} of {} transfers final, {} refused, {:.0} transfers/s over {:.1} s in {} blocks\n\
             submit to final and durable: p50 {:.0} ms, p95 {:.0} ms, p99 {:.0} ms; CPU {:.0} us a transfer and node\n\
             first final block of the fresh network after {:.0} ms",
            args.validators,
            self.finalized,
            self.sent,
            self.refused,
            self.rate(),
            self.seconds,
            self.blocks,
            self.percentile(50),
            self.percentile(95),
            self.percentile(99),
            self.cpu_us(args.validators),
            self.first_final_ms
        )
    }
}

/// CPU time of this process so far, in seconds, from `/proc/self/stat`; 0 where there is none.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: f64 =
        after_name.split_whitespace().skip(11).take(2).filter_map(|f| f.parse::<f64>().ok()).sum();
    ticks / rustix::param::clock_ticks_per_second() as f64
}

fn other(message: &str) -> CliError {
    CliError::Other { code: "bench", message: message.to_owned(), hint: None }
}
