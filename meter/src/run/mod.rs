//! The light node: a loop for each meter, one for the chain, one for the relay, one for the status page. They share
//! queues and the board, so an outage of one side never stops another.

mod chain;
mod distrust;
mod error;
mod metering;
mod round;

pub use error::LightError;

use crate::board::{Board, MeterFacts};
use crate::clock::Clock;
use crate::config::{LightConfig, RelayTarget};
use crate::follow::Follower;
use crate::pace::Pacer;
use crate::queue::Queue;
use crate::relay::{Actuator, Input, Relay};
use crate::sensor::{BusConfig, Energy, MeterConfig, Sensor, SharedBus};
use crate::serial::Serial;
use crate::sign::Signer;
use crate::status::{QUEUE_DIR, Source, server};
use crate::submit::{Payment, SharedQueue, Submitter, with_queue};
use crate::today::Day;
use chain::{Chain, Lane};
use metering::{Books, Intervals, Metering};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::Future;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;
use wattle_chain_spec::Checkpoint;
use wattle_p2p::wire::Role;
use wattle_p2p::{Config as NetConfig, Handle, Multiaddr, NetEvent, NodeKey};
use wattle_primitives::reading::{ClockQuality, Reading};
use wattle_primitives::{Address, Hash};

/// Looks at the chain that may wait for the relay.
const RELAY_INPUTS_MAX: usize = 16;

/// Runs a light node until `stop` completes, or the disk gives up. Everything queued is durable on return.
///
/// # Errors
/// [`LightError`].
pub async fn run(config: LightConfig, stop: impl Future<Output = ()>) -> Result<(), LightError> {
    config.check().map_err(LightError::Config)?;
    let checkpoint = Checkpoint::load(&config.checkpoint).map_err(LightError::Checkpoint)?;
    make_dir(&config.data_dir)?;
    crate::files::clean(&config.data_dir);
    let clock = Arc::new(Clock::start(config.trust_clock).map_err(LightError::Entropy)?);
    clock.distrust(distrust::is_kept(&config.data_dir));
    let follower = Follower::open(checkpoint, &config.data_dir, Arc::clone(&clock));
    let follower = follower.map_err(LightError::Checkpoint)?;
    let mut parts = Parts::assemble(&config, &follower, &clock).await?;
    let (net, events) = start_network(&config, &follower)?;
    tracing::info!(height = follower.head().height.0, meters = parts.meters, "light node started");
    let mut chain = parts.chain(config, follower, clock);
    let result = tokio::select! {
        Err(error) = parts.first_failure() => Err(error),
        Err(error) = chain.run(&net) => Err(error),
        () = drain(events) => Err(LightError::NetworkEnded),
        () = stop => Ok(()),
    };
    parts.tasks.shutdown().await;
    let mut synced = Ok(());
    for queue in parts.queues.iter().flatten() {
        synced = synced.and(with_queue(queue, Queue::sync).await.map_err(LightError::from));
    }
    if let Err(error) = chain.follower.save(true) {
        tracing::warn!(%error, "trusted head not saved");
    }
    net.shutdown().await;
    tracing::info!(height = chain.follower.head().height.0, "light node stopped");
    result.and(synced)
}

/// The light node's loops, and what they share.
struct Parts {
    meters: usize,
    board: Arc<Board>,
    /// A queue for each meter that signs.
    queues: Vec<Option<SharedQueue>>,
    lanes: Vec<Lane>,
    fresh: Arc<Notify>,
    /// The relay's lane, and where its balances go.
    relay: Option<(usize, mpsc::Sender<Input>)>,
    tasks: JoinSet<Result<Infallible, LightError>>,
}

/// One meter of the configuration, ready to be read.
struct Member {
    facts: MeterFacts,
    sensor: Sensor,
    day: Day,
    signer: Option<Arc<Signer>>,
    queue: Option<SharedQueue>,
    /// The newest reading in the queue's files.
    newest: Option<Reading>,
    serial: Serial,
    /// Import that makes a reading, in Wh; 0 for none.
    step_wh: u64,
}

