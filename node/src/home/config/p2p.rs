//! The peer-to-peer part of the configuration.

use super::super::settings::{Any, Items, settings};
use super::super::{HomeError, multiaddr};
use super::{COUNT_MAX, MEMORY_BYTES_MAX, STEP_MS_MAX, ms};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;
use wattle_chain_spec::{Network, NodeAddress};
use wattle_p2p::wire::{RESPONSE_BYTES_MAX, Role};
use wattle_p2p::{IpNet, Multiaddr, NodeKey};
use wattle_primitives::{Hash, planted};

/// Port for peers when nobody says otherwise.
pub const P2P_PORT: u16 = 8650;
/// Most addresses in a list of one's own.
const ADDRESSES_MAX: usize = 64;
/// Most peers to stay connected with.
const PERSISTENT_MAX: usize = 1000;
/// Most ranges of addresses: each new connection is compared with all.
const RANGES_MAX: usize = 256;
/// Longest ban, in s: a year.
const BAN_S_MAX: u64 = 365 * 24 * 3600;

settings! {
    /// The peer-to-peer network.
    pub struct P2pSection {
        /// Addresses to listen on for peers. For IPv6 too add "/ip6/::/tcp/8650"; for QUIC "/ip4/…/udp/8650/quic-v1" at
        /// an address of the local network.
        listen: Vec<String> = listen_on(P2P_PORT), multiaddrs();
        /// Addresses told to other peers in place of those listened on: behind NAT or a port forward the public
        /// ones. With none, those listened on are told, and those by which peers of three networks reach this node.
        /// Names alone are not enough: who hears of this node from others dials only "/ip4/…" and "/ip6/…".
        external: Vec<String> = Vec::new(), multiaddrs();
        /// Peers to stay connected with, each "/ip4/ADDRESS/tcp/PORT/p2p/ID" or "/dns4/NAME/…": for a validator all
        /// others.
        persistent: Vec<NodeAddress> = Vec::new(), Items {
            max: PERSISTENT_MAX,
            what: "multiaddrs",
            test: is_multiaddr::<NodeAddress>,
        };
        /// Addresses each of which many honest nodes may sit behind, such as a village's NAT or a provider's
        /// (carrier-grade NAT): "203.0.113.7", or a range, "203.0.113.0/24". Private networks and 100.64.0.0/10 need
        /// not be named.
        shared_addresses: Vec<AddressRange> = Vec::new(), ranges();
        /// Whether to find peers on the local network by mDNS, and to be found: "chain" does as the chain's
        /// specification says.
        mdns: Mdns = Mdns::Chain, Any("chain, on or off");
        /// Part in looking peers up on the internet: "server" also answers, "client" only asks. "auto" is "server"
        /// where no peers are listed as persistent, and "off" where they are: who lists peers wants those.
        kademlia: Kademlia = Kademlia::Auto, Any("auto, off, client or server");
        /// Whether to listen on QUIC at addresses that strangers on the internet reach, too: first packets under false
        /// addresses cost the node a signature each.
        quic_public: bool = false, Any("true or false");
        /// Whether many peers behind one address lose score in gossip. Only for nodes that serve no village.
        ip_colocation_penalty: bool = false, Any("true or false");
    }
    sections {
        limits: P2pLimits,
        gate: GateSection,
    }
}

