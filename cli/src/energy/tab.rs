//! Tabs with microgrids, settled by their member; and work that nobody paid for, resumed.

use super::{CliResult, Ctx, SendArgs, call};
use clap::Args;
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

pub(super) async fn pay_tab(args: &PayTabArgs, ctx: &Ctx) -> CliResult {
    call(Call::from(call::energy::PayTab { microgrid: args.microgrid }), "settle a tab", &args.send, ctx)
        .await
}

pub(super) async fn resume(args: &ResumeArgs, ctx: &Ctx) -> CliResult {
    let resume = Call::from(call::energy::ResumeMicrogrid { microgrid: args.microgrid });
    call(resume, "resume a microgrid", &args.send, ctx).await
}
