//! Nodes for tests.

use libp2p::multiaddr::Protocol;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::timeout;
use wattle_p2p::wire::{LightBlock, Response, Role, SyncBlock, ValidatorMessage, ValidatorProof};
use wattle_p2p::{Config, Handle, Multiaddr, NetEvent, NodeKey, PeerId, spawn};
use wattle_primitives::*;
use wattle_primitives::{Call, call};

/// Longest wait for anything: only a hang takes it, however busy the machine is.
pub(crate) const PATIENCE: Duration = Duration::from_secs(180);

pub(crate) fn genesis() -> Hash {
    Hash([7; 32])
}

pub(crate) fn node_key(seed: u8) -> NodeKey {
    NodeKey::from_seed(&mut [seed; 32]).unwrap()
}

pub(crate) fn validator_key(seed: u8) -> SecretKey {
    SecretKey::from_seed([seed.wrapping_add(100); 32])
}

pub(crate) fn proof(seed: u8, genesis: &Hash) -> ValidatorProof {
    proof_for(seed, &node_key(seed).peer_id(), genesis)
}

/// Proof that validator `seed` signs for any peer that it likes.
pub(crate) fn proof_for(seed: u8, peer: &PeerId, genesis: &Hash) -> ValidatorProof {
    let key = validator_key(seed);
    let bytes = ValidatorProof::signing_bytes(genesis, peer);
    ValidatorProof { key: key.public(), signature: key.sign(&bytes) }
}

/// A configuration that listens on a free loopback port, TCP or QUIC by the seed.
pub(crate) fn config(seed: u8, role: Role) -> Config {
    let mut config = Config::new(genesis(), node_key(seed), role);
    config.listen = vec!["/ip4/127.0.0.1/tcp/0".parse().unwrap()];
    if role == Role::Validator {
        config.validator_proof = Some(proof(seed, &genesis()));
        config.validators = (0..8).map(|s| validator_key(s).public()).collect();
    }
    config
}

pub(crate) struct Node {
    pub(crate) handle: Handle,
    pub(crate) events: mpsc::Receiver<NetEvent>,
    pub(crate) address: Multiaddr,
}

impl Node {
    pub(crate) async fn start(config: Config) -> Self {
        let (handle, mut events) = spawn(config).unwrap();
        let address = match timeout(PATIENCE, events.recv()).await.unwrap().unwrap() {
            NetEvent::Listening { address } => address,
            other => panic!("listens first, got {other:?}"),
        };
        let address = address.with_p2p(handle.peer_id()).unwrap();
        Self { handle, events, address }
    }

    pub(crate) fn peer(&self) -> PeerId {
        self.handle.peer_id()
    }

    /// The next event that `pick` takes; others are passed over.
    pub(crate) async fn until<T>(&mut self, mut pick: impl FnMut(NetEvent) -> Option<T>) -> T {
        let found = async {
            loop {
                let event = self.events.recv().await.expect("network is up");
                if let Some(found) = pick(event) {
                    return found;
                }
            }
        };
        timeout(PATIENCE, found).await.expect("in time")
    }

    pub(crate) async fn ready(&mut self, with: PeerId) {
        self.until(|e| matches!(e, NetEvent::PeerReady { peer, .. } if peer == with).then_some(())).await;
    }

    pub(crate) async fn gone(&mut self, who: PeerId) {
        self.until(|e| matches!(e, NetEvent::PeerGone { peer, .. } if peer == who).then_some(())).await;
    }

    pub(crate) async fn streams_open(&mut self, with: PeerId) {
        self.until(|e| matches!(e, NetEvent::ValidatorConnected { peer, .. } if peer == with).then_some(()))
            .await;
    }

    pub(crate) async fn message(&mut self) -> (PublicKey, ValidatorMessage) {
        self.until(|e| match e {
            NetEvent::ValidatorMessage { from, message, .. } => Some((from, message)),
            _ => None,
        })
        .await
    }
}

/// An address of a node without its id.
pub(crate) fn bare(address: &Multiaddr) -> Multiaddr {
    let mut bare = address.clone();
    bare.pop();
    bare
}

/// Where a node listens, on TCP or UDP.
pub(crate) fn socket(address: &Multiaddr) -> SocketAddr {
    let mut parts = address.iter();
    match (parts.next(), parts.next()) {
        (Some(Protocol::Ip4(ip)), Some(Protocol::Tcp(port) | Protocol::Udp(port))) => (ip, port).into(),
        (Some(Protocol::Ip6(ip)), Some(Protocol::Tcp(port) | Protocol::Udp(port))) => (ip, port).into(),
        _ => panic!("{address}"),
    }
}

/// Polls until `done`.
pub(crate) async fn eventually(mut done: impl FnMut() -> bool) {
    let wait = async {
        while !done() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, wait).await.expect("in time");
}

pub(crate) fn vote(view: u64) -> SignedVote {
    let vote = Vote::Nullify(Round { epoch: Epoch(0), view: View(view) });
    let key = validator_key(0);
    SignedVote { vote, signer: ValidatorIndex(0), signature: key.sign(&vote.signing_bytes(&genesis())) }
}

pub(crate) fn header(height: u64) -> Header {
    Header {
        version: 1,
        chain: genesis(),
        epoch: Epoch(0),
        view: View(height),
        height: Height(height),
        parent: Hash([1; 32]),
        time_ms: TimeMs(1),
        proposer: validator_key(0).public(),
        txs_root: Hash::ZERO,
        state_root: Hash::ZERO,
        receipts_root: Hash::ZERO,
        validators_hash: Hash::ZERO,
        next_validators_hash: Hash::ZERO,
    }
}

pub(crate) fn tx(nonce: u64, padding_calls: usize) -> Tx {
    let call = Call::from(call::token::Burn { asset: AssetId(1), amount: Amount(u128::from(nonce)) });
    let body = TxBody {
        chain: genesis(),
        sender: Address([3; 32]),
        grant: None,
        lane: Lane(0),
        nonce: Nonce(nonce),
        expires_ms: TimeMs(9),
        fee_payer: Address([3; 32]),
        max_fee: Amount(5),
        tip: Amount(0),
        calls: BoundedVec::new(vec![call; padding_calls.max(1)]).unwrap(),
    };
    let key = validator_key(1);
    let signature = key.sign(&body.signing_bytes());
    Tx::new(body, vec![Auth { key: key.public(), signature }]).unwrap()
}

pub(crate) fn certificate(view: u64) -> Certificate {
    Certificate {
        vote: Vote::Nullify(Round { epoch: Epoch(0), view: View(view) }),
        signers: BoundedBytes::new(vec![7]).unwrap(),
        signatures: BoundedVec::new(vec![Signature([9; 64]); 3]).unwrap(),
    }
}

pub(crate) fn light(height: u64) -> LightBlock {
    LightBlock {
        header: header(height),
        certificate: certificate(height),
        path: BoundedVec::new(vec![header(height + 1)]).unwrap(),
    }
}

/// An answer of more than 2 MB: what no connection takes unread.
pub(crate) fn large_answer() -> Response {
    let blocks: Vec<SyncBlock> = (0..64)
        .map(|height| SyncBlock {
            block: Block { header: header(height), txs: (0..20).map(|n| tx(n, 64)).collect() },
            certificate: (height % 2 == 0).then(|| certificate(height)),
        })
        .collect();
    let answer = Response::Blocks(BoundedVec::new(blocks).unwrap());
    assert!(encode(&answer).len() > 2_000_000);
    answer
}
