//! The figures of a measurement, and the limit beside them.

use super::Run;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::time::{Duration, Instant};
use wattle_primitives::batch::Batch;
use wattle_primitives::{Hash, SecretKey};

/// Signatures of one batch when the limit is measured; more hardly lower the cost of one.
const LIMIT_BATCH: usize = 1024;
/// How long the limit is measured.
const LIMIT_TIME: Duration = Duration::from_millis(1000);

/// Figures measured at one rate.
pub(super) struct Figures {
    run: Run,
    /// From laying out a fresh network to its first final block.
    first_final_ms: f64,
    sent: usize,
    finalized: usize,
    refused: usize,
    blocks: u64,
    seconds: f64,
    sending_seconds: f64,
    cpu_seconds: f64,
    resident_bytes: u64,
    latencies_ms: Vec<f64>,
}

impl Figures {
    pub(super) fn of(
        run: Run,
        submitted: &HashMap<Hash, Instant>,
        (finals, blocks): &(HashMap<Hash, Instant>, u64),
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
            run,
            first_final_ms: 0.0,
            sent: submitted.len(),
            finalized: latencies_ms.len(),
            refused,
            blocks: *blocks,
            seconds: last.duration_since(begun).as_secs_f64().max(0.001),
            sending_seconds: sending.as_secs_f64(),
            cpu_seconds,
            resident_bytes: resident_bytes(),
            latencies_ms,
        }
    }

    pub(super) fn with_first_final(self, first_final_ms: f64) -> Self {
        Self { first_final_ms, ..self }
    }

    fn percentile(&self, percent: usize) -> f64 {
        let last = self.latencies_ms.len().saturating_sub(1);
        self.latencies_ms.get(last * percent / 100).copied().unwrap_or(0.0)
    }

    fn per_second(&self) -> f64 {
        self.finalized as f64 / self.seconds
    }

    fn blocks_per_second(&self) -> f64 {
        self.blocks as f64 / self.seconds
    }

    fn cpu_us(&self) -> f64 {
        self.cpu_seconds * 1e6 / self.finalized.max(1) as f64 / f64::from(self.run.validators)
    }

    pub(super) fn to_json(&self) -> Value {
        json!({
            "wantedPerSecond": self.run.rate,
            "seconds": self.run.seconds,
            "validators": self.run.validators,
            "unpaced": self.run.unpaced,
            "firstFinalBlockMs": self.first_final_ms,
            "sent": self.sent,
            "finalized": self.finalized,
            "refused": self.refused,
            "blocks": self.blocks,
            "blocksPerSecond": self.blocks_per_second(),
            "sendingSeconds": self.sending_seconds,
            "finalizedPerSecond": self.per_second(),
            "latencyMs": { "p50": self.percentile(50), "p95": self.percentile(95), "p99": self.percentile(99) },
            "cpuMicrosPerTransferAndNode": self.cpu_us(),
            "residentBytes": self.resident_bytes,
        })
    }

    /// A row of the table under [`HEADINGS`].
    pub(super) fn to_row(&self) -> String {
        let wanted = match self.run.rate {
            0 => "all it takes".to_owned(),
            rate => rate.to_string(),
        };
        format!(
            "{wanted:>12} {:>8} {:>7} {:>8.0} {:>7.0} {:>7.0} {:>7.0} {:>9.1} {:>7.0} {:>8} {:>9.0}",
            self.finalized,
            self.refused,
            self.per_second(),
            self.percentile(50),
            self.percentile(95),
            self.percentile(99),
            self.blocks_per_second(),
            self.cpu_us(),
            self.resident_bytes >> 20,
            self.first_final_ms,
        )
    }
}

/// Names of a row's columns. Times are ms from submit to final and durable; CPU is us a transfer and node;
/// memory is that of the whole process, all validators together, in MiB.
pub(super) const HEADINGS: &str =
    "      sent/s    final refused  final/s  p50 ms  p95 ms  p99 ms  blocks/s  CPU us  RSS MiB  first ms";

/// Transfers a second that `validators` sharing this machine's cores could at most verify, if they did nothing else:
/// each verifies every signature, in batches. In the same process and run as what it is set beside.
pub(super) fn signature_limit(validators: u16) -> f64 {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let rate: f64 = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..cores).map(|_| scope.spawn(batch_rate)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or(0.0)).sum()
    });
    rate / f64::from(validators)
}

/// Signatures a second that one thread verifies.
fn batch_rate() -> f64 {
    let signed: Vec<_> = (0..LIMIT_BATCH)
        .map(|n| {
            let mut seed = [7; 32];
            seed[..8].copy_from_slice(&(n as u64).to_le_bytes());
            let (key, message) = (SecretKey::from_seed(seed), [n as u8; 64]);
            (key.public(), message, key.sign(&message))
        })
        .collect();
    let begun = Instant::now();
    let mut verified = 0usize;
    while begun.elapsed() < LIMIT_TIME {
        let mut batch = Batch::with_capacity(LIMIT_BATCH);
        for (key, message, signature) in &signed {
            batch.push(key, message, signature);
        }
        verified += batch.verdicts().into_iter().filter(Result::is_ok).count();
    }
    verified as f64 / begun.elapsed().as_secs_f64()
}

/// CPU time of this process so far, in seconds, from `/proc/self/stat`; 0 where there is none.
pub(super) fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: f64 =
        after_name.split_whitespace().skip(11).take(2).filter_map(|f| f.parse::<f64>().ok()).sum();
    ticks / rustix::param::clock_ticks_per_second() as f64
}

/// Resident memory of this process, in bytes, from `/proc/self/statm`; 0 where there is none.
fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 = statm.split_whitespace().nth(1).and_then(|f| f.parse().ok()).unwrap_or(0);
    pages.saturating_mul(rustix::param::page_size() as u64)
}
