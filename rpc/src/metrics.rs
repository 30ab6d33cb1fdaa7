//! The page `/metrics`: Prometheus text, prefix `wattle_`, base units, counters end in `_total`.
//!
//! The node writes, this crate renders. Labels take values from fixed sets only: never an account, peer or hash.

use crate::gauges::Gauges;
use prometheus::core::{AtomicU64, GenericGauge, GenericGaugeVec};
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

/// Why the interface turned somebody away; the label `reason` of `wattle_rpc_refusals_total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A connection that kept this node waiting made room for another.
    Evicted,
    /// Every place is at work.
    Connections,
    /// The address has as many connections as one may have.
    Address,
    /// Every WebSocket's place is taken.
    WebSockets,
    /// A foreign or missing `Host`.
    Host,
    /// A foreign `Origin`.
    Origin,
    /// Not JSON by its content type.
    ContentType,
    /// The body or message is too long.
    TooLarge,
    /// The body did not come in time.
    BodyTimeout,
    /// The memory for large bodies or answers is taken.
    Memory,
    /// A call took too long.
    CallTimeout,
    /// A batch, list or subscription beyond its limit.
    Limit,
    /// A queue of the node is full.
    Busy,
    /// An admin method outside the admin socket.
    AdminOnly,
    /// Another user's process at the admin socket.
    User,
}

impl Refusal {
    /// Every reason.
    pub const ALL: [Self; 15] = [
        Self::Evicted,
        Self::Connections,
        Self::Address,
        Self::WebSockets,
        Self::Host,
        Self::Origin,
        Self::ContentType,
        Self::TooLarge,
        Self::BodyTimeout,
        Self::Memory,
        Self::CallTimeout,
        Self::Limit,
        Self::Busy,
        Self::AdminOnly,
        Self::User,
    ];

    /// The label.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Evicted => "evicted",
            Self::Connections => "connections",
            Self::Address => "address",
            Self::WebSockets => "websockets",
            Self::Host => "host",
            Self::Origin => "origin",
            Self::ContentType => "content_type",
            Self::TooLarge => "too_large",
            Self::BodyTimeout => "body_timeout",
            Self::Memory => "memory",
            Self::CallTimeout => "call_timeout",
            Self::Limit => "limit",
            Self::Busy => "busy",
            Self::AdminOnly => "admin_only",
            Self::User => "user",
        }
    }
}

/// Every metric of a node.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    finalized_height: UGauge,
    notarized_height: UGauge,
    epoch: UGauge,
    view: UGauge,
    finality_lag_heights: UGauge,
    /// From a block's own time to its finality here, seconds.
    pub finality_seconds: Histogram,
    /// How long views take, seconds.
    pub view_duration_seconds: Histogram,
    /// Views that ended without a block.
    pub nullifications_total: IntCounter,
    /// Views led by this node that ended without its block.
    pub missed_blocks_total: IntCounter,
    /// This node's clock less the proposer's, when a proposal arrives; the way it took counts in.
    pub clock_skew_seconds: Gauge,
    /// Pieces of evidence found.
    pub evidence_total: IntCounter,
    /// Finalized transactions.
    pub transactions_total: IntCounter,
    mempool_transactions: UGauge,
    mempool_bytes: UGauge,
    commit_backlog_blocks: UGauge,
    peers: UGaugeVec,
    peers_banned: UGauge,
    syncing: UGauge,
    /// Open HTTP and WebSocket connections.
    pub rpc_connections: UGauge,
    /// Open event subscriptions.
    pub rpc_subscriptions: UGauge,
    /// How long requests take, seconds.
    pub rpc_request_seconds: Histogram,
    rpc_requests_total: IntCounterVec,
    rpc_errors_total: IntCounterVec,
    rpc_refusals_total: IntCounterVec,
    fsync_seconds: HistogramVec,
    quorum_delay_seconds: HistogramVec,
    health_reason: UGaugeVec,
    resident_memory_bytes: UGauge,
}

/// Registers what it makes, so that no metric is forgotten.
struct Maker<'a>(&'a Registry);

impl Maker<'_> {
    fn gauge(&self, name: &str, help: &str) -> Result<UGauge, prometheus::Error> {
        let gauge = UGauge::new(format!("wattle_{name}"), help)?;
        self.0.register(Box::new(gauge.clone()))?;
        Ok(gauge)
    }

    fn counter(&self, name: &str, help: &str) -> Result<IntCounter, prometheus::Error> {
        let counter = IntCounter::new(format!("wattle_{name}"), help)?;
        self.0.register(Box::new(counter.clone()))?;
        Ok(counter)
    }

    fn counters(&self, name: &str, help: &str, label: &str) -> Result<IntCounterVec, prometheus::Error> {
        let counters = IntCounterVec::new(Opts::new(format!("wattle_{name}"), help), &[label])?;
        self.0.register(Box::new(counters.clone()))?;
        Ok(counters)
    }

    fn gauges(&self, name: &str, help: &str, label: &str) -> Result<UGaugeVec, prometheus::Error> {
        let gauges = UGaugeVec::new(Opts::new(format!("wattle_{name}"), help), &[label])?;
        self.0.register(Box::new(gauges.clone()))?;
        Ok(gauges)
    }

    fn signed_seconds(&self, name: &str, help: &str) -> Result<Gauge, prometheus::Error> {
        let gauge = Gauge::new(format!("wattle_{name}"), help)?;
        self.0.register(Box::new(gauge.clone()))?;
        Ok(gauge)
    }

    fn seconds_by(&self, name: &str, help: &str, label: &str) -> Result<HistogramVec, prometheus::Error> {
        let options = HistogramOpts::new(format!("wattle_{name}"), help).buckets(SECONDS.to_vec());
        let histograms = HistogramVec::new(options, &[label])?;
        self.0.register(Box::new(histograms.clone()))?;
        Ok(histograms)
    }

    fn seconds(&self, name: &str, help: &str) -> Result<Histogram, prometheus::Error> {
        let options = HistogramOpts::new(format!("wattle_{name}"), help).buckets(SECONDS.to_vec());
        let histogram = Histogram::with_opts(options)?;
        self.0.register(Box::new(histogram.clone()))?;
        Ok(histogram)
    }
}

