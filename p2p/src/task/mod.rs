//! The task that owns the swarm: it turns commands into network actions and network events into events of the node.
//!
//! It never waits for the node. Messages that find the event channel full are dropped (gossip), answered with
//! `Busy` (requests) or left on the wire (validator streams); only who came and who went is kept until there is room.

mod handshake;
mod messages;
mod redial;

use crate::behaviour::{self, Behaviour, BehaviourEvent};
use crate::error::GoneReason;
use crate::event::{BanReason, NetEvent, Offence, PeerInfo, Penalty};
use crate::handle::Command;
use crate::names::Names;
use crate::scores::{Bucket, Scores};
use crate::shared::Shared;
use crate::streams::{Access, StreamsEvent};
use crate::wire::{Hello, HelloAnswer, Refusal, Request, Response, Role};
use crate::{Config, Error, Handle, RequestError};
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use libp2p::core::ConnectedPoint;
use libp2p::request_response::{InboundRequestId, OutboundRequestId, ResponseChannel};
use libp2p::swarm::{ConnectionId, SwarmEvent};
use libp2p::{Multiaddr, PeerId, Swarm, ping, request_response};
use redial::{Resolved, Target};
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior};
use wattle_primitives::{Height, PublicKey};

/// Pause between looks at what is due: redials, handshakes that take too long, bans that end.
const TICK: Duration = Duration::from_millis(200);
/// Comings and goings that may wait for the node. Beyond, new peers are turned away until it catches up.
const BACKLOG_MAX: usize = 4096;
/// How often what is shown of peers is brought up to date.
const REFRESH_INTERVAL: Duration = Duration::from_secs(1);
/// How often a peer is asked for its height.
const STATUS_INTERVAL: Duration = Duration::from_secs(5);
/// Pause after which a peer is tried again that speaks none of our protocols or refused us.
const ESTRANGED: Duration = Duration::from_secs(60);

/// A connected peer.
struct Peer {
    address: Multiaddr,
    outbound: bool,
    since: Instant,
    /// Its own words about itself; set when the handshake is complete.
    hello: Option<Hello>,
    /// The greatest height that it has told: in handshakes, in answers, in headers it handed on.
    height: Height,
    /// Why it is being disconnected, if it is.
    leaving: Option<GoneReason>,
    /// When to close the connection of a refused peer that does not do it itself.
    close_at: Option<Instant>,
    bucket: Bucket,
    inbound_requests: usize,
    outbound_requests: usize,
    rtt_us: Option<u64>,
    agent: String,
    /// When to ask for its height again.
    status_at: Instant,
}

/// An answer on its way to a peer.
struct Answer {
    peer: PeerId,
    channel: ResponseChannel<Response>,
    response: Response,
}

struct Network {
    config: Config,
    names: Names,
    shared: Arc<Shared>,
    swarm: Swarm<Behaviour>,
    inbox: mpsc::Receiver<Command>,
    events: mpsc::Sender<NetEvent>,
    backlog: VecDeque<NetEvent>,
    peers: BTreeMap<PeerId, Peer>,
    scores: Scores,
    validators: BTreeSet<PublicKey>,
    /// Handshakes answered but not yet sent.
    greeting: HashMap<InboundRequestId, (PeerId, Result<Hello, Refusal>)>,
    asked: HashMap<OutboundRequestId, (PeerId, oneshot::Sender<Result<Response, RequestError>>)>,
    answers: FuturesUnordered<BoxFuture<'static, Answer>>,
    targets: Vec<Target>,
    refresh_at: Instant,
    resolving: FuturesUnordered<BoxFuture<'static, Resolved>>,
}

