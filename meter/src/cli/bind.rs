//! `bind`: the meter's key says where it is to count, and what its registers show.

use super::{BindArgs, LightCliError, show};
use crate::config::LightConfig;
use crate::sensor::Energy;
use std::path::Path;
use wattle_chain_spec::Checkpoint;
use wattle_primitives::call::energy::MeterBinding;
use wattle_primitives::reading::{RegisterEncoding, Registers};
use wattle_primitives::{Address, Hash};

pub(super) async fn bind(args: &BindArgs, json: bool) -> Result<(), LightCliError> {
    let secret = wattle_host::key::load(&args.key).map_err(LightCliError::Key)?;
    let chain = chain(args)?;
    let key = secret.public();
    let address = Address::of_key(&key);
    let (place, encoding) = match (args.replaces, args.microgrid, args.owner) {
        (Some(old), ..) => (MeterBinding::Replacement { old }, None),
        (None, Some(microgrid), Some(owner)) => {
            let (opening, encoding) = opening(args, &address).await?;
            (MeterBinding::Connection { microgrid, owner, opening }, encoding)
        }
        _ => return Err(LightCliError::NoPlace),
    };
    let binding = secret.sign(&place.signing_bytes(&chain));
    let (next, opening) = match &place {
        MeterBinding::Connection { microgrid, owner, opening } => {
            let encoding = encoding.map_or_else(String::new, |of| format!(" --encoding {}", name(of)));
            let next = format!(
                "wattle energy register-meter --microgrid {microgrid} --owner {owner} --key {key} --opening {opening} \
                 --binding {binding}{encoding}"
            );
            (next, Some(opening.to_string()))
        }
        MeterBinding::Replacement { old } => {
            (format!("wattle energy sign-swap --old {old} --new {key} --binding {binding} …"), None)
        }
    };
    let value = serde_json::json!({
        "address": address, "publicKey": key, "chain": chain, "binding": binding, "opening": opening
    });
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

/// The meter's registers, as given or as they are read by the configuration, with their encoding.
async fn opening(
    args: &BindArgs,
    address: &Address,
) -> Result<(Registers, Option<RegisterEncoding>), LightCliError> {
    match (&args.opening, &args.config) {
        (Some(opening), _) => Ok((opening.clone(), None)),
        (None, Some(path)) => read(path, args.meter.as_deref(), address)
            .await
            .map(|(opening, encoding)| (opening, Some(encoding))),
        (None, None) => Err(LightCliError::NoPlace),
    }
}

/// Reads the meter of this name, or the one whose key has this address.
async fn read(
    path: &Path,
    meter: Option<&str>,
    address: &Address,
) -> Result<(Registers, RegisterEncoding), LightCliError> {
    let config = LightConfig::load(path).map_err(LightCliError::Config)?;
    let its_key = |file: &Path| {
        wattle_host::key::load(file).is_ok_and(|key| Address::of_key(&key.public()) == *address)
    };
    for (bus, configured) in config.meters() {
        let its = match meter {
            Some(name) => configured.name == name,
            None => configured.key_file.as_deref().is_some_and(its_key),
        };
        let (true, Some(bus)) = (its, config.buses.get(bus)) else { continue };
        let mut sensor = configured.sensor(bus.open()).map_err(LightCliError::Meter)?;
        let sample = sensor.read().await.map_err(LightCliError::Unread)?;
        let Some((Energy { import, export, .. }, encoding)) = sample.believed().zip(sensor.encoding()) else {
            return Err(LightCliError::NoCounters);
        };
        let (import, export, time_ms) = (import.clone(), export.clone(), wattle_host::wall::now());
        return Ok((Registers { import, export, time_ms }, encoding));
    }
    Err(LightCliError::NotConfigured)
}

/// As `wattle energy` takes it.
fn name(encoding: RegisterEncoding) -> String {
    match encoding {
        RegisterEncoding::Float32Kwh => "float32-kwh".to_owned(),
        RegisterEncoding::Uint32Wh => "uint32-wh".to_owned(),
        RegisterEncoding::Uint64Wh => "uint64-wh".to_owned(),
        RegisterEncoding::Acc32 { exponent } => format!("acc32:{exponent}"),
    }
}
