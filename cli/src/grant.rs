//! `wattle grant`: letting others act on one's behalf, or at one's cost.

use super::input::reference;
use super::query::{self, PageArgs};
use super::secret::address_of;
use super::send::{SendArgs, execute, money};
use super::wallet::resolve_asset;
use super::{CliError, CliResult, Ctx, amount, output};
use clap::{Args, Subcommand};
use serde_json::json;
use std::fmt::Display;
use wattle_primitives::call::CallKind;
use wattle_primitives::call::identity::{
    Calls, Grant, Limits, PerPeriod, RevokeGrant, Spending, Sponsor, Unsponsor, grant_id,
};
use wattle_primitives::{Address, Amount, AssetId, BookId, BoundedVec, Call, Hash, TimeMs};
use wattle_rpc_types::AssetInfo;

const EXAMPLES: &str = "Examples:
  wattle grant add --from alice --to bob --call token.transfer --asset KES --total 100 --per-tx 5 --expires-in 86400
  wattle grant add --from alice --to bob --asset KES --total 100 --asset WAT --total 5 --per-tx 1 --expires-in 86400
  wattle grant list --by alice
  wattle token transfer --from bob --grant 3f2a… --asset KES --to wat1… --amount 5
  wattle grant revoke --from alice 3f2a…
  wattle grant sponsor --from alice --to wat1… --total 10 --tx-per-hour 60 --expires-in 2592000";

/// Arguments of `grant`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, arg_required_else_help = true)]
pub struct GrantArgs {
    #[command(subcommand)]
    command: GrantCommand,
}

#[derive(Debug, Subcommand)]
enum GrantCommand {
    /// Let somebody act on your behalf, within limits. Whoever may sends with --grant and the id that this shows.
    #[command(
        after_help = "Examples:\n  wattle grant add --from alice --to bob --call token.transfer --asset WAT --total 100 --expires-in 86400\n  \
        wattle grant add --from alice --to bob --asset KES --total 100 --asset WAT --total 5 --per-tx 1 --expires-in 86400\n\n  \
        Of several assets each amount is given once for all, or once for each in their order, \"none\" where it does not limit."
    )]
    Add(AddArgs),
    /// End a grant, from the next transaction on: one that you made, or were given.
    #[command(after_help = "Example:\n  wattle grant revoke --from alice 3f2a…")]
    Revoke(RevokeArgs),
    /// List the grants that somebody made, or was given, with what was spent of them.
    #[command(after_help = "Example:\n  wattle grant list --by alice")]
    List(ListArgs),
    /// Show one grant.
    #[command(after_help = "Example:\n  wattle grant show 3f2a…")]
    Show(ShowArgs),
    /// Pay fees and deposits for somebody, within limits. Who is sponsored sends with --fee-payer and your address.
    #[command(
        after_help = "Example:\n  wattle grant sponsor --from alice --to wat1… --total 10 --expires-in 2592000"
    )]
    Sponsor(SponsorArgs),
    /// Pay for somebody no longer.
    #[command(after_help = "Example:\n  wattle grant unsponsor --from alice --to wat1…")]
    Unsponsor(UnsponsorArgs),
    /// Show how far somebody pays for another, and what was spent.
    #[command(after_help = "Example:\n  wattle grant sponsorship --by alice --to wat1…")]
    Sponsorship(SponsorshipArgs),
    /// List the accounts that somebody pays for, or that pay for it, with what was spent.
    #[command(after_help = "Example:\n  wattle grant sponsorships --by alice")]
    Sponsorships(ListArgs),
}

