//! A real `wattle-light` in a directory of its own, beside simulated meters.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use wattle_chain_spec::Checkpoint;
use wattle_meter::queue::Queue;
use wattle_meter::simulator::{Household, Simulator, Site, system_clock};
use wattle_meter::{LightStatus, status};
use wattle_primitives::reading::SignedReading;
use wattle_primitives::{
    Epoch, Hash, Header, Height, PublicKey, SecretKey, TimeMs, Validator, ValidatorSet, View, VotingPower,
};

/// How long anything may take: only a hang takes it, however busy the machine is.
pub(crate) const PATIENCE: Duration = Duration::from_secs(180);

pub(crate) fn validators() -> ValidatorSet {
    let key = SecretKey::from_seed([1; 32]).public();
    ValidatorSet::new(vec![Validator { key, power: VotingPower(1) }]).unwrap()
}

fn header(height: u64, chain: Hash, time_ms: u64) -> Header {
    let set = validators().hash();
    Header {
        version: 1,
        chain,
        epoch: Epoch(0),
        view: View(height),
        height: Height(height),
        parent: Hash::ZERO,
        time_ms: TimeMs(time_ms),
        proposer: PublicKey([0; 32]),
        txs_root: Hash::ZERO,
        state_root: Hash::ZERO,
        receipts_root: Hash::ZERO,
        validators_hash: set,
        next_validators_hash: set,
    }
}

/// A checkpoint of a chain that began an hour ago, trusted for a day.
pub(crate) fn checkpoint(height: u64) -> Checkpoint {
    let start_ms = 1_700_000_000_000;
    let genesis_hash = header(0, Hash([7; 32]), start_ms).hash();
    let header = match height {
        0 => header(0, Hash([7; 32]), start_ms),
        height => header(height, genesis_hash, system_clock()() - 1000),
    };
    let (epoch, validators, trust_period_ms) = (Epoch(0), validators(), TimeMs(86_400_000));
    Checkpoint { chain_id: "t".into(), genesis_hash, header, epoch, validators, trust_period_ms }
}

/// A free port of this computer.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

pub(crate) async fn simulator(seed: u64) -> Simulator {
    let clock = system_clock();
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let start_ms = clock() - 60_000;
    Simulator::start(listen, Site::of(Household::new(seed)), start_ms, clock).await.unwrap()
}

/// A light node's directory, and its process while it runs.
pub(crate) struct Light {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) status_port: u16,
    child: Option<Child>,
}

impl Light {
    /// A directory with keys for `signing` meters behind `meters`, and `extra` lines at the top of the configuration.
    pub(crate) fn new(meters: &[(&str, SocketAddr, bool)], extra: &str, tables: &str) -> Self {
        // On a disk, not in memory: what is written there is counted.
        let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        std::fs::write(dir.path().join("checkpoint.json"), checkpoint(0).to_json()).unwrap();
        let status_port = free_port();
        let at = |name: &str| dir.path().join(name).display().to_string();
        let mut text = format!(
            "data_dir = {:?}\ncheckpoint = {:?}\npeers = [\"/ip4/127.0.0.1/tcp/9\"]\n\
             status_listen = \"127.0.0.1:{status_port}\"\n{extra}\n{tables}\n",
            at("data"),
            at("checkpoint.json"),
        );
        for (name, address, signs) in meters {
            let _ = write!(
                text,
                "[[bus]]\nlink = {{ kind = \"tcp\", address = \"{address}\" }}\n[[bus.meter]]\nname = \"{name}\"\n"
            );
            if *signs {
                let path = dir.path().join(format!("{name}.key"));
                wattle_host::key::generate(&path).unwrap();
                let _ = writeln!(text, "key_file = {:?}", path.display().to_string());
            }
        }
        std::fs::write(dir.path().join("light.toml"), text).unwrap();
        Self { dir, status_port, child: None }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.path("light.toml")
    }

    pub(crate) fn start(&mut self) -> &mut Self {
        self.start_by(Command::new(env!("CARGO_BIN_EXE_wattle-light")))
    }

    /// Starts it by a command to which its own arguments are added.
    pub(crate) fn start_by(&mut self, mut command: Command) -> &mut Self {
        command.arg("run").arg("--config").arg(self.config()).env("WATTLE_LOG", "warn");
        self.child = Some(command.stdin(Stdio::null()).spawn().unwrap());
        self
    }

    /// Replaces text in its configuration.
    pub(crate) fn configure(&self, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.config()).unwrap();
        assert!(text.contains(from), "{from} is not in {text}");
        std::fs::write(self.config(), text.replacen(from, to, 1)).unwrap();
    }

    /// The readings that wait, once it has stopped.
    pub(crate) fn readings(&self, meter: &str) -> Vec<SignedReading> {
        let (queue, _) = Queue::open(&self.path("data").join(meter).join("queue"), 100_000).unwrap();
        queue.pending(0, u64::MAX, usize::MAX).unwrap()
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| child.try_wait().unwrap().is_none())
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// Ends it as a power cut would.
    pub(crate) fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Ends it in order, and expects that it ends well.
    pub(crate) fn stop(&mut self) {
        let mut child = self.child.take().unwrap();
        let pid = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        assert!(child.wait().unwrap().success());
    }

    /// Runs another command of the program.
    pub(crate) fn command(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_wattle-light"))
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// As [`Light::command`], with the configuration and JSON.
    pub(crate) fn ask(&self, arguments: &[&str]) -> Result<serde_json::Value, String> {
        let config = self.config().display().to_string();
        let output = self.command(&[arguments, &["--config", &config, "--json"]].concat());
        let text = String::from_utf8(output.stdout).unwrap();
        if output.status.success() { Ok(serde_json::from_str(&text).unwrap()) } else { Err(text) }
    }

    pub(crate) fn saved(&self) -> Option<LightStatus> {
        status(&self.path("data")).ok()
    }

    /// The live status, if it answers.
    pub(crate) fn live(&self) -> Option<serde_json::Value> {
        let (status, body) = get(self.status_port, "/status", "localhost")?;
        (status == 200).then(|| serde_json::from_str(&body).unwrap())
    }
}

impl Drop for Light {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Waits until `look` finds something.
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        if let Some(found) = look() {
            return found;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("not within {} s: {what}", PATIENCE.as_secs());
}

/// One HTTP request; `None` when nobody answers.
pub(crate) fn get(port: u16, path: &str, host: &str) -> Option<(u16, String)> {
    let (head, body) =
        exchange(port, &format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"))?;
    Some((head.split(' ').nth(1)?.parse().ok()?, body))
}

/// Sends `request` as it is; the answer's head and body.
pub(crate) fn exchange(port: u16, request: &str) -> Option<(String, String)> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.to_owned(), body.to_owned()))
}

/// A value of `/proc/<pid>/<file>` whose line begins with `name`; `None` where the system does not show it.
pub(crate) fn proc_value(pid: u32, file: &str, name: &str) -> Option<u64> {
    let text = std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join(file)).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
