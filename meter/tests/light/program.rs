//! Meters while no validator can be reached, stops gracefully, goes on where it stopped, whatever ended it.

use crate::common::{Light, proc_value, simulator, until};
use std::collections::BTreeMap;
use std::time::Duration;
use wattle_meter::queue::Queue;
use wattle_meter::{LightStatus, QueueStatus};
use wattle_primitives::Height;
use wattle_primitives::reading::SignedReading;

/// Resident memory that a light node may take, in KiB.
const RESIDENT_KIB_MAX: u64 = 32 * 1024;
/// Lives that end by kill -9, at least.
const LIVES: u64 = 12;
/// Readings that these must leave.
const SEEN_MIN: usize = 8;
const FAST: &str = "sample_interval_ms = 100\nreading_interval_ms = 1000\nsync_interval_ms = 0\n";

fn depth(status: &LightStatus, meter: &str) -> usize {
    let find = |m: &&QueueStatus| m.name == meter;
    status.meters.iter().find(find).map_or(0, |m| m.queue_depth)
}

fn reaches(light: &Light, meter: &str, readings: usize) -> LightStatus {
    until("readings are queued", || light.saved().filter(|status| depth(status, meter) >= readings))
}

#[tokio::test(flavor = "multi_thread")]
async fn metering_goes_on_without_a_chain_and_over_restarts() {
    let (house, barn, shed) = (simulator(3).await, simulator(4).await, simulator(5).await);
    let meters =
        [("house", house.address(), true), ("barn", barn.address(), true), ("shed", shed.address(), false)];
    let mut light = Light::new(&meters, FAST, "");
    light.start();
    reaches(&light, "house", 3);
    reaches(&light, "barn", 3);
    let resident = proc_value(light.pid(), "status", "VmRSS:").unwrap();
    assert!(resident < RESIDENT_KIB_MAX, "{resident} KiB resident");
    light.stop();
    let before = light.saved().unwrap();
    assert!(before.trusted.as_ref().is_some_and(|t| t.height == Height(0)));
    assert_eq!(before.meters.len(), 2, "the shed signs nothing");

    light.start();
    let after = reaches(&light, "house", depth(&before, "house") + 1);
    assert!(after.meters[1].last_seq > before.meters[1].last_seq, "numbers go on rising");
    light.kill();
    let left = light.saved().unwrap();
    assert!(depth(&left, "house") >= depth(&after, "house"));
    light.start();
    reaches(&light, "house", depth(&left, "house") + 1);
    light.stop();
}

/// Goal: whatever was on the disk when the process was killed is there afterwards, and no number ever stands for two
/// readings. Each life is killed at another moment.
#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_moment_it_loses_nothing_and_repeats_no_number() {
    let house = simulator(6).await;
    let mut light = Light::new(&[("house", house.address(), true)], FAST, "");
    let mut seen: BTreeMap<u64, SignedReading> = BTreeMap::new();
    for life in 0.. {
        if life >= LIVES && seen.len() >= SEEN_MIN {
            break;
        }
        assert!(life < LIVES * 10, "only {} readings in {life} lives", seen.len());
        light.start();
        // On a slow machine, on which nothing is signed in these times, lives become longer.
        let moment_ms = 300 + life % LIVES * 137 + life / LIVES * 1_000;
        tokio::time::sleep(Duration::from_millis(moment_ms)).await;
        light.kill();
        let dir = light.path("data/house/queue");
        if !dir.exists() {
            continue; // killed before it had one
        }
        let (queue, recovery) = Queue::open(&dir, 100_000).unwrap();
        let now = queue.pending(0, u64::MAX, usize::MAX).unwrap();
        assert_eq!(recovery.damaged, 0, "life {life}");
        for (seq, reading) in &seen {
            assert!(now.contains(reading), "life {life}: reading {seq} is gone");
        }
        seen.extend(now.into_iter().map(|reading| (reading.reading.seq, reading)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_on_one_directory_is_refused() {
    let house = simulator(7).await;
    let mut light = Light::new(&[("house", house.address(), true)], FAST, "");
    light.start();
    reaches(&light, "house", 1);
    let config = light.config().display().to_string();
    let output = light.command(&["run", "--status-listen", "", "--config", &config]);
    assert!(!output.status.success());
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("in use by another process"), "{text}");
    light.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn another_key_on_a_meters_queue_is_refused() {
    let house = simulator(8).await;
    let mut light = Light::new(&[("house", house.address(), true)], FAST, "");
    light.start();
    reaches(&light, "house", 1);
    light.stop();
    let (key, other) = (light.path("house.key"), light.path("other.key"));
    assert!(light.command(&["keygen", "--out", &other.display().to_string()]).status.success());
    std::fs::rename(&other, &key).unwrap();
    let output = light.command(&["run", "--config", &light.config().display().to_string()]);
    assert!(!output.status.success());
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("holds another meter's readings"), "{text}");
}

#[test]
fn the_default_configuration_is_printed_and_a_broken_one_refused() {
    let light = Light::new(&[], "", "");
    let output = light.command(&["config", "--default"]);
    assert!(output.status.success());
    assert_eq!(
        String::from_utf8(output.stdout).unwrap().trim_end(),
        wattle_meter::cli::EXAMPLE_CONFIG.trim_end()
    );
    let config = light.config().display().to_string();
    assert!(!light.command(&["config", "--check", &config]).status.success(), "no meters");
    let example = light.path("example.toml");
    std::fs::write(&example, wattle_meter::cli::EXAMPLE_CONFIG).unwrap();
    let check = |path: &std::path::Path| {
        let output = light.command(&["config", "--check", &path.display().to_string()]);
        (output.status.success(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
    };
    let (sound, text) = check(&example);
    assert!(!sound && text.contains("checkpoint"), "the files that it names are not there: {text}");
    let whole = Light::new(&[("house", std::net::SocketAddr::from(([127, 0, 0, 1], 9)), true)], "", "");
    let (sound, text) = check(&whole.config());
    assert!(sound && text.contains("checkpoint and keys included"), "{text}");
    std::fs::write(whole.path("house.key"), "no key").unwrap();
    assert!(!check(&whole.config()).0);
    let handed_over = "\"/run/credentials/wattle-light.service/house.key\"";
    whole.configure(&format!("{:?}", whole.path("house.key").display().to_string()), handed_over);
    let (sound, text) = check(&whole.config());
    assert!(sound && text.contains("was not looked at"), "{text}");
    std::fs::write(whole.path("checkpoint.json"), "{}").unwrap();
    assert!(!check(&whole.config()).0);
}
