//! The light node: a loop for each meter, one for the chain, one for the relay, one for the status page. They share
//! queues and the board, so an outage of one side never stops another.

mod belief;
mod chain;
mod credit;
mod dial;
mod distrust;
mod error;
mod lane;
mod metering;
mod relay;
mod round;
mod timetable;
mod turns;
mod visit;

pub use error::LightError;

use crate::board::{Board, MeterFacts};
use crate::clock::Clock;
use crate::config::LightConfig;
use crate::follow::Follower;
use crate::queue::Queue;
use crate::relay::Input;
use crate::sensor::{BusConfig, MeterConfig, SharedBus};
use crate::sign::Signer;
use crate::status::{QUEUE_DIR, Source, server};
use crate::submit::{Payment, SharedQueue, with_queue};
use chain::Chain;
use dial::{Dialer, Line, drain};
use lane::Lane;
use metering::{Books, Intervals, Metering, Shared};
use relay::Relay;
use std::convert::Infallible;
use std::future::Future;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;
use wattle_chain_spec::Checkpoint;
use wattle_primitives::Hash;

/// Looks at the chain that may wait for the relay.
const RELAY_INPUTS_MAX: usize = 16;

/// Runs a light node until `stop` completes, or the disk gives up. Everything queued is durable on return.
///
/// # Errors
/// [`LightError`].
pub async fn run(config: LightConfig, stop: impl Future<Output = ()>) -> Result<(), LightError> {
    config.check().map_err(LightError::Config)?;
    if let Some(interval_ms) = config.needless_credit_interval_ms() {
        tracing::warn!(
            interval_ms,
            "each visit looks at balances, and nothing moves by them: remove credit.interval_ms"
        );
    }
    let checkpoint = Checkpoint::load(&config.checkpoint).map_err(LightError::Checkpoint)?;
    make_dir(&config.data_dir)?;
    crate::files::clean(&config.data_dir);
    let clock = Arc::new(Clock::start(config.trust_clock).map_err(LightError::Entropy)?);
    clock.distrust(distrust::is_kept(&config.data_dir));
    let follower = Follower::open(checkpoint, &config.data_dir, Arc::clone(&clock));
    let follower = follower.map_err(LightError::Checkpoint)?;
    let mut parts = Parts::assemble(&config, &follower, &clock).await?;
    let (mut line, on_demand_ms) =
        (Dialer::new(&config, &follower, parts.signer.as_deref())?, config.visit_interval_ms());
    tracing::info!(
        height = follower.head().height.0,
        meters = parts.queues.len(),
        on_demand_ms,
        "light node started"
    );
    let mut chain = parts.chain(config, follower);
    let result = tokio::select! {
        Err(error) = parts.first_failure() => Err(error),
        Err(error) = reach(&mut chain, &mut line, on_demand_ms) => Err(error),
        () = stop => Ok(()),
    };
    parts.tasks.shutdown().await;
    let mut synced = Ok(());
    for queue in parts.queues.iter().flatten() {
        synced = synced.and(with_queue(queue, Queue::sync).await.map_err(LightError::from));
    }
    if let Err(error) = chain.follower.save(true) {
        tracing::warn!(error = &error as &dyn std::error::Error, "trusted head not saved");
    }
    line.hang_up().await;
    tracing::info!(height = chain.follower.head().height.0, "light node stopped");
    result.and(synced)
}

/// The chain's loop, over visits `on_demand_ms` apart or over connections that stand.
async fn reach(
    chain: &mut Chain,
    line: &mut Dialer,
    on_demand_ms: Option<u64>,
) -> Result<Infallible, LightError> {
    if let Some(interval_ms) = on_demand_ms {
        return chain.visit_on_demand(line, interval_ms).await;
    }
    let (net, events) = line.connect(chain.follower.head().height)?;
    tokio::select! {
        ended = chain.run(&net) => ended,
        () = drain(events, Arc::default()) => Err(LightError::NetworkEnded),
    }
}

/// The light node's loops, and the parts that they share.
struct Parts {
    shared: Shared,
    /// A queue for each meter that signs.
    queues: Vec<Option<SharedQueue>>,
    lanes: Vec<Lane>,
    /// Of the first meter that signs: it speaks for the light node on the network.
    signer: Option<Arc<Signer>>,
    /// The relay's lane, and where its balances go.
    relay: Option<(usize, mpsc::Sender<Input>)>,
    tasks: JoinSet<Result<Infallible, LightError>>,
}

