//! Data that the node's threads, the network task and the connections share.
//!
//! A validator message goes from the caller straight into the queue of each connection, without a detour through the
//! network task: on the path of a vote every hand-over between tasks costs latency.

use crate::config::Limits;
use crate::error::SendError;
use crate::event::PeerInfo;
use crate::wire::{BLOCK_FRAME_BYTES_MAX, VOTE_FRAME_BYTES_MAX, ValidatorMessage};
use libp2p::{Multiaddr, PeerId};
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};
use wattle_primitives::{Height, PublicKey, encode, planted};

/// The two streams between validators. A block must not hold up votes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Votes, certificates, links, signs of life and clocks.
    Votes = 0,
    /// Proposals with their blocks.
    Blocks = 1,
}

impl Lane {
    pub(crate) const ALL: [Self; 2] = [Self::Votes, Self::Blocks];

    /// Most bytes of a message on this stream.
    pub(crate) const fn frame_bytes_max(self) -> usize {
        match self {
            Self::Votes => VOTE_FRAME_BYTES_MAX,
            Self::Blocks => BLOCK_FRAME_BYTES_MAX,
        }
    }

    /// The stream that `message` belongs on.
    pub(crate) const fn of(message: &ValidatorMessage) -> Self {
        match message {
            ValidatorMessage::Proposal { .. } => Self::Blocks,
            ValidatorMessage::Vote(_)
            | ValidatorMessage::Certificate(_)
            | ValidatorMessage::Links(_)
            | ValidatorMessage::Heard(_)
            | ValidatorMessage::Clock(_) => Self::Votes,
        }
    }
}

/// A length-prefixed message, encoded once for all peers.
pub(crate) type Frame = Arc<[u8]>;

/// Bytes of a frame's length prefix (`u32`, little endian).
pub(crate) const PREFIX_BYTES: usize = 4;

/// Frames waiting for one stream; when full the oldest goes.
#[derive(Debug)]
pub(crate) struct Outbox {
    capacity: usize,
    /// A frame that waits or is being written is not queued again: a leader repeats its block until it has an answer,
    /// and a narrow link carries it once.
    once: bool,
    state: Mutex<OutboxState>,
}

#[derive(Debug, Default)]
struct OutboxState {
    frames: VecDeque<Frame>,
    /// Those taken last, where each is to be written once.
    writing: Vec<Frame>,
    waker: Option<Waker>,
}

impl Outbox {
    pub(crate) fn new(capacity: usize, once: bool) -> Self {
        Self { capacity: capacity.max(1), once, state: Mutex::default() }
    }

    /// Queues a frame and wakes the stream.
    pub(crate) fn push(&self, frame: Frame) {
        let mut state = lock(&self.state);
        if self.once && state.writing.iter().chain(&state.frames).any(|known| *known == frame) {
            return;
        }
        if state.frames.len() >= self.capacity {
            state.frames.pop_front();
        }
        state.frames.push_back(frame);
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// The stream broke: what was being written may be lost.
    pub(crate) fn broken(&self) {
        lock(&self.state).writing.clear();
    }

    /// The next bytes to write, when those before are written: several small frames joined, as long as they stay
    /// below `batch_bytes`. Registers for a wake-up when there are none.
    pub(crate) fn take(&self, cx: &Context<'_>, batch_bytes: usize) -> Option<Frame> {
        let mut state = lock(&self.state);
        state.writing.clear();
        let Some(first) = state.frames.pop_front() else {
            state.waker = Some(cx.waker().clone());
            return None;
        };
        let mut total = first.len();
        let mut more = 0usize;
        for frame in &state.frames {
            total = total.saturating_add(frame.len());
            if total > batch_bytes {
                break;
            }
            more = more.saturating_add(1);
        }
        let mut taken = vec![first];
        taken.extend(state.frames.drain(..more));
        let bytes = match &taken[..] {
            [one] => Frame::clone(one),
            several => several.concat().into(),
        };
        if self.once {
            state.writing = taken;
        }
        Some(bytes)
    }
}

/// The queues towards one validator.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) key: PublicKey,
    outboxes: [Outbox; 2],
}

