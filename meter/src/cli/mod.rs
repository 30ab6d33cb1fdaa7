//! The light node's commands, for `wattle-light` and for `wattle light`.

mod anchor;
mod bind;
mod probe;
mod relay;
mod show;

use crate::config::{ConfigError, LightConfig};
use crate::follow::AnchorError;
use crate::relay::Order;
use crate::run::{LightError, run as run_light};
use crate::sensor::{BusError, ProfileError, SensorError};
use crate::status::StatusError;
use clap::{Args, Subcommand};
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use wattle_chain_spec::NodeAddress;
use wattle_host::FileError;
use wattle_host::key::{self, KeyError};
use wattle_primitives::reading::Registers;
use wattle_primitives::{Address, Hash};

pub use probe::{ProbeArgs, ProbeLine, Units, UnitsError};

/// Every option with its default, as it stands in the repository.
pub const EXAMPLE_CONFIG: &str = include_str!("../../light.example.toml");

/// The light node's commands.
#[derive(Clone, Debug, Subcommand)]
pub enum LightCommand {
    /// Run until SIGTERM or Ctrl-C.
    #[command(after_help = "Example:\n  wattle-light run --config /etc/wattle/light.toml")]
    Run(RunArgs),
    /// Make a meter key in a new file, and print the meter's address.
    #[command(after_help = "Example:\n  wattle-light keygen --out /etc/wattle/house.key")]
    Keygen {
        /// The file; must not exist.
        #[arg(long)]
        out: PathBuf,
    },
    /// Sign where a meter is to count: without that nobody can register it.
    #[command(after_help = "Example:\n  wattle-light bind --key /etc/wattle/house.key --checkpoint \
        /etc/wattle/checkpoint.json --microgrid 9f3a… --owner wat1… --config /etc/wattle/light.toml")]
    Bind(BindArgs),
    /// Show queues, trusted head and relay of a light node, running or not; of a running one credit and prices too.
    #[command(after_help = "Example:\n  wattle-light status --config /etc/wattle/light.toml")]
    Status(StatusArgs),
    /// Give a new checkpoint, after the trust period or when peers disagree. A running light node takes it at once.
    #[command(after_help = "Examples:\n  wattle-light anchor --config /etc/wattle/light.toml --checkpoint \
        new.json\n  wattle-light anchor --config /etc/wattle/light.toml --paste")]
    Anchor(AnchorArgs),
    /// Connect or disconnect by hand, or leave it to proven credit.
    #[command(after_help = "Example:\n  wattle-light relay disconnect --config /etc/wattle/light.toml")]
    Relay(RelayArgs),
    /// Print a configuration with every option and its default, or check one.
    #[command(after_help = "Examples:\n  wattle-light config --default > light.toml\n  wattle-light config \
        --check light.toml")]
    Config(ConfigArgs),
    /// Find out what answers on a line, and what to write into the configuration. Writes nothing to any meter.
    #[command(
        after_help = "Examples:\n  wattle-light probe --tcp 192.168.1.50:502\n  wattle-light probe --rtu \
        /dev/ttyUSB0 --baud 9600,2400 --parity none,even --units 1-20"
    )]
    Probe(ProbeArgs),
}

/// Options of `run`.
#[derive(Clone, Debug, Args)]
pub struct RunArgs {
    /// Configuration file.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// Also stop when standard input ends: for a program that starts light nodes and may be killed.
    #[arg(long)]
    pub stop_with_stdin: bool,
    /// Instead of `data_dir` in the file.
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Instead of `checkpoint` in the file.
    #[arg(long, value_name = "FILE")]
    pub checkpoint: Option<PathBuf>,
    /// Instead of `peers` in the file; may be given several times.
    #[arg(long = "peer", value_name = "ADDRESS")]
    pub peers: Vec<NodeAddress>,
    /// Instead of `reading_interval_ms` in the file.
    #[arg(long, value_name = "MS")]
    pub reading_interval_ms: Option<u64>,
    /// Instead of `status_listen` in the file; empty for no status page.
    #[arg(long, value_name = "ADDRESS")]
    pub status_listen: Option<String>,
}

