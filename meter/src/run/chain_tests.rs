#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::board::MeterFacts;
use crate::follow::tariff_tests;
use crate::queue::Queue;
use crate::sign::Signer;
use crate::submit::{Payment, SharedQueue};
use crate::tests::chain::{
    Bucket, Lie, SEEDS, State, TestChain, TestPeers, altered, forked, memory_dir, registered, with_balance,
};
use crate::tests::life;
use std::path::Path;
use std::sync::Mutex;
use wattle_p2p::wire::{Request, Response};
use wattle_primitives::call::ledger::AccountId;
use wattle_primitives::state_key::{self, BalanceRecord, MeterRecord};
use wattle_primitives::{Address, Amount, AssetId, BoundedBytes, Hash, Height, SecretKey};

fn key(meter: u8) -> SecretKey {
    SecretKey::from_seed([100 + meter; 32])
}

pub(in crate::run) fn address(meter: u8) -> Address {
    Address::of_key(&key(meter).public())
}

pub(in crate::run) fn village(meters: u8) -> State {
    (0..meters).flat_map(|meter| registered(address(meter), None)).collect()
}

pub(in crate::run) fn signer(meter: u8, chain: Hash) -> Arc<Signer> {
    Arc::new(Signer::new(key(meter), chain))
}

pub(in crate::run) fn record(queue: &SharedQueue, signer: &Signer, clock: &Clock, readings: u16) {
    for import in 1..=readings {
        life::record(queue, signer, clock, import);
    }
}

fn lane(dir: &Path, meter: u8, chain: Hash, clock: &Arc<Clock>) -> (Lane, Arc<Signer>) {
    let signer = signer(meter, chain);
    let queue = Queue::open(&dir.join(format!("m{meter}/queue")), 10_000).unwrap().0;
    let queue = Arc::new(Mutex::new(queue));
    let payment = Payment { fee_payer: address(meter), max_fee: Amount(1000) };
    let (at, name) = (usize::from(meter), format!("m{meter}"));
    (Lane::new(at, name, Arc::clone(&signer), queue, Arc::clone(clock), payment), signer)
}

pub(in crate::run) fn light_node(dir: &Path, chain: &TestChain, meters: u8, readings: u16) -> Chain {
    let clock = Arc::new(Clock::start(true).unwrap());
    let follower = Follower::open(chain.checkpoint(&SEEDS), dir, Arc::clone(&clock)).unwrap();
    let mut lanes = Vec::new();
    for meter in 0..meters {
        let (lane, signer) = lane(dir, meter, follower.chain(), &clock);
        record(&lane.queue, &signer, &clock, readings);
        lanes.push(lane);
    }
    let config = LightConfig { follow_interval_ms: 100, data_dir: dir.to_owned(), ..crate::config::least() };
    let board = Arc::new(Board::new(vec![MeterFacts::default(); lanes.len()]));
    Chain::new(config, follower, lanes, board, clock)
}

/// Lets everything be due at once.
pub(in crate::run) fn hurry(chain: &mut Chain) {
    let now = Instant::now();
    (chain.next_look, chain.next_credit) = (now, now);
    chain.lanes.iter_mut().for_each(|lane| lane.next = now);
}

async fn turns(chain: &mut Chain, peers: &TestPeers, count: usize) {
    let mut alone = false;
    for _ in 0..count {
        hurry(chain);
        chain.turn(peers, &mut alone).await.unwrap();
    }
}

pub(in crate::run) fn depth(chain: &Chain) -> usize {
    chain.lanes.iter().map(|lane| lane.queue.lock().unwrap().depth()).sum()
}

/// Lies that one peer of three tells, each with its name.
pub(in crate::run) fn lies() -> Vec<(&'static str, Lie)> {
    vec![
        (
            "a certificate from too few validators",
            Box::new(|_, _, honest| match honest {
                Response::LightBlock(light) => {
                    Response::LightBlock(Box::new(forked(*light, &SEEDS, &[2, 3])))
                }
                Response::Proof(mut answer) => {
                    answer.light = forked(answer.light, &SEEDS, &[2, 3]);
                    Response::Proof(answer)
                }
                other => other,
            }),
        ),
        (
            "a forged balance and a forged meter",
            Box::new(|_, _, honest| match honest {
                Response::Proof(answer) => {
                    altered(answer, |proven| proven.value = Some(BoundedBytes::new(vec![0xff; 64]).unwrap()))
                }
                other => other,
            }),
        ),
        (
            "nothing there",
            Box::new(|_, _, honest| match honest {
                Response::Proof(answer) => altered(answer, |proven| proven.value = None),
                other => other,
            }),
        ),
    ]
}

