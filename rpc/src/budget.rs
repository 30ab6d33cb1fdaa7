//! Memory that clients make this node hold: small messages are bounded by the number of connections, large ones share
//! one budget.

use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes of one unit.
const UNIT_BYTES: usize = 1024;

/// A budget for messages of more than `free_bytes`.
#[derive(Clone, Debug)]
pub(crate) struct Budget {
    free_bytes: usize,
    units: Arc<Semaphore>,
}

/// One message's share of the budget; given back when dropped.
#[derive(Debug, Default)]
pub(crate) struct Held(Option<OwnedSemaphorePermit>);

impl Budget {
    /// Messages up to `free_bytes` cost nothing; the others share `shared_bytes`.
    pub(crate) fn new(free_bytes: usize, shared_bytes: usize) -> Self {
        Self { free_bytes, units: Arc::new(Semaphore::new(shared_bytes / UNIT_BYTES)) }
    }

    /// Makes `held` enough for a message of `bytes`. False when others hold too much.
    pub(crate) fn cover(&self, held: &mut Held, bytes: usize) -> bool {
        if bytes <= self.free_bytes {
            return true;
        }
        let has = held.0.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let missing = bytes.div_ceil(UNIT_BYTES).saturating_sub(has);
        let Ok(missing) = u32::try_from(missing) else { return false };
        if missing == 0 {
            return true;
        }
        match (Arc::clone(&self.units).try_acquire_many_owned(missing), &mut held.0) {
            (Err(_), _) => return false,
            (Ok(more), Some(permit)) => permit.merge(more),
            (Ok(more), none) => *none = Some(more),
        }
        true
    }
}

#[cfg(test)]
#[path = "budget_tests.rs"]
mod tests;
