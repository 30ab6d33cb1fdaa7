//! Who may stay: the first exchange of every connection.
//!
//! The dialer says who it is, the listener answers or refuses. The listener counts the dialer as ready only when its
//! answer is written, so that no request of its own overtakes the answer.
//!
//! A peer that comes back under another session number holds no older connection: this node's older ones with it are
//! dead, whatever they look like from here, and end (`super::connections`).

use super::{ESTRANGED, Network};
use crate::codec::Garbage;
use crate::error::GoneReason;
use crate::event::{BanReason, NetEvent, Offence, Penalty};
use crate::manager;
use crate::wire::{Hello, HelloAnswer, Refusal, Role, ValidatorProof};
use libp2p::PeerId;
use libp2p::request_response::{Event, Message, OutboundFailure};
use libp2p::swarm::ConnectionId;
use std::time::Duration;
use tokio::time::Instant;
use wattle_primitives::block::PROTOCOL_VERSION;
use wattle_primitives::planted;

/// Time that a refused peer has to read why.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// Hellos that a connected peer may say in a second, in the long run.
const HELLOS_PER_SECOND: u32 = 1;
/// Hellos that it may say at once: one for each connection, and some for a node that is restarted again and again.
pub(super) const HELLOS_BURST: u32 = 8;

impl Network {
    /// This node's hello to a connected peer.
    pub(super) fn own_hello(&self, peer: &PeerId) -> Hello {
        Hello {
            version: PROTOCOL_VERSION,
            genesis: self.config.genesis,
            role: self.config.role,
            validator: self.config.validator_proof,
            meter: self.config.meter_proof,
            height: self.shared.height(),
            session: self.peers.get(peer).map_or(0, |entry| entry.session),
        }
    }

    pub(super) fn on_handshake(&mut self, event: Event<Result<Hello, Garbage>, HelloAnswer>) {
        match event {
            Event::Message { peer, message: Message::Request { request_id, request, channel }, .. } => {
                let Ok(hello) = request else {
                    self.penalize(peer, Penalty::Fatal, Offence::Handshake);
                    return;
                };
                if !self.may_greet(&peer) {
                    self.penalize(peer, Penalty::Light, Offence::Handshake);
                    return;
                }
                let judged = self.judge(peer, hello).and_then(|hello| self.seat(peer, hello));
                let answer = match &judged {
                    Ok(_) => HelloAnswer::Accept(Box::new(self.own_hello(&peer))),
                    Err(refusal) => HelloAnswer::Refuse(*refusal),
                };
                if self.swarm.behaviour_mut().handshake.send_response(channel, answer).is_ok() {
                    self.greeting.insert(request_id, (peer, judged));
                }
            }
            Event::Message {
                peer,
                connection_id,
                message: Message::Response { response: HelloAnswer::Refuse(Refusal::Full), .. },
            } => self.no_place(peer, connection_id),
            Event::Message { peer, connection_id, message: Message::Response { response, .. } } => {
                match response {
                    HelloAnswer::Accept(hello) => self.accepted(peer, connection_id, *hello),
                    HelloAnswer::Refuse(refusal) => self.refuse(peer, refusal, true),
                }
            }
            Event::ResponseSent { connection_id, request_id, .. } => {
                match self.greeting.remove(&request_id) {
                    Some((peer, Ok(hello))) => self.ready(peer, connection_id, hello),
                    Some((peer, Err(refusal))) => self.refuse_slowly(peer, refusal),
                    None => {}
                }
            }
            Event::InboundFailure { connection_id, request_id, .. } => {
                match self.greeting.remove(&request_id) {
                    Some((peer, Err(refusal))) => self.refuse(peer, refusal, false),
                    // It has a place and does not take the answer.
                    Some((peer, Ok(_))) if self.peers.get(&peer).is_some_and(|p| p.hello.is_none()) => {
                        self.end_connection(peer, connection_id);
                    }
                    Some((_, Ok(_))) | None => {}
                }
            }
            Event::OutboundFailure { peer, connection_id, error, .. } => {
                self.not_greeted(peer, connection_id, &error);
            }
        }
    }

    /// A peer that this node dialed lets it stay.
    fn accepted(&mut self, peer: PeerId, connection: ConnectionId, hello: Hello) {
        // It may have come at the same moment, and have been told that there is no place.
        if self.peers.get(&peer).is_none_or(|entry| entry.leaving.is_some()) {
            return;
        }
        match self.judge(peer, hello).and_then(|hello| self.seat(peer, hello)) {
            Ok(hello) => self.ready(peer, connection, hello),
            Err(refusal) => self.refuse(peer, refusal, false),
        }
    }

