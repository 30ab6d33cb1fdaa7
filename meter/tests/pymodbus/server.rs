//! A pymodbus server as a child process.

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use wattle_meter::sensor::Link;

/// A running server. It ends with its input, so also when a test panics.
pub(crate) struct Server {
    child: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    port: u16,
}

/// The interpreter that has pymodbus: that of `scripts/setup --tests`, unless told otherwise.
fn python() -> PathBuf {
    if let Some(python) = std::env::var_os("WATTLE_TEST_PYTHON") {
        return python.into();
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    root.join(target).join("venv/bin/python")
}

impl Server {
    /// Serves `maps`, such as `1=sdm630`, by `how`; see the script.
    pub(crate) fn start(how: &str, maps: &[&str]) -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/pymodbus_server.py");
        let mut command = Command::new(python());
        command.arg(script).arg(how).args(maps).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("pymodbus is missing: run scripts/setup --tests");
        let orders = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().unwrap());
        let mut server = Self { child, orders, answers, port: 0 };
        let ready = server.line().expect("pymodbus does not serve: run scripts/setup --tests");
        server.port = u16::try_from(ready["port"].as_u64().unwrap()).unwrap();
        server
    }

    fn line(&mut self) -> Option<Value> {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        serde_json::from_str(&line).ok()
    }

    /// How a socket server is reached.
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Sets registers of a unit.
    pub(crate) fn set(&mut self, unit: u8, table: &str, address: u16, words: &[u16]) {
        let order = json!({"unit": unit, "table": table, "address": address, "words": words});
        writeln!(self.orders.as_mut().unwrap(), "{order}").unwrap();
        assert_eq!(self.line(), Some(json!({})), "{order}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.orders.take(); // its input ends, and so does it
        let _ = self.child.wait();
    }
}

/// The link to a Modbus TCP server.
pub(crate) fn tcp(server: &Server) -> Link {
    Link::Tcp { address: server.address() }
}
