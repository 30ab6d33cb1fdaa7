//! The loop of one meter: samples feed the status page, readings are signed at a start, at the ends of intervals, and
//! where the meter has a step each time that it has counted so much more.

use super::LightError;
use crate::board::Board;
use crate::clock::Clock;
use crate::sensor::{Energy, MeterConfig, Sample, Sensor, SensorError, Suspicion, Verdict};
use crate::serial::Serial;
use crate::sign::Signer;
use crate::submit::{SharedQueue, SubmitError, with_queue};
use crate::today::Day;
use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use wattle_primitives::reading::{ClockQuality, Reading};
use wattle_primitives::state_key::MeterRecord;
use wattle_primitives::{Address, Reason, TimeMs, WattHours};

/// When a meter is read, and when a reading is durable.
#[derive(Clone, Copy)]
pub(crate) struct Intervals {
    pub(crate) sample: Duration,
    pub(crate) reading_ms: u64,
    pub(crate) sync: Duration,
}

/// The parts that the loops of all meters share.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) clock: Arc<Clock>,
    pub(crate) board: Arc<Board>,
    /// Tells the chain's loop of new durable readings.
    pub(crate) fresh: Arc<Notify>,
    pub(crate) intervals: Intervals,
}

/// The meter's loop.
pub(crate) struct Metering {
    shared: Shared,
    /// Index on the board.
    index: usize,
    name: String,
    sensor: Sensor,
    /// Signer and queue of its readings; `None` for a meter that only shows.
    pub(crate) books: Option<Books>,
    day: Day,
    unsynced_since: Option<Instant>,
    failing: bool,
    /// Import counter of the newest reading.
    signed_wh: Option<WattHours>,
    /// Import since then that makes another one, in Wh; 0 for none.
    step_wh: u64,
    /// When the newest reading from before the start was made, where its clock was worth something.
    read_ms: Option<TimeMs>,
    serial: Serial,
    /// The meter's record, as the chain was last proven to have it.
    proven: Option<(MeterRecord, bool)>,
    /// Since when the disk is full.
    full_since: Option<Instant>,
}

/// Between two attempts to keep a reading on a full disk.
const FULL_PAUSE: Duration = Duration::from_secs(10);

/// Signs readings and keeps them.
#[derive(Clone)]
pub(crate) struct Books {
    pub(crate) signer: Arc<Signer>,
    pub(crate) queue: SharedQueue,
}

impl Metering {
    /// The loop of the meter with this index on the board; `dir` is the meter's own, `address` that of its key.
    pub(crate) fn new(
        shared: Shared,
        index: usize,
        meter: &MeterConfig,
        mut sensor: Sensor,
        dir: &Path,
        address: Option<Address>,
    ) -> Self {
        let serial = Serial::open(dir, address);
        if sensor.serial_number().is_none() {
            sensor = sensor.with_serial_number(serial.number().map(str::to_owned));
        }
        Self {
            shared,
            index,
            name: meter.name.clone(),
            sensor,
            books: None,
            day: Day::open(dir),
            unsynced_since: None,
            failing: false,
            signed_wh: None,
            step_wh: meter.profile.reading_step_wh,
            read_ms: None,
            serial,
            proven: None,
            full_since: None,
        }
    }

    /// Signs from now on, after the newest reading in the queue's files: a first value waits for a second one, and a
    /// zero right after the start is held like any other.
    pub(crate) fn sign_after(&mut self, newest: Option<&Reading>, books: Books) {
        self.books = Some(books);
        let encoding = self.sensor.encoding();
        let (Some(filter), Some(encoding)) = (self.sensor.filter(), encoding) else { return };
        filter.be_wary();
        let Some(newest) = newest else { return };
        self.read_ms = Some(newest.time_ms).filter(|_| newest.clock != ClockQuality::Unset);
        if let Ok(good) = Energy::decode(encoding, newest.import.clone(), newest.export.clone()) {
            self.signed_wh = Some(good.import_wh);
            filter.remember(good);
        }
    }

    /// Runs until the disk refuses.
    ///
    /// # Errors
    /// [`LightError::Queue`], [`LightError::Worker`].
    pub(crate) async fn run(mut self) -> Result<Infallible, LightError> {
        let interval = self.shared.intervals.reading_ms;
        let mut due = true; // a start is an event: the meter is back
        let mut period = self.shared.clock.now().0 / interval;
        loop {
            let now = self.shared.clock.now().0;
            due |= now / interval != period;
            period = now / interval;
            self.adopt();
            let sample = self.sensor.read().await;
            self.shared.board.wrote(self.serial.note(self.sensor.serial_number()));
            if let Some(energy) = self.judge(sample).filter(|energy| due || self.has_stepped(energy)) {
                due = !self.record(energy).await?;
            }
            self.sync_if_due().await?;
            let to_boundary =
                Duration::from_millis(interval.saturating_sub(self.shared.clock.now().0 % interval));
            tokio::time::sleep(self.shared.intervals.sample.min(to_boundary)).await;
        }
    }

