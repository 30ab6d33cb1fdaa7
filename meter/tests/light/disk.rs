//! A disk without room. Stood in for by a limit on the length of files, which ends writes in the same way.

use crate::common::{Light, simulator, until};
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use std::process::Command;
use std::time::{Duration, Instant};

const FAST: &str = "sample_interval_ms = 100\nreading_interval_ms = 1000\nsync_interval_ms = 0\n";

/// A process that gets an error where a file is too long, and is not ended.
fn patient() -> Command {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_wattle-light")]);
    command
}

fn limit(light: &Light, bytes: Option<u64>) {
    let pid = Pid::from_raw(i32::try_from(light.pid()).unwrap()).unwrap();
    prlimit(Some(pid), Resource::Fsize, Rlimit { current: bytes, maximum: None }).unwrap();
}

fn held(light: &Light) -> Option<String> {
    Some(light.live()?["meters"][0]["held"].as_str()?.to_owned())
}

/// Goal: a full disk stops the signing and nothing else, also at a start, and ends by itself.
#[tokio::test(flavor = "multi_thread")]
async fn on_a_full_disk_nothing_is_signed_and_everything_else_goes_on() {
    let house = simulator(41).await;
    let mut light = Light::new(&[("house", house.address(), true)], FAST, "");
    light.start_by(patient());
    until("two readings wait", || {
        light.saved().filter(|saved| saved.meters.iter().any(|meter| meter.queue_depth >= 2))
    });
    for life in 0..2 {
        limit(&light, Some(512));
        let why = until("the full disk is told", || held(&light));
        assert!(why.contains("the disk is full"), "life {life}: {why}");
        let (before, told) = (light.saved().unwrap().meters[0].queue_depth, Instant::now());
        until("it is still read, two intervals later", || {
            let age_ms = light.live()?["meters"][0]["sampleAgeMs"].as_u64()?;
            let sampled = told.elapsed().checked_sub(Duration::from_millis(age_ms))?;
            (sampled > Duration::from_secs(2)).then_some(())
        });
        assert!(light.is_running(), "life {life}");
        assert_eq!(light.saved().unwrap().meters[0].queue_depth, before, "life {life}");
        if life == 0 {
            // A start is an event that is signed for: it must not end the process where nothing can be.
            light.kill();
            let mut small = Command::new("/bin/sh");
            let script = "trap '' XFSZ; ulimit -S -f 1; exec \"$0\" \"$@\"";
            small.args(["-c", script, env!("CARGO_BIN_EXE_wattle-light")]);
            light.start_by(small);
            until("it runs", || light.live());
        }
    }
    let before = light.saved().unwrap().meters[0].queue_depth;
    limit(&light, None);
    until("signing goes on", || {
        light.saved().filter(|saved| saved.meters.iter().any(|meter| meter.queue_depth > before))
    });
    until("and is told", || light.live().filter(|live| live["meters"][0]["held"].is_null()));
    light.stop();
    let readings = light.readings("house");
    assert!(readings.windows(2).all(|pair| pair[0].reading.seq < pair[1].reading.seq));
}

/// Goal: whoever started it may be gone, and with it the other end of standard error and output.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_and_an_answer_that_nobody_reads_end_nothing() {
    let house = simulator(42).await;
    let mut light = Light::new(&[("house", house.address(), true)], FAST, "");
    let program = env!("CARGO_BIN_EXE_wattle-light");
    // The reader of its log ends at once.
    let mut command = Command::new("/bin/bash");
    command.args(["-c", "WATTLE_LOG=debug exec \"$0\" \"$@\" 2> >(exec true)", program]);
    light.start_by(command);
    until("readings are queued", || {
        light.saved().filter(|saved| saved.meters.iter().any(|meter| meter.queue_depth >= 2))
    });
    assert!(light.is_running());
    light.stop();
    let config = light.config().display().to_string();
    for arguments in ["config --default", "status --json --config $1", "run --json --config /no/such"] {
        let script = format!("\"$0\" {arguments} | true; echo ${{PIPESTATUS[0]}}");
        let output = Command::new("/bin/bash").args(["-c", &script, program, &config]).output().unwrap();
        let (out, err) =
            (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        let want = if arguments.starts_with("run") { "1" } else { "0" };
        assert_eq!((out.trim(), err.contains("panicked")), (want, false), "{arguments}: {err}");
    }
}
