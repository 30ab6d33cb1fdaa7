#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::tests::chain::{FixedTime, SEEDS, TestChain, TestPeers, registered};
use crate::tests::life::{Life, meter, record, words};
use std::path::Path;
use wattle_primitives::reading::Reading;
use wattle_primitives::reading::{RegisterEncoding, Words};
use wattle_primitives::state_key::LastReading;
use wattle_primitives::{Epoch, Reason, WattHours};

struct Bench {
    peers: TestPeers,
    life: Life,
}

fn bench(dir: &Path, last: Option<LastReading>, chain: Option<TestChain>) -> Bench {
    bench_at(dir, last, chain, Clock::start(false).unwrap())
}

fn bench_at(dir: &Path, last: Option<LastReading>, chain: Option<TestChain>, clock: Clock) -> Bench {
    let chain = chain.unwrap_or_else(|| TestChain::started(registered(meter(), last)));
    let life = Life::start(dir, chain.checkpoint(&SEEDS), clock);
    Bench { peers: TestPeers::new(chain, &SEEDS, 2), life }
}

fn trusted_for_long() -> TestChain {
    let mut chain = TestChain::started(registered(meter(), None));
    chain.trust_ms = 60 * 86_400_000;
    chain
}

impl Bench {
    fn record(&self, import: u16) -> u64 {
        record(&self.life.queue, &self.life.signer, &self.life.clock, import)
    }

    async fn round(&mut self) -> Progress {
        let (peer, life) = (self.peers.peers[0], &mut self.life);
        life.submitter.round(&mut life.follower, &self.peers, peer).await.unwrap()
    }

    fn last(&self) -> LastReading {
        self.peers.meter_record(&meter()).last.unwrap()
    }

