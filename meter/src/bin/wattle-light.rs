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
use wattle_meter::{LightConfig, generate_key, run, status, stdin_closed};
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
    /// Show queue and trusted head of a light node.
    Status(StatusArgs),
}

#[derive(Args)]
#[group(required = true, multiple = false)]
struct StatusArgs {
    /// The light node's configuration file.
    #[arg(long)]
    config: Option<PathBuf>,
    /// Its data directory.
    #[arg(long)]
    data_dir: Option<PathBuf>,
}

impl StatusArgs {
    fn data_dir(&self) -> Result<PathBuf, Box<dyn Error>> {
        match (&self.data_dir, &self.config) {
            (Some(dir), _) => Ok(dir.clone()),
            (None, Some(config)) => Ok(LightConfig::load(config)?.data_dir),
            (None, None) => Err("name the light node by --config or --data-dir".into()),
        }
    }
}

#[derive(Args)]
struct RunArgs {
    /// Configuration file.
    #[arg(long)]
    config: PathBuf,
    /// Also stop when standard input ends: for a program that starts light nodes and may be killed.
    #[arg(long)]
    stop_with_stdin: bool,
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
    keep_secrets();
    let cli = Cli::parse();
    match dispatch(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(cli.json, error.as_ref());
            ExitCode::FAILURE
        }
    }
}

/// No core dump and no other process of this user may hold the meter's key, and no file is made that others can read.
/// Where the system refuses a limit the program is still of use.
fn keep_secrets() {
    let none = rustix::process::Rlimit { current: Some(0), maximum: Some(0) };
    let _ = rustix::process::setrlimit(rustix::process::Resource::Core, none);
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
    rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
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
        Command::Status(args) => {
            let status = status(&args.data_dir()?)?;
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
        let parent_gone = args.stop_with_stdin;
        let stop = async move {
            tokio::select! {
                () = stdin_closed(), if parent_gone => {}
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
