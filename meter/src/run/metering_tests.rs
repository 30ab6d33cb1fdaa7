#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::board::MeterFacts;
use crate::clock::DAY_MS;
use crate::queue::Queue;
use crate::sensor::{Bus, Link, Profile, Timing};
use crate::simulator::{EXPORT, Household, IMPORT, Simulator, Site};
use crate::submit::{Objection, Refusal};
use crate::tests::chain::{FixedTime, memory_dir, registered};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::Ordering;
use tokio::task::JoinHandle;
use wattle_primitives::reading::{ClockQuality, RegisterEncoding, SignedReading};
use wattle_primitives::state_key::{self, LastReading};
use wattle_primitives::{Address, Hash, SecretKey};

const INTERVAL_MS: u64 = 900_000;
const NOON_MS: u64 = 20_000 * DAY_MS + DAY_MS / 2;
const SAMPLE: Duration = Duration::from_millis(20);

async fn simulator(listen: SocketAddr) -> Simulator {
    // Its own time stands still: what it shows does not depend on how long a test takes.
    let clock = Arc::new(|| NOON_MS);
    Simulator::start(listen, Site::of(Household::new(9)), NOON_MS, clock).await.unwrap()
}

fn anywhere() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// A meter's loop that runs, and what it leaves.
struct Bench {
    queue: SharedQueue,
    board: Arc<Board>,
    time: FixedTime,
    loops: JoinHandle<Result<Infallible, LightError>>,
}

impl Bench {
    fn start(dir: &Path, meter: SocketAddr, time: FixedTime, step_wh: u64) -> Self {
        let clock = Arc::new(Clock::of(7, Box::new(time.clone())));
        let signer = Arc::new(Signer::new(SecretKey::from_seed([5; 32]), Hash([1; 32])));
        let queue = Arc::new(Mutex::new(Queue::open(&dir.join("queue"), 1000).unwrap().0));
        let board = Arc::new(Board::new(vec![MeterFacts::default()]));
        let timing = Timing { tries: 1, ..Timing::default() };
        let bus = Bus::shared(Link::Tcp { address: meter.to_string() }, timing);
        let sensor = Sensor::new(bus, 1, Profile::find("sdm630").unwrap());
        let intervals = Intervals { sample: SAMPLE, reading_ms: INTERVAL_MS, sync: Duration::ZERO };
        let fresh = Arc::new(Notify::new());
        let shared = Shared { clock, board: Arc::clone(&board), fresh, intervals };
        let mut meter = crate::config::least().buses[0].meters[0].clone();
        meter.profile.reading_step_wh = step_wh;
        let mut metering = Metering::new(shared, 0, &meter, sensor, dir, None);
        metering.sign_after(None, Books { signer, queue: Arc::clone(&queue) });
        Self { queue, board, time, loops: tokio::spawn(metering.run()) }
    }

    fn readings(&self) -> Vec<SignedReading> {
        self.queue.lock().unwrap().pending(0, u64::MAX, usize::MAX).unwrap()
    }

    async fn until(&self, what: &str, done: impl Fn(&Self) -> bool) {
        for _ in 0..18_000 {
            if done(self) {
                return;
            }
            assert!(!self.loops.is_finished(), "{what}: the loop has ended");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("never: {what}");
    }

    /// Waits for so many readings, and that no more come.
    async fn has(&self, count: usize, why: &str) {
        self.until(why, |bench| bench.readings().len() >= count).await;
        tokio::time::sleep(SAMPLE * 10).await;
        assert_eq!(self.readings().len(), count, "{why}");
    }

    fn failures(&self) -> u64 {
        self.board.update(|facts| facts.meters[0].failures)
    }

    fn held(&self) -> Option<&'static str> {
        self.board.update(|facts| facts.meters[0].held)
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.loops.abort();
    }
}