/// Limits of any kind.
#[derive(Debug, Args)]
struct LimitArgs {
    /// A call that may be made, as module.call; several times for several. All that a grant can be for when absent.
    #[arg(long = "call", value_name = "CALL")]
    calls: Vec<CallKind>,
    /// Allow no call: its holder only reads what the grant is for.
    #[arg(long, conflicts_with = "calls")]
    no_calls: bool,
    /// Most in all: 1.5, or "150 base" for base units.
    #[arg(long, value_name = "AMOUNT")]
    total: Vec<String>,
    /// Most in one transaction.
    #[arg(long, value_name = "AMOUNT")]
    per_tx: Vec<String>,
    /// Most in each period.
    #[arg(long, value_name = "AMOUNT", requires = "period")]
    per_period: Vec<String>,
    /// Length of a period, in seconds.
    #[arg(long, value_name = "SECONDS", requires = "per_period", value_parser = clap::value_parser!(u64).range(1..=31_622_400))]
    period: Option<u64>,
    /// Most transactions an hour.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    tx_per_hour: Option<u32>,
    /// Most transactions in all.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    uses: Option<u32>,
    /// Seconds after which it is over, from the time of the chain's last final block on.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=3_162_240_000))]
    expires_in: u64,
}

#[derive(Debug, Args)]
struct AddArgs {
    /// Who may act: an address, or the name of a key.
    #[arg(long, value_name = "ADDRESS")]
    to: String,
    /// Asset that may be spent: its number, or its symbol when only one asset has it; several times for several.
    /// Nothing may be spent when absent.
    #[arg(long = "asset", value_name = "ASSET")]
    assets: Vec<String>,
    /// A transaction that spends more needs your signature as well, as its fee payer's.
    #[arg(long, value_name = "AMOUNT", requires = "assets")]
    cosign_above: Vec<String>,
    /// Who may be paid; several times for several. Anybody when absent.
    #[arg(long = "payee", value_name = "ADDRESS")]
    payees: Vec<String>,
    /// A book of yours that the grant is for, and for nothing else of yours; several times for several.
    #[arg(long = "book", value_name = "BOOK")]
    books: Vec<BookId>,
    /// Distinguishes the grants that you make: 32 bytes in hex. Drawn at random when absent.
    #[arg(long, value_name = "HEX")]
    reference: Option<Hash>,
    #[command(flatten)]
    limits: LimitArgs,
    #[command(flatten)]
    send: SendArgs,
}

#[derive(Debug, Args)]
struct RevokeArgs {
    /// The grant's id.
    grant: Hash,
    #[command(flatten)]
    send: SendArgs,
}

#[derive(Debug, Args)]
struct ListArgs {
    /// Who grants, or pays: an address, or the name of a key.
    #[arg(long, value_name = "ADDRESS", conflicts_with = "to", required_unless_present = "to")]
    by: Option<String>,
    /// Who acts, or is paid for.
    #[arg(long, value_name = "ADDRESS")]
    to: Option<String>,
    #[command(flatten)]
    page: PageArgs,
}

#[derive(Debug, Args)]
struct ShowArgs {
    /// The grant's id.
    grant: Hash,
}

#[derive(Debug, Args)]
struct SponsorArgs {
    /// For whom: an address, or the name of a key.
    #[arg(long, value_name = "ADDRESS")]
    to: String,
    #[command(flatten)]
    limits: LimitArgs,
    #[command(flatten)]
    send: SendArgs,
}

#[derive(Debug, Args)]
struct UnsponsorArgs {
    /// For whom: an address, or the name of a key.
    #[arg(long, value_name = "ADDRESS")]
    to: String,
    #[command(flatten)]
    send: SendArgs,
}

#[derive(Debug, Args)]
struct SponsorshipArgs {
    /// Who pays: an address, or the name of a key.
    #[arg(long, value_name = "ADDRESS")]
    by: String,
    /// For whom.
    #[arg(long, value_name = "ADDRESS")]
    to: String,
}

