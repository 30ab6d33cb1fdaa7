//! Nodes that come back, links that are silent or narrow, and both ends dialing at once.

use crate::common::*;
use crate::link::{Link, Manner};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::sync::Barrier;
use tokio::time::timeout;
use wattle_p2p::wire::{Gossip, Role, ValidatorMessage};
use wattle_p2p::{Error, NetEvent, PeerId};
use wattle_primitives::*;

/// Longer than any test: what is to end before does not end by itself.
const HOUR: Duration = Duration::from_secs(3600);

async fn heard(node: &mut Node, want: &Gossip) -> PeerId {
    node.until(|e| match e {
        NetEvent::Gossip { peer, message, .. } if message == *want => Some(peer),
        _ => None,
    })
    .await
}

/// A full node whose link is cut comes back under its identity, while its peer still holds the dead connection.
async fn comes_back_and_is_heard(listen: &str) {
    let mut settings = config(0, Role::Validator);
    settings.listen = vec![listen.parse().unwrap()];
    settings.limits.silence_max = HOUR;
    let mut validator = Node::start(settings).await;
    let link = Link::to(&validator.address, Manner::Plain).await;
    let join = || {
        let mut settings = config(10, Role::Full);
        settings.persistent = vec![link.address.clone()];
        Node::start(settings)
    };
    let mut full = join().await;
    validator.ready(full.peer()).await;
    eventually(|| full.handle.takers() == 1).await;
    for number in 1..=2 {
        link.cut();
        full.handle.shutdown().await;
        full = join().await;
        validator.gone(full.peer()).await;
        validator.ready(full.peer()).await;
        eventually(|| full.handle.takers() == 1).await;
        let payment = Gossip::Txs(BoundedVec::new(vec![tx(number, 1)]).unwrap());
        full.handle.publish(payment.clone()).unwrap();
        assert_eq!(heard(&mut validator, &payment).await, full.peer());
        let header = Gossip::Finalized(Box::new(light(number)));
        validator.handle.publish(header.clone()).unwrap();
        assert_eq!(heard(&mut full, &header).await, validator.peer());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_comes_back_over_tcp_is_heard_though_its_old_connection_looks_alive() {
    comes_back_and_is_heard("/ip4/127.0.0.1/tcp/0").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_comes_back_over_quic_is_heard_though_its_old_connection_looks_alive() {
    comes_back_and_is_heard("/ip4/127.0.0.1/udp/0/quic-v1").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_comes_back_over_ipv6_is_heard_though_its_old_connection_looks_alive() {
    if let Err(error) = std::net::UdpSocket::bind("[::1]:0") {
        eprintln!("skipped: this machine has no loopback address of IPv6: {error}");
        return;
    }
    comes_back_and_is_heard("/ip6/::1/tcp/0").await;
    comes_back_and_is_heard("/ip6/::1/udp/0/quic-v1").await;
}

/// Publishes messages until one is heard. Right after a return a node may not know yet who takes what.
async fn publishes_until_heard(from: &Node, to: &mut Node, message: impl Fn(u64) -> Gossip) {
    let tries = async {
        for number in 1.. {
            let message = message(number);
            from.handle.publish(message.clone()).unwrap();
            if let Ok(peer) = timeout(Duration::from_millis(500), heard(to, &message)).await {
                assert_eq!(peer, from.peer());
                return;
            }
        }
    };
    timeout(PATIENCE, tries).await.expect("in time");
}

/// The process is the same: only its end of the connection is gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_gives_a_dead_link_up_is_heard_though_its_peer_still_holds_the_connection() {
    let mut settings = config(0, Role::Validator);
    settings.limits.silence_max = HOUR;
    let mut validator = Node::start(settings).await;
    let link = Link::to(&validator.address, Manner::Plain).await;
    let mut settings = config(10, Role::Full);
    settings.persistent = vec![link.address.clone()];
    settings.limits.silence_max = Duration::from_secs(3);
    let mut full = Node::start(settings).await;
    validator.ready(full.peer()).await;
    full.ready(validator.peer()).await;
    for round in 1..=2 {
        let before = link.opened();
        link.cut();
        eventually(|| link.opened() > before).await; // the full node alone notices
        publishes_until_heard(&full, &mut validator, |number| {
            Gossip::Txs(BoundedVec::new(vec![tx(round * 1_000 + number, 1)]).unwrap())
        })
        .await;
        publishes_until_heard(&validator, &mut full, |number| {
            Gossip::Finalized(Box::new(light(round * 1_000 + number)))
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_validator_that_comes_back_has_its_streams_again() {
    let mut settings = config(0, Role::Validator);
    settings.limits.silence_max = HOUR;
    let mut first = Node::start(settings).await;
    let link = Link::to(&first.address, Manner::Plain).await;
    let join = || {
        let mut settings = config(1, Role::Validator);
        settings.persistent = vec![link.address.clone()];
        Node::start(settings)
    };
    let mut second = join().await;
    first.streams_open(second.peer()).await;
    for view in 1..=2 {
        link.cut();
        second.handle.shutdown().await;
        second = join().await;
        first.streams_open(second.peer()).await;
        second.streams_open(first.peer()).await;
        first.handle.broadcast(&ValidatorMessage::Vote(vote(view))).unwrap();
        assert_eq!(second.message().await.1, ValidatorMessage::Vote(vote(view)));
        second.handle.broadcast(&ValidatorMessage::Vote(vote(view))).unwrap();
        assert_eq!(first.message().await.1, ValidatorMessage::Vote(vote(view)));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_both_dial_at_once_both_keep_the_same_connection() {
    let mut first = Node::start(config(0, Role::Validator)).await;
    let mut second = Node::start(config(1, Role::Validator)).await;
    let both = Arc::new(Barrier::new(2));
    let to_first = Link::to(&first.address, Manner::Together(Arc::clone(&both))).await;
    let to_second = Link::to(&second.address, Manner::Together(both)).await;
    first.handle.connect(to_second.address.clone()).unwrap();
    second.handle.connect(to_first.address.clone()).unwrap();
    first.streams_open(second.peer()).await;
    second.streams_open(first.peer()).await;
    eventually(|| to_first.opened() + to_second.opened() == 2).await;
    let (kept, other) =
        if first.peer() < second.peer() { (&to_second, &to_first) } else { (&to_first, &to_second) };
    eventually(|| (kept.open(), other.open()) == (1, 0)).await;
    let outbound = |node: &Node| node.handle.peers().first().map(|peer| peer.outbound);
    eventually(|| outbound(&first) == Some(first.peer() < second.peer())).await;
    eventually(|| outbound(&second) == Some(second.peer() < first.peer())).await;
    // Open streams go on over the connection that is left.
    let handles = [first.handle.clone(), second.handle.clone()];
    for (from, to) in handles.iter().zip([&mut second, &mut first]) {
        eventually(|| from.takers() == 1).await;
        let arrived = async {
            loop {
                from.broadcast(&ValidatorMessage::Vote(vote(7))).unwrap();
                if let Ok((_, message)) = timeout(Duration::from_millis(200), to.message()).await {
                    return message;
                }
            }
        };
        assert_eq!(timeout(PATIENCE, arrived).await.unwrap(), ValidatorMessage::Vote(vote(7)));
    }
    assert_eq!(to_first.opened() + to_second.opened(), 2, "nobody had to dial again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_on_which_nothing_comes_ends() {
    let mut settings = config(0, Role::Validator);
    settings.limits.silence_max = Duration::from_secs(2);
    let mut home = Node::start(settings).await;
    let link = Link::to(&home.address, Manner::Plain).await;
    let mut settings = config(10, Role::Full);
    settings.persistent = vec![link.address.clone()];
    settings.limits.silence_max = HOUR;
    let full = Node::start(settings).await;
    home.ready(full.peer()).await;
    link.cut();
    home.gone(full.peer()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_narrow_link_that_is_busy_with_a_large_frame_is_not_dead() {
    const SILENCE: Duration = Duration::from_secs(6);
    let start = |seed, link: Option<&Link>| {
        let mut settings = config(seed, Role::Validator);
        settings.limits.silence_max = SILENCE;
        settings.persistent = link.map(|link| link.address.clone()).into_iter().collect();
        Node::start(settings)
    };
    let mut leader = start(0, None).await;
    let link = Link::to(&leader.address, Manner::Narrow(48)).await;
    let mut voter = start(1, Some(&link)).await;
    leader.streams_open(voter.peer()).await;
    voter.streams_open(leader.peer()).await;
    let block = Block { header: header(1), txs: (0..300).map(|n| tx(n, 64)).collect() };
    let proposal = ValidatorMessage::Proposal { vote: vote(1), block: Box::new(block) };
    assert!(encode(&proposal).len() as u64 > 48 * 1024 * (SILENCE.as_secs() + 2), "it takes longer");
    leader.handle.broadcast(&proposal).unwrap();
    let arrived = voter
        .until(|e| match e {
            NetEvent::PeerGone { .. } => panic!("the link was taken for dead"),
            NetEvent::ValidatorMessage { message, .. } => Some(message),
            _ => None,
        })
        .await;
    assert_eq!(arrived, proposal);
    assert_eq!(link.opened(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn held_dials_make_room_for_a_peer_that_speaks() {
    let mut settings = config(0, Role::Validator);
    settings.limits.handshake_timeout = HOUR;
    settings.limits.silence_max = HOUR;
    settings.limits.connections_pending_max = 4;
    settings.limits.gate.quic_pending_max = 4;
    let mut home = Node::start(settings).await;
    let mut held = Vec::new();
    for _ in 0..60 {
        held.push(TcpStream::connect(socket(&home.address)).await.unwrap());
    }
    let mut settings = config(1, Role::Validator);
    settings.persistent = vec![home.address.clone()];
    let second = Node::start(settings).await;
    home.ready(second.peer()).await;
    let mut bytes = [0; 1024];
    let oldest = &mut held[0];
    let end = async { while oldest.read(&mut bytes).await.is_ok_and(|len| len > 0) {} };
    timeout(PATIENCE, end).await.expect("the oldest is let go of");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn quic_is_off_at_public_addresses_unless_it_is_wanted() {
    let mut settings = config(0, Role::Full);
    settings.listen = vec!["/ip4/0.0.0.0/udp/0/quic-v1".parse().unwrap()];
    let refused = wattle_p2p::spawn(settings.clone()).err();
    assert!(matches!(&refused, Some(Error::QuicPublic { address }) if *address == settings.listen[0]));
    let mut wanted = settings.clone();
    wanted.quic_public = true;
    let node = Node::start(wanted).await;
    assert!(node.address.to_string().contains("quic"), "{}", node.address);
    // Beside TCP it is left out.
    settings.listen.push("/ip4/127.0.0.1/tcp/0".parse().unwrap());
    settings.node_key = node_key(1);
    let node = Node::start(settings).await;
    assert!(node.handle.listen_addrs().iter().all(|address| address.to_string().contains("tcp")));
}
