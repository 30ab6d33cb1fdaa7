//! `wattle paygo contract`.

use super::device::as_it_is;
use super::{CliResult, Ctx, SendArgs, device_of};
use crate::send::{execute, money, money_of};
use clap::{Args, Subcommand};
use wattle_primitives::call::paygo::{Contract, SetDevice};
use wattle_primitives::{Amount, Call, Hash};

pub(super) const EXAMPLE: &str = "Examples:
  wattle paygo contract set 5f1c… --from alice --deposit 20 --included 70 --price 0.05 --total 150
  wattle paygo contract set 5f1c… --from alice --price 0.05 --postpaid
  wattle paygo contract end 5f1c… --from alice

A token's value is then what the money buys; what is left over counts with the next one.";

#[derive(Debug, Subcommand)]
pub(super) enum ContractCommand {
    /// Set how a device is paid for; by its operator. What was paid so far still counts.
    #[command(after_help = EXAMPLE)]
    Set(SetArgs),
    /// End a device's contract: tokens have any price.
    #[command(after_help = "Example:\n  wattle paygo contract end 5f1c… --from alice")]
    End(EndArgs),
}

#[derive(Debug, Args)]
pub(super) struct SetArgs {
    /// The device's id.
    device: Hash,
    /// Due with the first sale before anything else: 20, "20 KES", or "20000000 base" for base units.
    #[arg(long, value_name = "AMOUNT", default_value = "0")]
    deposit: String,
    /// Raw units that the first sale has for the deposit.
    #[arg(long, value_name = "UNITS", default_value_t = 0)]
    included: u32,
    /// Price of a raw unit.
    #[arg(long, value_name = "AMOUNT")]
    price: String,
    /// With so much the device is paid off, deposit included; rented for ever when absent.
    #[arg(long, value_name = "AMOUNT", default_value = "0")]
    total: String,
    /// Tokens may be issued on account.
    #[arg(long)]
    postpaid: bool,
    #[command(flatten)]
    send: SendArgs,
}

#[derive(Debug, Args)]
pub(super) struct EndArgs {
    /// The device's id.
    device: Hash,
    #[command(flatten)]
    send: SendArgs,
}

/// Runs `paygo contract`.
pub(super) async fn run(command: ContractCommand, ctx: &Ctx) -> CliResult {
    match command {
        ContractCommand::Set(args) => set(&args, ctx).await,
        ContractCommand::End(args) => {
            let known = device_of(&ctx.client()?, &args.device).await?;
            let call = Call::from(SetDevice { contract: None, ..as_it_is(&known) });
            execute(vec![call], &format!("end the contract of device {}", args.device), &args.send, ctx).await
        }
    }
}

async fn set(args: &SetArgs, ctx: &Ctx) -> CliResult {
    let client = ctx.client()?;
    let known = device_of(&client, &args.device).await?;
    let asset = client.asset(known.asset).await?;
    let (deposit, price) = (money_of(&args.deposit, &asset)?, money_of(&args.price, &asset)?);
    let total = money_of(&args.total, &asset)?;
    let terms = Contract { deposit, included: args.included, price, total, postpaid: args.postpaid };
    let end = if total == Amount::ZERO {
        "rented".to_owned()
    } else {
        format!("paid off with {}", money(total, &asset))
    };
    let what = format!("device {}: {} a unit, {end}", args.device, money(price, &asset));
    let call = Call::from(SetDevice { contract: Some(Box::new(terms)), ..as_it_is(&known) });
    execute(vec![call], &what, &args.send, ctx).await
}
