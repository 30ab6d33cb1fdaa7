//! Replacing a meter: the installer signs what it saw, the operator or the owner sends it.

use super::date::parse_time;
use super::registry::Encoding;
use super::{CliError, CliResult, Ctx, SendArgs, call, output};
use crate::Report;
use crate::input;
use crate::output::to_json;
use crate::secret::SignerArgs;
use clap::Args;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use wattle_primitives::call::energy::MeterSwap;
use wattle_primitives::reading::Words;
use wattle_primitives::{Address, Call, Hash, PublicKey, Signature, TimeMs, WattHours, call};

pub(super) const EXAMPLE: &str = "Example, at the meter and then at the office:
  wattle energy sign-swap --from installer --chain 77c0… --old wat1… --final-import-wh 1234567 --final-export-wh 0 \\
      --new 12ab… --binding 5e6f… --encoding float32-kwh --opening-import 0000,0000 --opening-export 0000,0000 > swap.json
  wattle energy swap-meter --from alice swap.json";

#[derive(Debug, Args)]
pub(super) struct SignSwapArgs {
    /// Genesis hash of the chain.
    #[arg(long, value_name = "HASH", env = "WATTLE_CHAIN")]
    chain: Hash,
    /// The meter that is replaced.
    #[arg(long, value_name = "ADDRESS")]
    old: Address,
    /// Its import counter, Wh.
    #[arg(long, value_name = "WH")]
    final_import_wh: u64,
    /// Its export counter, Wh.
    #[arg(long, value_name = "WH")]
    final_export_wh: u64,
    /// Key that signs the new meter's readings.
    #[arg(long, value_name = "KEY")]
    new: PublicKey,
    /// The new meter's consent: what `wattle-light bind --replaces` prints for it.
    #[arg(long, value_name = "SIGNATURE")]
    binding: Signature,
    /// How the new meter encodes its energy registers: float32-kwh, uint32-wh, uint64-wh, or acc32:EXPONENT.
    #[arg(long, value_name = "ENCODING", default_value = "float32-kwh")]
    encoding: Encoding,
    /// Most power that can flow through it, W.
    #[arg(long, value_name = "W", default_value_t = 69_000, value_parser = clap::value_parser!(u32).range(1..))]
    power_max_w: u32,
    /// The new meter's import register: words in hex, separated by commas, most significant first.
    #[arg(long, value_name = "WORDS", value_parser = words)]
    opening_import: Words,
    /// Its export register likewise.
    #[arg(long, value_name = "WORDS", value_parser = words)]
    opening_export: Words,
    /// When they were read: a time (UTC), or ms since 1970; now when absent. From then the swap is good
    /// for an hour, or for an interval of the microgrid if that is longer.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    at: Option<TimeMs>,
    #[command(flatten)]
    signer: SignerArgs,
}

#[derive(Debug, Args)]
pub(super) struct SwapMeterArgs {
    /// The swap as the installer signed it: the output of `sign-swap`.
    file: PathBuf,
    #[command(flatten)]
    send: SendArgs,
}

/// A swap with the signatures of its installer and of the new meter.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SignedSwap {
    swap: MeterSwap,
    key: PublicKey,
    signature: Signature,
    binding: Signature,
}

pub(super) fn sign(args: &SignSwapArgs, ctx: &Ctx) -> CliResult {
    let swap = MeterSwap {
        old: args.old,
        final_import_wh: WattHours(args.final_import_wh),
        final_export_wh: WattHours(args.final_export_wh),
        new: args.new,
        encoding: args.encoding.0,
        power_max_w: args.power_max_w,
        opening_import: args.opening_import.clone(),
        opening_export: args.opening_export.clone(),
        time_ms: args.at.unwrap_or_else(wattle_host::wall::now),
    };
    let (new, read) = (Address::of_key(&swap.new), output::time(swap.time_ms));
    output::note(&format!(
        "closes {} and opens {new}, as read at {read}: to be sent within the hour",
        swap.old
    ));
    let secret = args.signer.unlock(ctx)?;
    let signature = secret.sign(&swap.signing_bytes(&args.chain));
    let json = to_json(&SignedSwap { swap, key: secret.public(), signature, binding: args.binding });
    let text = json.to_string();
    Ok(Report::new(json, text))
}

pub(super) async fn send(args: &SwapMeterArgs, ctx: &Ctx) -> CliResult {
    let signed: SignedSwap =
        serde_json::from_slice(&input::read(&args.file)?).map_err(|e| CliError::input("signed swap", e))?;
    let SignedSwap { swap, key, signature, binding } = signed;
    let what = format!("replace meter {} by {}", swap.old, Address::of_key(&swap.new));
    call(
        Call::from(call::energy::SwapMeter { swap: Box::new(swap), key, signature, binding }),
        &what,
        &args.send,
        ctx,
    )
    .await
}

fn words(text: &str) -> Result<Words, String> {
    let parse = |word: &str| u16::from_str_radix(word.trim(), 16).map_err(|e| format!("{word:?}: {e}"));
    let words: Vec<u16> = text.split(',').map(parse).collect::<Result<_, _>>()?;
    Words::new(words).map_err(|e| e.to_string())
}
