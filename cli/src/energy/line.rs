//! `wattle energy line`: what an operator charges or gives a member by hand.

use super::{CliResult, Ctx, SendArgs, asset_of, call, money_of};
use crate::secret::address_of;
use clap::{Args, ValueEnum};
use wattle_primitives::call::energy::LineKind;
use wattle_primitives::{Call, Hash, call};

pub(super) const EXAMPLE: &str = "Examples:
  wattle energy line --from alice --microgrid 9f3a… --account bob --kind connection --amount 9 --reason 5e6f…
  wattle energy line --from alice --microgrid 9f3a… --account bob --kind write-off --amount 2.5 --reason 5e6f…

What is given and not due to the operator comes from its wallet.";

#[derive(Debug, Args)]
pub(super) struct LineArgs {
    /// The microgrid's id.
    #[arg(long, value_name = "HASH")]
    microgrid: Hash,
    /// The member, or the operator itself for taxes paid: an address, or the name of a key.
    #[arg(long, value_name = "ADDRESS")]
    account: String,
    /// Kind of line.
    #[arg(long, value_name = "KIND")]
    kind: Kind,
    /// How much: 5, "5 KES", or "5000000 base" for base units; the tax on a connection is added.
    #[arg(long, value_name = "AMOUNT")]
    amount: String,
    /// Hash of the reason, which lies elsewhere.
    #[arg(long, value_name = "HEX")]
    reason: Hash,
    #[command(flatten)]
    send: SendArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// Charge for a meter's connection.
    Connection,
    /// Give something.
    Credit,
    /// Give up a debt.
    WriteOff,
    /// Give back what was charged.
    Refund,
    /// Note taxes that the operator has paid.
    TaxPaid,
}

impl From<Kind> for LineKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Connection => Self::Connection,
            Kind::Credit => Self::Credit,
            Kind::WriteOff => Self::WriteOff,
            Kind::Refund => Self::Refund,
            Kind::TaxPaid => Self::TaxPaid,
        }
    }
}

pub(super) async fn send(args: &LineArgs, ctx: &Ctx) -> CliResult {
    let account = address_of(&args.account, ctx)?;
    let amount = money_of(&args.amount, &asset_of(&ctx.client()?, &args.microgrid).await?)?;
    let (microgrid, kind, reason) = (args.microgrid, args.kind.into(), args.reason);
    let line = Call::from(call::energy::ChargeLine { microgrid, account, kind, amount, reason });
    call(line, &format!("post a line on the tab of {account}"), &args.send, ctx).await
}
