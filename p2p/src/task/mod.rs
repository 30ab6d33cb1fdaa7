//! The task that owns the swarm: it turns commands into network actions and network events into events of the node.
//!
//! It never waits for the node. Messages that find the event channel full are dropped (gossip), answered with
//! `Busy` (requests) or left on the wire (validator streams); only who came and who went is kept until there is room.

mod connections;
mod finding;
mod handshake;
mod messages;
mod outside;
mod owed;
mod peers;

use crate::behaviour::{self, Behaviour, BehaviourEvent};
use crate::error::GoneReason;
use crate::event::{BanReason, NetEvent};
use crate::gate::{ip_of, is_local, is_quic};
use crate::handle::Command;
use crate::manager::{Event, split};
use crate::names::Names;
use crate::scores::Scores;
use crate::shared::Shared;
use crate::streams::StreamsEvent;
use crate::wire::{Hello, Refusal, Response};
use crate::{Config, Error, Handle, RequestError};
use finding::Resolved;
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use libp2p::core::transport::TransportError;
use libp2p::request_response::{InboundRequestId, OutboundRequestId, ResponseChannel};
use libp2p::swarm::SwarmEvent;
use libp2p::{Multiaddr, PeerId, Swarm};
use outside::Outside;
use owed::Owed;
use peers::Peer;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior};
use wattle_primitives::{Address, PublicKey, planted};

/// Pause between looks at what is due: redials, handshakes that take too long, bans that end.
const TICK: Duration = Duration::from_millis(200);
/// Comings and goings that may wait for the node. Beyond, new peers are turned away until it catches up.
const BACKLOG_MAX: usize = 4096;
/// How often what is shown of peers is brought up to date.
const REFRESH_INTERVAL: Duration = Duration::from_secs(1);
/// Pause after which a peer is tried again that speaks none of our protocols or refused us.
const ESTRANGED: Duration = Duration::from_secs(60);

/// Who asks: each of these has places for answers that are being made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    /// A member of the set.
    Member(PublicKey),
    /// The registered meters of an operator.
    Meters(Address),
    /// All others.
    Others,
}

/// An answer on its way to a peer.
struct Answer {
    peer: PeerId,
    id: InboundRequestId,
    class: Class,
    channel: ResponseChannel<Response>,
    response: Response,
    /// Bytes of its encoding.
    bytes: usize,
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
    /// How many of them are for each class.
    making: BTreeMap<Class, usize>,
    owed: Owed,
    outside: Outside,
    /// Addresses that could not be listened on yet.
    unheard: Vec<Multiaddr>,
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
    let unheard = listen(&mut swarm, &config)?;
    if !config.external.is_empty() && config.external.iter().all(|address| ip_of(address).is_none()) {
        tracing::warn!(
            code = "external_names_only",
            "all external addresses are names, which nobody dials who hears of them: add one of /ip4 or /ip6"
        );
    }
    for address in config.external.iter().filter(|_| !planted!("external-addresses-untold")) {
        swarm.add_external_address(split(address).1);
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
        making: BTreeMap::new(),
        owed: Owed::default(),
        outside: Outside::default(),
        unheard,
        refresh_at: Instant::now(),
        resolving: FuturesUnordered::new(),
        config,
    };
    network.start()?;
    tokio::spawn(network.run());
    Ok((Handle { commands, shared }, receiver))
}

/// Listens wherever it can: an address may be of a network that is not up yet, or of a version that this machine lacks.
/// Returns those to try again.
fn listen(swarm: &mut Swarm<Behaviour>, config: &Config) -> Result<Vec<Multiaddr>, Error> {
    let addresses = listen_addresses(config)?;
    let first = addresses.iter().find(|address| !is_quic(address)).copied();
    let (mut stands, mut refused) = (false, Vec::new());
    for address in addresses {
        let Err(error) = swarm.listen_on(address.clone()) else {
            stands = true;
            continue;
        };
        let detail = cause(&error);
        // Where the node is looked for first there is another program, or this node once more.
        if first == Some(address) && is_in_use(&detail) {
            return Err(Error::Listen { address: address.clone(), detail });
        }
        refused.push((address, detail));
    }
    if let (false, Some((address, detail))) = (stands, refused.first()) {
        return Err(Error::Listen { address: (*address).clone(), detail: detail.clone() });
    }
    for (address, error) in &refused {
        tracing::warn!(%address, %error, code = "listen_failed", "not listened on: tried again and again");
    }
    Ok(refused.into_iter().map(|(address, _)| address.clone()).collect())
}

