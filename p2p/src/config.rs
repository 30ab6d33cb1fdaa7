//! Configuration of the network layer.

use crate::GateLimits;
use crate::wire::{RESPONSE_BYTES_MAX, Role, ValidatorProof};
use ipnet::IpNet;
use libp2p::{Multiaddr, PeerId, identity};
use std::sync::Arc;
use std::time::Duration;
use wattle_primitives::{Address, Hash, Height, PublicKey};

/// Everything [`crate::spawn`] needs.
#[derive(Clone)]
pub struct Config {
    /// Genesis hash: goes into the handshake and, cut to eight hex digits, into every protocol and topic name.
    pub genesis: Hash,
    /// Identity on the network. Not the validator's key, which never comes here.
    pub node_key: NodeKey,
    /// Addresses to listen on; a light node has none. Port 0 takes a free one.
    pub listen: Vec<Multiaddr>,
    /// Addresses told to other peers in place of those listened on. With none, those listened on are told, and those
    /// by which peers of several networks say that they reached this node.
    pub external: Vec<Multiaddr>,
    /// Peers to stay connected with: redialed for ever, exempt from limits on peers. `/p2p/<id>` is optional but
    /// recommended: without it any peer at the address is taken. `/dns4` and `/dns6` names are resolved anew at each
    /// try.
    pub persistent: Vec<Multiaddr>,
    /// Peers from which others are learned through Kademlia; each must end in `/p2p/<id>`.
    pub bootstrap: Vec<Multiaddr>,
    /// Whether to find peers on the local network.
    pub mdns: bool,
    /// Part in peer discovery.
    pub kademlia: Kademlia,
    /// Role of this node.
    pub role: Role,
    /// Binds the validator key to this node's peer id; signed by the node.
    pub validator_proof: Option<ValidatorProof>,
    /// Binds a meter's key to this node's peer id; signed by the light node.
    pub meter_proof: Option<ValidatorProof>,
    /// Tells registered meters from strangers, for the places that are kept for them; `None` knows none.
    pub operator_of: Option<OperatorOf>,
    /// Keys whose proven holders may send and receive validator messages.
    pub validators: Vec<PublicKey>,
    /// Last finalized height, told in handshakes; kept up with [`crate::Handle::set_height`].
    pub height: Height,
    /// Whether to take part in the gossip of transactions.
    pub gossip_txs: bool,
    /// Whether to take part in the gossip of finalized headers.
    pub gossip_headers: bool,
    /// Whether to listen on QUIC at addresses that strangers on the internet reach, too: whoever sends first packets
    /// under false addresses costs the node a signature for each.
    pub quic_public: bool,
    /// Addresses each of which many honest peers may sit behind, such as a village's NAT or a provider's. Loopback,
    /// private networks and the addresses of `persistent` and `bootstrap` need not be named.
    pub shared_addresses: Vec<IpNet>,
    /// Whether many peers behind one address lose score. Only for nodes on the open internet: meters of a village
    /// share one address.
    pub ip_colocation_penalty: bool,
    /// Whether every byte counts, as for a light node that connects for a few seconds over a metered line: no pings, no
    /// identification, requests that leave before the name of their protocol is confirmed, few packets rather than
    /// early ones.
    pub thrifty: bool,
    /// Bounds of everything.
    pub limits: Limits,
}

/// The operator whose registered meter this key signs for, by the state of the chain at present. Asked by the network
/// task, which waits for the answer.
pub type OperatorOf = Arc<dyn Fn(&PublicKey) -> Option<Address> + Send + Sync>;

/// The seed of the node's Ed25519 network identity. Has no `Debug` output of the secret.
#[derive(Clone)]
pub struct NodeKey(identity::Keypair);

/// Part that a node takes in Kademlia.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kademlia {
    /// None: only persistent and local peers.
    Off,
    /// Asks, but is not asked.
    Client,
    /// Asks and answers.
    Server,
}

/// How long a request of a validator or full node may take by default: longer than any node is patient, so that late
/// answers still come.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(120);

