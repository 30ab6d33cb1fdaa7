//! A light node with default settings on a small computer: its memory, its processor time, its writes.
//!
//! A short look by default; `WATTLE_TEST_LONG=1` looks for ten minutes, and then at the processor's share too, which
//! says nothing on a machine that builds other things beside.
#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "light/common.rs"]
#[expect(dead_code, reason = "orders and requests are the other tests'")]
mod common;

use common::{Light, proc_value, simulator, until};
use std::time::{Duration, Instant};

const RESIDENT_KIB_MAX: u64 = 32 * 1024;
const WRITTEN_PER_HOUR_MAX: u64 = 1024 * 1024;
const PROCESSOR_PERMILLE_MAX: u64 = 10;
/// Writes of the start itself, which are none of the hour's: directories, the first head, the first reading.
const SETTLE: Duration = Duration::from_secs(15);

/// Processor time that the process has used, in ms.
fn processor_ms(pid: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = text.rsplit_once(") ").unwrap().1.split(' ').collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    ticks * 1000 / rustix::param::clock_ticks_per_second()
}

fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_light_node_takes_little() {
    let long = std::env::var_os("WATTLE_TEST_LONG").is_some_and(|value| value == "1");
    let house = simulator(41).await;
    let mut light = Light::new(&[("house", house.address(), true)], "", "");
    light.start();
    let started = Instant::now();
    until("the first reading waits", || light.saved().filter(|s| s.meters.iter().any(|m| m.queue_depth > 0)));
    tokio::time::sleep(SETTLE).await;
    let pid = light.pid();
    // The process lets nobody look into it: only root sees the kernel's count. Its own count is checked for everybody.
    let written = || proc_value(pid, "io", "write_bytes:");
    let (settled, bytes, cpu_ms) = (Instant::now(), written(), processor_ms(pid));
    tokio::time::sleep(Duration::from_secs(if long { 600 } else { 20 })).await;
    // Ten minutes hold a start too, as an hour may; in twenty seconds it would count for hundreds.
    let (since, base) = if long { (started, bytes.map(|_| 0)) } else { (settled, bytes) };
    let per_hour = base.zip(written()).map(|(before, now)| (now - before) * 3_600_000 / millis(since));
    let used_ms = processor_ms(pid) - cpu_ms;
    let resident = proc_value(pid, "status", "VmRSS:").unwrap();
    let peak = proc_value(pid, "status", "VmHWM:").unwrap();
    let binary = std::fs::metadata(env!("CARGO_BIN_EXE_wattle-light")).unwrap().len();
    let own = light.live().unwrap()["disk"].clone();
    println!(
        "resident {resident} KiB (peak {peak}); processor {used_ms} ms in {} s; kernel counts {:?} bytes written since \
         the start, {per_hour:?} an hour; own count {own}; binary {binary} bytes with line tables",
        millis(settled) / 1000,
        written(),
    );
    assert!(peak < RESIDENT_KIB_MAX, "{peak} KiB resident");
    assert!(per_hour.is_none_or(|bytes| bytes < WRITTEN_PER_HOUR_MAX), "{per_hour:?} bytes an hour");
    assert!(own["writtenBytesPerHour"].as_u64().unwrap() < WRITTEN_PER_HOUR_MAX, "{own}");
    let permille = used_ms * 1000 / millis(settled);
    assert!(!long || permille < PROCESSOR_PERMILLE_MAX, "{permille} permille of a core");
    light.stop();
}