/// Runs `grant`.
///
/// # Errors
/// [`CliError`].
pub(crate) async fn run(args: GrantArgs, ctx: &Ctx) -> CliResult {
    match args.command {
        GrantCommand::Add(args) => add(args, ctx).await,
        GrantCommand::Revoke(args) => {
            let call = Call::from(RevokeGrant { grant: args.grant });
            execute(vec![call], &format!("end grant {}", args.grant), &args.send, ctx).await
        }
        GrantCommand::List(args) => list(&args, "identity_listGrants", "grantor", ctx).await,
        GrantCommand::Show(args) => {
            query::ask(ctx, "identity_getGrant", json!({ "grant": args.grant })).await
        }
        GrantCommand::Sponsor(args) => {
            let grantee = address_of(&args.to, ctx)?;
            let (limits, assets) = args.limits.read(&[AssetId::NATIVE.to_string()], &[], ctx).await?;
            let what = format!("pay fees and deposits for {grantee}\n{}", words(&limits, &assets));
            let call = Call::from(Sponsor { grantee, limits });
            execute(vec![call], &what, &args.send, ctx).await
        }
        GrantCommand::Unsponsor(args) => {
            let grantee = address_of(&args.to, ctx)?;
            let call = Call::from(Unsponsor { grantee });
            execute(vec![call], &format!("pay no more for {grantee}"), &args.send, ctx).await
        }
        GrantCommand::Sponsorship(args) => {
            let (sponsor, grantee) = (address_of(&args.by, ctx)?, address_of(&args.to, ctx)?);
            query::ask(ctx, "identity_getSponsorship", json!({ "sponsor": sponsor, "grantee": grantee }))
                .await
        }
        GrantCommand::Sponsorships(args) => list(&args, "identity_listSponsorships", "sponsor", ctx).await,
    }
}

/// A list by either of its sides; `giver` is the parameter of the first.
async fn list(args: &ListArgs, method: &str, giver: &str, ctx: &Ctx) -> CliResult {
    let (side, account) = match (&args.by, &args.to) {
        (Some(by), _) => (giver, by.as_str()),
        (None, to) => ("grantee", to.as_deref().unwrap_or_default()),
    };
    let asked = json!({ side: address_of(account, ctx)? });
    query::ask(ctx, method, args.page.add_to(asked)).await
}

async fn add(args: AddArgs, ctx: &Ctx) -> CliResult {
    let grantee = address_of(&args.to, ctx)?;
    let payees: Vec<Address> =
        args.payees.iter().map(|text| address_of(text, ctx)).collect::<Result<_, _>>()?;
    let (limits, assets) = args.limits.read(&args.assets, &args.cosign_above, ctx).await?;
    let limits = Limits {
        counterparties: BoundedVec::new(payees).map_err(|e| CliError::input("--payee", e))?,
        books: BoundedVec::new(args.books).map_err(|e| CliError::input("--book", e))?,
        ..limits
    };
    let reference = reference(args.reference)?;
    let grantor = args.send.on_behalf_of(ctx).await?;
    let id = grant_id(&grantor, &reference);
    output::note(&format!("grant {id}"));
    let what = format!("let {grantee} act on your behalf by grant {id}\n{}", words(&limits, &assets));
    let call = Call::from(Grant { reference, grantee, limits });
    execute(vec![call], &what, &args.send, ctx).await
}

/// Limits as who signs them reads them. `assets` are those that they limit spending of, in their order.
fn words(limits: &Limits, assets: &[AssetInfo]) -> String {
    let Limits { calls, spending, counterparties, books, tx_per_hour, uses, expires_ms } = limits;
    let calls = match calls {
        Calls::Any => "for any call".to_owned(),
        Calls::Only(kinds) if kinds.is_empty() => "for no call".to_owned(),
        Calls::Only(kinds) => format!("for {}", joined(kinds)),
    };
    let mut lines = vec![format!("until {}", output::time(*expires_ms)), calls];
    if spending.is_empty() {
        lines.push("spending nothing".to_owned());
    }
    lines.extend(spending.iter().zip(assets).map(|(row, asset)| spent(row, asset)));
    if !counterparties.is_empty() {
        lines.push(format!("paying {} only", joined(counterparties)));
    }
    if !books.is_empty() {
        lines.push(format!("in book {} only", joined(books)));
    }
    lines.extend(tx_per_hour.map(|most| format!("at most {most} transactions an hour")));
    lines.extend(uses.map(|most| format!("at most {most} transactions in all")));
    lines.join("\n")
}

