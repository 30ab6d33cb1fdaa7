#![expect(clippy::unwrap_used, reason = "tests fail loudly")]

use super::*;
use proptest::prelude::*;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Debug, PartialEq, Eq)]
struct TestTx {
    id: Hash,
    bytes: usize,
    key: LaneKey,
    nonce: Nonce,
    tip: Amount,
    expires_ms: TimeMs,
}

impl Pooled for TestTx {
    fn id(&self) -> Hash {
        self.id
    }
    fn encoded_len(&self) -> usize {
        self.bytes
    }
    fn sender(&self) -> Address {
        self.key.0
    }
    fn lane(&self) -> Lane {
        self.key.1
    }
    fn nonce(&self) -> Nonce {
        self.nonce
    }
    fn tip(&self) -> Amount {
        self.tip
    }
    fn expires_ms(&self) -> TimeMs {
        self.expires_ms
    }
}

const LIMITS: Limits = Limits {
    count: 12,
    bytes: 1_500,
    account_count: 6,
    account_bytes: 800,
    nonces_ahead: 5,
    recent: 1_000,
    rejected_ms: 50,
};

fn lane(sender: u8, lane: u16) -> LaneKey {
    (Address([sender; 32]), Lane(lane))
}

fn tx(number: u64, key: LaneKey, nonce: u64, tip: u128) -> TestTx {
    let mut id = [0; 32];
    id[..8].copy_from_slice(&number.to_le_bytes());
    TestTx {
        id: Hash(id),
        bytes: 100,
        key,
        nonce: Nonce(nonce),
        tip: Amount(tip),
        expires_ms: TimeMs(1_000_000),
    }
}

fn ready(pool: &Mempool<TestTx>, next: u64) -> Vec<u8> {
    pool.ready(|_| Nonce(next), TimeMs(0)).map(|tx| tx.id.0[0]).collect()
}

#[test]
fn the_dearest_whose_nonce_is_next_comes_first() {
    let mut pool = Mempool::new(LIMITS);
    // Lane a: a cheap head holds back a dear follower. Lane b: a gap. Lane c: in order of arrival with a's head.
    let (a, b, c) = (lane(1, 0), lane(2, 0), lane(3, 0));
    for tx in
        [tx(1, a, 0, 5), tx(2, a, 1, 90), tx(3, b, 1, 99), tx(4, c, 0, 5), tx(5, c, 1, 50), tx(6, a, 2, 1)]
    {
        pool.insert(tx, Nonce(0), TimeMs(0)).unwrap();
    }
    assert_eq!(ready(&pool, 0), [1, 2, 4, 5, 6]);
    assert_eq!(ready(&pool, 1), [3, 2, 5, 6], "what ancestors hold is skipped");
    assert_eq!(pool.next_nonce(a.0, a.1, Nonce(0)), Nonce(3));
    assert_eq!(pool.next_nonce(b.0, b.1, Nonce(0)), Nonce(0));
}

#[test]
fn insertion_is_idempotent_and_refusals_say_why() {
    let mut pool = Mempool::new(LIMITS);
    let (a, now) = (lane(1, 0), TimeMs(10));
    let first = tx(1, a, 3, 100);
    assert_eq!(pool.insert(first.clone(), Nonce(2), now), Ok(Inserted::New { evicted: vec![] }));
    assert_eq!(pool.insert(first.clone(), Nonce(2), now), Ok(Inserted::Known));
    let refused = [
        (tx(2, a, 1, 1), InsertError::NonceUsed { next: Nonce(2), got: Nonce(1) }),
        (tx(2, a, 7, 1), InsertError::NonceAhead { next: Nonce(2), got: Nonce(7) }),
        (tx(2, a, 3, 109), InsertError::Underpriced { tip_min: Amount(110) }),
        (TestTx { expires_ms: now, ..tx(2, a, 2, 1) }, InsertError::Expired { expires_ms: now, now_ms: now }),
        (TestTx { bytes: 701, ..tx(2, a, 4, 1) }, InsertError::AccountFull),
    ];
    for (tx, error) in refused {
        assert_eq!(pool.insert(tx, Nonce(2), now), Err(error));
    }
    let old = first.id;
    assert_eq!(pool.insert(tx(2, a, 3, 110), Nonce(2), now), Ok(Inserted::Replaced { old, evicted: vec![] }));
    assert!(!pool.contains(&old));
    assert_eq!(pool.stats(), Stats { count: 1, bytes: 100, queues: 1 });
}

