//! The running light node at a glance, as JSON.

use crate::board::{Board, ChainFacts, MeterFacts};
use crate::clock::Clock;
use crate::follow::Tariff;
use crate::relay::RelayStatus;
use crate::submit::{SharedQueue, SubmitError, with_queue};
use serde::Serialize;
use std::sync::Arc;
use wattle_primitives::TimeMs;
use wattle_primitives::reading::ClockQuality;

/// Most gaps that are listed one by one.
const GAPS_MAX: usize = 16;

/// The answer to `GET /status`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LiveStatus {
    /// Version of the program.
    pub(crate) version: &'static str,
    /// Time since the start, ms.
    pub(crate) uptime_ms: u64,
    /// The time, as far as it is known.
    pub(crate) time_ms: TimeMs,
    /// Quality of that time: `synced`, `chain` or `unset`.
    pub(crate) clock: &'static str,
    /// The meters, in the order of the configuration.
    pub(crate) meters: Vec<MeterStatus>,
    pub(crate) chain: ChainFacts,
    /// The relay, where there is one.
    pub(crate) relay: Option<RelayStatus>,
    /// Writes to the memory card.
    pub(crate) disk: DiskStatus,
}

/// One meter.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MeterStatus {
    #[serde(flatten)]
    pub(crate) facts: MeterFacts,
    /// Age of the last good sample, ms; `null` before the first.
    pub(crate) sample_age_ms: Option<u64>,
    /// Net power in W; positive while it imports.
    pub(crate) watts: Option<f64>,
    /// Its readings; `null` for one that signs nothing.
    pub(crate) queue: Option<QueueFacts>,
    /// Proven prices now; `null` when they are older than a balance may be for the relay.
    pub(crate) tariff: Option<Tariff>,
}

/// The readings of one meter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct QueueFacts {
    /// Readings that wait.
    pub(crate) depth: usize,
    /// The last number given out.
    pub(crate) last_seq: u64,
    /// Number up to which the chain is proven to have them.
    pub(crate) acked_seq: u64,
    /// Readings dropped unsent, since the queue was full, ever.
    pub(crate) dropped: u64,
    /// Numbers skipped since the start: no reading will have them.
    pub(crate) skipped: u64,
    /// Runs of numbers that are missing among those that wait, the first of them.
    pub(crate) gaps: Vec<(u64, u64)>,
    /// Whether the numbers are known to follow the chain's.
    pub(crate) anchored: bool,
}

/// Writes to the memory card.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DiskStatus {
    /// Bytes of pages written since the start.
    pub(crate) written_bytes: u64,
    /// Bytes of pages written within the last hour.
    pub(crate) written_bytes_per_hour: u64,
    /// Bytes allowed in an hour.
    pub(crate) budget_bytes_per_hour: u64,
    /// Whether more was written than allowed.
    pub(crate) over_budget: bool,
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
    let tariff = facts.tariff.filter(|tariff| uptime_ms <= tariff.until_ms);
    MeterStatus {
        sample_age_ms: (facts.samples > 0).then(|| uptime_ms.saturating_sub(facts.seen_ms)),
        watts: facts.watts(),
        queue,
        tariff: tariff.map(|tariff| tariff.tariff),
        facts: facts.clone(),
    }
}

const fn clock_name(quality: ClockQuality) -> &'static str {
    match quality {
        ClockQuality::Synced => "synced",
        ClockQuality::Chain => "chain",
        ClockQuality::Unset => "unset",
    }
}
