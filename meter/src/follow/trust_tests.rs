//! When trust ends, how two truths are told from a lie, and what a new checkpoint mends.
#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::tests::chain::{FixedTime, Lie, SEEDS, TestChain, TestPeers, forked, registered};
use crate::tests::life::meter;
use wattle_host::FileError;
use wattle_primitives::state_key;

fn chain(blocks: u64) -> TestChain {
    let mut chain = TestChain::new(&SEEDS, registered(meter(), None));
    (0..blocks).for_each(|_| chain.push(Epoch(0), &SEEDS, &SEEDS, true));
    chain
}

fn follower_at(checkpoint: Checkpoint, dir: &Path, time: &FixedTime) -> Follower {
    Follower::open(checkpoint, dir, Arc::new(Clock::of(1, Box::new(time.clone())))).unwrap()
}

/// A checkpoint at `height` of a chain with one validator set.
fn checkpoint_at(chain: &TestChain, height: usize) -> Checkpoint {
    Checkpoint { header: chain.headers[height].clone(), ..chain.checkpoint(&SEEDS) }
}

/// A peer that answers every question about headers with `light`, whatever height is asked for.
fn insists_on(light: wire::LightBlock) -> Lie {
    Box::new(move |_, request, honest| match request {
        Request::LightBlock { .. } => Response::LightBlock(Box::new(light.clone())),
        _ => honest,
    })
}

#[tokio::test]
async fn trust_ends_one_second_after_the_period_and_not_one_second_before() {
    let source = chain(3);
    let period = source.trust_ms;
    let head_ms = source.headers[0].time_ms.0;
    for (now_ms, believed) in [(head_ms + period - 1000, true), (head_ms + period + 1000, false)] {
        let dir = tempfile::tempdir().unwrap();
        let time = FixedTime::at(now_ms, true);
        let mut node = follower_at(source.checkpoint(&SEEDS), dir.path(), &time);
        assert_eq!(node.doubt().is_none(), believed);
        let peers = TestPeers::new(source.clone(), &SEEDS, 1);
        let synced = node.sync(&peers, peers.peers[0]).await;
        assert_eq!(synced.is_ok(), believed, "{synced:?}");
        assert!(believed || synced.unwrap_err().needs_checkpoint());
        let proven = node.prove(&peers, peers.peers[0], &state_key::meter(&meter())).await;
        assert_eq!(proven.is_ok(), believed, "{proven:?}");
        assert_eq!(peers.blamed.lock().unwrap().len(), 0, "nobody is at fault");
    }
}

#[tokio::test]
async fn trust_that_ends_while_running_ends_for_proofs_of_the_head_too() {
    let dir = tempfile::tempdir().unwrap();
    let source = chain(3);
    let time = FixedTime::at(source.headers[3].time_ms.0, true);
    let mut node = follower_at(source.checkpoint(&SEEDS), dir.path(), &time);
    let peers = TestPeers::new(source.clone(), &SEEDS, 1);
    let key = state_key::meter(&meter());
    node.prove(&peers, peers.peers[0], &key).await.unwrap();
    time.pass(source.trust_ms);
    assert_eq!(node.doubt(), None, "the last moment");
    time.pass(1);
    assert_eq!(node.doubt(), Some(Doubt::Expired { until: node.trusted_until() }));
    assert!(node.prove(&peers, peers.peers[0], &key).await.unwrap_err().is_expired());
    // A fork that is shown now may be the work of validators of long ago: it proves nothing.
    let fork = forked(source.light(3), &SEEDS, &SEEDS);
    peers.lies.lock().unwrap().insert(peers.peers[0], insists_on(fork));
    assert!(node.compare(&peers, peers.peers[0]).await.unwrap_err().is_expired());
    assert!(!dir.path().join("dispute.json").exists());
}

#[tokio::test]
async fn a_second_peer_agrees_knows_nothing_or_lies() {
    let dir = tempfile::tempdir().unwrap();
    let source = chain(4);
    let time = FixedTime::at(source.headers[4].time_ms.0, true);
    let mut node = follower_at(source.checkpoint(&SEEDS), dir.path(), &time);
    let peers = TestPeers::new(source.clone(), &SEEDS, 3);
    let [first, second, third] = peers.peers[..] else { panic!("three peers") };
    assert_eq!(node.compare(&peers, second).await.unwrap(), Comparison::Unknown, "the genesis");
    node.sync(&peers, first).await.unwrap();
    assert_eq!(node.compare(&peers, second).await.unwrap(), Comparison::Agrees);
    let missing: Lie = Box::new(|_, _, _| Response::error(wire::ErrorCode::NotFound, "behind"));
    peers.lies.lock().unwrap().insert(second, missing);
    assert_eq!(node.compare(&peers, second).await.unwrap(), Comparison::Unknown);
    // Two of four signed the other header: no quorum, so it is a lie and not a fork.
    let forgery = forked(source.light(4), &SEEDS, &[1, 2]);
    for lie in [forgery, source.light(3)] {
        peers.lies.lock().unwrap().insert(third, insists_on(lie));
        let error = node.compare(&peers, third).await.unwrap_err();
        assert!(error.is_lie(), "{error:?}");
        assert_eq!(node.doubt(), None, "one peer's lie ends no belief");
    }
}

