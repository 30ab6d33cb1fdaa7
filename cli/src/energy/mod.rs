//! `wattle energy`: microgrids, meters, readings, markets, deals, bills, disputes.

mod bill;
mod deals;
mod disputes;
mod life;
mod line;
mod mandate;
mod market;
mod registry;
mod swap;
mod tab;

use super::input::reference;
use super::query::{self, PageArgs};
use super::secret::address_of;
use super::send::{SendArgs, execute, money_of};
use super::{CliError, CliResult, Ctx, output};
use crate::client::Client;
use crate::date;
use clap::{Args, Subcommand};
use serde_json::json;
use wattle_primitives::units::IntervalId;
use wattle_primitives::{Address, Call, Hash, TimeMs};
use wattle_rpc_types::{Anchored, AssetInfo, MicrogridInfo};

const EXAMPLES: &str = "Examples:
  wattle energy register-microgrid --from alice --interval-minutes 15
  wattle energy set-terms --from alice --microgrid 9f3a… --file terms.toml
  wattle energy register-meter --from alice --microgrid 9f3a… --owner bob --key 12ab… --opening 4366,3334/0000,0000@1767225600000 --binding 5e6f…
  wattle energy meters --microgrid 9f3a…
  wattle energy readings wat1… --limit 10 --json
  wattle energy order --from bob --microgrid 9f3a… --interval 1983412 --side buy --price 0.15 --wh 500
  wattle energy bill bob --from 2026-01-01 --to 2026-02-01
  wattle energy bill bob --from 2026-01-01 --to 2026-02-01 --csv > january.csv";

/// Arguments of `energy`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, arg_required_else_help = true)]
pub struct EnergyArgs {
    #[command(subcommand)]
    command: EnergyCommand,
}

