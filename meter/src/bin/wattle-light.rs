//! `wattle-light`: the light node as a program of its own.

use clap::{Args, Parser, Subcommand};
use std::error::Error;
use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;
use wattle_chain_spec::NodeAddress;
use wattle_meter::{LightConfig, generate_key, run, status};
use wattle_primitives::Address;

/// Reads a meter, signs its readings and brings them to a Wattle chain.
#[derive(Parser)]
#[command(name = "wattle-light", version)]
struct Cli {
    /// Write JSON instead of text.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run until SIGTERM or Ctrl-C.
    Run(RunArgs),
    /// Make a meter key in a new file, and print the meter's address.
    Keygen {
        /// The file; must not exist.
        #[arg(long)]
        out: PathBuf,
    },
    /// Show queue and trusted head of a data directory.
    Status {
        /// The data directory.
        #[arg(long)]
        data_dir: PathBuf,
    },
}

#[derive(Args)]
struct RunArgs {
    /// Configuration file.
    #[arg(long)]
    config: PathBuf,
    /// Instead of `data_dir` in the file.
    #[arg(long)]
    data_dir: Option<PathBuf>,
    /// Instead of `key_file` in the file.
    #[arg(long)]
    key_file: Option<PathBuf>,
    /// Instead of `checkpoint` in the file.
    #[arg(long)]
    checkpoint: Option<PathBuf>,
    /// Instead of `peers` in the file; may be given several times.
    #[arg(long = "peer")]
    peers: Vec<NodeAddress>,
    /// Instead of `meter.address` in the file.
    #[arg(long)]
    meter: Option<SocketAddr>,
    /// Instead of `meter.profile` in the file.
    #[arg(long)]
    profile: Option<String>,
    /// Instead of `reading_interval_ms` in the file.
    #[arg(long)]
    reading_interval_ms: Option<u64>,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match dispatch(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(cli.json, error.as_ref());
            ExitCode::FAILURE
        }
    }
}

fn dispatch(cli: &Cli) -> Result<(), Box<dyn Error>> {
    match &cli.command {
        Command::Run(args) => run_until_signal(args, cli.json),
        Command::Keygen { out } => {
            let key = generate_key(out)?;
            let address = Address::of_key(&key);
            if cli.json {
                println!("{}", serde_json::json!({"address": address, "publicKey": key, "file": out}));
            } else {
                println!("address     {address}\npublic key  {key}\nkey file    {}", out.display());
            }
            Ok(())
        }
        Command::Status { data_dir } => {
            let status = status(data_dir)?;
            if cli.json {
                println!("{}", serde_json::to_string(&status)?);
                return Ok(());
            }
            println!("waiting     {}\nlast seq    {}", status.queue_depth, status.last_seq);
            println!("acked seq   {}\ndropped     {}", status.acked_seq, status.dropped);
            match status.trusted {
                Some(t) => println!("trusted     height {} of {} ({})", t.height, t.chain_id, t.hash.short()),
                None => println!("trusted     nothing yet"),
            }
            Ok(())
        }
    }
}

fn run_until_signal(args: &RunArgs, json: bool) -> Result<(), Box<dyn Error>> {
    let filter = EnvFilter::try_from_env("WATTLE_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    if json {
        logs.json().init()
    } else {
        logs.init()
    }
    let config = configured(args)?;
    // One thread for everything but the disk: a light node has little to do, and threads cost memory.
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(2).build()?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let stop = async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        run(config, stop).await.map_err(Into::into)
    })
}

fn configured(args: &RunArgs) -> Result<LightConfig, Box<dyn Error>> {
    let mut config = LightConfig::load(&args.config)?;
    config.data_dir = args.data_dir.clone().unwrap_or(config.data_dir);
    config.key_file = args.key_file.clone().unwrap_or(config.key_file);
    config.checkpoint = args.checkpoint.clone().unwrap_or(config.checkpoint);
    if !args.peers.is_empty() {
        config.peers.clone_from(&args.peers);
    }
    config.meter.address = args.meter.unwrap_or(config.meter.address);
    config.meter.profile = args.profile.clone().unwrap_or(config.meter.profile);
    config.reading_interval_ms = args.reading_interval_ms.unwrap_or(config.reading_interval_ms);
    Ok(config)
}

/// Prints an error with everything below it.
fn report(json: bool, error: &dyn Error) {
    let mut causes = Vec::new();
    let mut next = Some(error);
    while let Some(cause) = next {
        causes.push(cause.to_string());
        next = cause.source();
    }
    if json {
        println!("{}", serde_json::json!({"error": causes.join(": ")}));
    } else {
        eprintln!("error: {}", causes.join(": "));
    }
}