    /// Tells the sensor two things that it cannot read itself: the age of the last good value, and the counters that
    /// the chain is proven to have.
    fn adopt(&mut self) {
        let now = self.shared.clock.now();
        let age = |then: TimeMs| Duration::from_millis(now.0.saturating_sub(then.0));
        let encoding = self.sensor.encoding();
        let Some(filter) = self.sensor.filter() else { return };
        if let Some(read_ms) = self.read_ms.take_if(|_| self.shared.clock.is_known()) {
            filter.date(Instant::now(), age(read_ms));
        }
        let known = self.shared.board.update(|facts| {
            let meter = facts.meters.get(self.index)?;
            Some((meter.proven.clone()?, meter.refusal.is_some_and(|refusal| refusal.is_lasting())))
        });
        let Some((proven, refused)) = known.filter(|known| self.proven.as_ref() != Some(known)) else {
            return;
        };
        self.proven = Some((proven.clone(), refused));
        filter.limit_power(proven.power_max_w);
        if encoding != Some(proven.encoding) {
            let (meter, registered) = (&self.name, proven.encoding);
            tracing::error!(%meter, ?registered, read = ?encoding, "the meter is registered with another encoding");
            return;
        }
        if let Some(last) = proven.last {
            let counts = Energy::of_counts(proven.encoding, last.import_count, last.export_count);
            if let Ok(energy) = counts {
                filter.learn(energy, Instant::now(), age(last.effective_ms), refused);
            }
        }
    }

    /// Whether so much was imported since the newest reading that there is to be another one.
    fn has_stepped(&self, energy: &Energy) -> bool {
        let since = self.signed_wh.map_or(u64::MAX, |signed| energy.import_wh.0.saturating_sub(signed.0));
        self.step_wh > 0 && since >= self.step_wh
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
        let closed = self.proven.as_ref().and_then(|(proven, _)| proven.closed());
        let suspicion = self.sensor.filter().and_then(|filter| filter.suspicion());
        let held = match (sample.verdict(), suspicion) {
            _ if closed == Some(Reason::MeterRetired) => Some("it was retired on the chain"),
            _ if closed.is_some() => Some("another meter has taken its place on the chain"),
            (Some(Verdict::Held { .. }), Some(Suspicion::Fell)) => Some("register fell: not confirmed yet"),
            (Some(Verdict::Held { .. }), Some(Suspicion::Leapt)) => {
                Some("register rose by more than can have flowed: not confirmed yet")
            }
            (Some(Verdict::Held { .. }), _) => Some("register is looked at once more"),
            (Some(Verdict::Reset), _) => Some("register was reset: register the meter anew"),
            _ if self.full_since.is_some() => Some("the disk is full: nothing can be kept"),
            _ => None,
        };
        let energy = sample.believed().cloned();
        let (today, written) = match &energy {
            Some(energy) => self.day.note(energy, self.shared.clock.stamp()),
            None => (None, 0),
        };
        self.shared.board.wrote(written);
        let uptime_ms = self.shared.clock.uptime_ms();
        self.shared.board.update_meter(self.index, |facts| {
            facts.show(&sample, uptime_ms);
            facts.held = held;
            if let Some(energy) = &energy {
                (facts.import_wh, facts.export_wh) = (Some(energy.import_wh), Some(energy.export_wh));
                facts.today = today;
            }
        });
        energy.filter(|_| closed.is_none())
    }

    fn failed(&mut self, error: &SensorError) {
        if !self.failing {
            let meter = &self.name;
            tracing::warn!(%meter, error = error as &dyn std::error::Error, "meter cannot be read");
        }
        self.failing = true;
        self.shared.board.update_meter(self.index, |facts| {
            facts.failures = facts.failures.saturating_add(1);
            facts.error = Some(wattle_host::causes(error));
        });
    }

    /// Signs and keeps a reading. Returns whether that is done: on a full disk nothing is signed, and what waits there
    /// goes on to the chain meanwhile.
    async fn record(&mut self, energy: Energy) -> Result<bool, LightError> {
        let Some(Books { signer, queue }) = self.books.clone() else { return Ok(true) };
        if self.full_since.is_some_and(|since| since.elapsed() < FULL_PAUSE) {
            return Ok(false);
        }
        let clock = Arc::clone(&self.shared.clock);
        let (import_wh, export_wh) = (energy.import_wh, energy.export_wh.0);
        let kept = with_queue(&queue, move |queue| {
            let seq = queue.next_seq()?;
            queue.append(&signer.reading(seq, &energy, &clock))?;
            Ok(seq)
        })
        .await;
        let seq = match kept {
            Ok(seq) => seq,
            Err(SubmitError::Queue(error)) if error.is_full() => {
                if self.full_since.replace(Instant::now()).is_none() {
                    let meter = &self.name;
                    tracing::error!(%meter, error = &error as &dyn std::error::Error, "the disk is full: nothing is signed");
                }
                return Ok(false);
            }
            Err(error) => return Err(error.into()),
        };
        if self.full_since.take().is_some() {
            tracing::info!(meter = %self.name, "readings can be kept again");
        }
        self.signed_wh = Some(import_wh);
        self.unsynced_since.get_or_insert_with(Instant::now);
        let import_wh = import_wh.0;
        tracing::info!(meter = %self.name, seq, import_wh, export_wh, "reading signed");
        Ok(true)
    }

    async fn sync_if_due(&mut self) -> Result<(), LightError> {
        let due = self.unsynced_since.is_some_and(|since| since.elapsed() >= self.shared.intervals.sync);
        let Some(Books { queue, .. }) = self.books.as_ref().filter(|_| due) else { return Ok(()) };
        with_queue(queue, crate::queue::Queue::sync).await?;
        self.shared.fresh.notify_one();
        self.unsynced_since = None;
        Ok(())
    }
}

#[cfg(test)]
#[path = "metering_tests.rs"]
mod tests;
