//! The devnet's validators: in this process, or each in its own.

use super::super::run::code;
use super::Progress;
use crate::launch::{Options, Running, launch};
use crate::testnet::Testnet;
use serde_json::{Value, json};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use wattle_cli::CliError;
use wattle_cli::client::Client;
use wattle_host::wall::Pace;
use wattle_primitives::Height;

/// Between two looks at a height that does not move yet.
const POLL: Duration = Duration::from_millis(20);
/// Longest wait for one answer of a validator.
const RPC_TIMEOUT: Duration = Duration::from_secs(5);

/// All validators of a devnet.
pub(super) struct Validators {
    /// The validators, in order.
    pub(super) members: Vec<Member>,
    running: Vec<Runs>,
    clock: Option<Pace>,
    progress: Progress,
    events_cursor: Option<String>,
}

/// One validator, as others see it.
#[derive(Clone, Debug)]
pub(super) struct Member {
    /// Its name.
    pub(super) name: String,
    /// Where its interface is.
    pub(super) rpc: String,
    /// Where its block explorer is.
    pub(super) explorer: String,
    /// Its process, if it has its own.
    pub(super) pid: Option<u32>,
}

enum Runs {
    Here(Box<Running>),
    /// The pipe ends with this process, however that ends; the child stops then.
    Process(Child, Option<ChildStdin>),
}

impl Validators {
    /// Starts all of them.
    ///
    /// # Errors
    /// When one does not come up.
    pub(super) async fn start(net: &Testnet, processes: bool, clock: Option<Pace>) -> Result<Self, CliError> {
        let (mut members, mut running) = (Vec::new(), Vec::new());
        for home in &net.homes {
            if processes {
                let (member, mut child) = spawn(home.path(), clock).await?;
                members.push(member);
                let pipe = child.stdin.take(); // waiting for the child would close it
                running.push(Runs::Process(child, pipe));
            } else {
                let node = launch(home, Options { rpc_fallback: true })
                    .await
                    .map_err(|e| CliError::failed(code(&e), &e))?;
                members.push(Member {
                    name: node.name.clone(),
                    rpc: node.rpc.url(),
                    explorer: node.rpc.explorer_url(),
                    pid: None,
                });
                running.push(Runs::Here(Box::new(node)));
            }
        }
        Ok(Self { members, running, clock, progress: Progress::default(), events_cursor: None })
    }

    /// Waits for a final block above the one that was there at the start.
    ///
    /// # Errors
    /// `no_progress` when none comes in time.
    pub(super) async fn first_final_block(&mut self, limit: Duration) -> Result<Height, CliError> {
        let begun = Instant::now();
        let before = self.height().await.unwrap_or(Height::ZERO);
        while begun.elapsed() < limit {
            if let Some(height) = self.height().await
                && (height > before || before > Height::ZERO)
            {
                return Ok(height);
            }
            tokio::time::sleep(POLL).await;
        }
        Err(CliError::Other {
            code: "no_progress",
            message: format!("no block became final within {} s", limit.as_secs()),
            hint: Some("--log debug shows what the validators wait for".into()),
        })
    }

    async fn height(&self) -> Option<Height> {
        match self.running.first() {
            Some(Runs::Here(node)) => Some(node.node.shared.view().header.height),
            _ => self.status().await.and_then(|s| s["height"].as_str()?.parse().ok()),
        }
    }

    async fn status(&self) -> Option<Value> {
        self.call("chain_status", json!({})).await
    }

    async fn call(&self, method: &str, params: Value) -> Option<Value> {
        let member = self.members.first()?;
        let client = Client::new(&member.rpc, RPC_TIMEOUT).ok()?;
        client.call::<Value>(method, params).await.ok()
    }

    /// Where the first validator stands.
    pub(super) async fn progress(&mut self) -> Progress {
        if let Some(status) = self.status().await {
            let number =
                |v: &Value| v.as_str().and_then(|s| s.parse().ok()).or_else(|| v.as_u64()).unwrap_or(0);
            self.progress.height = Height(number(&status["height"]));
            self.progress.peers = number(&status["peers"]);
        }
        self.count_events().await;
        self.progress
    }

    /// Counts transactions and readings among the events since the last look, at most a few pages at once.
    async fn count_events(&mut self) {
        const PAGES_MAX: usize = 8;
        for _ in 0..PAGES_MAX {
            let params = match &self.events_cursor {
                Some(cursor) => {
                    json!({ "cursor": cursor, "limit": wattle_rpc_types::limits::PAGE_ITEMS_MAX })
                }
                None => json!({ "fromHeight": "1", "limit": wattle_rpc_types::limits::PAGE_ITEMS_MAX }),
            };
            let Some(page) = self.call("event_list", params).await else { return };
            let events = page["items"].as_array().map_or(&[][..], Vec::as_slice);
            for event in events {
                match event["event"]["type"].as_str() {
                    Some("fee_charged") => {
                        self.progress.transactions = self.progress.transactions.saturating_add(1)
                    }
                    Some("reading_accepted") => {
                        self.progress.readings = self.progress.readings.saturating_add(1)
                    }
                    _ => {}
                }
            }
            let Some(next) = page["nextCursor"].as_str() else { return };
            self.events_cursor = Some(next.to_owned());
            if page["truncated"].as_bool() != Some(true) && events.is_empty() {
                return;
            }
        }
    }