    fn depth(&self) -> usize {
        self.life.depth()
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

/// Goal: a light node on a metered line does not pay for a proof that tells nothing new.
#[tokio::test]
async fn once_its_time_is_over_the_record_alone_tells_what_came_of_a_transaction() {
    let dir = tempfile::tempdir().unwrap();
    let time = FixedTime::at(wall::now().0, true);
    let mut bench =
        bench_at(dir.path(), None, Some(trusted_for_long()), Clock::of(1, Box::new(time.clone())));
    let both = || vec![state_key::account(&meter()).to_vec(), state_key::meter(&meter()).to_vec()];
    let record_alone = || vec![state_key::meter(&meter()).to_vec()];
    let asked = |bench: &Bench| std::mem::take(&mut *bench.peers.proven.lock().unwrap());
    for import in 1..=3 {
        bench.record(import);
        bench.round().await;
        let questions = asked(&bench);
        assert_eq!(questions, [if import == 1 { both() } else { record_alone() }]);
        time.pass(900_000);
    }
    // Lost: the record does not have it, so the account says which nonce is next.
    *bench.peers.losing.lock().unwrap() = true;
    bench.record(4);
    bench.round().await;
    asked(&bench);
    *bench.peers.losing.lock().unwrap() = false;
    time.pass(900_000);
    bench.round().await;
    assert_eq!(asked(&bench), [record_alone(), both()]);
    time.pass(900_000);
    bench.round().await;
    assert_eq!((asked(&bench), bench.depth(), bench.last().seq), (vec![record_alone()], 0, 4));
}

/// Goal: where somebody else brought the readings, the nonce that was never used is found out, and nothing is lost.
#[tokio::test]
async fn readings_that_another_brought_leave_no_nonce_out() {
    let dir = tempfile::tempdir().unwrap();
    let mut first = bench(dir.path(), None, None);
    first.record(1);
    while first.round().await != Progress::Idle {}
    first.record(2);
    *first.peers.losing.lock().unwrap() = true;
    first.round().await;
    // Its owner brings what the light node's own transaction has not.
    let last = LastReading { seq: 2, import_count: 2, import_wh: WattHours(2), ..first.last() };
    let record = MeterRecord { last: Some(last), ..first.peers.meter_record(&meter()) };
    first.peers.put(state_key::meter(&meter()).to_vec(), &record);
    let chain = first.peers.chain.lock().unwrap().clone();
    drop(first);
    let mut second = bench(dir.path(), None, Some(chain));
    second.record(3);
    for _ in 0..8 {
        if second.round().await == Progress::Idle {
            break;
        }
    }
    assert_eq!((second.depth(), second.last().import_wh), (0, WattHours(3)));
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

/// Goal: what the chain refuses costs the sponsor a few transactions, not thousands, and blocks nothing after it.
#[tokio::test]
async fn refused_readings_are_parked_and_never_block_those_after_them() {
    let dir = tempfile::tempdir().unwrap();
    let time = FixedTime::at(wall::now().0, true);
    let mut bench =
        bench_at(dir.path(), None, Some(trusted_for_long()), Clock::of(1, Box::new(time.clone())));
    bench.record(100);
    while bench.round().await != Progress::Idle {}
    let nonce = |bench: &Bench| bench.peers.received.lock().unwrap().last().unwrap().body().nonce.0;
    let before = nonce(&bench);
    bench.record(50); // below what the chain has
    for _ in 0..2 {
        assert_eq!(bench.round().await, Progress::Sent { readings: 1 });
    }
    for minute in 0..24 * 60 {
        assert_eq!(bench.round().await, Progress::Refused, "minute {minute}");
        time.pass(60_000);
    }
    let refusal = bench.life.submitter.refusal().unwrap();
    assert_eq!((refusal.up_to, refusal.reason), (2, Objection::RegisterDecreased));
    assert_eq!((bench.depth(), nonce(&bench) - before), (1, 2), "not done with, and not sent again");
    for import in 51..60 {
        bench.record(import); // the record speaks against them
        assert_eq!(bench.round().await, Progress::Refused);
    }
    bench.record(120);
    for _ in 0..4 {
        bench.round().await;
    }
    assert_eq!(
        (bench.depth(), bench.last().import_wh, bench.life.submitter.refusal()),
        (0, WattHours(120), None)
    );
}

/// Readings that the record does not speak against are tried again, ever more rarely.
#[tokio::test]
async fn readings_that_are_refused_for_no_visible_reason_are_tried_ever_more_rarely() {
    let dir = tempfile::tempdir().unwrap();
    let time = FixedTime::at(wall::now().0, true);
    let mut bench =
        bench_at(dir.path(), None, Some(trusted_for_long()), Clock::of(1, Box::new(time.clone())));
    *bench.peers.refusing.lock().unwrap() = true;
    let quarter_ms = 900_000;
    for quarter in 0..7 * 96u16 {
        bench.record(quarter);
        for _ in 0..4 {
            bench.round().await;
            time.pass(quarter_ms / 4);
        }
    }
    let sent = bench.peers.received.lock().unwrap().iter().map(|tx| tx.body().nonce).max().unwrap().0;
    assert!((8..=20).contains(&sent), "{sent} transactions in a week");
    assert!(bench.life.submitter.refusal().unwrap().is_lasting());
    *bench.peers.refusing.lock().unwrap() = false;
    time.pass(86_400_000);
    for _ in 0..12 {
        bench.round().await;
    }
    assert_eq!((bench.depth(), bench.life.submitter.refusal()), (0, None), "and taken when they may be");
}

/// What was sent without a proof took nonces that no record tells of.
#[tokio::test]
async fn after_readings_without_a_proof_the_account_tells_the_nonce() {
    let dir = tempfile::tempdir().unwrap();
    let time = FixedTime::at(wall::now().0, true);
    let mut bench = bench_at(dir.path(), None, None, Clock::of(1, Box::new(time.clone())));
    bench.record(1);
    assert_eq!(bench.round().await, Progress::Sent { readings: 1 });
    time.pass(crate::tests::chain::TRUST_MS);
    bench.record(2);
    assert_eq!(bench.round().await, Progress::Unproven { readings: 1 });
    let mut chain = bench.peers.chain.lock().unwrap().clone();
    chain.trust_ms = 60 * 86_400_000;
    let (anchored, clock) = (tempfile::tempdir().unwrap(), Arc::clone(&bench.life.clock));
    bench.life.follower = Follower::open(chain.checkpoint(&SEEDS), anchored.path(), clock).unwrap();
    bench.record(3);
    assert_eq!(bench.round().await, Progress::Sent { readings: 1 });
    assert_eq!((bench.last().seq, bench.life.submitter.refusal()), (3, None));
}

/// Past the trust period nothing is proven, and yet what a peer says of it is enough not to pay for the same for ever.
#[tokio::test]
async fn refused_readings_are_parked_past_the_trust_period_too() {
    let dir = tempfile::tempdir().unwrap();
    let time = FixedTime::at(wall::now().0, true);
    let mut bench = bench_at(dir.path(), None, None, Clock::of(1, Box::new(time.clone())));
    assert_eq!(bench.round().await, Progress::Idle);
    time.pass(crate::tests::chain::TRUST_MS);
    *bench.peers.refusing.lock().unwrap() = true;
    for minute in 0..24 * 60u16 {
        if minute % 15 == 0 {
            bench.record(minute);
        }
        assert!(
            matches!(bench.round().await, Progress::Unproven { .. } | Progress::Refused),
            "minute {minute}"
        );
        time.pass(60_000);
    }
    let sent = bench.peers.received.lock().unwrap().iter().map(|tx| tx.body().nonce).max().unwrap().0;
    assert!((6..=12).contains(&sent), "{sent} transactions in a day");
    *bench.peers.refusing.lock().unwrap() = false;
    time.pass(86_400_000);
    assert!(matches!(bench.round().await, Progress::Unproven { readings: 96 }));
    assert_eq!(bench.last().seq, 96);
}

#[tokio::test]
async fn a_meter_that_was_replaced_sends_nothing_more() {
    let dir = tempfile::tempdir().unwrap();
    let mut bench = bench(dir.path(), None, None);
    bench.record(100);
    while bench.round().await != Progress::Idle {}
    let mut record = bench.peers.meter_record(&bench.life.signer.meter());
    record.replaced_by = Some(Address([8; 32]));
    bench.peers.put(state_key::meter(&bench.life.signer.meter()).to_vec(), &record);
    let before = bench.peers.received.lock().unwrap().len();
    bench.record(120);
    for _ in 0..5 {
        assert_eq!(bench.round().await, Progress::Refused);
    }
    assert_eq!(bench.life.submitter.refusal().unwrap().reason, Objection::Closed(Reason::MeterReplaced));
    assert_eq!((bench.depth(), bench.peers.received.lock().unwrap().len()), (1, before));
}

#[test]
fn the_record_says_what_speaks_against_a_reading() {
    let now = TimeMs(10 * 3_600_000);
    let last = LastReading {
        import_count: 100,
        export_count: 50,
        import_wh: WattHours(100),
        export_wh: WattHours(50),
        flow_ms: TimeMs(9 * 3_600_000), // an hour ago
        ..LastReading::default()
    };
    let state = registered(Address([1; 32]), Some(last));
    let bytes = &state[&*state_key::meter(&Address([1; 32]))];
    let mut record: MeterRecord = wattle_primitives::decode(bytes).unwrap();
    record.power_max_w = 5000;
    let reading = |import, export| Reading {
        meter: Address([1; 32]),
        seq: 1,
        boot_id: 0,
        uptime_ms: 0,
        time_ms: now,
        clock: wattle_primitives::reading::ClockQuality::Synced,
        import,
        export,
    };
    for (import, export, want) in [
        (words(100), words(50), Objection::Unknown),
        (words(5103), words(50), Objection::Unknown), // 5 kWh in an hour, and 3 Wh of resolution
        (words(5104), words(50), Objection::Implausible),
        (words(100), words(49), Objection::RegisterDecreased), // it rolls over, and has not
        (Words::new(vec![1]).unwrap(), words(50), Objection::BadRegisters),
    ] {
        assert_eq!(Objection::of(&record, &reading(import.clone(), export), now), want, "{import:?}");
    }
    record.encoding = RegisterEncoding::Uint64Wh;
    let wide = |low: u16| Words::new(vec![0, 0, 0, low]).unwrap();
    let falls = reading(wide(100), wide(49));
    assert_eq!(Objection::of(&record, &falls, now), Objection::RegisterDecreased);
    record.replaced_by = Some(Address([2; 32]));
    assert_eq!(Objection::of(&record, &falls, now), Objection::Closed(Reason::MeterReplaced));
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
    chain.trust_ms = crate::tests::chain::TRUST_MS;
    let mut anchored = bench(dir.path(), None, Some(chain));
    assert_eq!(anchored.round().await, Progress::Idle);
    assert_eq!(anchored.depth(), 0);
}

#[tokio::test]
async fn past_the_trust_period_a_backlog_of_several_batches_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let mut fresh = bench(dir.path(), None, None);
    assert_eq!(fresh.round().await, Progress::Idle);
    let mut chain = fresh.peers.chain.lock().unwrap().clone();
    drop(fresh);
    chain.trust_ms = 1000;
    let mut expired = bench(dir.path(), None, Some(chain));
    for import in 1..=300 {
        expired.record(import);
    }
    for readings in [128, 128, 44, 0] {
        assert_eq!(expired.round().await, Progress::Unproven { readings });
    }
    assert_eq!((expired.depth(), expired.last().import_wh), (300, WattHours(300)), "sent, not done with");
    // A peer that claims that the chain has nothing costs a transaction that has no effect.
    let claim: crate::tests::chain::Lie = Box::new(|_, request, honest| match (&request, honest) {
        (Request::Proof { .. }, Response::Proof(answer)) => {
            crate::tests::chain::altered(answer, |proven| proven.value = None)
        }
        (_, honest) => honest,
    });
    let liar = expired.peers.peers[0];
    expired.peers.lies.lock().unwrap().insert(liar, claim);
    assert_eq!(expired.round().await, Progress::Unproven { readings: 128 }, "sent again in vain");
    assert_eq!((expired.depth(), expired.last().seq), (300, 300), "which has no effect");
}

#[tokio::test]
async fn a_refusal_for_bandwidth_is_a_shortage_and_the_same_readings_come_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut bench = bench(dir.path(), None, None);
    for import in 1..=5 {
        bench.record(import);
    }
    *bench.peers.bucket.lock().unwrap() = Some(crate::tests::chain::Bucket { left: 0, refused: 0 });
    let peer = bench.peers.peers[0];
    for _ in 0..3 {
        let refused =
            bench.life.submitter.round(&mut bench.life.follower, &bench.peers, peer).await.unwrap_err();
        assert!(refused.is_shortage(), "{refused}");
        bench.record(6);
    }
    *bench.peers.bucket.lock().unwrap() = None;
    assert_eq!(bench.round().await, Progress::Sent { readings: 5 }, "under their nonce, without later ones");
    while bench.round().await != Progress::Idle {}
    assert_eq!((bench.depth(), bench.last().seq), (0, 8));
}

#[tokio::test]
async fn a_transaction_that_is_too_heavy_is_halved_until_it_is_taken() {
    let dir = tempfile::tempdir().unwrap();
    let mut bench = bench(dir.path(), None, None);
    for import in 1..=100 {
        bench.record(import);
    }
    for peer in bench.peers.peers.clone() {
        let weak: crate::tests::chain::Lie = Box::new(|_, request, honest| match request {
            Request::SubmitTx(tx) if readings_in(&tx) > 40 => {
                Response::error(wattle_p2p::wire::ErrorCode::TxRejected, "tx_too_heavy")
            }
            _ => honest,
        });
        bench.peers.lies.lock().unwrap().insert(peer, weak);
    }
    *bench.peers.losing.lock().unwrap() = true; // what is refused here must not arrive either
    let peer = bench.peers.peers[0];
    for _ in 0..2 {
        let refused =
            bench.life.submitter.round(&mut bench.life.follower, &bench.peers, peer).await.unwrap_err();
        assert!(!refused.is_shortage(), "{refused}");
    }
    *bench.peers.losing.lock().unwrap() = false;
    assert_eq!(bench.round().await, Progress::Sent { readings: 32 });
    while bench.round().await != Progress::Idle {}
    assert_eq!((bench.depth(), bench.last().seq), (0, 100));
}
