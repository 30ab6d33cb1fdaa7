//! `--scenario day-in-the-life`: a village from one sunrise to the evening of the next day, in minutes.
//!
//! Sunrise and trades; a cloud; a validator killed, and back; a light node without a link for a day, whose queue then
//! drains; settlement. At the end everything is looked at from outside (`check`), and the validators' chains are
//! executed again. What it finds is the exit code.

mod check;
mod trade;

use super::super::doctor::{self, DoctorArgs};
use super::link::Link;
use super::meters::{Meters, Pace as Reading};
use super::validators::Validators;
use super::{DevnetArgs, Testnet, note};
use crate::home::Home;
use clap::ValueEnum;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use trade::Traders;
use wattle_cli::client::Client;
use wattle_cli::{CliError, Ctx};
use wattle_host::wall::{self, Pace};
use wattle_primitives::call::energy::microgrid_id;
use wattle_primitives::{BlockId, Hash, Height, TimeMs};
use wattle_rpc_types::MicrogridInfo;
use wattle_runtime::Store;
use wattle_runtime::store::RocksStore;

const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 24 * HOUR_MS;
/// When the day begins: a little before the sun rises.
const START_MS: u64 = 5 * HOUR_MS + HOUR_MS / 2;
/// How many times as fast the clock runs unless told otherwise.
const SPEED: u32 = 1200;
/// Slowest that the story can be told: in 37 min. On a faster clock than usual, orders miss their gates.
const SPEEDS: std::ops::RangeInclusive<u32> = 60..=SPEED;
/// Fewest validators of which one can be killed.
const VALIDATORS_MIN: u16 = 4;
/// Fewest houses: the last of them is cut off, the others trade.
const METERS_MIN: u16 = 5;
/// How often longer than it should take something by the chain's clock may take.
const SLACK: u64 = 3;
/// Longest time without a block, real ms: the clock moves on with blocks only.
pub(super) const IDLE_INTERVAL_MS: u64 = 100;
/// Between two samples of a meter, real ms.
const SAMPLE_INTERVAL_MS: u64 = 100;
/// Longest wait for something that should happen at once, real time.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks, real time.
const POLL: Duration = Duration::from_millis(50);
/// Thousandths of the usual light under the cloud.
const CLOUD_PERMILLE: u32 = 150;

/// Stories that a devnet can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Scenario {
    /// Sunrise, trades, a cloud, a validator killed and back, a light node offline for a day, settlement.
    DayInTheLife,
}

/// Refuses options that the story cannot be told with.
///
/// # Errors
/// `usage`.
pub(super) fn check_options(args: &DevnetArgs) -> Result<(), CliError> {
    if args.scenario.is_none() {
        return Ok(());
    }
    let rules = [
        (
            args.validators.is_some_and(|n| n < VALIDATORS_MIN),
            format!("at least {VALIDATORS_MIN} validators: one is killed"),
        ),
        (
            args.meters.is_some_and(|n| n < METERS_MIN),
            format!("at least {METERS_MIN} meters: one is cut off"),
        ),
        (
            args.speed.is_some_and(|speed| !SPEEDS.contains(&speed)),
            format!("a speed from {} to {}", SPEEDS.start(), SPEEDS.end()),
        ),
        (args.exit_after.is_some(), "no --exit-after: it ends by itself, with --exit-after-scenario".into()),
    ];
    match rules.into_iter().find(|(broken, _)| *broken) {
        Some((_, rule)) => Err(CliError::Usage { detail: format!("a scenario takes {rule}") }),
        None => Ok(()),
    }
}

/// The clock of a scenario, which starts in the morning of the system's day.
pub(super) fn clock(speed: Option<u32>) -> Pace {
    let base_ms = wall::system_ms();
    let midnight = base_ms.saturating_sub(base_ms.checked_rem(DAY_MS).unwrap_or(0));
    Pace { base_ms, start_ms: midnight.saturating_add(START_MS), speed: speed.unwrap_or(SPEED) }
}

/// How meters are read: at the end of each interval of the chain's clock.
pub(super) fn reading() -> Reading {
    Reading {
        reading_interval_ms: crate::testnet::INTERVAL_MS,
        sample_interval_ms: SAMPLE_INTERVAL_MS,
        follow_interval_ms: SAMPLE_INTERVAL_MS,
    }
}

/// Everything that the story plays with.
pub(super) struct Stage<'a> {
    pub(super) net: &'a Testnet,
    pub(super) validators: &'a mut Validators,
    pub(super) meters: &'a Meters,
    /// The link of the light node that will be cut off, and which meter it is.
    pub(super) link: &'a (usize, Link),
    pub(super) client: Client,
    /// The validator that is dead on purpose.
    pub(super) dead: Option<usize>,
    pub(super) json: bool,
}

