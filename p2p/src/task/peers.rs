//! Connected peers: who came and who went, what each has told of itself, its penalties, and what is shown of it.

use super::connections::Open;
use super::handshake::HELLOS_BURST;
use super::{BACKLOG_MAX, ESTRANGED, Network};
use crate::error::GoneReason;
use crate::event::{BanReason, NetEvent, Offence, PeerInfo, Penalty};
use crate::manager::{Claim, Event};
use crate::scores::Bucket;
use crate::streams::Access;
use crate::wire::{Hello, Request, Role, ValidatorProof};
use libp2p::core::ConnectedPoint;
use libp2p::swarm::ConnectionId;
use libp2p::{Multiaddr, PeerId, ping};
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::Instant;
use wattle_primitives::{Address, Height, PublicKey, planted};

/// How often a peer is asked for its height.
const STATUS_INTERVAL: Duration = Duration::from_secs(5);

/// A connected peer.
pub(super) struct Peer {
    /// Of its oldest connection.
    pub(super) address: Multiaddr,
    /// Whether this node dialed that.
    pub(super) outbound: bool,
    /// Its connections, the newest last.
    pub(super) connections: Vec<Open>,
    /// When all of several connections but one end.
    pub(super) part_at: Option<Instant>,
    /// Number that this node tells it in hellos: drawn with its first connection.
    pub(super) session: u64,
    pub(super) since: Instant,
    /// Its own words about itself; set when the handshake is complete.
    pub(super) hello: Option<Hello>,
    /// Of the registered meter whose key it has proven.
    pub(super) operator: Option<Address>,
    /// The greatest height that it has told: in handshakes, in answers, in headers it handed on.
    pub(super) height: Height,
    /// Why it is being disconnected, if it is.
    pub(super) leaving: Option<GoneReason>,
    /// When to close the connection of a refused peer that does not do it itself.
    pub(super) close_at: Option<Instant>,
    pub(super) bucket: Bucket,
    /// How often it may say hello.
    pub(super) hellos: Bucket,
    pub(super) inbound_requests: usize,
    pub(super) outbound_requests: usize,
    pub(super) rtt_us: Option<u64>,
    pub(super) agent: String,
    /// When to ask for its height again.
    pub(super) status_at: Instant,
}

impl Peer {
    /// The meter's key that it has proven, if it has.
    pub(super) fn meter_key(&self) -> Option<PublicKey> {
        Some(self.hello.as_ref()?.meter.as_ref()?.key)
    }
}

impl Network {
    pub(super) fn on_connected(&mut self, peer: PeerId, connection: ConnectionId, endpoint: &ConnectedPoint) {
        let now = Instant::now();
        let burst = self.config.limits.requests_burst;
        let entry = self.peers.entry(peer).or_insert_with(|| Peer {
            address: endpoint.get_remote_address().clone(),
            outbound: endpoint.is_dialer(),
            connections: Vec::new(),
            part_at: None,
            session: RandomState::new().hash_one(peer),
            since: now,
            hello: None,
            operator: None,
            height: Height::ZERO,
            leaving: None,
            close_at: None,
            bucket: Bucket::full(burst, now),
            hellos: Bucket::full(HELLOS_BURST, now),
            inbound_requests: 0,
            outbound_requests: 0,
            rtt_us: None,
            agent: String::new(),
            status_at: now + STATUS_INTERVAL,
        });
        entry.connections.push(Open { id: connection, endpoint: endpoint.clone() });
        if entry.connections.len() > 1 {
            entry.part_at = Some(now + self.config.limits.handshake_timeout);
        }
        if entry.hello.is_none() {
            // Until it is ready nothing it gossips is looked at, nor counted as seen.
            self.swarm.behaviour_mut().gossip.blacklist_peer(&peer);
        }
        let greet = endpoint.is_dialer() && entry.hello.is_none();
        if self.backlog.len() >= BACKLOG_MAX {
            self.disconnect(peer);
            return;
        }
        if greet {
            let hello = self.own_hello(&peer);
            self.swarm.behaviour_mut().handshake.send_request(&peer, Ok(hello));
        }
        self.publish_peer(peer);
    }