/// Goal: a clock that is set back costs a reading, neither a flood of them nor an interval's silence.
#[tokio::test]
async fn a_clock_that_jumps_makes_one_reading_and_the_order_stays() {
    let (dir, meter) = (memory_dir(), simulator(anywhere()).await);
    let bench = Bench::start(dir.path(), meter.address(), FixedTime::at(NOON_MS + 1000, true), 0);
    bench.has(1, "a start").await;
    bench.time.pass(INTERVAL_MS);
    bench.has(2, "the end of an interval").await;
    bench.time.os_ms.fetch_sub(30 * DAY_MS, Ordering::Relaxed);
    bench.has(3, "the clock was set back").await;
    bench.time.pass(INTERVAL_MS);
    bench.has(4, "the next interval by the clock as it is now").await;
    bench.time.os_ms.fetch_add(30 * DAY_MS, Ordering::Relaxed);
    bench.has(5, "the clock was set right").await;
    let readings: Vec<_> = bench.readings().into_iter().map(|signed| signed.reading).collect();
    assert!(readings.windows(2).all(|pair| pair[0].seq < pair[1].seq), "{readings:?}");
    assert!(readings.windows(2).all(|pair| pair[0].uptime_ms <= pair[1].uptime_ms), "{readings:?}");
    assert!(readings[2].time_ms < readings[0].time_ms, "the time is told as the clock had it");
    assert!(readings.iter().all(|reading| reading.clock == ClockQuality::Synced && reading.boot_id == 7));
}

#[tokio::test]
async fn a_meter_that_was_gone_for_days_gives_one_reading_when_it_is_back() {
    let (dir, meter) = (memory_dir(), simulator(anywhere()).await);
    let address = meter.address();
    let bench = Bench::start(dir.path(), address, FixedTime::at(NOON_MS + 1000, true), 0);
    bench.has(1, "a start").await;
    meter.stop().await;
    for _ in 0..3 {
        bench.time.pass(DAY_MS);
        let before = bench.failures();
        bench.until("it cannot be read", |bench| bench.failures() > before + 1).await;
    }
    assert_eq!(bench.readings().len(), 1, "nothing is made up");
    let meter = simulator(address).await;
    bench.has(2, "it is back").await;
    let last = bench.readings().pop().unwrap().reading;
    assert_eq!(last.time_ms, TimeMs(NOON_MS + 1000 + 3 * DAY_MS));
    drop(meter);
}

fn proven(import_wh: u64, replaced: bool) -> MeterRecord {
    let wh = WattHours(import_wh);
    let last = LastReading { import_count: wh.0, import_wh: wh, ..LastReading::default() };
    let last = LastReading { effective_ms: TimeMs(NOON_MS), ..last };
    let meter = Address([5; 32]);
    let state = registered(meter, Some(last));
    let record: MeterRecord = wattle_primitives::decode(&state[&*state_key::meter(&meter)]).unwrap();
    let replaced_by = replaced.then_some(Address([6; 32]));
    MeterRecord { encoding: RegisterEncoding::Float32Kwh, power_max_w: 5000, replaced_by, ..record }
}

/// The chain's proven record reaches the filter, and ends the signing of a meter that another has replaced.
#[tokio::test]
async fn what_the_chain_is_proven_to_have_is_heeded() {
    let (dir, meter) = (memory_dir(), simulator(anywhere()).await);
    let kwh = |kwh: f32| Some([(kwh.to_bits() >> 16) as u16, kwh.to_bits() as u16]);
    meter.override_register(IMPORT, kwh(4_000_000.0));
    meter.override_register(EXPORT, kwh(0.0));
    let bench = Bench::start(dir.path(), meter.address(), FixedTime::at(NOON_MS + 1000, true), 0);
    bench.has(1, "a number from nowhere that is steady").await;
    meter.override_register(IMPORT, kwh(1000.0));
    bench.until("a fall is held", |bench| bench.held().is_some_and(|held| held.contains("reset"))).await;
    let refusal = |times| Refusal::for_tests(1, Objection::Implausible, times);
    let tell = |proven, times| {
        bench.board.update_meter(0, |facts| {
            (facts.proven, facts.refusal) = (Some(proven), Some(refusal(times)));
        });
    };
    tell(proven(999_990, false), 1);
    tokio::time::sleep(SAMPLE * 10).await;
    assert!(bench.held().is_some(), "it may be taken at the second attempt");
    tell(proven(999_990, false), 2);
    bench.until("the counter follows from the chain's", |bench| bench.held().is_none()).await;
    bench.time.pass(INTERVAL_MS);
    bench.has(2, "the true counter is signed").await;
    tell(proven(999_990, true), 2);
    bench.until("it was replaced", |bench| bench.held().is_some_and(|held| held.contains("its place"))).await;
    bench.time.pass(INTERVAL_MS);
    bench.has(2, "nothing more is signed").await;
}