#[derive(Debug, Subcommand)]
enum EnergyCommand {
    /// Register a microgrid operated by the sender, with the sender's mandate. Prints its id before it is sent.
    #[command(after_help = "Example:\n  wattle energy register-microgrid --from alice --interval-minutes 15")]
    RegisterMicrogrid(registry::MicrogridArgs),
    /// Let a paused microgrid's work go on, once its wallet or its operator's has the money; by anybody.
    #[command(
        after_help = "Examples:\n  wattle energy resume-microgrid --from bob --microgrid 9f3a…\n\nIts wallet is in \
        `wattle energy microgrid 9f3a…`, with what is needed: `wattle wallet send` pays into it."
    )]
    ResumeMicrogrid(tab::ResumeArgs),
    /// Set a microgrid's terms from a TOML file; by its operator only.
    #[command(after_help = registry::TERMS_EXAMPLE)]
    SetTerms(registry::SetTermsArgs),
    /// Make an account a member, or change its credit limit; by the microgrid's operator only.
    #[command(
        after_help = "Example:\n  wattle energy set-member --from alice --microgrid 9f3a… --account bob --credit-limit 5"
    )]
    SetMember(registry::SetMemberArgs),
    /// Register a meter; by the microgrid's operator only, with the owner's mandate.
    #[command(
        after_help = "Example:\n  wattle energy register-meter --from alice --microgrid 9f3a… --owner bob --key 12ab… --opening 4366,3334/0000,0000@1767225600000 --binding 5e6f…"
    )]
    RegisterMeter(registry::MeterArgs),
    /// Sign a meter's replacement as its installer; the operator or the owner sends it with `swap-meter`.
    #[command(after_help = swap::EXAMPLE)]
    SignSwap(swap::SignSwapArgs),
    /// Replace a meter; by the operator with the owner's mandate and the installer's signature, or by the owner with
    /// the operator's.
    #[command(after_help = swap::EXAMPLE)]
    SwapMeter(swap::SwapMeterArgs),
    /// Place a bid or an offer for the energy of an interval; or show one that stands.
    #[command(
        after_help = "Examples:\n  wattle energy order --from bob --microgrid 9f3a… --interval 1983412 --side buy --price 0.15 --wh 500\n  \
        wattle energy order --from carol --microgrid 9f3a… --interval 1983412 --side sell --price 0.09 --wh 800 --partner bob\n  \
        wattle energy order show 4f1c…"
    )]
    Order(market::OrderArgs),
    /// Take an order back before the gate closes.
    #[command(after_help = "Example:\n  wattle energy cancel-order --from bob 4f1c…")]
    CancelOrder(market::CancelArgs),
    /// Settle the sender's tab with a microgrid: pay what it owes, or ask for the payout of what it is owed.
    #[command(after_help = "Example:\n  wattle energy pay-tab --from bob --microgrid 9f3a…\n\n  \
        Cash is paid out once in each interval, with its settlement, to all who are owed something.")]
    PayTab(tab::PayTabArgs),
    /// Mandate: what a microgrid's operator may do in the sender's name, and settlement take from its wallet.
    #[command(
        subcommand,
        after_help = "Examples:\n  wattle energy mandate set --from bob --microgrid 9f3a… --per-charge 2\n  wattle energy mandate show --microgrid 9f3a… bob"
    )]
    Mandate(mandate::MandateCommand),
    /// Charge a member for a connection, credit, refund, write off, or note taxes paid; by the microgrid's operator
    /// only.
    #[command(after_help = line::EXAMPLE)]
    Line(line::LineArgs),
    /// Bilateral deals between storage units.
    #[command(
        subcommand,
        after_help = "Examples:\n  wattle energy deal list 9f3a…\n  wattle energy deal show 4f1c…"
    )]
    Deal(deals::DealCommand),
    /// Contest a bill, and decide.
    #[command(
        subcommand,
        after_help = "Examples:\n  wattle energy dispute list --microgrid 9f3a…\n  wattle energy dispute show 4f1c…"
    )]
    Dispute(disputes::DisputeCommand),
    /// An account's bill for a period, down to its readings, as table, CSV or JSON.
    #[command(after_help = "Examples:\n  wattle energy bill bob --from 2026-01-01 --to 2026-02-01\n  \
        wattle energy bill bob --from 2026-01-01T06:00Z --csv\n  wattle energy bill bob --verify --json")]
    Bill(bill::BillArgs),
    /// List microgrids.
    #[command(after_help = "Example:\n  wattle energy microgrids")]
    Microgrids(PageArgs),
    /// One microgrid: what it has settled and what comes next.
    #[command(after_help = "Example:\n  wattle energy microgrid 9f3a…")]
    Microgrid(GridArgs),
    /// A microgrid's terms.
    #[command(after_help = "Example:\n  wattle energy terms 9f3a… --interval 1983412")]
    Terms(TermsArgs),
    /// A microgrid's members and what their tabs show.
    #[command(
        after_help = "Examples:\n  wattle energy members 9f3a…\n  wattle energy members 9f3a… --account bob"
    )]
    Members(MembersArgs),
    /// Outcomes of a microgrid's intervals, newest first.
    #[command(after_help = "Example:\n  wattle energy intervals 9f3a… --limit 4")]
    Intervals(GridPageArgs),
    /// Where an interval stands.
    #[command(after_help = "Example:\n  wattle energy interval 9f3a… 1983412")]
    Interval(IntervalArgs),
    /// The trades of an interval, in the order in which they were matched.
    #[command(after_help = "Example:\n  wattle energy trades 9f3a… 1983412")]
    Trades(OrdersArgs),
    /// The orders for an interval, by price.
    #[command(after_help = "Example:\n  wattle energy book 9f3a… 1983412")]
    Book(IntervalArgs),
    /// The orders for an interval, one by one.
    #[command(after_help = "Example:\n  wattle energy orders 9f3a… 1983412")]
    Orders(OrdersArgs),
    /// List meters with their last readings.
    #[command(
        after_help = "Examples:\n  wattle energy meters\n  wattle energy meters --microgrid 9f3a… --json"
    )]
    Meters(MetersArgs),
    /// One meter: its last reading, how far it is settled, whether it is estimated.
    #[command(after_help = "Example:\n  wattle energy meter wat1…")]
    Meter(MeterArgs),
    /// Enter what a person has read off a meter; by the operator, or the installer if it is not its own. It is flagged.
    #[command(after_help = life::READ_EXAMPLE)]
    ReadMeter(life::ReadArgs),
    /// Close a meter at its last reading; by the microgrid's operator only.
    #[command(after_help = life::RETIRE_EXAMPLE)]
    RetireMeter(life::RetireArgs),
    /// Give a meter another owner at its closing reading; by the microgrid's operator, with the mandates of both.
    #[command(after_help = life::HAND_OVER_EXAMPLE)]
    HandOver(life::HandOverArgs),
    /// Say anew how much power can flow through a meter; by the microgrid's operator, with its owner's mandate.
    #[command(after_help = life::RATE_EXAMPLE)]
    RateMeter(life::RateArgs),
    /// End a membership: what it owes is paid, and what it is owed must have been paid out before.
    #[command(after_help = life::LEAVE_EXAMPLE)]
    Leave(life::LeaveArgs),
    /// A meter's accepted readings, newest first; of a period by the time of their blocks.
    #[command(
        after_help = "Examples:\n  wattle energy readings wat1… --limit 10\n  wattle energy readings wat1… --from 2026-01-01 --to 2026-02-01"
    )]
    Readings(ReadingsArgs),
}

