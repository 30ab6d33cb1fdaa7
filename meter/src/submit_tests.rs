#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::sensor::Energy;
use crate::testchain::{TestChain, TestPeers, registered};
use std::path::Path;
use wattle_primitives::reading::{RegisterEncoding, Words};
use wattle_primitives::state_key::LastReading;
use wattle_primitives::{Epoch, SecretKey, WattHours};

const SEEDS: [u8; 4] = [1, 2, 3, 4];

struct Bench {
    peers: TestPeers,
    follower: Follower,
    submitter: Submitter,
    queue: SharedQueue,
    signer: Arc<Signer>,
    clock: Arc<Clock>,
}

fn bench(dir: &Path, last: Option<LastReading>, chain: Option<TestChain>) -> Bench {
    let key = SecretKey::from_seed([77; 32]);
    let meter = Address::of_key(&key.public());
    let chain = chain.unwrap_or_else(|| {
        let mut chain = TestChain::new(&SEEDS, registered(meter, last));
        chain.push(Epoch(0), &SEEDS, &SEEDS, true);
        chain
    });
    let clock = Arc::new(Clock::start(false).unwrap());
    let follower = Follower::open(chain.checkpoint(&SEEDS), dir, Arc::clone(&clock)).unwrap();
    let signer = Arc::new(Signer::new(key, follower.chain()));
    let queue = Arc::new(Mutex::new(Queue::open(&dir.join("queue"), 1000).unwrap().0));
    let payment = Payment { fee_payer: meter, max_fee: Amount(1000) };
    let submitter = Submitter::new(Arc::clone(&signer), Arc::clone(&queue), Arc::clone(&clock), payment);
    Bench { peers: TestPeers::new(chain, &SEEDS, 2), follower, submitter, queue, signer, clock }
}

impl Bench {
    fn record(&self, import: u16) -> u64 {
        let words = |low: u16| Words::new(vec![0, low]).unwrap();
        let energy = Energy::decode(RegisterEncoding::Uint32Wh, words(import), words(0)).unwrap();
        let mut queue = self.queue.lock().unwrap();
        let seq = queue.next_seq().unwrap();
        queue.append(&self.signer.reading(seq, &energy, &self.clock)).unwrap();
        queue.sync().unwrap();
        seq
    }

    async fn round(&mut self) -> Progress {
        let peer = self.peers.peers[0];
        self.submitter.round(&mut self.follower, &self.peers, peer).await.unwrap()
    }

    fn last(&self) -> LastReading {
        self.peers.meter_record(&self.signer.meter()).last.unwrap()
    }

    fn depth(&self) -> usize {
        self.queue.lock().unwrap().depth()
    }
}

#[tokio::test]
async fn readings_reach_the_chain_and_are_done_with_only_when_proven() {
    let dir = tempfile::tempdir().unwrap();
    let mut bench = bench(dir.path(), None, None);
    assert_eq!(bench.round().await, Progress::Idle);
    (1..=300).for_each(|import| assert_eq!(bench.record(import), u64::from(import)));
    for (left, sent) in [(300, 128), (172, 128), (44, 44)] {
        assert_eq!(bench.round().await, Progress::Sent { readings: sent });
        assert_eq!(bench.depth(), left, "what was sent is not done with before the next round's proof");
    }
    assert_eq!(bench.round().await, Progress::Idle);
    assert_eq!((bench.depth(), bench.last().seq, bench.last().import_wh), (0, 300, WattHours(300)));
}

#[tokio::test]
async fn a_lost_transaction_is_sent_again_unchanged_under_the_same_nonce() {
    let dir = tempfile::tempdir().unwrap();
    let mut bench = bench(dir.path(), None, None);
    bench.record(5);
    *bench.peers.losing.lock().unwrap() = true;
    for _ in 0..3 {
        assert_eq!(bench.round().await, Progress::Sent { readings: 1 });
        bench.record(6);
    }
    let received = bench.peers.received.lock().unwrap().clone();
    assert_eq!(received.len(), 6, "two entry peers each time");
    assert!(received.iter().all(|tx| *tx == received[0]));
    *bench.peers.losing.lock().unwrap() = false;
    while bench.round().await != Progress::Idle {}
    assert_eq!((bench.depth(), bench.last().seq), (0, 4));
}

