//! `wattle energy deal`: bilateral deals between storage units.

use super::market::SideArg;
use super::{CliResult, Ctx, GridPageArgs, SendArgs, asset_of, call, money_of, output, reference};
use crate::date::parse_time;
use crate::query;
use crate::secret::address_of;
use crate::send::money;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;
use wattle_primitives::call::deals::{Funding, deal_id};
use wattle_primitives::{Address, Call, Hash, TimeMs, WattHours, call};
use wattle_rpc_types::{Anchored, DealInfo};

#[derive(Debug, Subcommand)]
pub(super) enum DealCommand {
    /// Ask for a deal.
    #[command(
        after_help = "Example:\n  wattle energy deal request --from bob --microgrid 9f3a… --side buy --wh-max 5000 --price 0.15 --expires 2026-01-31T12:00Z"
    )]
    Request(RequestArgs),
    /// Accept a request.
    #[command(
        after_help = "Example:\n  wattle energy deal accept --from carol 4f1c… --wh-max 3000 --price 0.12"
    )]
    Accept(AcceptArgs),
    /// Pick one of the acceptances; by who made the request.
    #[command(after_help = "Example:\n  wattle energy deal confirm --from bob 4f1c… --partner carol")]
    Confirm(ConfirmArgs),
    /// Reserve what the deal may cost; by the charging side.
    #[command(
        after_help = "Example:\n  wattle energy deal authorise --from bob 4f1c… --funding balance --meter wat1… --expires 2026-01-31T14:00Z"
    )]
    Authorise(AuthoriseArgs),
    /// Report what has been charged so far; by the charging side or its meter.
    #[command(after_help = "Example:\n  wattle energy deal report --from bob 4f1c… --seq 3 --wh 300")]
    Report(ReportArgs),
    /// End a deal with the last figure; by the charging side or its meter.
    #[command(after_help = "Example:\n  wattle energy deal close --from bob 4f1c… --wh 3000")]
    Close(CloseArgs),
    /// End a request, an acceptance or a deal; what was reported is paid.
    #[command(after_help = "Example:\n  wattle energy deal abort --from carol 4f1c…")]
    Abort(AbortArgs),
    /// A microgrid's open requests and deals.
    #[command(after_help = "Example:\n  wattle energy deal list 9f3a…")]
    List(GridPageArgs),
    /// A request or deal: what is authorised, used and left.
    #[command(after_help = "Example:\n  wattle energy deal show 4f1c…")]
    Show(ShowArgs),
}

#[derive(Debug, Args)]
pub(super) struct RequestArgs {
    /// The microgrid's id.
    #[arg(long, value_name = "HASH")]
    microgrid: Hash,
    /// Makes the deal's id, together with the sender's address: 64 hex digits, random when absent.
    #[arg(long, value_name = "HEX")]
    reference: Option<Hash>,
    /// Whether the sender charges (buy) or discharges (sell).
    #[arg(long)]
    side: SideArg,
    /// Most energy, Wh.
    #[arg(long, value_name = "WH")]
    wh_max: u64,
    /// Least energy, Wh.
    #[arg(long, value_name = "WH", default_value_t = 1)]
    wh_min: u64,
    /// Deals are whole multiples of this, Wh.
    #[arg(long, value_name = "WH", default_value_t = 1)]
    unit_wh: u64,
    /// For a kWh: 0.15, "0.15 KES", or "150000 base" for base units. It counts when the sender charges.
    #[arg(long, value_name = "AMOUNT")]
    price: String,
    /// Until when acceptances are taken: a date, or ms since 1970.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    expires: TimeMs,
    #[command(flatten)]
    send: SendArgs,
}

#[derive(Debug, Args)]
pub(super) struct AcceptArgs {
    /// The request.
    deal: Hash,
    /// Most energy, Wh.
    #[arg(long, value_name = "WH")]
    wh_max: u64,
    /// For a kWh: 0.15, "0.15 KES", or "150000 base" for base units. It counts when the sender charges.
    #[arg(long, value_name = "AMOUNT")]
    price: String,
    #[command(flatten)]
    send: SendArgs,
}

#[derive(Debug, Args)]
pub(super) struct ConfirmArgs {
    /// The request.
    deal: Hash,
    /// Whose acceptance: an address, or the name of a key.
    #[arg(long, value_name = "ADDRESS")]
    partner: String,
    #[command(flatten)]
    send: SendArgs,
}

