//! The page `/metrics`: Prometheus text, prefix `wattle_`, base units, counters end in `_total`.
//!
//! The node writes, this crate renders. Labels take values from fixed sets only: never an account, peer or hash.

use crate::gauges::Gauges;
use prometheus::core::{AtomicU64, Collector, GenericGauge, GenericGaugeVec};
use prometheus::{
    Encoder, Gauge, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, Opts, Registry,
    TextEncoder,
};

/// A gauge of whole numbers.
pub type UGauge = GenericGauge<AtomicU64>;
type UGaugeVec = GenericGaugeVec<AtomicU64>;

/// Seconds, from a tenth of a millisecond to a minute.
const SECONDS: &[f64] =
    &[0.0001, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0];

/// Where a file is made durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FsyncOf {
    /// The consensus log.
    Wal,
    /// The record of what was signed.
    SignState,
    /// The database.
    Database,
}

/// Kind of a quorum's vote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuorumOf {
    /// That the block is the view's.
    Notarize,
    /// That the block is final.
    Finalize,
}

macro_rules! refusals {
    ($($(#[$doc:meta])* $reason:ident = $name:literal,)*) => {
        /// Why the interface turned somebody away; the label `reason` of `wattle_rpc_refusals_total`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Refusal { $($(#[$doc])* $reason,)* }

        impl Refusal {
            /// Every reason.
            pub const ALL: &[Self] = &[$(Self::$reason),*];

            /// The label.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$reason => $name,)* }
            }
        }
    };
}

refusals! {
    /// A connection that kept this node waiting made room for another.
    Evicted = "evicted",
    /// Every place is at work.
    Connections = "connections",
    /// The address has as many connections as one may have.
    Address = "address",
    /// Every WebSocket's place is taken.
    WebSockets = "websockets",
    /// A foreign or missing `Host`.
    Host = "host",
    /// A foreign `Origin`.
    Origin = "origin",
    /// Not JSON by its content type.
    ContentType = "content_type",
    /// The body or message is too long.
    TooLarge = "too_large",
    /// The body did not come in time.
    BodyTimeout = "body_timeout",
    /// The memory for large bodies or answers is taken.
    Memory = "memory",
    /// A call took too long.
    CallTimeout = "call_timeout",
    /// A batch, list or subscription beyond its limit.
    Limit = "limit",
    /// A queue of the node is full.
    Busy = "busy",
    /// An admin method outside the admin socket.
    AdminOnly = "admin_only",
    /// Another user's process at the admin socket.
    User = "user",
}

/// A metric, made from its options and the names of its labels.
trait Metric: Collector + Clone + Sized + 'static {
    fn make(options: Opts, labels: &[&str]) -> Result<Self, prometheus::Error>;
}

macro_rules! metric {
    ($($type:ty: |$options:ident, $labels:pat_param| $make:expr;)*) => { $(
        impl Metric for $type {
            fn make($options: Opts, $labels: &[&str]) -> Result<Self, prometheus::Error> {
                $make
            }
        }
    )* };
}

metric! {
    UGauge: |options, _| Self::with_opts(options);
    Gauge: |options, _| Self::with_opts(options);
    IntCounter: |options, _| Self::with_opts(options);
    Histogram: |options, _| Self::with_opts(HistogramOpts::from(options).buckets(SECONDS.to_vec()));
    UGaugeVec: |options, labels| Self::new(options, labels);
    IntCounterVec: |options, labels| Self::new(options, labels);
    HistogramVec: |options, labels| Self::new(HistogramOpts::from(options).buckets(SECONDS.to_vec()), labels);
}