#[test]
fn finality_expiry_and_rejection_take_out_and_are_remembered() {
    let mut pool = Mempool::new(LIMITS);
    let a = lane(1, 0);
    let (kept, rival, used) = (tx(1, a, 2, 1), tx(2, a, 1, 1), tx(3, a, 0, 1));
    let short = TestTx { expires_ms: TimeMs(20), ..tx(4, lane(2, 0), 0, 1) };
    for tx in [&kept, &rival, &used, &short] {
        pool.insert(tx.clone(), Nonce(0), TimeMs(0)).unwrap();
    }
    let included = [(used.id, a), (tx(9, a, 1, 1).id, a)];
    let pruned = pool.on_finalized(included, |_| Nonce(2), TimeMs(20));
    assert_eq!(pruned, Pruned { expired: vec![short.id], superseded: vec![rival.id] });
    assert_eq!(ready(&pool, 2), [1]);
    assert_eq!(pool.insert(used.clone(), Nonce(2), TimeMs(20)), Err(InsertError::Finalized));
    assert!(pool.is_finalized(&used.id, TimeMs(20)));
    assert_eq!(pool.remove_invalid(&kept.id, TimeMs(20)), Some(kept.clone()));
    assert_eq!(pool.insert(kept.clone(), Nonce(2), TimeMs(69)), Err(InsertError::Rejected));
    assert!(pool.insert(kept, Nonce(2), TimeMs(70)).is_ok(), "not for ever");
}

#[test]
fn recheck_goes_round_the_pool_within_its_budget() {
    let mut pool = Mempool::new(LIMITS);
    for sender in 1..=5 {
        pool.insert(tx(u64::from(sender), lane(sender, 0), 0, 1), Nonce(0), TimeMs(0)).unwrap();
    }
    let mut seen = Vec::new();
    for _ in 0..3 {
        pool.recheck(2, |tx| {
            seen.push(tx.id.0[0]);
            tx.id.0[0] != 3
        });
    }
    assert_eq!(seen, [1, 2, 3, 4, 5]);
    assert_eq!(pool.stats().count, 4);
}

/// The rules again, written down without any index.
#[derive(Default)]
struct Model {
    txs: Vec<(u64, TestTx)>,
    arrivals: u64,
}

impl Model {
    fn queue(&self, key: LaneKey) -> Vec<&(u64, TestTx)> {
        let mut queue: Vec<_> = self.txs.iter().filter(|(_, tx)| tx.key == key).collect();
        queue.sort_by_key(|(_, tx)| tx.nonce);
        queue
    }

    fn keys(&self) -> BTreeSet<LaneKey> {
        self.txs.iter().map(|(_, tx)| tx.key).collect()
    }

    fn fits(&self) -> bool {
        self.txs.len() <= LIMITS.count
            && self.txs.iter().map(|(_, tx)| tx.bytes).sum::<usize>() <= LIMITS.bytes
    }

    fn account_fits(&self, sender: Address) -> bool {
        let own: Vec<_> = self.txs.iter().filter(|(_, tx)| tx.key.0 == sender).collect();
        own.len() <= LIMITS.account_count
            && own.iter().map(|(_, tx)| tx.bytes).sum::<usize>() <= LIMITS.account_bytes
    }

