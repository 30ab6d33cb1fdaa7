//! Orders for the energy of an interval.

use super::{
    CliError, CliResult, Ctx, SendArgs, address, asset_of, call, money_of, output, query, reference,
};
use crate::date::parse_time;
use crate::send::money;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;
use wattle_primitives::call::market::{Side, order_id};
use wattle_primitives::units::IntervalId;
use wattle_primitives::{Call, Hash, TimeMs, WattHours, call};

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(super) struct OrderArgs {
    #[command(subcommand)]
    command: Option<OrderCommand>,
    #[command(flatten)]
    place: PlaceArgs,
}

#[derive(Debug, Subcommand)]
enum OrderCommand {
    /// An order that stands, or is being cleared.
    #[command(after_help = "Example:\n  wattle energy order show 4f1c…")]
    Show {
        /// The order's id.
        order: Hash,
    },
}

/// An order to be placed; what is required holds unless a subcommand is given.
#[derive(Debug, Args)]
struct PlaceArgs {
    /// The microgrid's id.
    #[arg(long, value_name = "HASH", required = true)]
    microgrid: Option<Hash>,
    /// Makes the order's id, together with the sender's address: 64 hex digits, random when absent.
    #[arg(long, value_name = "HEX")]
    reference: Option<Hash>,
    /// The interval's number.
    #[arg(long, value_name = "N", required = true)]
    interval: Option<IntervalId>,
    /// Bid or offer.
    #[arg(long, required = true)]
    side: Option<SideArg>,
    /// For a kWh, at most for a bid, at least for an offer: 0.15, "0.15 KES", or "150000 base" for base units.
    #[arg(long, value_name = "AMOUNT", required = true)]
    price: Option<String>,
    /// Energy in Wh.
    #[arg(long, value_name = "WH", required = true, value_parser = clap::value_parser!(u64).range(1..))]
    wh: Option<u64>,
    /// With whom to trade rather than with others: an address, or the name of a key.
    #[arg(long, value_name = "ADDRESS")]
    partner: Option<String>,
    /// When the order ends: a date, or ms since 1970; when the market is cleared when absent.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    expires: Option<TimeMs>,
    #[command(flatten)]
    send: SendArgs,
}

#[derive(Debug, Args)]
pub(super) struct CancelArgs {
    /// The order's id.
    order: Hash,
    #[command(flatten)]
    send: SendArgs,
}

/// A side, as it is written on the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum SideArg {
    /// A bid; in a deal, who charges.
    Buy,
    /// An offer; in a deal, who discharges.
    Sell,
}

impl From<SideArg> for Side {
    fn from(side: SideArg) -> Self {
        match side {
            SideArg::Buy => Self::Buy,
            SideArg::Sell => Self::Sell,
        }
    }
}

pub(super) async fn order(args: &OrderArgs, ctx: &Ctx) -> CliResult {
    match &args.command {
        Some(OrderCommand::Show { order }) => {
            query::ask(ctx, "market_getOrder", json!({ "order": order })).await
        }
        None => place(&args.place, ctx).await,
    }
}

async fn place(args: &PlaceArgs, ctx: &Ctx) -> CliResult {
    let (Some(microgrid), Some(interval), Some(side), Some(price), Some(wh)) =
        (args.microgrid, args.interval, args.side, &args.price, args.wh)
    else {
        // The parser has refused this.
        return Err(CliError::Usage { detail: "name what to order, or `show` and an order".into() });
    };
    let side = Side::from(side);
    let asset = asset_of(&ctx.client()?, &microgrid).await?;
    let price = money_of(price, &asset)?;
    let reference = reference(args.reference)?;
    let id = order_id(&args.send.on_behalf_of(ctx).await?, &reference);
    output::note(&format!("order {id}"));
    let place = Call::from(call::market::PlaceOrder {
        microgrid,
        reference,
        interval,
        side,
        price,
        wh: WattHours(wh),
        partner: address(args.partner.as_deref(), ctx)?,
        expires_ms: args.expires,
    });
    let verb = if side == Side::Buy { "buy" } else { "sell" };
    let what = format!("{verb} {wh} Wh at {} a kWh, order {id}", money(price, &asset));
    call(place, &what, &args.send, ctx).await
}

pub(super) async fn cancel(args: &CancelArgs, ctx: &Ctx) -> CliResult {
    call(Call::from(call::market::CancelOrder { order: args.order }), "cancel an order", &args.send, ctx)
        .await
}