settings! {
    /// Bounds of what peers may take of this node.
    pub struct P2pLimits {
        with standard = wattle_p2p::Limits::default();
        /// Most peers, persistent ones not counted.
        connections_max: u32 = standard.connections_max, 4..=65_536;
        /// Most of them that came by themselves; the rest is kept for peers of this node's own choice. At most
        /// connections_max.
        connections_incoming_max: u32 = standard.connections_incoming_max, 1..=65_536;
        /// Of those places, how many are kept for validators of the set. Below connections_incoming_max, together with
        /// connections_meters.
        connections_validators: u32 = standard.connections_validators, 0..=65_536;
        /// Of those places, how many are kept for registered meters, shared out among their operators.
        connections_meters: u32 = standard.connections_meters, 0..=65_536;
        /// Most strangers of one network (/24 of IPv4, /48 of IPv6) that have a place at a time; a local or shared
        /// address has no such share.
        strangers_per_network_max: usize = standard.strangers_per_network_max, 1..=COUNT_MAX;
        /// Most peers that came and have not said yet who they are.
        connections_waiting_max: u32 = standard.connections_waiting_max, 1..=65_536;
        /// Most connections with one peer: those that it has left and that look alive from here are among them.
        connections_per_peer_max: u32 = standard.connections_per_peer_max, 1..=16;
        /// Most connections that others have under construction over TCP.
        connections_pending_max: u32 = standard.connections_pending_max, 1..=4096;
        /// Most of them from one network, or one local or shared address. At most connections_pending_max.
        connections_pending_per_network_max: usize = standard.connections_pending_per_network_max, 1..=4096;
        /// Silence after which a TCP connection is dead; pings are sent twice as often.
        silence_max_ms: u64 = ms(standard.silence_max), 2000..=STEP_MS_MAX;
        /// Most requests of one peer under way at once, each way. At most requests_max.
        requests_per_peer_max: usize = standard.requests_per_peer_max, 1..=4096;
        /// Most requests under way at once in all, each way.
        requests_max: usize = standard.requests_max, 1..=COUNT_MAX;
        /// Requests that one peer may make in a second.
        requests_per_second: u32 = standard.requests_per_second, 1..=100_000;
        /// Requests that one peer may make at once after a pause.
        requests_burst: u32 = standard.requests_burst, 1..=1_000_000;
        /// Most bytes of answers to one peer that are being written. At most answers_bytes.
        answers_per_peer_bytes: usize = standard.answer_bytes_per_peer_max,
            RESPONSE_BYTES_MAX..=MEMORY_BYTES_MAX;
        /// Most bytes of answers that are being written to all peers but validators of the set.
        answers_bytes: usize = standard.answer_bytes_max, RESPONSE_BYTES_MAX..=MEMORY_BYTES_MAX;
        /// How long an answer may be under way before it makes room for others of the same network.
        answer_patience_ms: u64 = ms(standard.answer_patience), 100..=STEP_MS_MAX;
        /// How long a request may take, its answer on the wire included. On narrow links an answer takes minutes.
        request_timeout_ms: u64 = ms(standard.request_timeout), 1000..=STEP_MS_MAX;
        /// How long this node has to make an answer. At most request_timeout_ms.
        answer_timeout_ms: u64 = ms(standard.answer_timeout), 100..=STEP_MS_MAX;
        /// How long a connection may take to be set up, and how long it may stay without a completed handshake.
        handshake_timeout_ms: u64 = ms(standard.handshake_timeout), 1000..=STEP_MS_MAX;
        /// Most votes and certificates waiting for one validator; the oldest go first.
        vote_queue_max: usize = standard.vote_queue_max, 64..=COUNT_MAX;
        /// Most blocks waiting for one validator; the oldest go first.
        block_queue_max: usize = standard.block_queue_max, 1..=64;
        /// Events of the network that may wait for the node.
        events_max: usize = standard.events_max, 64..=COUNT_MAX;
        /// Orders of the node that may wait for the network.
        commands_max: usize = standard.commands_max, 64..=COUNT_MAX;
        /// Longest pause between two tries to reach a persistent peer; at random up to a quarter more.
        redial_max_ms: u64 = ms(standard.redial_max), 100..=STEP_MS_MAX;
        /// How long a peer that was banned, or follows another chain, is refused.
        ban_s: u64 = standard.ban.as_secs(), 1..=BAN_S_MAX;
    }
}

settings! {
    /// Bounds of how often one network (/24 of IPv4, /48 of IPv6) may open connections.
    pub struct GateSection {
        with standard = wattle_p2p::GateLimits::default();
        /// Connections that one network may open in a second.
        dials_per_second: u32 = standard.dials_per_second, 1..=100_000;
        /// Connections that one network may open at once after a pause.
        dials_burst: u32 = standard.dials_burst, 1..=1_000_000;
        /// As dials_per_second, for each single local or shared address.
        local_dials_per_second: u32 = standard.local_dials_per_second, 1..=100_000;
        /// As dials_burst, for each single local or shared address.
        local_dials_burst: u32 = standard.local_dials_burst, 1..=1_000_000;
        /// Most QUIC connections under construction, whose addresses nobody has proven yet.
        quic_pending_max: usize = standard.quic_pending_max, 1..=4096;
        /// Whether loopback, private networks and 100.64.0.0/10 count as shared addresses. Set it to false where
        /// strangers come from one of them, as behind a load balancer.
        know_local: bool = standard.know_local, Any("true or false");
    }
}

/// Whether to find peers on the local network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mdns {
    /// As the chain's specification says.
    Chain,
    /// The node looks for peers on its own network.
    On,
    /// It does not.
    Off,
}

/// Part in looking peers up on the internet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kademlia {
    /// None where persistent peers are listed, else [`Kademlia::Server`].
    Auto,
    /// Takes no part.
    Off,
    /// Asks, and is not asked.
    Client,
    /// Asks and answers.
    Server,
}

/// An address of the internet protocol, or a range of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressRange(IpNet);

impl AddressRange {
    /// As the library has it.
    #[must_use]
    pub const fn net(self) -> IpNet {
        self.0
    }
}

/// Text that is no [`AddressRange`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no address such as 203.0.113.7 or range such as 203.0.113.0/24 (/8 or narrower for IPv4, /16 for IPv6)"
)]
pub struct AddressRangeError(String);

impl fmt::Display for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for AddressRange {
    type Err = AddressRangeError;
    fn from_str(text: &str) -> Result<Self, AddressRangeError> {
        if let Ok(ip) = text.parse::<IpAddr>() {
            return Ok(Self(ip.to_canonical().into()));
        }
        // A wider one would be no network but a part of the internet. A mapped one would match nothing.
        let narrow = |range: &IpNet| match range {
            IpNet::V4(range) => range.prefix_len() >= 8,
            IpNet::V6(range) => range.prefix_len() >= 16 && range.addr().to_ipv4_mapped().is_none(),
        };
        text.parse()
            .ok()
            .filter(narrow)
            .map(Self)
            .ok_or_else(|| AddressRangeError(text.chars().take(80).collect()))
    }
}

