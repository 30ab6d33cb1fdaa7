//! Processes under test: started with their output kept, killed when dropped.

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use serde_json::Value;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// How long anything may take that should take a moment: only a hang takes it, however busy the machine is.
pub(crate) const PATIENCE: Duration = Duration::from_secs(180);
/// Between two looks at something that has no other way to tell.
const POLL: Duration = Duration::from_millis(25);
/// Bytes of a log shown when a test fails.
const LOG_TAIL_BYTES: usize = 4_000;

/// The program `name`: in `WATTLE_TEST_BIN` if that is set, else where cargo puts it, beside this test's directory.
pub(crate) fn program(name: &str) -> PathBuf {
    let dir = match std::env::var_os("WATTLE_TEST_BIN") {
        Some(dir) => PathBuf::from(dir),
        None => std::env::current_exe().unwrap().ancestors().nth(2).unwrap().to_owned(),
    };
    let path = dir.join(name);
    assert!(
        path.exists(),
        "{} is missing: `cargo build --release --workspace --lib --bins` makes it",
        path.display()
    );
    path
}

/// Looks until `look` finds something.
///
/// # Panics
/// When it has found nothing within `limit`.
pub(crate) fn until<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < limit, "not within {limit:?}: {what}");
        std::thread::sleep(POLL);
    }
}

/// A running process in a group of its own.
pub(crate) struct Process {
    name: String,
    child: Child,
    lines: Receiver<String>,
    log: PathBuf,
    /// Length of the log at the start: what is before was said by others.
    log_begins: usize,
}

impl Process {
    /// Starts `command`; what it says on standard error goes to `log`.
    pub(crate) fn start(name: &str, command: &mut Command, log: &Path) -> Self {
        let errors = File::options().create(true).append(true).open(log).unwrap();
        let log_begins = usize::try_from(errors.metadata().unwrap().len()).unwrap();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(errors)
            .process_group(0)
            .spawn()
            .unwrap_or_else(|e| panic!("{name} does not start: {e}"));
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let _ = sender.send(line); // nobody listens once the test is over
            }
        });
        Self { name: name.to_owned(), child, lines, log: log.to_owned(), log_begins }
    }

    /// The next line on standard output, which must be JSON.
    pub(crate) fn event(&self) -> Value {
        match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => serde_json::from_str(&line).unwrap_or_else(|e| panic!("{}: {e}: {line}", self.name)),
            Err(RecvTimeoutError::Timeout) => panic!("{} says nothing\n{}", self.name, self.log_tail()),
            Err(RecvTimeoutError::Disconnected) => panic!("{} has ended\n{}", self.name, self.log_tail()),
        }
    }

    /// Waits until its log contains `text`.
    pub(crate) fn logs(&self, text: &str) {
        until(&format!("{} logs {text:?}", self.name), PATIENCE, || {
            let log = std::fs::read(&self.log).unwrap();
            String::from_utf8_lossy(&log[self.log_begins..]).contains(text).then_some(())
        });
    }

    /// The rest of its standard output, once it has ended.
    pub(crate) fn rest(&self) -> Vec<String> {
        self.lines.iter().collect()
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal to this process alone.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    /// Sends a signal to it and its children, as a terminal does.
    pub(crate) fn signal_group(&self, signal: Signal) {
        kill_process_group(self.pid(), signal).unwrap();
    }

    /// Kills it at once and waits until it is gone.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for its end.
    pub(crate) fn wait(&mut self, limit: Duration) -> ExitStatus {
        let (name, child) = (&self.name, &mut self.child);
        until(&format!("{name} ends"), limit, || child.try_wait().unwrap())
    }

    /// Asks it to stop, and expects that it does so well.
    pub(crate) fn stop(mut self) {
        self.signal(Signal::TERM);
        let status = self.wait(PATIENCE);
        assert!(status.success(), "{} ended with {status}\n{}", self.name, self.log_tail());
    }

    /// The end of its log.
    pub(crate) fn log_tail(&self) -> String {
        let log = std::fs::read(&self.log).unwrap_or_default();
        let tail = log.get(log.len().saturating_sub(LOG_TAIL_BYTES)..).unwrap_or_default();
        format!("--- end of {}\n{}", self.log.display(), String::from_utf8_lossy(tail))
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = kill_process_group(self.pid(), Signal::KILL); // it may have ended
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("{}: {}", self.name, self.log_tail());
        }
    }
}

/// Runs `wattle` to its end: exit code, standard output, standard error.
pub(crate) fn wattle<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> (i32, String, String) {
    let output = Command::new(program("wattle")).args(args).stdin(Stdio::null()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
}

/// Runs `wattle` with `--json`, which must succeed and print exactly one document.
pub(crate) fn wattle_json<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Value {
    let args: Vec<_> = args.into_iter().map(|a| a.as_ref().to_owned()).chain(["--json".into()]).collect();
    let (code, out, err) = wattle(&args);
    assert_eq!(code, 0, "{args:?}\n{out}\n{err}");
    one_document(&out)
}

/// Runs `wattle` with `--json`, which must fail: the code in its one document.
pub(crate) fn wattle_error<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> (i32, String) {
    let args: Vec<_> = args.into_iter().map(|a| a.as_ref().to_owned()).chain(["--json".into()]).collect();
    let (code, out, err) = wattle(&args);
    assert_ne!(code, 0, "{args:?}\n{out}\n{err}");
    let code_text =
        one_document(&out)["error"]["code"].as_str().unwrap_or_else(|| panic!("{out}")).to_owned();
    (code, code_text)
}

fn one_document(out: &str) -> Value {
    assert_eq!(out.lines().count(), 1, "{out}");
    serde_json::from_str(out).unwrap_or_else(|e| panic!("{e}: {out}"))
}
