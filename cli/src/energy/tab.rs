//! Tabs with microgrids: settled by their member, or collected from its wallet; and work that nobody paid for, resumed.

use super::{CliResult, Ctx, SendArgs, call};
use clap::{Args, ValueEnum};
use wattle_primitives::{Call, Hash, call};

#[derive(Debug, Args)]
pub(super) struct PayTabArgs {
    /// The microgrid's id.
    #[arg(long, value_name = "HASH")]
    microgrid: Hash,
    #[command(flatten)]
    send: SendArgs,
}

#[derive(Debug, Args)]
pub(super) struct ResumeArgs {
    /// The microgrid's id.
    #[arg(long, value_name = "HASH")]
    microgrid: Hash,
    #[command(flatten)]
    send: SendArgs,
}

#[derive(Debug, Args)]
pub(super) struct CollectionArgs {
    /// The microgrid's id.
    #[arg(long, value_name = "HASH")]
    microgrid: Hash,
    /// Whether settlement may debit the wallet.
    state: Switch,
    #[command(flatten)]
    send: SendArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Switch {
    /// It may.
    On,
    /// It may not.
    Off,
}

pub(super) async fn pay_tab(args: &PayTabArgs, ctx: &Ctx) -> CliResult {
    call(Call::from(call::energy::PayTab { microgrid: args.microgrid }), "settle a tab", &args.send, ctx)
        .await
}

pub(super) async fn resume(args: &ResumeArgs, ctx: &Ctx) -> CliResult {
    let resume = Call::from(call::energy::ResumeMicrogrid { microgrid: args.microgrid });
    call(resume, "resume a microgrid", &args.send, ctx).await
}

pub(super) async fn collection(args: &CollectionArgs, ctx: &Ctx) -> CliResult {
    let set =
        Call::from(call::energy::SetCollection { microgrid: args.microgrid, on: args.state == Switch::On });
    call(set, "allow or forbid collection", &args.send, ctx).await
}
