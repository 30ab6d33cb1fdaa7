//! The face of a devnet: a banner when it is ready, then one live line; or JSON lines only.

use super::meters::Meters;
use super::validators::Validators;
use super::{Progress, Testnet};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use std::time::{Duration, Instant};
use wattle_cli::output::note;
use wattle_primitives::{Address, Height};
use zeroize::Zeroizing;

/// Weight of the newest second in the smoothed rates, in percent.
const SMOOTHING_PERCENT: f64 = 20.0;

/// Tells that the devnet is ready.
pub(super) fn ready(
    net: &Testnet,
    validators: &Validators,
    meters: &Meters,
    took: Duration,
    height: Height,
    json: bool,
) {
    let first = validators.members.first();
    let rpc = first.map_or("", |m| m.rpc.as_str());
    let explorer = first.map_or("", |m| m.explorer.as_str());
    if json {
        let wallets: Vec<_> = net
            .wallets
            .iter()
            .map(|w| {
                json!({
                    "name": w.name,
                    "address": Address::of_key(&w.key.public()),
                    "secretKeyHex": hex::encode(w.key.seed()),
                })
            })
            .collect();
        let members: Vec<_> = validators
            .members
            .iter()
            .map(|m| json!({ "name": m.name, "rpc": m.rpc, "explorer": m.explorer, "pid": m.pid }))
            .collect();
        let houses: Vec<_> = meters
            .members
            .iter()
            .map(|m| json!({ "name": m.name, "address": m.address, "modbus": m.modbus }))
            .collect();
        let event = json!({
            "event": "ready",
            "rpc": rpc,
            "explorer": explorer,
            "chainId": net.spec.genesis.chain_id,
            "genesisHash": net.genesis_hash,
            "height": height,
            "firstFinalBlockMs": took.as_millis().to_string(),
            "dir": net.dir,
            "validators": members,
            "meters": houses,
            "wallets": wallets,
        });
        println!("{event}");
        return;
    }
    let chain = &net.spec.genesis.chain_id;
    let mut lines = vec![
        String::new(),
        format!("  Wattle devnet   {chain}  ({})", net.genesis_hash.short()),
        format!(
            "  validators      {}, first final block after {} ms",
            validators.members.len(),
            took.as_millis()
        ),
        format!("  microgrid       {} meters (Modbus TCP) with light nodes", meters.members.len()),
        format!("  explorer        {explorer}"),
        format!("  JSON-RPC        {rpc}"),
        format!("  data            {}", net.dir.display()),
        String::new(),
        "  wallets (DEV ONLY: anybody can derive these keys)".into(),
    ];
    for wallet in &net.wallets {
        let secret = Zeroizing::new(hex::encode(wallet.key.seed()));
        lines.push(format!(
            "    {:<9} {}  {}",
            wallet.name,
            Address::of_key(&wallet.key.public()),
            secret.as_str()
        ));
    }
    let to = net.wallets.get(2).map(|w| Address::of_key(&w.key.public()));
    if let Some(to) = to {
        lines.push(String::new());
        lines.push("  try".into());
        lines.push(format!(
            "    wattle wallet send --secret-key-file {}/alice.key --to {to} --amount 1.5 --wait finalized --rpc {rpc}",
            net.dir.display()
        ));
    }
    lines.push(String::new());
    note(&lines.join("\n"));
}

/// One line that keeps telling where the chain stands; JSON lines instead when asked for.
pub(super) struct StatusLine {
    /// Last height seen.
    pub(super) height: Height,
    /// Transactions seen.
    pub(super) transactions: u64,
    bar: Option<ProgressBar>,
    blocks_per_second: f64,
    last: Instant,
    moved: Instant,
}

impl StatusLine {
    /// A line that shows nothing yet.
    pub(super) fn new(json: bool) -> Self {
        let bar = (!json).then(|| {
            let bar = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("  {spinner} {msg}") {
                bar.set_style(style);
            }
            bar
        });
        let now = Instant::now();
        Self { height: Height::ZERO, transactions: 0, bar, blocks_per_second: 0.0, last: now, moved: now }
    }

    /// Takes new figures.
    pub(super) fn update(&mut self, progress: &Progress) {
        let seconds = self.last.elapsed().as_secs_f64().max(0.001);
        self.last = Instant::now();
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let rate = progress.height.0.saturating_sub(self.height.0) as f64 / seconds;
        if self.height > Height::ZERO {
            let share = SMOOTHING_PERCENT / 100.0;
            self.blocks_per_second = self.blocks_per_second * (1.0 - share) + rate * share;
        }
        if progress.height > self.height {
            self.moved = Instant::now();
        }
        self.height = progress.height;
        self.transactions = progress.transactions;
        let Some(bar) = &self.bar else { return };
        let stalled = self.moved.elapsed();
        let note = if stalled > Duration::from_secs(10) {
            format!("  NO PROGRESS for {} s: {} of the peers answer", stalled.as_secs(), progress.peers)
        } else {
            String::new()
        };
        bar.set_message(format!(
            "height {}  {:.1} blocks/s  {} transactions  {} readings  {} peers{note}",
            progress.height, self.blocks_per_second, progress.transactions, progress.readings, progress.peers
        ));
        bar.tick();
    }

    /// Ends the line.
    pub(super) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