#[derive(Debug, Args)]
struct GridArgs {
    /// The microgrid's id.
    microgrid: Hash,
}

#[derive(Debug, Args)]
struct TermsArgs {
    /// The microgrid's id.
    microgrid: Hash,
    /// The interval they hold for; the one that is running when absent.
    #[arg(long, value_name = "N")]
    interval: Option<IntervalId>,
}

#[derive(Debug, Args)]
struct GridPageArgs {
    /// The microgrid's id.
    microgrid: Hash,
    #[command(flatten)]
    page: PageArgs,
}

#[derive(Debug, Args)]
struct MembersArgs {
    #[command(flatten)]
    of: GridPageArgs,
    /// This one alone: an address, or the name of a key.
    #[arg(long, value_name = "ADDRESS")]
    account: Option<String>,
}

#[derive(Debug, Args)]
struct IntervalArgs {
    /// The microgrid's id.
    microgrid: Hash,
    /// The interval's number: its start over its length.
    interval: IntervalId,
}

#[derive(Debug, Args)]
struct OrdersArgs {
    #[command(flatten)]
    of: IntervalArgs,
    #[command(flatten)]
    page: PageArgs,
}

#[derive(Debug, Args)]
struct MetersArgs {
    /// Only those of this microgrid.
    #[arg(long, value_name = "HASH")]
    microgrid: Option<Hash>,
    #[command(flatten)]
    page: PageArgs,
}

#[derive(Debug, Args)]
struct MeterArgs {
    /// The meter: the address of its key.
    meter: Address,
}

#[derive(Debug, Args)]
struct ReadingsArgs {
    /// The meter: the address of its key.
    meter: Address,
    /// Taken by the chain from this time on: a date (UTC), or ms since 1970.
    #[arg(long, value_name = "TIME", value_parser = date::parse_time)]
    from: Option<TimeMs>,
    /// Taken by the chain before this time.
    #[arg(long, value_name = "TIME", value_parser = date::parse_time)]
    to: Option<TimeMs>,
    #[command(flatten)]
    page: PageArgs,
}