    /// The last connection with a peer is gone.
    pub(super) fn on_disconnected(&mut self, peer: PeerId) {
        let Some(entry) = self.peers.remove(&peer) else { return };
        self.forget_observed(&peer);
        self.swarm.behaviour_mut().gossip.remove_blacklisted_peer(&peer);
        if self.scores.banned(&peer) {
            self.scores.left(&peer, entry.address.clone());
            self.keep_out(peer);
            if let Some(kademlia) = self.swarm.behaviour_mut().kademlia.as_mut() {
                kademlia.remove_peer(&peer);
            }
        }
        self.publish_peer(peer);
        if let Some(hello) = entry.hello {
            let reason = entry.leaving.unwrap_or(GoneReason::Closed);
            self.tell(NetEvent::PeerGone { peer, validator: hello.validator.map(|v| v.key), reason });
        }
    }

    pub(super) fn on_ping(&mut self, event: &ping::Event) {
        match &event.result {
            Ok(rtt) => {
                if let Some(entry) = self.peers.get_mut(&event.peer) {
                    entry.rtt_us = Some(u64::try_from(rtt.as_micros()).unwrap_or(u64::MAX));
                    self.publish_peer(event.peer);
                }
            }
            Err(ping::Failure::Unsupported) => {}
            // A narrow link may be busy with a large frame for longer than a ping can wait. A dead one ends by its
            // silence (`crate::transport`).
            Err(error) => tracing::debug!(peer = %event.peer, %error, "ping failed"),
        }
    }

    /// A peer has told how far it is.
    pub(super) fn told_height(&mut self, peer: PeerId, height: Height) {
        if let Some(entry) = self.peers.get_mut(&peer) {
            entry.height = entry.height.max(height);
        }
    }

    /// Shows how scores have faded, and asks who has not told its height for a while.
    pub(super) fn refresh(&mut self, now: Instant) {
        let peers: Vec<PeerId> = self.peers.keys().copied().collect();
        for peer in peers {
            self.publish_peer(peer);
            let Some(entry) = self.peers.get_mut(&peer) else { continue };
            // Light nodes serve nothing, and need not know how far others are.
            let serves = |role| role != Role::Light;
            let both = serves(self.config.role) && entry.hello.as_ref().is_some_and(|h| serves(h.role));
            if both && entry.leaving.is_none() && entry.status_at <= now {
                entry.status_at = now + STATUS_INTERVAL;
                self.ask(peer, Request::Status, oneshot::channel().0);
            }
        }
    }

    /// Adds a penalty and bans the peer when it was one too many.
    pub(super) fn penalize(&mut self, peer: PeerId, penalty: Penalty, offence: Offence) {
        if self.scores.penalize(peer, (penalty, offence), self.config.limits.ban, Instant::now()) {
            tracing::info!(%peer, offence = offence.code(), "banned");
            self.shut_out(peer, GoneReason::Banned);
        }
        self.publish_peer(peer);
    }

    /// Disconnects a peer and refuses its connections until its ban ends.
    pub(super) fn shut_out(&mut self, peer: PeerId, reason: GoneReason) {
        if let Some(entry) = self.peers.get_mut(&peer) {
            entry.leaving.get_or_insert(reason);
        }
        self.keep_out(peer);
    }

    /// Closes the connections of a peer, and neither dials it nor lets it in.
    pub(super) fn keep_out(&mut self, peer: PeerId) {
        self.swarm.behaviour_mut().bans.block_peer(peer);
        self.manage(Event::Bar(peer));
    }

    /// Ends what [`Self::keep_out`] began.
    pub(super) fn let_in(&mut self, peer: PeerId) {
        self.swarm.behaviour_mut().bans.unblock_peer(peer);
        self.manage(Event::Unbar(peer));
    }

    pub(super) fn disconnect(&mut self, peer: PeerId) {
        // An error says that it is gone already.
        let _ = self.swarm.disconnect_peer_id(peer);
    }