/// Starts the network on the current tokio runtime.
///
/// # Errors
/// [`Error`] when an address cannot be listened on or the stack refuses its configuration.
///
/// # Panics
/// Outside a tokio runtime.
pub fn spawn(config: Config) -> Result<(Handle, mpsc::Receiver<NetEvent>), Error> {
    let (commands, inbox) = mpsc::channel(config.limits.commands_max.max(1));
    let (events, receiver) = mpsc::channel(config.limits.events_max.max(1));
    let shared = Arc::new(Shared::new(config.node_key.peer_id(), config.limits.clone(), config.height));
    let mut swarm = behaviour::build(&config, &shared, &events)?;
    for address in &config.listen {
        swarm
            .listen_on(address.clone())
            .map_err(|e| Error::Listen { address: address.clone(), detail: e.to_string() })?;
    }
    let mut network = Network {
        names: Names::new(&config.genesis),
        shared: Arc::clone(&shared),
        swarm,
        inbox,
        events,
        backlog: VecDeque::new(),
        peers: BTreeMap::new(),
        scores: Scores::default(),
        validators: config.validators.iter().copied().collect(),
        greeting: HashMap::new(),
        asked: HashMap::new(),
        answers: FuturesUnordered::new(),
        targets: Vec::new(),
        refresh_at: Instant::now(),
        resolving: FuturesUnordered::new(),
        config,
    };
    network.start()?;
    tokio::spawn(network.run());
    Ok((Handle { commands, shared }, receiver))
}

impl Network {
    fn start(&mut self) -> Result<(), Error> {
        for address in self.config.bootstrap.clone() {
            let (peer, bare) = redial::split(&address);
            let Some(peer) = peer else { return Err(Error::BootstrapPeer { address }) };
            if let Some(kademlia) = self.swarm.behaviour_mut().kademlia.as_mut() {
                kademlia.add_address(&peer, bare);
            }
            self.add_target(address);
        }
        for address in self.config.persistent.clone() {
            self.add_target(address);
        }
        Ok(())
    }

    async fn run(mut self) {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let events = self.events.clone();
        loop {
            tokio::select! {
                command = self.inbox.recv() => match command {
                    None | Some(Command::Shutdown) => break,
                    Some(command) => self.on_command(command),
                },
                event = self.swarm.select_next_some() => self.on_swarm(event),
                Some(answer) = self.answers.next() => self.on_answer(answer),
                Some(resolved) = self.resolving.next() => self.on_resolved(resolved),
                permit = events.reserve(), if !self.backlog.is_empty() => match (permit, self.backlog.pop_front()) {
                    (Ok(permit), Some(event)) => permit.send(event),
                    _ => break, // the node is gone
                },
                _ = tick.tick() => self.on_tick(Instant::now()),
            }
        }
        self.close().await;
    }

    /// Says good-bye: peers see a closed connection at once instead of a time-out.
    async fn close(mut self) {
        let peers: Vec<PeerId> = self.peers.keys().copied().collect();
        for peer in peers {
            let _ = self.swarm.disconnect_peer_id(peer); // gone already
        }
        let drained = async {
            while self.swarm.connected_peers().next().is_some() {
                self.swarm.select_next_some().await;
            }
        };
        let _ = tokio::time::timeout(TICK, drained).await; // a peer that does not let go is dropped
    }

    fn on_command(&mut self, command: Command) {
        match command {
            Command::Publish(message) => self.publish_gossip(&message),
            Command::Verdict { id, peer, verdict } => self.gossip_verdict(&id, peer, verdict),
            Command::Request { peer, request, reply } => self.ask(peer, request, reply),
            Command::Report { peer, penalty, offence } => self.penalize(peer, penalty, offence),
            Command::SetValidators(keys) => {
                self.validators = keys.into_iter().collect();
                let peers: Vec<PeerId> = self.peers.keys().copied().collect();
                peers.into_iter().for_each(|peer| self.update_access(peer));
            }
            Command::Connect(address) => self.add_target(address),
            Command::Forget(peer) => {
                self.remove_target(&peer);
                self.disconnect(peer);
            }
            Command::Ban { peer, time } => {
                tracing::info!(%peer, ?time, "banned by order");
                self.scores.refuse(peer, BanReason::Order, time, Instant::now());
                self.shut_out(peer, GoneReason::Banned);
                self.publish_peer(peer);
            }
            Command::Unban(peer) => {
                self.scores.pardon(&peer);
                self.swarm.behaviour_mut().bans.unblock_peer(peer);
                self.publish_peer(peer);
            }
            Command::Shutdown => {}
        }
    }