#[tokio::test]
async fn one_lying_peer_of_three_changes_nothing_and_is_found_out() {
    for which in 0..3 {
        let dir = memory_dir();
        let source = TestChain::started(with_balance(village(2), address(0), 700));
        let (name, lie) = lies().swap_remove(which);
        let mut chain = light_node(dir.path(), &source, 2, 200);
        let peers = TestPeers::new(source, &SEEDS, 3);
        peers.lies.lock().unwrap().insert(peers.peers[0], lie);
        turns(&mut chain, &peers, 60).await;
        assert_eq!(depth(&chain), 0, "{name}: everything arrives");
        let facts = chain.board.update(|facts| (facts.chain.clone(), facts.meters[0].credit));
        assert!(facts.0.believing && facts.0.lies > 0 && facts.0.agreements > 0, "{name}: {:?}", facts.0);
        assert_eq!(facts.1.map(|c| (c.owner, c.available)), Some((address(0), Amount(700))), "{name}");
        let blamed = peers.blamed.lock().unwrap().clone();
        assert!(!blamed.is_empty() && blamed.iter().all(|peer| *peer == peers.peers[0]), "{name}");
        assert_eq!(chain.doubt, None, "{name}");
    }
}

#[tokio::test]
async fn when_all_but_one_lie_nothing_false_is_believed() {
    let dir = memory_dir();
    let source = TestChain::started(with_balance(village(1), address(0), 5));
    let mut chain = light_node(dir.path(), &source, 1, 3);
    let peers = TestPeers::new(source.clone(), &SEEDS, 3);
    for peer in &peers.peers[..2] {
        let lie = lies().swap_remove(0).1;
        peers.lies.lock().unwrap().insert(*peer, lie);
    }
    turns(&mut chain, &peers, 60).await;
    assert_eq!((depth(&chain), chain.doubt), (0, None));
    assert_eq!(chain.follower.head(), peers.chain.lock().unwrap().headers.last().unwrap());
}

#[tokio::test]
async fn a_fork_ends_belief_but_neither_queue_nor_submission_and_a_checkpoint_mends_it() {
    let dir = memory_dir();
    let source = TestChain::started(with_balance(village(1), address(0), 5));
    let mut chain = light_node(dir.path(), &source, 1, 3);
    let (sender, mut balances) = mpsc::channel(64);
    chain.relay = Some((0, sender));
    let peers = TestPeers::new(source.clone(), &SEEDS, 2);
    turns(&mut chain, &peers, 4).await;
    assert_eq!(balances.recv().await, Some(Input::Balance(Some(Amount(5)))));
    let fork: Lie = Box::new(|chain, _, honest| match honest {
        Response::LightBlock(light) => {
            assert!(light.header.height.0 < chain.headers.len() as u64);
            Response::LightBlock(Box::new(forked(*light, &SEEDS, &SEEDS)))
        }
        other => other,
    });
    peers.lies.lock().unwrap().insert(peers.peers[1], fork);
    let lane = &chain.lanes[0];
    record(&lane.queue, &signer(0, chain.follower.chain()), &chain.clock, 7);
    turns(&mut chain, &peers, 4).await;
    assert!(matches!(chain.doubt, Some(Doubt::Disputed(_))), "{:?}", chain.doubt);
    let facts = chain.board.update(|facts| facts.chain.clone());
    assert_eq!((facts.believing, facts.reason), (false, Some("peers_disagree")));
    assert_eq!(peers.blamed.lock().unwrap().len(), 0, "both have proven what they say");
    while balances.try_recv().is_ok() {}
    turns(&mut chain, &peers, 2).await;
    assert_eq!(balances.recv().await, Some(Input::Balance(None)), "no balance is believed");
    let on_chain = peers.meter_record(&address(0)).last.unwrap().seq;
    assert!(depth(&chain) > 0 && on_chain >= 7, "sent, and not done with: {on_chain}");

    peers.lies.lock().unwrap().clear();
    let newest = peers.chain.lock().unwrap().headers.last().unwrap().clone();
    let checkpoint = wattle_chain_spec::Checkpoint { header: newest, ..source.checkpoint(&SEEDS) };
    anchor::offer(dir.path(), &checkpoint, false).unwrap();
    turns(&mut chain, &peers, 4).await;
    assert_eq!((chain.doubt, depth(&chain)), (None, 0));
    while balances.try_recv().is_ok() {}
    turns(&mut chain, &peers, 1).await;
    assert_eq!(balances.recv().await, Some(Input::Balance(Some(Amount(5)))));
}

