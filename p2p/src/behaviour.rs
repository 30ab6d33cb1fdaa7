//! The libp2p stack: which protocols run, and how each is bounded.

use crate::codec::Wire;
use crate::config::{Config, Kademlia, Limits};
use crate::discovery::Discovery;
use crate::door::Door;
use crate::error::Error;
use crate::event::NetEvent;
use crate::gate::{Gate, Origins, ip_of};
use crate::manager::Manager;
use crate::names::{HANDSHAKE, Names};
use crate::quiet::Quiet;
use crate::shared::Shared;
use crate::streams::Streams;
use crate::transport::{self, STREAMS_MAX};
use crate::wire::{GOSSIP_BYTES_MAX, Hello, HelloAnswer, Request, Response, Role};
use libp2p::allow_block_list::{self, BlockedPeers};
use libp2p::connection_limits::{self, ConnectionLimits};
use libp2p::core::upgrade::Version;
use libp2p::request_response::{self, ProtocolSupport};
use libp2p::swarm::NetworkBehaviour;
use libp2p::swarm::behaviour::toggle::Toggle;
use libp2p::{PeerId, Swarm, SwarmBuilder, gossipsub, identify, identity, kad, mdns, ping};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use wattle_primitives::{Hash, domain};

/// Most streams of one connection that are being negotiated; each is let go of after 10 s.
const NEGOTIATING_MAX: usize = 16;
/// Silence after which a QUIC connection is dead.
const QUIC_SILENCE_MAX: Duration = Duration::from_secs(10);
/// Receive window of one QUIC stream, in bytes.
const QUIC_STREAM_BYTES: u32 = 1024 * 1024;
/// Receive window of one QUIC connection, in bytes.
const QUIC_CONNECTION_BYTES: u32 = 8 * 1024 * 1024;
/// How long content is remembered by gossip, so that it is not handed out again.
const GOSSIP_MEMORY: Duration = Duration::from_secs(120);
/// Gossip messages that may wait for one peer.
const GOSSIP_QUEUE_MAX: usize = 512;
/// Addresses of other peers that identify remembers.
const IDENTIFY_CACHE_PEERS: usize = 64;
/// Invalid messages weigh so much in a peer's gossip score, times their number squared.
const INVALID_MESSAGE_WEIGHT: f64 = -10.0;

/// Everything that runs on a connection. Checks that refuse connections come first.
#[derive(NetworkBehaviour)]
pub(crate) struct Behaviour {
    pub(crate) bans: allow_block_list::Behaviour<BlockedPeers>,
    pub(crate) gate: Gate,
    pub(crate) door: Door,
    pub(crate) limits: connection_limits::Behaviour,
    pub(crate) handshake: request_response::Behaviour<Wire<Hello, HelloAnswer>>,
    pub(crate) requests: request_response::Behaviour<Wire<Request, Response>>,
    pub(crate) streams: Streams,
    pub(crate) gossip: Quiet<gossipsub::Behaviour>,
    pub(crate) identify: Toggle<Quiet<identify::Behaviour>>,
    pub(crate) ping: Toggle<Quiet<ping::Behaviour>>,
    pub(crate) kademlia: Toggle<Discovery>,
    pub(crate) mdns: Toggle<mdns::tokio::Behaviour>,
    /// The library's serves one version of the internet protocol each.
    pub(crate) mdns_v6: Toggle<mdns::tokio::Behaviour>,
}

/// Builds the swarm; it does not listen or dial yet.
pub(crate) fn build(
    config: &Config,
    shared: &Arc<Shared>,
    events: &mpsc::Sender<NetEvent>,
) -> Result<Swarm<Behaviour>, Error> {
    let keypair = config.node_key.keypair();
    let behaviour = Behaviour::new(config, shared, events)?;
    let tcp = transport::tcp(keypair, &config.limits, origins(config), !config.thrifty)
        .map_err(|e| failed("TCP transport", &e))?;
    let swarm = SwarmBuilder::with_existing_identity(keypair.clone())
        .with_tokio()
        .with_quic_config(|mut config| {
            config.max_idle_timeout = u32::try_from(QUIC_SILENCE_MAX.as_millis()).unwrap_or(u32::MAX);
            config.keep_alive_interval = QUIC_SILENCE_MAX / 2;
            config.max_concurrent_stream_limit = u32::try_from(STREAMS_MAX).unwrap_or(u32::MAX);
            config.max_stream_data = QUIC_STREAM_BYTES;
            config.max_connection_data = QUIC_CONNECTION_BYTES;
            config
        })
        .with_other_transport(|_| tcp)
        .unwrap_or_else(|never| match never {})
        .with_behaviour(|_| behaviour)
        .map_err(|e| failed("behaviour", &e))?
        .with_swarm_config(|c| {
            let c = c
                .with_idle_connection_timeout(Duration::from_secs(60))
                .with_max_negotiating_inbound_streams(NEGOTIATING_MAX);
            // A request then leaves together with the name of its protocol.
            if config.thrifty { c.with_substream_upgrade_protocol_override(Version::V1Lazy) } else { c }
        })
        .with_connection_timeout(config.limits.handshake_timeout)
        .build();
    Ok(swarm)
}