impl Link {
    pub(crate) fn new(key: PublicKey, limits: &Limits) -> Self {
        let (votes, blocks) = (limits.vote_queue_max, limits.block_queue_max);
        let once = !planted!("block-queued-twice");
        Self { key, outboxes: [Outbox::new(votes, false), Outbox::new(blocks, once)] }
    }

    pub(crate) fn outbox(&self, lane: Lane) -> &Outbox {
        match lane {
            Lane::Votes => &self.outboxes[0],
            Lane::Blocks => &self.outboxes[1],
        }
    }
}

/// The queues towards validators, and the peers and addresses to show.
pub(crate) struct Shared {
    pub(crate) local: PeerId,
    pub(crate) limits: Limits,
    height: AtomicU64,
    /// Peers that take gossiped transactions.
    takers: AtomicUsize,
    /// One for each key: with whom, and the queues.
    links: Mutex<BTreeMap<PublicKey, (PeerId, Arc<Link>)>>,
    peers: Mutex<BTreeMap<PeerId, PeerInfo>>,
    addresses: Mutex<Vec<Multiaddr>>,
}

impl Shared {
    pub(crate) fn new(local: PeerId, limits: Limits, height: Height) -> Self {
        Self {
            local,
            limits,
            height: AtomicU64::new(height.0),
            takers: AtomicUsize::new(0),
            links: Mutex::default(),
            peers: Mutex::default(),
            addresses: Mutex::default(),
        }
    }

    pub(crate) fn broadcast(&self, message: &ValidatorMessage) -> Result<usize, SendError> {
        let frame = frame(message)?;
        let links = lock(&self.links);
        for (_, link) in links.values() {
            link.outbox(Lane::of(message)).push(Frame::clone(&frame));
        }
        Ok(links.len())
    }

    pub(crate) fn send(&self, to: &PublicKey, message: &ValidatorMessage) -> Result<(), SendError> {
        let frame = frame(message)?;
        let links = lock(&self.links);
        let (_, link) = links.get(to).ok_or(SendError::NotConnected)?;
        link.outbox(Lane::of(message)).push(frame);
        Ok(())
    }

    /// Sets or removes the queues towards a peer. Those of another peer with the same key go.
    pub(crate) fn set_link(&self, peer: PeerId, link: Option<Arc<Link>>) {
        let mut links = lock(&self.links);
        links.retain(|_, (with, _)| *with != peer);
        if let Some(link) = link {
            links.insert(link.key, (peer, link));
        }
    }

    pub(crate) fn height(&self) -> Height {
        Height(self.height.load(Ordering::Relaxed))
    }

    pub(crate) fn set_height(&self, height: Height) {
        self.height.store(height.0, Ordering::Relaxed);
    }

    pub(crate) fn takers(&self) -> usize {
        self.takers.load(Ordering::Relaxed)
    }

    pub(crate) fn set_takers(&self, count: usize) {
        self.takers.store(count, Ordering::Relaxed);
    }

    pub(crate) fn peers(&self) -> Vec<PeerInfo> {
        lock(&self.peers).values().cloned().collect()
    }

    /// Publishes what is known of a peer, or forgets it.
    pub(crate) fn set_peer(&self, peer: PeerId, info: Option<PeerInfo>) {
        let mut peers = lock(&self.peers);
        match info {
            Some(info) => peers.insert(peer, info),
            None => peers.remove(&peer),
        };
    }

    pub(crate) fn listen_addrs(&self) -> Vec<Multiaddr> {
        lock(&self.addresses).clone()
    }

    pub(crate) fn set_listening(&self, address: &Multiaddr, on: bool) {
        let mut addresses = lock(&self.addresses);
        addresses.retain(|a| a != address);
        if on {
            addresses.push(address.clone());
        }
    }
}

/// Encodes a message behind its length.
fn frame(message: &ValidatorMessage) -> Result<Frame, SendError> {
    let body = encode(message);
    let max = Lane::of(message).frame_bytes_max();
    let too_long = SendError::TooLong { max, got: body.len() };
    if body.len() > max {
        return Err(too_long);
    }
    let length = u32::try_from(body.len()).map_err(|_| too_long)?;
    let mut bytes = Vec::with_capacity(body.len().saturating_add(PREFIX_BYTES));
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(&body);
    Ok(bytes.into())
}

/// Locks, also after a panic elsewhere: every critical section here leaves its value whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[path = "shared_tests.rs"]
mod tests;