#[tokio::test]
async fn two_proven_headers_end_belief_over_restarts_until_a_new_checkpoint() {
    let dir = tempfile::tempdir().unwrap();
    let mut source = chain(4);
    let time = FixedTime::at(source.headers[4].time_ms.0, true);
    let mut node = follower_at(source.checkpoint(&SEEDS), dir.path(), &time);
    let peers = TestPeers::new(source.clone(), &SEEDS, 2);
    let (honest, other) = (peers.peers[0], peers.peers[1]);
    node.sync(&peers, honest).await.unwrap();
    peers.lies.lock().unwrap().insert(other, insists_on(forked(source.light(4), &SEEDS, &SEEDS)));
    let error = node.compare(&peers, other).await.unwrap_err();
    assert!(matches!(error, FollowError::Disputed { height: Height(4) }) && !error.is_lie(), "{error:?}");
    let key = state_key::meter(&meter());
    for _ in 0..2 {
        let Some(Doubt::Disputed(dispute)) = node.doubt() else { panic!("{:?}", node.doubt()) };
        assert_eq!((dispute.height, dispute.ours), (Height(4), source.headers[4].hash()));
        assert!(node.prove(&peers, honest, &key).await.unwrap_err().needs_checkpoint());
        peers.chain.lock().unwrap().push(Epoch(0), &SEEDS, &SEEDS, true);
        assert!(node.sync(&peers, honest).await.unwrap_err().needs_checkpoint());
        drop(node);
        node = follower_at(source.checkpoint(&SEEDS), dir.path(), &time);
    }
    source.push(Epoch(0), &SEEDS, &SEEDS, true);
    assert!(matches!(node.reanchor(checkpoint_at(&source, 3), false), Err(AnchorError::Older { .. })));
    node.reanchor(checkpoint_at(&source, 5), false).unwrap();
    assert_eq!((node.doubt(), node.head().height), (None, Height(5)));
    node.prove(&peers, honest, &key).await.unwrap();
    assert_eq!(follower_at(source.checkpoint(&SEEDS), dir.path(), &time).doubt(), None, "for good");
}

#[tokio::test]
async fn a_header_that_does_not_follow_the_head_is_a_fork_when_it_is_proven() {
    let source = chain(4);
    let time = FixedTime::at(source.headers[4].time_ms.0, true);
    for (signing, proven) in [(&SEEDS[..], true), (&SEEDS[..2], false)] {
        let dir = tempfile::tempdir().unwrap();
        let mut node = follower_at(checkpoint_at(&source, 3), dir.path(), &time);
        let mut light = source.light(4);
        light.header.parent = Hash([3; 32]);
        let peers = TestPeers::new(source.clone(), &SEEDS, 1);
        peers.lies.lock().unwrap().insert(peers.peers[0], insists_on(forked(light, &SEEDS, signing)));
        let error = node.sync(&peers, peers.peers[0]).await.unwrap_err();
        assert_eq!((node.doubt().is_some(), error.is_lie()), (proven, !proven), "{error:?}");
        assert_eq!(node.head().height, Height(3));
    }
}

#[test]
fn a_checkpoint_must_be_of_the_chain_not_older_and_fresh() {
    let source = chain(5);
    let time = FixedTime::at(source.headers[5].time_ms.0, true);
    let dir = tempfile::tempdir().unwrap();
    let mut node = follower_at(checkpoint_at(&source, 3), dir.path(), &time);
    let refused = |node: &mut Follower, checkpoint| node.reanchor(checkpoint, false).unwrap_err();
    assert!(matches!(refused(&mut node, checkpoint_at(&source, 2)), AnchorError::Older { .. }));
    let foreign = chain(6);
    let mut foreign = checkpoint_at(&foreign, 6);
    foreign.genesis_hash = Hash([5; 32]);
    foreign.header.chain = foreign.genesis_hash;
    assert!(matches!(refused(&mut node, foreign), AnchorError::Chain { .. }));
    let mut conflict = checkpoint_at(&source, 3);
    conflict.header.state_root = Hash([4; 32]);
    assert!(matches!(refused(&mut node, conflict), AnchorError::Conflict { .. }));
    let mut broken = checkpoint_at(&source, 5);
    broken.validators = crate::tests::chain::set(&[9]);
    assert!(matches!(refused(&mut node, broken), AnchorError::Checkpoint(_)));
    assert_eq!((node.head().height, node.doubt()), (Height(3), None), "nothing has changed");
    let end = source.headers[5].time_ms.0 + source.trust_ms;
    for (now_ms, taken) in [(end + 1000, false), (end - 1000, true)] {
        time.os_ms.store(now_ms, std::sync::atomic::Ordering::Relaxed);
        let result = node.reanchor(checkpoint_at(&source, 5), false);
        assert_eq!(result.is_ok(), taken, "{result:?}");
        assert!(taken || matches!(result, Err(AnchorError::Stale { .. })));
    }
    assert_eq!(node.head().height, Height(5));
    node.reanchor(checkpoint_at(&source, 5), false).unwrap(); // once more does no harm
}

