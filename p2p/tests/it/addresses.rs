//! Addresses that a node tells others of itself.

use crate::common::*;
use futures::StreamExt;
use libp2p::{SwarmBuilder, identify, identity, noise, swarm::SwarmEvent, tcp, yamux};
use std::time::Duration;
use tokio::time::timeout;
use wattle_p2p::Multiaddr;
use wattle_p2p::wire::Role;

/// The addresses that a stranger is told.
async fn told_by(node: &Node) -> Vec<Multiaddr> {
    let key = identity::Keypair::ed25519_from_bytes([9; 32]).unwrap();
    let mut stranger = SwarmBuilder::with_existing_identity(key)
        .with_tokio()
        .with_tcp(tcp::Config::default(), noise::Config::new, yamux::Config::default)
        .unwrap()
        .with_behaviour(|key| {
            let protocol = format!("/wattle/{}/1", genesis().short());
            identify::Behaviour::new(identify::Config::new(protocol, key.public()))
        })
        .unwrap()
        .with_swarm_config(|c| c.with_idle_connection_timeout(Duration::from_secs(60)))
        .build();
    stranger.dial(node.address.clone()).unwrap();
    let told = async {
        loop {
            if let SwarmEvent::Behaviour(identify::Event::Received { info, .. }) =
                stranger.select_next_some().await
            {
                return info.listen_addrs;
            }
        }
    };
    timeout(PATIENCE, told).await.expect("in time")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn external_addresses_are_told_in_place_of_those_listened_on() {
    let plain = Node::start(config(0, Role::Full)).await;
    let told = told_by(&plain).await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(plain.address.to_string().starts_with(&told[0].to_string()), "{told:?}");

    let mut settings = config(1, Role::Full);
    let outside: Multiaddr = "/dns4/node.example.org/tcp/8650".parse().unwrap();
    settings.external = vec![outside.clone().with_p2p(node_key(1).peer_id()).unwrap()];
    let behind_nat = Node::start(settings).await;
    assert_eq!(told_by(&behind_nat).await, [outside]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_cannot_be_listened_on_stops_nobody_who_has_another() {
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = format!("/ip4/127.0.0.1/tcp/{}", other.local_addr().unwrap().port());
    let (free, absent) = ("/ip4/127.0.0.1/tcp/0", "/ip4/192.0.2.1/tcp/1");
    for (addresses, refused) in [
        (vec![&*taken], Some(&*taken)),
        (vec![&*taken, free], Some(&*taken)), // it may be this node once more
        (vec![free, &*taken], None),
        (vec![absent, free], None),
    ] {
        let mut settings = config(0, Role::Full);
        settings.listen = addresses.iter().map(|address| address.parse().unwrap()).collect();
        match (wattle_p2p::spawn(settings), refused) {
            (Ok((handle, _)), None) => handle.shutdown().await,
            (Err(error), Some(address)) => {
                let text = error.to_string();
                let system = text.strip_prefix(&format!("cannot listen on {address}: "));
                assert!(
                    system.is_some_and(|s| s.contains("(os error ") && !s.contains("Transport")),
                    "{text}"
                );
            }
            (started, _) => panic!("{addresses:?}: {:?}", started.err()),
        }
    }
}
