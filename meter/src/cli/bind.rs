//! `bind`: the meter's key says where it is to count.

use super::{BindArgs, LightCliError, show};
use wattle_chain_spec::Checkpoint;
use wattle_primitives::call::energy::MeterBinding;
use wattle_primitives::{Address, Hash};

pub(super) fn bind(args: &BindArgs, json: bool) -> Result<(), LightCliError> {
    let secret = wattle_host::key::load(&args.key).map_err(LightCliError::Key)?;
    let chain = chain(args)?;
    let key = secret.public();
    let address = Address::of_key(&key);
    let place = match (args.replaces, args.microgrid, args.owner) {
        (Some(old), ..) => MeterBinding::Replacement { old },
        (None, Some(microgrid), Some(owner)) => MeterBinding::Connection { microgrid, owner },
        _ => return Err(LightCliError::NoPlace),
    };
    let binding = secret.sign(&place.signing_bytes(&chain));
    let next = match place {
        MeterBinding::Connection { microgrid, owner } => format!(
            "wattle energy register-meter --microgrid {microgrid} --owner {owner} --key {key} --binding {binding}"
        ),
        MeterBinding::Replacement { old } => {
            format!("wattle energy sign-swap --old {old} --new {key} --binding {binding} …")
        }
    };
    let value = serde_json::json!({"address": address, "publicKey": key, "chain": chain, "binding": binding});
    show::print(json, &value, || {
        format!("address     {address}\npublic key  {key}\nbinding     {binding}\n\n{next}")
    })
}

/// The chain on which the binding counts.
fn chain(args: &BindArgs) -> Result<Hash, LightCliError> {
    match (args.chain, &args.checkpoint) {
        (Some(chain), _) => Ok(chain),
        (None, Some(path)) => Ok(Checkpoint::load(path).map_err(LightCliError::Checkpoint)?.genesis_hash),
        (None, None) => Err(LightCliError::NoPlace), // refused by the parser
    }
}
