//! Honest nodes.

use crate::common::*;
use std::collections::BTreeSet;
use std::time::Duration;
use wattle_p2p::wire::{Gossip, Role, ValidatorMessage};
use wattle_p2p::{GoneReason, NetEvent, Offence, Penalty, SendError, Verdict};
use wattle_primitives::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_validators_exchange_votes_and_blocks() {
    let mut nodes = Vec::new();
    for seed in 0..4u8 {
        let mut config = config(seed, Role::Validator);
        config.persistent = nodes.iter().map(|n: &Node| n.address.clone()).collect();
        if seed == 3 {
            config.listen = vec!["/ip4/127.0.0.1/udp/0/quic-v1".parse().unwrap()]; // and dials the others by TCP
        }
        nodes.push(Node::start(config).await);
    }
    let peers: Vec<_> = nodes.iter().map(Node::peer).collect();
    for (at, node) in nodes.iter_mut().enumerate() {
        let mut open = BTreeSet::from([peers[at]]);
        while open.len() < 4 {
            open.insert(
                node.until(|e| match e {
                    NetEvent::ValidatorConnected { peer, .. } => Some(peer),
                    _ => None,
                })
                .await,
            );
        }
    }
    // Everyone sends 200 votes, a certificate and a block of several hundred KiB to all others.
    let block = Block { header: header(1), txs: (0..100).map(|n| tx(n, 64)).collect() };
    assert!(encode(&block).len() > 150_000, "{}", encode(&block).len());
    for (at, node) in nodes.iter().enumerate() {
        let proposal = ValidatorMessage::Proposal { vote: vote(at as u64), block: Box::new(block.clone()) };
        assert_eq!(node.handle.broadcast(&proposal), Ok(3));
        for view in 0..200 {
            assert_eq!(node.handle.broadcast(&ValidatorMessage::Vote(vote(view))), Ok(3));
        }
        assert_eq!(node.handle.broadcast(&ValidatorMessage::Certificate(certificate(7))), Ok(3));
    }
    for (at, node) in nodes.iter_mut().enumerate() {
        let (mut votes, mut blocks, mut certificates) = (vec![0u64; 4], BTreeSet::new(), BTreeSet::new());
        while votes.iter().sum::<u64>() < 600 || blocks.len() < 3 || certificates.len() < 3 {
            let (from, message) = node.message().await;
            let sender = (0..4u8).find(|s| validator_key(*s).public() == from).expect("a validator");
            assert_ne!(usize::from(sender), at);
            match message {
                ValidatorMessage::Vote(got) => {
                    let next = &mut votes[usize::from(sender)];
                    assert_eq!(got, vote(*next), "in order, none lost");
                    *next += 1;
                }
                ValidatorMessage::Proposal { vote: by, block: got } => {
                    assert_eq!((by, *got), (vote(u64::from(sender)), block.clone()));
                    assert!(blocks.insert(sender));
                }
                ValidatorMessage::Certificate(got) => {
                    assert_eq!(got, certificate(7));
                    assert!(certificates.insert(sender));
                }
                ValidatorMessage::Links(_) | ValidatorMessage::Heard(_) | ValidatorMessage::Clock(_) => {
                    panic!("nobody sent these")
                }
            }
        }
    }
    // To one only.
    let target = validator_key(2).public();
    nodes[0].handle.send(&target, &ValidatorMessage::Vote(vote(999))).unwrap();
    assert_eq!(nodes[2].message().await, (validator_key(0).public(), ValidatorMessage::Vote(vote(999))));
    let unknown = validator_key(50).public();
    let refused = nodes[0].handle.send(&unknown, &ValidatorMessage::Vote(vote(1)));
    assert_eq!(refused, Err(SendError::NotConnected));
}

fn finalized(height: u64) -> Gossip {
    Gossip::Finalized(Box::new(light(height)))
}

fn txs(number: u64) -> Gossip {
    Gossip::Txs(BoundedVec::new(vec![tx(number, 1)]).unwrap())
}

