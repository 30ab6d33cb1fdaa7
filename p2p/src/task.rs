//! The network task.

use crate::shared::Shared;
use crate::{Config, Error, Handle, NetEvent};
use std::sync::Arc;
use tokio::sync::mpsc;

/// Starts the network on the current tokio runtime.
///
/// # Errors
/// [`Error`] when an address cannot be listened on or the stack refuses its configuration.
///
/// # Panics
/// Outside a tokio runtime.
pub fn spawn(config: Config) -> Result<(Handle, mpsc::Receiver<NetEvent>), Error> {
    let (commands, _inbox) = mpsc::channel(config.limits.commands_max);
    let (_events, receiver) = mpsc::channel(config.limits.events_max);
    let shared = Arc::new(Shared::new(config.node_key.peer_id(), config.limits, config.height));
    Ok((Handle { commands, shared }, receiver))
}
