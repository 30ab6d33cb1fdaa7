//! `wattle energy`: microgrids, meters, readings.

use super::query::{self, PageArgs};
use super::secret::address_of;
use super::send::{SendArgs, execute};
use super::{CliError, CliResult, Ctx, output};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;
use wattle_primitives::call::EnergyCall;
use wattle_primitives::call::energy::microgrid_id;
use wattle_primitives::reading::RegisterEncoding;
use wattle_primitives::{AssetId, Call, Hash, PublicKey, TimeMs};

const EXAMPLES: &str = "Examples:
  wattle energy register-microgrid --from alice --interval-minutes 15
  wattle energy register-meter --from alice --microgrid 9f3a… --key 12ab… --owner bob
  wattle energy meters --microgrid 9f3a…
  wattle energy readings wat1… --limit 10 --json";

/// Arguments of `energy`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, arg_required_else_help = true)]
pub struct EnergyArgs {
    #[command(subcommand)]
    command: EnergyCommand,
}

#[derive(Debug, Subcommand)]
enum EnergyCommand {
    /// Register a microgrid operated by the sender. Prints its id before it is sent.
    #[command(after_help = "Example:\n  wattle energy register-microgrid --from alice --interval-minutes 15")]
    RegisterMicrogrid(MicrogridArgs),
    /// Register a meter; by the microgrid's operator only.
    #[command(
        after_help = "Example:\n  wattle energy register-meter --from alice --microgrid 9f3a… --key 12ab… --owner bob"
    )]
    RegisterMeter(MeterArgs),
    /// List microgrids.
    #[command(after_help = "Example:\n  wattle energy microgrids")]
    Microgrids(PageArgs),
    /// List meters with their last readings.
    #[command(
        after_help = "Examples:\n  wattle energy meters\n  wattle energy meters --microgrid 9f3a… --json"
    )]
    Meters(MetersArgs),
    /// A meter's accepted readings, newest first.
    #[command(after_help = "Example:\n  wattle energy readings wat1… --limit 10")]
    Readings(ReadingsArgs),
}

#[derive(Debug, Args)]
struct MicrogridArgs {
    /// Makes the id, together with the operator's address: 64 hex digits, random when absent.
    #[arg(long, value_name = "HEX")]
    reference: Option<Hash>,
    /// Asset in which energy is settled.
    #[arg(long, value_name = "ASSET", default_value_t = 0)]
    asset: u32,
    /// Length of a settlement interval in minutes; must divide a day.
    #[arg(long, value_name = "MINUTES", default_value_t = 15, value_parser = clap::value_parser!(u64).range(1..=1440))]
    interval_minutes: u64,
    #[command(flatten)]
    send: SendArgs,
}

#[derive(Debug, Args)]
struct MeterArgs {
    /// The microgrid's id.
    #[arg(long, value_name = "HASH")]
    microgrid: Hash,
    /// Public key that signs the readings.
    #[arg(long, value_name = "KEY")]
    key: PublicKey,
    /// Account that the energy is booked to: an address, or the name of a key.
    #[arg(long, value_name = "ADDRESS")]
    owner: String,
    /// How the meter encodes its energy registers.
    #[arg(long, value_name = "ENCODING", default_value = "float32-kwh")]
    encoding: Encoding,
    #[command(flatten)]
    send: SendArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Encoding {
    /// Two words, IEEE 754, kWh (Eastron SDM).
    Float32Kwh,
    /// Two words, unsigned, Wh.
    Uint32Wh,
    /// Four words, unsigned, Wh.
    Uint64Wh,
}

#[derive(Debug, Args)]
struct MetersArgs {
    /// Only those of this microgrid.
    #[arg(long, value_name = "HASH")]
    microgrid: Option<Hash>,
    #[command(flatten)]
    page: PageArgs,
}

#[derive(Debug, Args)]
struct ReadingsArgs {
    /// The meter: the address of its key.
    meter: wattle_primitives::Address,
    #[command(flatten)]
    page: PageArgs,
}

/// Runs `energy`.
///
/// # Errors
/// [`CliError`].
pub async fn run(args: EnergyArgs, ctx: &Ctx) -> CliResult {
    match args.command {
        EnergyCommand::RegisterMicrogrid(args) => register_microgrid(&args, ctx).await,
        EnergyCommand::RegisterMeter(args) => register_meter(&args, ctx).await,
        EnergyCommand::Microgrids(page) => {
            query::ask(ctx, "energy_listMicrogrids", page.add_to(json!({}))).await
        }
        EnergyCommand::Meters(args) => {
            let mut params = args.page.add_to(json!({}));
            if let Some(microgrid) = args.microgrid {
                params["microgrid"] = microgrid.to_string().into();
            }
            query::ask(ctx, "energy_listMeters", params).await
        }
        EnergyCommand::Readings(args) => {
            query::ask(ctx, "energy_listReadings", args.page.add_to(json!({ "meter": args.meter }))).await
        }
    }
}

async fn register_microgrid(args: &MicrogridArgs, ctx: &Ctx) -> CliResult {
    let reference = match args.reference {
        Some(reference) => reference,
        None => random()?,
    };
    let operator = args.send.tx.sender(&args.send.signer, ctx)?;
    let id = microgrid_id(&operator, &reference);
    output::note(&format!("microgrid {id}"));
    let interval_ms = TimeMs(args.interval_minutes.saturating_mul(60_000));
    let call = EnergyCall::RegisterMicrogrid { reference, asset: AssetId(args.asset), interval_ms };
    execute(vec![Call::Energy(call)], &format!("register microgrid {id}"), &args.send, ctx).await
}

async fn register_meter(args: &MeterArgs, ctx: &Ctx) -> CliResult {
    let encoding = match args.encoding {
        Encoding::Float32Kwh => RegisterEncoding::Float32Kwh,
        Encoding::Uint32Wh => RegisterEncoding::Uint32Wh,
        Encoding::Uint64Wh => RegisterEncoding::Uint64Wh,
    };
    let owner = address_of(&args.owner, ctx)?;
    let meter = wattle_primitives::Address::of_key(&args.key);
    let call = EnergyCall::RegisterMeter { microgrid: args.microgrid, key: args.key, owner, encoding };
    execute(vec![Call::Energy(call)], &format!("register meter {meter} for {owner}"), &args.send, ctx).await
}

fn random() -> Result<Hash, CliError> {
    let mut bytes = [0u8; 32];
    getrandom::fill(&mut bytes).map_err(crate::keystore::KeystoreError::Entropy)?;
    Ok(Hash(bytes))
}