fn spent(row: &Spending, asset: &AssetInfo) -> String {
    let Spending { asset: _, per_tx, per_period, total, cosign_above } = *row;
    let shown = |most| money(most, asset);
    let limits = [
        total.map(|most| format!("{} in all", shown(most))),
        per_tx.map(|most| format!("{} in a transaction", shown(most))),
        per_period.map(|PerPeriod { amount, period_ms }| {
            format!("{} in each {} s", shown(amount), period_ms.0 / 1000)
        }),
    ];
    let limits: Vec<String> = limits.into_iter().flatten().collect();
    let most = match limits.as_slice() {
        [] => format!("any amount of {}", amount::asset_name(&asset.symbol, asset.id)),
        limits => format!("at most {}", limits.join(", ")),
    };
    let cosigned = cosign_above.map(|above| format!("; with your signature as well above {}", shown(above)));
    format!("spending {most}{}", cosigned.unwrap_or_default())
}

fn joined<T: Display>(items: &[T]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

impl LimitArgs {
    /// The limits, with what may be spent of each asset, and above which amounts its owner signs along; and these
    /// assets.
    async fn read(
        &self,
        assets: &[String],
        cosign_above: &[String],
        ctx: &Ctx,
    ) -> Result<(Limits, Vec<AssetInfo>), CliError> {
        let calls = match (self.calls.is_empty(), self.no_calls) {
            (true, false) => Calls::Any,
            (false, _) | (true, true) => {
                Calls::Only(BoundedVec::new(self.calls.clone()).map_err(|e| CliError::input("--call", e))?)
            }
        };
        let amounts = [&self.total, &self.per_tx, &self.per_period];
        if assets.is_empty() && amounts.iter().any(|given| !given.is_empty()) {
            return Err(CliError::Usage { detail: "amounts need --asset".to_owned() });
        }
        let client = ctx.client()?;
        let (mut spending, mut found) = (Vec::with_capacity(assets.len()), Vec::with_capacity(assets.len()));
        for (n, asset) in assets.iter().enumerate() {
            let asset = resolve_asset(&client, asset).await?;
            spending.push(self.spending(&asset, (n, assets.len()), cosign_above)?);
            found.push(asset);
        }
        // The end is judged by the chain's time, whatever the clock here says.
        let now = client.chain_status().await?.time_ms;
        let limits = Limits {
            calls,
            spending: BoundedVec::new(spending).map_err(|e| CliError::input("--asset", e))?,
            counterparties: BoundedVec::default(),
            books: BoundedVec::default(),
            tx_per_hour: self.tx_per_hour,
            uses: self.uses,
            expires_ms: TimeMs(now.0.saturating_add(self.expires_in.saturating_mul(1000))),
        };
        Ok((limits, found))
    }

    /// Limits on spending an asset, which is at a place among so many.
    fn spending(
        &self,
        asset: &AssetInfo,
        place: (usize, usize),
        cosign_above: &[String],
    ) -> Result<Spending, CliError> {
        let read = |flag: &str, given: &[String]| -> Result<Option<Amount>, CliError> {
            let text = of_place(flag, given, place)?;
            Ok(text.map(|text| amount::parse(text, &asset.symbol, asset.scale)).transpose()?)
        };
        let period_ms = TimeMs(self.period.unwrap_or_default().saturating_mul(1000));
        let per_period =
            read("--per-period", &self.per_period)?.map(|amount| PerPeriod { amount, period_ms });
        Ok(Spending {
            asset: asset.id,
            per_tx: read("--per-tx", &self.per_tx)?,
            per_period,
            total: read("--total", &self.total)?,
            cosign_above: read("--cosign-above", cosign_above)?,
        })
    }
}

/// The amount at a place among so many assets: of one for each, in their order, or of one for all. `None` without any,
/// or for `none`.
fn of_place<'a>(
    flag: &str,
    given: &'a [String],
    (n, assets): (usize, usize),
) -> Result<Option<&'a str>, CliError> {
    let text = match given {
        [] => None,
        [one] => Some(one),
        each if each.len() == assets => each.get(n),
        _ => {
            let detail = format!("give {flag} once for all assets, or once for each, in their order");
            return Err(CliError::Usage { detail });
        }
    };
    Ok(text.map(String::as_str).filter(|text| *text != "none"))
}

#[cfg(test)]
#[path = "grant_tests.rs"]
mod tests;
