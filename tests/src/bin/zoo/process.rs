//! One program, with a time limit and a log; its children go with it.

use rustix::process::{Pid, Signal, kill_process_group};
use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use wattle_primitives::planted::{REACHED_VAR, SELECT_VAR};

/// Between two looks at a running program.
const POLL: Duration = Duration::from_millis(20);

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// With this code.
    Code(i32),
    /// By a signal.
    Signal,
    /// Not within its time: it was killed.
    Hung,
}

/// A program that has ended.
pub(crate) struct Ran {
    pub(crate) end: End,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// How often the fault made a difference; within a factor of two.
    pub(crate) reached: u64,
    pub(crate) time: Duration,
}

impl Ran {
    pub(crate) fn passed(&self) -> bool {
        self.end == End::Code(0)
    }

    /// The first panic, in one line.
    pub(crate) fn panic(&self) -> Option<String> {
        let mut lines = self.stderr.lines().skip_while(|line| !line.contains("panicked at"));
        let place = lines.next()?.split("panicked at").nth(1)?.trim().trim_end_matches(':');
        Some(format!("panic at {place}: {}", lines.next().unwrap_or_default().trim()))
    }
}

/// Runs `command` with the fault of this name, if any, until it ends or `limit` is over. What it says is kept beside
/// `log`.
pub(crate) fn run(
    mut command: Command,
    fault: Option<&str>,
    log: &Path,
    limit: Duration,
) -> Result<Ran, String> {
    let fail = |what: &str, e: std::io::Error| format!("{what} ({}): {e}", log.display());
    let paths = ["stdout", "stderr", "reached"].map(|kind| log.with_extension(kind));
    let [stdout, stderr, reached] = &paths;
    let folder = log.parent().unwrap_or(log);
    std::fs::create_dir_all(folder).map_err(|e| fail("folder", e))?;
    std::fs::write(reached, "").map_err(|e| fail("reached", e))?;
    command
        .env(SELECT_VAR, fault.unwrap_or_default())
        .env(REACHED_VAR, std::path::absolute(reached).map_err(|e| fail("reached", e))?)
        .env("PROPTEST_DISABLE_FAILURE_PERSISTENCE", "true") // what fails with a fault is no regression
        .stdin(Stdio::null())
        .stdout(File::create(stdout).map_err(|e| fail("stdout", e))?)
        .stderr(File::create(stderr).map_err(|e| fail("stderr", e))?)
        .process_group(0);
    let begun = Instant::now();
    let mut child = command.spawn().map_err(|e| fail("start", e))?;
    let end = loop {
        if let Some(status) = child.try_wait().map_err(|e| fail("wait", e))? {
            break status.code().map_or(End::Signal, End::Code);
        }
        if begun.elapsed() > limit {
            break End::Hung;
        }
        std::thread::sleep(POLL);
    };
    // The group may outlive its leader: processes that a test had started.
    if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        let _ = kill_process_group(group, Signal::KILL); // an error means that nobody is left
    }
    if end == End::Hung {
        child.wait().map_err(|e| fail("wait", e))?;
    }
    let read = |path: &Path| std::fs::read(path).map(|b| String::from_utf8_lossy(&b).into_owned());
    let text = |path: &Path| read(path).map_err(|e| fail("read", e));
    Ok(Ran {
        end,
        time: begun.elapsed(),
        stdout: text(stdout)?,
        stderr: text(stderr)?,
        reached: times(&text(reached)?),
    })
}

/// The sum over all processes of the greatest number that each told.
fn times(lines: &str) -> u64 {
    let mut greatest = std::collections::BTreeMap::<&str, u64>::new();
    for (process, times) in lines.lines().filter_map(|line| line.split_once(' ')) {
        let known = greatest.entry(process).or_default();
        *known = times.parse().unwrap_or(0).max(*known);
    }
    greatest.values().sum()
}