impl Parts {
    async fn assemble(
        config: &LightConfig,
        follower: &Follower,
        clock: &Arc<Clock>,
    ) -> Result<Self, LightError> {
        let buses: Vec<SharedBus> = config.buses.iter().map(BusConfig::open).collect();
        let mut members = Vec::new();
        for (bus, meter) in config.meters() {
            let Some(bus) = buses.get(bus) else { continue }; // its index comes from the same list
            members.push(Member::open(config, meter, Arc::clone(bus), follower.chain())?);
        }
        let board = Arc::new(Board::new(members.iter().map(|member| member.facts.clone()).collect()));
        let mut parts = Self {
            meters: members.len(),
            board,
            queues: members.iter().map(|member| member.queue.clone()).collect(),
            lanes: Vec::new(),
            fresh: Arc::new(Notify::new()),
            relay: None,
            tasks: JoinSet::new(),
        };
        for (index, member) in members.into_iter().enumerate() {
            parts.lanes.extend(member.lane(index, config, clock));
            let metering = member.metering(index, config, &parts, clock);
            parts.tasks.spawn(metering.run());
        }
        parts.start_relay(config, &buses, clock)?;
        parts.start_status(config, clock).await?;
        Ok(parts)
    }

    fn start_relay(
        &mut self,
        config: &LightConfig,
        buses: &[SharedBus],
        clock: &Arc<Clock>,
    ) -> Result<(), LightError> {
        let Some(relay) = &config.relay else { return Ok(()) };
        let actuator = match relay.target(config).map_err(LightError::Config)? {
            RelayTarget::Command { connect, disconnect } => Actuator::Command { connect, disconnect },
            RelayTarget::Coil { bus, unit, coil } => match buses.get(bus) {
                Some(bus) => Actuator::Coil { bus: Arc::clone(bus), unit, coil },
                None => return Ok(()), // its index comes from the same list
            },
        };
        let meter = relay.meter_index(config).map_err(LightError::Config)?;
        let (sender, inputs) = mpsc::channel(RELAY_INPUTS_MAX);
        self.relay = self.lanes.iter().position(|lane| lane.meter == meter).map(|lane| (lane, sender));
        let relay = Relay {
            actuator,
            rules: relay.rules(),
            dir: config.data_dir.clone(),
            meter,
            meter_lost_after_ms: relay.meter_lost_after_ms,
            clock: Arc::clone(clock),
            board: Arc::clone(&self.board),
            inputs,
        };
        self.tasks.spawn(async move { relay.run().await.map_err(LightError::Relay) });
        Ok(())
    }

    async fn start_status(&mut self, config: &LightConfig, clock: &Arc<Clock>) -> Result<(), LightError> {
        let Some(address) = config.status_address().map_err(LightError::Config)? else { return Ok(()) };
        let bound = TcpListener::bind(address).await;
        let listener = bound.map_err(|source| LightError::Status { address, source })?;
        let source = Arc::new(Source {
            board: Arc::clone(&self.board),
            clock: Arc::clone(clock),
            queues: self.queues.clone(),
            budget_bytes_per_hour: config.write_budget_bytes_per_hour,
        });
        tracing::info!(%address, "status page");
        self.tasks.spawn(async move { Ok(server::serve(listener, source).await) });
        Ok(())
    }

    fn chain(&mut self, config: LightConfig, follower: Follower, clock: Arc<Clock>) -> Chain {
        let mut chain = Chain {
            dir: config.data_dir.clone(),
            config,
            follower,
            lanes: std::mem::take(&mut self.lanes),
            board: Arc::clone(&self.board),
            clock,
            fresh: Arc::clone(&self.fresh),
            relay: self.relay.take(),
            doubt: None,
            silent: BTreeMap::new(),
            agreed: None,
            next_look: Instant::now(),
            next_credit: Instant::now(),
        };
        chain.publish(0);
        chain
    }

    /// The error of the first loop that ends; none of them does otherwise.
    async fn first_failure(&mut self) -> Result<Infallible, LightError> {
        match self.tasks.join_next().await {
            Some(Ok(result)) => result,
            Some(Err(_)) => Err(LightError::Worker),
            None => std::future::pending().await,
        }
    }
}