/// Bounds. The defaults fit a validator; [`Limits::light`] a light node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most peers, persistent ones not counted.
    pub connections_max: u32,
    /// Most of them that came by themselves: the rest is kept for peers of this node's own choice.
    pub connections_incoming_max: u32,
    /// Of those places, how many are kept for validators of the set.
    pub connections_validators: u32,
    /// Of those places, how many are kept for registered meters, shared out among their operators.
    pub connections_meters: u32,
    /// Most strangers of one network (/24 of IPv4, /48 of IPv6) that have a place at a time. Local and named addresses
    /// have no such share.
    pub strangers_per_network_max: usize,
    /// Most peers that came and have not said yet who they are.
    pub connections_waiting_max: u32,
    /// Most connections with one peer: those that it has left and that look alive from here are among them.
    pub connections_per_peer_max: u32,
    /// Most connections that others have under construction over TCP: the oldest of the network that has most gives way
    /// to a new one. Those over QUIC are counted apart ([`GateLimits::quic_pending_max`]).
    pub connections_pending_max: u32,
    /// Most connections under construction over TCP from one network: a /24 of IPv4, a /48 of IPv6, or one local or
    /// named address.
    pub connections_pending_per_network_max: usize,
    /// Silence after which a TCP connection is dead. Pings are sent so often that a sound one is never silent for as
    /// long.
    pub silence_max: Duration,
    /// Bounds on how often one network may open connections.
    pub gate: GateLimits,
    /// Most requests of one peer under way at once, each way.
    pub requests_per_peer_max: usize,
    /// Most requests under way at once in all, each way. Those of members of the set to this node come on top,
    /// `requests_per_peer_max` of each, and of the registered meters of each operator twice as many.
    pub requests_max: usize,
    /// Requests that one peer may make in a second.
    pub requests_per_second: u32,
    /// Requests that one peer may make at once after a pause.
    pub requests_burst: u32,
    /// Most bytes of answers to one peer that are being made or written: at least one largest answer.
    pub answer_bytes_per_peer_max: usize,
    /// Most bytes of answers that are being made or written for all peers but members of the set.
    pub answer_bytes_max: usize,
    /// How long an answer may be under way before it makes room for others of the same network.
    pub answer_patience: Duration,
    /// How long a request may take, its answer on the wire included; each way, since the library has one time for both.
    pub request_timeout: Duration,
    /// How long the node has to make an answer for a peer.
    pub answer_timeout: Duration,
    /// How long a connection may stay without a completed handshake.
    pub handshake_timeout: Duration,
    /// Most votes and certificates waiting for one validator; the oldest go first.
    pub vote_queue_max: usize,
    /// Most blocks waiting for one validator; the oldest go first.
    pub block_queue_max: usize,
    /// Events that may wait for the node.
    pub events_max: usize,
    /// Commands that may wait for the network task.
    pub commands_max: usize,
    /// Longest pause between two tries to reach a persistent peer; at random up to a quarter more.
    pub redial_max: Duration,
    /// How long a peer that was banned, or follows another chain, is refused.
    pub ban: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 128,
            connections_incoming_max: 112,
            connections_validators: 16,
            connections_meters: 32,
            strangers_per_network_max: 48, // a village of 40 behind one address, and 16 for others
            connections_waiting_max: 32,
            connections_per_peer_max: 4,
            connections_pending_max: 128,
            connections_pending_per_network_max: 64,
            silence_max: Duration::from_secs(20),
            gate: GateLimits::default(),
            requests_per_peer_max: 16,
            requests_max: 256,
            requests_per_second: 200,
            requests_burst: 400,
            answer_bytes_per_peer_max: RESPONSE_BYTES_MAX,
            answer_bytes_max: 8 * RESPONSE_BYTES_MAX,
            answer_patience: Duration::from_secs(15),
            request_timeout: REQUEST_TIMEOUT,
            answer_timeout: Duration::from_secs(10),
            handshake_timeout: Duration::from_secs(10),
            vote_queue_max: 4096,
            block_queue_max: 4,
            events_max: 1024,
            commands_max: 4096,
            redial_max: Duration::from_secs(15),
            ban: Duration::from_secs(300),
        }
    }
}

impl Limits {
    /// Bounds for a light node: few peers, small queues.
    #[must_use]
    pub fn light() -> Self {
        Self {
            connections_max: 8,
            connections_incoming_max: 4,
            connections_validators: 0,
            connections_meters: 0,
            connections_waiting_max: 4,
            connections_pending_max: 8,
            requests_max: 16,
            requests_per_peer_max: 4,
            requests_per_second: 10,
            requests_burst: 20,
            vote_queue_max: 1,
            block_queue_max: 1,
            request_timeout: Duration::from_secs(10),
            events_max: 64,
            commands_max: 64,
            ..Self::default()
        }
    }
}

impl Config {
    /// A node of this role that listens nowhere, with everything else at its default.
    #[must_use]
    pub fn new(genesis: Hash, node_key: NodeKey, role: Role) -> Self {
        Self {
            genesis,
            node_key,
            listen: Vec::new(),
            external: Vec::new(),
            persistent: Vec::new(),
            bootstrap: Vec::new(),
            mdns: false,
            kademlia: if role == Role::Light { Kademlia::Off } else { Kademlia::Server },
            role,
            validator_proof: None,
            meter_proof: None,
            operator_of: None,
            validators: Vec::new(),
            height: Height::ZERO,
            gossip_txs: role != Role::Light,
            gossip_headers: true,
            shared_addresses: Vec::new(),
            quic_public: false,
            ip_colocation_penalty: false,
            thrifty: false,
            limits: if role == Role::Light { Limits::light() } else { Limits::default() },
        }
    }
}

impl NodeKey {
    /// The identity with this seed; `seed` is overwritten with zeros.
    ///
    /// # Errors
    /// Never for 32 bytes; typed all the same, since the library says it may.
    pub fn from_seed(seed: &mut [u8; 32]) -> Result<Self, crate::Error> {
        identity::Keypair::ed25519_from_bytes(seed)
            .map(Self)
            .map_err(|source| crate::Error::NodeKey { detail: source.to_string() })
    }

    /// The name that this identity has on the network.
    #[must_use]
    pub fn peer_id(&self) -> PeerId {
        self.0.public().to_peer_id()
    }

    pub(crate) fn keypair(&self) -> &identity::Keypair {
        &self.0
    }
}

impl std::fmt::Debug for NodeKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "NodeKey({})", self.peer_id())
    }
}
