//! The device's loop: takes tokens in, draws what is used, and shows what is left.
//!
//! A token's effect is on the disk before the board shows it, and so before the relay moves and anybody is told. A
//! disk that is full refuses tokens, unspent, and everything else goes on.

use super::LightError;
use crate::board::Board;
use crate::clock::Clock;
use crate::paygo::{Answer, Look, Paygo, PaygoStatus, SharedPaygo, Typed, order, with_paygo};
use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, mpsc};
use wattle_host::{FileError, causes};
use wattle_primitives::{Address, Hash};

/// Between two looks at orders, meter and time.
const TICK: Duration = Duration::from_secs(1);

/// The device's loop.
pub(crate) struct Till {
    pub(crate) paygo: SharedPaygo,
    pub(crate) dir: PathBuf,
    /// Index of the meter that draws, and its address.
    pub(crate) meter: (usize, Address),
    /// From this age of the newest header on the chain is out of reach, ms.
    pub(crate) offline_after_ms: u64,
    pub(crate) clock: Arc<Clock>,
    pub(crate) board: Arc<Board>,
    /// Tells the chain's loop of redemptions.
    pub(crate) fresh: Arc<Notify>,
    /// Tokens from the page.
    pub(crate) typed: mpsc::Receiver<Typed>,
}

impl Till {
    /// Runs until the disk refuses.
    ///
    /// # Errors
    /// [`LightError::Paygo`], [`LightError::Worker`].
    pub(crate) async fn run(mut self) -> Result<Infallible, LightError> {
        loop {
            let look = self.look();
            self.change(move |paygo| paygo.tick(look)).await?.or_else(passing)?;
            self.obey().await?;
            match tokio::time::timeout(TICK, self.typed.recv()).await {
                Ok(Some(Typed { digits, answer })) => {
                    let result = self.take(digits, None).await?;
                    let _ = answer.send(result); // whoever asked may be gone: the token is taken all the same
                }
                Ok(None) => tokio::time::sleep(TICK).await, // nobody serves a page
                Err(_) => {}
            }
        }
    }

    /// Takes the token that an order brings, if there is one.
    async fn obey(&self) -> Result<(), LightError> {
        let Some(order::Order { id, digits }) = order::waiting(&self.dir) else { return Ok(()) };
        let before = with_paygo(&self.paygo, move |paygo| paygo.has_answered(&id)).await;
        let answered = before.ok_or(LightError::Worker)?;
        if !answered && let Err(error) = self.take(digits, Some(id)).await? {
            return passing(error); // it waits for room
        }
        order::done(&self.dir).map_err(LightError::Paygo)
    }

    async fn take(
        &self,
        digits: String,
        order: Option<Hash>,
    ) -> Result<Result<Answer, FileError>, LightError> {
        let look = self.look();
        let result = self.change(move |paygo| paygo.take(&digits, look, order)).await?;
        match &result {
            Ok(Answer::Taken { kind, .. }) => {
                tracing::info!(kind, "token taken");
                self.fresh.notify_one();
            }
            Ok(Answer::Invalid { locked_ms }) => tracing::warn!(locked_ms, "token is none of this device's"),
            Ok(_) => {}
            Err(error) => tracing::error!(error = causes(error), "token not taken: nothing can be kept"),
        }
        Ok(result)
    }

    /// Changes the device, and shows it as it is then.
    async fn change<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Paygo) -> Result<T, FileError> + Send + 'static,
    ) -> Result<Result<T, FileError>, LightError> {
        let changed = with_paygo(&self.paygo, |paygo| {
            let result = work(paygo);
            (result, paygo.status(), paygo.take_written())
        });
        let (result, status, written) = changed.await.ok_or(LightError::Worker)?;
        self.board.wrote(written);
        self.show(status, result.as_ref().err());
        Ok(result)
    }

    fn show(&self, status: PaygoStatus, error: Option<&FileError>) {
        let error = error.map(|error| causes(error));
        let (device, low, supplies) = (status.device, status.low, status.supplies);
        let before = self.board.update(|facts| {
            let refused = facts.paygo.as_ref().is_some_and(|before| before.refused);
            facts.paygo.replace(PaygoStatus { refused, error: error.clone(), ..status })
        });
        let before = before.unwrap_or_default();
        if let Some(error) = error.filter(|error| before.error.as_ref() != Some(error)) {
            tracing::error!(%device, error, "nothing can be kept of the pay-as-you-go device");
        }
        if low && !before.low {
            tracing::warn!(%device, "credit is low");
        }
        if supplies != before.supplies {
            tracing::info!(%device, supplies, "credit decides on the supply");
        }
    }

    fn look(&self) -> Look {
        let (meter, address) = self.meter;
        self.board.update(|facts| {
            let import = facts.meters.get(meter).and_then(|facts| facts.import_wh);
            let online = facts.chain.age_ms.is_some_and(|age_ms| age_ms < self.offline_after_ms);
            look(&self.clock, import.map(|import| (address, import)), online)
        })
    }
}

/// A look at the time, the meter and the chain.
pub(super) fn look(
    clock: &Clock,
    import: Option<(Address, wattle_primitives::WattHours)>,
    online: bool,
) -> Look {
    let known = Some(clock.now()).filter(|_| clock.is_known());
    Look { uptime_ms: clock.uptime_ms(), clock: known, import, online }
}

/// A disk that is full passes.
pub(super) fn passing(error: FileError) -> Result<(), LightError> {
    if error.is_full() { Ok(()) } else { Err(LightError::Paygo(error)) }
}
