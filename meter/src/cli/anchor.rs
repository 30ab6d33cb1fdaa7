//! `anchor`: lays a new checkpoint before a light node.

use super::{AnchorArgs, LightCliError, show};
use crate::config::LightConfig;
use crate::follow::anchor::{check, is_offered, offer, trusted};
use crate::follow::{AnchorError, saved_head};
use std::io::Read;
use std::time::{Duration, Instant};
use wattle_chain_spec::{CHECKPOINT_BYTES_MAX, Checkpoint};
use wattle_host::wall;
use wattle_primitives::{Height, TimeMs};

/// How long a running light node is waited for: it looks every two seconds.
const WAIT: Duration = Duration::from_secs(6);

pub(super) async fn give(args: &AnchorArgs, json: bool) -> Result<(), LightCliError> {
    let config = LightConfig::load(&args.config).map_err(LightCliError::Config)?;
    let broken = |error| LightCliError::Anchor(AnchorError::Checkpoint(error));
    let checkpoint = match &args.source.checkpoint {
        Some(path) => Checkpoint::load(path),
        None => Checkpoint::from_json(&pasted()?),
    }
    .map_err(broken)?;
    let configured = Checkpoint::load(&config.checkpoint).map_err(broken)?;
    let (start, dispute) = trusted(&config.data_dir, configured);
    // The computer's clock: whoever gives the order vouches for it.
    let now = if args.clock_is_wrong { checkpoint.header.time_ms } else { TimeMs(wall::system_ms()) };
    check(&checkpoint, start.genesis_hash, &start.header, dispute.as_ref(), now)
        .map_err(LightCliError::Anchor)?;
    offer(&config.data_dir, &checkpoint, args.clock_is_wrong).map_err(LightCliError::Anchor)?;
    let height = checkpoint.header.height;
    let taken = !args.no_wait && is_taken(&config, height).await?;
    let value = serde_json::json!({"height": height, "hash": checkpoint.header.hash(), "taken": taken});
    show::print(json, &value, || {
        if taken {
            format!("the light node trusts height {height} now")
        } else {
            format!(
                "height {height} is trusted at the light node's next start, or within seconds when it runs"
            )
        }
    })
}

/// Whether a running light node has taken it.
async fn is_taken(config: &LightConfig, height: Height) -> Result<bool, LightCliError> {
    let until = Instant::now() + WAIT;
    while Instant::now() < until {
        if !is_offered(&config.data_dir) {
            let head = saved_head(&config.data_dir);
            return match head.is_some_and(|saved| saved.header.height >= height) {
                true => Ok(true),
                false => Err(LightCliError::AnchorRefused),
            };
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(false)
}

fn pasted() -> Result<String, LightCliError> {
    let mut text = String::new();
    let max = u64::try_from(CHECKPOINT_BYTES_MAX).unwrap_or(u64::MAX);
    std::io::stdin().lock().take(max).read_to_string(&mut text).map_err(LightCliError::Stdin)?;
    Ok(text)
}
