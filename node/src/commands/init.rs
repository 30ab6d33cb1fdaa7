//! `wattle init`.

use crate::home::{Home, NodeConfigFile, P2P_PORT, P2pSection, RpcSection, listen_on};
use crate::launch::node_key;
use crate::testnet::{Layout, loopback};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;
use std::path::PathBuf;
use wattle_chain_spec::{ChainSpec, Preset};
use wattle_cli::{CliError, CliResult, Ctx, Report};
use wattle_primitives::{Epoch, SecretKey};

/// Options of `wattle init`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Examples:\n  wattle init node --home ~/wattle --genesis genesis.toml --validator\n  wattle init testnet --validators 4 --out ./village"
)]
pub struct InitArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Clone, Debug, Subcommand)]
enum What {
    /// One node, for a chain that exists.
    Node(NodeArgs),
    /// A new network: genesis and one directory for each validator.
    Testnet(TestnetArgs),
}

#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Example:\n  wattle init node --home ~/wattle --genesis genesis.toml --validator --peer /ip4/10.0.0.2/tcp/8650/p2p/12D3…"
)]
struct NodeArgs {
    /// Directory to write.
    #[arg(long, value_name = "DIR")]
    home: PathBuf,
    /// The chain specification, the same on every node.
    #[arg(long, value_name = "FILE")]
    genesis: PathBuf,
    /// Also make a validator key. It votes once the chain's validator set names it.
    #[arg(long)]
    validator: bool,
    /// Peers to stay connected with, as multiaddrs that end in /p2p/<id>.
    #[arg(long = "peer", value_name = "MULTIADDR")]
    peers: Vec<wattle_chain_spec::NodeAddress>,
    /// Port to listen on for peers, TCP and QUIC.
    #[arg(long, default_value_t = P2P_PORT)]
    p2p_port: u16,
    /// Port of the JSON-RPC interface, on loopback.
    #[arg(long, default_value_t = wattle_rpc::server::DEFAULT_PORT)]
    rpc_port: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum PresetArg {
    /// One machine: fast blocks, generous limits.
    Devnet,
    /// A village or campus: slow links, long outages, SD cards.
    Microgrid,
}

#[derive(Clone, Debug, Args)]
#[command(after_help = "Example:\n  wattle init testnet --validators 4 --preset microgrid --out ./village")]
struct TestnetArgs {
    /// Number of validators.
    #[arg(long, default_value_t = 4)]
    validators: u16,
    /// Number of meters.
    #[arg(long, default_value_t = 0)]
    meters: u16,
    /// Directory to write.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Preset of the chain's parameters.
    #[arg(long, value_enum, default_value = "devnet")]
    preset: PresetArg,
    /// Name of the chain.
    #[arg(long, default_value = "wattle-testnet")]
    chain_id: String,
    /// Derive every key from this number instead of drawing them: for tests only, anybody can derive them too.
    #[arg(long)]
    seed: Option<u64>,
    /// Double the last validator's power from this epoch on.
    #[arg(long, value_name = "EPOCH")]
    set_change: Option<u64>,
    /// Heights in an epoch, instead of the preset's.
    #[arg(long, value_name = "HEIGHTS")]
    epoch_length: Option<u64>,
    /// Shortest time between two blocks in milliseconds, instead of the preset's.
    #[arg(long, value_name = "MS")]
    block_interval_ms: Option<u64>,
    /// Port of the first validator for peers, the others follow; 0 takes any that are free now.
    #[arg(long, default_value_t = 0)]
    p2p_port: u16,
    /// Port of the first validator's JSON-RPC interface, the others follow; 0 leaves the choice to each start.
    #[arg(long, default_value_t = wattle_rpc::server::DEFAULT_PORT)]
    rpc_port: u16,
}

/// Writes directories.
///
/// # Errors
/// When a directory is in use, or something cannot be written.
pub(super) fn run(args: InitArgs, _ctx: &Ctx) -> CliResult {
    match args.what {
        What::Node(args) => node(&args),
        What::Testnet(args) => testnet(args),
    }
}

fn node(args: &NodeArgs) -> CliResult {
    let spec = ChainSpec::load(&args.genesis).map_err(|e| CliError::failed("genesis", &e))?;
    let entropy =
        |e: getrandom::Error| CliError::Other { code: "entropy", message: e.to_string(), hint: None };
    let node = SecretKey::generate().map_err(entropy)?;
    let validator = if args.validator { Some(SecretKey::generate().map_err(entropy)?) } else { None };
    let home = Home::new(&args.home);
    let config = NodeConfigFile {
        name: home.path().file_name().map_or_else(|| "node".into(), |n| n.to_string_lossy().into_owned()),
        p2p: P2pSection {
            listen: listen_on(args.p2p_port),
            persistent: args.peers.clone(),
            ..P2pSection::default()
        },
        rpc: RpcSection { listen: loopback(args.rpc_port), ..RpcSection::default() },
        ..NodeConfigFile::default()
    };
    home.create(&config, &spec, &node, validator.as_ref())
        .map_err(|e| CliError::failed("node_directory", &e))?;
    let peer = node_key(&node).map_err(|e| CliError::failed("node_key", &e))?.peer_id().to_string();
    let public = validator.as_ref().map(SecretKey::public);
    let json = json!({ "home": home.path(), "peerId": peer, "validatorKey": public });
    let text = format!(
        "wrote {}\npeer id        {peer}\nvalidator key  {}\nstart with     wattle run --home {}",
        home.path().display(),
        public.map_or_else(|| "none".into(), |key| key.to_string()),
        home.path().display()
    );
    Ok(Report::new(json, text))
}

fn testnet(args: TestnetArgs) -> CliResult {
    let layout = Layout {
        preset: match args.preset {
            PresetArg::Devnet => Preset::Devnet,
            PresetArg::Microgrid => Preset::Microgrid,
        },
        chain_id: args.chain_id,
        validators: args.validators,
        meters: args.meters,
        seed: args.seed,
        time_ms: wattle_host::wall::now(),
        set_change: args.set_change.map(Epoch),
        epoch_length: args.epoch_length,
        block_interval_ms: args.block_interval_ms,
        idle_interval_ms: None,
        terms: None,
        feeder: false,
        accounts: Vec::new(),
    };
    let net = layout.create(&args.out).map_err(|e| CliError::failed("layout", &e))?;
    net.connect(args.p2p_port, args.rpc_port).map_err(|e| CliError::failed("layout", &e))?;
    let homes: Vec<_> = net.homes.iter().map(|h| h.path().to_owned()).collect();
    let json = json!({ "dir": net.dir, "genesisHash": net.genesis_hash, "homes": homes });
    let mut text = format!("wrote {} for chain {}\n", net.dir.display(), net.genesis_hash);
    for home in homes {
        text.push_str(&format!("  wattle run --home {}\n", home.display()));
    }
    Ok(Report::new(json, text))
}
