//! The devnet's meters: a Modbus TCP server with the SDM630 map for each, and a light node that reads it.

use super::super::failed;
use crate::cli::CliError;
use crate::home::write;
use crate::testnet::{Testnet, loopback};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use wattle_chain_spec::NodeAddress;
use wattle_meter::simulator::{Simulator, SimulatorConfig, system_clock};
use wattle_meter::{LightConfig, LightError, MeterConfig};
use wattle_primitives::{Address, Amount};

/// Between two signed readings, in ms: short, so that a watcher sees them arrive.
const READING_INTERVAL_MS: u64 = 5_000;
/// Between two samples, in ms.
const SAMPLE_INTERVAL_MS: u64 = 1_000;
/// Most that a submission of readings may cost, native base units.
const MAX_FEE: Amount = Amount(10_000_000);
/// Days of readings that a queue holds.
const QUEUE_DAYS: u64 = 30;

/// All meters of a devnet.
pub(super) struct Meters {
    /// What is known of each.
    pub(super) members: Vec<Member>,
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
    /// Where its Modbus server is.
    pub(super) modbus: String,
}

enum Light {
    Here(JoinHandle<Result<(), LightError>>),
    /// The pipe ends with this process, however that ends; the child stops then.
    Process(Child, Option<ChildStdin>),
}

impl Meters {
    /// Starts meters and light nodes.
    ///
    /// # Errors
    /// When a port or a file cannot be had.
    pub(super) async fn start(
        net: &Testnet,
        peers: &[NodeAddress],
        seed: u64,
        processes: bool,
    ) -> Result<Self, CliError> {
        let (stop, stopped) = watch::channel(false);
        let mut meters = Self { members: Vec::new(), simulators: Vec::new(), light: Vec::new(), stop };
        let payer = net.wallets.first().map(|w| Address::of_key(&w.key.public()));
        for (i, dir) in (0u64..).zip(&net.meters) {
            let simulator = Simulator::start(SimulatorConfig {
                listen: loopback(0),
                seed: seed.wrapping_mul(1_000).wrapping_add(i),
                start_ms: net.spec.genesis.time_ms.0,
                clock: system_clock(),
            })
            .await
            .map_err(|e| failed("meter", &e))?;
            let config = light_config(net, dir, simulator.address(), peers, payer);
            let key = wattle_meter::load_key(&config.key_file).map_err(|e| failed("meter", &e))?;
            meters.members.push(Member {
                name: format!("m{i}"),
                address: Address::of_key(&key.public()),
                modbus: simulator.address().to_string(),
            });
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

fn light_config(
    net: &Testnet,
    dir: &Path,
    meter: std::net::SocketAddr,
    peers: &[NodeAddress],
    fee_payer: Option<Address>,
) -> LightConfig {
    LightConfig {
        data_dir: dir.join("data"),
        key_file: dir.join("meter.key"),
        checkpoint: net.dir.join("checkpoint.json"),
        peers: peers.to_vec(),
        fee_payer,
        sample_interval_ms: SAMPLE_INTERVAL_MS,
        reading_interval_ms: READING_INTERVAL_MS,
        sync_interval_ms: 0,
        follow_interval_ms: READING_INTERVAL_MS,
        trust_clock: true,
        mdns: false,
        max_fee: MAX_FEE,
        queue_days: QUEUE_DAYS,
        meter: MeterConfig { address: meter, unit: 1, profile: "sdm630".into() },
    }
}

/// Starts `wattle-light`, which stands beside `wattle`; without it, `wattle light`.
fn spawn(dir: &Path, config: &LightConfig) -> Result<Child, CliError> {
    let path = dir.join("light.toml");
    let text = toml::to_string_pretty(config).map_err(|e| failed("light_config", &e))?;
    write(&path, &text).map_err(|e| failed("light_config", &e))?;
    let wattle = std::env::current_exe().map_err(|e| failed("spawn", &e))?;
    let slim: PathBuf = wattle.with_file_name("wattle-light");
    let mut command = if slim.exists() { Command::new(slim) } else { Command::new(wattle) };
    command.arg(if command.as_std().get_program().to_string_lossy().ends_with("wattle-light") {
        "run"
    } else {
        "light"
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
        .map_err(|e| failed("spawn", &e))
}
