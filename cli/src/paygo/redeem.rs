//! Redemptions: told by the devices themselves, or by those who speak for them.

use super::nonce::NonceArgs;
use super::{CliError, CliResult, Ctx, Kind, SendArgs, ValueArgs, device_of, token_of};
use crate::date::parse_time;
use crate::secret::read_seed;
use crate::send::execute;
use clap::Args;
use std::path::PathBuf;
use wattle_host::wall::now;
use wattle_primitives::call::paygo::{RedeemToken, Redemption, RedemptionProof, Token};
use wattle_primitives::{Call, Hash, SecretKey, TimeMs};

pub(super) const REDEEM_EXAMPLE: &str = "Examples:
  wattle paygo redeem 5f1c… --from gateway --count 8 --nonce-secret-file issuer.nonces
  wattle paygo redeem 5f1c… --from anybody --key-file device.key --count 8 --nonce 77c0…

A token that nobody committed to is told with --kind and --value: it counts nothing, and its operator is warned.";

pub(super) const CONFIRM_EXAMPLE: &str = "Example:
  wattle paygo confirm 5f1c… --from alice --count 8 --nonce-secret-file issuer.nonces

The value of a reserved token is said with --value, --wh or --days.";

/// The token that a device has taken.
#[derive(Debug, Args)]
struct TakenArgs {
    /// The device's id.
    device: Hash,
    /// The token's count.
    #[arg(long, value_name = "N")]
    count: u32,
    /// Its effect, where no such token is on the chain.
    #[arg(long, value_name = "KIND")]
    kind: Option<Kind>,
    #[command(flatten)]
    value: ValueArgs,
    #[command(flatten)]
    nonce: NonceArgs,
    /// Time by the device's clock: a date, or ms since 1970; now when absent.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    at: Option<TimeMs>,
    #[command(flatten)]
    send: SendArgs,
}

#[derive(Debug, Args)]
pub(super) struct RedeemArgs {
    /// File with the 32-byte seed of the device's redemption key, in hex: then anybody can send it.
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    #[command(flatten)]
    taken: TakenArgs,
}

#[derive(Debug, Args)]
pub(super) struct ConfirmArgs {
    #[command(flatten)]
    taken: TakenArgs,
}

pub(super) async fn redeem(args: &RedeemArgs, ctx: &Ctx) -> CliResult {
    let key = args.key_file.as_deref().map(read_seed).transpose()?;
    send(&args.taken, key.as_ref(), ctx).await
}

pub(super) async fn confirm(args: &ConfirmArgs, ctx: &Ctx) -> CliResult {
    send(&args.taken, None, ctx).await
}

async fn send(args: &TakenArgs, key: Option<&SecretKey>, ctx: &Ctx) -> CliResult {
    let (client, device, count) = (ctx.client()?, args.device, args.count);
    let known = device_of(&client, &device).await?;
    let kept = token_of(&client, &device, count).await?;
    let value = args.value.raw(&known)?.or(kept.map(|token| token.value));
    let kind = kept.map(|token| token.kind).or(args.kind.map(Into::into));
    let (kind, value) = kind.zip(value).ok_or_else(|| not_kept(count))?;
    // Of a token that nobody committed to, nobody knows a nonce.
    let nonce = if kept.is_some() { args.nonce.read()?.of(&device, count) } else { Hash::ZERO };
    let token = Token { count, kind, value };
    let redemption = Redemption { device, token, nonce, time_ms: args.at.unwrap_or_else(now) };
    let proof = match key {
        None => None,
        Some(key) => {
            let chain = match args.send.tx.chain {
                Some(chain) => chain,
                None => client.chain_status().await?.genesis_hash,
            };
            let signature = key.sign(&redemption.signing_bytes(&chain));
            Some(RedemptionProof { key: key.public(), signature })
        }
    };
    let what = format!("device {device} has taken count {count}: {value} units");
    execute(vec![Call::from(RedeemToken { redemption, proof })], &what, &args.send, ctx).await
}

fn not_kept(count: u32) -> CliError {
    CliError::Other {
        code: "not_reserved",
        message: format!("no token with count {count} is reserved, or sold and not redeemed"),
        hint: Some(
            "`wattle paygo tokens` shows those that are, `wattle paygo history` those that were; \
            --kind and --value tell of one that nobody committed to"
                .into(),
        ),
    }
}