impl Behaviour {
    fn new(config: &Config, shared: &Arc<Shared>, events: &mpsc::Sender<NetEvent>) -> Result<Self, Error> {
        let names = Names::new(&config.genesis);
        let keypair = config.node_key.keypair();
        let local = config.node_key.peer_id();
        let streams = if config.role == Role::Validator { names.streams() } else { Vec::new() };
        let identity = identify::Config::new(names.identify(), keypair.public())
            .with_agent_version(format!("wattle/{}", env!("CARGO_PKG_VERSION")))
            .with_cache_size(IDENTIFY_CACHE_PEERS)
            .with_hide_listen_addrs(!config.external.is_empty());
        let origins = origins(config);
        let manager = Manager::new(local, &config.limits, RandomState::new().hash_one(local));
        Ok(Self {
            bans: allow_block_list::Behaviour::default(),
            gate: Gate::new(config.limits.gate, origins.clone()),
            door: Door::new(manager, origins),
            limits: connection_limits::Behaviour::new(pending_limits(&config.limits)),
            handshake: request_response::Behaviour::new(
                [(HANDSHAKE, ProtocolSupport::Full)],
                request_response::Config::default()
                    .with_request_timeout(config.limits.handshake_timeout)
                    .with_max_concurrent_streams(2),
            ),
            requests: request_response::Behaviour::with_codec(
                if config.role == Role::Light {
                    Wire::within(Request::light_answer_bytes_max)
                } else {
                    Wire::default()
                },
                [(names.request(), ProtocolSupport::Full)],
                request_response::Config::default()
                    .with_request_timeout(config.limits.request_timeout)
                    .with_max_concurrent_streams(config.limits.requests_per_peer_max.saturating_mul(2)),
            ),
            streams: Streams::new(Arc::clone(shared), events.clone(), streams),
            gossip: Quiet::new(gossip(config, &names)?),
            identify: unless(config.thrifty, || identify::Behaviour::new(identity)),
            ping: unless(config.thrifty, || ping::Behaviour::new(ping_config(config.limits.silence_max))),
            kademlia: kademlia(config.kademlia, local, &names).into(),
            mdns: local_discovery(config.mdns, keypair, false)?.into(),
            mdns_v6: local_discovery(config.mdns, keypair, true)?.into(),
        })
    }

    /// Lets what waits be opened towards a peer: it is no light node.
    pub(crate) fn speak(&mut self, peer: PeerId) {
        // The library greets everybody, also where nothing is subscribed to.
        if self.gossip.topics().next().is_some() {
            self.gossip.speak(peer);
        }
        if let Some(identify) = self.identify.as_mut() {
            identify.speak(peer);
        }
        if let Some(ping) = self.ping.as_mut() {
            ping.speak(peer);
        }
    }
}

/// A protocol that leaves light nodes alone; none on a node that has to be thrifty.
fn unless<B: NetworkBehaviour>(thrifty: bool, protocol: impl FnOnce() -> B) -> Toggle<Quiet<B>> {
    (!thrifty).then(|| Quiet::new(protocol())).into()
}

fn origins(config: &Config) -> Origins {
    let chosen = config.persistent.iter().chain(&config.bootstrap).filter_map(ip_of);
    let chosen = chosen.map(|ip| ip.to_canonical().into());
    Origins::new(chosen.chain(config.shared_addresses.iter().copied()), config.limits.gate.know_local)
}

/// A ping that is not answered in time ends nothing, and the next one follows: whatever a link is busy with, something
/// goes out over it more often than it may be silent. The next one is sent when the time-out and the interval are over,
/// twice within that silence, so that one of them may be lost.
fn ping_config(silence_max: Duration) -> ping::Config {
    ping::Config::new().with_interval(silence_max.saturating_mul(3) / 10).with_timeout(silence_max / 5)
}