#[tokio::test]
async fn a_balance_whose_header_is_too_old_moves_no_relay() {
    let dir = memory_dir();
    let source = TestChain::started(with_balance(village(1), address(0), 5));
    let mut chain = light_node(dir.path(), &source, 1, 0);
    let (sender, mut balances) = mpsc::channel(64);
    chain.relay = Some((0, sender));
    chain.config.credit.age_ms_max = 1000; // the chain's newest header is about a minute old
    let peers = TestPeers::new(source, &SEEDS, 2);
    turns(&mut chain, &peers, 3).await;
    while let Ok(input) = balances.try_recv() {
        assert_eq!(input, Input::Balance(None));
    }
    let credit = chain.board.update(|facts| facts.meters[0].credit);
    assert_eq!(credit.map(|c| c.available), Some(Amount(5)), "it is shown with its height all the same");
}

#[tokio::test]
async fn a_meter_that_is_refused_never_holds_up_another() {
    let dir = memory_dir();
    let mut state = village(2);
    state.remove(&*state_key::meter(&address(0))); // the operator has forgotten one
    let source = TestChain::started(state);
    let mut chain = light_node(dir.path(), &source, 2, 200);
    let peers = TestPeers::new(source, &SEEDS, 2);
    turns(&mut chain, &peers, 8).await;
    let depths: Vec<usize> = chain.lanes.iter().map(|lane| lane.queue.lock().unwrap().depth()).collect();
    assert_eq!(depths, [200, 0]);
    let words = chain.board.update(|facts| [facts.meters[0].submission, facts.meters[1].submission]);
    assert_eq!(words, ["not_registered", "idle"]);
}

/// Goal: a month's backlog of a whole village drains through one sponsor's bandwidth, without a storm of refusals.
/// Time is simulated: only the pauses decide who comes when.
#[tokio::test]
async fn a_villages_backlog_of_thirty_days_drains_within_the_sponsors_bandwidth() {
    const METERS: u8 = 8;
    const READINGS: u16 = 2880; // 30 days of quarter hours
    const SECONDS_PER_TX: u64 = 10;
    let dir = memory_dir();
    let source = TestChain::started(village(METERS));
    let mut chain = light_node(dir.path(), &source, METERS, READINGS);
    let peers = TestPeers::new(source, &SEEDS, 2);
    *peers.bucket.lock().unwrap() = Some(Bucket { left: 4, refused: 0 });
    let (mut seed, usual) = (7u64, Duration::from_secs(10));
    let mut random = move || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        seed >> 11
    };
    let mut due: Vec<u64> = (0..METERS)
        .map(|_| spread(usize::from(READINGS), Duration::from_secs(300), random()).as_millis() as u64)
        .collect();
    assert!(due.iter().max().unwrap() - due.iter().min().unwrap() > 60_000, "beginnings are spread: {due:?}");
    let (mut filled_ms, mut now_ms, mut sent) = (0, 0, 0u64);
    while depth(&chain) > 0 {
        let at = (0..due.len()).min_by_key(|at| due[*at]).unwrap();
        now_ms = due[at];
        assert!(now_ms < 4 * 3_600_000, "not drained within four hours: {} left", depth(&chain));
        if let Some(bucket) = peers.bucket.lock().unwrap().as_mut() {
            let drops = (now_ms - filled_ms) / (SECONDS_PER_TX * 1000);
            filled_ms += drops * SECONDS_PER_TX * 1000;
            bucket.left = (bucket.left + drops).min(4);
        }
        let lane = &mut chain.lanes[at];
        let peer = peers.peers[0];
        let result = lane.submitter.round(&mut chain.follower, &peers, peer).await;
        let acked = lane.queue.lock().unwrap().acked();
        let moved = lane.acked.replace(acked).is_some_and(|old| acked > old);
        let step = Step::of(&result, moved);
        sent += u64::from(matches!(step, Step::Moved | Step::Waiting));
        assert!(!matches!(step, Step::Failed | Step::Stuck), "{result:?}");
        due[at] = now_ms + lane.pacer.next(step, usual, random()).as_millis() as u64;
    }
    let refused = peers.bucket.lock().unwrap().as_ref().unwrap().refused;
    let needed = u64::from(METERS) * u64::from(READINGS).div_ceil(128);
    println!("{needed} transactions in {} min, {refused} refusals, {sent} sent", now_ms / 60_000);
    // At one in ten seconds the bandwidth itself asks for half an hour.
    assert!(now_ms < 3 * needed * SECONDS_PER_TX * 1000, "bandwidth lies idle: {now_ms} ms for {needed}");
    assert!(refused < 2 * needed, "{refused} refusals of peers for {needed} transactions");
    let accepted = peers.accepted.lock().unwrap().clone();
    let distinct: std::collections::BTreeSet<_> = accepted.iter().collect();
    assert_eq!(
        (accepted.len(), distinct.len()),
        (usize::from(READINGS) * usize::from(METERS), accepted.len())
    );
}

