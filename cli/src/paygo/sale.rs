//! Tokens from the counter's side: reserved, sold, taken back; and debts paid.

use super::nonce::NonceArgs;
use super::{CliError, CliResult, Ctx, Kind, SendArgs, ValueArgs, device_of, token_of, usage};
use crate::client::Client;
use crate::output;
use crate::send::{execute, money, money_of};
use clap::Args;
use serde_json::json;
use wattle_primitives::call::paygo::{
    IssueToken, PayDevice, Payment, RESERVED_MAX, ReserveTokens, ReservedToken, Token, TokenKind, VoidToken,
};
use wattle_primitives::{Amount, BoundedVec, Call, Hash, WattHours};
use wattle_rpc_types::{Anchored, AssetInfo, ContractInfo, DeviceInfo, HoldInfo};

pub(super) const ISSUE_EXAMPLE: &str = "Examples:
  wattle paygo issue 5f1c… --from alice --cash 3.5 --nonce-secret-file issuer.nonces
  wattle paygo issue 5f1c… --from alice --hold 4f1c… --wh 5000 --nonce-secret-file issuer.nonces
  wattle paygo issue 5f1c… --from alice --free --kind set --value 0 --nonce-secret-file issuer.nonces
  wattle paygo issue 5f1c… --from bob --wallet 3.5 --count 8

Under a contract the value is what the money buys, with what was left over before. The digits are made elsewhere, of the
count and the value that this shows.";

pub(super) const RESERVE_EXAMPLE: &str = "Example:
  wattle paygo reserve 5f1c… --from alice --tokens 4 --value 100 --nonce-secret-file issuer.nonces

The value is the most that each may be worth, and counts against the cap of the day.";

const _: () = assert!(RESERVED_MAX == 32, "the most that `reserve` takes");

#[derive(Debug, Args)]
pub(super) struct ReserveArgs {
    /// The device's id.
    device: Hash,
    /// Number of tokens.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=32))]
    tokens: u16,
    /// Their effect.
    #[arg(long, value_name = "KIND", default_value = "add")]
    kind: Kind,
    #[command(flatten)]
    value: ValueArgs,
    #[command(flatten)]
    nonce: NonceArgs,
    #[command(flatten)]
    send: SendArgs,
}

#[derive(Debug, Args)]
pub(super) struct IssueArgs {
    /// The device's id.
    device: Hash,
    /// Its effect; of a reserved token that with which it was reserved.
    #[arg(long, value_name = "KIND", default_value = "add")]
    kind: Kind,
    /// Its count: that of a reserved token, or one above the device's last; the next when absent.
    #[arg(long, value_name = "N")]
    count: Option<u32>,
    #[command(flatten)]
    value: ValueArgs,
    #[command(flatten)]
    payment: PaymentArgs,
    /// Amount that is taken of the hold; all of it when absent. The rest is free again.
    #[arg(long, value_name = "AMOUNT", requires = "hold")]
    amount: Option<String>,
    #[command(flatten)]
    nonce: NonceArgs,
    #[command(flatten)]
    send: SendArgs,
}

#[derive(Debug, Args)]
pub(super) struct PayArgs {
    /// The device's id.
    device: Hash,
    #[command(flatten)]
    payment: PaymentArgs,
    /// Amount that is taken of the hold; all of it when absent. The rest is free again.
    #[arg(long, value_name = "AMOUNT", requires = "hold")]
    amount: Option<String>,
    #[command(flatten)]
    send: SendArgs,
}

#[derive(Debug, Args)]
pub(super) struct VoidArgs {
    /// The device's id.
    device: Hash,
    /// The token's count.
    #[arg(long, value_name = "N")]
    count: u32,
    /// Pay back what it cost: from the operator's wallet, where that came by the ledger.
    #[arg(long)]
    refund: bool,
    #[command(flatten)]
    send: SendArgs,
}

