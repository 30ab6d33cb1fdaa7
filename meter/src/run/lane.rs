//! One meter's way to the chain: its queue, its submitter, and its own pace.

use crate::clock::Clock;
use crate::pace::Pacer;
use crate::sign::Signer;
use crate::submit::{Payment, SharedQueue, SubmitError, Submitter, with_queue};
use std::sync::Arc;
use std::time::Instant;
use wattle_primitives::Address;

/// One meter's way to the chain.
pub(crate) struct Lane {
    /// Index of the meter.
    pub(crate) meter: usize,
    pub(crate) name: String,
    pub(crate) address: Address,
    pub(crate) queue: SharedQueue,
    pub(crate) submitter: Submitter,
    pub(crate) pacer: Pacer,
    pub(crate) next: Instant,
    pub(crate) acked: Option<u64>,
    /// Nothing waited at the last look: what comes next is begun with at a moment of its own.
    pub(crate) resting: bool,
    /// The disk is full: told once.
    pub(crate) full: bool,
}

/// A queue at a glance.
pub(super) struct Glance {
    pub(super) work: bool,
    pub(super) acked: u64,
    pub(super) depth: usize,
    pub(super) written: u64,
}

impl Lane {
    pub(crate) fn new(
        meter: usize,
        name: String,
        signer: Arc<Signer>,
        queue: SharedQueue,
        clock: Arc<Clock>,
        payment: Payment,
    ) -> Self {
        Self {
            meter,
            name,
            address: signer.meter(),
            queue: Arc::clone(&queue),
            submitter: Submitter::new(signer, queue, clock, payment),
            pacer: Pacer::default(),
            next: Instant::now(),
            acked: None,
            resting: false,
            full: false,
        }
    }

    pub(super) async fn glance(&self) -> Result<Glance, SubmitError> {
        with_queue(&self.queue, |queue| {
            let work = queue.depth() > 0 || queue.inflight().is_some() || !queue.is_anchored();
            let (acked, depth, written) = (queue.acked(), queue.depth(), queue.written_bytes());
            Ok(Glance { work, acked, depth, written })
        })
        .await
    }
}
