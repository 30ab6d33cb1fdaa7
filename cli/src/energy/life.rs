//! A meter's readings by hand, its changes of owner and rating, and its end; a member's leave.

use super::date::parse_time;
use super::{CliError, CliResult, Ctx, SendArgs, address_of, call};
use crate::input;
use clap::Args;
use std::path::{Path, PathBuf};
use wattle_primitives::reading::SignedReading;
use wattle_primitives::{Address, Call, Hash, TimeMs, WattHours, call};

pub(super) const READ_EXAMPLE: &str = "Examples:
  wattle energy read-meter --from operator wat1… --import-wh 1234567 --export-wh 0
  wattle energy read-meter --from installer wat1… --import-wh 1234567 --export-wh 0 --at 2026-01-31T18:00Z";
pub(super) const RETIRE_EXAMPLE: &str = "Examples:
  wattle energy retire-meter --from alice wat1…
  wattle energy retire-meter --from alice wat1… --closing reading.json";
pub(super) const HAND_OVER_EXAMPLE: &str = "Example:
  wattle energy hand-over --from alice wat1… --to carol --closing reading.json";
pub(super) const RATE_EXAMPLE: &str = "Example:
  wattle energy rate-meter --from alice wat1… --power-max-w 23000";
pub(super) const LEAVE_EXAMPLE: &str = "Example:
  wattle energy leave --from bob --microgrid 9f3a…";

#[derive(Debug, Args)]
pub(super) struct ReadArgs {
    /// The meter: the address of its key.
    meter: Address,
    /// Its import counter, Wh.
    #[arg(long, value_name = "WH")]
    import_wh: u64,
    /// Its export counter, Wh.
    #[arg(long, value_name = "WH")]
    export_wh: u64,
    /// When it was read: a time (UTC), or ms since 1970; now when absent.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    at: Option<TimeMs>,
    #[command(flatten)]
    send: SendArgs,
}

#[derive(Debug, Args)]
pub(super) struct RetireArgs {
    /// The meter: the address of its key.
    meter: Address,
    /// Its closing reading, signed by the meter, as JSON; without it the last accepted one closes it, if it is 30 days
    /// old.
    #[arg(long, value_name = "FILE")]
    closing: Option<PathBuf>,
    #[command(flatten)]
    send: SendArgs,
}

#[derive(Debug, Args)]
pub(super) struct HandOverArgs {
    /// The meter: the address of its key.
    meter: Address,
    /// Its new owner, a member: an address, or the name of a key.
    #[arg(long, value_name = "ADDRESS")]
    to: String,
    /// Closing registers, signed by the meter, as JSON; no older than an interval.
    #[arg(long, value_name = "FILE")]
    closing: PathBuf,
    #[command(flatten)]
    send: SendArgs,
}

#[derive(Debug, Args)]
pub(super) struct RateArgs {
    /// The meter: the address of its key.
    meter: Address,
    /// Most power that can flow through it, W.
    #[arg(long, value_name = "W", value_parser = clap::value_parser!(u32).range(1..))]
    power_max_w: u32,
    #[command(flatten)]
    send: SendArgs,
}

#[derive(Debug, Args)]
pub(super) struct LeaveArgs {
    /// The microgrid's id.
    #[arg(long, value_name = "HASH")]
    microgrid: Hash,
    #[command(flatten)]
    send: SendArgs,
}

pub(super) async fn read(args: &ReadArgs, ctx: &Ctx) -> CliResult {
    let time_ms = args.at.unwrap_or_else(wattle_host::wall::now);
    let (import_wh, export_wh) = (WattHours(args.import_wh), WattHours(args.export_wh));
    let read = Call::from(call::energy::ReadMeter { meter: args.meter, import_wh, export_wh, time_ms });
    call(read, &format!("enter a reading of meter {}", args.meter), &args.send, ctx).await
}

pub(super) async fn retire(args: &RetireArgs, ctx: &Ctx) -> CliResult {
    let (meter, closing) = (args.meter, args.closing.as_deref().map(signed).transpose()?);
    let retire = Call::from(call::energy::RetireMeter { meter, closing });
    call(retire, &format!("retire meter {meter}"), &args.send, ctx).await
}

pub(super) async fn hand_over(args: &HandOverArgs, ctx: &Ctx) -> CliResult {
    let (meter, to, closing) = (args.meter, address_of(&args.to, ctx)?, signed(&args.closing)?);
    let hand_over = Call::from(call::energy::HandOverMeter { meter, to, closing });
    call(hand_over, &format!("hand meter {meter} over to {to}"), &args.send, ctx).await
}

pub(super) async fn rate(args: &RateArgs, ctx: &Ctx) -> CliResult {
    let (meter, power_max_w) = (args.meter, args.power_max_w);
    let rate = Call::from(call::energy::RateMeter { meter, power_max_w });
    call(rate, &format!("rate meter {meter} at {power_max_w} W"), &args.send, ctx).await
}

fn signed(path: &Path) -> Result<Box<SignedReading>, CliError> {
    let signed =
        serde_json::from_slice(&input::read(path)?).map_err(|e| CliError::input("signed reading", e))?;
    Ok(Box::new(signed))
}

pub(super) async fn leave(args: &LeaveArgs, ctx: &Ctx) -> CliResult {
    let leave = Call::from(call::energy::LeaveMicrogrid { microgrid: args.microgrid });
    call(leave, &format!("leave microgrid {}", args.microgrid), &args.send, ctx).await
}
