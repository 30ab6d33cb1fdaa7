//! The peers that the light node asks: the network's in operation, scripted ones in tests.

use std::future::Future;
use wattle_p2p::wire::{Request, Response, Role};
use wattle_p2p::{Handle, Offence, PeerId, Penalty, RequestError};

/// Peers that answer questions.
pub trait Peers: Send + Sync {
    /// Peers that can be asked now, in no particular order.
    fn ready(&self) -> Vec<PeerId>;

    /// Asks one of them.
    fn ask(
        &self,
        peer: PeerId,
        request: Request,
    ) -> impl Future<Output = Result<Response, RequestError>> + Send;

    /// Reports a peer that lied: it sent something that no honest peer sends.
    fn blame(&self, peer: PeerId);
}

impl Peers for Handle {
    fn ready(&self) -> Vec<PeerId> {
        let serves = |role: Option<Role>| matches!(role, Some(Role::Validator | Role::Full));
        self.peers()
            .into_iter()
            .filter(|p| p.ready && !p.is_banned() && serves(p.role))
            .map(|p| p.peer)
            .collect()
    }

    async fn ask(&self, peer: PeerId, request: Request) -> Result<Response, RequestError> {
        self.request(peer, request).await
    }

    fn blame(&self, peer: PeerId) {
        // A full command queue loses one penalty; the next lie is reported again.
        let _ = self.report(peer, Penalty::Fatal, Offence::Sync);
    }
}
