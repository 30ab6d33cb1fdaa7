//! A meter's readings by hand and its end; a member's leave.

use super::date::parse_time;
use super::{CliError, CliResult, Ctx, SendArgs, call};
use crate::input;
use clap::Args;
use std::path::PathBuf;
use wattle_primitives::reading::SignedReading;
use wattle_primitives::{Address, Call, Hash, TimeMs, WattHours, call};

pub(super) const READ_EXAMPLE: &str = "Examples:
  wattle energy read-meter --from installer wat1… --import-wh 1234567 --export-wh 0
  wattle energy read-meter --from bob wat1… --import-wh 1234567 --export-wh 0 --at 2026-01-31T18:00Z";
pub(super) const RETIRE_EXAMPLE: &str = "Examples:
  wattle energy retire-meter --from alice wat1…
  wattle energy retire-meter --from alice wat1… --closing reading.json";
pub(super) const LEAVE_EXAMPLE: &str = "Examples:
  wattle energy leave --from bob --microgrid 9f3a…
  wattle energy leave --from alice --microgrid 9f3a… --account bob";

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
    let closing = args.closing.as_ref().map(|path| {
        let signed: SignedReading =
            serde_json::from_slice(&input::read(path)?).map_err(|e| CliError::input("signed reading", e))?;
        Ok::<_, CliError>(Box::new(signed))
    });
    let (meter, closing) = (args.meter, closing.transpose()?);
    let retire = Call::from(call::energy::RetireMeter { meter, closing });
    call(retire, &format!("retire meter {meter}"), &args.send, ctx).await
}

pub(super) async fn leave(args: &LeaveArgs, ctx: &Ctx) -> CliResult {
    let leave = Call::from(call::energy::LeaveMicrogrid { microgrid: args.microgrid });
    call(leave, &format!("leave microgrid {}", args.microgrid), &args.send, ctx).await
}
