//! The chain's loop, redemptions: brings them to the chain, and looks at what it knows of the pay-as-you-go device.

use super::LightError;
use super::chain::{Chain, a_peer};
use crate::pace::{Step, random};
use crate::peers::Peers;
use crate::submit::{Progress, SubmitError};
use std::time::{Duration, Instant};

impl Chain {
    /// A round of the device's, if it is due and there is something to send or to learn. Returns what came of it.
    ///
    /// # Errors
    /// [`LightError::Paygo`], [`LightError::Worker`].
    pub(super) async fn report(&mut self, net: &impl Peers) -> Result<Option<Step>, LightError> {
        let usual = Duration::from_millis(self.config.follow_interval_ms);
        let now = Instant::now();
        let Some(device) = self.device.as_mut().filter(|device| now >= device.next) else { return Ok(None) };
        if now < device.next_look && !device.reporter.has_work().await? {
            return Ok(None);
        }
        let result = match a_peer(net) {
            Some(peer) => device.reporter.round(&mut self.follower, net, peer).await,
            None => Ok(Progress::NoPeer),
        };
        let full = matches!(&result, Err(SubmitError::Paygo(error)) if error.is_full());
        if matches!(&result, Err(SubmitError::Paygo(_) | SubmitError::Worker)) && !full {
            return result.map(|_| None).map_err(Into::into);
        }
        let step = Step::of(&result, false);
        device.next = now + device.pacer.next(step, usual, random());
        if matches!(step, Step::Idle | Step::Waiting | Step::Stuck) {
            device.next_look = now + Duration::from_millis(self.config.credit_interval_ms());
        }
        let refused = device.reporter.is_refused();
        self.board.update(|facts| {
            if let Some(paygo) = facts.paygo.as_mut() {
                paygo.refused = refused;
            }
        });
        if let Err(error) = &result {
            self.note(net, error);
        }
        Ok(Some(step))
    }
}

#[cfg(test)]
#[path = "report_tests.rs"]
pub(super) mod tests;
