//! The load of one measurement: a fresh network, transfers signed beforehand, and when each became final.

use super::figures::{Figures, cpu_seconds};
use super::{Run, other};
use crate::launch::{Options, Running, launch};
use crate::run::shared::Shared;
use crate::testnet::{Layout, Testnet};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use wattle_chain_spec::Preset;
use wattle_cli::CliError;
use wattle_cli::output::note;
use wattle_host::wall::now;
use wattle_primitives::{
    Address, Amount, AssetId, Auth, BlockId, BoundedVec, Call, Hash, Height, Lane, Nonce, SecretKey, TimeMs,
    Tx, TxBody, call,
};

/// Accounts that send: more than a block has room for from one lane.
const SENDERS: usize = 512;
/// Most transactions handed over at once.
const BATCH_MAX: usize = 50;
/// Times a second at which transactions are handed over, if the rate allows.
const HANDOVERS_PER_SECOND: u64 = 100;
/// How long the last transactions have to become final.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);
/// Native base units that each sender starts with.
const SENDER_BALANCE: Amount = Amount(10_000_000_000);

/// Measures one rate on a fresh network in `dir`.
pub(super) async fn measure(run: Run, dir: &std::path::Path) -> Result<Figures, CliError> {
    let begun = Instant::now();
    let senders: Vec<SecretKey> = (0..SENDERS)
        .map(|_| SecretKey::generate())
        .collect::<Result<_, _>>()
        .map_err(|e| other(&e.to_string()))?;
    let net = lay_out(run, dir, &senders)?;
    net.connect(0, 0).map_err(|e| CliError::failed("layout", &e))?;
    let mut nodes = Vec::new();
    for home in &net.homes {
        nodes.push(launch(home, Options::default()).await.map_err(|e| CliError::failed("node", &e))?);
    }
    let first = nodes.first().ok_or_else(|| other("no validator"))?;
    let mut heights = first.node.shared.heights();
    tokio::time::timeout(DRAIN_TIMEOUT, heights.wait_for(|h| *h > Height::ZERO))
        .await
        .map_err(|_| other("no block became final"))?
        .map_err(|e| CliError::failed("node", &e))?;
    let first_final_ms = begun.elapsed().as_secs_f64() * 1000.0;
    let count = match run.rate {
        0 => run.max,
        rate => usize::try_from(rate.saturating_mul(run.seconds)).unwrap_or(usize::MAX).min(run.max),
    };
    note(&format!("signing {count} transfers"));
    let txs = tokio::task::block_in_place(|| sign(net.genesis_hash, &senders, count))?;
    let figures = drive(run, first, txs).await.map(|figures| figures.with_first_final(first_final_ms));
    for node in nodes {
        node.stop().await.map_err(|e| CliError::failed("node", &e))?;
    }
    figures
}

fn lay_out(run: Run, dir: &std::path::Path, senders: &[SecretKey]) -> Result<Testnet, CliError> {
    let layout = Layout {
        preset: Preset::Devnet,
        chain_id: "wattle-bench".into(),
        validators: run.validators,
        meters: 0,
        seed: None,
        time_ms: now(),
        set_change: None,
        epoch_length: None,
        block_interval_ms: run.unpaced.then_some(0),
        idle_interval_ms: None,
        terms: None,
        feeder: false,
        accounts: senders.iter().map(|key| (key.public(), SENDER_BALANCE)).collect(),
    };
    layout.create(dir).map_err(|e| CliError::failed("layout", &e))
}

/// Transfers in a ring of accounts, each with the next nonce of its sender.
fn sign(chain: Hash, senders: &[SecretKey], count: usize) -> Result<Vec<Tx>, CliError> {
    let expanded: Vec<_> = senders.iter().map(|k| (k, k.public(), Address::of_key(&k.public()))).collect();
    let expires_ms = TimeMs(now().0.saturating_add(3_600_000));
    (0..count)
        .map(|i| {
            let (key, public, sender) = &expanded[i % expanded.len()];
            let to = expanded[(i + 1) % expanded.len()].2;
            let transfer =
                Call::from(call::token::Transfer { to, asset: AssetId::NATIVE, amount: Amount(1) });
            let calls = BoundedVec::new(vec![transfer]).map_err(|e| CliError::failed("bench", &e))?;
            let body = TxBody {
                chain,
                sender: *sender,
                grant: None,
                lane: Lane(0),
                nonce: Nonce((i / expanded.len()) as u64),
                expires_ms,
                fee_payer: *sender,
                max_fee: Amount(1_000_000),
                tip: Amount(0),
                calls,
            };
            let signature = key.sign(&body.signing_bytes());
            Tx::new(body, vec![Auth { key: *public, signature }]).map_err(|e| CliError::failed("bench", &e))
        })
        .collect()
}

/// Sends at the wanted rate, then waits until everything taken is final.
async fn drive(run: Run, node: &Running, txs: Vec<Tx>) -> Result<Figures, CliError> {
    let shared = Arc::clone(&node.node.shared);
    let watcher = tokio::spawn(watch_blocks(Arc::clone(&shared), txs.len()));
    let cpu = cpu_seconds();
    let begun = Instant::now();
    let end = begun + Duration::from_secs(run.seconds);
    let mut submitted: HashMap<Hash, Instant> = HashMap::with_capacity(txs.len());
    let mut refused = 0usize;
    let size = match run.rate {
        0 => BATCH_MAX,
        rate => usize::try_from(rate / HANDOVERS_PER_SECOND).unwrap_or(BATCH_MAX).clamp(1, BATCH_MAX),
    };
    for (i, batch) in txs.chunks(size).enumerate() {
        if run.rate > 0 {
            let due = begun + Duration::from_secs_f64((i * size) as f64 / run.rate as f64);
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
                    Err(_) if run.rate == 0 => again.push(tx),
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
    Ok(Figures::of(run, &submitted, &finals, begun, sending, refused, cpu))
}

/// When each transaction became final and durable at the first validator.
type Finals = (HashMap<Hash, Instant>, u64);

async fn watch_blocks(shared: Arc<Shared>, most: usize) -> Finals {
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
    shared: &Shared,
    wanted: usize,
) -> Result<Finals, CliError> {
    let height = shared.view().header.height;
    note(&format!("{wanted} transfers sent, height {height}; waiting for the rest to become final"));
    tokio::time::timeout(DRAIN_TIMEOUT * 2, watcher)
        .await
        .map_err(|_| other("transactions did not become final in time"))?
        .map_err(|e| CliError::failed("bench", &e))
}
