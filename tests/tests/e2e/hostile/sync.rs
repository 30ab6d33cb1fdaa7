//! Peers that serve blocks which never were.

use super::peers;
use crate::chain::{Rpc, Wallet, tx_hex};
use crate::network::{Network, Node, ports, same_chain};
use crate::process::{PATIENCE, until, wattle_json};
use serde_json::json;
use std::collections::BTreeSet;
use wattle_node::home::Home;
use wattle_p2p::wire::{Request, Response, Role, SyncBlock};
use wattle_p2p::{Config, Handle, NetEvent, NodeKey, PeerId};
use wattle_primitives::{Block, BoundedVec, Certificate, Hash, Height, Proposal, Round, Signature, Vote};

/// How far beyond the truth liars claim to be.
const BOAST: u64 = 10_000;

/// A way to lie.
#[derive(Clone, Copy, Debug)]
enum Lie {
    /// Real blocks under certificates whose signatures are none.
    Certificate,
    /// Real headers and certificates over bodies of its own.
    Body,
    /// Blocks that follow each other, under certificates of its own.
    Invention,
}

const LIES: [Lie; 3] = [Lie::Certificate, Lie::Body, Lie::Invention];

/// Goal: with three liars and one honest peer a new node gets the true chain and nothing else, and bans the liars.
#[test]
fn three_of_four_sync_peers_lie() {
    let network = Network::lay_out(&["--meters", "0"]);
    let validators = network.start();
    pay(&network, &validators[0]); // so that there are bodies to lie about
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let truth = runtime.block_on(truth(&network));
    assert!(truth.iter().any(|b| !b.block.txs.is_empty()), "there is a payment in the blocks");
    let liars = LIES.map(|lie| runtime.block_on(liar(&network, lie, truth.clone())));

    // The honest node comes last, so that the liars are asked first; until then the victim has liars only.
    let honest_home = network.dir.path().join("honest");
    let honest = full_node(&network, &honest_home, &network.peers);
    let mut told: Vec<String> = liars.iter().map(|(_, address)| address.clone()).collect();
    told.push(honest);
    let victim_home = network.dir.path().join("victim");
    full_node(&network, &victim_home, &told);
    let victim = Node::start(&victim_home);
    let names: BTreeSet<String> = liars.iter().map(|(handle, _)| handle.peer_id().to_string()).collect();
    until("the liars are banned", PATIENCE, || {
        let banned: BTreeSet<String> = peers(&victim)
            .iter()
            .filter(|peer| peer["ban"]["reason"] == "sync")
            .map(|peer| peer["peerId"].as_str().unwrap().to_owned())
            .collect();
        (banned == names).then_some(())
    });
    assert_eq!(victim.rpc.height(), Some(0), "a lie was stored");
    let honest = Node::start(&honest_home);
    let reached = victim.reaches(validators[0].rpc.height().unwrap());
    println!("three liars banned, then {reached} true blocks taken from the one honest peer");
    same_chain(&[&validators[0], &honest, &victim], 1);
    until("program and height of the honest peer are shown, and up to date", PATIENCE, || {
        let height = |p: &serde_json::Value| crate::chain::number(&p["height"]);
        let known = |p: &serde_json::Value| p["agent"].as_str().unwrap().starts_with("wattle/");
        peers(&victim).iter().any(|p| p["connected"] == true && known(p) && height(p) > reached).then_some(())
    });
    let chosen = [victim, honest].into_iter().chain(validators);
    chosen.for_each(|node| node.process.stop());
    runtime.block_on(async {
        for (handle, _) in &liars {
            handle.shutdown().await;
        }
    });
}

fn pay(network: &Network, node: &Node) {
    let dir = network.path();
    let (mut alice, bob) = (Wallet::open(&dir, "alice", 0), Wallet::open(&dir, "bob", 0).address);
    let rpc = Rpc::new(&node.url);
    for _ in 0..3 {
        let tx = alice.transfer(network.chain, bob, 1);
        rpc.ask("tx_submit", json!({ "txHex": tx_hex(&tx) }));
        until("a payment is final", PATIENCE, || rpc.is_final(&tx.id()).then_some(()));
    }
}