/// A way of payment.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct PaymentArgs {
    /// By a hold in favour of the operator's wallet; by the operator.
    #[arg(long, value_name = "HASH")]
    hold: Option<Hash>,
    /// From the sender's wallet: 3.5, "3.5 KES", or "3500000 base" for base units; of a customer or an agent.
    #[arg(long, value_name = "AMOUNT")]
    wallet: Option<String>,
    /// In the operator's hand.
    #[arg(long, value_name = "AMOUNT")]
    cash: Option<String>,
    /// Not at all: for maintenance, or in place of another.
    #[arg(long)]
    free: bool,
    /// Later, at the contract's price: a debt of the device.
    #[arg(long)]
    postpaid: bool,
}

impl PaymentArgs {
    async fn read(
        &self,
        amount: Option<&str>,
        asset: &AssetInfo,
        client: &Client,
    ) -> Result<Payment, CliError> {
        if let Some(hold) = self.hold {
            let amount = match amount {
                Some(text) => money_of(text, asset)?,
                None => {
                    let found: Anchored<HoldInfo> =
                        client.call("ledger_getHold", json!({ "id": hold })).await?;
                    found.value.amount
                }
            };
            return Ok(Payment::Hold { hold, amount });
        }
        match (&self.wallet, &self.cash, self.free) {
            (Some(text), ..) => Ok(Payment::Wallet { amount: money_of(text, asset)? }),
            (None, Some(text), _) => Ok(Payment::Cash { amount: money_of(text, asset)? }),
            (None, None, true) => Ok(Payment::Free),
            (None, None, false) => Ok(Payment::Postpaid),
        }
    }
}

/// Money that comes in now.
const fn paid(payment: &Payment) -> Option<Amount> {
    match *payment {
        Payment::Hold { amount, .. } | Payment::Wallet { amount } | Payment::Cash { amount } => Some(amount),
        Payment::Free | Payment::Postpaid => None,
    }
}

/// The first count above a device's last that a token of this kind can have.
fn next_count(last: u32, kind: TokenKind) -> u32 {
    let count = last.saturating_add(1);
    if (Token { count, kind, value: 0 }).fits_parity() { count } else { count.saturating_add(1) }
}

/// Raw units that `money` buys under a contract, with what was left over before; `None` when it is less than the first
/// sale costs, or too much for one token.
fn bought(contract: &ContractInfo, money: Amount) -> Option<u32> {
    let ContractInfo { terms, begun, rest, .. } = *contract;
    let money = rest.0.checked_add(money.0)?;
    let (included, money) =
        if begun { (0, money) } else { (terms.included, money.checked_sub(terms.deposit.0)?) };
    u32::try_from(money.checked_div(terms.price.0)?).ok()?.checked_add(included)
}

pub(super) async fn reserve(args: &ReserveArgs, ctx: &Ctx) -> CliResult {
    let known = device_of(&ctx.client()?, &args.device).await?;
    let kind = TokenKind::from(args.kind);
    let value = match (kind, args.value.raw(&known)?) {
        (_, Some(value)) => value,
        (TokenKind::Disable | TokenKind::Sync, None) => 0,
        (TokenKind::Add | TokenKind::Set, None) => return Err(no_value()),
    };
    let nonces = args.nonce.read()?;
    if args.tokens > 1 && !nonces.are_many() {
        return Err(usage("one nonce is for one token: give --nonce-secret-file"));
    }
    let (mut tokens, mut last) = (Vec::new(), known.last_count);
    for _ in 0..args.tokens {
        let token = Token { count: next_count(last, kind), kind, value };
        last = token.count;
        let commitment = token.commitment(&args.device, &nonces.of(&args.device, token.count));
        tokens.push(ReservedToken { token, commitment });
    }
    let counts: Vec<String> = tokens.iter().map(|reserved| reserved.token.count.to_string()).collect();
    let what = format!("reserve counts {} of device {}, {value} units each", counts.join(", "), args.device);
    let tokens = BoundedVec::new(tokens).map_err(|e| CliError::input("tokens", e))?;
    let call = Call::from(ReserveTokens { device: args.device, tokens });
    execute(vec![call], &what, &args.send, ctx).await
}

