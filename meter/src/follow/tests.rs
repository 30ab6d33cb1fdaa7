#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::tests::chain::{Lie, SEEDS, TRUST_MS, TestChain, TestPeers, altered, finalize, registered, set};
use crate::tests::life::meter;
use std::sync::atomic::{AtomicUsize, Ordering};
use wattle_p2p::wire::ProvenValue;
use wattle_primitives::state_key::{self, MeterRecord};
use wattle_primitives::{Address, BoundedBytes, TimeMs, View};

const LATER: [u8; 4] = [3, 4, 5, 6];

fn chain(blocks: u64) -> TestChain {
    let mut chain = TestChain::new(&SEEDS, registered(meter(), None));
    for at in 1..=blocks {
        chain.push(Epoch(0), &SEEDS, &SEEDS, at % 3 == 0 || at == blocks);
    }
    chain
}

fn follower(checkpoint: Checkpoint, dir: &Path) -> Follower {
    Follower::open(checkpoint, dir, Arc::new(Clock::start(false).unwrap())).unwrap()
}

#[tokio::test]
async fn the_head_is_followed_and_survives_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let mut source = chain(5);
    let checkpoint = source.checkpoint(&SEEDS);
    let mut node = follower(checkpoint.clone(), dir.path());
    source.push(Epoch(0), &SEEDS, &SEEDS, false); // not final: must not be seen
    let peers = TestPeers::new(source, &SEEDS, 1);
    assert_eq!(node.sync(&peers, peers.peers[0]).await.unwrap(), Height(5));
    assert_eq!(node.sync(&peers, peers.peers[0]).await.unwrap(), Height(5));
    node.save(true).unwrap();
    assert_eq!(follower(checkpoint, dir.path()).head().height, Height(5));
    assert_eq!(saved_head(dir.path()).unwrap().header.height, Height(5));
}

#[tokio::test]
async fn a_header_without_its_own_certificate_is_believed_by_its_path() {
    let dir = tempfile::tempdir().unwrap();
    let source = chain(5);
    let mut node = follower(source.checkpoint(&SEEDS), dir.path());
    let light = source.light(4); // certified through height 5
    assert_eq!(light.path.len(), 1);
    let peers = TestPeers::new(source, &SEEDS, 1);
    node.reach(&peers, peers.peers[0], &light).await.unwrap();
    assert_eq!(node.head().height, Height(4));
}

#[tokio::test]
async fn set_changes_are_followed_through_the_ends_of_epochs() {
    let mut source = chain(4);
    source.push(Epoch(0), &SEEDS, &LATER, true);
    source.push(Epoch(1), &LATER, &LATER, true);
    source.push(Epoch(1), &LATER, &LATER, true);
    source.push(Epoch(2), &LATER, &LATER, true);
    source.push(Epoch(2), &LATER, &[7], true);
    source.push(Epoch(3), &[7], &[7], true);
    let dir = tempfile::tempdir().unwrap();
    let checkpoint = source.checkpoint(&SEEDS);
    let peers = TestPeers::new(source, &SEEDS, 1);
    let mut node = follower(checkpoint.clone(), dir.path());
    assert_eq!(node.sync(&peers, peers.peers[0]).await.unwrap(), Height(10));
    assert_eq!(node.validators, set(&[7]));
    node.save(true).unwrap();
    let again = follower(checkpoint, dir.path());
    assert_eq!((again.head().height, again.validators), (Height(10), set(&[7])));
}

#[tokio::test]
async fn the_last_header_of_an_epoch_is_believed_only_with_the_set_it_names() {
    let mut source = chain(2);
    source.push(Epoch(0), &SEEDS, &LATER, true);
    let dir = tempfile::tempdir().unwrap();
    let mut node = follower(source.checkpoint(&SEEDS), dir.path());
    let light = source.light(3);
    source.push(Epoch(1), &LATER, &LATER, true);
    let peers = TestPeers::new(source, &SEEDS, 1);
    node.reach(&peers, peers.peers[0], &light).await.unwrap();
    assert_eq!((node.head().height, node.validators.clone()), (Height(3), set(&LATER)));
    assert_eq!(node.sync(&peers, peers.peers[0]).await.unwrap(), Height(4));
}

