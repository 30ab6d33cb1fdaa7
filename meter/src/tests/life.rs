//! A meter's way to the chain, from its signer to its submitter, as tests need it.
#![expect(clippy::unwrap_used, reason = "tests")]

use crate::clock::Clock;
use crate::follow::Follower;
use crate::queue::Queue;
use crate::sensor::Energy;
use crate::sign::Signer;
use crate::submit::{Payment, SharedQueue, Submitter};
use std::path::Path;
use std::sync::{Arc, Mutex};
use wattle_chain_spec::Checkpoint;
use wattle_primitives::reading::{RegisterEncoding, Words};
use wattle_primitives::{Address, Amount, SecretKey};

/// One life of a light node with one meter, from a start to its end.
pub(crate) struct Life {
    pub(crate) queue: SharedQueue,
    pub(crate) submitter: Submitter,
    pub(crate) follower: Follower,
    pub(crate) signer: Arc<Signer>,
    pub(crate) clock: Arc<Clock>,
}

impl Life {
    pub(crate) fn start(dir: &Path, checkpoint: Checkpoint, clock: Clock) -> Self {
        let clock = Arc::new(clock);
        let follower = Follower::open(checkpoint, dir, Arc::clone(&clock)).unwrap();
        let signer = Arc::new(Signer::new(key(), follower.chain()));
        let queue = Arc::new(Mutex::new(Queue::open(&dir.join("queue"), 1000).unwrap().0));
        let payment = Payment { fee_payer: signer.meter(), max_fee: Amount(1000) };
        let submitter = Submitter::new(Arc::clone(&signer), Arc::clone(&queue), Arc::clone(&clock), payment);
        Self { queue, submitter, follower, signer, clock }
    }

    pub(crate) fn depth(&self) -> usize {
        self.queue.lock().unwrap().depth()
    }
}

pub(crate) fn key() -> SecretKey {
    SecretKey::from_seed([77; 32])
}

pub(crate) fn meter() -> Address {
    Address::of_key(&key().public())
}

/// Both words of a counter that shows a small number.
pub(crate) fn words(low: u16) -> Words {
    Words::new(vec![0, low]).unwrap()
}

pub(crate) fn energy(import: u16, export: u16) -> Energy {
    Energy::decode(RegisterEncoding::Uint32Wh, words(import), words(export)).unwrap()
}

/// Signs a reading, and makes it durable. Returns its number.
pub(crate) fn record(queue: &SharedQueue, signer: &Signer, clock: &Clock, import: u16) -> u64 {
    let mut queue = queue.lock().unwrap();
    let seq = queue.next_seq().unwrap();
    queue.append(&signer.reading(seq, &energy(import, 0), clock)).unwrap();
    queue.sync().unwrap();
    seq
}