#[test]
fn an_offered_checkpoint_is_taken_once_whole_and_refused_damaged() {
    let source = chain(5);
    let time = FixedTime::at(source.headers[5].time_ms.0, true);
    let dir = tempfile::tempdir().unwrap();
    let mut node = follower_at(source.checkpoint(&SEEDS), dir.path(), &time);
    assert!(!anchor::take(dir.path(), &mut node).unwrap(), "nothing is offered");
    anchor::offer(dir.path(), &checkpoint_at(&source, 4), false).unwrap();
    let path = dir.path().join("anchor.json");
    let whole = std::fs::read(&path).unwrap();
    for at in (0..whole.len()).step_by(97) {
        let mut bad = whole.clone();
        bad[at] ^= 4;
        std::fs::write(&path, &bad).unwrap();
        assert!(!anchor::take(dir.path(), &mut node).unwrap(), "offset {at}");
        assert!(!anchor::is_offered(dir.path()));
    }
    std::fs::write(&path, &whole).unwrap();
    assert!(anchor::take(dir.path(), &mut node).unwrap());
    assert_eq!((node.head().height, anchor::is_offered(dir.path())), (Height(4), false));
    anchor::offer(dir.path(), &checkpoint_at(&source, 2), false).unwrap();
    assert!(matches!(anchor::take(dir.path(), &mut node), Err(AnchorError::Older { .. })));
    assert!(!anchor::is_offered(dir.path()), "a refused one waits no longer");
}

/// Goal: a clock that nobody sets and that stands in 2038 takes trust away only until somebody says that it is wrong.
#[tokio::test]
async fn a_clock_in_the_future_is_overruled_by_the_operator_and_then_by_the_chain() {
    let source = chain(5);
    let dir = tempfile::tempdir().unwrap();
    let time = FixedTime::at(source.headers[5].time_ms.0 + 13 * 365 * 86_400_000, false);
    let mut node = follower_at(source.checkpoint(&SEEDS), dir.path(), &time);
    let peers = TestPeers::new(source.clone(), &SEEDS, 1);
    assert!(node.sync(&peers, peers.peers[0]).await.unwrap_err().is_expired());
    assert!(matches!(node.reanchor(checkpoint_at(&source, 4), false), Err(AnchorError::Stale { .. })));
    anchor::offer(dir.path(), &checkpoint_at(&source, 4), true).unwrap();
    assert!(anchor::take(dir.path(), &mut node).unwrap());
    assert_eq!((node.doubt(), node.is_verified()), (None, false));
    node.sync(&peers, peers.peers[0]).await.unwrap();
    assert_eq!((node.head().height, node.is_verified()), (Height(5), true));
    // Once a header was verified the time is known, and the operator's word does not make an old checkpoint new.
    time.pass(source.trust_ms + 60_000);
    assert!(node.doubt().is_some());
    assert!(matches!(node.reanchor(checkpoint_at(&source, 5), true), Err(AnchorError::Stale { .. })));
}

#[tokio::test]
async fn a_clock_at_1970_trusts_by_the_headers_and_one_that_jumps_back_gives_no_time_back() {
    let source = chain(5);
    let key = state_key::meter(&meter());
    for os_ms in [0, source.headers[5].time_ms.0] {
        let dir = tempfile::tempdir().unwrap();
        let time = FixedTime::at(os_ms, false);
        let mut node = follower_at(source.checkpoint(&SEEDS), dir.path(), &time);
        let peers = TestPeers::new(source.clone(), &SEEDS, 1);
        node.prove(&peers, peers.peers[0], &key).await.unwrap();
        time.pass(source.trust_ms);
        time.os_ms.store(1, std::sync::atomic::Ordering::Relaxed);
        assert_eq!(node.doubt(), None, "the last moment");
        time.mono_ms.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        assert!(node.doubt().is_some(), "the monotonic clock has gone on");
    }
}

