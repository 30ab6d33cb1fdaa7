//! Questions and answers.

use crate::common::*;
use std::sync::Arc;
use std::time::Duration;
use wattle_p2p::wire::{Request, Response, Role, Status};
use wattle_p2p::{Config, NetEvent, PeerId, RequestError, Responder};
use wattle_primitives::*;

async fn pair(server: impl FnOnce(&mut Config), client: impl FnOnce(&mut Config)) -> (Node, Node) {
    let mut settings = config(10, Role::Full);
    server(&mut settings);
    let server = Node::start(settings).await;
    let mut settings = config(11, Role::Light);
    settings.persistent = vec![server.address.clone()];
    client(&mut settings);
    let mut client = Node::start(settings).await;
    client.ready(server.peer()).await;
    (server, client)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_answer_arrives_whole_and_a_dropped_one_says_busy() {
    let (mut server, client) = pair(|_| {}, |_| {}).await;
    let answer = large_answer();
    let (peer, asker) = (server.peer(), client.handle.clone());
    let asking = tokio::spawn(async move {
        let blocks =
            asker.request(peer, Request::Blocks { from: Height(1), count: 64, bytes: u32::MAX }).await;
        (blocks, asker.request(peer, Request::Status).await)
    });
    for _ in 0..2 {
        let (request, responder) = server
            .until(|e| match e {
                NetEvent::Request { request, responder, .. } => Some((request, responder)),
                _ => None,
            })
            .await;
        match request {
            Request::Blocks { from: Height(1), count: 64, bytes: u32::MAX } => responder.send(answer.clone()),
            Request::Status => drop(responder),
            other => panic!("{other:?}"),
        }
    }
    let (blocks, status) = asking.await.unwrap();
    assert_eq!(blocks, Ok(answer));
    assert_eq!(status, Ok(Response::Busy));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_ends_in_time_or_at_once() {
    let (mut server, mut client) =
        pair(|_| {}, |c| c.limits.request_timeout = Duration::from_millis(300)).await;
    let peer = server.peer();
    assert_eq!(client.handle.request(peer, Request::Status).await, Err(RequestError::Timeout { peer }));
    let stranger = node_key(77).peer_id();
    let refused = client.handle.request(stranger, Request::Status).await;
    assert_eq!(refused, Err(RequestError::NotConnected { peer: stranger }));
    // A peer that goes away ends what is under way.
    let asker = client.handle.clone();
    let asking = tokio::spawn(async move { asker.request(peer, Request::Status).await });
    server.until(|e| matches!(e, NetEvent::Request { .. }).then_some(())).await;
    server.handle.shutdown().await;
    assert!(matches!(
        asking.await.unwrap(),
        Err(RequestError::NotConnected { .. } | RequestError::Timeout { .. } | RequestError::Failed { .. })
            | Ok(Response::Busy)
    ));
    client.until(|e| matches!(e, NetEvent::PeerGone { .. }).then_some(())).await;
    client.handle.shutdown().await;
    assert_eq!(client.handle.request(peer, Request::Status).await, Err(RequestError::Closed));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_no_answer_in_time_says_so_and_who_says_how_far_it_is_is_heard() {
    let (mut server, mut client) =
        pair(|c| c.limits.answer_timeout = Duration::from_millis(300), |_| {}).await;
    let peer = server.peer();
    let asker = client.handle.clone();
    let asking = tokio::spawn(async move {
        let silence = asker.request(peer, Request::Status).await;
        // As often as it takes: on a slow machine an answer may be too late.
        loop {
            match asker.request(peer, Request::Status).await {
                Ok(Response::Busy) => {}
                answer => return (silence, answer),
            }
        }
    });
    let question = |e| match e {
        NetEvent::Request { responder, .. } => Some(responder),
        _ => None,
    };
    let _unanswered = server.until(question).await;
    tokio::spawn(async move {
        while let Some(event) = server.events.recv().await {
            if let NetEvent::Request { responder, .. } = event {
                responder.send(Response::Status(status(Height(7))));
            }
        }
    });
    let (silence, answer) = asking.await.unwrap();
    assert_eq!((silence, answer), (Ok(Response::Busy), Ok(Response::Status(status(Height(7))))));
    let told = client
        .until(|e| match e {
            NetEvent::PeerHeight { peer, height } => Some((peer, height)),
            _ => None,
        })
        .await;
    assert_eq!(told, (peer, Height(7)));
}

fn status(height: Height) -> Status {
    Status { height, hash: Hash::ZERO, epoch: Epoch(0), view: View(1), version: 1, syncing: false }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_asks_too_much_is_told_to_wait() {
    let (mut server, client) = pair(
        |c| {
            c.limits.requests_per_second = 1;
            c.limits.requests_burst = 5;
        },
        |c| c.limits.requests_burst = 1000,
    )
    .await;
    let status = status(Height(1));
    tokio::spawn(async move {
        while let Some(event) = server.events.recv().await {
            if let NetEvent::Request { responder, .. } = event {
                responder.send(Response::Status(status));
            }
        }
    });
    let peer = client.handle.peers()[0].peer;
    let (mut answered, mut busy) = (0, 0);
    // As many as it takes: on a slow machine some come in the second that allows one more.
    while answered < 5 || busy == 0 {
        assert!(answered < 1_000 && busy < 1_000, "{answered} answered, {busy} busy");
        match client.handle.request(peer, Request::Status).await.unwrap() {
            Response::Status(got) => {
                assert_eq!(got, status);
                answered += 1;
            }
            Response::Busy => busy += 1,
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_leave_members_of_the_set_their_places() {
    let mut settings = config(0, Role::Validator);
    settings.limits.requests_max = 2;
    let mut server = Node::start(settings).await;
    let peer = server.peer();
    let join = |seed, role| {
        let mut settings = config(seed, role);
        settings.persistent = vec![server.address.clone()];
        Node::start(settings)
    };
    let (mut stranger, mut member) = (join(11, Role::Light).await, join(1, Role::Validator).await);
    stranger.ready(peer).await;
    member.ready(peer).await;
    for id in [stranger.peer(), member.peer()] {
        eventually(|| server.handle.peers().iter().any(|p| p.peer == id && p.ready)).await;
    }
    let ask =
        |handle: wattle_p2p::Handle| tokio::spawn(async move { handle.request(peer, Request::Heard).await });
    let mut held = Vec::new();
    for _ in 0..2 {
        let asking = ask(stranger.handle.clone());
        held.push((asking, asked_by(&mut server, stranger.peer()).await));
    }
    assert_eq!(ask(stranger.handle.clone()).await.unwrap(), Ok(Response::Busy), "strangers have two places");
    let asking = ask(member.handle.clone());
    let responder = asked_by(&mut server, member.peer()).await;
    assert!(responder.is_for_member());
    responder.send(Response::Status(status(Height(3))));
    assert_eq!(asking.await.unwrap(), Ok(Response::Status(status(Height(3)))), "a member has its own");
    // A place is free again when its question is answered.
    let (asking, responder) = held.remove(0);
    assert!(!responder.is_for_member());
    responder.send(Response::Block(None));
    assert_eq!(asking.await.unwrap(), Ok(Response::Block(None)));
    let asking = ask(stranger.handle.clone());
    asked_by(&mut server, stranger.peer()).await.send(Response::Block(None));
    assert_eq!(asking.await.unwrap(), Ok(Response::Block(None)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_leave_registered_meters_their_places() {
    let mut settings = config(0, Role::Validator);
    settings.limits.requests_max = 1;
    let registered = validator_key(40).public();
    settings.operator_of = Some(Arc::new(move |key| (*key == registered).then_some(Address([1; 32]))));
    let mut server = Node::start(settings).await;
    let peer = server.peer();
    let join = |seed, meter_proof| {
        let mut settings = config(seed, Role::Light);
        settings.persistent = vec![server.address.clone()];
        settings.meter_proof = meter_proof;
        Node::start(settings)
    };
    let (mut stranger, mut meter) = (join(11, None).await, join(40, Some(proof(40, &genesis()))).await);
    stranger.ready(peer).await;
    meter.ready(peer).await;
    for id in [stranger.peer(), meter.peer()] {
        eventually(|| server.handle.peers().iter().any(|p| p.peer == id && p.ready)).await;
    }
    let ask =
        |handle: wattle_p2p::Handle| tokio::spawn(async move { handle.request(peer, Request::Heard).await });
    let held = ask(stranger.handle.clone());
    let holds = asked_by(&mut server, stranger.peer()).await;
    assert_eq!(ask(stranger.handle.clone()).await.unwrap(), Ok(Response::Busy), "strangers have one place");
    let asking = ask(meter.handle.clone());
    let responder = asked_by(&mut server, meter.peer()).await;
    assert!(!responder.is_for_member());
    responder.send(Response::Block(None));
    assert_eq!(asking.await.unwrap(), Ok(Response::Block(None)), "a registered meter has its own");
    holds.send(Response::Block(None));
    assert_eq!(held.await.unwrap(), Ok(Response::Block(None)));
}

/// The next question of a peer that is not asked by itself now and then.
async fn asked_by(server: &mut Node, asker: PeerId) -> Responder {
    server
        .until(|e| match e {
            NetEvent::Request { peer, request: Request::Heard, responder } if peer == asker => {
                Some(responder)
            }
            _ => None,
        })
        .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thrifty_light_node_is_answered_and_left_alone() {
    let (mut server, client) = pair(|_| {}, |c| c.thrifty = true).await;
    let peer = server.peer();
    for known in 0..3 {
        let asker = client.handle.clone();
        let question = Request::Proof { keys: BoundedVec::default(), known: Height(known) };
        let asking = tokio::spawn(async move { asker.request(peer, question).await });
        let responder = server
            .until(|e| match e {
                NetEvent::Request { responder, .. } => Some(responder),
                _ => None,
            })
            .await;
        responder.send(Response::Busy);
        assert_eq!(asking.await.unwrap(), Ok(Response::Busy));
    }
    let known = server.handle.peers();
    let seen = known.iter().find(|seen| seen.peer == client.peer()).unwrap();
    assert!(seen.ready && seen.agent.is_empty() && seen.rtt_us.is_none(), "{seen:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_light_node_takes_no_longer_answer_than_its_question_can_have() {
    let (mut server, client) = pair(|_| {}, |_| {}).await;
    let (peer, asker) = (server.peer(), client.handle.clone());
    let asking =
        tokio::spawn(async move { asker.request(peer, Request::EpochProof { epoch: Epoch(0) }).await });
    let responder = server
        .until(|e| match e {
            NetEvent::Request { responder, .. } => Some(responder),
            _ => None,
        })
        .await;
    responder.send(large_answer());
    assert_eq!(asking.await.unwrap(), Err(RequestError::Garbage { peer }));
}
