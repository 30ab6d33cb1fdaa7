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
    let taken = |result| matches!(result, Err(FileError::Io { source, .. }) if source.kind() == io::ErrorKind::AlreadyExists);
    assert!(taken(create(&path, b"second", PRIVATE)));
    assert_eq!((fs::read(&path).unwrap(), mode(&path)), (b"first".to_vec(), 0o600));
    let dangling = dir.path().join("b.key");
    std::os::unix::fs::symlink(dir.path().join("nowhere"), &dangling).unwrap();
    assert!(create(&dangling, b"text", PRIVATE).is_err(), "a link is not followed");
    assert_eq!(names(dir.path()), ["a.key", "b.key"], "no draft is left behind");
}

#[test]
fn a_new_file_is_the_same_with_and_without_a_draft() {
    let dir = tempfile::tempdir().unwrap();
    let (nameless, drafted) = (dir.path().join("a.key"), dir.path().join("b.key"));
    let mut expected = vec!["b.key"];
    if write_nameless(&nameless, b"text", 0o640).unwrap() {
        assert_eq!((fs::read(&nameless).unwrap(), mode(&nameless)), (b"text".to_vec(), 0o640));
        assert_eq!(
            write_nameless(&nameless, b"other", 0o640).unwrap_err().kind(),
            io::ErrorKind::AlreadyExists
        );
        expected.insert(0, "a.key");
    }
    for drafts_are_refused in [false, true] {
        let written = write_draft(&drafted, b"text", 0o640, |draft| rename_new(draft, &drafted));
        assert_eq!(written.is_err(), drafts_are_refused);
        assert_eq!((fs::read(&drafted).unwrap(), mode(&drafted)), (b"text".to_vec(), 0o640));
    }
    assert_eq!(names(dir.path()), expected);
}

/// Lays a draft as a crash would leave it, written at `at`.
fn lay(dir: &Path, name: &str, at: SystemTime) -> PathBuf {
    let path = dir.join(name);
    File::create(&path).unwrap().set_modified(at).unwrap();
    path
}

#[test]
fn a_link_laid_beforehand_is_not_followed_and_leftovers_go() {
    let dir = tempfile::tempdir().unwrap();
    let (path, victim) = (dir.path().join("relay.order"), dir.path().join("victim"));
    fs::write(&victim, "precious").unwrap();
    std::os::unix::fs::symlink(&victim, dir.path().join("relay.new")).unwrap();
    replace(&path, b"text", 0o644).unwrap();
    assert_eq!((fs::read_to_string(&victim).unwrap().as_str(), mode(&path)), ("precious", 0o644));
    let (now, apart) = (SystemTime::now(), STALE_AFTER * 2);
    let young = lay(dir.path(), "head.json.0000000000000000.new", now);
    let old = lay(dir.path(), "head.json.0000000000000001.new", now - apart);
    let future = lay(dir.path(), "head.json.0000000000000002.new", now + apart);
    let others = lay(dir.path(), "config.toml.new", now - apart);
    assert_eq!(clean(dir.path()).len(), 2);
    assert!(young.exists(), "somebody may be writing it");
    assert!(others.exists(), "no draft, whatever its owner means by it");
    assert!(!old.exists() && !future.exists() && victim.exists() && path.exists());
}

#[test]
fn a_write_removes_what_a_crash_left_of_the_same_file() {
    let dir = tempfile::tempdir().unwrap();
    let (now, before) = (SystemTime::now(), SystemTime::now() - STALE_AFTER * 2);
    let old = lay(dir.path(), "a.json.00000000000000ff.new", before);
    let young = lay(dir.path(), "a.json.0000000000000000.new", now);
    let other = lay(dir.path(), "b.a.json.00000000000000ff.new", before);
    replace(&dir.path().join("a.json"), b"text", PRIVATE).unwrap();
    assert!(!old.exists() && young.exists() && other.exists());
}

#[test]
fn a_name_that_may_not_last_is_told_apart_from_a_file_that_is_not_there() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("gone/a.key");
    assert!(matches!(create(&path, b"text", PRIVATE), Err(FileError::Io { action: "create", .. })));
    assert!(matches!(replace(&path, b"text", PRIVATE), Err(FileError::Io { action: "write", .. })));
    let error = sync_parent(&path).unwrap_err();
    assert!(matches!(&error, FileError::NotSynced { .. }) && !error.is_full());
    let text = error.to_string();
    assert!(text.contains("a.key is there") && text.contains("check the disk"), "{text}");
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
