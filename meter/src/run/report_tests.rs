#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::paygo::{Answer, Look, Paygo, Reporter, SharedPaygo};
use crate::run::chain::tests::{address, depth, hurry, light_node, signer, village};
use crate::run::device::DeviceLane;
use crate::run::paygo::look;
use crate::submit::Payment;
use crate::tests::chain::{SEEDS, TestChain, TestPeers, memory_dir};
use crate::tests::paygo::{DEVICE, add, commitment, device, redeem, secret, token, with_device};
use openpaygo::Command;
use std::path::Path;
use std::sync::{Arc, Mutex};
use wattle_primitives::call::paygo::{Token, TokenKind};
use wattle_primitives::state_key::{self, AccountRecord};
use wattle_primitives::{Amount, Hash, Lane, Nonce};

/// A light node with one meter, which is a device too.
struct Bench {
    chain: Chain,
    peers: TestPeers,
    paygo: SharedPaygo,
}

pub(in crate::run) fn open(dir: &Path) -> SharedPaygo {
    let config = crate::config::PaygoConfig { device: DEVICE, ..crate::config::PaygoConfig::default() };
    Arc::new(Mutex::new(Paygo::open(dir, config.rules(), secret(), Look::default()).unwrap()))
}

/// The device's way to the chain: the meter's key is the redemption key too.
pub(in crate::run) fn report(chain: &Chain, paygo: &SharedPaygo) -> DeviceLane {
    let signer = signer(0, chain.follower.chain());
    let payment = Payment { fee_payer: address(0), max_fee: Amount(1000) };
    let device = (Arc::clone(paygo), DEVICE);
    DeviceLane::new(Reporter::new(device, Arc::clone(&signer), signer, Arc::clone(&chain.clock), payment))
}

fn bench(dir: &Path, readings: u16) -> Bench {
    let key = signer(0, Hash::ZERO).public();
    let source = TestChain::started(with_device(village(1), key));
    let mut chain = light_node(dir, &source, 1, readings);
    let paygo = open(dir);
    chain.device = Some(report(&chain, &paygo));
    Bench { chain, peers: TestPeers::new(source, &SEEDS, 3), paygo }
}

impl Bench {
    /// Types a token whose commitment is on the chain.
    fn take(&self, command: Command, last: u32) -> u32 {
        let (digits, count) = token(command, last);
        let kind = match command {
            Command::Add { .. } => TokenKind::Add,
            Command::Set { .. } => TokenKind::Set,
            _ => panic!("not sold here"),
        };
        let named = Token { count, kind, value: command.value() };
        self.peers.commitments.lock().unwrap().insert(count, commitment(&named));
        let look = look(&self.chain.clock, None, true);
        let answer = self.paygo.lock().unwrap().take(&digits, look, None).unwrap();
        assert!(matches!(answer, Answer::Taken { .. }), "{answer:?}");
        count
    }

    async fn turns(&mut self, count: usize) {
        let mut alone = false;
        for _ in 0..count {
            hurry(&mut self.chain);
            let now = Instant::now();
            let device = self.chain.device.as_mut().unwrap();
            (device.next, device.next_look) = (now, now);
            self.chain.turn(&self.peers, &mut alone).await.unwrap();
        }
    }

    fn unreported(&self) -> usize {
        self.paygo.lock().unwrap().status().unreported
    }

    /// Energy that the chain has given the device, Wh.
    fn given(&self) -> u128 {
        device(&self.peers.chain.lock().unwrap().state).1.credits_posted
    }
}

/// Goal: redemptions that were made without a link all come to the chain, each once, beside the readings.
#[tokio::test]
async fn redemptions_of_weeks_come_to_the_chain_once_each_beside_readings() {
    let dir = memory_dir();
    let mut bench = bench(dir.path(), 150);
    let mut last = 1;
    for value in 1..=20 {
        last = bench.take(Command::Add { value }, last);
    }
    last = bench.take(Command::Set { value: 50 }, last);
    bench.turns(12).await;
    assert_eq!((bench.unreported(), depth(&bench.chain)), (0, 0));
    assert_eq!(bench.given(), 100 * (210 + 50));
    let record = device(&bench.peers.chain.lock().unwrap().state).0;
    assert_eq!(record.count, last);
    let sent = bench.peers.received.lock().unwrap().len();
    bench.turns(5).await;
    assert_eq!(bench.peers.received.lock().unwrap().len(), sent, "and nothing more");
    let status = bench.paygo.lock().unwrap().status();
    assert!(status.redemptions.iter().all(|one| one.reported), "{status:?}");
    assert_eq!(status.credit.wh.map(|wh| wh.0), Some(5_000), "what the chain knows gives nothing again");
}

