//! The end of the process, or of the power, at every stage of read, queue, sign and submit.
//!
//! After `kill -9` everything written is there; after a power cut only what was synced is. Both are played for every
//! stage, many times in one life of a meter, against a chain that counts what it accepts.
#![expect(clippy::unwrap_used, reason = "tests")]

use super::chain::{SEEDS, TestChain, TestPeers, memory_dir, registered};
use super::life::{Life, energy, meter};
use crate::clock::Clock;
use crate::peers::Peers;
use crate::submit::Progress;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use wattle_p2p::wire::{Request, Response};
use wattle_p2p::{PeerId, RequestError};
use wattle_primitives::reading::SignedReading;

/// Where the end comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Read,
    Numbered,
    Appended,
    Synced,
    /// The batch is remembered; the transaction has not left.
    BeforeSend,
    /// The transaction has left and is in a block; the answer has not come.
    AfterSend,
    Sent,
    Settled,
}

const STAGES: [Stage; 8] = [
    Stage::Read,
    Stage::Numbered,
    Stage::Appended,
    Stage::Synced,
    Stage::BeforeSend,
    Stage::AfterSend,
    Stage::Sent,
    Stage::Settled,
];

/// Peers that are cut off at a transaction.
struct CutOff<'a> {
    peers: &'a TestPeers,
    stage: Stage,
    /// The end is here.
    reached: tokio::sync::Notify,
}

impl CutOff<'_> {
    async fn end(&self) {
        self.reached.notify_one();
        std::future::pending::<()>().await;
    }
}

impl Peers for CutOff<'_> {
    fn ready(&self) -> Vec<PeerId> {
        self.peers.ready()
    }

    async fn ask(&self, peer: PeerId, request: Request) -> Result<Response, RequestError> {
        let sends = matches!(request, Request::SubmitTx(_));
        if sends && self.stage == Stage::BeforeSend {
            self.end().await;
        }
        let answer = self.peers.ask(peer, request).await;
        if sends && self.stage == Stage::AfterSend {
            self.end().await;
        }
        answer
    }

    fn blame(&self, peer: PeerId) {
        self.peers.blame(peer);
    }
}

struct World {
    dir: PathBuf,
    /// The files that a power cut would leave.
    durable: PathBuf,
    peers: TestPeers,
    /// Every reading that was ever signed, by number.
    signed: BTreeMap<u64, SignedReading>,
    /// Numbers of those that were synced.
    synced: BTreeSet<u64>,
    counter: u16,
}

impl World {
    fn start(&self) -> Life {
        let checkpoint = self.peers.chain.lock().unwrap().checkpoint(&SEEDS);
        let life = Life::start(&self.dir, checkpoint, Clock::start(true).unwrap());
        self.keep(|name| name == "state");
        self.keep(|_| true); // an open queue has made durable what it found
        life
    }

    /// Notes files of the queue as durable, and those that are gone as gone.
    fn keep(&self, which: impl Fn(&str) -> bool) {
        copy(&self.dir.join("queue"), &self.durable, which);
    }

    fn end(&self, life: Life, power: bool) {
        drop(life);
        if power {
            copy(&self.durable, &self.dir.join("queue"), |_| true);
        }
    }

    /// Goes through the stages up to `last`.
    async fn live(&mut self, life: &mut Life, last: Stage) {
        self.counter += 1;
        if last == Stage::Read {
            return;
        }
        let seq = life.queue.lock().unwrap().next_seq().unwrap();
        self.keep(|name| name == "state");
        let reading = life.signer.reading(seq, &energy(self.counter, 0), &life.clock);
        assert!(self.signed.insert(seq, reading.clone()).is_none(), "number {seq} was given twice");
        if last == Stage::Numbered {
            return;
        }
        life.queue.lock().unwrap().append(&reading).unwrap();
        if last == Stage::Appended {
            return;
        }
        life.queue.lock().unwrap().sync().unwrap();
        self.keep(|_| true);
        self.synced.insert(seq);
        if last == Stage::Synced {
            return;
        }
        let peers = CutOff { peers: &self.peers, stage: last, reached: tokio::sync::Notify::new() };
        let rounds = if last == Stage::Settled { 2 } else { 1 };
        for _ in 0..rounds {
            tokio::select! {
                round = life.submitter.round(&mut life.follower, &peers, self.peers.peers[0]) => {
                    round.unwrap();
                }
                () = peers.reached.notified() => {}
            }
            self.keep(|name| name == "state");
        }
    }