/// The operating system's words: the library shows none, or its own before them.
fn cause(error: &TransportError<io::Error>) -> String {
    match error {
        TransportError::MultiaddrNotSupported(_) => error.to_string(),
        TransportError::Other(error) => error.to_string().trim_start_matches("Transport error: ").to_owned(),
    }
}

/// Whether another listener has the port. The library wraps the error so that only its text is left.
fn is_in_use(detail: &str) -> bool {
    let number = detail.rsplit_once("(os error ").and_then(|(_, rest)| rest.strip_suffix(')'));
    let error = number.and_then(|number| number.parse::<i32>().ok()).map(io::Error::from_raw_os_error);
    error.is_some_and(|error| error.kind() == io::ErrorKind::AddrInUse)
}

/// Addresses to listen on: none of QUIC that strangers on the internet reach, unless the operator wants it so.
fn listen_addresses(config: &Config) -> Result<Vec<&Multiaddr>, Error> {
    let allowed = |address: &&Multiaddr| {
        config.quic_public
            || !is_quic(address)
            || ip_of(address).is_some_and(is_local)
            || planted!("quic-at-public-addresses")
    };
    let (taken, refused): (Vec<_>, Vec<_>) = config.listen.iter().partition(allowed);
    if let (true, Some(address)) = (taken.is_empty(), refused.first()) {
        return Err(Error::QuicPublic { address: (*address).clone() });
    }
    for address in refused {
        tracing::warn!(%address, code = "quic_public", "not listened on: QUIC at public addresses is off");
    }
    Ok(taken)
}

impl Network {
    fn start(&mut self) -> Result<(), Error> {
        for address in self.config.bootstrap.clone() {
            let (peer, bare) = split(&address);
            let Some(peer) = peer else { return Err(Error::BootstrapPeer { address }) };
            if let Some(kademlia) = self.swarm.behaviour_mut().kademlia.as_mut() {
                kademlia.add_address(&peer, bare);
            }
            self.manage(Event::List(address));
        }
        for address in self.config.persistent.clone() {
            self.manage(Event::List(address));
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
            self.disconnect(peer);
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
            Command::Connect(address) => self.manage(Event::List(address)),
            Command::Forget(peer) => {
                self.manage(Event::Unlist(peer));
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
                self.let_in(peer);
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
            SwarmEvent::ConnectionClosed { peer_id, connection_id, .. } => {
                self.on_closed(peer_id, connection_id);
            }
            SwarmEvent::OutgoingConnectionError { error, .. } => tracing::debug!(%error, "dial failed"),
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
            BehaviourEvent::Kademlia(None) => {}
            BehaviourEvent::Kademlia(Some(wish)) => self.on_wish(&wish),
            BehaviourEvent::Mdns(event) | BehaviourEvent::MdnsV6(event) => self.on_local_discovery(event),
            BehaviourEvent::Door(order) => self.on_order(order),
            BehaviourEvent::Bans(never) | BehaviourEvent::Gate(never) | BehaviourEvent::Limits(never) => {
                match never {}
            }
        }
    }

    fn on_tick(&mut self, now: Instant) {
        for peer in self.scores.expire(now) {
            self.let_in(peer);
            self.publish_peer(peer);
        }
        let limit = self.config.limits.handshake_timeout;
        let late = |p: &Peer| p.hello.is_none() && now.saturating_duration_since(p.since) > limit;
        let overdue = |p: &Peer| p.close_at.is_some_and(|at| at <= now);
        let refused: Vec<PeerId> = self.peers.iter().filter(|(_, p)| overdue(p)).map(|(id, _)| *id).collect();
        for peer in refused {
            if self.scores.banned(&peer) {
                self.keep_out(peer);
            } else {
                self.disconnect(peer); // it may come again
            }
        }
        let silent: Vec<PeerId> = self.peers.iter().filter(|(_, p)| late(p)).map(|(id, _)| *id).collect();
        for peer in silent {
            tracing::debug!(%peer, "no handshake in time");
            self.disconnect(peer);
        }
        self.part(now);
        self.manage(Event::Tick);
        if now >= self.refresh_at {
            self.refresh_at = now + REFRESH_INTERVAL;
            self.refresh(now);
            let swarm = &mut self.swarm;
            self.unheard.retain(|address| swarm.listen_on(address.clone()).is_err());
            self.shared.set_takers(self.takers());
        }
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
}
