//! The devnet's meters: a Modbus TCP server with the SDM630 map for each, and a light node that reads it.

use super::link::Link as Cable;
use crate::home::write;
use crate::testnet::{Testnet, loopback};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use wattle_chain_spec::NodeAddress;
use wattle_cli::CliError;
use wattle_meter::sensor::{BusConfig, Link, MeterConfig, Timing};
use wattle_meter::simulator::{Household, Kind, Simulator, Site, system_clock};
use wattle_meter::{CreditConfig, LightConfig, LightError, NetworkConfig, NetworkMode};
use wattle_primitives::reading::MeterRole;
use wattle_primitives::{Address, Amount};

/// Between two signed readings, in ms: short, so that a watcher sees them arrive.
const READING_INTERVAL_MS: u64 = 5_000;
/// Between two samples, in ms.
const SAMPLE_INTERVAL_MS: u64 = 1_000;
/// Most that a submission of readings may cost, native base units.
const MAX_FEE: Amount = Amount(10_000_000);
/// Days of readings that a queue holds.
const QUEUE_DAYS: u64 = 30;
/// Losses between the feeder and the houses, in thousandths.
const LOSS_PERMILLE: u32 = 20;
/// Equipment of the houses, in turn.
const KINDS: [Kind; 6] = [Kind::Load, Kind::Solar, Kind::Storage, Kind::Car, Kind::Solar, Kind::Load];

/// All meters of a devnet.
pub(super) struct Meters {
    /// The meters, in order.
    pub(super) members: Vec<Member>,
    /// Thousandths of the usual light that the sky lets through.
    pub(super) sky: Arc<AtomicU32>,
    simulators: Vec<Simulator>,
    light: Vec<Light>,
    stop: watch::Sender<bool>,
}

/// One meter.
#[derive(Clone, Debug)]
pub(super) struct Member {
    /// Its name.
    pub(super) name: String,
    /// Address of its key.
    pub(super) address: Address,
    /// Who owns it.
    pub(super) owner: Address,
    /// Whether it is the microgrid's feeder.
    pub(super) is_feeder: bool,
    /// Where its Modbus server is.
    pub(super) modbus: String,
    /// The house or the feeder behind it.
    pub(super) site: Site,
    /// Where its light node keeps its data.
    pub(super) data_dir: PathBuf,
}

/// How meters are read and their readings sent.
pub(super) struct Pace {
    /// Between two signed readings, in ms.
    pub(super) reading_interval_ms: u64,
    /// Between two samples, in ms.
    pub(super) sample_interval_ms: u64,
    /// Between two looks at the chain, in ms.
    pub(super) follow_interval_ms: u64,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            reading_interval_ms: READING_INTERVAL_MS,
            sample_interval_ms: SAMPLE_INTERVAL_MS,
            follow_interval_ms: READING_INTERVAL_MS,
        }
    }
}

enum Light {
    Here(JoinHandle<Result<(), LightError>>),
    /// The pipe ends with this process, however that ends; the child stops then.
    Process(Child, Option<ChildStdin>),
}

impl Meters {
    /// Starts meters and light nodes. Each light node reaches the validators at `peers`, or through its own cable in
    /// `cables`, where there is one.
    ///
    /// # Errors
    /// When a port or a file cannot be had.
    pub(super) async fn start(
        net: &Testnet,
        peers: &[NodeAddress],
        cables: &[(usize, Cable)],
        pace: &Pace,
        seed: u64,
        processes: bool,
    ) -> Result<Self, CliError> {
        let (stop, stopped) = watch::channel(false);
        let sky = Arc::new(AtomicU32::new(1000));
        let mut meters = Self { members: Vec::new(), sky, simulators: Vec::new(), light: Vec::new(), stop };
        let payer = net.wallets.first().map(|w| Address::of_key(&w.key.public()));
        let sites = meters.sites(net, seed);
        for (i, (dir, site)) in net.meters.iter().zip(sites).enumerate() {
            let start_ms = net.spec.genesis.time_ms.0;
            let simulator = Simulator::start(loopback(0), site.clone(), start_ms, system_clock())
                .await
                .map_err(|e| CliError::failed("meter", &e))?;
            let cable = cables.iter().find(|(at, _)| *at == i).map(|(_, cable)| cable.peers());
            let peers = cable.unwrap_or(peers);
            let config = light_config(net, dir, simulator.address(), peers, payer, pace);
            meters.members.push(member(net, i, dir, &simulator, site)?);
            meters.simulators.push(simulator);
            meters.light.push(if processes {
                let mut child = spawn(dir, &config)?;
                let pipe = child.stdin.take(); // waiting for the child would close it
                Light::Process(child, pipe)
            } else {
                let mut stopped = stopped.clone();
                let until = async move { drop(stopped.wait_for(|s| *s).await) };
                Light::Here(tokio::spawn(async move {
                    let ended = wattle_meter::run(config, until).await;
                    if let Err(error) = &ended {
                        tracing::warn!(%error, "light node stopped");
                    }
                    ended
                }))
            });
        }
        Ok(meters)
    }