/// A power cut after a transaction left: what is in it is sent again, and counts once.
#[tokio::test]
async fn a_restart_while_a_redemption_is_under_way_reports_it_once() {
    let dir = memory_dir();
    let mut bench = bench(dir.path(), 0);
    bench.take(Command::Add { value: 10 }, 1);
    for _ in 0..3 {
        bench.turns(1).await;
        bench.paygo = open(dir.path());
        bench.chain.device = Some(report(&bench.chain, &bench.paygo));
    }
    *bench.peers.losing.lock().unwrap() = true;
    bench.take(Command::Add { value: 5 }, 2);
    bench.turns(3).await;
    bench.paygo = open(dir.path());
    bench.chain.device = Some(report(&bench.chain, &bench.paygo));
    *bench.peers.losing.lock().unwrap() = false;
    bench.turns(3).await;
    assert_eq!((bench.unreported(), bench.given()), (0, 1_500));
    assert_eq!(bench.paygo.lock().unwrap().status().credit.wh.map(|wh| wh.0), Some(1_500));
}

#[tokio::test]
async fn what_the_operator_confirmed_first_is_neither_sent_nor_given_again() {
    let dir = memory_dir();
    let mut bench = bench(dir.path(), 0);
    let first = bench.take(Command::Add { value: 10 }, 1);
    bench.take(Command::Add { value: 3 }, first);
    let confirmed = Token { count: first, kind: TokenKind::Add, value: 10 };
    bench.peers.change(|state| assert!(redeem(state, &confirmed)));
    bench.turns(4).await;
    assert_eq!((bench.unreported(), bench.given()), (0, 1_300));
    // Redeemed by a gateway, and typed by the customer all the same.
    let gift = Token { count: 6, kind: TokenKind::Add, value: 7 };
    bench.peers.change(|state| assert!(redeem(state, &gift)));
    bench.turns(2).await;
    let credit = || bench.paygo.lock().unwrap().status().credit.wh.map(|wh| wh.0);
    assert_eq!(credit(), Some(2_000));
    let look = look(&bench.chain.clock, None, true);
    let answer = bench.paygo.lock().unwrap().take(&add(7, 4).0, look, None).unwrap();
    assert_eq!((answer, credit()), (Answer::AlreadyUsed, Some(2_000)));
}

/// One of two redemptions on their way came through otherwise: the other one is not sent with it again, to be refused.
#[tokio::test]
async fn what_came_through_otherwise_is_not_sent_again_with_others() {
    let dir = memory_dir();
    let mut bench = bench(dir.path(), 0);
    bench.take(Command::Add { value: 1 }, 1);
    bench.take(Command::Add { value: 2 }, 2);
    *bench.peers.losing.lock().unwrap() = true;
    bench.turns(2).await;
    bench.peers.change(|state| assert!(redeem(state, &Token { count: 2, kind: TokenKind::Add, value: 1 })));
    *bench.peers.losing.lock().unwrap() = false;
    bench.turns(4).await;
    assert_eq!((bench.unreported(), bench.given()), (0, 300));
    let account = state_key::account(&address(0));
    let record = bench.peers.chain.lock().unwrap().state[&*account].clone();
    let record: AccountRecord = wattle_primitives::decode(&record).unwrap();
    assert_eq!(record.nonce(Lane(1)), Nonce(1), "one transaction took effect, and none came to nothing");
}

/// One whose commitment is another's holds up no other one, and is told.
#[tokio::test]
async fn a_redemption_that_the_chain_refuses_holds_up_no_other_one() {
    let dir = memory_dir();
    let mut bench = bench(dir.path(), 0);
    let mut last = 1;
    for value in 1..=5 {
        last = bench.take(Command::Add { value }, last);
    }
    bench.peers.commitments.lock().unwrap().insert(4, Hash([1; 32]));
    bench.turns(25).await;
    assert_eq!((bench.unreported(), bench.given()), (1, 100 * (1 + 3 + 4 + 5)));
    let refused = bench.chain.device.as_ref().unwrap().reporter.is_refused();
    let sent = bench.peers.received.lock().unwrap().len();
    bench.turns(5).await;
    assert_eq!((refused, bench.peers.received.lock().unwrap().len()), (true, sent), "it waits, ever longer");
}

#[tokio::test]
async fn a_device_that_the_chain_does_not_know_waits() {
    let dir = memory_dir();
    let mut bench = bench(dir.path(), 3);
    bench.peers.change(|state| drop(state.remove(&*state_key::device(&DEVICE))));
    bench.take(Command::Add { value: 10 }, 1);
    bench.turns(4).await;
    assert_eq!((bench.unreported(), depth(&bench.chain)), (1, 0), "readings do not");
}