#[tokio::test]
async fn heights_and_genesis_are_on_the_board() {
    let dir = memory_dir();
    let source = TestChain::started(village(1));
    let mut chain = light_node(dir.path(), &source, 1, 0);
    chain.show(0).await.unwrap();
    let before = chain.board.update(|facts| facts.chain.clone());
    assert_eq!(
        (before.believing, before.reason, before.height),
        (false, Some("nothing_verified"), Height(0))
    );
    let peers = TestPeers::new(source.clone(), &SEEDS, 1);
    turns(&mut chain, &peers, 1).await;
    let after = chain.board.update(|facts| facts.chain.clone());
    assert_eq!((after.believing, after.height, after.peers), (true, Height(1), 1));
    assert_eq!((after.genesis_hash, after.hash), (source.headers[0].hash(), source.headers[1].hash()));
}

/// The village's microgrid with prices, and its meter 0 in it.
fn priced() -> State {
    let terms = tariff_tests::terms(&[(0, 300, 100)], 0);
    let mut state = tariff_tests::with_terms(with_balance(village(1), address(0), 5), &[(0, terms)]);
    let key = state_key::meter(&address(0)).to_vec();
    let mut record: MeterRecord = wattle_primitives::decode(&state[&key]).unwrap();
    record.microgrid = tariff_tests::GRID;
    state.insert(key, wattle_primitives::encode(&record));
    state
}

fn shown_tariff(chain: &Chain) -> Option<crate::follow::Tariff> {
    let now_ms = chain.clock.uptime_ms();
    let tariff = chain.board.update(|facts| facts.meters[0].tariff);
    tariff.filter(|tariff| now_ms <= tariff.until_ms).map(|tariff| tariff.tariff)
}