#[derive(Debug, Args)]
pub(super) struct AuthoriseArgs {
    /// The deal.
    deal: Hash,
    /// Where the money for it is reserved: in the wallet, or in the member's credit.
    #[arg(long, default_value = "balance")]
    funding: FundingArg,
    /// When the authorisation ends: a date, or ms since 1970.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    expires: TimeMs,
    /// How far use may overshoot the agreed amount, Wh: at most by a tenth of it.
    #[arg(long, value_name = "WH", default_value_t = 0)]
    margin_wh: u64,
    /// The sender's meter in front of what is charged: no more counts than it shows.
    #[arg(long, value_name = "ADDRESS")]
    meter: Address,
    #[command(flatten)]
    send: SendArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum FundingArg {
    /// The wallet: the price is held.
    Balance,
    /// The microgrid's credit.
    Credit,
}

#[derive(Debug, Args)]
pub(super) struct ReportArgs {
    /// The deal.
    deal: Hash,
    /// Number of the report: higher than the last one's.
    #[arg(long)]
    seq: u64,
    /// Charged since the deal began, Wh.
    #[arg(long)]
    wh: u64,
    #[command(flatten)]
    send: SendArgs,
}

#[derive(Debug, Args)]
pub(super) struct CloseArgs {
    /// The deal.
    deal: Hash,
    /// Charged in all, Wh.
    #[arg(long)]
    wh: u64,
    #[command(flatten)]
    send: SendArgs,
}

#[derive(Debug, Args)]
pub(super) struct AbortArgs {
    /// The request or deal.
    deal: Hash,
    #[command(flatten)]
    send: SendArgs,
}

#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    /// The request or deal.
    deal: Hash,
}

/// Runs `energy deal`.
pub(super) async fn run(command: DealCommand, ctx: &Ctx) -> CliResult {
    let (what, send, asked) = match command {
        DealCommand::Show(args) => {
            return query::ask(ctx, "deals_getDeal", json!({ "deal": args.deal })).await;
        }
        DealCommand::List(args) => {
            let params = args.page.add_to(json!({ "microgrid": args.microgrid }));
            return query::ask(ctx, "deals_listDeals", params).await;
        }
        DealCommand::Request(args) => return request(&args, ctx).await,
        DealCommand::Accept(args) => {
            let client = ctx.client()?;
            let deal: Anchored<DealInfo> = client.call("deals_getDeal", json!({ "deal": args.deal })).await?;
            let asset = asset_of(&client, &deal.value.microgrid).await?;
            let (wh_max, price) = (WattHours(args.wh_max), money_of(&args.price, &asset)?);
            (
                "accept a deal",
                args.send,
                Call::from(call::deals::AcceptDeal { request: args.deal, wh_max, price }),
            )
        }
        DealCommand::Confirm(args) => {
            let partner = address_of(&args.partner, ctx)?;
            (
                "confirm a deal",
                args.send,
                Call::from(call::deals::ConfirmDeal { request: args.deal, partner }),
            )
        }
        DealCommand::Authorise(args) => {
            let funding = match args.funding {
                FundingArg::Balance => Funding::Balance,
                FundingArg::Credit => Funding::Credit,
            };
            let (deal, expires_ms, margin_wh) = (args.deal, args.expires, WattHours(args.margin_wh));
            let authorise = Call::from(call::deals::AuthoriseDeal {
                deal,
                funding,
                expires_ms,
                margin_wh,
                meter: args.meter,
            });
            ("authorise a deal", args.send, authorise)
        }
        DealCommand::Report(args) => {
            let (deal, seq, cumulative_wh) = (args.deal, args.seq, WattHours(args.wh));
            (
                "report what was charged",
                args.send,
                Call::from(call::deals::ReportUsage { deal, seq, cumulative_wh }),
            )
        }
        DealCommand::Close(args) => {
            let (deal, cumulative_wh) = (args.deal, WattHours(args.wh));
            ("close a deal", args.send, Call::from(call::deals::CloseDeal { deal, cumulative_wh }))
        }
        DealCommand::Abort(args) => {
            ("abort a deal", args.send, Call::from(call::deals::AbortDeal { deal: args.deal }))
        }
    };
    call(asked, what, &send, ctx).await
}

async fn request(args: &RequestArgs, ctx: &Ctx) -> CliResult {
    let asset = asset_of(&ctx.client()?, &args.microgrid).await?;
    let price = money_of(&args.price, &asset)?;
    let reference = reference(args.reference)?;
    let id = deal_id(&args.send.on_behalf_of(ctx).await?, &reference);
    output::note(&format!("deal {id}"));
    let request = Call::from(call::deals::RequestDeal {
        microgrid: args.microgrid,
        reference,
        side: args.side.into(),
        wh_max: WattHours(args.wh_max),
        wh_min: WattHours(args.wh_min),
        unit_wh: WattHours(args.unit_wh),
        price,
        expires_ms: args.expires,
    });
    let what = format!("request deal {id}: at most {} Wh at {} a kWh", args.wh_max, money(price, &asset));
    call(request, &what, &args.send, ctx).await
}
