//! `wattle paygo`: pay-as-you-go operators, their devices, the sale of tokens and what becomes of them.
//!
//! # Not here
//! Digits of a token, and the secrets that make them, but for `token`, which asks no node: the chain knows a token by
//! its count and a commitment.

mod contract;
mod credit;
mod device;
mod key;
mod nonce;
mod operator;
mod redeem;
mod sale;
mod token;

use super::query::{self, PageArgs};
use super::send::SendArgs;
use super::{CliError, CliResult, Ctx};
use crate::client::{Client, ClientError};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;
use wattle_primitives::Hash;
use wattle_primitives::call::paygo::{CreditUnit, TokenKind};
use wattle_rpc_types::{Anchored, DeviceInfo, TokenInfo};

const EXAMPLES: &str = "Examples:
  wattle paygo operator register --from alice --daily-cap 500
  wattle paygo device add --from alice --unit wh:100 --profile c-firmware
  wattle paygo contract set 5f1c… --from alice --deposit 20 --included 70 --price 0.05 --total 150
  wattle paygo new-secret --out issuer.nonces
  wattle paygo issue 5f1c… --from alice --cash 3.5 --nonce-secret-file issuer.nonces
  wattle paygo confirm 5f1c… --from alice --count 2 --nonce-secret-file issuer.nonces
  wattle paygo device show 5f1c…
  wattle paygo history 5f1c… --limit 20";

/// Arguments of `paygo`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, arg_required_else_help = true)]
pub struct PaygoArgs {
    #[command(subcommand)]
    command: PaygoCommand,
}

#[derive(Debug, Subcommand)]
enum PaygoCommand {
    /// Operators: how they are paid, and how much is issued at most.
    #[command(
        subcommand,
        after_help = "Examples:\n  wattle paygo operator register --from alice --daily-cap 500\n  wattle paygo operator show alice"
    )]
    Operator(operator::OperatorCommand),
    /// Devices: what they count, whose they are, what they have.
    #[command(
        subcommand,
        after_help = "Examples:\n  wattle paygo device add --from alice --unit wh:100\n  wattle paygo device list --operator alice --only low --below-wh 500"
    )]
    Device(device::DeviceCommand),
    /// Contracts: how devices are paid for.
    #[command(subcommand, after_help = contract::EXAMPLE)]
    Contract(contract::ContractCommand),
    /// Make a secret for the nonces of commitments, in a file that only its owner can read.
    #[command(after_help = "Example:\n  wattle paygo new-secret --out issuer.nonces")]
    NewSecret(nonce::NewSecretArgs),
    /// Reserve counts of a device, so that tokens can be sold while there is no chain to ask; by its operator.
    #[command(after_help = sale::RESERVE_EXAMPLE)]
    Reserve(sale::ReserveArgs),
    /// Sell or give a token: by the device's operator; or, of a reserved one, by whoever pays from its own wallet.
    #[command(after_help = sale::ISSUE_EXAMPLE)]
    Issue(sale::IssueArgs),
    /// Take back the sale of a token, or forget one that its device takes no more; by its operator.
    #[command(after_help = "Examples:\n  wattle paygo void 5f1c… --from alice --count 8 --refund\n\n\
        A device without a network takes the token all the same: then it owes what the token cost.")]
    Void(sale::VoidArgs),
    /// Pay what a device owes: from one's own wallet by anybody, otherwise by its operator.
    #[command(
        after_help = "Examples:\n  wattle paygo pay 5f1c… --from bob --wallet 3.5\n  wattle paygo pay 5f1c… --from alice --cash 3.5"
    )]
    Pay(sale::PayArgs),
    /// Report that a device has taken a token: signed with the device's key by anybody, else by its gateway or owner.
    #[command(after_help = redeem::REDEEM_EXAMPLE)]
    Redeem(redeem::RedeemArgs),
    /// Confirm that a device has taken a token, where it cannot say so itself; by its operator.
    #[command(after_help = redeem::CONFIRM_EXAMPLE)]
    Confirm(redeem::ConfirmArgs),
    /// Set credit of a device aside for use that its gateway, who sends this, is going to report.
    #[command(
        after_help = "Example:\n  wattle paygo authorise 5f1c… --from gateway --wh 500 --expires 2026-01-31T14:00Z"
    )]
    Authorise(credit::AuthoriseArgs),
    /// Report what was used so far under an authorisation; by the gateway that made it.
    #[command(
        after_help = "Example:\n  wattle paygo draw 5f1c… --from gateway --authorisation 9a3e… --seq 3 --wh 300"
    )]
    Draw(credit::DrawArgs),
    /// End an authorisation with the last figure: what was not used is free again.
    #[command(
        after_help = "Example:\n  wattle paygo close 5f1c… --from gateway --authorisation 9a3e… --wh 420"
    )]
    Close(credit::CloseArgs),
    /// Make and read OpenPAYGO tokens, without a node.
    Token(token::TokenArgs),
    /// A device's tokens that are reserved or sold and not redeemed, the highest counts first.
    #[command(after_help = "Example:\n  wattle paygo tokens 5f1c…")]
    Tokens(DevicePageArgs),
    /// History of a device, its tokens and its credit, newest first.
    #[command(after_help = "Example:\n  wattle paygo history 5f1c… --limit 20 --json")]
    History(DevicePageArgs),
}

