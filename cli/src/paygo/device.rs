//! `wattle paygo device`.

use super::{CliError, CliResult, Ctx, DAY_MS, PageArgs, SendArgs, device_of, query, usage};
use crate::input::reference;
use crate::output;
use crate::secret::address_of;
use crate::send::execute;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;
use std::str::FromStr;
use wattle_primitives::call::paygo::{
    Contract, CreditUnit, FirmwareProfile, RegisterDevice, SetDevice, device_id,
};
use wattle_primitives::{Address, Call, Hash, PublicKey, TimeMs, WattHours};
use wattle_rpc_types::{DeviceInfo, DeviceList, DeviceState};

/// Milliseconds of an hour.
const HOUR_MS: u64 = 3600 * 1000;
/// Word that takes something off a device.
const NONE: &str = "none";

#[derive(Debug, Subcommand)]
pub(super) enum DeviceCommand {
    /// Register a device of the sender's. Prints its id before it is sent.
    #[command(
        after_help = "Examples:\n  wattle paygo device add --from alice --unit wh:100 --profile c-firmware\n  wattle paygo device add --from alice --unit days:1 --divider 4 --count 30\n\n\
        No serial number goes along: the id is made of the reference, which is random. Keep which is which."
    )]
    Add(AddArgs),
    /// Change whose a device is, and who speaks for it; what is not named stays. `none` takes something off.
    #[command(
        after_help = "Examples:\n  wattle paygo device set 5f1c… --from alice --owner bob --gateway wat1…\n  wattle paygo device set 5f1c… --from alice --suspended true\n  wattle paygo device set 5f1c… --from alice --meter none"
    )]
    Set(SetArgs),
    /// Show a device: its credit, its contract, its counts.
    #[command(after_help = "Example:\n  wattle paygo device show 5f1c…")]
    Show(ShowArgs),
    /// List an operator's devices: all, or those to look after.
    #[command(
        after_help = "Examples:\n  wattle paygo device list --operator alice\n  wattle paygo device list --operator alice --only overdue\n  wattle paygo device list --operator alice --only low --below-wh 500 --within-hours 48"
    )]
    List(ListArgs),
}

#[derive(Debug, Args)]
pub(super) struct AddArgs {
    /// Makes the id, together with the operator's address: 64 hex digits, random when absent.
    #[arg(long, value_name = "HEX")]
    reference: Option<Hash>,
    /// Measure of its credit, and the size of a unit: wh:100 for energy, days:1, hours:1 for time.
    #[arg(long, value_name = "UNIT")]
    unit: Unit,
    /// Raw units of a unit.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    divider: u16,
    /// Its firmware.
    #[arg(long, value_name = "PROFILE", default_value = "python")]
    profile: Profile,
    /// It takes tokens of twelve digits.
    #[arg(long)]
    extended: bool,
    /// The count at which it stands: older tokens are taken to be used.
    #[arg(long, value_name = "N", default_value_t = 0)]
    count: u32,
    #[command(flatten)]
    send: SendArgs,
}

/// A unit, as it is written on the command line.
#[derive(Clone, Copy, Debug)]
struct Unit(CreditUnit);

impl FromStr for Unit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no unit: expected wh:100, days:1 or hours:1");
        let (kind, size) = text.split_once(':').ok_or_else(wrong)?;
        let size: u64 = size.parse().ok().filter(|size| *size > 0).ok_or_else(wrong)?;
        let time = |ms: u64| size.checked_mul(ms).map(|ms| CreditUnit::Time { per_unit: TimeMs(ms) });
        let unit = match kind {
            "wh" => Some(CreditUnit::WattHours { per_unit: WattHours(size) }),
            "days" => time(DAY_MS),
            "hours" => time(HOUR_MS),
            _ => None,
        };
        unit.map(Self).ok_or_else(wrong)
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Profile {
    /// The Python reference, or what behaves like it.
    Python,
    /// The C firmware: 16 bits of count; a set token controls it again; its extended tokens only add.
    CFirmware,
    /// A light node of this project.
    Own,
}

#[derive(Debug, Args)]
pub(super) struct SetArgs {
    /// The device's id.
    device: Hash,
    /// Its owner: an address, the name of a key, or none.
    #[arg(long, value_name = "ADDRESS")]
    owner: Option<String>,
    /// Its gateway, which redeems, authorises and reports for it.
    #[arg(long, value_name = "ADDRESS")]
    gateway: Option<String>,
    /// The public key with which it signs its redemptions.
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// The meter in front of what it supplies: of its owner, in a microgrid of its operator. Its import is paid from
    /// the device's credit.
    #[arg(long, value_name = "ADDRESS")]
    meter: Option<String>,
    /// Whether nothing is issued for it.
    #[arg(long, value_name = "BOOL")]
    suspended: Option<bool>,
    #[command(flatten)]
    send: SendArgs,
}