    fn insert(&mut self, tx: &TestTx, next: Nonce, now: TimeMs) -> bool {
        if self.txs.iter().any(|(_, held)| held.id == tx.id) {
            return true;
        }
        if tx.expires_ms <= now || tx.nonce < next || tx.nonce.0 - next.0 >= LIMITS.nonces_ahead {
            return false;
        }
        let before = self.txs.clone();
        if let Some(at) = self.txs.iter().position(|(_, held)| held.key == tx.key && held.nonce == tx.nonce) {
            let old = self.txs.remove(at).1.tip.0;
            if tx.tip.0 <= old || tx.tip.0 * 10 < old * 11 {
                self.txs = before;
                return false;
            }
        }
        self.arrivals += 1;
        self.txs.push((self.arrivals, tx.clone()));
        while !self.account_fits(tx.key.0) || !self.fits() {
            let victim = if self.account_fits(tx.key.0) {
                let ends = self.keys().into_iter().filter(|key| *key != tx.key);
                let ends = ends.filter_map(|key| self.queue(key).last().copied().cloned());
                ends.min_by_key(|(arrival, end)| (end.tip, Reverse(*arrival)))
                    .filter(|(_, end)| end.tip < tx.tip)
            } else {
                self.queue(tx.key).last().copied().cloned().filter(|(_, end)| end.nonce > tx.nonce)
            };
            let Some((_, victim)) = victim else {
                self.txs = before;
                self.arrivals -= 1;
                return false;
            };
            self.txs.retain(|(_, held)| held.id != victim.id);
        }
        true
    }

    fn ready(&self, nonces: &BTreeMap<LaneKey, Nonce>, time: TimeMs) -> Vec<Hash> {
        let mut nonces = nonces.clone();
        let mut out = Vec::new();
        loop {
            let is_next = |tx: &TestTx| tx.nonce == nonces.get(&tx.key).copied().unwrap_or_default();
            let open = self.txs.iter().filter(|(_, tx)| is_next(tx) && time < tx.expires_ms);
            let Some((_, best)) = open.min_by_key(|(arrival, tx)| (Reverse(tx.tip), *arrival)) else {
                return out;
            };
            out.push(best.id);
            nonces.insert(best.key, best.nonce.next());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn the_pool_does_what_the_rules_say(
        steps in proptest::collection::vec(
            (0..12u8, 1..5u8, 0..2u16, 0..8u64, 0..30u128, 50..200usize, 1..40u64), 1..120)
    ) {
        let mut pool = Mempool::new(LIMITS);
        let mut model = Model::default();
        let mut nonces: BTreeMap<LaneKey, Nonce> = BTreeMap::new();
        let mut now = TimeMs(1);
        for (number, (step, sender, lane_no, nonce, tip, bytes, life)) in (1u64..).zip(steps) {
            let key = lane(sender, lane_no);
            let next = nonces.get(&key).copied().unwrap_or_default();
            match step {
                0 => {
                    // A block takes up to `nonce` ready transactions.
                    now = TimeMs(now.0 + life / 4);
                    let block: Vec<TestTx> = pool
                        .ready(|k| nonces.get(k).copied().unwrap_or_default(), now)
                        .take(usize::try_from(nonce).unwrap()).cloned().collect();
                    for tx in &block {
                        nonces.insert(tx.key, tx.nonce.next());
                    }
                    let included = block.iter().map(|tx| (tx.id, tx.key));
                    pool.on_finalized(included, |k| nonces.get(k).copied().unwrap_or_default(), now);
                    let next_of = |k: &LaneKey| nonces.get(k).copied().unwrap_or_default();
                    model.txs.retain(|(_, tx)| tx.nonce >= next_of(&tx.key) && tx.expires_ms > now);
                }
                1 => {
                    let unwanted = |tx: &TestTx| tx.tip.0 % 7 == tip % 7;
                    pool.recheck(usize::MAX, |tx| !unwanted(tx));
                    model.txs.retain(|(_, tx)| !unwanted(tx));
                }
                _ => {
                    let tx = TestTx {
                        bytes,
                        expires_ms: TimeMs(now.0 + life),
                        ..tx(number, key, next.0 + nonce, tip)
                    };
                    let taken = pool.insert(tx.clone(), next, now).is_ok();
                    prop_assert_eq!(taken, model.insert(&tx, next, now), "{:?}", tx);
                }
            }
            let stats = pool.stats();
            prop_assert_eq!(stats.count, model.txs.len());
            prop_assert_eq!(stats.bytes, model.txs.iter().map(|(_, tx)| tx.bytes).sum::<usize>());
            prop_assert_eq!(stats.queues, model.keys().len());
            prop_assert!(model.txs.iter().all(|(_, tx)| pool.get(&tx.id) == Some(tx)));
            let order: Vec<Hash> =
                pool.ready(|k| nonces.get(k).copied().unwrap_or_default(), now).map(|tx| tx.id).collect();
            prop_assert_eq!(order, model.ready(&nonces, now));
        }
    }
}
