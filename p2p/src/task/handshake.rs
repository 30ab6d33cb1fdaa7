//! Who may stay: the first exchange of every connection.
//!
//! The dialer says who it is, the listener answers or refuses. The listener counts the dialer as ready only when its
//! answer is written, so that no request of its own overtakes the answer.

use super::{ESTRANGED, Network};
use crate::codec::Garbage;
use crate::error::GoneReason;
use crate::event::{BanReason, NetEvent, Offence, Penalty};
use crate::wire::{Hello, HelloAnswer, Refusal, Role};
use libp2p::PeerId;
use libp2p::request_response::{Event, Message, OutboundFailure};
use std::time::Duration;
use tokio::time::Instant;
use wattle_primitives::block::PROTOCOL_VERSION;
use wattle_primitives::planted;

/// Time that a refused peer has to read why.
const LAST_WORDS: Duration = Duration::from_secs(2);

impl Network {
    pub(super) fn own_hello(&self) -> Hello {
        Hello {
            version: PROTOCOL_VERSION,
            genesis: self.config.genesis,
            role: self.config.role,
            validator: self.config.validator_proof,
            height: self.shared.height(),
        }
    }

    pub(super) fn on_handshake(&mut self, event: Event<Result<Hello, Garbage>, HelloAnswer>) {
        match event {
            Event::Message { peer, message: Message::Request { request_id, request, channel }, .. } => {
                let Ok(hello) = request else {
                    self.penalize(peer, Penalty::Fatal, Offence::Handshake);
                    return;
                };
                let judged = self.judge(peer, hello);
                let answer = match &judged {
                    Ok(_) => HelloAnswer::Accept(self.own_hello()),
                    Err(refusal) => HelloAnswer::Refuse(*refusal),
                };
                if self.swarm.behaviour_mut().handshake.send_response(channel, answer).is_ok() {
                    self.greeting.insert(request_id, (peer, judged));
                }
            }
            Event::Message { peer, message: Message::Response { response, .. }, .. } => match response {
                HelloAnswer::Accept(hello) => match self.judge(peer, hello) {
                    Ok(hello) => self.ready(peer, hello),
                    Err(refusal) => self.refuse(peer, refusal, false),
                },
                HelloAnswer::Refuse(refusal) => self.refuse(peer, refusal, true),
            },
            Event::ResponseSent { request_id, .. } => match self.greeting.remove(&request_id) {
                Some((peer, Ok(hello))) => self.ready(peer, hello),
                Some((peer, Err(refusal))) => self.refuse_slowly(peer, refusal),
                None => {}
            },
            Event::InboundFailure { request_id, .. } => {
                if let Some((peer, Err(refusal))) = self.greeting.remove(&request_id) {
                    self.refuse(peer, refusal, false);
                }
            }
            Event::OutboundFailure { peer, error, .. } => self.not_greeted(peer, &error),
        }
    }

    fn not_greeted(&mut self, peer: PeerId, error: &OutboundFailure) {
        tracing::debug!(%peer, %error, "handshake failed");
        if matches!(error, OutboundFailure::UnsupportedProtocols) {
            // Not of our kind: local discovery finds every libp2p program in the house.
            self.scores.refuse(peer, BanReason::Foreign, ESTRANGED, Instant::now());
            self.shut_out(peer, GoneReason::Closed);
        }
        let garbage = matches!(error, OutboundFailure::Io(e) if e.kind() == std::io::ErrorKind::InvalidData);
        self.blame_for_garbage(peer, garbage, Offence::Handshake);
        if self.peers.get(&peer).is_some_and(|p| p.hello.is_none()) {
            self.disconnect(peer);
        }
    }

    pub(super) fn blame_for_garbage(&mut self, peer: PeerId, garbage: bool, offence: Offence) {
        if garbage {
            self.penalize(peer, Penalty::Fatal, offence);
        }
    }

    /// Whether a peer that says this of itself may stay.
    fn judge(&self, peer: PeerId, hello: Hello) -> Result<Hello, Refusal> {
        if hello.genesis != self.config.genesis && !planted!("foreign-genesis-welcome") {
            return Err(Refusal::Genesis);
        }
        if hello.version != PROTOCOL_VERSION {
            return Err(Refusal::Version);
        }
        match &hello.validator {
            Some(proof)
                if !proof.verify(&self.config.genesis, &peer) && !planted!("validator-proof-unchecked") =>
            {
                Err(Refusal::Proof)
            }
            None if hello.role == Role::Validator => Err(Refusal::Role),
            _ => Ok(hello),
        }
    }

    fn ready(&mut self, peer: PeerId, hello: Hello) {
        let Some(entry) = self.peers.get_mut(&peer) else { return };
        if entry.leaving.is_some() {
            return;
        }
        entry.height = entry.height.max(hello.height);
        // With two connections, or when both sides dial, there is more than one handshake: the first counts.
        if entry.hello.is_some() {
            return;
        }
        let (role, validator, height) = (hello.role, hello.validator.map(|v| v.key), hello.height);
        entry.hello = Some(hello);
        self.swarm.behaviour_mut().gossip.remove_blacklisted_peer(&peer);
        self.welcomed(peer);
        if role != Role::Light {
            self.swarm.behaviour_mut().speak(peer);
        }
        self.publish_peer(peer);
        // The node hears of the peer before its first message: access to the streams comes after.
        self.tell(NetEvent::PeerReady { peer, role, validator, height });
        self.update_access(peer);
    }

    /// Refuses a peer whose refusal is on its way: it closes the connection itself when it has read why.
    fn refuse_slowly(&mut self, peer: PeerId, refusal: Refusal) {
        let Some(entry) = self.peers.get_mut(&peer) else { return self.refuse(peer, refusal, false) };
        entry.leaving = Some(GoneReason::Refused(refusal));
        entry.close_at = Some(Instant::now() + LAST_WORDS);
        self.count_refusal(peer, refusal, false);
    }

    /// Refuses a peer, or takes its refusal, and closes the connection.
    fn refuse(&mut self, peer: PeerId, refusal: Refusal, by_peer: bool) {
        self.count_refusal(peer, refusal, by_peer);
        self.shut_out(peer, GoneReason::Refused(refusal));
    }

    fn count_refusal(&mut self, peer: PeerId, refusal: Refusal, by_peer: bool) {
        let (now, reason) = (Instant::now(), BanReason::Refused(refusal));
        match refusal {
            _ if by_peer => self.scores.refuse(peer, reason, ESTRANGED, now),
            Refusal::Genesis | Refusal::Version => {
                self.scores.refuse(peer, reason, self.config.limits.ban, now);
            }
            Refusal::Proof | Refusal::Role => {
                let lie = (Penalty::Fatal, Offence::Handshake);
                self.scores.penalize(peer, lie, self.config.limits.ban, now);
            }
        }
        tracing::info!(%peer, %refusal, by_peer, "refused");
        self.publish_peer(peer);
        self.tell(NetEvent::PeerRefused { peer, refusal, by_peer });
    }
}