impl Member {
    fn open(
        config: &LightConfig,
        meter: &MeterConfig,
        bus: SharedBus,
        chain: Hash,
    ) -> Result<Self, LightError> {
        let name = meter.name.clone();
        let dir = config.meter_dir(&name);
        make_dir(&dir)?;
        crate::files::clean(&dir);
        let key = match &meter.key_file {
            Some(path) => Some(
                wattle_host::key::load(path)
                    .map_err(|source| LightError::Key { meter: name.clone(), source })?,
            ),
            None => None,
        };
        let address = key.as_ref().map(|key| Address::of_key(&key.public()));
        let serial = Serial::open(&dir, address);
        let mut sensor = meter.sensor(bus).map_err(LightError::Meter)?;
        if sensor.serial_number().is_none() {
            sensor = sensor.with_serial_number(serial.number().map(str::to_owned));
        }
        let mut member = Self {
            facts: MeterFacts { name: name.clone(), submission: "telemetry_only", ..MeterFacts::default() },
            sensor,
            day: Day::open(&dir),
            signer: None,
            queue: None,
            newest: None,
            serial,
            step_wh: meter.profile.reading_step_wh,
        };
        if let Some(key) = key {
            member.sensor = member.sensor.wary();
            let signer = Signer::new(key, chain);
            let opened = Queue::open(&dir.join(QUEUE_DIR), config.queue_capacity());
            let (queue, recovery) = opened.map_err(LightError::Queue)?;
            tracing::info!(
                meter = %name, address = %signer.meter(), key = %signer.public(), pending = recovery.pending,
                damaged = recovery.damaged, torn_bytes = recovery.torn_bytes, skipped = recovery.skipped,
                "meter"
            );
            let newest = queue.newest().map_err(LightError::Queue)?.map(|signed| signed.reading);
            if newest.as_ref().is_some_and(|newest| newest.meter != signer.meter()) {
                return Err(LightError::OtherMeter { meter: name, dir });
            }
            if let Some(good) = newest.as_ref().and_then(|newest| counters(&member.sensor, newest)) {
                member.sensor.remember(good); // a zero right after the start is held like any other
            }
            member.newest = newest;
            member.facts.submission = "idle";
            member.facts.address = Some(signer.meter());
            member.signer = Some(Arc::new(signer));
            member.queue = Some(Arc::new(Mutex::new(queue)));
        }
        Ok(member)
    }

    /// Its way to the chain, if it signs.
    fn lane(&self, index: usize, config: &LightConfig, clock: &Arc<Clock>) -> Option<Lane> {
        let (signer, queue) = (self.signer.clone()?, self.queue.clone()?);
        let fee_payer = config.fee_payer.unwrap_or_else(|| signer.meter());
        let payment = Payment { fee_payer, max_fee: config.max_fee };
        let address = signer.meter();
        Some(Lane {
            meter: index,
            name: self.facts.name.clone(),
            address,
            queue: Arc::clone(&queue),
            submitter: Submitter::new(signer, queue, Arc::clone(clock), payment),
            pacer: Pacer::default(),
            next: Instant::now(),
            acked: None,
            resting: false,
            full: false,
        })
    }

    fn metering(self, index: usize, config: &LightConfig, parts: &Parts, clock: &Arc<Clock>) -> Metering {
        let fresh = Arc::clone(&parts.fresh);
        let dated = self.newest.as_ref().filter(|newest| newest.clock != ClockQuality::Unset);
        let signed_wh = self.sensor.good().map(|good| good.import_wh);
        let read_ms = dated.map(|newest| newest.time_ms);
        Metering {
            index,
            name: self.facts.name,
            sensor: self.sensor,
            intervals: Intervals {
                sample: config.sample_interval(),
                reading_ms: config.reading_interval_ms,
                sync: Duration::from_millis(config.sync_interval_ms),
            },
            books: self.signer.zip(self.queue).map(|(signer, queue)| Books { signer, queue, fresh }),
            clock: Arc::clone(clock),
            board: Arc::clone(&parts.board),
            day: self.day,
            unsynced_since: None,
            failing: false,
            signed_wh,
            step_wh: self.step_wh,
            read_ms,
            serial: self.serial,
            proven: None,
            full_since: None,
        }
    }
}

/// What a reading's words stand for, by the meter's profile.
fn counters(sensor: &Sensor, reading: &Reading) -> Option<Energy> {
    let encoding = sensor.profile().energy.as_ref()?.encoding;
    Energy::decode(encoding, reading.import.clone(), reading.export.clone()).ok()
}

fn make_dir(path: &Path) -> Result<(), LightError> {
    let made = std::fs::create_dir_all(path);
    made.map_err(|source| LightError::DataDir { path: path.to_owned(), source })
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A devnet runs light nodes as tasks on several threads.
    #[test]
    fn a_light_node_can_move_between_threads() {
        fn moves<T: Send>(_: &T) {}
        moves(&run(crate::config::least(), std::future::pending()));
    }
}
