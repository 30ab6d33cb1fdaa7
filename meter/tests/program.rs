//! The program itself: meters while no validator can be reached, stops gracefully, goes on where it stopped.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;
use wattle_chain_spec::Checkpoint;
use wattle_meter::simulator::{Simulator, SimulatorConfig, system_clock};
use wattle_meter::{LightStatus, generate_key, status};
use wattle_primitives::{
    Epoch, Hash, Header, Height, PublicKey, SecretKey, TimeMs, Validator, ValidatorSet, View, VotingPower,
};

/// Resident memory that a light node may take, in KiB.
const RESIDENT_KIB_MAX: u64 = 32 * 1024;

fn checkpoint() -> Checkpoint {
    let key = SecretKey::from_seed([1; 32]).public();
    let validators = ValidatorSet::new(vec![Validator { key, power: VotingPower(1) }]).unwrap();
    let header = Header {
        version: 1,
        chain: Hash([7; 32]),
        epoch: Epoch(0),
        view: View(0),
        height: Height(0),
        parent: Hash::ZERO,
        time_ms: TimeMs(1_700_000_000_000),
        proposer: PublicKey([0; 32]),
        txs_root: Hash::ZERO,
        state_root: Hash::ZERO,
        receipts_root: Hash::ZERO,
        validators_hash: validators.hash(),
        next_validators_hash: validators.hash(),
    };
    let genesis_hash = header.hash();
    let trust_period_ms = TimeMs(1000);
    Checkpoint { chain_id: "t".into(), genesis_hash, header, epoch: Epoch(0), validators, trust_period_ms }
}

fn start(dir: &Path) -> Child {
    let program = env!("CARGO_BIN_EXE_wattle-light");
    let mut command = Command::new(program);
    command.args(["run", "--config"]).arg(dir.join("light.toml")).env("WATTLE_LOG", "warn").spawn().unwrap()
}

async fn wait_for(dir: &Path, what: impl Fn(&LightStatus) -> bool) -> LightStatus {
    for _ in 0..300 {
        if let Ok(status) = status(&dir.join("data"))
            && what(&status)
        {
            return status;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("not reached within 30 s: {:?}", status(&dir.join("data")));
}

fn stop(mut child: Child) {
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert!(child.wait().unwrap().success());
}

fn resident_kib(child: &Child) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let line = text.lines().find(|l| l.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn metering_goes_on_without_a_chain_and_over_restarts() {
    let dir = tempfile::tempdir().unwrap();
    let listen = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    let clock = system_clock();
    let config = SimulatorConfig { listen, seed: 3, start_ms: clock() - 60_000, clock };
    let meter = Simulator::start(config).await.unwrap();
    generate_key(&dir.path().join("meter.key")).unwrap();
    std::fs::write(dir.path().join("checkpoint.json"), checkpoint().to_json()).unwrap();
    let at = |name: &str| dir.path().join(name).display().to_string();
    let text = format!(
        "data_dir = {:?}\nkey_file = {:?}\ncheckpoint = {:?}\npeers = [\"/ip4/127.0.0.1/tcp/9\"]\n\
         sample_interval_ms = 200\nreading_interval_ms = 1000\nsync_interval_ms = 0\n[meter]\naddress = \"{}\"\n",
        at("data"),
        at("meter.key"),
        at("checkpoint.json"),
        meter.address(),
    );
    std::fs::write(dir.path().join("light.toml"), text).unwrap();

    let child = start(dir.path());
    wait_for(dir.path(), |s| s.queue_depth >= 3).await;
    let resident = resident_kib(&child);
    assert!(resident < RESIDENT_KIB_MAX, "{resident} KiB resident");
    stop(child);
    let before = status(&dir.path().join("data")).unwrap();
    assert!(before.trusted.is_some_and(|t| t.height == Height(0)));

    let mut child = start(dir.path());
    let after = wait_for(dir.path(), |s| s.queue_depth > before.queue_depth).await;
    assert!(after.last_seq > before.last_seq, "numbers go on rising");
    child.kill().unwrap(); // as a power cut would
    child.wait().unwrap();
    let left = wait_for(dir.path(), |s| s.queue_depth >= after.queue_depth).await;
    let child = start(dir.path());
    wait_for(dir.path(), |s| s.queue_depth > left.queue_depth).await;
    stop(child);
}