/// Publishes until something on each topic has come all the way: before, messages find nobody to go to.
async fn meshes_stand(validator: &Node, full: &mut Node, light_node: &mut Node) {
    let arrived = async {
        let (mut headers, mut payments) = (false, false);
        for number in 1_000.. {
            let _ = validator.handle.publish(finalized(number));
            let _ = validator.handle.publish(txs(number));
            tokio::time::sleep(Duration::from_millis(50)).await;
            while let Ok(event) = full.events.try_recv() {
                if let NetEvent::Gossip { peer, id, message } = event {
                    payments |= matches!(message, Gossip::Txs(_));
                    full.handle.gossip_verdict(id, peer, Verdict::Accept).unwrap();
                }
            }
            while let Ok(event) = light_node.events.try_recv() {
                headers |= matches!(event, NetEvent::Gossip { .. });
            }
            if headers && payments {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, arrived).await.expect("in time");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gossip_waits_for_the_verdict_and_reaches_nodes_that_are_no_validators() {
    // validator - full - light: what the light node hears has passed the full node's verdict.
    let mut validator = Node::start(config(0, Role::Validator)).await;
    let mut settings = config(10, Role::Full);
    settings.persistent = vec![validator.address.clone()];
    let mut full = Node::start(settings).await;
    let mut settings = config(11, Role::Light);
    settings.persistent = vec![full.address.clone()];
    let mut light_node = Node::start(settings).await;
    full.ready(validator.peer()).await;
    validator.ready(full.peer()).await;
    light_node.ready(full.peer()).await;
    meshes_stand(&validator, &mut full, &mut light_node).await;

    let sent = [finalized(1), txs(1), finalized(2)];
    for message in &sent {
        validator.handle.publish(message.clone()).unwrap();
    }
    let mut seen = Vec::new();
    while seen.len() < 3 {
        let (peer, id, message) = full
            .until(|e| match e {
                NetEvent::Gossip { peer, id, message } => Some((peer, id, message)),
                _ => None,
            })
            .await;
        let verdict = if message == finalized(1) { Verdict::Ignore } else { Verdict::Accept };
        full.handle.gossip_verdict(id, peer, verdict).unwrap();
        if sent.contains(&message) {
            seen.push(message);
        }
    }
    assert!(seen.contains(&txs(1)));
    let heard = light_node
        .until(|e| match e {
            NetEvent::Gossip { message, .. } if sent.contains(&message) => Some(message),
            _ => None,
        })
        .await;
    assert_eq!(heard, finalized(2), "neither the ignored header nor transactions");
    assert_eq!(
        validator.handle.broadcast(&ValidatorMessage::Vote(vote(1))),
        Ok(0),
        "a full node is no validator"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_takes_transactions_is_counted() {
    let mut validator = Node::start(config(0, Role::Validator)).await;
    let address = validator.address.clone();
    let join = |seed, role| {
        let mut settings = config(seed, role);
        settings.persistent = vec![address.clone()];
        Node::start(settings)
    };
    let light_node = join(11, Role::Light).await;
    validator.ready(light_node.peer()).await;
    let full = join(10, Role::Full).await;
    validator.ready(full.peer()).await;
    eventually(|| validator.handle.takers() == 1).await;
    full.handle.shutdown().await;
    // The light node is there still.
    eventually(|| validator.handle.takers() == 0).await;
    assert_eq!(validator.handle.peers().iter().filter(|peer| peer.ready).count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restarted_peer_is_reached_again_and_streams_reopen() {
    let mut second = Node::start(config(1, Role::Validator)).await;
    let mut settings = config(0, Role::Validator);
    settings.persistent = vec![second.address.clone()];
    let mut first = Node::start(settings).await;
    for _ in 0..2 {
        first.streams_open(second.peer()).await;
        second.streams_open(first.peer()).await;
        first.handle.broadcast(&ValidatorMessage::Vote(vote(3))).unwrap();
        assert_eq!(second.message().await.1, ValidatorMessage::Vote(vote(3)));
        second.handle.shutdown().await;
        let peer = second.peer();
        let reason = first
            .until(|e| match e {
                NetEvent::PeerGone { peer: gone, reason, .. } if gone == peer => Some(reason),
                _ => None,
            })
            .await;
        assert_eq!(reason, GoneReason::Closed);
        assert!(first.handle.peers().is_empty());
        assert_eq!(second.handle.report(peer, Penalty::Light, Offence::Vote), Err(SendError::Closed));
        let mut settings = config(1, Role::Validator);
        settings.listen = vec![wattle_p2p::Multiaddr::clone(&second.address)];
        settings.listen[0].pop();
        second = Node::start(settings).await;
    }
    first.streams_open(second.peer()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_newest_votes_win_when_the_reader_stalls() {
    let mut settings = config(1, Role::Validator);
    settings.limits.events_max = 8;
    let mut slow = Node::start(settings).await;
    let mut settings = config(0, Role::Validator);
    settings.persistent = vec![slow.address.clone()];
    settings.limits.vote_queue_max = 100;
    let mut fast = Node::start(settings).await;
    fast.streams_open(slow.peer()).await;

    const SENT: u64 = 40_000; // more than all buffers between the two hold
    for view in 1..=SENT {
        fast.handle.broadcast(&ValidatorMessage::Vote(vote_unsigned(view))).unwrap();
        if view % 1000 == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    let (mut last, mut count) = (0, 0u64);
    while last < SENT {
        let (_, message) = slow.message().await;
        let ValidatorMessage::Vote(vote) = message else { panic!("only votes were sent") };
        assert!(vote.vote.round().view.0 > last, "order is kept");
        last = vote.vote.round().view.0;
        count += 1;
    }
    assert!(count < SENT, "old votes were dropped, {count} came");
}

fn vote_unsigned(view: u64) -> SignedVote {
    SignedVote {
        vote: Vote::Nullify(Round { epoch: Epoch(0), view: View(view) }),
        signer: ValidatorIndex(0),
        signature: Signature([1; 64]),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_validator_set_decides_who_has_streams() {
    let mut second = Node::start(config(1, Role::Validator)).await;
    let mut settings = config(0, Role::Validator);
    settings.persistent = vec![second.address.clone()];
    settings.validators = vec![]; // the second is not in the set yet
    let mut first = Node::start(settings).await;
    first.ready(second.peer()).await;
    assert_eq!(first.handle.broadcast(&ValidatorMessage::Vote(vote(1))), Ok(0));
    // The second knows the first already and has opened its streams, which are not read here.
    second.ready(first.peer()).await;
    first.handle.set_validators(vec![validator_key(1).public()]).unwrap();
    first.streams_open(second.peer()).await;
    second.handle.broadcast(&ValidatorMessage::Vote(vote(1))).unwrap();
    eventually(|| {
        second.handle.broadcast(&ValidatorMessage::Vote(vote(2))).unwrap();
        matches!(first.events.try_recv(), Ok(NetEvent::ValidatorMessage { .. }))
    })
    .await;
    assert!(first.handle.peers().iter().all(|p| p.score == 0 && !p.is_banned()), "nobody did wrong");
    first.handle.set_validators(vec![]).unwrap();
    eventually(|| first.handle.broadcast(&ValidatorMessage::Vote(vote(1))) == Ok(0)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ban_disconnects_refuses_and_ends() {
    let mut second = Node::start(config(1, Role::Validator)).await;
    let mut settings = config(0, Role::Validator);
    settings.persistent = vec![second.address.clone()];
    settings.limits.ban = Duration::from_secs(5);
    let mut first = Node::start(settings).await;
    first.ready(second.peer()).await;
    second.ready(first.peer()).await;
    let peer = second.peer();
    for _ in 0..4 {
        first.handle.report(peer, Penalty::Heavy, Offence::Vote).unwrap();
    }
    eventually(|| first.handle.peers().iter().any(|p| p.peer == peer && p.ready && p.score >= 79)).await;
    first.handle.report(peer, Penalty::Heavy, Offence::Vote).unwrap();
    let reason = first
        .until(|e| match e {
            NetEvent::PeerGone { reason, .. } => Some(reason),
            _ => None,
        })
        .await;
    assert_eq!(reason, GoneReason::Banned);
    assert!(first.handle.peers().iter().any(|p| p.peer == peer && p.is_banned() && !p.ready));
    // It ends, and the peer is dialed again.
    first.ready(peer).await;
    assert!(first.handle.peers().iter().any(|p| p.peer == peer && !p.is_banned() && p.ready));
}
