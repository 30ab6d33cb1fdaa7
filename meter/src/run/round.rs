//! The peers of one round of the chain's loop: one that does not answer in time is not waited for again.
//!
//! A question may take ten seconds, and a round asks several for each meter, one after the other. A single peer that
//! stays silent would hold up everything else for minutes; so would one that answers a little sooner, where nobody
//! says when a round must be over.

use crate::peers::Peers;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use wattle_p2p::wire::{Request, Response};
use wattle_p2p::{PeerId, RequestError};
use wattle_primitives::planted;

/// For so long a silent peer is asked only when there is no other one.
const SILENT_FOR: Duration = Duration::from_secs(60);

/// Peers without those that are silent.
pub(super) struct Round<'a, P> {
    net: &'a P,
    started: Instant,
    /// No answer is waited for any longer.
    end: Option<Instant>,
    silent: Mutex<BTreeMap<PeerId, Instant>>,
}

impl<'a, P: Peers> Round<'a, P> {
    /// A round that begins now. `silent` are the peers that did not answer before, and when that was.
    pub(super) fn new(net: &'a P, silent: &BTreeMap<PeerId, Instant>) -> Self {
        let started = Instant::now();
        let recent = |at: &Instant| started.saturating_duration_since(*at) < SILENT_FOR;
        let silent = silent.iter().filter(|(_, at)| recent(at)).map(|(peer, at)| (*peer, *at)).collect();
        Self { net, started, end: None, silent: Mutex::new(silent) }
    }

    /// As [`Round::new`], in which every wait ends at `end`, whatever has come by then.
    pub(super) fn until(net: &'a P, silent: &BTreeMap<PeerId, Instant>, end: Instant) -> Self {
        Self { end: Some(end), ..Self::new(net, silent) }
    }

    /// The peers that did not answer, and when that was.
    pub(super) fn silent(&self) -> BTreeMap<PeerId, Instant> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<PeerId, Instant>> {
        self.silent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<P: Peers> Peers for Round<'_, P> {
    fn ready(&self) -> Vec<PeerId> {
        let silent = self.lock();
        let mut all = self.net.ready();
        all.sort_unstable();
        let answering: Vec<PeerId> = all.iter().copied().filter(|peer| !silent.contains_key(peer)).collect();
        if answering.is_empty() {
            // Better one that was silent before than none; but none twice in a round.
            all.retain(|peer| silent.get(peer).is_none_or(|at| *at < self.started));
            return all;
        }
        answering
    }

    async fn ask(&self, peer: PeerId, request: Request) -> Result<Response, RequestError> {
        let waited = self.lock().get(&peer).is_some_and(|at| *at >= self.started);
        if waited {
            return Err(RequestError::Timeout { peer });
        }
        let answer = match self.end.filter(|_| !planted!("light-visit-waits-on")) {
            Some(end) if Instant::now() >= end => Err(RequestError::Timeout { peer }),
            Some(end) => {
                let asked = tokio::time::timeout_at(end.into(), self.net.ask(peer, request)).await;
                asked.unwrap_or(Err(RequestError::Timeout { peer }))
            }
            None => self.net.ask(peer, request).await,
        };
        match &answer {
            Err(RequestError::Timeout { .. }) => drop(self.lock().insert(peer, Instant::now())),
            _ => drop(self.lock().remove(&peer)),
        }
        answer
    }

    fn blame(&self, peer: PeerId) {
        self.net.blame(peer);
    }
}

#[cfg(test)]
#[path = "round_tests.rs"]
mod tests;
