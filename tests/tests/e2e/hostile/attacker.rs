//! A libp2p program that speaks the protocols by hand, as well or as badly as a test wants.

use futures::{AsyncReadExt, AsyncWriteExt, StreamExt};
use libp2p::{Multiaddr, StreamProtocol, Swarm, SwarmBuilder, identity, noise, tcp, yamux};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use wattle_p2p::PeerId;
use wattle_p2p::framing;
use wattle_p2p::wire::{Hello, HelloAnswer, Role};
use wattle_primitives::{Hash, Height};

/// Longest wait for a step of an attack; a refused attacker goes on without.
const STEP: Duration = Duration::from_secs(60);

/// Who is attacked.
#[derive(Clone)]
pub(super) struct Target {
    pub(super) peer: PeerId,
    pub(super) address: Multiaddr,
    pub(super) chain: Hash,
}

impl Target {
    /// The node at an address that ends in its peer id.
    pub(super) fn new(address: &str, chain: Hash) -> Self {
        let address: Multiaddr = address.parse().unwrap();
        let peer = match address.iter().last() {
            Some(libp2p::multiaddr::Protocol::P2p(peer)) => peer,
            other => panic!("{address} ends in {other:?}"),
        };
        Self { peer, address, chain }
    }

    /// A protocol of the chain, by the end of its name.
    pub(super) fn protocol(&self, name: &str) -> String {
        format!("/wattle/{}/{name}", self.chain.short())
    }
}

/// An identity with a connection. Dropping it closes the connection.
pub(super) struct Attacker {
    control: libp2p_stream::Control,
    target: Target,
    swarm: JoinHandle<()>,
}

impl Drop for Attacker {
    fn drop(&mut self) {
        self.swarm.abort();
    }
}

impl Attacker {
    /// Connects under a new identity.
    pub(super) fn connect(target: &Target) -> Self {
        let key = identity::Keypair::generate_ed25519();
        let mut swarm: Swarm<libp2p_stream::Behaviour> = SwarmBuilder::with_existing_identity(key)
            .with_tokio()
            .with_tcp(tcp::Config::default().nodelay(true), noise::Config::new, yamux::Config::default)
            .unwrap()
            .with_behaviour(|_| libp2p_stream::Behaviour::new())
            .unwrap()
            .with_swarm_config(|c| c.with_idle_connection_timeout(Duration::from_secs(60)))
            .build();
        let mut control = swarm.behaviour().new_control();
        // A node opens a gossip stream of its own, and hears nobody who does not take it.
        let gossip = StreamProtocol::try_from_owned(target.protocol("gossip/1.1.0")).unwrap();
        let mut incoming = control.accept(gossip).unwrap();
        swarm.dial(target.address.clone()).unwrap();
        let swarm = tokio::spawn(async move {
            let mut taken = Vec::new();
            loop {
                tokio::select! {
                    _ = swarm.select_next_some() => {}
                    Some((_, stream)) = incoming.next() => taken.push(stream),
                }
            }
        });
        Self { control, target: target.clone(), swarm }
    }

    /// Opens a stream of a protocol; `None` when the node does not let it.
    pub(super) async fn open(&mut self, name: &str) -> Option<libp2p::Stream> {
        let name = StreamProtocol::try_from_owned(name.to_owned()).unwrap();
        timeout(STEP, self.control.open_stream(self.target.peer, name)).await.ok()?.ok()
    }

    /// Completes the handshake as a full node; whether it was accepted.
    pub(super) async fn greet(&mut self) -> bool {
        let hello = Hello {
            version: wattle_primitives::block::PROTOCOL_VERSION,
            genesis: self.target.chain,
            role: Role::Full,
            validator: None,
            meter: None,
            height: Height(0),
            session: 1,
        };
        let Some(mut stream) = self.open("/wattle/handshake/2").await else { return false };
        let exchange = async {
            framing::write(&mut stream, &hello).await.ok()?;
            framing::read::<HelloAnswer>(&mut stream).await.ok()
        };
        matches!(timeout(STEP, exchange).await, Ok(Some(HelloAnswer::Accept(_))))
    }

    /// Writes bytes to a stream; whether the node still takes them.
    pub(super) async fn write(stream: &mut libp2p::Stream, bytes: &[u8]) -> bool {
        let write = async { stream.write_all(bytes).await.is_ok() && stream.flush().await.is_ok() };
        timeout(STEP, write).await.unwrap_or(false)
    }

    /// Waits a moment for the node to end a stream; whether it did.
    pub(super) async fn ended(stream: &mut libp2p::Stream, limit: Duration) -> bool {
        let mut bytes = [0; 1024];
        let end = async { while stream.read(&mut bytes).await.is_ok_and(|n| n > 0) {} };
        timeout(limit, end).await.is_ok()
    }
}

/// A gossip message in its frame: a length and a protobuf message with one publication.
pub(super) fn publication(topic: &str, data: &[u8]) -> Vec<u8> {
    let message = [field(2, data), field(4, topic.as_bytes())].concat();
    let rpc = field(2, &message);
    [varint(rpc.len()), rpc].concat()
}

fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    [vec![number << 3 | 2], varint(bytes.len()), bytes.to_vec()].concat()
}

/// An unsigned number in groups of seven bits, least significant first.
pub(super) fn varint(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = u8::try_from(number & 0x7f).unwrap();
        number >>= 7;
        if number == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}
