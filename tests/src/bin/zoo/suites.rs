//! The test programs of every crate.

use crate::process::{self, End, Ran};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use wattle_tests::faults::Fault;

/// A program gets this many times as long as without a fault, and never less than the least.
const PATIENCE: (u32, Duration) = (5, Duration::from_secs(60));
/// Longest time for a program without a fault.
const CONTROL: Duration = Duration::from_secs(600);

/// One test program.
struct Suite {
    /// Folder of its crate.
    krate: String,
    name: String,
    program: PathBuf,
    folder: PathBuf,
    limit: Duration,
}

/// All test programs.
pub(crate) struct Suites {
    suites: Vec<Suite>,
    dir: PathBuf,
}

/// The tests' verdict on a fault.
pub(crate) struct Hunt {
    pub(crate) reached: u64,
    pub(crate) kill: Option<Kill>,
}

/// How a test program noticed a fault.
pub(crate) struct Kill {
    pub(crate) suite: String,
    pub(crate) how: How,
}

/// Its fate.
pub(crate) enum How {
    /// These tests failed.
    Failed(Vec<String>),
    /// It ended without naming a test.
    Crashed(String),
    /// It did not end.
    Hung,
}

impl Suites {
    /// The programs that cargo listed in `tests.json`. Those of the crate `tests` are left out, but for `e2e`:
    /// the simulation is run by seeds, and its own planted faults are another matter.
    pub(crate) fn find(dir: &Path, e2e: bool) -> Result<Self, String> {
        let list = dir.join("tests.json");
        let text = std::fs::read_to_string(&list).map_err(|e| format!("{}: {e}", list.display()))?;
        let mut suites: Vec<Suite> = text
            .lines()
            .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
            .filter(|message| message["profile"]["test"] == true)
            .filter_map(|message| {
                let folder = Path::new(message["manifest_path"].as_str()?).parent()?.to_path_buf();
                Some(Suite {
                    krate: folder.file_name()?.to_str()?.to_owned(),
                    name: message["target"]["name"].as_str()?.to_owned(),
                    program: PathBuf::from(message["executable"].as_str()?),
                    folder,
                    limit: CONTROL,
                })
            })
            .filter(|suite| suite.krate != "tests" || e2e && suite.name == "e2e")
            .collect();
        if suites.is_empty() {
            return Err(format!("{} lists no test program", list.display()));
        }
        suites.sort_by(|a, b| (&a.krate, &a.name).cmp(&(&b.krate, &b.name)));
        Ok(Self { suites, dir: dir.to_path_buf() })
    }

    /// Everything must pass without a fault; how long it takes sets the limits.
    pub(crate) fn control(&mut self) -> Result<(), String> {
        for at in 0..self.suites.len() {
            let ran = self.run(&self.suites[at], None, &[])?;
            let suite = &mut self.suites[at];
            if !ran.passed() {
                return Err(format!(
                    "control: {} {} fails without a fault: {:?} {:?}",
                    suite.krate,
                    suite.name,
                    ran.end,
                    failed(&ran)
                ));
            }
            eprintln!("  {:12} {:20} {:6.1} s", suite.krate, suite.name, ran.time.as_secs_f64());
            suite.limit = (ran.time * PATIENCE.0).max(PATIENCE.1);
        }
        Ok(())
    }

    /// Runs the programs, those of the fault's own crate first, until one notices it.
    pub(crate) fn hunt(&self, fault: &Fault) -> Result<Hunt, String> {
        let own = fault.file.split('/').next().unwrap_or_default();
        let (first, rest): (Vec<_>, Vec<_>) = self.suites.iter().partition(|suite| suite.krate == own);
        let mut reached = 0;
        for suite in first.into_iter().chain(rest) {
            let ran = self.run(suite, Some(fault.name), &[])?;
            reached += ran.reached;
            if ran.passed() {
                continue;
            }
            let how = match ran.end {
                End::Hung => How::Hung,
                End::Code(_) | End::Signal => match failed(&ran) {
                    names if names.is_empty() => How::Crashed(ran.panic().unwrap_or_default()),
                    names => match self.confirmed(suite, names)? {
                        confirmed if confirmed.is_empty() => continue,
                        confirmed => How::Failed(confirmed),
                    },
                },
            };
            let suite = format!("{} {}", suite.krate, suite.name);
            return Ok(Hunt { reached, kill: Some(Kill { suite, how }) });
        }
        Ok(Hunt { reached, kill: None })
    }

    /// Of the failed tests, those that pass without the fault: a busy machine may fail one for its own reasons.
    fn confirmed(&self, suite: &Suite, names: Vec<String>) -> Result<Vec<String>, String> {
        let mut args = vec!["--exact".to_owned()];
        args.extend(names.iter().cloned());
        let again = failed(&self.run(suite, None, &args)?);
        Ok(names.into_iter().filter(|name| !again.contains(name)).collect())
    }

    fn run(&self, suite: &Suite, fault: Option<&str>, args: &[String]) -> Result<Ran, String> {
        let mut command = Command::new(&suite.program);
        let bins = std::path::absolute(self.dir.join("bin")).map_err(|e| e.to_string())?;
        command.args(args).current_dir(&suite.folder).env("WATTLE_TEST_BIN", bins);
        let log = format!("logs/{}/{}-{}.log", fault.unwrap_or("control"), suite.krate, suite.name);
        process::run(command, fault, &self.dir.join(log), suite.limit)
    }
}

/// Names of the tests that failed.
fn failed(ran: &Ran) -> Vec<String> {
    let name = |line: &str| Some(line.strip_prefix("test ")?.strip_suffix(" ... FAILED")?.to_owned());
    let mut names: Vec<String> = ran.stdout.lines().filter_map(name).collect();
    // A test that must panic is listed with a remark.
    names.iter_mut().for_each(|name| name.truncate(name.find(" - ").unwrap_or(name.len())));
    names
}