#[derive(Debug, Args)]
struct DevicePageArgs {
    /// The device's id.
    device: Hash,
    #[command(flatten)]
    page: PageArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// Adds to the credit.
    Add,
    /// Sets the credit; to 0 it cuts the supply off.
    Set,
    /// Ends payment control: the device is paid off.
    Disable,
    /// Moves the device's count.
    Sync,
}

impl From<Kind> for TokenKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Add => Self::Add,
            Kind::Set => Self::Set,
            Kind::Disable => Self::Disable,
            Kind::Sync => Self::Sync,
        }
    }
}

/// Worth of a token.
#[derive(Debug, Args)]
#[group(multiple = false)]
struct ValueArgs {
    /// In raw units, as the device counts them.
    #[arg(long, value_name = "UNITS")]
    value: Option<u32>,
    /// In Wh, for a device that counts energy.
    #[arg(long, value_name = "WH")]
    wh: Option<u64>,
    /// In days, for a device that counts time.
    #[arg(long, value_name = "DAYS")]
    days: Option<u64>,
}

/// Runs `paygo`.
///
/// # Errors
/// [`CliError`].
pub(crate) async fn run(args: PaygoArgs, ctx: &Ctx) -> CliResult {
    match args.command {
        PaygoCommand::Token(args) => token::run(args),
        PaygoCommand::Operator(command) => operator::run(command, ctx).await,
        PaygoCommand::Device(command) => device::run(command, ctx).await,
        PaygoCommand::Contract(command) => contract::run(command, ctx).await,
        PaygoCommand::NewSecret(args) => nonce::new_secret(&args),
        PaygoCommand::Reserve(args) => sale::reserve(&args, ctx).await,
        PaygoCommand::Issue(args) => sale::issue(&args, ctx).await,
        PaygoCommand::Void(args) => sale::void(&args, ctx).await,
        PaygoCommand::Pay(args) => sale::pay(&args, ctx).await,
        PaygoCommand::Redeem(args) => redeem::redeem(&args, ctx).await,
        PaygoCommand::Confirm(args) => redeem::confirm(&args, ctx).await,
        PaygoCommand::Authorise(args) => credit::authorise(&args, ctx).await,
        PaygoCommand::Draw(args) => credit::draw(&args, ctx).await,
        PaygoCommand::Close(args) => credit::close(&args, ctx).await,
        PaygoCommand::Tokens(args) => {
            query::ask(ctx, "paygo_listTokens", args.page.add_to(json!({ "device": args.device }))).await
        }
        PaygoCommand::History(args) => {
            query::ask(ctx, "paygo_history", args.page.add_to(json!({ "device": args.device }))).await
        }
    }
}

/// A device as the chain has it.
async fn device_of(client: &Client, id: &Hash) -> Result<DeviceInfo, CliError> {
    let found: Anchored<DeviceInfo> = client.call("paygo_getDevice", json!({ "device": id })).await?;
    Ok(found.value)
}

/// A device's token that the chain keeps.
async fn token_of(client: &Client, device: &Hash, count: u32) -> Result<Option<TokenInfo>, CliError> {
    let params = json!({ "device": device, "count": count });
    match client.call::<Anchored<TokenInfo>>("paygo_getToken", params).await {
        Ok(found) => Ok(Some(found.value)),
        Err(ClientError::Refused { code, data, .. }) if code == "not_found" && data["what"] == "token" => {
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

impl ValueArgs {
    /// The raw units of a device that are meant, if any are.
    ///
    /// # Errors
    /// [`CliError::Usage`] for what the device does not count, or not so finely.
    fn raw(&self, device: &DeviceInfo) -> Result<Option<u32>, CliError> {
        let (size, per_unit, what) = match (self.value, self.wh, self.days, device.unit) {
            (Some(value), ..) => return Ok(Some(value)),
            (None, None, None, _) => return Ok(None),
            (None, Some(wh), _, CreditUnit::WattHours { per_unit }) => (Some(wh), per_unit.0, "Wh"),
            (None, _, Some(days), CreditUnit::Time { per_unit }) => {
                (days.checked_mul(DAY_MS), per_unit.0, "ms")
            }
            (None, Some(_), ..) => return Err(usage("the device counts time: give --days or --value")),
            (None, None, Some(_), _) => return Err(usage("the device counts energy: give --wh or --value")),
        };
        let one = per_unit.checked_div(device.divider.into()).filter(|one| *one > 0);
        let whole = size.zip(one).filter(|(size, one)| size.checked_rem(*one) == Some(0));
        let raw = whole.and_then(|(size, one)| u32::try_from(size.checked_div(one)?).ok());
        raw.map(Some).ok_or_else(|| {
            let one = one.unwrap_or(per_unit);
            usage(&format!("that is no whole number of the device's units, which are {one} {what} each"))
        })
    }
}

/// Milliseconds of a day.
const DAY_MS: u64 = 24 * 3600 * 1000;

fn usage(detail: &str) -> CliError {
    CliError::Usage { detail: detail.to_owned() }
}

#[cfg(test)]
mod tests;
