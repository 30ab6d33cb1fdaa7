//! Power cuts, at every sync: what a validator had promised is on the disk, whatever becomes of the rest.
//!
//! A real validator runs under load with a recorder in front of its C library (`tests/recorder`). Its writes are then
//! played on a model of a disk ([`disk`]), which is cut just before and just after every sync, and in between; the
//! node's own recovery runs on each image ([`check`]). Then the same with syncs taken away: the check must notice.
//!
//! `WATTLE_TEST_LONG=1` records ten times as long.

mod check;
mod disk;
mod flips;
#[path = "../../../recorder/src/format.rs"]
mod format;
mod recording;
mod syncs;

use crate::load::Load;
use crate::network::{Network, Node};
use crate::process::{program, until};
use check::Promises;
use disk::{Disk, Fate, Random};
use recording::{Claim, Op, Recording, files_below};
use serde_json::json;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};
use wattle_node::home::Home;

/// Syncs that a recording holds at least: each gives an image before and one after it.
const SYNCS_MIN: usize = 880;
/// Images cut at random places beside.
const RANDOM_CUTS: usize = 300;
/// Threads that examine images.
const THREADS: usize = 2;
/// How long recording may take.
const RECORDING_LIMIT: Duration = Duration::from_secs(600);
/// Between two questions to the recorded validator.
const ASK_INTERVAL: Duration = Duration::from_millis(10);

/// Between two looks at how long the recording is.
const COUNT_INTERVAL: Duration = Duration::from_millis(200);

/// One recording for all tests of this module.
fn recorded() -> &'static Recording {
    static RECORDING: OnceLock<Recording> = OnceLock::new();
    RECORDING.get_or_init(record)
}

/// Runs four validators under load, the first under the recorder and in two lives, until it has synced often enough.
fn record() -> Recording {
    let network = Network::lay_out(&["--meters", "0"]);
    let home = Home::new(&network.homes[0]);
    let mut config = home.config().unwrap();
    config.storage = check::config();
    home.write_config(&config).unwrap();
    let base = files_below(home.path());
    let log = network.dir.path().join("recording");
    let wanted = SYNCS_MIN * if std::env::var_os("WATTLE_TEST_LONG").is_some() { 10 } else { 1 };
    let mut nodes: Vec<Node> = vec![start_recorded(home.path(), &log)];
    nodes.extend(network.homes[1..].iter().map(|home| Node::start(home)));
    let load =
        Load::start(&network.path(), network.chain, nodes.iter().map(|node| node.url.clone()).collect());
    run_until(&nodes[0], &log, wanted / 2);
    // A second life: what recovery itself writes is part of the recording.
    load.moved(0, None);
    nodes.remove(0).process.stop();
    nodes.insert(0, start_recorded(home.path(), &log));
    load.moved(0, Some(nodes[0].url.clone()));
    run_until(&nodes[0], &log, wanted);
    let finals = load.stop();
    for node in nodes {
        node.process.stop();
    }
    let bytes = std::fs::read(&log).unwrap();
    let key = home.validator_key().unwrap().unwrap();
    let genesis = network.spec.genesis.clone();
    let recording = Recording::new(&bytes, home.path(), base, genesis, network.chain, &key);
    compare_with_the_real_directory(&recording, home.path());
    println!(
        "recorded: {} operations, {} syncs, {} claims, {} bytes; {} transfers final",
        recording.ops.len(),
        recording.syncs(),
        recording.claims.len(),
        bytes.len(),
        finals.len()
    );
    recording
}

fn start_recorded(home: &Path, log: &Path) -> Node {
    let mut command = Command::new(program("wattle"));
    command
        .env("LD_PRELOAD", program("libwattle_recorder.so"))
        .env("WATTLE_RECORD_ROOT", home)
        .env("WATTLE_RECORD_LOG", log);
    Node::start_logging(home, command, ",wattle::votes=debug")
}

/// Keeps asking where the chain stands, so that there is much to be kept, until the node has synced so often.
fn run_until(node: &Node, log: &Path, syncs: usize) {
    let (mut read, mut found) = (0, 0);
    let mut looked = Instant::now();
    until("the recording is long enough", RECORDING_LIMIT, || {
        let _ = node.rpc.call("chain_status", json!({})); // a busy node may not answer in time
        std::thread::sleep(ASK_INTERVAL);
        if looked.elapsed() > COUNT_INTERVAL {
            looked = Instant::now();
            count_syncs(log, &mut read, &mut found);
        }
        (found >= syncs).then_some(())
    });
}