/// Lays out a full node; its address.
fn full_node(network: &Network, home: &std::path::Path, peers: &[String]) -> String {
    let port = ports(1).to_string();
    let genesis = network.path().join("genesis.toml");
    let fixed = ["init", "node", "--rpc-port", "0", "--p2p-port", &port];
    let paths = ["--home", home.to_str().unwrap(), "--genesis", genesis.to_str().unwrap()];
    let done = wattle_json(fixed.into_iter().chain(paths).chain(peers.iter().flat_map(|p| ["--peer", p])));
    let home = Home::new(home);
    let mut config = home.config().unwrap();
    for address in &mut config.p2p.listen {
        *address = address.replace("0.0.0.0", "127.0.0.1");
    }
    home.write_config(&config).unwrap();
    format!("/ip4/127.0.0.1/tcp/{port}/p2p/{}", done["peerId"].as_str().unwrap())
}

/// A peer of the test's own that others can dial; its address.
async fn peer(
    chain: Hash,
    seed: u8,
    height: Height,
    dial: &[String],
) -> (Handle, tokio::sync::mpsc::Receiver<NetEvent>, String) {
    let mut config = Config::new(chain, NodeKey::from_seed(&mut [seed; 32]).unwrap(), Role::Full);
    config.listen = vec!["/ip4/127.0.0.1/tcp/0".parse().unwrap()];
    config.persistent = dial.iter().map(|a| a.parse().unwrap()).collect();
    config.height = height;
    let (handle, mut events) = wattle_p2p::spawn(config).unwrap();
    let Some(NetEvent::Listening { address }) = events.recv().await else { panic!("listens first") };
    let address = format!("{address}/p2p/{}", handle.peer_id());
    (handle, events, address)
}

/// The first blocks of the chain, from a validator.
async fn truth(network: &Network) -> Vec<SyncBlock> {
    let (handle, mut events, _) = peer(network.chain, 40, Height(0), &network.peers[..1]).await;
    let validator: PeerId = loop {
        if let Some(NetEvent::PeerReady { peer, .. }) = events.recv().await {
            break peer;
        }
    };
    let wanted = Request::Blocks { from: Height(1), count: 128, bytes: u32::MAX };
    let answer = handle.request(validator, wanted).await.unwrap();
    let Response::Blocks(blocks) = answer else { panic!("{answer:?}") };
    handle.shutdown().await;
    blocks.into_inner()
}

/// A peer that answers every question for blocks with a lie.
async fn liar(network: &Network, lie: Lie, truth: Vec<SyncBlock>) -> (Handle, String) {
    let boast = Height(u64::try_from(truth.len()).unwrap() + BOAST);
    let (handle, mut events, address) = peer(network.chain, 50 + lie as u8, boast, &[]).await;
    let chain = network.chain;
    tokio::spawn(async move {
        while let Some(event) = events.recv().await {
            if let NetEvent::Request { request: Request::Blocks { .. }, responder, .. } = event {
                let blocks = BoundedVec::new(lied(lie, &truth, chain)).unwrap();
                responder.send(Response::Blocks(blocks));
            }
        }
    });
    (handle, address)
}

fn lied(lie: Lie, truth: &[SyncBlock], chain: Hash) -> Vec<SyncBlock> {
    let mut blocks = truth.to_vec();
    match lie {
        Lie::Certificate => {
            for certificate in blocks.iter_mut().filter_map(|b| b.certificate.as_mut()) {
                certificate.signatures =
                    BoundedVec::new(vec![Signature([1; 64]); certificate.signatures.len()]).unwrap();
            }
        }
        Lie::Body => {
            let full = blocks.iter_mut().find(|b| !b.block.txs.is_empty()).unwrap();
            full.block.txs.clear();
        }
        Lie::Invention => {
            let model = blocks.iter().find_map(|b| b.certificate.clone()).unwrap();
            let mut parent = truth[0].block.header.parent;
            for (view, block) in (1..).zip(&mut blocks) {
                *block = invented(&block.block, parent, chain, view, &model);
                parent = block.block.hash();
            }
        }
    }
    blocks
}

/// A block that follows `parent`, with a certificate that names it and proves nothing.
fn invented(model: &Block, parent: Hash, chain: Hash, view: u64, certificate: &Certificate) -> SyncBlock {
    let mut block = model.clone();
    block.header.parent = parent;
    block.header.state_root = Hash([view as u8; 32]);
    block.header.chain = chain;
    let Vote::Finalize(real) = certificate.vote else { panic!("a finalization") };
    let round = Round { epoch: real.round.epoch, view: block.header.view };
    let vote = Vote::Finalize(Proposal { round, parent_view: real.parent_view, block: block.hash() });
    SyncBlock { block, certificate: Some(Certificate { vote, ..certificate.clone() }) }
}
