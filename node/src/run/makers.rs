//! Places for making answers to peers: reading and encoding blocks takes the disk and the processors for as long as
//! anybody likes to ask.
//!
//! # Bounds
//! Half of the processors for members of the validator set, and as many for everybody else: strangers, however many
//! they are, do not keep a member waiting. Who waits for a place is bounded by the requests that the network takes.

use std::num::NonZeroUsize;
use std::sync::Arc;
use tokio::sync::Semaphore;
use wattle_p2p::Responder;
use wattle_p2p::wire::Response;
use wattle_primitives::planted;

/// See the module.
#[derive(Debug)]
pub(super) struct Makers {
    members: Arc<Semaphore>,
    others: Arc<Semaphore>,
}

impl Makers {
    /// With places by the number of processors.
    pub(super) fn new() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Self::with_places(processors.div_ceil(2))
    }

    fn with_places(places: usize) -> Self {
        Self { members: Arc::new(Semaphore::new(places)), others: Arc::new(Semaphore::new(places)) }
    }

    /// Makes an answer as soon as there is a place for it, unless its peer has stopped waiting by then.
    pub(super) fn make(&self, responder: Responder, answer: impl FnOnce() -> Response + Send + 'static) {
        let member = responder.is_for_member() && !planted!("members-wait-for-strangers");
        let places = Arc::clone(if member { &self.members } else { &self.others });
        tokio::spawn(async move {
            // None closes it.
            let Ok(place) = places.acquire_owned().await else { return };
            if responder.is_late() {
                return;
            }
            tokio::task::spawn_blocking(move || {
                let place = Some(place).filter(|_| !planted!("answers-made-at-will"));
                responder.send(answer());
                drop(place);
            });
        });
    }
}

#[cfg(test)]
#[path = "makers_tests.rs"]
mod tests;