#[tokio::test]
async fn prices_are_shown_when_proven_and_not_when_forged_doubted_or_too_old() {
    let dir = memory_dir();
    let source = TestChain::started(priced());
    let mut chain = light_node(dir.path(), &source, 1, 0);
    let peers = TestPeers::new(source.clone(), &SEEDS, 2);
    for peer in &peers.peers {
        let cheap: Lie = Box::new(|_, request, honest| match (request, honest) {
            (Request::Proof { keys, .. }, Response::Proof(answer)) if keys[0][0] == state_key::TERMS => {
                altered(answer, |proven| {
                    let mut value = proven.value.take().unwrap().to_vec();
                    value[14] ^= 1; // a price
                    proven.value = Some(BoundedBytes::new(value).unwrap());
                })
            }
            (_, honest) => honest,
        });
        peers.lies.lock().unwrap().insert(*peer, cheap);
    }
    turns(&mut chain, &peers, 3).await;
    assert_eq!(shown_tariff(&chain), None);
    assert!(!peers.blamed.lock().unwrap().is_empty(), "forged terms are a lie");
    let credit = chain.board.update(|facts| facts.meters[0].credit);
    assert_eq!(credit.map(|credit| credit.available), Some(Amount(5)), "the balance was proven all the same");

    peers.lies.lock().unwrap().clear();
    turns(&mut chain, &peers, 1).await;
    let tariff = shown_tariff(&chain).unwrap();
    assert_eq!((tariff.import_price, tariff.export_price), (Amount(300), Amount(100)));
    assert_eq!((tariff.height, tariff.microgrid), (chain.follower.head().height, tariff_tests::GRID));
    let until_ms = chain.board.update(|facts| facts.meters[0].tariff).unwrap().until_ms;
    let in_a_row = chain.config.credit.age_ms_max - 50_000; // its header is a minute old
    assert!(
        until_ms < chain.clock.uptime_ms() + in_a_row,
        "it is not shown for longer than its header counts"
    );

    chain.config.credit.age_ms_max = 1000;
    chain.board.update(|facts| facts.meters[0].tariff = None);
    turns(&mut chain, &peers, 2).await;
    assert_eq!(shown_tariff(&chain), None, "its header is too old from the first");

    chain.config.credit.age_ms_max = 900_000;
    turns(&mut chain, &peers, 1).await;
    assert!(shown_tariff(&chain).is_some());
    let fork: Lie = Box::new(|_, _, honest| match honest {
        Response::LightBlock(light) => Response::LightBlock(Box::new(forked(*light, &SEEDS, &SEEDS))),
        other => other,
    });
    peers.lies.lock().unwrap().insert(peers.peers[1], fork);
    turns(&mut chain, &peers, 4).await;
    assert!(chain.doubt.is_some());
    assert_eq!(shown_tariff(&chain), None, "nothing is believed any more");
}

/// Goal: the way from a proven balance to a relay that has moved, with nothing in between but the light node's own
/// parts.
#[tokio::test]
async fn a_proven_balance_moves_the_relay() {
    let dir = memory_dir();
    let log = dir.path().join("log");
    let source = TestChain::started(with_balance(village(1), address(0), 5));
    let mut chain = light_node(dir.path(), &source, 1, 0);
    let peers = TestPeers::new(source, &SEEDS, 2);
    let (sender, inputs) = mpsc::channel(16);
    chain.relay = Some((0, sender));
    let command = |word: &str| {
        ["/bin/sh", "-c", &format!("echo {word} >> {}", log.display())].map(str::to_owned).to_vec()
    };
    let rules = crate::config::RelayConfig {
        min_switch_interval_ms: 0,
        disconnect_below: Some(Amount(3)),
        connect_at: Some(Amount(4)),
        ..crate::config::RelayConfig::default()
    };
    let relay = crate::run::relay::Relay {
        actuator: crate::relay::Actuator::Command { connect: command("on"), disconnect: command("off") },
        buses: Vec::new(),
        rules: rules.rules(),
        dir: dir.path().to_owned(),
        meter: 0,
        meter_lost_after_ms: u64::MAX,
        clock: Arc::clone(&chain.clock),
        board: Arc::clone(&chain.board),
        inputs,
    };
    let relay = tokio::spawn(relay.run());
    let said = || std::fs::read_to_string(&log).unwrap_or_default();
    for (balance, want) in [(5, "on\n"), (2, "on\noff\n"), (3, "on\noff\n"), (4, "on\noff\non\n")] {
        let key = state_key::balance(&AccountId::Wallet { owner: address(0) }, AssetId::NATIVE).to_vec();
        let record = BalanceRecord { credits_posted: balance, ..BalanceRecord::default() };
        peers.put(key, &record);
        // With a balance between both limits nothing is said, however often the chain is looked at.
        let looks = if balance == 3 { 0..=99 } else { 0..=8_999 };
        for look in looks.clone() {
            turns(&mut chain, &peers, 1).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
            if said() == want && balance != 3 {
                break;
            }
            assert!(said() == want || look != *looks.end(), "balance {balance}: {}", said());
        }
    }
    let kept = crate::relay::saved(dir.path());
    assert_eq!(kept.commanded, Some(crate::relay::Position::Connected));
    assert!(!relay.is_finished());
    relay.abort();
}

