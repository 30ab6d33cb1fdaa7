//! Who is found, where, and who has a place.

use crate::common::*;
use std::sync::Arc;
use wattle_p2p::wire::{Refusal, Role};
use wattle_p2p::{Config, Multiaddr, NetEvent};
use wattle_primitives::*;

async fn start_at(seed: u8, address: &Multiaddr) -> Node {
    let mut settings = config(seed, Role::Full);
    settings.listen = vec![bare(address)];
    Node::start(settings).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_an_address_without_an_id_another_peer_is_taken_when_the_first_is_gone() {
    let first = Node::start(config(10, Role::Full)).await;
    let mut settings = config(11, Role::Full);
    settings.persistent = vec![bare(&first.address)];
    let mut node = Node::start(settings).await;
    node.ready(first.peer()).await;
    first.handle.shutdown().await;
    node.gone(first.peer()).await;
    let second = start_at(12, &first.address).await;
    node.ready(second.peer()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn peers_that_swap_their_addresses_are_both_found() {
    let (one, other) = (Node::start(config(10, Role::Full)).await, Node::start(config(11, Role::Full)).await);
    let mut settings = config(12, Role::Full);
    settings.persistent = vec![one.address.clone(), other.address.clone()];
    let mut node = Node::start(settings).await;
    // In any order.
    eventually(|| node.handle.peers().iter().filter(|p| p.ready).count() == 2).await;
    one.handle.shutdown().await;
    other.handle.shutdown().await;
    eventually(|| node.handle.peers().is_empty()).await;
    while node.events.try_recv().is_ok() {}
    let _nodes = (start_at(10, &other.address).await, start_at(11, &one.address).await);
    let mut missing = vec![one.peer(), other.peer()];
    while !missing.is_empty() {
        let ready = node
            .until(|e| match e {
                NetEvent::PeerReady { peer, .. } => Some(peer),
                _ => None,
            })
            .await;
        missing.retain(|peer| *peer != ready);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_kademlia_hears_of_is_dialed_by_the_manager() {
    let middle = Node::start(config(10, Role::Full)).await;
    let mut settings = config(11, Role::Full);
    settings.persistent = vec![middle.address.clone()];
    let far = Node::start(settings).await;
    // Identified: where it listens is known.
    let known = || middle.handle.peers().iter().any(|p| p.peer == far.peer() && !p.agent.is_empty());
    eventually(known).await;
    let mut settings = config(12, Role::Full);
    settings.bootstrap = vec![middle.address.clone()];
    let mut node = Node::start(settings).await;
    node.ready(far.peer()).await;
}

/// A node with one place for registered meters, one for anybody, and one registered meter: that of seed 40.
fn few_places() -> Config {
    let mut settings = config(0, Role::Full);
    settings.limits.connections_incoming_max = 2;
    settings.limits.connections_validators = 0;
    settings.limits.connections_meters = 1;
    let meter = validator_key(40).public();
    settings.operator_of = Some(Arc::new(move |key| (*key == meter).then_some(Address([1; 32]))));
    settings
}

fn light(seed: u8, home: &Node) -> Config {
    let mut settings = config(seed, Role::Light);
    settings.persistent = vec![home.address.clone()];
    settings
}

async fn refused(node: &mut Node) -> Refusal {
    node.until(|e| match e {
        NetEvent::PeerRefused { refusal, by_peer: true, .. } => Some(refusal),
        NetEvent::PeerReady { peer, .. } => panic!("{peer} is ready"),
        _ => None,
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registered_meter_has_a_place_where_strangers_have_none() {
    let home = Node::start(few_places()).await;
    let mut stranger = Node::start(light(20, &home)).await;
    stranger.ready(home.peer()).await;
    let mut late = Node::start(light(21, &home)).await;
    assert_eq!(refused(&mut late).await, Refusal::Full);
    assert!(!late.handle.peers().iter().any(|p| p.is_banned()), "no fault of either");
    assert!(!home.handle.peers().iter().any(|p| p.is_banned()));
    // A key that is registered nowhere is worth nothing, one of another's light node is a lie.
    let mut settings = light(22, &home);
    settings.meter_proof = Some(proof(22, &genesis()));
    assert_eq!(refused(&mut Node::start(settings).await).await, Refusal::Full);
    let mut settings = light(23, &home);
    settings.meter_proof = Some(proof(40, &genesis()));
    assert_eq!(refused(&mut Node::start(settings).await).await, Refusal::Proof);
    let mut settings = light(40, &home);
    settings.meter_proof = Some(proof(40, &genesis()));
    Node::start(settings).await.ready(home.peer()).await;
    assert!(stranger.events.try_recv().is_err(), "who has a place keeps it");
}
