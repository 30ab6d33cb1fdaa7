//! Syncs taken away: the check of images must notice each kind, or it is said here why none is missed.

use super::check::Promises;
use super::disk::{Disk, Fate};
use super::recording::{Claim, Op, Recording};
use super::{recorded, workers};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Mutex;
use wattle_primitives::domain::SIGN_DIGEST;
use wattle_primitives::{Hash, Round, encode};

/// Images of each kind of sync that are examined before it counts as not missed.
const IMAGES_MAX: usize = 160;
/// Operations after the first syncs left out that are all cut at.
const SOON: usize = 14;
/// Of the syncs of one file, every so many are taken away singly, and all until so many have told something: on a busy
/// machine few are followed by a promise.
const SINGLY: usize = 3;
const TOLD_MIN: usize = 3;

/// Syncs of the database that nothing here rests on, with the reason. All are RocksDB's own.
const NOT_MISSED: &[(&str, &str)] = &[
    ("database: options file", "holds what the program sets at every start; RocksDB opens without it"),
    ("database: identity file", "names the database for people; the manifest holds the same"),
];

/// The directory of the consensus log.
const LOG_DIR: &str = "data/wal/";

/// The purpose of a sync, by the name that its file has when it is called.
fn kind_of(name: &str) -> String {
    let file = name.rsplit('/').next().unwrap_or_default();
    let of_database = |name: &str| match name {
        _ if name.ends_with(".log") => "database: log",
        _ if name.ends_with(".sst") => "database: table",
        _ if name.starts_with("MANIFEST") => "database: manifest",
        _ if name.starts_with("OPTIONS") => "database: options file",
        _ if name.starts_with("IDENTITY") => "database: identity file",
        _ => "database: CURRENT, before it has its name",
    };
    match name {
        "/" => "home directory".to_owned(),
        _ if name.ends_with('/') => format!("directory {name}"),
        _ if name.starts_with("data/db/") => of_database(file).to_owned(),
        _ if name.starts_with("data/wal/") && file.ends_with(".tmp") => {
            "log: first page of a segment".to_owned()
        }
        _ if name.starts_with("data/wal/") => "log: group".to_owned(),
        _ if name.ends_with(".tmp") => "sign state: new".to_owned(),
        _ => "sign state: slot".to_owned(),
    }
}

/// The purpose of each sync. RocksDB syncs some files under a passing name: their last one counts.
fn kinds(recording: &Recording) -> BTreeMap<u64, String> {
    let mut disk = Disk::new(&recording.base);
    let mut kinds = BTreeMap::new();
    for (at, op) in recording.ops.iter().enumerate() {
        if let Op::SyncEnd { handle, sync } = op {
            let name = disk.name_of(*handle);
            let kind = match name.as_str() {
                LOG_DIR => format!("directory {name}, {}", last_change_in_log(&recording.ops[..at])),
                _ if name.ends_with(".dbtmp") => {
                    kind_of(&renamed_to(&recording.ops[at..], &name).unwrap_or(name))
                }
                _ => kind_of(&name),
            };
            kinds.insert(*sync, kind);
        }
        disk.play(op, false);
    }
    kinds
}

/// Why the log's directory is synced.
fn last_change_in_log(ops: &[Op]) -> &'static str {
    let last = ops.iter().rev().find_map(|op| match op {
        Op::Remove { path } if path.starts_with(LOG_DIR) => Some("after a segment went"),
        Op::Rename { to, .. } if to.starts_with(LOG_DIR) => Some("after a segment came"),
        Op::Open { path, create: true, .. } if path.starts_with(LOG_DIR) => Some("after its lock came"),
        _ => None,
    });
    last.unwrap_or("new")
}

fn renamed_to(ops: &[Op], name: &str) -> Option<String> {
    ops.iter().find_map(|op| match op {
        Op::Rename { from, to } if from == name => Some(to.clone()),
        _ => None,
    })
}