/// Options of `bind`.
#[derive(Clone, Debug, Args)]
#[command(group = clap::ArgGroup::new("on").required(true).args(["chain", "checkpoint"]))]
#[command(group = clap::ArgGroup::new("where").required(true).args(["microgrid", "replaces"]))]
pub struct BindArgs {
    /// The meter's key file.
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// Genesis hash of the chain.
    #[arg(long, value_name = "HASH", env = "WATTLE_CHAIN")]
    pub chain: Option<Hash>,
    /// A checkpoint of the chain, which names it as well.
    #[arg(long, value_name = "FILE")]
    pub checkpoint: Option<PathBuf>,
    /// The microgrid, for a new connection.
    #[arg(long, value_name = "ID", requires = "owner")]
    pub microgrid: Option<Hash>,
    /// Account that the energy is booked to.
    #[arg(long, value_name = "ADDRESS", requires = "microgrid")]
    pub owner: Option<Address>,
    /// The meter whose place it takes, for a swap.
    #[arg(long, value_name = "ADDRESS")]
    pub replaces: Option<Address>,
    /// The light node's configuration file: the meter with this key is read, and opens at what it shows.
    #[arg(long, value_name = "FILE", conflicts_with = "replaces")]
    pub config: Option<PathBuf>,
    /// Its name there, where the key cannot be told by its file.
    #[arg(long, value_name = "NAME", requires = "config")]
    pub meter: Option<String>,
    /// Its opening registers instead: import/export@ms, each register as words in hex, separated by commas.
    #[arg(long, value_name = "REGISTERS", conflicts_with_all = ["replaces", "config"])]
    pub opening: Option<Registers>,
}

/// Options of `status`.
#[derive(Clone, Debug, Args)]
#[group(required = true, multiple = false)]
pub struct StatusArgs {
    /// The light node's configuration file.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Its data directory.
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
}

/// Options of `anchor`.
#[derive(Clone, Debug, Args)]
pub struct AnchorArgs {
    /// The light node's configuration file.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// Where the checkpoint comes from.
    #[command(flatten)]
    pub source: AnchorSource,
    /// This computer's clock is wrong, and you know that the checkpoint is new.
    #[arg(long)]
    pub clock_is_wrong: bool,
    /// Do not wait for a running light node to take it.
    #[arg(long)]
    pub no_wait: bool,
}

/// Where a checkpoint comes from.
#[derive(Clone, Debug, Args)]
#[group(required = true, multiple = false)]
pub struct AnchorSource {
    /// A file.
    #[arg(long, value_name = "FILE")]
    pub checkpoint: Option<PathBuf>,
    /// Standard input, up to its end.
    #[arg(long)]
    pub paste: bool,
}

/// Options of `relay`.
#[derive(Clone, Debug, Args)]
pub struct RelayArgs {
    /// The order.
    #[arg(value_enum)]
    pub order: Order,
    /// The light node's configuration file.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// Do not wait for a running light node to obey.
    #[arg(long)]
    pub no_wait: bool,
}

/// Options of `config`.
#[derive(Clone, Debug, Args)]
#[group(required = true, multiple = false)]
pub struct ConfigArgs {
    /// Print every option with its default.
    #[arg(long)]
    pub default: bool,
    /// Check a file, the checkpoint and the keys that it names: everything that does not need the network.
    #[arg(long, value_name = "FILE")]
    pub check: Option<PathBuf>,
}