/// Tells the whole story. The caller stops everything and then calls [`verify_chains`].
///
/// # Errors
/// `scenario` when something does not happen or does not add up.
pub(super) async fn play(mut stage: Stage<'_>) -> Result<(), CliError> {
    let grid = grid_of(stage.net)?;
    let start = stage.net.spec.genesis.time_ms.0;
    let traders = Traders::start(stage.net, stage.meters, stage.client.clone(), grid);
    let houses = stage.meters.members.iter().filter(|member| !member.is_feeder).count();
    let sunrise = format!("the sun rises over {houses} houses; surplus is offered, need is bid for");
    stage.say("sunrise", &sunrise, json!({}));
    stage.until(start, 4 * HOUR_MS).await?;
    let clear = stage.flow(start.saturating_add(5 * HOUR_MS));
    stage.meters.sky.store(CLOUD_PERMILLE, Ordering::Relaxed);
    let clouded = stage.flow(start.saturating_add(5 * HOUR_MS));
    let watts = json!({ "clearWatts": clear.to_string(), "cloudedWatts": clouded.to_string() });
    stage.say("cloud", "a cloud covers the village", watts);
    stage.until(start, 6 * HOUR_MS).await?;
    stage.meters.sky.store(1000, Ordering::Relaxed);
    stage.validator_dies_and_returns(start).await?;
    if traders.have_ended() {
        return traders.stop().await.and(Err(wrong("the traders go on")));
    }
    stage.light_node_is_cut_off(start).await?;
    stage.settle(grid).await?;
    let traded = traders.stop().await?;
    stage.say("traded", "orders placed", json!({ "orders": traded.to_string() }));
    let figures = check::all(&stage, grid).await?;
    stage.say("settled", "every watt-hour and every unit of money is accounted for", figures);
    Ok(())
}

/// The devnet's microgrid.
fn grid_of(net: &Testnet) -> Result<Hash, CliError> {
    let grid = net.spec.genesis.microgrids.first().ok_or_else(|| wrong("there is no microgrid"))?;
    Ok(microgrid_id(&grid.operator, &grid.reference))
}

