#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;

fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap();
    let mut names: Vec<_> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort_unstable();
    names
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn files_of_one_stem_are_replaced_at_the_same_time() {
    let dir = tempfile::tempdir().unwrap();
    let (order, state) = (dir.path().join("relay.order"), dir.path().join("relay.json"));
    std::thread::scope(|scope| {
        for (path, text) in [(&order, "an order"), (&state, "a position")] {
            scope.spawn(move || {
                for _ in 0..200 {
                    replace(path, text.as_bytes(), PRIVATE).unwrap();
                    assert_eq!(fs::read_to_string(path).unwrap(), text);
                }
            });
        }
    });
    assert_eq!(names(dir.path()), ["relay.json", "relay.order"]);
}

#[test]
fn a_file_that_is_there_is_not_created_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.key");
    create(&path, b"first", PRIVATE).unwrap();
    let error = create(&path, b"second", PRIVATE).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
    assert_eq!((fs::read(&path).unwrap(), mode(&path)), (b"first".to_vec(), 0o600));
    let dangling = dir.path().join("b.key");
    std::os::unix::fs::symlink(dir.path().join("nowhere"), &dangling).unwrap();
    assert!(create(&dangling, b"text", PRIVATE).is_err(), "a link is not followed");
    assert_eq!(names(dir.path()), ["a.key", "b.key"], "no draft is left behind");
}

#[test]
fn a_link_laid_beforehand_is_not_followed_and_leftovers_go() {
    let dir = tempfile::tempdir().unwrap();
    let (path, victim) = (dir.path().join("relay.order"), dir.path().join("victim"));
    fs::write(&victim, "precious").unwrap();
    std::os::unix::fs::symlink(&victim, dir.path().join("relay.new")).unwrap();
    replace(&path, b"text", 0o644).unwrap();
    assert_eq!((fs::read_to_string(&victim).unwrap().as_str(), mode(&path)), ("precious", 0o644));
    let young = dir.path().join("head.json.00.new");
    let old = dir.path().join("head.json.01.new");
    let future = dir.path().join("head.json.02.new");
    let now = SystemTime::now();
    for (leftover, at) in [(&young, now), (&old, now - STALE_AFTER * 2), (&future, now + STALE_AFTER * 2)] {
        File::create(leftover).unwrap().set_modified(at).unwrap();
    }
    assert_eq!(clean(dir.path()).len(), 2);
    assert!(young.exists(), "somebody may be writing it");
    assert!(!old.exists() && !future.exists() && victim.exists() && path.exists());
}

#[test]
fn directories_are_made_private_and_loose_files_are_no_secrets() {
    let dir = tempfile::tempdir().unwrap();
    let inner = dir.path().join("a/b");
    create_dir(&inner).unwrap();
    create_dir(&inner).unwrap();
    assert_eq!(mode(&inner), 0o700);
    let path = inner.join("secret");
    replace(&path, b"text", 0o640).unwrap();
    assert_eq!(read(&path, 4, false).unwrap(), b"text");
    assert!(matches!(read(&path, 3, false), Err(FileError::TooLong { bytes_max: 3, .. })));
    assert!(matches!(read(&path, 4, true), Err(FileError::LooseMode { mode: 0o640, .. })));
    replace(&path, b"text", PRIVATE).unwrap();
    assert_eq!(read(&path, 4, true).unwrap(), b"text");
}
