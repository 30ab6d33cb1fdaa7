//! Peers of another chain, liars, and bytes that are no messages.

use crate::common::*;
use futures::{AsyncReadExt, AsyncWriteExt, StreamExt};
use libp2p::{StreamProtocol, Swarm, SwarmBuilder, identity, noise, tcp, yamux};
use std::time::Duration;
use tokio::time::timeout;
use wattle_p2p::wire::{
    Gossip, Hello, HelloAnswer, Refusal, Request, Response, Role, ValidatorMessage, ValidatorProof,
};
use wattle_p2p::{BanReason, GoneReason, Handle, NetEvent, PeerId};
use wattle_primitives::*;

async fn refusal(node: &mut Node) -> (PeerId, Refusal, bool) {
    node.until(|e| match e {
        NetEvent::PeerRefused { peer, refusal, by_peer } => Some((peer, refusal, by_peer)),
        NetEvent::PeerReady { peer, .. } => panic!("{peer} got in"),
        _ => None,
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_foreign_genesis_is_refused_on_both_sides_and_remembered() {
    let mut home = Node::start(config(0, Role::Validator)).await;
    let mut settings = config(1, Role::Full);
    settings.genesis = Hash([8; 32]);
    settings.persistent = vec![home.address.clone()];
    let mut foreign = Node::start(settings).await;
    assert_eq!(refusal(&mut home).await, (foreign.peer(), Refusal::Genesis, false));
    assert_eq!(refusal(&mut foreign).await, (home.peer(), Refusal::Genesis, true));
    eventually(|| home.handle.peers().iter().any(|p| p.is_banned() && p.peer == foreign.peer())).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(home.events.try_recv().is_err(), "it does not try again and again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_validator_proof_must_be_for_this_peer_and_chain() {
    let stolen = proof(5, &genesis()); // made for peer 5
    let elsewhere = proof(1, &Hash([8; 32]));
    for (claimed, want) in
        [(Some(stolen), Refusal::Proof), (Some(elsewhere), Refusal::Proof), (None, Refusal::Role)]
    {
        let mut home = Node::start(config(0, Role::Validator)).await;
        let mut settings = config(1, Role::Validator);
        settings.validator_proof = claimed;
        settings.persistent = vec![home.address.clone()];
        let mut liar = Node::start(settings).await;
        assert_eq!(refusal(&mut home).await, (liar.peer(), want, false));
        assert_eq!(refusal(&mut liar).await, (home.peer(), want, true));
    }
}

/// An attacker's hello, with a valid proof as validator `seed`.
fn hello(validator: Option<ValidatorProof>) -> Hello {
    Hello {
        version: 1,
        genesis: genesis(),
        role: if validator.is_some() { Role::Validator } else { Role::Full },
        validator,
        meter: None,
        height: Height(0),
        session: 1,
    }
}

/// A libp2p program that speaks the protocols by hand.
struct Attacker {
    control: libp2p_stream::Control,
    id: PeerId,
    swarm: tokio::task::JoinHandle<()>,
}

impl Drop for Attacker {
    fn drop(&mut self) {
        self.swarm.abort();
    }
}

impl Attacker {
    fn connect(seed: u8, to: &Node) -> Self {
        let key = identity::Keypair::ed25519_from_bytes([seed; 32]).unwrap();
        let id = key.public().to_peer_id();
        let mut swarm: Swarm<libp2p_stream::Behaviour> = SwarmBuilder::with_existing_identity(key)
            .with_tokio()
            .with_tcp(tcp::Config::default(), noise::Config::new, yamux::Config::default)
            .unwrap()
            .with_behaviour(|_| libp2p_stream::Behaviour::new())
            .unwrap()
            .with_swarm_config(|c| c.with_idle_connection_timeout(Duration::from_secs(60)))
            .build();
        let mut control = swarm.behaviour().new_control();
        // A node opens a gossip stream of its own, and hears nobody who does not take it.
        let gossip = format!("/wattle/{}/gossip/1.1.0", genesis().short());
        let mut incoming = control.accept(StreamProtocol::try_from_owned(gossip).unwrap()).unwrap();
        swarm.dial(to.address.clone()).unwrap();
        let swarm = tokio::spawn(async move {
            let mut taken = Vec::new();
            loop {
                tokio::select! {
                    _ = swarm.select_next_some() => {}
                    Some((_, stream)) = incoming.next() => taken.push(stream),
                }
            }
        });
        Self { control, id, swarm }
    }

    async fn open(&mut self, to: PeerId, name: &str) -> libp2p::Stream {
        self.try_open(to, name).await.unwrap()
    }

    async fn try_open(&mut self, to: PeerId, name: &str) -> Option<libp2p::Stream> {
        let name = StreamProtocol::try_from_owned(name.to_owned()).unwrap();
        timeout(PATIENCE, self.control.open_stream(to, name)).await.ok()?.ok()
    }

    /// Says hello with a valid proof, as validator `seed`, and is welcome.
    async fn greet(&mut self, seed: Option<u8>, to: &Node) {
        let validator = seed.map(|seed| proof(seed, &genesis()));
        self.greet_as(validator, to).await;
    }

    async fn greet_as(&mut self, validator: Option<ValidatorProof>, to: &Node) {
        assert!(matches!(self.say_hello(validator, to).await, HelloAnswer::Accept(_)));
    }

    async fn say_hello(&mut self, validator: Option<ValidatorProof>, to: &Node) -> HelloAnswer {
        let mut stream = self.open(to.peer(), "/wattle/handshake/2").await;
        let bytes = encode(&hello(validator));
        stream.write_all(&u32::try_from(bytes.len()).unwrap().to_le_bytes()).await.unwrap();
        stream.write_all(&bytes).await.unwrap();
        stream.flush().await.unwrap();
        let mut prefix = [0; 4];
        stream.read_exact(&mut prefix).await.unwrap();
        let mut answer = vec![0; usize::try_from(u32::from_le_bytes(prefix)).unwrap()];
        stream.read_exact(&mut answer).await.unwrap();
        decode(&answer).unwrap()
    }

    /// Asks, and reads no more than the first bytes of an answer; nothing to hold when it is `Busy`.
    async fn ask_and_leave(&mut self, to: PeerId, request: &Request) -> Option<libp2p::Stream> {
        let mut stream = self.open(to, &format!("/wattle/{}/request/1", genesis().short())).await;
        stream.write_all(&framed(&encode(request))).await.unwrap();
        stream.flush().await.unwrap();
        let mut prefix = [0; 4];
        timeout(PATIENCE, stream.read_exact(&mut prefix)).await.expect("in time").unwrap();
        let busy = encode(&Response::Busy).len();
        (usize::try_from(u32::from_le_bytes(prefix)).unwrap() > busy).then_some(stream)
    }
}

/// Whether the other side lets go of the stream, and says nothing before.
async fn closed(stream: &mut libp2p::Stream) -> bool {
    timeout(PATIENCE, stream.read(&mut [0])).await.expect("in time").map_or(true, |n| n == 0)
}

fn framed(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).unwrap().to_le_bytes()[..], bytes].concat()
}

async fn banned(node: &mut Node) -> PeerId {
    node.until(|e| match e {
        NetEvent::PeerGone { peer, reason: GoneReason::Banned, .. } => Some(peer),
        NetEvent::ValidatorMessage { message, .. } => panic!("{message:?} got through"),
        _ => None,
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_that_are_no_messages_close_the_stream_and_ban() {
    let vote = encode(&ValidatorMessage::Vote(vote(1)));
    let table: [(&str, Vec<u8>); 5] = [
        ("votes", (1u32 << 30).to_le_bytes().to_vec()), // claims 1 GiB
        ("blocks", u32::MAX.to_le_bytes().to_vec()),
        ("votes", framed(&[0xff; 64])), // garbage
        ("votes", framed(&[])),         // empty
        ("blocks", framed(&vote)),      // a vote where blocks belong
    ];
    for (name, bytes) in table {
        let mut home = Node::start(config(0, Role::Validator)).await;
        let mut attacker = Attacker::connect(1, &home);
        attacker.greet(Some(1), &home).await;
        home.ready(attacker.id).await;
        let mut stream = attacker.open(home.peer(), &format!("/wattle/{}/{name}/1", genesis().short())).await;
        stream.write_all(&bytes).await.unwrap();
        stream.flush().await.unwrap();
        assert_eq!(banned(&mut home).await, attacker.id, "{name} {bytes:02x?}");
        assert!(closed(&mut stream).await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_without_a_proven_key_gets_no_validator_stream() {
    let mut home = Node::start(config(0, Role::Validator)).await;
    let mut attacker = Attacker::connect(9, &home);
    attacker.greet(None, &home).await;
    home.ready(attacker.id).await;
    let frame = encode(&ValidatorMessage::Vote(vote(1)));
    for _ in 0..5 {
        let name = format!("/wattle/{}/votes/1", genesis().short());
        let Some(mut stream) = attacker.try_open(home.peer(), &name).await else { break };
        // Writing may fail already: the stream is dropped as soon as it is seen.
        let _ = stream.write_all(&u32::try_from(frame.len()).unwrap().to_le_bytes()).await;
        let _ = stream.write_all(&frame).await;
        let _ = stream.flush().await;
        assert!(closed(&mut stream).await);
    }
    assert_eq!(banned(&mut home).await, attacker.id);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_is_none_bans() {
    let mut home = Node::start(config(0, Role::Validator)).await;
    let mut attacker = Attacker::connect(9, &home);
    attacker.greet(None, &home).await;
    home.ready(attacker.id).await;
    let mut stream = attacker.open(home.peer(), &format!("/wattle/{}/request/1", genesis().short())).await;
    stream.write_all(&u32::MAX.to_le_bytes()).await.unwrap();
    stream.flush().await.unwrap();
    assert_eq!(banned(&mut home).await, attacker.id);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_say_hello_is_disconnected() {
    let mut settings = config(0, Role::Validator);
    settings.limits.handshake_timeout = Duration::from_secs(1);
    let home = Node::start(settings).await;
    let mut attacker = Attacker::connect(9, &home);
    // Opens a stream, so that the connection stands, and then says nothing. It may have taken too long for that
    // already.
    let votes = format!("/wattle/{}/votes/1", genesis().short());
    if let Some(mut stream) = attacker.try_open(home.peer(), &votes).await {
        assert!(closed(&mut stream).await);
    }
    eventually(|| home.handle.peers().is_empty()).await;
}

/// A gossip message in its frame: a length, and a protobuf message with one publication.
fn publication(topic: &str, data: &[u8]) -> Vec<u8> {
    let field = |number: u8, bytes: &[u8]| {
        assert!(bytes.len() < 1 << 14, "two groups of seven bits");
        let length =
            [u8::try_from(bytes.len() & 0x7f).unwrap() | 0x80, u8::try_from(bytes.len() >> 7).unwrap()];
        [&[number << 3 | 2][..], &length, bytes].concat()
    };
    let rpc = field(2, &[field(2, data), field(4, topic.as_bytes())].concat());
    field(0, &rpc)[1..].to_vec()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gossip_before_the_handshake_is_not_looked_at_and_hides_nothing() {
    let mut home = Node::start(config(0, Role::Validator)).await;
    let message = Gossip::Txs(BoundedVec::new(vec![tx(1, 1)]).unwrap());
    let prefix = format!("/wattle/{}", genesis().short());
    let frame = publication(&format!("{prefix}/txs/1"), &encode(&message));
    let mut stranger = Attacker::connect(9, &home);
    let mut stream = stranger.open(home.peer(), &format!("{prefix}/gossip/1.1.0")).await;
    stream.write_all(&frame).await.unwrap();
    stream.flush().await.unwrap();
    // A request on the same connection is answered after the gossip was read.
    let mut late = stranger.open(home.peer(), &format!("{prefix}/request/1")).await;
    late.write_all(&framed(&encode(&Request::Status))).await.unwrap();
    late.flush().await.unwrap();
    assert!(timeout(PATIENCE, late.read(&mut [0; 8])).await.expect("in time").is_ok(), "busy, not known");
    // The same message from a peer that has said hello is new.
    stranger.greet(None, &home).await;
    home.ready(stranger.id).await;
    stream.write_all(&frame).await.unwrap();
    stream.flush().await.unwrap();
    let from = home
        .until(|e| match e {
            NetEvent::Gossip { peer, message: got, .. } => Some((peer, got)),
            _ => None,
        })
        .await;
    assert_eq!(from, (stranger.id, message));
    assert!(home.events.try_recv().is_err(), "it was looked at once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_says_hello_again_and_again_is_banned() {
    let mut home = Node::start(config(0, Role::Validator)).await;
    let mut attacker = Attacker::connect(9, &home);
    attacker.greet(None, &home).await;
    home.ready(attacker.id).await;
    let frame = framed(&encode(&hello(None)));
    for _ in 0..200 {
        let Some(mut stream) = attacker.try_open(home.peer(), "/wattle/handshake/2").await else { break };
        // Writing may fail already; the answer may be none.
        let _ = stream.write_all(&frame).await;
        let _ = stream.flush().await;
        let _ = timeout(PATIENCE, stream.read(&mut [0; 2048])).await.expect("in time");
    }
    assert_eq!(banned(&mut home).await, attacker.id);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_of_one_network_share_its_places() {
    let mut settings = config(0, Role::Validator);
    settings.limits.strangers_per_network_max = 3;
    settings.limits.gate.know_local = false;
    let home = Node::start(settings).await;
    let mut crowd: Vec<Attacker> = (10..20).map(|seed| Attacker::connect(seed, &home)).collect();
    let mut answers = Vec::new();
    for stranger in &mut crowd {
        answers.push(stranger.say_hello(None, &home).await);
    }
    assert!(answers[..3].iter().all(|answer| matches!(answer, HelloAnswer::Accept(_))));
    assert!(answers[3..].iter().all(|answer| *answer == HelloAnswer::Refuse(Refusal::Full)));
    Attacker::connect(1, &home).greet(Some(1), &home).await; // a validator of the set
    drop(crowd);
    eventually(|| home.handle.peers().is_empty()).await;
    let mut next = Attacker::connect(30, &home);
    next.greet(None, &home).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_speaks_through_one_peer_and_that_is_the_newest() {
    let mut home = Node::start(config(0, Role::Validator)).await;
    let key = validator_key(1).public();
    let mut crowd: Vec<Attacker> = Vec::new();
    for seed in 20..24 {
        let mut next = Attacker::connect(seed, &home);
        next.greet_as(Some(proof_for(1, &next.id, &genesis())), &home).await;
        // The one before goes as soon as the next one has proven the key: before that is ready, or after.
        let older = crowd.last().map(|older| (older.id, Some(key), GoneReason::Displaced));
        let (mut ready, mut gone) = (false, None);
        home.until(|e| {
            match e {
                NetEvent::PeerReady { peer, .. } => ready |= peer == next.id,
                NetEvent::PeerGone { peer, validator, reason } => gone = Some((peer, validator, reason)),
                _ => {}
            }
            (ready && gone == older).then_some(())
        })
        .await;
        let vote = ValidatorMessage::Vote(vote(1));
        eventually(|| home.handle.broadcast(&vote) == Ok(1)).await;
        assert_eq!(home.handle.send(&key, &vote), Ok(()));
        crowd.push(next);
    }
    // Those before stay away for a while, so that two nodes with one key do not take turns with every dial.
    let peers = home.handle.peers();
    let displaced =
        |id| peers.iter().any(|p| p.peer == id && p.ban.is_some_and(|b| b.reason == BanReason::Displaced));
    assert_eq!(crowd.iter().map(|peer| displaced(peer.id)).collect::<Vec<_>>(), [true, true, true, false]);
    // The holder of another key is not concerned.
    let mut other = Attacker::connect(2, &home);
    other.greet(Some(2), &home).await;
    home.ready(other.id).await;
    eventually(|| home.handle.broadcast(&ValidatorMessage::Vote(vote(1))) == Ok(2)).await;
}

/// Lets a node give everybody the same answer.
fn answering(home: Node, answer: &Response) -> Handle {
    let Node { handle, mut events, .. } = home;
    let given = answer.clone();
    tokio::spawn(async move {
        while let Some(event) = events.recv().await {
            if let NetEvent::Request { responder, .. } = event {
                responder.send(given.clone());
            }
        }
    });
    handle
}

fn question_for(bytes: usize) -> Request {
    Request::Blocks { from: Height(1), count: 64, bytes: u32::try_from(bytes).unwrap() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_asks_and_never_reads_is_held_no_more_than_its_part_and_others_are_served() {
    let answer = large_answer();
    let bytes = encode(&answer).len();
    let mut settings = config(0, Role::Full);
    settings.limits.answer_bytes_per_peer_max = bytes * 3 / 2;
    settings.limits.answer_bytes_max = bytes * 5 / 2;
    settings.limits.answer_patience = Duration::MAX;
    let mut home = Node::start(settings).await;
    let mut silent = Vec::new();
    for seed in [9, 10] {
        let mut attacker = Attacker::connect(seed, &home);
        attacker.greet(None, &home).await;
        home.ready(attacker.id).await;
        silent.push(attacker);
    }
    let mut settings = config(11, Role::Light);
    settings.persistent = vec![home.address.clone()];
    let mut reader = Node::start(settings).await;
    reader.ready(home.peer()).await;
    let peer = home.peer();
    let _home = answering(home, &answer);
    let request = question_for(bytes);
    let read = || reader.handle.request(peer, request.clone());
    let mut held = vec![silent[0].ask_and_leave(peer, &request).await.expect("nothing is owed to it yet")];
    for _ in 0..3 {
        assert!(silent[0].ask_and_leave(peer, &request).await.is_none(), "more than its part is held");
    }
    assert_eq!(read().await, Ok(answer.clone()), "another peer is served");
    // The reader's answer counts until it is known to be written.
    let second = async {
        loop {
            if let Some(stream) = silent[1].ask_and_leave(peer, &request).await {
                return stream;
            }
        }
    };
    held.push(timeout(PATIENCE, second).await.expect("in time"));
    assert_eq!(read().await, Ok(Response::Busy), "the two hold all that there is");
    // Their places are free again when they are gone.
    drop((held, silent));
    let served = async {
        loop {
            match read().await {
                Ok(Response::Busy) => tokio::time::sleep(Duration::from_millis(20)).await,
                other => return other,
            }
        }
    };
    assert_eq!(timeout(PATIENCE, served).await.expect("in time"), Ok(answer));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_read_makes_room_for_who_asks() {
    let answer = large_answer();
    let bytes = encode(&answer).len();
    let mut settings = config(0, Role::Full);
    settings.limits.answer_bytes_max = bytes * 5 / 2;
    settings.limits.answer_patience = Duration::ZERO;
    let mut home = Node::start(settings).await;
    let mut silent = Vec::new();
    for seed in [9, 10] {
        let mut attacker = Attacker::connect(seed, &home);
        attacker.greet(None, &home).await;
        home.ready(attacker.id).await;
        silent.push(attacker);
    }
    let mut settings = config(11, Role::Light);
    settings.persistent = vec![home.address.clone()];
    let mut reader = Node::start(settings).await;
    reader.ready(home.peer()).await;
    let peer = home.peer();
    let handle = answering(home, &answer);
    let request = question_for(bytes);
    let mut held = Vec::new();
    for attacker in &mut silent {
        held.push(attacker.ask_and_leave(peer, &request).await.expect("there is room for two"));
    }
    assert_eq!(reader.handle.request(peer, request).await, Ok(answer), "a newcomer is served");
    let ready = |id| handle.peers().iter().any(|p| p.peer == id && p.ready);
    eventually(|| !ready(silent[0].id)).await;
    assert!(ready(silent[1].id), "one was enough");
    assert!(ready(reader.peer()));
}