#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    /// The device's id.
    device: Hash,
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// The operator: an address, or the name of a key.
    #[arg(long, value_name = "ADDRESS")]
    operator: String,
    /// Only those that owe or have run out, have little credit, or whose meters are silent.
    #[arg(long, value_name = "LIST")]
    only: Option<Only>,
    /// Little is no more than this, of a device that counts energy.
    #[arg(long, value_name = "WH", default_value_t = 0)]
    below_wh: u64,
    /// Little is no longer than this, of a device that counts time.
    #[arg(long, value_name = "HOURS", default_value_t = 0)]
    within_hours: u64,
    #[command(flatten)]
    page: PageArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Only {
    /// It owes money, or has run out under a contract that is not paid off.
    Overdue,
    /// Its credit is nearly used up.
    Low,
    /// The readings of its meter are missing.
    Silent,
}

/// Runs `paygo device`.
pub(super) async fn run(command: DeviceCommand, ctx: &Ctx) -> CliResult {
    match command {
        DeviceCommand::Add(args) => add(&args, ctx).await,
        DeviceCommand::Set(args) => set(&args, ctx).await,
        DeviceCommand::Show(args) => {
            query::ask(ctx, "paygo_getDevice", json!({ "device": args.device })).await
        }
        DeviceCommand::List(args) => {
            let only = args.only.map(|only| match only {
                Only::Overdue => DeviceList::Overdue,
                Only::Low => DeviceList::Low,
                Only::Silent => DeviceList::Silent,
            });
            let params = json!({
                "operator": address_of(&args.operator, ctx)?,
                "only": only,
                "belowWh": WattHours(args.below_wh),
                "withinMs": TimeMs(args.within_hours.saturating_mul(HOUR_MS)),
            });
            query::ask(ctx, "paygo_listDevices", args.page.add_to(params)).await
        }
    }
}

async fn add(args: &AddArgs, ctx: &Ctx) -> CliResult {
    let reference = reference(args.reference)?;
    let id = device_id(&args.send.on_behalf_of(ctx).await?, &reference);
    output::note(&format!("device {id}"));
    let profile = match args.profile {
        Profile::Python => FirmwareProfile::Python,
        Profile::CFirmware => FirmwareProfile::CFirmware,
        Profile::Own => FirmwareProfile::Own,
    };
    let call = Call::from(RegisterDevice {
        reference,
        unit: args.unit.0,
        divider: args.divider,
        profile,
        extended: args.extended,
        count: args.count,
    });
    execute(vec![call], &format!("register device {id}"), &args.send, ctx).await
}

async fn set(args: &SetArgs, ctx: &Ctx) -> CliResult {
    let named = [&args.owner, &args.gateway, &args.key, &args.meter];
    if named.iter().all(|value| value.is_none()) && args.suspended.is_none() {
        return Err(usage("say what to change: --owner, --gateway, --key, --meter or --suspended"));
    }
    let known = device_of(&ctx.client()?, &args.device).await?;
    let address = |text: &str| address_of(text, ctx);
    let key = |text: &str| text.parse::<PublicKey>().map_err(|e| CliError::input("key", e));
    let call = SetDevice {
        owner: changed::<Address>(args.owner.as_deref(), known.owner, address)?,
        gateway: changed(args.gateway.as_deref(), known.gateway, address)?,
        key: changed(args.key.as_deref(), known.key, key)?,
        meter: changed(args.meter.as_deref(), known.meter, address)?,
        suspended: args.suspended.unwrap_or(known.state == DeviceState::Suspended),
        ..as_it_is(&known)
    };
    execute(vec![Call::from(call)], &format!("set device {}", args.device), &args.send, ctx).await
}

/// A value that stays, goes, or is another.
fn changed<T>(
    text: Option<&str>,
    known: Option<T>,
    read: impl FnOnce(&str) -> Result<T, CliError>,
) -> Result<Option<T>, CliError> {
    match text {
        None => Ok(known),
        Some(NONE) => Ok(None),
        Some(text) => read(text).map(Some),
    }
}

/// The call that changes nothing of a device: all is set at once.
pub(super) fn as_it_is(known: &DeviceInfo) -> SetDevice {
    SetDevice {
        device: known.device,
        owner: known.owner,
        gateway: known.gateway,
        key: known.key,
        meter: known.meter,
        suspended: known.state == DeviceState::Suspended,
        contract: known.contract.map(|contract| Box::<Contract>::new(contract.terms)),
    }
}
