//! A chain that goes on is what it was laid out to be: options that ask for another one are refused.

use super::DevnetArgs;
use crate::testnet::{Testnet, seeded_key};
use wattle_cli::CliError;
use wattle_primitives::Epoch;

/// Compares the options that were given with the chain that is there.
///
/// # Errors
/// `devnet_differs`, with the first that differs.
pub(super) fn check(args: &DevnetArgs, net: &Testnet) -> Result<(), CliError> {
    let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    let genesis = &net.spec.genesis;
    let differs = |option: &str, given: Option<u64>, has: u64| {
        given.filter(|given| *given != has).map(|given| refusal(net, option, given, &format!("it has {has}")))
    };
    let found = differs("validators", args.validators.map(u64::from), count(net.homes.len()))
        .or_else(|| differs("meters", args.meters.map(u64::from), count(net.meters.len())))
        .or_else(|| differs("epoch-length", args.epoch_length, genesis.params.epoch_length))
        .or_else(|| differs("block-interval-ms", args.block_interval_ms, genesis.params.block_interval_ms))
        .or_else(|| {
            let change = args.set_change?;
            let scheduled = genesis.validator_sets.iter().any(|set| set.from_epoch == Epoch(change));
            (!scheduled).then(|| refusal(net, "set-change", change, "no change is scheduled for that epoch"))
        })
        .or_else(|| {
            let seed = args.seed?;
            let first = net.homes.first()?.validator().ok()??;
            let same = first == seeded_key(seed, "validator", 0).public();
            (!same).then(|| refusal(net, "seed", seed, "its keys follow from another number"))
        });
    match found {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

fn refusal(net: &Testnet, option: &str, given: u64, why: &str) -> CliError {
    CliError::Other {
        code: "devnet_differs",
        message: format!("the chain in {} cannot go on with --{option} {given}: {why}", net.dir.display()),
        hint: Some(format!("leave --{option} out, or name another --dir for a new chain")),
    }
}