/// Each lie with the question it is told about.
fn lies() -> Vec<(&'static str, Lie)> {
    let light = |change: fn(&TestChain, &mut wire::LightBlock)| -> Lie {
        Box::new(move |chain, _, honest| match honest {
            Response::LightBlock(mut light) => {
                change(chain, &mut light);
                Response::LightBlock(light)
            }
            Response::Proof(mut answer) => {
                change(chain, &mut answer.light);
                Response::Proof(answer)
            }
            other => other,
        })
    };
    vec![
        (
            "too few signers",
            light(|_, l| l.certificate = finalize(&l.header.chain, &l.header, &SEEDS, &[1, 2])),
        ),
        ("another state root", light(|_, l| l.header.state_root = Hash([9; 32]))),
        (
            "a fork signed by strangers",
            light(|_, l| {
                l.header.view = View(900);
                l.certificate = finalize(&l.header.chain, &l.header, &LATER, &LATER);
                l.path = BoundedVec::default();
            }),
        ),
        (
            "a foreign chain",
            light(|_, l| {
                l.header.chain = Hash([5; 32]);
                l.certificate = finalize(&Hash([5; 32]), &l.header, &SEEDS, &SEEDS);
                l.path = BoundedVec::default();
            }),
        ),
        (
            "votes for another block",
            light(|chain, l| l.certificate = finalize(&l.header.chain, &chain.headers[1], &SEEDS, &SEEDS)),
        ),
        ("another answer", Box::new(|_, _, _| Response::Submitted { id: Hash::ZERO })),
    ]
}

#[tokio::test]
async fn no_lie_is_believed_and_an_honest_peer_is_enough() {
    for (name, lie) in lies() {
        let dir = tempfile::tempdir().unwrap();
        let source = chain(5);
        let mut node = follower(source.checkpoint(&SEEDS), dir.path());
        let peers = TestPeers::new(source, &SEEDS, 2);
        let (liar, honest) = (peers.peers[0], peers.peers[1]);
        peers.lies.lock().unwrap().insert(liar, lie);
        let error = node.sync(&peers, liar).await.unwrap_err();
        assert!(error.is_lie(), "{name}: {error:?}");
        let error = node.prove(&peers, liar, &state_key::meter(&meter())).await.unwrap_err();
        assert!(error.is_lie(), "{name}: {error:?}");
        assert_eq!(node.head().height, Height(0), "{name}");
        assert_eq!(node.sync(&peers, honest).await.unwrap(), Height(5), "{name}");
    }
}

/// Goal: what a peer sends beyond what was asked is paid for as well, and no honest one sends it.
#[tokio::test]
async fn an_answer_with_more_than_was_asked_for_is_a_lie() {
    let dir = tempfile::tempdir().unwrap();
    let source = chain(3);
    let mut node = follower(source.checkpoint(&SEEDS), dir.path());
    let peers = TestPeers::new(source, &SEEDS, 1);
    let lie: Lie = Box::new(|_, _, honest| match honest {
        Response::Proof(mut answer) => {
            let mut values = std::mem::take(&mut answer.values).into_inner();
            values.push(values[0].clone());
            answer.values = BoundedVec::new(values).unwrap();
            Response::Proof(answer)
        }
        other => other,
    });
    peers.lies.lock().unwrap().insert(peers.peers[0], lie);
    let error = node.prove(&peers, peers.peers[0], &state_key::meter(&meter())).await.unwrap_err();
    assert!(matches!(error, FollowError::OtherAnswer) && error.is_lie(), "{error:?}");
}

/// Goal: ends of epochs that are known teach nothing, and cost no more than one question: the one about the head.
#[tokio::test]
async fn who_shows_known_ends_of_epochs_again_and_again_lies() {
    let mut source = chain(4);
    source.push(Epoch(0), &SEEDS, &LATER, true);
    let last = source.light(5);
    source.push(Epoch(1), &LATER, &LATER, true);
    // Questions until it is found out: by a node whose head is that end, and by one whose head is above it.
    for (follows_on, asked) in [(false, 2), (true, 1)] {
        let dir = tempfile::tempdir().unwrap();
        let mut node = follower(source.checkpoint(&SEEDS), dir.path());
        let peers = TestPeers::new(source.clone(), &SEEDS, 1);
        let peer = peers.peers[0];
        node.reach(&peers, peer, &last).await.unwrap();
        if follows_on {
            node.sync(&peers, peer).await.unwrap();
        }
        let head = node.head().clone();
        let count = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&count);
        let lie: Lie = Box::new(move |chain, _, honest| match honest {
            Response::LightBlock(mut light) => {
                light.header.height = Height(1_000);
                light.header.validators_hash = Hash([9; 32]);
                light.header.next_validators_hash = Hash([9; 32]);
                Response::LightBlock(light)
            }
            _ => {
                counted.fetch_add(1, Ordering::Relaxed);
                Response::EpochProof(Box::new(chain.epoch_proof(Epoch(0)).unwrap()))
            }
        });
        peers.lies.lock().unwrap().insert(peer, lie);
        let error = node.sync(&peers, peer).await.unwrap_err();
        assert!(matches!(error, FollowError::OtherAnswer) && error.is_lie(), "{error:?}");
        assert_eq!((count.load(Ordering::Relaxed), node.head()), (asked, &head));
    }
}