    /// Every reading that was synced is on the chain or still waits.
    fn check(&self, life: &Life, what: &str) {
        let waiting = life.queue.lock().unwrap().pending(0, u64::MAX, usize::MAX).unwrap();
        for reading in &waiting {
            assert_eq!(self.signed.get(&reading.reading.seq), Some(reading), "{what}: another reading");
        }
        let accepted: Vec<u64> = self.peers.accepted.lock().unwrap().iter().map(|(_, seq)| *seq).collect();
        assert!(accepted.windows(2).all(|pair| pair[0] < pair[1]), "{what}: taken twice: {accepted:?}");
        let there = |seq: &u64| accepted.contains(seq) || waiting.iter().any(|r| r.reading.seq == *seq);
        let lost: Vec<&u64> = self.synced.iter().filter(|seq| !there(seq)).collect();
        assert!(lost.is_empty(), "{what}: lost {lost:?}");
    }
}

fn copy(from: &Path, to: &Path, which: impl Fn(&str) -> bool) {
    std::fs::create_dir_all(to).unwrap();
    let names = |dir: &Path| -> Vec<String> {
        let entries = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
        entries.filter(|name| name != "lock" && which(name)).collect()
    };
    for name in names(to) {
        std::fs::remove_file(to.join(name)).unwrap();
    }
    for name in names(from) {
        std::fs::copy(from.join(&name), to.join(&name)).unwrap();
    }
}

#[tokio::test]
async fn no_reading_is_lost_and_none_taken_twice_whenever_the_end_comes() {
    let dir = memory_dir();
    let chain = TestChain::started(registered(meter(), None));
    let mut world = World {
        dir: dir.path().join("node"),
        durable: dir.path().join("durable"),
        peers: TestPeers::new(chain, &SEEDS, 2),
        signed: BTreeMap::new(),
        synced: BTreeSet::new(),
        counter: 0,
    };
    std::fs::create_dir_all(&world.dir).unwrap();
    // Each stage after each other one, by power cut and by kill, with one or three readings before the end.
    for (turn, (first, second)) in
        STAGES.iter().flat_map(|a| STAGES.iter().map(move |b| (*a, *b))).enumerate()
    {
        for power in [false, true] {
            let what = format!("{first:?} then {second:?}, power cut: {power}");
            let mut life = world.start();
            world.check(&life, &what);
            for _ in 0..turn % 3 {
                world.live(&mut life, Stage::Synced).await;
            }
            world.live(&mut life, first).await;
            world.end(life, power);
            let mut life = world.start();
            world.check(&life, &what);
            world.live(&mut life, second).await;
            world.end(life, !power);
        }
    }
    let mut life = world.start();
    world.live(&mut life, Stage::Synced).await;
    loop {
        let peer = world.peers.peers[0];
        let progress = life.submitter.round(&mut life.follower, &world.peers, peer).await.unwrap();
        if progress == Progress::Idle {
            break;
        }
    }
    world.check(&life, "the end");
    let accepted: BTreeSet<u64> = world.peers.accepted.lock().unwrap().iter().map(|(_, seq)| *seq).collect();
    assert_eq!(life.depth(), 0);
    assert!(world.synced.is_subset(&accepted));
    assert!(world.synced.len() > 100, "{} readings", world.synced.len());
}
