//! The running light node at a glance, as JSON.

use crate::board::{Board, ChainFacts, Credit, MeterFacts, Today};
use crate::clock::Clock;
use crate::follow::Tariff;
use crate::relay::RelayStatus;
use crate::submit::{SharedQueue, SubmitError, with_queue};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use wattle_primitives::reading::ClockQuality;
use wattle_primitives::{Address, TimeMs, WattHours};

/// Most gaps that are listed one by one.
const GAPS_MAX: usize = 16;

/// Everything that `GET /status` answers.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LiveStatus {
    /// Of the program.
    pub version: &'static str,
    /// Since the start, ms.
    pub uptime_ms: u64,
    /// What time it is taken to be.
    pub time_ms: TimeMs,
    /// What that is worth: `synced`, `chain` or `unset`.
    pub clock: &'static str,
    /// The meters, in the order of the configuration.
    pub meters: Vec<MeterStatus>,
    /// The chain.
    pub chain: ChainFacts,
    /// The relay, where there is one.
    pub relay: Option<RelayStatus>,
    /// The memory card.
    pub disk: DiskStatus,
}

/// One meter.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MeterStatus {
    /// Its name in the configuration.
    pub name: String,
    /// Address of its key; `null` for one that signs nothing.
    pub address: Option<Address>,
    /// Age of the last good sample, ms; `null` before the first.
    pub sample_age_ms: Option<u64>,
    /// Samples since the start.
    pub samples: u64,
    /// Failed ones.
    pub failures: u64,
    /// Why it cannot be read at present.
    pub error: Option<String>,
    /// Why its counters are not signed at present.
    pub held: Option<&'static str>,
    /// Net power in W; positive while it imports.
    pub watts: Option<f64>,
    /// Import counter.
    pub import_wh: Option<WattHours>,
    /// Export counter.
    pub export_wh: Option<WattHours>,
    /// Energy since midnight UTC.
    pub today: Option<Today>,
    /// Telemetry by name.
    pub quantities: BTreeMap<String, f64>,
    /// Its readings; `null` for one that signs nothing.
    pub queue: Option<QueueFacts>,
    /// What the last round with the chain came to.
    pub submission: &'static str,
    /// The last proven balance.
    pub credit: Option<Credit>,
    /// What energy costs now, proven; `null` when that is older than a balance may be for the relay.
    pub tariff: Option<Tariff>,
    /// What the chain refuses, and why.
    pub refused_by_chain: Option<RefusedByChain>,
}

/// Readings that the chain has refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RefusedByChain {
    /// Number of the last one.
    pub up_to: u64,
    /// `meter_replaced`, `register_decreased`, `bad_registers`, `implausible_reading` or `unknown`.
    pub reason: &'static str,
}

/// The readings of one meter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct QueueFacts {
    /// Readings that wait.
    pub depth: usize,
    /// The last number given out.
    pub last_seq: u64,
    /// Number up to which the chain is proven to have them.
    pub acked_seq: u64,
    /// Readings dropped unsent, since the queue was full, ever.
    pub dropped: u64,
    /// Numbers skipped since the start: no reading will have them.
    pub skipped: u64,
    /// Runs of numbers that are missing among those that wait, the first of them.
    pub gaps: Vec<(u64, u64)>,
    /// Whether the numbers are known to follow the chain's.
    pub anchored: bool,
}

/// What is written to the memory card.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DiskStatus {
    /// Bytes of pages written since the start.
    pub written_bytes: u64,
    /// Bytes of pages written within the last hour.
    pub written_bytes_per_hour: u64,
    /// What is allowed in an hour.
    pub budget_bytes_per_hour: u64,
    /// Whether more was written.
    pub over_budget: bool,
}

/// Where the status comes from.
pub(crate) struct Source {
    pub(crate) board: Arc<Board>,
    pub(crate) clock: Arc<Clock>,
    /// A queue for each meter that signs.
    pub(crate) queues: Vec<Option<SharedQueue>>,
    pub(crate) budget_bytes_per_hour: u64,
}

impl Source {
    /// Looks at everything.
    ///
    /// # Errors
    /// [`SubmitError`] when a queue cannot be looked at: the light node is about to end.
    pub(crate) async fn look(&self) -> Result<LiveStatus, SubmitError> {
        let mut queues = Vec::with_capacity(self.queues.len());
        for queue in &self.queues {
            queues.push(match queue {
                Some(queue) => Some(look_into(queue).await?),
                None => None,
            });
        }
        let uptime_ms = self.clock.uptime_ms();
        let (time_ms, quality) = self.clock.stamp();
        Ok(self.board.update(|facts| LiveStatus {
            version: env!("CARGO_PKG_VERSION"),
            uptime_ms,
            time_ms,
            clock: clock_name(quality),
            meters: facts.meters.iter().zip(queues).map(|(m, queue)| meter(m, queue, uptime_ms)).collect(),
            chain: facts.chain.clone(),
            relay: facts.relay.clone(),
            disk: DiskStatus {
                written_bytes: facts.wear.total(),
                written_bytes_per_hour: facts.wear.per_hour(),
                budget_bytes_per_hour: self.budget_bytes_per_hour,
                over_budget: facts.wear.is_over(),
            },
        }))
    }
}

async fn look_into(queue: &SharedQueue) -> Result<QueueFacts, SubmitError> {
    with_queue(queue, |queue| {
        Ok(QueueFacts {
            depth: queue.depth(),
            last_seq: queue.last_seq(),
            acked_seq: queue.acked(),
            dropped: queue.dropped(),
            skipped: queue.skipped(),
            gaps: queue.gaps(GAPS_MAX),
            anchored: queue.is_anchored(),
        })
    })
    .await
}

fn meter(facts: &MeterFacts, queue: Option<QueueFacts>, uptime_ms: u64) -> MeterStatus {
    MeterStatus {
        name: facts.name.clone(),
        address: facts.address,
        sample_age_ms: (facts.samples > 0).then(|| uptime_ms.saturating_sub(facts.seen_ms)),
        samples: facts.samples,
        failures: facts.failures,
        error: facts.error.clone(),
        held: facts.held,
        watts: facts.watts(),
        import_wh: facts.counters.map(|(import, _)| import),
        export_wh: facts.counters.map(|(_, export)| export),
        today: facts.today,
        quantities: facts.quantities.clone(),
        queue,
        submission: facts.submission,
        credit: facts.credit,
        tariff: facts.tariff.filter(|tariff| uptime_ms <= tariff.until_ms).map(|tariff| tariff.tariff),
        refused_by_chain: facts
            .refusal
            .map(|refusal| RefusedByChain { up_to: refusal.up_to, reason: refusal.reason.name() }),
    }
}

const fn clock_name(quality: ClockQuality) -> &'static str {
    match quality {
        ClockQuality::Synced => "synced",
        ClockQuality::Chain => "chain",
        ClockQuality::Unset => "unset",
    }
}