impl Parts {
    async fn assemble(
        config: &LightConfig,
        follower: &Follower,
        clock: &Arc<Clock>,
    ) -> Result<Self, LightError> {
        let intervals = Intervals {
            sample: Duration::from_millis(config.sample_interval_ms),
            reading_ms: config.reading_interval_ms,
            sync: Duration::from_millis(config.sync_interval_ms),
        };
        let (board, fresh) = (Arc::new(Board::new(Vec::new())), Arc::new(Notify::new()));
        let mut parts = Self {
            shared: Shared { clock: Arc::clone(clock), board, fresh, intervals },
            queues: Vec::new(),
            lanes: Vec::new(),
            signer: None,
            relay: None,
            tasks: JoinSet::new(),
        };
        let buses: Vec<SharedBus> = config.buses.iter().map(BusConfig::open).collect();
        let mut loops = Vec::new();
        for (bus, meter) in config.meters() {
            let Some(bus) = buses.get(bus) else { continue }; // its index comes from the same list
            loops.push(parts.open(config, meter, Arc::clone(bus), follower.chain())?);
        }
        for metering in loops {
            parts.tasks.spawn(metering.run());
        }
        parts.start_relay(config, buses)?;
        parts.start_status(config).await?;
        Ok(parts)
    }

    /// Opens one meter of the configuration. One that signs gets a queue and a way to the chain.
    fn open(
        &mut self,
        config: &LightConfig,
        meter: &MeterConfig,
        bus: SharedBus,
        chain: Hash,
    ) -> Result<Metering, LightError> {
        let name = meter.name.clone();
        let dir = config.meter_dir(&name);
        make_dir(&dir)?;
        crate::files::clean(&dir);
        let key = meter.key_file.as_deref().map(wattle_host::key::load).transpose();
        let key = key.map_err(|source| LightError::Key { meter: name.clone(), source })?;
        let signer = key.map(|key| Arc::new(Signer::new(key, chain)));
        let address = signer.as_ref().map(|signer| signer.meter());
        let submission = if signer.is_some() { "idle" } else { "telemetry_only" };
        let facts = MeterFacts { name: name.clone(), address, submission, ..MeterFacts::default() };
        let index = self.shared.board.add(facts);
        let sensor = meter.sensor(bus).map_err(LightError::Meter)?;
        let mut metering = Metering::new(self.shared.clone(), index, meter, sensor, &dir, address);
        let Some(signer) = signer else {
            self.queues.push(None);
            return Ok(metering);
        };
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
        self.signer.get_or_insert_with(|| Arc::clone(&signer));
        let queue = Arc::new(Mutex::new(queue));
        self.queues.push(Some(Arc::clone(&queue)));
        let fee_payer = config.fee_payer.unwrap_or_else(|| signer.meter());
        let payment = Payment { fee_payer, max_fee: config.max_fee };
        let clock = Arc::clone(&self.shared.clock);
        self.lanes.push(Lane::new(index, name, Arc::clone(&signer), Arc::clone(&queue), clock, payment));
        metering.sign_after(newest.as_ref(), Books { signer, queue });
        Ok(metering)
    }

    fn start_relay(&mut self, config: &LightConfig, buses: Vec<SharedBus>) -> Result<(), LightError> {
        let Some(relay) = &config.relay else { return Ok(()) };
        let meter = relay.meter_index(config).map_err(LightError::Config)?;
        let (sender, inputs) = mpsc::channel(RELAY_INPUTS_MAX);
        self.relay = self.lanes.iter().position(|lane| lane.meter == meter).map(|lane| (lane, sender));
        let relay = Relay {
            actuator: relay.target(config).map_err(LightError::Config)?,
            buses,
            rules: relay.rules(),
            dir: config.data_dir.clone(),
            meter,
            meter_lost_after_ms: relay.meter_lost_after_ms,
            clock: Arc::clone(&self.shared.clock),
            board: Arc::clone(&self.shared.board),
            inputs,
        };
        self.tasks.spawn(async move { relay.run().await.map_err(LightError::Relay) });
        Ok(())
    }

    async fn start_status(&mut self, config: &LightConfig) -> Result<(), LightError> {
        let Some(address) = config.status_address().map_err(LightError::Config)? else { return Ok(()) };
        let bound = TcpListener::bind(address).await;
        let listener = bound.map_err(|source| LightError::Status { address, source })?;
        let source = Arc::new(Source {
            board: Arc::clone(&self.shared.board),
            clock: Arc::clone(&self.shared.clock),
            queues: self.queues.clone(),
            budget_bytes_per_hour: config.write_budget_bytes_per_hour,
        });
        tracing::info!(%address, "status page");
        self.tasks.spawn(async move { Ok(server::serve(listener, source).await) });
        Ok(())
    }

    fn chain(&mut self, config: LightConfig, follower: Follower) -> Chain {
        let Shared { clock, board, fresh, .. } = self.shared.clone();
        let lanes = std::mem::take(&mut self.lanes);
        let mut chain = Chain::new(config, follower, lanes, board, clock);
        (chain.fresh, chain.relay) = (fresh, self.relay.take());
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

fn make_dir(path: &Path) -> Result<(), LightError> {
    let made = std::fs::create_dir_all(path);
    made.map_err(|source| LightError::DataDir { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests;
