//! Mandates: what an owner lets a microgrid's operator do in its name, and settlement take.

use super::date::parse_time;
use super::{CliResult, Ctx, SendArgs, address_of, asset_of, call, money_of, query};
use clap::{Args, Subcommand};
use serde_json::json;
use wattle_primitives::call::energy::{Mandate, NOTICE_MS_MAX, SetMandate};
use wattle_primitives::call::identity::PerPeriod;
use wattle_primitives::{Call, Hash, TimeMs};

const DAY_MS: u64 = 24 * 3600 * 1000;
/// Most days of a notice.
const NOTICE_DAYS_MAX: u64 = NOTICE_MS_MAX / DAY_MS;

const SET_EXAMPLE: &str = "Examples:
  wattle energy mandate set --from bob --microgrid 9f3a…
  wattle energy mandate set --from bob --microgrid 9f3a… --per-charge 2 --per-period 60 --period-days 30 --notice-days 14 \\
      --expires 2027-01-01";

#[derive(Debug, Subcommand)]
pub(super) enum MandateCommand {
    /// Let a microgrid's operator bind meters to the sender, and settlement debit its wallet, within limits; in place
    /// of the mandate before.
    #[command(after_help = SET_EXAMPLE)]
    Set(SetArgs),
    /// Take the sender's mandate back: from then on it pays by `pay-tab`.
    #[command(after_help = "Example:\n  wattle energy mandate revoke --from bob --microgrid 9f3a…")]
    Revoke(RevokeArgs),
    /// An account's mandate, and what is left of it.
    #[command(after_help = "Example:\n  wattle energy mandate show --microgrid 9f3a… bob")]
    Show(ShowArgs),
}

#[derive(Debug, Args)]
pub(super) struct SetArgs {
    /// The microgrid's id.
    #[arg(long, value_name = "HASH")]
    microgrid: Hash,
    /// Most for one interval: 5, "5 KES", or "5000000 base" for base units; no limit when absent.
    #[arg(long, value_name = "AMOUNT")]
    per_charge: Option<String>,
    /// Most in each period.
    #[arg(long, value_name = "AMOUNT")]
    per_period: Option<String>,
    /// Length of a period in days.
    #[arg(long, value_name = "DAYS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=36_500))]
    period_days: u64,
    /// Days after new terms are set in which nothing is taken for what they bill.
    #[arg(long, value_name = "DAYS", default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=NOTICE_DAYS_MAX))]
    notice_days: u64,
    /// When it is over: a time (UTC), or ms since 1970; never when absent.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    expires: Option<TimeMs>,
    #[command(flatten)]
    send: SendArgs,
}

#[derive(Debug, Args)]
pub(super) struct RevokeArgs {
    /// The microgrid's id.
    #[arg(long, value_name = "HASH")]
    microgrid: Hash,
    #[command(flatten)]
    send: SendArgs,
}

#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    /// The microgrid's id.
    #[arg(long, value_name = "HASH")]
    microgrid: Hash,
    /// Whose: an address, or the name of a key.
    account: String,
}

pub(super) async fn run(command: MandateCommand, ctx: &Ctx) -> CliResult {
    match command {
        MandateCommand::Set(args) => set(&args, ctx).await,
        MandateCommand::Revoke(args) => {
            let revoke = Call::from(SetMandate { microgrid: args.microgrid, mandate: None });
            call(revoke, &format!("take the mandate of microgrid {} back", args.microgrid), &args.send, ctx)
                .await
        }
        MandateCommand::Show(args) => {
            let account = address_of(&args.account, ctx)?;
            let params = json!({ "microgrid": args.microgrid, "account": account });
            query::ask(ctx, "energy_getMandate", params).await
        }
    }
}

/// A mandate without limits, which an operator gives its own microgrid.
pub(super) fn unlimited(microgrid: Hash) -> Call {
    Call::from(SetMandate { microgrid, mandate: Some(Mandate::UNLIMITED) })
}

async fn set(args: &SetArgs, ctx: &Ctx) -> CliResult {
    let microgrid = args.microgrid;
    let limits = [&args.per_charge, &args.per_period];
    let mut amounts = [None, None];
    if limits.iter().any(|text| text.is_some()) {
        let asset = asset_of(&ctx.client()?, &microgrid).await?;
        for (amount, text) in amounts.iter_mut().zip(limits) {
            *amount = text.as_ref().map(|text| money_of(text, &asset)).transpose()?;
        }
    }
    let [per_charge, per_period] = amounts;
    let days = |days: u64| TimeMs(days.saturating_mul(DAY_MS));
    let period_ms = days(args.period_days);
    let mandate = Mandate {
        per_charge,
        per_period: per_period.map(|amount| PerPeriod { amount, period_ms }),
        expires_ms: args.expires.unwrap_or(TimeMs::MAX),
        notice_ms: days(args.notice_days),
    };
    let set = Call::from(SetMandate { microgrid, mandate: Some(mandate) });
    call(set, &format!("give microgrid {microgrid} a mandate"), &args.send, ctx).await
}