/// Limits of connections under construction: nobody is known yet. Of those that stand the manager decides.
fn pending_limits(limits: &Limits) -> ConnectionLimits {
    // Whoever gives way is let go of a moment later, and QUIC is counted apart: only a backstop.
    let quic = u32::try_from(limits.gate.quic_pending_max).unwrap_or(u32::MAX);
    let incoming = limits.connections_pending_max.saturating_mul(2).saturating_add(quic);
    ConnectionLimits::default().with_max_pending_incoming(Some(incoming))
}

/// Gossip: anonymous, named by content, forwarded only after the node's verdict.
fn gossip(config: &Config, names: &Names) -> Result<gossipsub::Behaviour, Error> {
    let settings = gossipsub::ConfigBuilder::default()
        .protocol_id_prefix(names.gossip_prefix())
        .validation_mode(gossipsub::ValidationMode::Anonymous)
        .validate_messages()
        .max_transmit_size(GOSSIP_BYTES_MAX.saturating_add(1024)) // topic and framing come on top
        .message_id_fn(|message| {
            let content = Hash::of(domain::GOSSIP, &[&message.data]);
            gossipsub::MessageId::new(content.as_bytes())
        })
        .duplicate_cache_time(GOSSIP_MEMORY)
        .connection_handler_queue_len(GOSSIP_QUEUE_MAX)
        .build()
        .map_err(|e| failed("gossip settings", &e))?;
    let mut gossip = gossipsub::Behaviour::new(gossipsub::MessageAuthenticity::Anonymous, settings)
        .map_err(|e| failed("gossip", &e))?;
    let topics: Vec<_> =
        [(config.gossip_txs, names.topic_txs()), (config.gossip_headers, names.topic_finalized())]
            .into_iter()
            .filter_map(|(on, topic)| on.then_some(topic))
            .collect();
    let mut score = gossipsub::PeerScoreParams {
        ip_colocation_factor_weight: if config.ip_colocation_penalty { -5.0 } else { 0.0 },
        ..Default::default()
    };
    for topic in &topics {
        score.topics.insert(topic.hash(), topic_score());
    }
    gossip
        .with_peer_score(score, gossipsub::PeerScoreThresholds::default())
        .map_err(|e| failed("gossip scoring", &e))?;
    for topic in &topics {
        gossip.subscribe(topic).map_err(|e| failed("gossip subscription", &e))?;
    }
    Ok(gossip)
}

/// Scores what is wrong with what a peer sends, never how little it sends: a quiet microgrid delivers nothing for
/// minutes, and punishing that would tear the mesh apart.
fn topic_score() -> gossipsub::TopicScoreParams {
    gossipsub::TopicScoreParams {
        mesh_message_deliveries_weight: 0.0,
        mesh_failure_penalty_weight: 0.0,
        invalid_message_deliveries_weight: INVALID_MESSAGE_WEIGHT,
        ..Default::default()
    }
}

fn kademlia(mode: Kademlia, local: PeerId, names: &Names) -> Option<Discovery> {
    let mode = match mode {
        Kademlia::Off => return None,
        Kademlia::Client => kad::Mode::Client,
        Kademlia::Server => kad::Mode::Server,
    };
    let mut settings = kad::Config::new(names.kademlia());
    // Peers are looked up, nothing is stored: records of others are neither kept nor republished. Peers enter the
    // table only when they are connected, speak this chain's protocol and have not been refused.
    settings
        .set_record_filtering(kad::StoreInserts::FilterBoth)
        .set_kbucket_inserts(kad::BucketInserts::Manual)
        .set_publication_interval(None)
        .set_replication_interval(None)
        .set_provider_publication_interval(None);
    let mut behaviour = kad::Behaviour::with_config(local, kad::store::MemoryStore::new(local), settings);
    behaviour.set_mode(Some(mode));
    Some(Discovery::new(behaviour))
}

fn local_discovery(
    on: bool,
    keypair: &identity::Keypair,
    enable_ipv6: bool,
) -> Result<Option<mdns::tokio::Behaviour>, Error> {
    if !on {
        return Ok(None);
    }
    let local = keypair.public().to_peer_id();
    mdns::tokio::Behaviour::new(mdns::Config { enable_ipv6, ..mdns::Config::default() }, local)
        .map(Some)
        .map_err(|e| failed("local discovery", &e))
}

fn failed(part: &'static str, error: &impl ToString) -> Error {
    Error::Build { part, detail: error.to_string() }
}

#[cfg(test)]
#[path = "behaviour_tests.rs"]
mod tests;
