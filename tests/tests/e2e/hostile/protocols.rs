//! Bytes that are no messages, on every protocol; streams that never end; dials that never lead anywhere; sybils.

use super::attacker::{Attacker, Target, publication, varint};
use super::{GROWTH_MAX, mib, nobody_panicked, peers, resident, validators};
use crate::network::{Network, Node, same_chain};
use crate::process::{PATIENCE, until};
use std::collections::BTreeSet;
use std::io::Write as _;
use std::net::TcpStream;
use std::time::Duration;
use wattle_p2p::wire::{HELLO_BYTES_MAX, REQUEST_BYTES_MAX};

/// Connections that are opened and dropped at once.
const DIALS: usize = 5_000;
/// Identities that want a place.
const SYBILS: usize = 100;

/// Every protocol that a node listens for. Those of the library have no chain in their name.
fn protocols(target: &Target) -> Vec<String> {
    let own = ["votes/1", "blocks/1", "request/1", "gossip/1.1.0", "gossip/1.3.0", "kad/1"];
    let mut all: Vec<String> = own.iter().map(|name| target.protocol(name)).collect();
    all.extend(
        ["/wattle/handshake/2", "/ipfs/ping/1.0.0", "/ipfs/id/1.0.0", "/ipfs/id/push/1.0.0"]
            .map(String::from),
    );
    all
}

/// Bytes that are written to each: claims beyond any limit in both ways of writing lengths, noise, and frames cut
/// short.
fn payloads(target: &Target) -> Vec<Vec<u8>> {
    let gib = 1u32 << 30;
    let noise: Vec<u8> = (0..65_536u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let publication = publication(&target.protocol("txs/1"), &[1; 2000]);
    vec![
        gib.to_le_bytes().to_vec(),
        [&gib.to_le_bytes()[..], &noise].concat(),
        varint(1 << 30),
        [varint(1 << 30), noise.clone()].concat(),
        [&u32::try_from(REQUEST_BYTES_MAX + 1).unwrap().to_le_bytes()[..], &noise, &noise].concat(),
        [&u32::try_from(HELLO_BYTES_MAX).unwrap().to_le_bytes()[..], &noise[..100]].concat(), // cut short
        publication[..publication.len() / 2].to_vec(),
        noise,
    ]
}

/// Goal: whatever is written to whichever protocol, nodes neither crash nor grow, and the chain goes on; strangers in
/// any number do not take the places of validators.
#[test]
fn no_protocol_can_be_abused() {
    let network = Network::lay_out(&["--meters", "0"]);
    let mut nodes = network.start();
    until("validators are connected", PATIENCE, || (validators(&nodes[0]) == 3).then_some(()));
    let before = resident(&nodes[0]);
    let target = Target::new(&network.peers[0], network.chain);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();

    let written = runtime.block_on(abuse(&target));
    println!("{written} abused streams on {} protocols", protocols(&target).len());
    let slow = runtime.block_on(dawdle(&target));
    println!("{slow} streams held open with a byte a second");
    let dialed = dials(&target);
    println!("{dialed} dials dropped");
    let height = nodes[0].rpc.height().unwrap();
    nodes[0].reaches(height + 2);
    let growth = resident(&nodes[0]).saturating_sub(before);
    println!("memory growth: {:.1} MiB", mib(growth));
    assert!(growth <= GROWTH_MAX, "memory grew by {growth} bytes");
    let reasons = until("bans for bad requests and handshakes", PATIENCE, || {
        let of = |peer: &serde_json::Value| peer["ban"]["reason"].as_str().map(str::to_owned);
        let reasons: BTreeSet<String> = peers(&nodes[0]).iter().filter_map(of).collect();
        ["request", "handshake"].iter().all(|reason| reasons.contains(*reason)).then_some(reasons)
    });
    println!("bans for {reasons:?}");

    sybils(&network, &mut nodes, &target, &runtime);
    nobody_panicked(&network.homes);
    nodes.into_iter().for_each(|node| node.process.stop());
}

/// Every payload on every protocol, before and after a good handshake. Returns the number of streams written to.
async fn abuse(target: &Target) -> usize {
    let mut written = 0;
    for name in protocols(target) {
        for payload in payloads(target) {
            for greeted in [false, true] {
                let mut attacker = Attacker::connect(target);
                if greeted {
                    attacker.greet().await;
                }
                let Some(mut stream) = attacker.open(&name).await else { continue };
                Attacker::write(&mut stream, &payload).await;
                Attacker::ended(&mut stream, Duration::from_millis(20)).await;
                written += 1;
            }
        }
    }
    written
}

/// Streams of one connection that say a byte now and then. Returns how many could be opened.
async fn dawdle(target: &Target) -> usize {
    let mut attacker = Attacker::connect(target);
    attacker.greet().await;
    let mut streams = Vec::new();
    for name in protocols(target).iter().cycle().take(200) {
        match attacker.open(name).await {
            Some(stream) => streams.push(stream),
            None => break,
        }
    }
    for _ in 0..3 {
        for stream in &mut streams {
            Attacker::write(stream, &[0]).await;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    streams.len()
}

/// Opens and drops connections, some with a few bytes of noise. Returns how many could be opened.
fn dials(target: &Target) -> usize {
    let port = target.address.iter().find_map(|part| match part {
        libp2p::multiaddr::Protocol::Tcp(port) => Some(port),
        _ => None,
    });
    let address = ("127.0.0.1", port.unwrap());
    let dial = |n: usize| {
        let Ok(mut stream) = TcpStream::connect(address) else { return false };
        if n.is_multiple_of(3) {
            let _ = stream.write_all(&[0x13; 40]); // it may have been closed already
        }
        true
    };
    (0..DIALS).filter(|n| dial(*n)).count()
}

/// Strangers take all places that strangers can have; then a validator comes back and finds its own.
fn sybils(network: &Network, nodes: &mut Vec<Node>, target: &Target, runtime: &tokio::runtime::Runtime) {
    let crowd: Vec<Attacker> = runtime.block_on(async {
        let mut crowd = Vec::new();
        for _ in 0..SYBILS {
            let mut sybil = Attacker::connect(target);
            if sybil.greet().await {
                crowd.push(sybil);
            }
        }
        crowd
    });
    println!("{} of {SYBILS} sybils were let in", crowd.len());
    assert!(!crowd.is_empty());
    until("no sybil has taken a validator's place", PATIENCE, || (validators(&nodes[0]) == 3).then_some(()));
    let returning = nodes.pop().unwrap();
    returning.process.kill();
    until("the validator is missed", PATIENCE, || (validators(&nodes[0]) == 2).then_some(()));
    nodes.push(Node::start(&network.homes[3]));
    until("the validator is back", PATIENCE, || (validators(&nodes[0]) == 3).then_some(()));
    let height = nodes[0].rpc.height().unwrap();
    nodes[3].reaches(height + 2);
    let refs: Vec<&Node> = nodes.iter().collect();
    same_chain(&refs, height);
    drop(crowd);
}
