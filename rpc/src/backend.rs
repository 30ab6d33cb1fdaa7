//! A node, seen from this interface.

use crate::gauges::Gauges;
use tokio::sync::watch;
use wattle_primitives::Height;
use wattle_rpc_types::{HealthQueries, Queries};

/// The queries, and what only a server in the same process can be told.
pub trait Backend: Queries + HealthQueries {
    /// The last finalized height, as it moves. Events up to it can be read when it is seen.
    fn subscribe_heights(&self) -> watch::Receiver<Height>;

    /// Figures for `/metrics`, as of now. Called outside the blocking pool: must not wait.
    fn gauges(&self) -> Gauges;
}
