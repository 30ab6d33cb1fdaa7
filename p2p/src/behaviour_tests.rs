//! First packets of QUIC connections under false addresses, against the whole stack.

#![expect(clippy::expect_used, reason = "tests")]

use super::*;
use crate::config::NodeKey;
use futures::StreamExt;
use libp2p::core::Endpoint;
use libp2p::core::transport::{DialOpts, PortUse};
use libp2p::multiaddr::Protocol;
use libp2p::swarm::{ListenError, SwarmEvent};
use libp2p::{Multiaddr, Transport, quic};
use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout};

/// Connections that are begun and never gone on with.
const FLOOD: usize = 200;
/// How soon one that comes over TCP is let in meanwhile.
const LET_IN: Duration = Duration::from_secs(10);
/// Longest wait for anything else: only a hang takes it.
const PATIENCE: Duration = Duration::from_secs(180);

fn settings(seed: u8) -> Config {
    let node_key = NodeKey::from_seed(&mut [seed; 32]).expect("32 bytes");
    Config::new(Hash([7; 32]), node_key, Role::Full)
}

async fn listen(swarm: &mut Swarm<Behaviour>, address: &str) -> Multiaddr {
    swarm.listen_on(address.parse().expect("an address")).expect("a free port");
    loop {
        if let SwarmEvent::NewListenAddr { address, .. } = swarm.select_next_some().await {
            return address;
        }
    }
}

/// Connections that others have under construction.
fn pending(swarm: &Swarm<Behaviour>) -> u32 {
    swarm.network_info().connection_counters().num_pending_incoming()
}

/// Resident memory of this process in KiB, where the system tells.
fn resident_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}

/// Begins connections with a node under many addresses at which its answers are not read. The packets are those of the
/// library's own dials, sent on from another socket for each: so they are valid, and each is another connection's.
async fn spoof(node: SocketAddr) {
    let between = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a socket");
    let port = between.local_addr().expect("an address").port();
    let to = Multiaddr::from(Ipv4Addr::LOCALHOST).with(Protocol::Udp(port)).with(Protocol::QuicV1);
    let mut dialer = quic::tokio::Transport::new(quic::Config::new(&identity::Keypair::generate_ed25519()));
    for _ in 0..FLOOD {
        let options = DialOpts { role: Endpoint::Dialer, port_use: PortUse::Reuse };
        tokio::spawn(dialer.dial(to.clone(), options).expect("it may be dialed"));
    }
    let mut senders: HashMap<Vec<u8>, UdpSocket> = HashMap::new();
    let mut bytes = [0; 2048];
    loop {
        let (len, _) = between.recv_from(&mut bytes).await.expect("a packet");
        let packet = &bytes[..len];
        // A long header: flags, version, and the name that the connection has at the node, after its length.
        let name = &packet[6..6 + usize::from(packet[5])];
        if !senders.contains_key(name) {
            let host = u8::try_from(senders.len() % 200 + 2).expect("below 202");
            let ip = Ipv4Addr::new(127, 0, 0, host);
            let sender = UdpSocket::bind((ip, 0)).await.expect("an address of this machine");
            senders.insert(name.to_vec(), sender);
        }
        // What is not sent is lost like any packet, and the library sends it again.
        let _ = senders[name].send_to(packet, node).await;
    }
}

#[tokio::test]
async fn first_quic_packets_under_false_addresses_hold_few_places_and_keep_nobody_out_over_tcp() {
    let config = settings(1);
    let (events, _events) = mpsc::channel(8);
    let shared = Arc::new(Shared::new(config.node_key.peer_id(), config.limits.clone(), config.height));
    let mut home = build(&config, &shared, &events).expect("a stack");
    let quic = listen(&mut home, "/ip4/127.0.0.1/udp/0/quic-v1").await;
    let tcp = listen(&mut home, "/ip4/127.0.0.1/tcp/0").await;
    let port = quic.iter().find_map(|part| if let Protocol::Udp(port) = part { Some(port) } else { None });
    let node = SocketAddr::from((Ipv4Addr::LOCALHOST, port.expect("a port")));

    let before = resident_kib();
    let flood = tokio::spawn(spoof(node));
    let places = u32::try_from(config.limits.gate.quic_pending_max).expect("few");
    let (mut taken, mut refused, mut most) = (0u32, 0u32, 0u32);
    let come = async {
        while refused < places && most <= places {
            match home.select_next_some().await {
                SwarmEvent::IncomingConnection { .. } => taken += 1,
                SwarmEvent::IncomingConnectionError { error: ListenError::Denied { .. }, .. } => refused += 1,
                _ => {}
            }
            most = most.max(pending(&home));
        }
    };
    timeout(PATIENCE, come).await.expect("more come than there are places");
    assert_eq!(most, places, "{taken} taken, {refused} refused");

    let mut peer = settings(2);
    peer.persistent = vec![tcp.with_p2p(config.node_key.peer_id()).expect("no other peer's")];
    let begun = Instant::now();
    let _peer = crate::spawn(peer).expect("a node");
    let arrives = async {
        loop {
            if let SwarmEvent::ConnectionEstablished { endpoint, .. } = home.select_next_some().await {
                return endpoint;
            }
        }
    };
    let endpoint = timeout(LET_IN, arrives).await.expect("it is let in");
    assert!(endpoint.is_listener(), "{endpoint:?}");
    println!(
        "of {FLOOD} begun over QUIC {taken} taken, {most} at once; a peer is in over TCP after {:?}, with {} under \
         construction; resident KiB {before:?} before, {:?} now",
        begun.elapsed(),
        pending(&home),
        resident_kib(),
    );
    flood.abort();
}
