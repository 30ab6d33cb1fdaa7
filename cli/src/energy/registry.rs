//! Microgrids, terms, members, meters.

use super::{
    CliError, CliResult, Ctx, SendArgs, asset_of, call, execute, mandate, money_of, output, reference,
};
use crate::secret::address_of;
use clap::{Args, ValueEnum};
use std::path::PathBuf;
use std::str::FromStr;
use wattle_host::{FileError, file};
use wattle_primitives::call::energy::{DAY_MINUTES, Terms, microgrid_id};
use wattle_primitives::reading::{EXPONENT_MAX, EXPONENT_MIN, MeterRole, RegisterEncoding, Registers};
use wattle_primitives::{Address, AssetId, Call, Hash, PublicKey, Signature, TimeMs, call};

/// Longest file of terms, bytes.
const TERMS_BYTES_MAX: u64 = 64 * 1024;

pub(super) const TERMS_EXAMPLE: &str = "Example:
  wattle energy set-terms --from alice --microgrid 9f3a… --file terms.toml

  terms.toml (prices in base units per kWh):
    clearing = \"pay_as_bid\"          # tariff, pay_as_bid, uniform, mid_market
    utcOffsetMinutes = 180
    gateClosureMs = \"300000\"
    graceMs = \"60000\"
    lateWindowMs = \"86400000\"
    feePerKwh = \"5000\"
    losses = \"pro_rata\"              # operator, pro_rata
    lossPermilleMax = 30
    creditLimit = \"50000000\"
    disputeVotes = 0
    noticeMs = \"604800000\"           # new terms hold a week after they are set at the earliest
    # base units; monthly, a kW of a month's highest power, a connection; taxes in thousandths
    fees = { monthly = \"2000000\", demandPerKw = \"500000\", connection = \"9000000\", taxes = [
      { code = 16, permille = 160, on = [\"energy\", \"monthly\", \"demand\", \"connection\"] },
    ] }
    tariff = [
      { fromMinute = 0, importPrice = \"200000\", exportPrice = \"80000\" },
      { fromMinute = 1080, importPrice = \"350000\", exportPrice = \"80000\" },
    ]";

#[derive(Debug, Args)]
pub(super) struct MicrogridArgs {
    /// Makes the id, together with the operator's address: 64 hex digits, random when absent.
    #[arg(long, value_name = "HEX")]
    reference: Option<Hash>,
    /// Asset in which energy is settled.
    #[arg(long, value_name = "ASSET", default_value_t = 0)]
    asset: u32,
    /// Length of a settlement interval in minutes; must divide a day.
    #[arg(long, value_name = "MINUTES", default_value_t = 15, value_parser = part_of_a_day)]
    interval_minutes: u64,
    /// Give no mandate along: then what its tab owes its members waits there until the operator pays it.
    #[arg(long)]
    no_mandate: bool,
    #[command(flatten)]
    send: SendArgs,
}

#[derive(Debug, Args)]
pub(super) struct SetTermsArgs {
    /// The microgrid's id.
    #[arg(long, value_name = "HASH")]
    microgrid: Hash,
    /// TOML file with the terms.
    #[arg(long, value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    send: SendArgs,
}

#[derive(Debug, Args)]
pub(super) struct SetMemberArgs {
    /// The microgrid's id.
    #[arg(long, value_name = "HASH")]
    microgrid: Hash,
    /// The account: an address, or the name of a key.
    #[arg(long, value_name = "ADDRESS")]
    account: String,
    /// The most that it may owe: 5, "5 KES", or "5000000 base" for base units; the terms' limit when absent.
    #[arg(long, value_name = "AMOUNT")]
    credit_limit: Option<String>,
    #[command(flatten)]
    send: SendArgs,
}

#[derive(Debug, Args)]
pub(super) struct MeterArgs {
    /// The microgrid's id.
    #[arg(long, value_name = "HASH")]
    microgrid: Hash,
    /// Public key that signs the readings.
    #[arg(long, value_name = "KEY")]
    key: PublicKey,
    /// Opening registers, as `wattle-light bind` prints them.
    #[arg(long, value_name = "REGISTERS")]
    opening: Registers,
    /// The meter's consent: what `wattle-light bind` prints for this microgrid, owner and opening.
    #[arg(long, value_name = "SIGNATURE")]
    binding: Signature,
    /// Account that the energy is booked to: an address, or the name of a key.
    #[arg(long, value_name = "ADDRESS")]
    owner: String,
    /// How the meter encodes its energy registers: float32-kwh, uint32-wh, uint64-wh, or acc32:EXPONENT.
    #[arg(long, value_name = "ENCODING", default_value = "float32-kwh")]
    encoding: Encoding,
    /// Where it stands.
    #[arg(long, value_name = "ROLE", default_value = "sub")]
    role: Role,
    /// Most power that can flow through it, W: a reading that would need more is refused.
    #[arg(long, value_name = "W", default_value_t = 69_000, value_parser = clap::value_parser!(u32).range(1..))]
    power_max_w: u32,
    #[command(flatten)]
    send: SendArgs,
}

/// A meter's encoding, as it is written on the command line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Encoding(pub(super) RegisterEncoding);

impl FromStr for Encoding {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "expected float32-kwh, uint32-wh, uint64-wh, or acc32:EXPONENT with {EXPONENT_MIN} to {EXPONENT_MAX}"
            )
        };
        let encoding = match text {
            "float32-kwh" => RegisterEncoding::Float32Kwh,
            "uint32-wh" => RegisterEncoding::Uint32Wh,
            "uint64-wh" => RegisterEncoding::Uint64Wh,
            other => {
                let exponent = other.strip_prefix("acc32:").and_then(|text| text.parse().ok());
                RegisterEncoding::Acc32 { exponent: exponent.ok_or_else(wrong)? }
            }
        };
        if encoding.is_valid() { Ok(Self(encoding)) } else { Err(wrong()) }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Role {
    /// At a member's connection: its energy is billed.
    Sub,
    /// Where the microgrid meets the grid outside: what the others are compared with.
    Feeder,
}

/// Minutes that divide a day: so intervals begin at the same times every day.
fn part_of_a_day(text: &str) -> Result<u64, String> {
    let day = u64::from(DAY_MINUTES);
    match text.parse() {
        Ok(minutes) if day.checked_rem(minutes) == Some(0) => Ok(minutes),
        _ => Err("expected minutes that divide a day, such as 5, 15, 30 or 60".into()),
    }
}

pub(super) async fn register_microgrid(args: &MicrogridArgs, ctx: &Ctx) -> CliResult {
    let reference = reference(args.reference)?;
    let operator = args.send.on_behalf_of(ctx).await?;
    let id = microgrid_id(&operator, &reference);
    output::note(&format!("microgrid {id}"));
    let interval_ms = TimeMs(args.interval_minutes.saturating_mul(60_000));
    let register =
        Call::from(call::energy::RegisterMicrogrid { reference, asset: AssetId(args.asset), interval_ms });
    // A grant makes no mandate: what it lets settlement take would outlive it.
    let consent = (!args.no_mandate && args.send.tx.grant.is_none()).then(|| mandate::unlimited(id));
    let calls = [register].into_iter().chain(consent).collect();
    execute(calls, &format!("register microgrid {id}"), &args.send, ctx).await
}

pub(super) async fn set_terms(args: &SetTermsArgs, ctx: &Ctx) -> CliResult {
    let bytes = file::read(&args.file, TERMS_BYTES_MAX, false).map_err(|error| match error {
        FileError::TooLong { bytes_max, .. } => {
            CliError::Usage { detail: format!("terms have at most {bytes_max} bytes") }
        }
        other => other.into(),
    })?;
    let terms: Terms = toml::from_slice(&bytes).map_err(|e| CliError::input("terms", e))?;
    if let Some(rule) = terms.out_of_range() {
        return Err(CliError::Usage { detail: format!("terms out of range: {rule}") });
    }
    let set = Call::from(call::energy::SetTerms { microgrid: args.microgrid, terms: Box::new(terms) });
    call(set, &format!("set terms of microgrid {}", args.microgrid), &args.send, ctx).await
}

pub(super) async fn set_member(args: &SetMemberArgs, ctx: &Ctx) -> CliResult {
    let account = address_of(&args.account, ctx)?;
    let credit_limit = match &args.credit_limit {
        Some(text) => Some(money_of(text, &asset_of(&ctx.client()?, &args.microgrid).await?)?),
        None => None,
    };
    let set = Call::from(call::energy::SetMember { microgrid: args.microgrid, account, credit_limit });
    call(set, &format!("set member {account}"), &args.send, ctx).await
}

pub(super) async fn register_meter(args: &MeterArgs, ctx: &Ctx) -> CliResult {
    let owner = address_of(&args.owner, ctx)?;
    let meter = Address::of_key(&args.key);
    let role = match args.role {
        Role::Sub => MeterRole::Sub,
        Role::Feeder => MeterRole::Feeder,
    };
    let register = Call::from(call::energy::RegisterMeter {
        microgrid: args.microgrid,
        key: args.key,
        owner,
        encoding: args.encoding.0,
        role,
        power_max_w: args.power_max_w,
        opening: Box::new(args.opening.clone()),
        binding: args.binding,
    });
    call(register, &format!("register meter {meter} for {owner}"), &args.send, ctx).await
}

#[cfg(test)]
#[path = "registry_tests.rs"]
mod tests;