impl Stage<'_> {
    /// Tells one step, as a line or as JSON.
    fn say(&self, step: &str, text: &str, detail: Value) {
        let time = wattle_cli::output::time(wall::now());
        if self.json {
            println!(
                "{}",
                json!({ "event": "scenario", "step": step, "time": time, "text": text, "detail": detail })
            );
            return;
        }
        let facts: Vec<String> = detail
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, value)| format!("{name} {}", value.as_str().unwrap_or_default()))
            .collect();
        note(&format!(
            "  {time}  {step:<16} {text}{}{}",
            if facts.is_empty() { "" } else { ": " },
            facts.join(", ")
        ));
    }

    /// Waits until the chain's clock has passed `after` ms since `start`; not much longer than that takes, and not once
    /// a validator has ended that should run.
    async fn until(&mut self, start: u64, after: u64) -> Result<(), CliError> {
        let goal = start.saturating_add(after);
        let left = goal.saturating_sub(self.client.chain_status().await?.time_ms.0);
        let limit = Instant::now() + patience(left);
        loop {
            let status = self.client.chain_status().await?;
            if status.time_ms.0 >= goal {
                return Ok(());
            }
            if let Some(failure) = self.validators.ended(self.dead) {
                return Err(failure);
            }
            if Instant::now() >= limit {
                let goal = wattle_cli::output::time(TimeMs(goal));
                return Err(wrong(&format!(
                    "the chain reaches {goal}, it stands at height {}",
                    status.at.height
                )));
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Waits for something that takes no more than `ms` of the chain's clock.
    async fn wait_for<T>(
        &self,
        what: &str,
        ms: u64,
        mut look: impl AsyncFnMut() -> Option<T>,
    ) -> Result<T, CliError> {
        let limit = patience(ms);
        let waited = tokio::time::timeout(limit, async {
            loop {
                if let Some(found) = look().await {
                    return found;
                }
                tokio::time::sleep(POLL).await;
            }
        });
        waited.await.map_err(|_| wrong(&format!("{what} within {} s", limit.as_secs())))
    }

    /// Power that the houses give in all at a time, W.
    #[expect(clippy::cast_possible_truncation, reason = "watts of a village")]
    fn flow(&self, time_ms: u64) -> i64 {
        self.meters.members.iter().filter(|m| !m.is_feeder).map(|m| m.site.flow(time_ms).yields).sum::<f64>()
            as i64
    }

    async fn validator_dies_and_returns(&mut self, start: u64) -> Result<(), CliError> {
        self.until(start, 8 * HOUR_MS).await?;
        let all = self.validators.members.len();
        let last = all.saturating_sub(1);
        self.dead = Some(last);
        self.validators.kill(last).await?;
        let before = self.client.chain_status().await?.at.height;
        self.say(
            "validator killed",
            &format!("one of {all} is gone (kill -9)"),
            json!({ "height": before.to_string() }),
        );
        self.until(start, 10 * HOUR_MS).await?;
        let after = self.client.chain_status().await?.at.height;
        if after.0 <= before.0.saturating_add(5) {
            return Err(wrong(&format!("the chain goes on without one of {all}")));
        }
        self.say("chain goes on", &format!("{last} of {all} decide"), json!({ "height": after.to_string() }));
        self.validators.revive(self.net, last).await?;
        self.dead = None;
        let rpc = self.validators.members.get(last).map(|member| member.rpc.clone()).unwrap_or_default();
        let client = Client::new(&rpc, PATIENCE).map_err(CliError::from)?;
        let caught = self
            .wait_for("the validator is back", HOUR_MS, async || {
                let height = client.chain_status().await.ok()?.at.height;
                let head = self.client.chain_status().await.ok()?.at.height;
                (height.0.saturating_add(5) >= head.0).then_some(height)
            })
            .await?;
        self.say("validator back", "it has caught up", json!({ "height": caught.to_string() }));
        Ok(())
    }

    async fn light_node_is_cut_off(&mut self, start: u64) -> Result<(), CliError> {
        let ((index, link), meters) = (self.link, self.meters);
        let member = meters.members.get(*index).ok_or_else(|| wrong("the meter is there"))?;
        self.until(start, 11 * HOUR_MS).await?;
        link.set(false);
        self.say("link cut", "a light node has no way to the chain", json!({ "meter": member.name }));
        self.until(start, 11 * HOUR_MS + DAY_MS).await?;
        let waiting = queue_depth(&member.data_dir)?;
        if waiting < 48 {
            return Err(wrong(&format!("a day of readings waits (only {waiting} do)")));
        }
        link.set(true);
        self.say("link back", "its queue begins to drain", json!({ "readings": waiting.to_string() }));
        self.wait_for("the queue has drained", HOUR_MS, async || {
            queue_depth(&member.data_dir).ok().filter(|depth| *depth <= 1)
        })
        .await?;
        self.say("queue drained", "a day of readings stands on the chain", json!({}));
        Ok(())
    }

    /// Waits until every interval of the story but the last hours is final.
    async fn settle(&self, grid: Hash) -> Result<MicrogridInfo, CliError> {
        let info: MicrogridInfo = self.client.call("energy_getMicrogrid", json!({ "id": grid })).await?;
        let wanted = info.current.next();
        // It ends in at most two intervals, and is final a late window of two hours after that.
        self.wait_for("the intervals become final", 3 * HOUR_MS, async || {
            let info: MicrogridInfo =
                self.client.call("energy_getMicrogrid", json!({ "id": grid })).await.ok()?;
            info.next_final.filter(|next| *next >= wanted).map(|_| info)
        })
        .await
    }
}

/// Readings that wait in a light node's data directory.
fn queue_depth(data_dir: &std::path::Path) -> Result<usize, CliError> {
    let status = wattle_meter::status(data_dir).map_err(|e| CliError::failed("light", &e))?;
    Ok(status.meters.iter().map(|meter| meter.queue_depth).sum())
}

/// Executes every validator's chain again, after they have stopped: each must lead to its own roots, hold the ledger's
/// invariants, and have the same block at the lowest height that all have reached.
///
/// # Errors
/// `corrupt` of `wattle doctor`; `scenario` when two disagree.
pub(super) fn verify_chains(net: &Testnet, ctx: &Ctx) -> Result<(), CliError> {
    let mut stores = Vec::new();
    for home in &net.homes {
        let home = home.path().to_owned();
        let db = Home::new(home.clone()).data_dir().join("db");
        doctor::run(DoctorArgs { home, cure_log: false, resume_signing: false, accept_risk: false }, ctx)?;
        stores.push(RocksStore::open(&db).map_err(|e| CliError::failed("database", &e))?);
    }
    let tips: Vec<_> = stores.iter().map(|store| store.tip().ok().flatten()).collect();
    let lowest = tips.iter().map(|tip| tip.as_ref().map_or(Height::ZERO, |tip| tip.header.height)).min();
    let lowest = lowest.unwrap_or(Height::ZERO);
    let mut hashes = BTreeSet::new();
    for store in &stores {
        let header = store.header(BlockId::Height(lowest)).map_err(|e| CliError::failed("database", &e))?;
        hashes.insert(header.map(|header| header.hash()));
    }
    if hashes.len() != 1 || hashes.contains(&None) {
        return Err(wrong(&format!("validators agree on height {lowest}")));
    }
    note(&format!(
        "  {} chains executed again from genesis: same blocks, same roots, books balance",
        stores.len()
    ));
    Ok(())
}

/// How long, in real time, something may take that takes `ms` of the chain's clock.
fn patience(ms: u64) -> Duration {
    let real = ms.checked_div(wall::stretched(1)).unwrap_or(ms);
    PATIENCE.saturating_add(Duration::from_millis(real.saturating_mul(SLACK)))
}

/// Something that should be so is not.
fn wrong(what: &str) -> CliError {
    CliError::Other { code: "scenario", message: format!("does not hold: {what}"), hint: None }
}

#[cfg(test)]
mod tests;
