//! Whether the node works, and whether its answers are fresh.
//!
//! Both are asked often and from where nothing may wait, so they are answered from what a small task last heard of
//! the driver.

use super::NodeBackend;
use crate::driver::{Answer, COMMIT_BACKLOG_MAX, DriverStatus, Question, Quorum};
use crate::run::shared::Shared;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::runtime::Handle as Runtime;
use tokio::task::AbortHandle;
use wattle_p2p::wire::Role;
use wattle_primitives::TimeMs;
use wattle_rpc::Gauges;
use wattle_rpc_types::{Health, HealthQueries, HealthStatus, Liveness, Readiness};

/// How often the driver is asked how it is doing.
const PROBE_INTERVAL: Duration = Duration::from_millis(500);
/// How long the driver may take to answer.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);
/// Age of the last answer from which on the driver counts as stuck: one question missed, with some leeway.
const SILENCE_MAX: Duration = Duration::from_secs(2);
/// Heights behind the best peer up to which answers count as fresh.
const LAG_HEIGHTS_MAX: u64 = 4;
/// Idle intervals without a block after which the chain counts as standing, beside one round's timeouts.
const STALE_INTERVALS: u64 = 3;

/// The driver's last word.
#[derive(Debug)]
struct Heard {
    at: Instant,
    status: Option<DriverStatus>,
}

/// Keeps asking the driver how it is doing.
#[derive(Debug)]
pub(super) struct Probe {
    heard: Arc<Mutex<Heard>>,
    task: AbortHandle,
}

impl Probe {
    pub(super) fn start(runtime: &Runtime, shared: Arc<Shared>) -> Self {
        let heard = Arc::new(Mutex::new(Heard { at: Instant::now(), status: None }));
        let task = runtime.spawn(listen(shared, Arc::clone(&heard))).abort_handle();
        Self { heard, task }
    }

    /// The driver's last word, unless it has been silent for too long. `Ok(None)` just after the start.
    fn last(&self) -> Result<Option<DriverStatus>, Stuck> {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        if heard.at.elapsed() > SILENCE_MAX { Err(Stuck) } else { Ok(heard.status.clone()) }
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The driver does not answer.
struct Stuck;

async fn listen(shared: Arc<Shared>, heard: Arc<Mutex<Heard>>) {
    loop {
        let answer = tokio::time::timeout(PROBE_TIMEOUT, shared.ask(Question::Status)).await;
        if let Ok(Some(Answer::Status(status))) = answer {
            let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
            *heard = Heard { at: Instant::now(), status: Some(*status) };
        }
        tokio::time::sleep(PROBE_INTERVAL).await;
    }
}

impl HealthQueries for NodeBackend {
    fn health(&self) -> Health {
        let Ok(status) = self.probe.last() else {
            let reasons = vec!["driver_stuck".to_owned()];
            return Health { status: HealthStatus::Failed, reasons, liveness: None };
        };
        let mut reasons = Vec::new();
        let liveness = status.as_ref().map(|status| liveness(&status.quorum));
        if let Some(status) = status {
            if status.quorum.is_lost() {
                reasons.push("no_quorum".to_owned());
            }
            if status.commit_backlog >= COMMIT_BACKLOG_MAX {
                reasons.push("commit_backlog".to_owned());
            }
            if status.low_space {
                reasons.push("low_disk_space".to_owned());
            }
            if status.new_disk {
                reasons.push("new_disk".to_owned());
            }
            let view = self.shared.view();
            let schedule = &view.schedule;
            let skew = TimeMs(schedule.params().clock_skew_ms_max);
            if status.voting && view.header.time_ms > self.shared.clock().saturating_add(skew) {
                reasons.push("clock_behind".to_owned());
            }
            let set = schedule.validators(schedule.epoch_after(status.height));
            let alone = set.len() == 1 && self.shared.key.is_some_and(|key| set.index_of(&key).is_some());
            if status.peers == 0 && !alone {
                reasons.push("no_peers".to_owned());
            }
            if status.peers > 0 && self.network.takers() == 0 && !alone {
                reasons.push("no_listeners".to_owned());
            }
        }
        let status = if reasons.is_empty() { HealthStatus::Ok } else { HealthStatus::Degraded };
        Health { status, reasons, liveness }
    }

    fn readiness(&self) -> Readiness {
        let view = self.shared.view();
        let height = view.header.height;
        let lag_ms = self.shared.clock().saturating_sub(view.header.time_ms).0;
        let (mut reasons, mut lag_heights, mut heard) = (Vec::new(), 0, None);
        match self.probe.last() {
            Err(Stuck) => reasons.push("driver_stuck"),
            Ok(None) => reasons.push("starting"),
            Ok(Some(status)) => {
                lag_heights = status.best_peer_height.saturating_sub(height).0;
                heard = Some(liveness(&status.quorum));
                if status.quorum.is_lost() {
                    reasons.push("no_quorum");
                }
                if status.low_space {
                    reasons.push("low_disk_space");
                }
                if status.syncing {
                    reasons.push("syncing");
                }
                if lag_heights > LAG_HEIGHTS_MAX {
                    reasons.push("behind_peers");
                }
            }
        }
        if lag_ms > stale_after_ms(self) {
            reasons.push("stale_block");
        }
        let reasons: Vec<String> = reasons.into_iter().map(str::to_owned).collect();
        Readiness { ready: reasons.is_empty(), height, lag_heights, lag_ms, reasons, liveness: heard }
    }
}

/// Validators that are heard, as clients are told.
pub(super) fn liveness(quorum: &Quorum) -> Liveness {
    Liveness {
        quorum: !quorum.is_lost(),
        quorum_power: quorum.needed,
        total_power: quorum.total,
        missing_power: quorum.missing_power,
        validators_missing: quorum.missing.clone(),
    }
}

/// Figures for `/metrics`.
pub(super) fn gauges(node: &NodeBackend) -> Gauges {
    let status = node.probe.last().ok().flatten().unwrap_or_default();
    let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    let mut gauges = Gauges {
        epoch: status.epoch.0,
        view: status.view.0,
        finalized_height: node.shared.view().header.height.0,
        mempool_transactions: count(status.mempool_txs),
        mempool_bytes: count(status.mempool_bytes),
        commit_backlog_blocks: count(status.commit_backlog),
        syncing: status.syncing,
        validators_missing: count(status.quorum.missing.len()),
        power_missing: status.quorum.missing_power.0,
        power_total: status.quorum.total.0,
        clock_carried: status.clock_carried,
        ..Gauges::default()
    };
    // The driver was asked a moment before: final is notarized, too.
    gauges.notarized_height = status.certified_height.0.max(gauges.finalized_height);
    for peer in node.network.peers() {
        let kind = match peer.role {
            _ if peer.is_banned() => &mut gauges.peers_banned,
            Some(Role::Validator) if peer.ready => &mut gauges.peers_validator,
            Some(Role::Full) if peer.ready => &mut gauges.peers_full,
            Some(Role::Light) if peer.ready => &mut gauges.peers_light,
            _ => continue,
        };
        *kind = kind.saturating_add(1);
    }
    gauges
}

/// Age of the last block from which on the chain counts as standing, ms.
fn stale_after_ms(node: &NodeBackend) -> u64 {
    let view = node.shared.view();
    let params = view.schedule.params();
    let round = params.leader_timeout_ms.saturating_add(params.advance_timeout_ms);
    params.idle_interval_ms.saturating_mul(STALE_INTERVALS).saturating_add(round)
}