    /// The house behind each meter, with different equipment in turn; behind a feeder all of them.
    fn sites(&self, net: &Testnet, seed: u64) -> Vec<Site> {
        let feeders: Vec<bool> = roles(net).map(|role| role == MeterRole::Feeder).collect();
        let house = |i: usize| {
            let seed = seed.wrapping_mul(1_000).wrapping_add(u64::try_from(i).unwrap_or_default());
            let kind = KINDS.get(i.checked_rem(KINDS.len()).unwrap_or(0)).copied();
            Household::with(seed, kind.unwrap_or(Kind::Load))
        };
        let houses: Vec<Household> =
            (0..feeders.len()).filter(|i| feeders.get(*i) == Some(&false)).map(house).collect();
        let site = |houses, loss_permille| Site { houses, loss_permille, sky: Arc::clone(&self.sky) };
        (0..feeders.len())
            .map(|i| match feeders.get(i) {
                Some(true) => site(houses.clone(), LOSS_PERMILLE),
                _ => site(vec![house(i)], 0),
            })
            .collect()
    }

    /// Stops light nodes, then meters.
    pub(super) async fn stop(self) {
        self.stop.send_replace(true);
        for light in self.light {
            match light {
                Light::Here(task) => drop(task.await),
                Light::Process(mut child, _pipe) => {
                    super::validators::terminate(&child);
                    let _ = child.wait().await;
                }
            }
        }
        for simulator in self.simulators {
            simulator.stop().await;
        }
    }
}

/// The roles of the meters of the first microgrid, in their order.
fn roles(net: &Testnet) -> impl Iterator<Item = MeterRole> {
    net.spec.genesis.microgrids.iter().take(1).flat_map(|grid| grid.meters.iter().map(|meter| meter.role))
}

fn member(
    net: &Testnet,
    i: usize,
    dir: &Path,
    simulator: &Simulator,
    site: Site,
) -> Result<Member, CliError> {
    let key =
        wattle_host::key::load(&dir.join("meter.key")).map_err(|e| CliError::failed("meter", &e))?.public();
    let address = Address::of_key(&key);
    let registered =
        net.spec.genesis.microgrids.first().and_then(|grid| grid.meters.iter().find(|m| m.key == key));
    Ok(Member {
        name: format!("m{i}"),
        address,
        owner: registered.map_or(address, |meter| meter.owner),
        is_feeder: registered.is_some_and(|meter| meter.role == MeterRole::Feeder),
        modbus: simulator.address().to_string(),
        site,
        data_dir: dir.join("data"),
    })
}

fn light_config(
    net: &Testnet,
    dir: &Path,
    meter: std::net::SocketAddr,
    peers: &[NodeAddress],
    fee_payer: Option<Address>,
    pace: &Pace,
) -> LightConfig {
    let meter_config = MeterConfig {
        name: "meter".into(),
        unit: 1,
        profile: "sdm630".into(),
        serial_number: None,
        encoding: None,
        key_file: Some(dir.join("meter.key")),
    };
    LightConfig {
        data_dir: dir.join("data"),
        checkpoint: net.dir.join("checkpoint.json"),
        peers: peers.to_vec(),
        mdns: false,
        fee_payer,
        max_fee: MAX_FEE,
        sample_interval_ms: pace.sample_interval_ms,
        reading_interval_ms: pace.reading_interval_ms,
        sync_interval_ms: 0,
        follow_interval_ms: pace.follow_interval_ms,
        submit_spread_ms: 0,
        queue_days: QUEUE_DAYS,
        write_budget_bytes_per_hour: u64::MAX,
        trust_clock: true,
        status_listen: String::new(),
        network: NetworkConfig { mode: Some(NetworkMode::Always), ..NetworkConfig::default() },
        credit: CreditConfig::default(),
        relay: None,
        buses: vec![BusConfig {
            link: Link::Tcp { address: meter.to_string() },
            timing: Timing::default(),
            meters: vec![meter_config],
        }],
    }
}

/// Starts `wattle-light`, which stands beside `wattle`; without it, `wattle light`.
fn spawn(dir: &Path, config: &LightConfig) -> Result<Child, CliError> {
    let path = dir.join("light.toml");
    let text = toml::to_string_pretty(config).map_err(|e| CliError::failed("light_config", &e))?;
    write(&path, &text).map_err(|e| CliError::failed("light_config", &e))?;
    let wattle = std::env::current_exe().map_err(|e| CliError::failed("spawn", &e))?;
    let slim: PathBuf = wattle.with_file_name("wattle-light");
    let mut command = if slim.exists() { Command::new(slim) } else { Command::new(wattle) };
    command.args(if command.as_std().get_program().to_string_lossy().ends_with("wattle-light") {
        &["run"][..]
    } else {
        &["light", "run"][..]
    });
    command
        .arg("--stop-with-stdin")
        .arg("--config")
        .arg(&path)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .env("WATTLE_LOG", std::env::var_os("WATTLE_LOG").unwrap_or_else(|| "warn".into()))
        .kill_on_drop(true)
        .spawn()
        .map_err(|e| CliError::failed("spawn", &e))
}
