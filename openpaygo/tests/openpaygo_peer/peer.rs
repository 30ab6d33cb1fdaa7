//! The Python packages as a child process.

use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// A running peer. It ends with its input, so also when a test panics.
pub(crate) struct Peer {
    child: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

/// The interpreter that has the packages: that of `scripts/setup --tests`, unless told otherwise.
fn python() -> PathBuf {
    if let Some(python) = std::env::var_os("WATTLE_TEST_PYTHON") {
        return python.into();
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    root.join(target).join("venv/bin/python")
}

impl Peer {
    /// Starts it in a time zone.
    pub(crate) fn start(time_zone: &str) -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peer.py");
        let mut command = Command::new(python());
        command.arg(script).env("TZ", time_zone).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("Python is missing: run scripts/setup --tests");
        let orders = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().unwrap());
        Self { child, orders, answers }
    }

    /// The answers to orders, in order.
    pub(crate) fn ask(&mut self, orders: &[Value]) -> Vec<Value> {
        let line = serde_json::to_string(orders).unwrap();
        let sent = writeln!(self.orders.as_mut().unwrap(), "{line}");
        sent.expect("the peer has ended: run scripts/setup --tests");
        let mut answer = String::new();
        self.answers.read_line(&mut answer).unwrap();
        let answers: Vec<Value> = serde_json::from_str(&answer).expect("an answer");
        assert_eq!(answers.len(), orders.len());
        answers
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.orders.take(); // its input ends, and so does it
        let _ = self.child.wait();
    }
}