/// Counts the syncs in what the recording has grown by.
fn count_syncs(log: &Path, read: &mut u64, found: &mut usize) {
    use std::io::{Read as _, Seek as _};
    let mut file = std::fs::File::open(log).unwrap();
    file.seek(std::io::SeekFrom::Start(*read)).unwrap();
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).unwrap();
    let mut rest = bytes.as_slice();
    while let Some((head, after)) = rest.split_first_chunk::<5>() {
        let len = u32::from_le_bytes(head[1..].try_into().unwrap()) as usize;
        let Some(next) = after.get(len..) else { break };
        *found += usize::from(head[0] == format::SYNC_END);
        *read += 5 + len as u64;
        rest = next;
    }
}

/// A write that the recorder did not see would make every image worthless.
fn compare_with_the_real_directory(recording: &Recording, home: &Path) {
    let mut disk = Disk::new(&recording.base);
    recording.ops.iter().for_each(|op| disk.play(op, false));
    let unseen = |name: &String| name == "log" || name.starts_with("data/db/LOG");
    let mut real = files_below(home);
    real.retain(|name, _| !unseen(name));
    let live = disk.live_files();
    assert_eq!(live.keys().collect::<Vec<_>>(), real.keys().collect::<Vec<_>>());
    for (name, bytes) in &real {
        assert!(live[name] == *bytes, "{name}: what was recorded differs from what is there");
    }
}

/// One image to be examined: the disk after so many operations.
#[derive(Clone, Copy, Debug)]
struct Cut {
    at: usize,
    fate: Fate,
}

/// Just before every sync returns, just after, and at random.
fn cuts(recording: &Recording) -> Vec<Cut> {
    let mut random = Random(1);
    let mut cuts = Vec::new();
    for (at, op) in recording.ops.iter().enumerate() {
        if matches!(op, Op::SyncEnd { .. }) {
            let fates = [
                Fate::Torn(random.next()),
                Fate::Sectors(random.next()),
                Fate::NamesOnly,
                Fate::Sectors(random.next()),
                Fate::BytesOnly,
                Fate::Torn(random.next()),
            ];
            cuts.push(Cut { at, fate: *random.pick(&fates) });
            cuts.push(Cut { at: at + 1, fate: Fate::Lost });
        }
    }
    for i in 0..RANDOM_CUTS {
        let fate = if i % 2 == 0 { Fate::Torn(random.next()) } else { Fate::Sectors(random.next()) };
        cuts.push(Cut { at: random.below(recording.ops.len()), fate });
    }
    cuts.sort_by_key(|cut| cut.at);
    cuts
}

/// Goal: whenever the power fails, nothing that was promised is lost and nothing can be signed against it.
#[test]
fn no_power_cut_loses_what_was_promised() {
    let recording = recorded();
    let cuts = cuts(recording);
    let begun = Instant::now();
    let failures = examine(recording, &cuts, |_, _| false);
    for (cut, what) in failures.iter().take(10) {
        eprintln!("{cut:?}: {what}");
    }
    let count = |of: fn(&Claim) -> bool| recording.claims.iter().filter(|(_, claim)| of(claim)).count();
    let votes = count(|claim| matches!(claim, Claim::Vote(_)));
    println!(
        "{} images of {} syncs, {votes} votes, {} answers: {} bad, in {:.1} s",
        cuts.len(),
        recording.syncs(),
        recording.claims.len() - votes,
        failures.len(),
        begun.elapsed().as_secs_f64()
    );
    assert!(failures.is_empty(), "{} of {} images", failures.len(), cuts.len());
    // A recording in which little was promised shows little.
    assert!(cuts.len() >= 2_000 && votes > 100 && count(|c| matches!(c, Claim::Final { .. })) > 20);
    assert!(count(|c| matches!(c, Claim::Tx { .. })) > 10);
}

/// Examines every cut; those that do not hold.
fn examine(
    recording: &Recording,
    cuts: &[Cut],
    skip: impl Fn(&Disk, &Op) -> bool + Sync,
) -> Vec<(Cut, String)> {
    let failures = Mutex::new(Vec::new());
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let mut disk = Disk::new(&recording.base);
                let mut played = 0;
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(cut) = cuts.get(index) else { return };
                    for op in &recording.ops[played..cut.at] {
                        let skipped = matches!(op, Op::SyncEnd { .. }) && skip(&disk, op);
                        disk.play(op, skipped);
                    }
                    played = cut.at;
                    let promises = Promises::before(recording, cut.at);
                    if let Err(what) = promises.hold_in(&disk.image(cut.fate)) {
                        failures.lock().unwrap().push((*cut, what));
                    }
                }
            });
        }
    });
    failures.into_inner().unwrap()
}

/// Does each piece of work once, on all threads.
fn workers<T: Send>(work: Vec<T>, act: impl Fn(T) + Sync) {
    let work = Mutex::new(work);
    let next = || work.lock().unwrap().pop();
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| std::iter::from_fn(next).for_each(&act));
        }
    });
}