#[tokio::test]
async fn a_peer_that_repeats_the_saved_head_has_verified_nothing_unless_it_proves_it() {
    let dir = tempfile::tempdir().unwrap();
    let source = chain(4);
    let time = FixedTime::at(source.headers[4].time_ms.0, true);
    let peers = TestPeers::new(source.clone(), &SEEDS, 1);
    let mut unsigned = source.light(4);
    unsigned.certificate = forked(source.light(4), &SEEDS, &[1, 2]).certificate;
    for (light, verified) in [(unsigned, false), (source.light(4), true)] {
        let mut node = follower_at(checkpoint_at(&source, 4), dir.path(), &time);
        peers.lies.lock().unwrap().insert(peers.peers[0], insists_on(light));
        node.sync(&peers, peers.peers[0]).await.unwrap();
        node.compare(&peers, peers.peers[0]).await.unwrap();
        assert_eq!(node.is_verified(), verified);
    }
}

/// Goal: a full disk makes nothing less proven, and nobody a liar.
#[tokio::test]
async fn a_head_that_cannot_be_saved_is_believed_all_the_same() {
    struct Full(Arc<std::sync::atomic::AtomicU32>);
    impl HeadStore for Full {
        fn load(&self) -> Option<Checkpoint> {
            None
        }
        fn save(&self, _: &Checkpoint) -> Result<(), FileError> {
            self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            Err(FileError::io("write", Path::new("head.json"))(std::io::ErrorKind::StorageFull.into()))
        }
    }
    let source = chain(4);
    let time = FixedTime::at(source.headers[4].time_ms.0, true);
    let (clock, tries) = (Arc::new(Clock::of(1, Box::new(time.clone()))), Arc::default());
    let store = Box::new(Full(Arc::clone(&tries)));
    let mut node = Follower::open_in(source.checkpoint(&SEEDS), store, clock).unwrap();
    let peers = TestPeers::new(source, &SEEDS, 1);
    let key = state_key::meter(&meter());
    for _ in 0..5 {
        assert!(node.prove(&peers, peers.peers[0], &key).await.unwrap().0.is_some());
        peers.chain.lock().unwrap().push(Epoch(0), &SEEDS, &SEEDS, true);
        time.pass(10);
    }
    assert_eq!(tries.load(std::sync::atomic::Ordering::Relaxed), 1, "it is not tried with each header");
    assert!(node.save(true).is_err(), "whoever asks is told");
}

/// Goal: with one peer at a time, the next one still tells whether the last one's header is the chain's.
#[tokio::test]
async fn a_peer_that_names_another_block_at_the_heads_height_has_to_prove_it() {
    let dir = tempfile::tempdir().unwrap();
    let source = chain(3);
    let head = source.light(3);
    let mut node =
        Follower::open(source.checkpoint(&SEEDS), dir.path(), Arc::new(Clock::start(false).unwrap()))
            .unwrap();
    let peers = TestPeers::new(source, &SEEDS, 3);
    let key = state_key::meter(&meter());
    node.prove(&peers, peers.peers[0], &key).await.unwrap();
    assert_eq!((node.agreements(), node.head()), (0, &head.header), "who proved it is no second one");
    node.prove(&peers, peers.peers[1], &key).await.unwrap();
    assert_eq!(node.agreements(), 1);
    let names = |light: Option<wire::LightBlock>| -> Lie {
        Box::new(move |_, request, honest| match (request, honest) {
            (Request::Proof { .. }, Response::Proof(mut answer)) => {
                answer.known = Some(Hash([0xF0; 32]));
                Response::Proof(answer)
            }
            (Request::LightBlock { height: Some(_) }, honest) => {
                light.clone().map_or(honest, |light| Response::LightBlock(Box::new(light)))
            }
            (_, honest) => honest,
        })
    };
    let (liar, other) = (peers.peers[1], peers.peers[2]);
    for light in [None, Some(forked(head.clone(), &SEEDS, &[1, 2]))] {
        peers.lies.lock().unwrap().insert(liar, names(light));
        let error = node.prove(&peers, liar, &key).await.unwrap_err();
        assert!(error.is_lie() && node.doubt().is_none(), "{error:?}");
    }
    peers.lies.lock().unwrap().insert(other, names(Some(forked(head, &SEEDS, &SEEDS))));
    let error = node.prove(&peers, other, &key).await.unwrap_err();
    assert!(matches!(error, FollowError::Disputed { .. }), "{error:?}");
    assert!(matches!(node.doubt(), Some(Doubt::Disputed(_))));
}
