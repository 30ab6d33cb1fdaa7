//! Gossip and requests, in and out.

use super::owed::{Admission, Asker};
use super::{Answer, Class, Network};
use crate::RequestError;
use crate::codec::Garbage;
use crate::event::{MessageId, NetEvent, Offence, Penalty, Responder, Verdict};
use crate::gate::ip_of;
use crate::manager;
use crate::wire::{GOSSIP_BYTES_MAX, Gossip, Request, Response};
use libp2p::request_response::{
    Event, InboundRequestId, Message, OutboundFailure, OutboundRequestId, ResponseChannel,
};
use libp2p::swarm::ConnectionId;
use libp2p::{PeerId, gossipsub};
use std::io::ErrorKind;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::oneshot;
use tokio::time::Instant;
use wattle_primitives::{decode, encode, planted};

impl Network {
    pub(super) fn publish_gossip(&mut self, message: &Gossip) {
        let topic = self.names.topic_of(message);
        let bytes = encode(message);
        if bytes.len() > GOSSIP_BYTES_MAX {
            tracing::warn!(bytes = bytes.len(), "own gossip message is too long");
            return;
        }
        if let Err(error) = self.swarm.behaviour_mut().gossip.publish(topic, bytes) {
            tracing::debug!(%error, "gossip not published");
        }
    }

    /// Peers that take gossiped transactions. A connected one need not: its end of the connection may be a dead one.
    pub(super) fn takers(&self) -> usize {
        let topic = self.names.topic_txs().hash();
        let peers = self.swarm.behaviour().gossip.all_peers();
        peers.filter(|(_, topics)| topics.contains(&&topic) || planted!("everybody-listens")).count()
    }

    pub(super) fn gossip_verdict(&mut self, id: &MessageId, peer: PeerId, verdict: Verdict) {
        let acceptance = match verdict {
            Verdict::Accept => gossipsub::MessageAcceptance::Accept,
            Verdict::Ignore => gossipsub::MessageAcceptance::Ignore,
            Verdict::Reject => gossipsub::MessageAcceptance::Reject,
        };
        // False says that the message has left the cache: too late to forward, nothing else is lost.
        self.swarm.behaviour_mut().gossip.report_message_validation_result(id, &peer, acceptance);
        if verdict == Verdict::Accept {
            self.manage(manager::Event::Useful(peer));
        }
        if verdict == Verdict::Reject {
            self.penalize(peer, Penalty::Heavy, Offence::Gossip);
        }
    }

    pub(super) fn on_gossip(&mut self, event: gossipsub::Event) {
        let gossipsub::Event::Message { propagation_source: peer, message_id: id, message } = event else {
            return;
        };
        let decoded = decode::<Gossip>(&message.data).ok();
        let decoded = decoded.filter(|gossip| self.names.topic_of(gossip).hash() == message.topic);
        let Some(message) = decoded else {
            self.gossip_verdict(&id, peer, Verdict::Reject);
            return;
        };
        if let Gossip::Finalized(light) = &message {
            self.told_height(peer, light.header.height);
        }
        let event = NetEvent::Gossip { peer, id: id.clone(), message };
        if !self.backlog.is_empty() || self.events.try_send(event).is_err() {
            self.gossip_verdict(&id, peer, Verdict::Ignore); // the node is behind
        }
    }

    pub(super) fn ask(
        &mut self,
        peer: PeerId,
        request: Request,
        reply: oneshot::Sender<Result<Response, RequestError>>,
    ) {
        // Where `reply` cannot be sent to, the caller has stopped waiting.
        let ready = self.peers.get_mut(&peer).filter(|p| p.hello.is_some() && p.leaving.is_none());
        let Some(entry) = ready else {
            let _ = reply.send(Err(RequestError::NotConnected { peer }));
            return;
        };
        let limits = &self.config.limits;
        if entry.outbound_requests >= limits.requests_per_peer_max || self.asked.len() >= limits.requests_max
        {
            let _ = reply.send(Err(RequestError::Busy));
            return;
        }
        entry.outbound_requests = entry.outbound_requests.saturating_add(1);
        let id = self.swarm.behaviour_mut().requests.send_request(&peer, Ok(request));
        self.asked.insert(id, (peer, reply));
    }

    pub(super) fn on_request(&mut self, event: Event<Result<Request, Garbage>, Response>) {
        match event {
            Event::Message {
                peer,
                connection_id: connection,
                message: Message::Request { request_id, request, channel },
            } => match request {
                Ok(request) => self.take_request((peer, connection, request_id), request, channel),
                Err(Garbage) => self.penalize(peer, Penalty::Fatal, Offence::Request),
            },
            Event::Message { message: Message::Response { request_id, response }, .. } => {
                self.answered(request_id, Ok(response));
            }
            Event::OutboundFailure { peer, request_id, error, .. } => {
                let garbage = matches!(&error, OutboundFailure::Io(e) if e.kind() == ErrorKind::InvalidData);
                let error = match error {
                    OutboundFailure::Timeout => RequestError::Timeout { peer },
                    OutboundFailure::ConnectionClosed | OutboundFailure::DialFailure => {
                        RequestError::NotConnected { peer }
                    }
                    _ if garbage => RequestError::Garbage { peer },
                    other => RequestError::Failed { peer, detail: other.to_string() },
                };
                self.answered(request_id, Err(error));
                self.blame_for_garbage(peer, garbage, Offence::Answer);
            }
            Event::InboundFailure { peer, request_id, .. } | Event::ResponseSent { peer, request_id, .. } => {
                self.owed.over(&peer, &request_id);
            }
        }
    }