/// Goal: no kind of sync can be left out of the product unnoticed.
#[test]
fn leaving_out_any_kind_of_sync_is_noticed() {
    let recording = recorded();
    let kinds = kinds(recording);
    let all: BTreeSet<String> = kinds.values().cloned().collect();
    let noticed: Mutex<BTreeMap<String, Option<String>>> = Mutex::default();
    workers(all.iter().collect(), |kind| {
        let what = first_failure_without(recording, &kinds, kind);
        noticed.lock().unwrap().insert(kind.clone(), what);
    });
    let noticed = noticed.into_inner().unwrap();
    for (kind, what) in &noticed {
        let count = kinds.values().filter(|k| *k == kind).count();
        println!("without {count} x {kind}: {}", what.as_deref().unwrap_or("not missed"));
    }
    for (kind, what) in &noticed {
        let reason = NOT_MISSED.iter().find(|(name, _)| name == kind);
        assert!(what.is_some() || reason.is_some(), "nothing notices that {kind} is not synced");
    }
    for needed in ["log: group", "log: first page of a segment", "sign state: slot", "database: log"] {
        assert!(noticed.contains_key(needed), "the recording holds no sync of {needed}");
    }
}

/// Plays the recording with these syncs left out, and says what the first image that does not hold is about.
fn first_failure_without(recording: &Recording, kinds: &BTreeMap<u64, String>, kind: &str) -> Option<String> {
    let ends: Vec<usize> = (0..recording.ops.len())
        .filter(|at| matches!(&recording.ops[*at], Op::SyncEnd { sync, .. } if kinds[sync] == kind))
        .collect();
    // Some are missed at once, until the next sync of the same file; others only when more has come to rest on them.
    let first = *ends.first()?;
    let step = ((recording.ops.len() - first) / IMAGES_MAX).max(1);
    let soon = ends.iter().take(2).flat_map(|end| end + 1..end + 1 + SOON);
    let soon = soon.filter(|at| *at <= recording.ops.len());
    let mut cuts: Vec<(usize, Fate)> =
        soon.flat_map(|at| [(at, Fate::Lost), (at, Fate::NamesOnly)]).collect();
    let later = (first + 1..=recording.ops.len()).step_by(step).enumerate();
    cuts.extend(
        later.map(|(i, at)| {
            (at, [Fate::Lost, Fate::NamesOnly, Fate::BytesOnly, Fate::Sectors(i as u64)][i % 4])
        }),
    );
    // Two in a row: what one of them kept in order may now be out of order.
    let pairs = ends.windows(2).filter(|pair| pair[1] - pair[0] <= 3 * SOON).map(|pair| pair[1] + 1);
    cuts.extend(pairs.take(IMAGES_MAX).map(|at| (at, Fate::Sectors(at as u64))));
    cuts.sort_by_key(|(at, _)| *at);
    let mut disk = Disk::new(&recording.base);
    let mut played = 0;
    for (at, fate) in cuts {
        for op in &recording.ops[played..at] {
            let skip = matches!(op, Op::SyncEnd { sync, .. } if kinds[sync] == kind);
            disk.play(op, skip);
        }
        played = at;
        if let Err(what) = Promises::before(recording, at).hold_in(&disk.image(fate)) {
            return Some(format!("{what} (operation {at}, {fate:?})"));
        }
    }
    None
}

/// Goal: every single sync of the log's groups, of the sign state and of the database's log is needed: without it, what
/// was promised right after it is lost.
#[test]
fn leaving_out_a_single_sync_is_noticed() {
    let recording = recorded();
    let kinds = kinds(recording);
    let single = ["log: group", "sign state: slot", "database: log"];
    let tally: Mutex<Vec<(&str, Singly)>> = Mutex::default();
    workers(single.to_vec(), |kind| {
        let found = singly(recording, &kinds, kind);
        tally.lock().unwrap().push((kind, found));
    });
    for (kind, Singly { tried, noticed, missed }) in tally.into_inner().unwrap() {
        println!("{kind}: {noticed} of {tried} noticed when left out alone");
        assert!(missed.is_empty(), "{kind}: not noticed at {missed:?}");
        assert!(tried >= TOLD_MIN, "{kind}: only {tried} syncs were followed by a promise");
    }
}