    /// The key that a peer speaks for, if that is in the set at present.
    pub(super) fn member(&self, peer: &PeerId) -> Option<PublicKey> {
        let entry = self.peers.get(peer).filter(|p| p.leaving.is_none())?;
        let key = entry.hello.as_ref()?.validator?.key;
        self.validators.contains(&key).then_some(key)
    }

    /// Lets the validator streams know what the peer may do.
    pub(super) fn update_access(&mut self, peer: PeerId) {
        let Some(entry) = self.peers.get(&peer) else { return };
        let Some(hello) = entry.hello.as_ref() else { return };
        // Whoever leaves takes nobody's place.
        let claim = if entry.leaving.is_some() { Claim::Stranger } else { self.claim_of(hello) };
        let access = match (hello.validator, self.member(&peer)) {
            (None, _) => Access::Never,
            (Some(_), Some(key)) => Access::Granted(key),
            (Some(_), None) => Access::NotNow,
        };
        if let Some(entry) = self.peers.get_mut(&peer) {
            entry.operator = claim.operator();
        }
        self.swarm.behaviour_mut().streams.set_access(peer, access);
        // Whoever is ready has its place, or needs none.
        self.manage(Event::Claims { peer, claim });
    }

    /// Claim of a peer that says this of itself, and has proven what can be proven.
    pub(super) fn claim_of(&self, hello: &Hello) -> Claim {
        if let Some(proof) = hello.validator.filter(|proof| self.validators.contains(&proof.key)) {
            return Claim::Validator(proof.key);
        }
        let meter = |proof: ValidatorProof| {
            let operator_of = self.config.operator_of.as_ref()?;
            Some(Claim::Meter { key: proof.key, operator: operator_of(&proof.key)? })
        };
        match hello.meter.and_then(meter) {
            Some(claim) => claim,
            None if hello.role == Role::Light => Claim::Light,
            None => Claim::Stranger,
        }
    }

    /// A key speaks through one peer, the newest that has proven it: its holder can prove it for any number of peer
    /// ids, and whatever a member of the set may have would be had by each. Only the holder can make such a proof.
    pub(super) fn displace(&mut self, key: PublicKey, newest: PeerId) {
        let speaks = |(peer, entry): &(&PeerId, &Peer)| {
            let proven = entry.hello.as_ref().and_then(|hello| hello.validator);
            **peer != newest && entry.leaving.is_none() && proven.is_some_and(|proof| proof.key == key)
        };
        let Some(older) = self.peers.iter().find(speaks).map(|(peer, _)| *peer) else { return };
        if planted!("key-of-many-peers") {
            return;
        }
        tracing::warn!(
            %key, %older, %newest,
            "a second peer has proven this validator key, and takes the first one's place: if its validator has not \
             moved, two nodes run with one key, and will displace each other in turn"
        );
        // For a while: two nodes with one key would else take turns with each dial.
        self.scores.refuse(older, BanReason::Displaced, ESTRANGED, Instant::now());
        self.shut_out(older, GoneReason::Displaced);
        self.update_access(older);
        self.publish_peer(older);
    }

    /// Shows the peer's present state to [`Handle::peers`].
    pub(super) fn publish_peer(&self, peer: PeerId) {
        let ban = self.scores.ban(&peer);
        let entry = self.peers.get(&peer);
        if entry.is_none() && ban.is_none() {
            self.shared.set_peer(peer, None);
            return;
        }
        let hello = entry.and_then(|p| p.hello.as_ref());
        let info = PeerInfo {
            peer,
            address: entry.map(|p| p.address.clone()).or_else(|| self.scores.address(&peer)),
            outbound: entry.is_some_and(|p| p.outbound),
            ready: hello.is_some(),
            role: hello.map(|h| h.role),
            validator: hello.and_then(|h| h.validator.map(|v| v.key)),
            height: entry.map(|p| p.height).unwrap_or_default(),
            score: self.scores.points(&peer, Instant::now()),
            penalties: self.scores.penalties(&peer),
            ban,
            agent: entry.map(|p| p.agent.clone()).unwrap_or_default(),
            rtt_us: entry.and_then(|p| p.rtt_us),
        };
        self.shared.set_peer(peer, Some(info));
    }
}