/// Makes and registers one, so that none is forgotten.
fn make<T: Metric>(
    registry: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
) -> Result<T, prometheus::Error> {
    let metric = T::make(Opts::new(format!("wattle_{name}"), help), labels)?;
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

/// The metrics: each by its help text, its name (with the prefix `wattle_`), its kind and its label.
macro_rules! metrics {
    ($($help:literal $vis:vis $name:ident: $type:ty $(, by $label:literal)?;)*) => {
        /// Every metric of a node.
        #[derive(Debug)]
        pub struct Metrics {
            registry: Registry,
            $(#[doc = $help] $vis $name: $type,)*
        }

        impl Metrics {
            fn zero() -> Result<Self, prometheus::Error> {
                let registry = Registry::new();
                Ok(Self {
                    $($name: make(&registry, stringify!($name), $help, &[$($label)?])?,)*
                    registry,
                })
            }
        }
    };
}

metrics! {
    "Last finalized height." finalized_height: UGauge;
    "Highest notarized height." notarized_height: UGauge;
    "Current epoch." epoch: UGauge;
    "Current view within the epoch." view: UGauge;
    "Heights notarized and not final." finality_lag_heights: UGauge;
    "From a block's own time to its finality here." pub finality_seconds: Histogram;
    "How long views take." pub view_duration_seconds: Histogram;
    "Views that ended without a block." pub nullifications_total: IntCounter;
    "Views led by this node that ended without its block." pub missed_blocks_total: IntCounter;
    "This clock less the proposer's, on arrival." pub clock_skew_seconds: Gauge;
    "1 while the chain's time is carried on, for want of a clock." clock_carried: UGauge;
    "Pieces of evidence found." pub evidence_total: IntCounter;
    "Finalized transactions." pub transactions_total: IntCounter;
    "Transactions that wait." mempool_transactions: UGauge;
    "Size of the transactions that wait." mempool_bytes: UGauge;
    "Finalized blocks that wait for the disk." commit_backlog_blocks: UGauge;
    "Validators of this epoch that are not heard." validators_missing: UGauge;
    "Voting power of the validators that are not heard." voting_power_missing: UGauge;
    "Voting power of all validators of this epoch." voting_power: UGauge;
    "Connected peers, by kind." peers: UGaugeVec, by "kind";
    "Peers that are refused at present." peers_banned: UGauge;
    "1 while the node fetches blocks because it is behind." syncing: UGauge;
    "Open HTTP and WebSocket connections." pub rpc_connections: UGauge;
    "Open event subscriptions." pub rpc_subscriptions: UGauge;
    "How long requests take." pub rpc_request_seconds: Histogram;
    "Requests, by method." rpc_requests_total: IntCounterVec, by "method";
    "Requests that failed, by method." rpc_errors_total: IntCounterVec, by "method";
    "Turns at reading events, by what is read." rpc_event_reads_total: IntCounterVec, by "kind";
    "Requests by a trusted proxy that names its client unreadably." pub rpc_unreadable_clients_total: IntCounter;
    "Clients turned away, by reason." rpc_refusals_total: IntCounterVec, by "reason";
    "Resident memory of the process." process_resident_memory_bytes: UGauge;
    "Time to make a write durable, by file." fsync_seconds: HistogramVec, by "file";
    "From a proposal's arrival to a quorum for it, by kind of vote." quorum_delay_seconds: HistogramVec, by "kind";
    "1 for each reason that /healthy or /ready names." health_reason: UGaugeVec, by "reason";
}

impl Metrics {
    /// All metrics at zero.
    ///
    /// # Errors
    /// Only when two metrics share a name, which a test rules out.
    pub fn new() -> Result<Self, prometheus::Error> {
        let metrics = Self::zero()?;
        let info = Opts::new("wattle_build_info", "Always 1; the labels tell the version.");
        let info = UGauge::with_opts(info.const_label("version", env!("CARGO_PKG_VERSION")))?;
        info.set(1);
        metrics.registry.register(Box::new(info))?;
        // All labels are there from the start, so that a rate over them is defined.
        for reason in Refusal::ALL {
            metrics.rpc_refusals_total.with_label_values(&[reason.name()]).inc_by(0);
        }
        for kind in ["new", "list", "history"] {
            metrics.rpc_event_reads_total.with_label_values(&[kind]).inc_by(0);
        }
        Ok(metrics)
    }

    /// Counts a quorum for a proposal.
    pub fn quorum(&self, of: QuorumOf, seconds: f64) {
        let label = match of {
            QuorumOf::Notarize => "notarize",
            QuorumOf::Finalize => "finalize",
        };
        self.quorum_delay_seconds.with_label_values(&[label]).observe(seconds);
    }

    /// Counts a durable write.
    pub fn fsync(&self, file: FsyncOf, seconds: f64) {
        let label = match file {
            FsyncOf::Wal => "wal",
            FsyncOf::SignState => "sign_state",
            FsyncOf::Database => "database",
        };
        self.fsync_seconds.with_label_values(&[label]).observe(seconds);
    }

    /// Counts a request. `method` is a served method's name, or `unknown`.
    pub(crate) fn request(&self, method: &'static str, failed: bool, seconds: f64) {
        self.rpc_requests_total.with_label_values(&[method]).inc();
        // Also without a failure, so that a rate over it is defined.
        self.rpc_errors_total.with_label_values(&[method]).inc_by(u64::from(failed));
        self.rpc_request_seconds.observe(seconds);
    }

    /// Counts a turn at reading events.
    pub(crate) fn events_read(&self, kind: &'static str) {
        self.rpc_event_reads_total.with_label_values(&[kind]).inc();
    }

    /// Counts somebody turned away.
    pub fn refused(&self, reason: Refusal) {
        self.rpc_refusals_total.with_label_values(&[reason.name()]).inc();
    }

    /// The page, with the figures and reasons that hold now.
    ///
    /// # Errors
    /// When the encoder refuses a metric.
    pub(crate) fn render(&self, now: &Gauges, reasons: &[String]) -> Result<Vec<u8>, prometheus::Error> {
        self.show(now);
        self.health_reason.reset();
        for reason in reasons {
            self.health_reason.with_label_values(&[reason]).set(1);
        }
        if let Some(bytes) = resident_memory_bytes() {
            self.process_resident_memory_bytes.set(bytes);
        }
        let mut page = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut page)?;
        Ok(page)
    }

    fn show(&self, now: &Gauges) {
        self.epoch.set(now.epoch);
        self.view.set(now.view);
        self.notarized_height.set(now.notarized_height);
        self.finalized_height.set(now.finalized_height);
        self.finality_lag_heights.set(now.notarized_height.saturating_sub(now.finalized_height));
        self.mempool_transactions.set(now.mempool_transactions);
        self.mempool_bytes.set(now.mempool_bytes);
        self.commit_backlog_blocks.set(now.commit_backlog_blocks);
        self.syncing.set(u64::from(now.syncing));
        self.validators_missing.set(now.validators_missing);
        self.voting_power_missing.set(now.power_missing);
        self.voting_power.set(now.power_total);
        self.clock_carried.set(u64::from(now.clock_carried));
        for (kind, count) in
            [("validator", now.peers_validator), ("full", now.peers_full), ("light", now.peers_light)]
        {
            self.peers.with_label_values(&[kind]).set(count);
        }
        self.peers_banned.set(now.peers_banned);
    }
}

/// Resident memory as Linux tells it; `None` elsewhere.
fn resident_memory_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}