    fn on_swarm(&mut self, event: SwarmEvent<BehaviourEvent>) {
        match event {
            SwarmEvent::Behaviour(event) => self.on_behaviour(event),
            SwarmEvent::ConnectionEstablished { peer_id, connection_id, endpoint, .. } => {
                self.on_connected(peer_id, connection_id, &endpoint);
            }
            SwarmEvent::ConnectionClosed { peer_id, num_established: 0, .. } => self.on_disconnected(peer_id),
            SwarmEvent::OutgoingConnectionError { connection_id, error, .. } => {
                tracing::debug!(%error, "dial failed");
                self.dial_failed(connection_id);
            }
            SwarmEvent::NewListenAddr { address, .. } => {
                self.shared.set_listening(&address, true);
                self.tell(NetEvent::Listening { address });
            }
            SwarmEvent::ExpiredListenAddr { address, .. } => self.shared.set_listening(&address, false),
            SwarmEvent::ListenerClosed { addresses, reason, .. } => {
                tracing::warn!(?addresses, ?reason, "listener closed");
                addresses.iter().for_each(|a| self.shared.set_listening(a, false));
            }
            SwarmEvent::ListenerError { error, .. } => tracing::warn!(%error, "listener"),
            _ => {}
        }
    }

    fn on_behaviour(&mut self, event: BehaviourEvent) {
        match event {
            BehaviourEvent::Handshake(event) => self.on_handshake(event),
            BehaviourEvent::Requests(event) => self.on_request(event),
            BehaviourEvent::Streams(StreamsEvent::Opened { peer, key }) => {
                self.tell(NetEvent::ValidatorConnected { key, peer });
            }
            BehaviourEvent::Streams(StreamsEvent::Violation { peer, detail, penalty, offence }) => {
                tracing::debug!(%peer, detail, "broke the protocol");
                self.penalize(peer, penalty, offence);
            }
            BehaviourEvent::Gossip(event) => self.on_gossip(event),
            BehaviourEvent::Identify(event) => self.on_identify(event),
            BehaviourEvent::Ping(event) => self.on_ping(&event),
            BehaviourEvent::Kademlia(event) => self.on_kademlia(event),
            BehaviourEvent::Mdns(event) => self.on_local_discovery(event),
            BehaviourEvent::Bans(never) | BehaviourEvent::Gate(never) | BehaviourEvent::Limits(never) => {
                match never {}
            }
        }
    }

