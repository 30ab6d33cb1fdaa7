//! The loop of one meter: samples feed the status page, readings are signed at the ends of intervals.

use super::LightError;
use crate::board::Board;
use crate::clock::Clock;
use crate::sensor::{Energy, Sample, Sensor, SensorError, Verdict};
use crate::sign::Signer;
use crate::submit::{SharedQueue, with_queue};
use crate::today::Day;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// When a meter is read, and when a reading is durable.
#[derive(Clone, Copy)]
pub(crate) struct Intervals {
    pub(crate) sample: Duration,
    pub(crate) reading_ms: u64,
    pub(crate) sync: Duration,
}

/// The meter's loop.
pub(crate) struct Metering {
    /// Index on the board.
    pub(crate) index: usize,
    pub(crate) name: String,
    pub(crate) sensor: Sensor,
    pub(crate) intervals: Intervals,
    /// What signs and keeps readings; `None` for a meter that only shows.
    pub(crate) books: Option<Books>,
    pub(crate) clock: Arc<Clock>,
    pub(crate) board: Arc<Board>,
    pub(crate) day: Day,
    pub(crate) unsynced_since: Option<Instant>,
    pub(crate) failing: bool,
}

/// What makes a reading of counters.
#[derive(Clone)]
pub(crate) struct Books {
    pub(crate) signer: Arc<Signer>,
    pub(crate) queue: SharedQueue,
    /// Tells the chain's loop of new durable readings.
    pub(crate) fresh: Arc<Notify>,
}

impl Metering {
    /// Runs until the disk refuses.
    ///
    /// # Errors
    /// [`LightError::Queue`], [`LightError::Worker`].
    pub(crate) async fn run(mut self) -> Result<Infallible, LightError> {
        let interval = self.intervals.reading_ms;
        let mut due = true; // a start is an event: the meter is back
        let mut period = self.clock.now().0 / interval;
        loop {
            let now = self.clock.now().0;
            due |= now / interval != period;
            period = now / interval;
            let sample = self.sensor.read().await;
            if let Some(energy) = self.judge(sample).filter(|_| due) {
                self.record(energy).await?;
                due = false;
            }
            self.sync_if_due().await?;
            let to_boundary = Duration::from_millis(interval.saturating_sub(self.clock.now().0 % interval));
            tokio::time::sleep(self.intervals.sample.min(to_boundary)).await;
        }
    }

    /// The counters, if they may be signed.
    fn judge(&mut self, sample: Result<Sample, SensorError>) -> Option<Energy> {
        let sample = match sample {
            Ok(sample) => sample,
            Err(error) => {
                self.failed(&error);
                return None;
            }
        };
        if std::mem::take(&mut self.failing) {
            tracing::info!(meter = %self.name, "meter can be read again");
        }
        let held = match sample.verdict() {
            Some(Verdict::Held { .. }) => Some("register fell: not confirmed yet"),
            Some(Verdict::Reset) => Some("register was reset: register the meter anew"),
            _ => None,
        };
        let energy = sample.believed().cloned();
        let (today, written) = match &energy {
            Some(energy) => self.day.note(energy, self.clock.stamp()),
            None => (None, 0),
        };
        self.board.wrote(written);
        let uptime_ms = self.clock.uptime_ms();
        self.board.update_meter(self.index, |facts| {
            facts.show(&sample, uptime_ms);
            facts.held = held;
            if let Some(energy) = &energy {
                facts.counters = Some((energy.import_wh, energy.export_wh));
                facts.today = today;
            }
        });
        energy
    }

    fn failed(&mut self, error: &SensorError) {
        if !self.failing {
            let meter = &self.name;
            tracing::warn!(%meter, error = error as &dyn std::error::Error, "meter cannot be read");
        }
        self.failing = true;
        self.board.update_meter(self.index, |facts| {
            facts.failures = facts.failures.saturating_add(1);
            facts.error = Some(crate::board::causes(error));
        });
    }

    async fn record(&mut self, energy: Energy) -> Result<(), LightError> {
        let Some(Books { signer, queue, .. }) = self.books.clone() else { return Ok(()) };
        let clock = Arc::clone(&self.clock);
        let (import_wh, export_wh) = (energy.import_wh.0, energy.export_wh.0);
        let seq = with_queue(&queue, move |queue| {
            let seq = queue.next_seq()?;
            queue.append(&signer.reading(seq, &energy, &clock))?;
            Ok(seq)
        })
        .await?;
        self.unsynced_since.get_or_insert_with(Instant::now);
        tracing::info!(meter = %self.name, seq, import_wh, export_wh, "reading signed");
        Ok(())
    }

    async fn sync_if_due(&mut self) -> Result<(), LightError> {
        let due = self.unsynced_since.is_some_and(|since| since.elapsed() >= self.intervals.sync);
        let Some(Books { queue, fresh, .. }) = self.books.as_ref().filter(|_| due) else { return Ok(()) };
        with_queue(queue, crate::queue::Queue::sync).await?;
        fresh.notify_one();
        self.unsynced_since = None;
        Ok(())
    }
}