    /// Whether a peer may say hello once more: an answer costs a signature's check, and one connection needs one.
    fn may_greet(&mut self, peer: &PeerId) -> bool {
        let Some(entry) = self.peers.get_mut(peer) else { return true };
        let within = entry.hellos.take(HELLOS_PER_SECOND, HELLOS_BURST, Instant::now());
        within || planted!("hellos-unlimited")
    }

    fn not_greeted(&mut self, peer: PeerId, connection: ConnectionId, error: &OutboundFailure) {
        tracing::debug!(%peer, %error, "handshake failed");
        // Whoever does not answer there is not there; another connection may be sound.
        self.end_connection(peer, connection);
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
        let forged = |proof: &ValidatorProof| !proof.verify(&self.config.genesis, &peer);
        if hello.meter.as_ref().is_some_and(forged) && !planted!("meter-proof-unchecked") {
            return Err(Refusal::Proof);
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

    /// Gives a peer that came a place among the others. One that this node dialed needs none.
    fn seat(&mut self, peer: PeerId, hello: Hello) -> Result<Hello, Refusal> {
        let claims = manager::Event::Claims { peer, claim: self.claim_of(&hello) };
        let seated = self.swarm.behaviour_mut().door.tell(Instant::now(), claims);
        seated.map_err(|_| Refusal::Full)?;
        // Now rather than when it is ready: whoever had its key's place is displaced, and not only out of that.
        if let Some(proof) = hello.validator {
            self.displace(proof.key, peer);
        }
        Ok(hello)
    }

    fn ready(&mut self, peer: PeerId, connection: ConnectionId, hello: Hello) {
        let Some(entry) = self.peers.get_mut(&peer) else { return };
        if entry.leaving.is_some() {
            return;
        }
        entry.height = entry.height.max(hello.height);
        let known = entry.hello.as_ref().map(|hello| hello.session);
        let returned = known.is_some_and(|session| session != hello.session);
        if returned && !planted!("returned-peer-unnoticed") {
            self.come_back(peer, connection);
        } else if known.is_some() {
            return; // where both sides dial there is more than one handshake: the first counts
        }
        let Some(entry) = self.peers.get_mut(&peer) else { return };
        let (role, validator, height) = (hello.role, hello.validator.map(|v| v.key), hello.height);
        entry.hello = Some(hello);
        self.swarm.behaviour_mut().gossip.remove_blacklisted_peer(&peer);
        self.manage(manager::Event::Ready(peer));
        if role != Role::Light {
            self.swarm.behaviour_mut().speak(peer);
        }
        self.publish_peer(peer);
        // The node hears of the peer before its first message: access to the streams comes after.
        self.tell(NetEvent::PeerReady { peer, role, validator, height });
        if let Some(key) = validator {
            if self.config.validator_proof.is_some_and(|own| own.key == key) {
                tracing::warn!(%peer, "another node runs with this node's validator key: stop one of the two");
            }
            self.displace(key, peer);
        }
        self.update_access(peer);
        if returned {
            self.announce(peer);
        }
    }

    /// A peer has no place for this node. That is no fault of it: it is dialed later, and may come itself.
    fn no_place(&mut self, peer: PeerId, connection: ConnectionId) {
        if planted!("full-is-a-ban") {
            return self.refuse(peer, Refusal::Full, true);
        }
        tracing::info!(%peer, "has no place for this node");
        self.manage(manager::Event::NoPlace(peer));
        self.end_connection(peer, connection);
        self.tell(NetEvent::PeerRefused { peer, refusal: Refusal::Full, by_peer: true });
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
        if self.scores.banned(&peer) {
            self.shut_out(peer, GoneReason::Refused(refusal));
        } else {
            self.disconnect(peer); // it may come again
        }
    }

    fn count_refusal(&mut self, peer: PeerId, refusal: Refusal, by_peer: bool) {
        let (now, reason) = (Instant::now(), BanReason::Refused(refusal));
        match refusal {
            _ if by_peer => self.scores.refuse(peer, reason, ESTRANGED, now),
            Refusal::Genesis | Refusal::Version => {
                self.scores.refuse(peer, reason, self.config.limits.ban, now);
            }
            Refusal::Full => {} // it may come again
            Refusal::Proof | Refusal::Role => {
                let lie = (Penalty::Fatal, Offence::Handshake);
                self.scores.penalize(peer, lie, self.config.limits.ban, now);
            }
        }
        self.publish_peer(peer);
        if refusal == Refusal::Full && !by_peer {
            tracing::debug!(%peer, "no place is free"); // by the hundred, where a crowd comes
            return;
        }
        tracing::info!(%peer, %refusal, by_peer, "refused");
        self.tell(NetEvent::PeerRefused { peer, refusal, by_peer });
    }
}
