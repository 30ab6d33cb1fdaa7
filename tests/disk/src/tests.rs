use super::*;
use std::os::unix::fs::PermissionsExt as _;
use wattle_host::dir::OsDir;

/// The operation that failed.
fn action<T: std::fmt::Debug>(result: Result<T, FileError>) -> &'static str {
    match result.unwrap_err() {
        FileError::Io { action, .. } => action,
        other => panic!("{other}"),
    }
}

fn contract<D: Dir>(dir: &D) {
    assert!(dir.open("a").unwrap().is_none());
    let mut a = dir.create("a").unwrap();
    assert_eq!(action(dir.create("a")), "create", "a name is taken once");
    assert!(a.is_empty().unwrap());
    a.write_at(0, b"hello").unwrap();
    a.write_at(5, b" world").unwrap();
    a.write_at(0, b"J").unwrap();
    a.write_at(13, b"!").unwrap();
    a.sync().unwrap();
    let mut bytes = [9; 14];
    dir.open("a").unwrap().unwrap().read_at(0, &mut bytes).unwrap();
    assert_eq!(&bytes, b"Jello world\0\0!");
    a.truncate(5).unwrap();
    assert_eq!(a.len().unwrap(), 5);
    assert!(a.read_at(1, &mut [0; 5]).is_err(), "reading past the end is an error");
    dir.create("b").unwrap();
    dir.rename("a", "b").unwrap();
    dir.create("c").unwrap();
    dir.sync().unwrap();
    assert_eq!(dir.list().unwrap(), ["b", "c"]);
    dir.remove("c").unwrap();
    assert!(dir.remove("c").is_err());
    assert_eq!(dir.open("b").unwrap().unwrap().len().unwrap(), 5);
    let lock = dir.lock("lock").unwrap().expect("free");
    assert!(dir.lock("lock").unwrap().is_err(), "held");
    drop(lock);
    assert!(dir.lock("lock").unwrap().is_ok(), "free again");
}

#[test]
fn both_directories_keep_the_contract() {
    contract(&SimDir::new());
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("one/two");
    contract(&OsDir::open(&path).unwrap());
    let mode = |p: &Path| std::fs::metadata(p).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(&path.join("b"))), (0o700, 0o600));
}

#[test]
fn a_crash_drops_what_was_not_synced() {
    let dir = SimDir::new();
    let mut kept = dir.create("kept").unwrap();
    kept.write_at(0, b"durable").unwrap();
    kept.sync().unwrap();
    dir.sync().unwrap();
    kept.write_at(7, b" lost").unwrap();
    let mut nameless = dir.create("nameless").unwrap();
    nameless.write_at(0, b"synced, but its name is not").unwrap();
    nameless.sync().unwrap();
    let _lock = dir.lock("lock").unwrap().unwrap();
    dir.crash(Crash::DropUnsynced, 0);
    assert_eq!(dir.list().unwrap(), ["kept"]);
    assert_eq!(dir.bytes("kept").unwrap(), b"durable");
    assert!(kept.write_at(0, b"x").is_err(), "handles die in the crash");
    assert!(dir.lock("lock").unwrap().is_ok(), "locks die in the crash");
}

#[test]
fn crashes_are_a_function_of_the_seed_and_tear_writes() {
    let run = |kind, seed| {
        let dir = SimDir::new();
        let mut file = dir.create("f").unwrap();
        dir.sync().unwrap();
        file.write_at(0, &[7; 4096]).unwrap();
        dir.crash(kind, seed);
        dir.bytes("f").unwrap()
    };
    for kind in [Crash::TornPrefix, Crash::AnySectors] {
        let outcomes: Vec<Vec<u8>> = (0..32).map(|seed| run(kind, seed)).collect();
        assert_eq!(outcomes, (0..32).map(|seed| run(kind, seed)).collect::<Vec<_>>());
        assert!(outcomes.iter().any(|o| o != &outcomes[0]), "{kind:?} never varies");
        assert!(outcomes.iter().any(|o| o.contains(&7) && o != &[7; 4096]), "{kind:?} never tears");
    }
}

#[test]
fn injected_faults_fail_as_a_disk_does() {
    let dir = SimDir::new();
    let mut file = dir.create("f").unwrap();
    dir.sync().unwrap();
    dir.set_faults(Faults { capacity_bytes: Some(10), ..Faults::default() });
    assert!(file.write_at(0, &[1; 16]).unwrap_err().is_full());
    assert_eq!(file.len().unwrap(), 10, "what fits is written");
    dir.set_faults(Faults { fail_sync: Some(dir.counts().syncs), ..Faults::default() });
    assert_eq!(action(file.sync()), "sync");
    file.sync().unwrap();
    dir.crash(Crash::DropUnsynced, 0);
    assert!(dir.bytes("f").unwrap().is_empty(), "a later sync does not bring back what a failed one lost");
}