    fn on_connected(&mut self, peer: PeerId, connection: ConnectionId, endpoint: &ConnectedPoint) {
        let now = Instant::now();
        self.dial_succeeded(connection, peer);
        let burst = self.config.limits.requests_burst;
        let entry = self.peers.entry(peer).or_insert_with(|| Peer {
            address: endpoint.get_remote_address().clone(),
            outbound: endpoint.is_dialer(),
            since: now,
            hello: None,
            height: Height::ZERO,
            leaving: None,
            close_at: None,
            bucket: Bucket::full(burst, now),
            inbound_requests: 0,
            outbound_requests: 0,
            rtt_us: None,
            agent: String::new(),
            status_at: now + STATUS_INTERVAL,
        });
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
            let hello = self.own_hello();
            self.swarm.behaviour_mut().handshake.send_request(&peer, Ok(hello));
        }
        self.publish_peer(peer);
    }

    fn on_disconnected(&mut self, peer: PeerId) {
        let Some(entry) = self.peers.remove(&peer) else { return };
        self.swarm.behaviour_mut().gossip.remove_blacklisted_peer(&peer);
        if self.scores.banned(&peer) {
            self.scores.left(&peer, entry.address.clone());
            self.swarm.behaviour_mut().bans.block_peer(peer);
            if let Some(kademlia) = self.swarm.behaviour_mut().kademlia.as_mut() {
                kademlia.remove_peer(&peer);
            }
        }
        self.lost(peer);
        self.publish_peer(peer);
        if let Some(hello) = entry.hello {
            let reason = entry.leaving.unwrap_or(GoneReason::Closed);
            self.tell(NetEvent::PeerGone { peer, validator: hello.validator.map(|v| v.key), reason });
        }
    }

    fn on_ping(&mut self, event: &ping::Event) {
        match &event.result {
            Ok(rtt) => {
                if let Some(entry) = self.peers.get_mut(&event.peer) {
                    entry.rtt_us = Some(u64::try_from(rtt.as_micros()).unwrap_or(u64::MAX));
                    self.publish_peer(event.peer);
                }
            }
            Err(ping::Failure::Unsupported) => {}
            Err(error) => {
                tracing::debug!(peer = %event.peer, %error, "ping failed");
                self.swarm.close_connection(event.connection);
            }
        }
    }

    fn on_tick(&mut self, now: Instant) {
        for peer in self.scores.expire(now) {
            self.swarm.behaviour_mut().bans.unblock_peer(peer);
            self.publish_peer(peer);
        }
        let limit = self.config.limits.handshake_timeout;
        let late = |p: &Peer| p.hello.is_none() && now.saturating_duration_since(p.since) > limit;
        let overdue = |p: &Peer| p.close_at.is_some_and(|at| at <= now);
        let refused: Vec<PeerId> = self.peers.iter().filter(|(_, p)| overdue(p)).map(|(id, _)| *id).collect();
        for peer in refused {
            self.swarm.behaviour_mut().bans.block_peer(peer);
        }
        let silent: Vec<PeerId> = self.peers.iter().filter(|(_, p)| late(p)).map(|(id, _)| *id).collect();
        for peer in silent {
            tracing::debug!(%peer, "no handshake in time");
            self.disconnect(peer);
        }
        self.redial(now);
        if now >= self.refresh_at {
            self.refresh_at = now + REFRESH_INTERVAL;
            self.refresh(now);
        }
    }

    /// Shows how scores have faded, and asks who has not told its height for a while.
    fn refresh(&mut self, now: Instant) {
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
    fn penalize(&mut self, peer: PeerId, penalty: Penalty, offence: Offence) {
        if self.scores.penalize(peer, (penalty, offence), self.config.limits.ban, Instant::now()) {
            tracing::info!(%peer, offence = offence.code(), "banned");
            self.shut_out(peer, GoneReason::Banned);
        }
        self.publish_peer(peer);
    }

    /// Disconnects a peer and refuses its connections until its ban ends.
    fn shut_out(&mut self, peer: PeerId, reason: GoneReason) {
        if let Some(entry) = self.peers.get_mut(&peer) {
            entry.leaving.get_or_insert(reason);
        }
        self.swarm.behaviour_mut().bans.block_peer(peer);
    }

    fn disconnect(&mut self, peer: PeerId) {
        // An error says that it is gone already.
        let _ = self.swarm.disconnect_peer_id(peer);
    }

    /// Lets the validator streams know what the peer may do.
    fn update_access(&mut self, peer: PeerId) {
        let Some(hello) = self.peers.get(&peer).and_then(|p| p.hello.as_ref()) else { return };
        let access = match hello.validator.map(|v| v.key) {
            None => Access::Never,
            Some(key) if self.validators.contains(&key) => Access::Granted(key),
            Some(_) => Access::NotNow,
        };
        self.swarm.behaviour_mut().streams.set_access(peer, access);
    }

    /// Tells the node, now or when there is room, in order.
    fn tell(&mut self, event: NetEvent) {
        if !self.backlog.is_empty() {
            self.backlog.push_back(event);
            return;
        }
        if let Err(mpsc::error::TrySendError::Full(event)) = self.events.try_send(event) {
            self.backlog.push_back(event);
        }
    }

    /// Shows the peer's present state to [`Handle::peers`].
    fn publish_peer(&self, peer: PeerId) {
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