pub(super) async fn issue(args: &IssueArgs, ctx: &Ctx) -> CliResult {
    let client = ctx.client()?;
    let device = args.device;
    let known = device_of(&client, &device).await?;
    let asset = client.asset(known.asset).await?;
    let payment = args.payment.read(args.amount.as_deref(), &asset, &client).await?;
    let reserved = match args.count {
        Some(count) => token_of(&client, &device, count).await?,
        None => None,
    };
    let kind = reserved.map_or(args.kind.into(), |token| token.kind);
    let value = match (args.value.raw(&known)?, kind) {
        (Some(value), _) => value,
        (None, TokenKind::Disable | TokenKind::Sync) => 0,
        (None, TokenKind::Add | TokenKind::Set) => {
            let (contract, money) = known.contract.zip(paid(&payment)).ok_or_else(no_value)?;
            bought(&contract, money).ok_or_else(|| wrong_price(&contract, &asset))?
        }
    };
    let count = args.count.unwrap_or_else(|| next_count(known.last_count, kind));
    let token = Token { count, kind, value };
    let commitment = match reserved {
        Some(reserved) => reserved.commitment,
        None => token.commitment(&device, &args.nonce.read()?.of(&device, count)),
    };
    warn(&known, kind);
    let price = paid(&payment).map_or_else(|| "nothing now".to_owned(), |amount| money(amount, &asset));
    let what = format!("issue count {count} of device {device}: {value} units, for {price}");
    let call = Call::from(IssueToken { device, token, commitment, payment });
    execute(vec![call], &what, &args.send, ctx).await
}

/// Says what a token will make worthless.
fn warn(known: &DeviceInfo, kind: TokenKind) {
    if kind != TokenKind::Add && known.adds > 0 {
        output::note(&format!(
            "warning: {} tokens that were not redeemed are worth nothing then",
            known.adds
        ));
    }
    let credit = known.credit.map_or(WattHours::ZERO, |credit| credit.available_wh);
    if kind == TokenKind::Set && credit > WattHours::ZERO {
        output::note(&format!("warning: the {credit} Wh that the device has are gone then"));
    }
}

fn no_value() -> CliError {
    usage(
        "say how much: --value, --wh or --days; under a contract that is what --hold, --wallet or --cash buys",
    )
}

fn wrong_price(contract: &ContractInfo, asset: &AssetInfo) -> CliError {
    let deposit = money(contract.terms.deposit, asset);
    CliError::Other {
        code: "wrong_price",
        message: format!(
            "the first sale costs a deposit of {deposit}; or it buys more than a token can hold"
        ),
        hint: Some("`wattle paygo device show` shows the contract, and what is left over".into()),
    }
}

pub(super) async fn void(args: &VoidArgs, ctx: &Ctx) -> CliResult {
    let VoidArgs { device, count, refund, .. } = *args;
    let call = Call::from(VoidToken { device, count, refund });
    execute(vec![call], &format!("take back count {count} of device {device}"), &args.send, ctx).await
}

pub(super) async fn pay(args: &PayArgs, ctx: &Ctx) -> CliResult {
    let (client, device) = (ctx.client()?, args.device);
    let known = device_of(&client, &device).await?;
    let asset = client.asset(known.asset).await?;
    let payment = args.payment.read(args.amount.as_deref(), &asset, &client).await?;
    let Some(amount) = paid(&payment) else {
        return Err(usage("a debt is paid by --hold, --wallet or --cash"));
    };
    let owed = money(known.debt, &asset);
    let what = format!("pay {} of the {owed} that device {device} owes", money(amount, &asset));
    execute(vec![Call::from(PayDevice { device, payment })], &what, &args.send, ctx).await
}

#[cfg(test)]
#[path = "sale_tests.rs"]
mod tests;