/// Reasons why a command failed.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each says itself what failed")]
pub enum LightCliError {
    #[error("configuration")]
    Config(#[source] ConfigError),
    #[error("key")]
    Key(#[source] KeyError),
    #[error("light node")]
    Run(#[source] LightError),
    #[error("status")]
    Status(#[source] StatusError),
    #[error("new checkpoint")]
    Anchor(#[source] AnchorError),
    #[error("the running light node refused the checkpoint; its log says why")]
    AnchorRefused,
    #[error("order for the relay")]
    Relay(#[source] FileError),
    #[error("the configuration has no [relay]")]
    NoRelay,
    #[error("expected --microgrid, --owner and --config or --opening, or --replaces; and a chain")]
    NoPlace,
    /// No meter of the configuration has the key.
    #[error("no meter in the configuration has this key or name")]
    NotConfigured,
    /// It was read, and shows no energy.
    #[error("the meter does not count yet")]
    NoCounters,
    /// The meter is not configured as it must be.
    #[error("the meter cannot be read as configured")]
    Meter(#[source] BusError),
    /// It does not answer.
    #[error("the meter cannot be read")]
    Unread(#[source] SensorError),
    #[error("checkpoint")]
    Checkpoint(#[source] wattle_chain_spec::CheckpointError),
    #[error("profile")]
    Profile(#[source] ProfileError),
    #[error("{what} is out of range")]
    Link { what: &'static str },
    #[error("nothing answers")]
    NothingAnswers,
    #[error("cannot read standard input")]
    Stdin(#[source] std::io::Error),
    #[error("cannot write the answer")]
    Stdout(#[source] std::io::Error),
}

impl LightCliError {
    /// The stable code that programs match on.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Config(_) => "light_config",
            Self::Key(_) => "light_key",
            Self::Run(_) => "light",
            Self::Status(_) => "light_status",
            Self::Anchor(_) | Self::AnchorRefused => "light_anchor",
            Self::Relay(_) | Self::NoRelay => "light_relay",
            Self::NoPlace | Self::NotConfigured | Self::NoCounters | Self::Meter(_) | Self::Unread(_) => {
                "light_bind"
            }
            Self::Checkpoint(_) => "light_checkpoint",
            Self::Profile(_) | Self::Link { .. } | Self::NothingAnswers => "light_probe",
            Self::Stdin(_) | Self::Stdout(_) => "io",
        }
    }
}

/// Does what `command` says and prints what there is to print, as JSON when `json`. `run` ends when `stop` completes;
/// logging is the caller's to set up. Boxed, so that all of it is compiled here, once, and not with every program.
///
/// # Errors
/// [`LightCliError`].
pub fn run<'a>(
    command: &'a LightCommand,
    json: bool,
    stop: Pin<Box<dyn Future<Output = ()> + 'a>>,
) -> Pin<Box<dyn Future<Output = Result<(), LightCliError>> + 'a>> {
    Box::pin(execute(command, json, stop))
}

async fn execute(
    command: &LightCommand,
    json: bool,
    stop: Pin<Box<dyn Future<Output = ()> + '_>>,
) -> Result<(), LightCliError> {
    match command {
        LightCommand::Run(args) => {
            let config = configured(args).map_err(LightCliError::Config)?;
            run_light(config, stop).await.map_err(LightCliError::Run)
        }
        LightCommand::Keygen { out } => {
            let key = key::generate(out).map_err(LightCliError::Key)?;
            let address = Address::of_key(&key);
            show::print(json, &serde_json::json!({"address": address, "publicKey": key, "file": out}), || {
                format!("address     {address}\npublic key  {key}\nkey file    {}", out.display())
            })
        }
        LightCommand::Bind(args) => bind::bind(args, json).await,
        LightCommand::Status(args) => show::status(args, json),
        LightCommand::Anchor(args) => anchor::give(args, json).await,
        LightCommand::Relay(args) => relay::give(args, json).await,
        LightCommand::Config(args) => show::config(args, json),
        LightCommand::Probe(args) => probe::probe(args, json).await,
    }
}

fn configured(args: &RunArgs) -> Result<LightConfig, ConfigError> {
    let mut config = LightConfig::load(&args.config)?;
    config.data_dir = args.data_dir.clone().unwrap_or(config.data_dir);
    config.checkpoint = args.checkpoint.clone().unwrap_or(config.checkpoint);
    if !args.peers.is_empty() {
        config.peers.clone_from(&args.peers);
    }
    config.reading_interval_ms = args.reading_interval_ms.unwrap_or(config.reading_interval_ms);
    config.status_listen = args.status_listen.clone().unwrap_or(config.status_listen);
    Ok(config)
}