/// Goal: the light nodes of a village, which all have a reading at the end of the same interval, do not come together.
#[tokio::test]
async fn at_the_end_of_an_ordinary_interval_each_begins_at_a_moment_of_its_own() {
    const VILLAGE: u8 = 40;
    let dir = memory_dir();
    let source = TestChain::started(village(VILLAGE));
    let mut chain = light_node(dir.path(), &source, VILLAGE, 0);
    let peers = TestPeers::new(source.clone(), &SEEDS, 2);
    turns(&mut chain, &peers, 2).await;
    assert!(chain.lanes.iter().all(|lane| lane.resting));
    for meter in 0..VILLAGE {
        let lane = &chain.lanes[usize::from(meter)];
        record(&lane.queue, &signer(meter, source.headers[0].hash()), &chain.clock, 1);
    }
    hurry(&mut chain);
    chain.turn(&peers, &mut false).await.unwrap();
    let after = Instant::now();
    let sent = peers.received.lock().unwrap().len();
    assert!(sent <= 2, "{sent}: one may have drawn no time at all, and sends to two peers");
    // A thirtieth of a quarter of an hour: the first and the last of forty lie far apart.
    let begins = || chain.lanes.iter().map(|lane| lane.next);
    let (first, last) = (begins().min().unwrap(), begins().max().unwrap());
    assert!(last <= after + Duration::from_secs(30), "{:?}", last - after);
    assert!(last - first > Duration::from_secs(14), "{:?}", last - first);
    // A further reading that becomes durable lets only those come that have nothing to wait for.
    assert!(chain.lanes.iter().all(|lane| !lane.resting));
    turns(&mut chain, &peers, 3).await;
    assert_eq!(depth(&chain), 0);
    // Whoever wants no spreading has none.
    chain.config.submit_spread_ms = 0;
    turns(&mut chain, &peers, 1).await;
    record(&chain.lanes[0].queue, &signer(0, source.headers[0].hash()), &chain.clock, 2);
    turns(&mut chain, &peers, 2).await;
    assert_eq!(depth(&chain), 0);
}

#[tokio::test]
async fn a_silent_peer_holds_up_no_round() {
    let dir = memory_dir();
    let source = TestChain::started(with_balance(village(8), address(0), 5));
    let mut chain = light_node(dir.path(), &source, 8, 3);
    let peers = TestPeers::new(source, &SEEDS, 3);
    peers.silent.lock().unwrap().insert(peers.peers[0]);
    turns(&mut chain, &peers, 20).await;
    assert_eq!(depth(&chain), 0);
    let waited = *peers.waited.lock().unwrap();
    assert_eq!(waited, 1, "a time-out of ten seconds each");
    peers.silent.lock().unwrap().extend(peers.peers.clone());
    chain.silent.clear();
    turns(&mut chain, &peers, 1).await;
    assert_eq!(*peers.waited.lock().unwrap() - waited, 3, "each once, and no more in this round");
}

#[tokio::test]
async fn a_clock_that_is_wrong_is_remembered_until_the_chain_shows_that_it_is_right() {
    let dir = memory_dir();
    let source = TestChain::started(village(1));
    let head_ms = source.headers[1].time_ms.0;
    for (os_ms, wrong) in [(head_ms + 86_400_000, true), (head_ms, false), (0, false)] {
        let mut chain = light_node(dir.path(), &source, 1, 0);
        let peers = TestPeers::new(source.clone(), &SEEDS, 1);
        let time = crate::tests::chain::FixedTime::at(os_ms, false);
        let clock = Arc::new(Clock::of(1, Box::new(time)));
        clock.distrust(wrong); // or the trust period, which is an hour here, would be over
        let checkpoint = source.checkpoint(&SEEDS);
        chain.follower = Follower::open(checkpoint, dir.path(), Arc::clone(&clock)).unwrap();
        chain.clock = clock;
        turns(&mut chain, &peers, 1).await;
        assert_eq!(distrust::is_kept(dir.path()), wrong);
    }
}
