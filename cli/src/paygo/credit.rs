//! Authorisations: credit that a gateway sets aside, and reports the use of.

use super::{CliResult, Ctx, SendArgs};
use crate::date::parse_time;
use crate::input::reference;
use crate::output;
use crate::send::execute;
use clap::Args;
use wattle_primitives::call::ledger::hold_id;
use wattle_primitives::call::paygo::{AuthoriseCredit, CloseCredit, DrawCredit};
use wattle_primitives::{Address, Call, Hash, TimeMs, WattHours};

#[derive(Debug, Args)]
pub(super) struct AuthoriseArgs {
    /// The device's id.
    device: Hash,
    /// Makes the authorisation's id, together with the device's: 64 hex digits, random when absent.
    #[arg(long, value_name = "HEX")]
    reference: Option<Hash>,
    /// Energy, Wh.
    #[arg(long, value_name = "WH")]
    wh: u64,
    /// When what was not used is free again: a date, or ms since 1970; within 90 days.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    expires: TimeMs,
    #[command(flatten)]
    send: SendArgs,
}

#[derive(Debug, Args)]
pub(super) struct DrawArgs {
    /// The device's id.
    device: Hash,
    /// The authorisation's id.
    #[arg(long, value_name = "HASH")]
    authorisation: Hash,
    /// Number of the report: higher than the last one's. The same again changes nothing.
    #[arg(long, value_name = "N")]
    seq: u64,
    /// Used since the authorisation, Wh.
    #[arg(long, value_name = "WH")]
    wh: u64,
    #[command(flatten)]
    send: SendArgs,
}

#[derive(Debug, Args)]
pub(super) struct CloseArgs {
    /// The device's id.
    device: Hash,
    /// The authorisation's id.
    #[arg(long, value_name = "HASH")]
    authorisation: Hash,
    /// Used in all, Wh.
    #[arg(long, value_name = "WH")]
    wh: u64,
    #[command(flatten)]
    send: SendArgs,
}

pub(super) async fn authorise(args: &AuthoriseArgs, ctx: &Ctx) -> CliResult {
    let reference = reference(args.reference)?;
    let id = hold_id(&Address::of_device(&args.device), &reference);
    output::note(&format!("authorisation {id}"));
    let (device, wh, expires_ms) = (args.device, WattHours(args.wh), args.expires);
    let call = Call::from(AuthoriseCredit { device, reference, wh, expires_ms });
    execute(vec![call], &format!("set {wh} Wh of device {device} aside"), &args.send, ctx).await
}

pub(super) async fn draw(args: &DrawArgs, ctx: &Ctx) -> CliResult {
    let (device, authorisation, cumulative_wh) = (args.device, args.authorisation, WattHours(args.wh));
    let call = Call::from(DrawCredit { device, authorisation, seq: args.seq, cumulative_wh });
    execute(vec![call], &format!("report {cumulative_wh} Wh used by device {device}"), &args.send, ctx).await
}

pub(super) async fn close(args: &CloseArgs, ctx: &Ctx) -> CliResult {
    let (device, authorisation, cumulative_wh) = (args.device, args.authorisation, WattHours(args.wh));
    let call = Call::from(CloseCredit { device, authorisation, cumulative_wh });
    let what = format!("close authorisation {authorisation} with {cumulative_wh} Wh used");
    execute(vec![call], &what, &args.send, ctx).await
}