/// Runs `energy`.
///
/// # Errors
/// [`CliError`].
pub(crate) async fn run(args: EnergyArgs, ctx: &Ctx) -> CliResult {
    match args.command {
        EnergyCommand::RegisterMicrogrid(args) => registry::register_microgrid(&args, ctx).await,
        EnergyCommand::SetTerms(args) => registry::set_terms(&args, ctx).await,
        EnergyCommand::SetMember(args) => registry::set_member(&args, ctx).await,
        EnergyCommand::RegisterMeter(args) => registry::register_meter(&args, ctx).await,
        EnergyCommand::SignSwap(args) => swap::sign(&args, ctx),
        EnergyCommand::SwapMeter(args) => swap::send(&args, ctx).await,
        EnergyCommand::ReadMeter(args) => life::read(&args, ctx).await,
        EnergyCommand::RetireMeter(args) => life::retire(&args, ctx).await,
        EnergyCommand::HandOver(args) => life::hand_over(&args, ctx).await,
        EnergyCommand::RateMeter(args) => life::rate(&args, ctx).await,
        EnergyCommand::Leave(args) => life::leave(&args, ctx).await,
        EnergyCommand::Order(args) => market::order(&args, ctx).await,
        EnergyCommand::CancelOrder(args) => market::cancel(&args, ctx).await,
        EnergyCommand::PayTab(args) => tab::pay_tab(&args, ctx).await,
        EnergyCommand::Mandate(command) => mandate::run(command, ctx).await,
        EnergyCommand::ResumeMicrogrid(args) => tab::resume(&args, ctx).await,
        EnergyCommand::Line(args) => line::send(&args, ctx).await,
        EnergyCommand::Deal(command) => deals::run(command, ctx).await,
        EnergyCommand::Dispute(command) => disputes::run(command, ctx).await,
        EnergyCommand::Bill(args) => bill::run(&args, ctx).await,
        EnergyCommand::Microgrids(page) => {
            query::ask(ctx, "energy_listMicrogrids", page.add_to(json!({}))).await
        }
        EnergyCommand::Microgrid(args) => {
            query::ask(ctx, "energy_getMicrogrid", json!({ "id": args.microgrid })).await
        }
        EnergyCommand::Terms(args) => {
            let params = json!({ "microgrid": args.microgrid, "interval": args.interval });
            query::ask(ctx, "energy_getTerms", params).await
        }
        EnergyCommand::Members(args) => {
            let account = address(args.account.as_deref(), ctx)?;
            let params = json!({ "microgrid": args.of.microgrid, "account": account });
            query::ask(ctx, "energy_listMembers", args.of.page.add_to(params)).await
        }
        EnergyCommand::Intervals(args) => {
            let params = args.page.add_to(json!({ "microgrid": args.microgrid }));
            query::ask(ctx, "energy_listIntervals", params).await
        }
        EnergyCommand::Interval(args) => query::ask(ctx, "energy_getInterval", args.params()).await,
        EnergyCommand::Trades(args) => {
            query::ask(ctx, "market_listTrades", args.page.add_to(args.of.params())).await
        }
        EnergyCommand::Book(args) => query::ask(ctx, "market_orderBook", args.params()).await,
        EnergyCommand::Orders(args) => {
            query::ask(ctx, "market_listOrders", args.page.add_to(args.of.params())).await
        }
        EnergyCommand::Meters(args) => {
            let mut params = args.page.add_to(json!({}));
            if let Some(microgrid) = args.microgrid {
                params["microgrid"] = microgrid.to_string().into();
            }
            query::ask(ctx, "energy_listMeters", params).await
        }
        EnergyCommand::Meter(args) => {
            query::ask(ctx, "energy_getMeter", json!({ "address": args.meter })).await
        }
        EnergyCommand::Readings(args) => {
            let params = json!({ "meter": args.meter, "fromMs": args.from, "toMs": args.to });
            query::ask(ctx, "energy_listReadings", args.page.add_to(params)).await
        }
    }
}

impl IntervalArgs {
    fn params(&self) -> serde_json::Value {
        json!({ "microgrid": self.microgrid, "interval": self.interval })
    }
}

/// Sends one call.
async fn call(call: Call, what: &str, send: &SendArgs, ctx: &Ctx) -> CliResult {
    execute(vec![call], what, send, ctx).await
}

/// A microgrid's settlement asset.
async fn asset_of(client: &Client, microgrid: &Hash) -> Result<AssetInfo, CliError> {
    let grid: Anchored<MicrogridInfo> =
        client.call("energy_getMicrogrid", json!({ "id": microgrid })).await?;
    Ok(client.asset(grid.value.asset).await?)
}

/// An optional address, or name of a key.
fn address(text: Option<&str>, ctx: &Ctx) -> Result<Option<Address>, CliError> {
    text.map(|text| address_of(text, ctx)).transpose()
}