/// Outcomes of leaving out single syncs.
#[derive(Default)]
struct Singly {
    tried: usize,
    noticed: usize,
    /// Where one was left out and nothing noticed.
    missed: Vec<String>,
}

impl Singly {
    fn note(&mut self, left: &Result<Round, String>, resting: &[&Claim], place: String) {
        // The log may let go of what the database covers: a vote that comes after its block is final.
        let is_covered = |claim: &Claim| matches!((claim, left), (Claim::Vote(vote), Ok(covered)) if vote.round() <= *covered);
        if resting.iter().all(|claim| is_covered(claim)) {
            return;
        }
        self.tried += 1;
        match left {
            Err(_) => self.noticed += 1,
            Ok(_) => self.missed.push(place),
        }
    }
}

/// Leaves out single syncs and cuts just before the next of the same file.
fn singly(recording: &Recording, kinds: &BTreeMap<u64, String>, kind: &str) -> Singly {
    let files: BTreeSet<u64> = recording
        .ops
        .iter()
        .filter_map(|op| match op {
            Op::SyncEnd { handle, sync } if kinds[sync] == kind => Some(*handle),
            _ => None,
        })
        .collect();
    let mut disk = Disk::new(&recording.base);
    // Where the last two syncs of each file stand, by its handle.
    let mut last: BTreeMap<u64, (usize, usize)> = BTreeMap::new();
    let (mut seen, mut found) = (0, Singly::default());
    for (at, op) in recording.ops.iter().enumerate() {
        if let Op::SyncEnd { handle, sync } = op
            && kinds[sync] == kind
        {
            let (before, left_out) = last.get(handle).copied().unwrap_or_default();
            // A table that was flushed meanwhile holds what the database's log did.
            let elsewhere = (left_out..at).any(|between| {
                matches!(&recording.ops[between], Op::SyncEnd { sync, .. } if kinds[sync] == "database: manifest")
            });
            let resting = resting_on(recording, kind, &files, before..left_out, left_out..at);
            if left_out > 0 && !elsewhere && !resting.is_empty() {
                seen += 1;
                if seen % SINGLY == 0 || found.tried < TOLD_MIN {
                    let image = disk.without_last_sync(*handle).image(Fate::Lost);
                    let left = Promises::before(recording, at).hold_in(&image);
                    found.note(&left, &resting, format!("operations {left_out} to {at}"));
                }
            }
            last.insert(*handle, (left_out, at));
        }
        disk.play(op, false);
    }
    found
}

/// Promises in `after` that rest on what was written to these files in `written`: a block or a
/// vote whose bytes are there for the first time (a block names its parent), or, in the sign state, a vote's digest.
/// Votes do not rest on the database, though a certificate in it may hold the same bytes.
fn resting_on<'a>(
    recording: &'a Recording,
    kind: &str,
    files: &BTreeSet<u64>,
    written: Range<usize>,
    after: Range<usize>,
) -> Vec<&'a Claim> {
    let first_there = |what: &[u8]| {
        let holds = |op: &Op| {
            matches!(op, Op::Write { handle: to, bytes, .. }
                if files.contains(to) && bytes.windows(what.len()).any(|window| window == what))
        };
        recording.ops[..written.end].iter().position(holds).is_some_and(|at| written.contains(&at))
    };
    let of_database = kind == "database: log";
    let rests = |claim: &Claim| match claim {
        // Genesis is written again by any start that finds it missing.
        Claim::Final { height, hash, .. } => of_database && height.0 > 0 && first_there(&hash.0),
        Claim::Vote(vote) if !of_database => {
            let digest = Hash::of(SIGN_DIGEST, &[&vote.signing_bytes(&recording.chain)]);
            first_there(&encode(vote)) || first_there(&digest.0)
        }
        Claim::Vote(_) | Claim::Tx { .. } => false,
    };
    let after = recording.claims.iter().filter(|(at, _)| after.contains(at)).map(|(_, claim)| claim);
    after.filter(|claim| rests(claim)).collect()
}