wattle_primitives::serde_text!(AddressRange);

impl P2pSection {
    /// The network of a node with this identity, of a chain with these defaults. The node fills in what it is.
    ///
    /// # Errors
    /// [`HomeError::Multiaddr`].
    pub fn network(&self, chain: &Network, key: NodeKey) -> Result<wattle_p2p::Config, HomeError> {
        type Addresses = Result<Vec<Multiaddr>, HomeError>;
        let listed = |all: &[NodeAddress]| all.iter().map(|a| multiaddr(a.as_str())).collect::<Addresses>();
        let own = |all: &[String]| all.iter().map(|a| multiaddr(a)).collect::<Addresses>();
        let mut network = wattle_p2p::Config::new(Hash::ZERO, key, Role::Full);
        network.listen = own(&self.listen)?;
        network.external = own(&self.external)?;
        network.persistent = listed(&self.persistent)?;
        network.bootstrap = listed(&chain.bootstrap)?;
        network.shared_addresses = self.shared_addresses.iter().map(|range| range.net()).collect();
        network.mdns = match self.mdns {
            Mdns::Chain => chain.mdns,
            Mdns::On => true,
            Mdns::Off => false,
        };
        let lists_peers = !self.persistent.is_empty() && !planted!("kademlia-beside-listed-peers");
        network.kademlia = match self.kademlia {
            Kademlia::Auto if lists_peers => wattle_p2p::Kademlia::Off,
            Kademlia::Auto | Kademlia::Server => wattle_p2p::Kademlia::Server,
            Kademlia::Client => wattle_p2p::Kademlia::Client,
            Kademlia::Off => wattle_p2p::Kademlia::Off,
        };
        network.quic_public = self.quic_public;
        network.ip_colocation_penalty = self.ip_colocation_penalty;
        network.limits = self.limits.limits(self.gate.limits());
        Ok(network)
    }
}

impl P2pLimits {
    fn limits(&self, gate: wattle_p2p::GateLimits) -> wattle_p2p::Limits {
        wattle_p2p::Limits {
            connections_max: self.connections_max,
            connections_incoming_max: self.connections_incoming_max,
            connections_validators: self.connections_validators,
            connections_meters: self.connections_meters,
            strangers_per_network_max: self.strangers_per_network_max,
            connections_waiting_max: self.connections_waiting_max,
            connections_per_peer_max: self.connections_per_peer_max,
            connections_pending_max: self.connections_pending_max,
            connections_pending_per_network_max: self.connections_pending_per_network_max,
            silence_max: Duration::from_millis(self.silence_max_ms),
            gate,
            requests_per_peer_max: self.requests_per_peer_max,
            requests_max: self.requests_max,
            requests_per_second: self.requests_per_second,
            requests_burst: self.requests_burst,
            answer_bytes_per_peer_max: self.answers_per_peer_bytes,
            answer_bytes_max: self.answers_bytes,
            answer_patience: Duration::from_millis(self.answer_patience_ms),
            request_timeout: Duration::from_millis(self.request_timeout_ms),
            answer_timeout: Duration::from_millis(self.answer_timeout_ms),
            handshake_timeout: Duration::from_millis(self.handshake_timeout_ms),
            vote_queue_max: self.vote_queue_max,
            block_queue_max: self.block_queue_max,
            events_max: self.events_max,
            commands_max: self.commands_max,
            redial_max: Duration::from_millis(self.redial_max_ms),
            ban: Duration::from_secs(self.ban_s),
        }
    }
}

impl GateSection {
    fn limits(&self) -> wattle_p2p::GateLimits {
        wattle_p2p::GateLimits {
            dials_per_second: self.dials_per_second,
            dials_burst: self.dials_burst,
            local_dials_per_second: self.local_dials_per_second,
            local_dials_burst: self.local_dials_burst,
            quic_pending_max: self.quic_pending_max,
            know_local: self.know_local,
        }
    }
}

/// Every address of IPv4 of this machine, over TCP.
#[must_use]
pub fn listen_on(port: u16) -> Vec<String> {
    vec![format!("/ip4/0.0.0.0/tcp/{port}")]
}

fn is_multiaddr<T: fmt::Display>(text: &T) -> bool {
    text.to_string().parse::<Multiaddr>().is_ok()
}

fn multiaddrs() -> Items<fn(&String) -> bool> {
    Items {
        max: ADDRESSES_MAX,
        what: "multiaddrs, such as \"/ip4/0.0.0.0/tcp/8650\"",
        test: is_multiaddr::<String>,
    }
}

pub(super) fn ranges() -> Items<fn(&AddressRange) -> bool> {
    Items {
        max: RANGES_MAX,
        what: "addresses or ranges, /8 or narrower for IPv4, /16 or narrower for IPv6",
        test: |_| true, // a range that is none is not read
    }
}