    fn answered(&mut self, id: OutboundRequestId, result: Result<Response, RequestError>) {
        let Some((peer, reply)) = self.asked.remove(&id) else { return };
        if let Ok(Response::Status(status)) = &result {
            self.told_height(peer, status.height);
            self.tell(NetEvent::PeerHeight { peer, height: status.height });
        }
        if let Some(entry) = self.peers.get_mut(&peer) {
            entry.outbound_requests = entry.outbound_requests.saturating_sub(1);
        }
        let _ = reply.send(result); // the caller may have stopped waiting
    }

    fn take_request(
        &mut self,
        (peer, connection, id): (PeerId, ConnectionId, InboundRequestId),
        request: Request,
        channel: ResponseChannel<Response>,
    ) {
        let (limits, now) = (&self.config.limits, Instant::now());
        let places = |class: Class| match class {
            Class::Member(_) => limits.requests_per_peer_max,
            Class::Meters(_) => limits.requests_per_peer_max.saturating_mul(2),
            Class::Others => limits.requests_max,
        };
        let taken = |class: Class| self.making.get(&class).is_some_and(|making| *making >= places(class));
        let mut class = self.class(&peer);
        if matches!(class, Class::Meters(_)) && taken(class) {
            class = Class::Others; // an operator may have many meters
        }
        let member = matches!(class, Class::Member(_));
        let full = taken(class) || !self.backlog.is_empty();
        let free = self.peers.get_mut(&peer).is_some_and(|entry| {
            entry.hello.is_some()
                && entry.leaving.is_none()
                && entry.bucket.take(limits.requests_per_second, limits.requests_burst, now)
                && entry.inbound_requests < limits.requests_per_peer_max
        });
        if full || !free || !self.may_be_made((peer, connection, id), member, &request) {
            self.respond((peer, id), channel, Response::Busy);
            return;
        }
        let (responder, answer) = Responder::new(member);
        let event = NetEvent::Request { peer, request, responder };
        // A full channel drops the responder with the event, which makes the answer `Busy`.
        if let Err(TrySendError::Full(_)) = self.events.try_send(event) {
            tracing::debug!(%peer, "request dropped: the node is behind");
        }
        if let Some(entry) = self.peers.get_mut(&peer) {
            entry.inbound_requests = entry.inbound_requests.saturating_add(1);
        }
        let making = self.making.entry(class).or_default();
        *making = making.saturating_add(1);
        let limit = self.config.limits.answer_timeout;
        self.answers.push(Box::pin(async move {
            let (response, bytes) = match tokio::time::timeout(limit, answer).await {
                Ok(Ok(answer)) => answer,
                Ok(Err(_)) | Err(_) => (Response::Busy, 0),
            };
            Answer { peer, id, class, channel, response, bytes }
        }));
        self.manage(manager::Event::Useful(peer));
    }

    /// Strangers, however many they are, leave members and meters their places; so does a member, however often it
    /// changes the peer that speaks for it.
    fn class(&self, peer: &PeerId) -> Class {
        let member = self.member(peer).filter(|_| !planted!("members-among-strangers"));
        let operator = self.peers.get(peer).and_then(|entry| entry.operator);
        let operator = operator.filter(|_| !planted!("meters-among-strangers"));
        match (member, operator) {
            (Some(key), _) => Class::Member(key),
            (None, Some(operator)) => Class::Meters(operator),
            (None, None) => Class::Others,
        }
    }

    /// Whether there is room for the answer; it is kept from now on.
    fn may_be_made(
        &mut self,
        (peer, connection, id): (PeerId, ConnectionId, InboundRequestId),
        member: bool,
        request: &Request,
    ) -> bool {
        let address = self.peers.get(&peer).and_then(|entry| ip_of(&entry.address));
        let origin = address.map(|ip| self.swarm.behaviour().gate.origin_of(ip));
        let asker = Asker { connection, origin, member };
        let bytes = request.block_bytes_max();
        let admission = self.owed.ask((peer, id), asker, bytes, &self.config.limits, Instant::now());
        self.granted(admission)
    }

    /// Closes the connections that make room, if any do.
    fn granted(&mut self, admission: Admission) -> bool {
        let Admission::Granted(closed) = admission else { return false };
        for (peer, connection) in closed {
            tracing::info!(%peer, "does not read its answers: a connection is closed to make room for others'");
            self.end_connection(peer, connection);
        }
        true
    }

    pub(super) fn on_answer(&mut self, answer: Answer) {
        let Answer { peer, id, class, channel, response, bytes } = answer;
        if let Some(making) = self.making.get_mut(&class) {
            *making = making.saturating_sub(1);
            if *making == 0 {
                self.making.remove(&class);
            }
        }
        if let Some(entry) = self.peers.get_mut(&peer) {
            entry.inbound_requests = entry.inbound_requests.saturating_sub(1);
        }
        let admission = self.owed.admit((peer, id), bytes, &self.config.limits, Instant::now());
        if admission == Admission::Late {
            return;
        }
        let response = if self.granted(admission) { response } else { Response::Busy };
        self.respond((peer, id), channel, response);
    }

    fn respond(
        &mut self,
        (peer, id): (PeerId, InboundRequestId),
        channel: ResponseChannel<Response>,
        response: Response,
    ) {
        // Fails only when the peer has stopped waiting.
        if self.swarm.behaviour_mut().requests.send_response(channel, response).is_err() {
            self.owed.over(&peer, &id);
        }
    }
}
