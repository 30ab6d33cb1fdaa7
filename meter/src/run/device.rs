//! The pay-as-you-go device's way to the chain: its reporter, and its own pace.

use crate::pace::Pacer;
use crate::paygo::Reporter;
use std::time::Instant;

/// The device's way to the chain.
pub(crate) struct DeviceLane {
    pub(super) reporter: Reporter,
    pub(super) pacer: Pacer,
    pub(super) next: Instant,
    /// When the device's record is looked at though nothing waits.
    pub(super) next_look: Instant,
}

impl DeviceLane {
    pub(crate) fn new(reporter: Reporter) -> Self {
        let now = Instant::now();
        Self { reporter, pacer: Pacer::default(), next: now, next_look: now }
    }
}