impl Metrics {
    /// All metrics at zero.
    ///
    /// # Errors
    /// Only when two metrics share a name, which a test rules out.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let make = Maker(&registry);
        let info = Opts::new("wattle_build_info", "Always 1; the labels tell the version.");
        let info = UGauge::with_opts(info.const_label("version", env!("CARGO_PKG_VERSION")))?;
        info.set(1);
        registry.register(Box::new(info))?;
        Ok(Self {
            finalized_height: make.gauge("finalized_height", "Last finalized height.")?,
            notarized_height: make.gauge("notarized_height", "Highest notarized height.")?,
            epoch: make.gauge("epoch", "Current epoch.")?,
            view: make.gauge("view", "Current view within the epoch.")?,
            finality_lag_heights: make.gauge("finality_lag_heights", "Heights notarized and not final.")?,
            finality_seconds: make
                .seconds("finality_seconds", "From a block's own time to its finality here.")?,
            view_duration_seconds: make.seconds("view_duration_seconds", "How long views take.")?,
            nullifications_total: make
                .counter("nullifications_total", "Views that ended without a block.")?,
            missed_blocks_total: make
                .counter("missed_blocks_total", "Views led by this node that ended without its block.")?,
            clock_skew_seconds: make
                .signed_seconds("clock_skew_seconds", "This clock less the proposer's, on arrival.")?,
            evidence_total: make.counter("evidence_total", "Pieces of evidence found.")?,
            transactions_total: make.counter("transactions_total", "Finalized transactions.")?,
            mempool_transactions: make.gauge("mempool_transactions", "Transactions that wait.")?,
            mempool_bytes: make.gauge("mempool_bytes", "Size of the transactions that wait.")?,
            commit_backlog_blocks: make
                .gauge("commit_backlog_blocks", "Finalized blocks that wait for the disk.")?,
            peers: make.gauges("peers", "Connected peers, by kind.", "kind")?,
            peers_banned: make.gauge("peers_banned", "Peers that are refused at present.")?,
            syncing: make.gauge("syncing", "1 while the node fetches blocks because it is behind.")?,
            rpc_connections: make.gauge("rpc_connections", "Open HTTP and WebSocket connections.")?,
            rpc_subscriptions: make.gauge("rpc_subscriptions", "Open event subscriptions.")?,
            rpc_request_seconds: make.seconds("rpc_request_seconds", "How long requests take.")?,
            rpc_requests_total: make.counters("rpc_requests_total", "Requests, by method.", "method")?,
            rpc_errors_total: make.counters(
                "rpc_errors_total",
                "Requests that failed, by method.",
                "method",
            )?,
            rpc_refusals_total: refusals(&make)?,
            resident_memory_bytes: make
                .gauge("process_resident_memory_bytes", "Resident memory of the process.")?,
            fsync_seconds: make.seconds_by(
                "fsync_seconds",
                "Time to make a write durable, by file.",
                "file",
            )?,
            quorum_delay_seconds: make.seconds_by(
                "quorum_delay_seconds",
                "From a proposal's arrival to a quorum for it, by kind of vote.",
                "kind",
            )?,
            health_reason: make.gauges(
                "health_reason",
                "1 for each reason that /healthy or /ready names.",
                "reason",
            )?,
            registry,
        })
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
            self.resident_memory_bytes.set(bytes);
        }
        let mut page = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut page)?;
        Ok(page)
    }
}

impl Metrics {
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
        for (kind, count) in
            [("validator", now.peers_validator), ("full", now.peers_full), ("light", now.peers_light)]
        {
            self.peers.with_label_values(&[kind]).set(count);
        }
        self.peers_banned.set(now.peers_banned);
    }
}

/// All reasons are there from the start, so that a rate over them is defined.
fn refusals(make: &Maker<'_>) -> Result<IntCounterVec, prometheus::Error> {
    let counters = make.counters("rpc_refusals_total", "Clients turned away, by reason.", "reason")?;
    for reason in Refusal::ALL {
        counters.with_label_values(&[reason.name()]).inc_by(0);
    }
    Ok(counters)
}

/// Resident memory as Linux tells it; `None` elsewhere.
fn resident_memory_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}
