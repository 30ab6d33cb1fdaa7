//! `relay`: gives an order to the relay of a light node.

use super::{LightCliError, RelayArgs, show};
use crate::config::LightConfig;
use crate::relay::order::{give as lay, is_given};
use crate::relay::saved;
use std::time::{Duration, Instant};

/// How long a running light node is waited for: it looks every second.
const WAIT: Duration = Duration::from_secs(4);

pub(super) async fn give(args: &RelayArgs, json: bool) -> Result<(), LightCliError> {
    let config = LightConfig::load(&args.config).map_err(LightCliError::Config)?;
    if config.relay.is_none() {
        return Err(LightCliError::NoRelay);
    }
    let order = args.order;
    lay(&config.data_dir, order).map_err(LightCliError::Relay)?;
    let until = Instant::now() + WAIT;
    while !args.no_wait && is_given(&config.data_dir) && Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let taken = !is_given(&config.data_dir);
    let commanded = saved(&config.data_dir).commanded;
    let value = serde_json::json!({"order": order, "taken": taken, "commanded": commanded});
    show::print(json, &value, || match (taken, commanded) {
        (true, Some(position)) => format!("order {order:?} taken; last commanded {position:?}"),
        (true, None) => format!("order {order:?} taken; nothing commanded yet"),
        (false, _) => format!("order {order:?} waits: it is obeyed when the light node runs"),
    })
}