#[tokio::test]
async fn a_restart_while_in_flight_neither_loses_nor_mixes_readings() {
    let dir = tempfile::tempdir().unwrap();
    let mut first = bench(dir.path(), None, None);
    for import in 1..=3 {
        first.record(import);
    }
    *first.peers.losing.lock().unwrap() = true;
    first.round().await;
    let sent = first.peers.received.lock().unwrap()[0].clone();
    let chain = first.peers.chain.lock().unwrap().clone();
    drop(first);
    let mut second = bench(dir.path(), None, Some(chain));
    second.record(9);
    assert_eq!(second.round().await, Progress::Sent { readings: 3 }, "the same batch, not the new reading");
    let again = second.peers.received.lock().unwrap()[0].clone();
    assert_eq!((again.body().nonce, &again.body().calls), (sent.body().nonce, &sent.body().calls));
    while second.round().await != Progress::Idle {}
    assert_eq!((second.depth(), second.last().import_wh), (0, WattHours(9)));
}

#[tokio::test]
async fn a_refused_reading_never_blocks_those_after_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut bench = bench(dir.path(), None, None);
    bench.record(100);
    while bench.round().await != Progress::Idle {}
    bench.record(50); // below what the chain has
    for _ in 0..3 {
        assert_eq!(bench.round().await, Progress::Sent { readings: 1 });
    }
    assert_eq!(bench.depth(), 1, "not done with");
    bench.record(120);
    for _ in 0..4 {
        bench.round().await;
    }
    assert_eq!((bench.depth(), bench.last().import_wh), (0, WattHours(120)));
}

#[tokio::test]
async fn a_new_directory_signs_again_what_would_be_taken_for_duplicates() {
    let dir = tempfile::tempdir().unwrap();
    let last = LastReading { seq: 900, import_count: 10, import_wh: WattHours(10), ..LastReading::default() };
    let mut bench = bench(dir.path(), Some(last), None);
    for import in 11..=13 {
        bench.record(import);
    }
    assert_eq!(bench.round().await, Progress::Sent { readings: 3 });
    assert_eq!(bench.round().await, Progress::Idle);
    assert!(bench.last().seq > 900);
    assert_eq!((bench.depth(), bench.last().import_wh), (0, WattHours(13)));
}

#[tokio::test]
async fn an_unregistered_meter_waits() {
    let dir = tempfile::tempdir().unwrap();
    let mut chain = TestChain::new(&SEEDS, std::collections::BTreeMap::new());
    chain.push(Epoch(0), &SEEDS, &SEEDS, true);
    let mut bench = bench(dir.path(), None, Some(chain));
    bench.record(1);
    assert_eq!(bench.round().await, Progress::NotRegistered);
    assert_eq!((bench.depth(), bench.peers.received.lock().unwrap().len()), (1, 0));
}

#[tokio::test]
async fn after_the_trust_period_readings_are_sent_but_not_done_with() {
    let dir = tempfile::tempdir().unwrap();
    let mut fresh = bench(dir.path(), None, None);
    assert_eq!(fresh.round().await, Progress::Idle);
    let mut chain = fresh.peers.chain.lock().unwrap().clone();
    drop(fresh);
    chain.trust_ms = 1000;
    let mut expired = bench(dir.path(), None, Some(chain));
    expired.record(8);
    assert_eq!(expired.round().await, Progress::Unproven { readings: 1 });
    assert_eq!((expired.depth(), expired.last().import_wh), (1, WattHours(8)));
    let mut chain = expired.peers.chain.lock().unwrap().clone();
    drop(expired);
    chain.trust_ms = crate::testchain::TRUST_MS;
    let mut anchored = bench(dir.path(), None, Some(chain));
    assert_eq!(anchored.round().await, Progress::Idle);
    assert_eq!(anchored.depth(), 0);
}