    /// Completes when a validator ends by itself.
    pub(super) async fn failure(&mut self) -> CliError {
        let mut waits = Vec::new();
        for (runs, member) in self.running.iter_mut().zip(&self.members) {
            let name = member.name.clone();
            waits.push(Box::pin(async move {
                match runs {
                    Runs::Here(node) => match node.node.ended().await {
                        Ok(()) => ended(&name, "it stopped"),
                        Err(error) => CliError::failed("validator_stopped", &error),
                    },
                    Runs::Process(child, _) => {
                        // A process that was killed on purpose is part of the show: the others go on.
                        let _ = child.wait().await;
                        std::future::pending().await
                    }
                }
            }));
        }
        if waits.is_empty() {
            return std::future::pending().await;
        }
        futures::future::select_all(waits).await.0
    }

    /// Whether one has ended by itself, but for the one that is dead on purpose.
    pub(super) fn ended(&mut self, dead: Option<usize>) -> Option<CliError> {
        for (index, (runs, member)) in self.running.iter_mut().zip(&self.members).enumerate() {
            if let Runs::Process(child, _) = runs
                && Some(index) != dead
                && let Ok(Some(status)) = child.try_wait()
            {
                return Some(ended(&member.name, &format!("it ended with {status}")));
            }
        }
        None
    }

    /// Ends one as a power cut would; it must have a process of its own.
    ///
    /// # Errors
    /// When it has none, or cannot be killed.
    pub(super) async fn kill(&mut self, index: usize) -> Result<(), CliError> {
        match self.running.get_mut(index) {
            Some(Runs::Process(child, _)) => child.kill().await.map_err(|e| CliError::failed("kill", &e)),
            _ => Err(ended("validator", "it has no process of its own")),
        }
    }

    /// Starts one again that was killed.
    ///
    /// # Errors
    /// When it does not come up.
    pub(super) async fn revive(&mut self, net: &Testnet, index: usize) -> Result<(), CliError> {
        let places = (net.homes.get(index), self.members.get_mut(index), self.running.get_mut(index));
        let (Some(home), Some(member), Some(runs)) = places else { return Ok(()) };
        let (again, mut child) = spawn(home.path(), self.clock).await?;
        let pipe = child.stdin.take();
        *member = again;
        *runs = Runs::Process(child, pipe);
        Ok(())
    }

    /// Stops all of them and waits.
    pub(super) async fn stop(self) {
        let stops = self.running.into_iter().map(|runs| async {
            match runs {
                Runs::Here(node) => drop(node.stop().await),
                Runs::Process(mut child, _pipe) => {
                    terminate(&child);
                    let _ = child.wait().await;
                }
            }
        });
        futures::future::join_all(stops).await;
    }
}

fn ended(name: &str, how: &str) -> CliError {
    CliError::Other { code: "validator_stopped", message: format!("{name}: {how}"), hint: None }
}

/// Asks a process to stop.
pub(in crate::commands) fn terminate(child: &Child) {
    let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw);
    if let Some(pid) = pid {
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM); // it may have ended already
    }
}

/// Starts `wattle run` for a home and waits for its first line.
async fn spawn(home: &std::path::Path, clock: Option<Pace>) -> Result<(Member, Child), CliError> {
    let program = std::env::current_exe().map_err(|e| CliError::failed("spawn", &e))?;
    let mut child = Command::new(program)
        .args(["run", "--json", "--stop-with-stdin", "--home"])
        .arg(home)
        .args(clock.map(|pace| format!("--clock={pace}")))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .spawn()
        .map_err(|e| CliError::failed("spawn", &e))?;
    let Some(stdout) = child.stdout.take() else { return Err(ended("validator", "no output")) };
    let mut lines = BufReader::new(stdout).lines();
    let first = lines.next_line().await.ok().flatten().unwrap_or_default();
    let ready: Value = serde_json::from_str(&first).unwrap_or(Value::Null);
    let name = home.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
    let (Some(rpc), Some(explorer)) = (ready["rpc"].as_str(), ready["explorer"].as_str()) else {
        // With `--json` its error is the one line that it prints.
        let why = ready["error"]["message"].as_str().unwrap_or(&first);
        let status = child.wait().await.map_or_else(|e| e.to_string(), |status| status.to_string());
        return Err(ended(&name, &format!("it did not start ({status}): {why}")));
    };
    let member = Member { name, rpc: rpc.to_owned(), explorer: explorer.to_owned(), pid: child.id() };
    Ok((member, child))
}