#[tokio::test]
async fn state_is_believed_only_with_a_proof() {
    let dir = tempfile::tempdir().unwrap();
    let source = chain(3);
    let mut node = follower(source.checkpoint(&SEEDS), dir.path());
    let peers = TestPeers::new(source, &SEEDS, 2);
    let (liar, honest) = (peers.peers[0], peers.peers[1]);
    let key = state_key::meter(&meter());
    let changes: [fn(&mut ProvenValue); 4] = [
        |a| a.value = None,
        |a| a.value = Some(BoundedBytes::new(vec![1, 2, 3]).unwrap()),
        |a| a.proof.path = BoundedVec::default(),
        |a| a.proof.leaf = None,
    ];
    for change in changes {
        let lie: Lie = Box::new(move |_, _, honest| match honest {
            Response::Proof(answer) => altered(answer, change),
            other => other,
        });
        peers.lies.lock().unwrap().insert(liar, lie);
        let error = node.prove(&peers, liar, &key).await.unwrap_err();
        assert!(matches!(error, FollowError::Proof(_)) && error.is_lie(), "{error:?}");
    }
    let record: Option<MeterRecord> = node.prove_record(&peers, honest, key).await.unwrap();
    assert_eq!(record.unwrap().owner, meter());
    let absent = node.prove_record(&peers, honest, state_key::meter(&Address([7; 32]))).await.unwrap();
    assert_eq!(absent, None);
}

#[tokio::test]
async fn a_state_older_than_the_head_is_not_believed() {
    let dir = tempfile::tempdir().unwrap();
    let source = chain(3);
    let old = source.proof(&[&state_key::meter(&meter())], Height(0));
    let mut node = follower(source.checkpoint(&SEEDS), dir.path());
    let peers = TestPeers::new(source, &SEEDS, 2);
    peers.chain.lock().unwrap().push(Epoch(0), &SEEDS, &SEEDS, true);
    node.sync(&peers, peers.peers[0]).await.unwrap();
    let lie: Lie = Box::new(move |_, _, _| Response::Proof(Box::new(old.clone())));
    peers.lies.lock().unwrap().insert(peers.peers[1], lie);
    let error = node.prove(&peers, peers.peers[1], &state_key::meter(&meter())).await.unwrap_err();
    assert!(matches!(error, FollowError::Behind { .. }) && !error.is_lie());
}

#[tokio::test]
async fn nothing_is_believed_after_the_trust_period() {
    let source = chain(3);
    for (beyond_ms, fresh) in [(0i64, true), (5_000, false)] {
        let dir = tempfile::tempdir().unwrap();
        let mut checkpoint = source.checkpoint(&SEEDS);
        let age = Clock::start(false).unwrap().now().0 - checkpoint.header.time_ms.0;
        checkpoint.trust_period_ms =
            TimeMs(if beyond_ms == 0 { TRUST_MS } else { age.checked_sub_signed(beyond_ms).unwrap() });
        let mut node = follower(checkpoint, dir.path());
        let peers = TestPeers::new(source.clone(), &SEEDS, 1);
        let result = node.sync(&peers, peers.peers[0]).await;
        assert_eq!((node.is_fresh(), result.is_ok()), (fresh, fresh), "{result:?}");
        assert!(fresh || result.unwrap_err().is_expired());
    }
}

#[test]
fn a_foreign_or_damaged_saved_head_is_not_used() {
    let dir = tempfile::tempdir().unwrap();
    let source = chain(3);
    let mut node = follower(source.checkpoint(&SEEDS), dir.path());
    node.advance(&source.headers[3], &[], &source.light(3).certificate).unwrap();
    node.save(true).unwrap();
    let path = dir.path().join("head.json");
    let bytes = std::fs::read(&path).unwrap();
    for at in (0..bytes.len()).step_by(7) {
        let mut bad = bytes.clone();
        bad[at] ^= 1;
        std::fs::write(&path, &bad).unwrap();
        assert_eq!(follower(source.checkpoint(&SEEDS), dir.path()).head().height, Height(0), "offset {at}");
    }
    std::fs::write(&path, &bytes).unwrap();
    assert_eq!(follower(source.checkpoint(&SEEDS), dir.path()).head().height, Height(3));
    let mut foreign = TestChain::new(&LATER, registered(meter(), None));
    foreign.push(Epoch(0), &LATER, &LATER, true);
    assert_eq!(follower(foreign.checkpoint(&LATER), dir.path()).head().height, Height(0));
    let mut broken = source.checkpoint(&SEEDS);
    broken.genesis_hash = Hash([1; 32]);
    assert!(Follower::open(broken, dir.path(), Arc::new(Clock::start(false).unwrap())).is_err());
}
