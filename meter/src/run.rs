//! The light node's two loops: one reads the meter, one talks to the chain. They share the queue, so an outage of
//! either side never stops the other.

use crate::clock::Clock;
use crate::config::{ConfigError, LightConfig};
use crate::follow::{FollowError, Follower};
use crate::peers::Peers;
use crate::queue::{Queue, QueueError};
use crate::sensor::{Bus, Energy, Link, Profile, ProfileError, Sample, Sensor, SensorError, Timing};
use crate::sign::{KeyError, Signer, load_key};
use crate::submit::{Payment, Progress, SharedQueue, SubmitError, Submitter, with_queue};
use std::convert::Infallible;
use std::future::Future;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, mpsc};
use wattle_chain_spec::{Checkpoint, CheckpointError};
use wattle_p2p::wire::Role;
use wattle_p2p::{Config as NetConfig, Handle, Multiaddr, NetEvent, NodeKey, PeerId};

/// Pause after progress: long enough for a block.
const PAUSE_MIN: Duration = Duration::from_millis(500);
/// Longest pause after rounds without progress.
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// Why the light node cannot run, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum LightError {
    /// The configuration makes no sense.
    #[error("configuration")]
    Config(#[source] ConfigError),
    /// The profile cannot be used.
    #[error("meter profile")]
    Profile(#[source] ProfileError),
    /// The key cannot be used.
    #[error("meter key")]
    Key(#[source] KeyError),
    /// The checkpoint cannot be used.
    #[error("checkpoint")]
    Checkpoint(#[source] CheckpointError),
    /// A data directory cannot be made.
    #[error("cannot create {}", path.display())]
    DataDir {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The queue cannot be used. Readings can no longer be kept, so the light node ends.
    #[error("reading queue")]
    Queue(#[source] QueueError),
    /// The disk worker was lost.
    #[error("disk worker ended")]
    Worker,
    /// A peer's address is none.
    #[error("{address:?} is not an address")]
    Address {
        /// What was given.
        address: String,
    },
    /// The operating system has no entropy.
    #[error("no entropy")]
    Entropy(#[source] getrandom::Error),
    /// The network did not start, or ended.
    #[error("network")]
    Network(#[source] wattle_p2p::Error),
    /// The network task ended by itself.
    #[error("the network ended")]
    NetworkEnded,
}

impl From<SubmitError> for LightError {
    /// Only for errors of the queue: everything else is retried.
    fn from(error: SubmitError) -> Self {
        match error {
            SubmitError::Queue(source) => Self::Queue(source),
            _ => Self::Worker,
        }
    }
}

/// Runs a light node until `stop` completes, or the disk gives up. Everything queued is durable on return.
///
/// # Errors
/// [`LightError`].
pub async fn run(config: LightConfig, stop: impl Future<Output = ()>) -> Result<(), LightError> {
    config.check().map_err(LightError::Config)?;
    let profile = Profile::find(&config.meter.profile).map_err(LightError::Profile)?;
    let key = load_key(&config.key_file).map_err(LightError::Key)?;
    let checkpoint = Checkpoint::load(&config.checkpoint).map_err(LightError::Checkpoint)?;
    let made = std::fs::create_dir_all(&config.data_dir);
    made.map_err(|source| LightError::DataDir { path: config.data_dir.clone(), source })?;
    let clock = Arc::new(Clock::start(config.trust_clock).map_err(LightError::Entropy)?);
    let follower = Follower::open(checkpoint, &config.data_dir, Arc::clone(&clock));
    let mut follower = follower.map_err(LightError::Checkpoint)?;
    let (queue, recovery) =
        Queue::open(&config.queue_dir(), config.queue_capacity()).map_err(LightError::Queue)?;
    let signer = Arc::new(Signer::new(key, follower.chain()));
    let (net, events) = start_network(&config, &follower)?;
    tracing::info!(
        meter = %signer.meter(), key = %signer.public(), height = follower.head().height.0,
        pending = recovery.pending, damaged = recovery.damaged, torn_bytes = recovery.torn_bytes,
        "light node started"
    );
    let queue: SharedQueue = Arc::new(Mutex::new(queue));
    let fresh = Arc::new(Notify::new());
    let link = Link::Tcp { address: config.meter.address.to_string() };
    let bus = Bus::shared(link, Timing::default());
    let meter = Metering {
        sensor: Sensor::new(bus, config.meter.unit, profile),
        config: config.clone(),
        signer: Arc::clone(&signer),
        clock: Arc::clone(&clock),
        queue: Arc::clone(&queue),
        fresh: Arc::clone(&fresh),
        unsynced_since: None,
        failing: false,
    };
    let payment =
        Payment { fee_payer: config.fee_payer.unwrap_or_else(|| signer.meter()), max_fee: config.max_fee };
    let submitter = Submitter::new(signer, Arc::clone(&queue), clock, payment);
    let result = tokio::select! {
        Err(error) = meter.run() => Err(error),
        Err(error) = follow_and_submit(&config, &net, &mut follower, submitter, &queue, &fresh) => Err(error),
        () = drain(events) => Err(LightError::NetworkEnded),
        () = stop => Ok(()),
    };
    let synced = with_queue(&queue, Queue::sync).await.map_err(LightError::from);
    if let Err(error) = follower.save(true) {
        tracing::warn!(%error, "trusted head not saved");
    }
    net.shutdown().await;
    tracing::info!(height = follower.head().height.0, "light node stopped");
    result.and(synced)
}

fn start_network(
    config: &LightConfig,
    follower: &Follower,
) -> Result<(Handle, mpsc::Receiver<NetEvent>), LightError> {
    // Nobody needs to know a light node again: a new identity at each start.
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(LightError::Entropy)?;
    let node_key = NodeKey::from_seed(&mut seed).map_err(LightError::Network)?;
    let mut net = NetConfig::new(follower.chain(), node_key, Role::Light);
    let parse = |address: &wattle_chain_spec::NodeAddress| {
        let parsed = address.as_str().parse::<Multiaddr>();
        parsed.map_err(|_| LightError::Address { address: address.to_string() })
    };
    net.persistent = config.peers.iter().map(parse).collect::<Result<_, _>>()?;
    net.mdns = config.mdns;
    net.height = follower.head().height;
    net.gossip_headers = false; // the newest header is asked for when it is needed: a rest without work
    wattle_p2p::spawn(net).map_err(LightError::Network)
}

/// A light node is asked nothing and gossips nothing; dropping a question answers that it is busy.
async fn drain(mut events: mpsc::Receiver<NetEvent>) {
    while let Some(event) = events.recv().await {
        match event {
            NetEvent::PeerReady { peer, height, .. } => {
                tracing::info!(%peer, height = height.0, "peer ready")
            }
            NetEvent::PeerGone { peer, reason, .. } => tracing::info!(%peer, %reason, "peer gone"),
            NetEvent::PeerRefused { peer, refusal, by_peer } => {
                tracing::warn!(%peer, %refusal, by_peer, "peer refused");
            }
            _ => {}
        }
    }
}

/// The meter's loop.
struct Metering {
    sensor: Sensor,
    config: LightConfig,
    signer: Arc<Signer>,
    clock: Arc<Clock>,
    queue: SharedQueue,
    /// Tells the chain's loop of new durable readings.
    fresh: Arc<Notify>,
    unsynced_since: Option<Instant>,
    failing: bool,
}

impl Metering {
    async fn run(mut self) -> Result<Infallible, LightError> {
        let interval = self.config.reading_interval_ms;
        let mut due = true; // a start is an event: the meter is back
        let mut period = self.clock.now().0 / interval;
        loop {
            let now = self.clock.now().0;
            due |= now / interval != period;
            period = now / interval;
            let sample = self.sensor.read().await;
            if let Some(energy) = self.judge(sample).filter(|_| due) {
                self.record(energy).await?;
                due = false;
            }
            self.sync_if_due().await?;
            let to_boundary = Duration::from_millis(interval.saturating_sub(self.clock.now().0 % interval));
            tokio::time::sleep(self.config.sample_interval().min(to_boundary)).await;
        }
    }

    /// The counters, if they may be signed.
    fn judge(&mut self, sample: Result<Sample, SensorError>) -> Option<Energy> {
        match sample {
            Err(error) => {
                if !self.failing {
                    tracing::warn!(error = &error as &dyn std::error::Error, "meter cannot be read");
                }
                self.failing = true;
                None
            }
            Ok(sample) => {
                if self.failing {
                    tracing::info!("meter can be read again");
                }
                self.failing = false;
                // An unconfirmed drop is not signed; the last good value was.
                sample.believed().cloned()
            }
        }
    }

    async fn record(&mut self, energy: Energy) -> Result<(), LightError> {
        let (signer, clock) = (Arc::clone(&self.signer), Arc::clone(&self.clock));
        let (import_wh, export_wh) = (energy.import_wh.0, energy.export_wh.0);
        let seq = with_queue(&self.queue, move |queue| {
            let seq = queue.next_seq()?;
            queue.append(&signer.reading(seq, &energy, &clock))?;
            Ok(seq)
        })
        .await?;
        self.unsynced_since.get_or_insert_with(Instant::now);
        tracing::info!(seq, import_wh, export_wh, "reading signed");
        Ok(())
    }

    async fn sync_if_due(&mut self) -> Result<(), LightError> {
        let limit = Duration::from_millis(self.config.sync_interval_ms);
        if self.unsynced_since.is_some_and(|since| since.elapsed() >= limit) {
            with_queue(&self.queue, Queue::sync).await?;
            self.unsynced_since = None;
            self.fresh.notify_one();
        }
        Ok(())
    }
}

/// The chain's loop: peers take turns, so that none of them is believed or waited for alone.
async fn follow_and_submit(
    config: &LightConfig,
    net: &impl Peers,
    follower: &mut Follower,
    mut submitter: Submitter,
    queue: &SharedQueue,
    fresh: &Notify,
) -> Result<Infallible, LightError> {
    let mut turn = 0usize;
    let mut pause = PAUSE_MIN;
    let mut before = None;
    loop {
        let mut ready = net.ready();
        ready.sort_unstable();
        let step = match ready.get(turn.checked_rem(ready.len()).unwrap_or(0)) {
            Some(peer) => one_step(net, *peer, follower, &mut submitter, queue).await,
            None => Ok(Progress::NoPeer),
        };
        turn = turn.wrapping_add(1);
        if let Err(error @ (SubmitError::Queue(_) | SubmitError::Worker)) = step {
            return Err(error.into());
        }
        // Moving on means new readings settled; sending the same again does not count.
        let acked = lock(queue).acked();
        let moved = before.replace(acked).is_some_and(|old| acked > old);
        match &step {
            Ok(Progress::Idle) => {
                pause = PAUSE_MIN;
                let _ = tokio::time::timeout(config.follow_interval(), fresh.notified()).await;
                continue;
            }
            Ok(Progress::Sent { .. }) if moved => pause = PAUSE_MIN,
            Ok(_) => pause = pause.saturating_mul(2).min(PAUSE_MAX),
            Err(error) => {
                note(net, error);
                pause = pause.saturating_mul(2).min(PAUSE_MAX);
            }
        }
        tokio::time::sleep(pause.min(longest_pause(&step, config))).await;
    }
}

/// Failures of one peer or a missing one are no reason to wait longer than between two looks at the chain.
fn longest_pause(step: &Result<Progress, SubmitError>, config: &LightConfig) -> Duration {
    match step {
        Ok(Progress::NotRegistered | Progress::Unproven { .. }) | Err(SubmitError::Refused { .. }) => {
            PAUSE_MAX
        }
        _ => config.follow_interval().max(PAUSE_MIN),
    }
}

async fn one_step(
    net: &impl Peers,
    peer: PeerId,
    follower: &mut Follower,
    submitter: &mut Submitter,
    queue: &SharedQueue,
) -> Result<Progress, SubmitError> {
    let work = {
        let queue = lock(queue);
        queue.depth() > 0 || queue.inflight().is_some() || !queue.is_anchored()
    };
    if work {
        return submitter.round(follower, net, peer).await;
    }
    follower.sync(net, peer).await.map_err(|source| SubmitError::Peer { peer, source })?;
    Ok(Progress::Idle)
}

fn note(net: &impl Peers, error: &SubmitError) {
    match error {
        SubmitError::Peer { peer, source } if source.is_lie() => {
            tracing::error!(%peer, error = source as &dyn std::error::Error, "peer lied");
            net.blame(*peer);
        }
        SubmitError::Peer { peer, source: source @ FollowError::Light(_) } => {
            tracing::error!(%peer, error = source as &dyn std::error::Error, "chain cannot be followed");
        }
        SubmitError::Peer { peer, source } => {
            tracing::debug!(%peer, error = source as &dyn std::error::Error, "peer of no use now");
        }
        other => tracing::warn!(error = other as &dyn std::error::Error, "readings not taken"),
    }
}

fn lock(queue: &SharedQueue) -> std::sync::MutexGuard<'_, Queue> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}
