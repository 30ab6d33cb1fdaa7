use super::*;

#[test]
fn a_directory_has_one_process_and_the_lock_goes_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let first = DirLock::take(dir.path()).unwrap();
    let error = DirLock::take(dir.path()).unwrap_err().to_string();
    assert!(error.contains(&format!("process {}", std::process::id())), "{error}");
    drop(first);
    drop(DirLock::take(dir.path()).unwrap());
    assert!(matches!(DirLock::take(&dir.path().join("missing")), Err(LockError::File(_))));
}

/// A chain that no other process of this test has.
fn chain(number: u8) -> Hash {
    Hash::of(wattle_primitives::domain::GENESIS, &[&[number], &std::process::id().to_le_bytes()])
}

#[test]
fn a_key_has_one_process_whatever_file_it_is_in() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let public = key::generate(&at("key")).unwrap();
    for copy in ["copy", "another copy"] {
        std::fs::copy(at("key"), at(copy)).unwrap();
    }
    std::fs::hard_link(at("key"), at("linked")).unwrap();
    std::os::unix::fs::symlink(at("key"), at("pointed to")).unwrap();
    key::generate(&at("other")).unwrap();

    let (secret, lock) = KeyLock::take(&at("key"), &chain(0)).unwrap();
    assert_eq!(secret.public(), public);
    let Err(LockError::KeyInUse { key, holder }) = KeyLock::take(&at("copy"), &chain(0)) else { panic!() };
    assert_eq!((key, holder), (public, Holder::this()), "a copy names who holds it");
    for same in ["key", "linked", "pointed to"] {
        // Nothing but the key file is shared: as in containers that it is mounted into.
        let error = KeyLock::take(&at(same), &chain(1)).map(drop).unwrap_err();
        assert!(matches!(error, LockError::KeyInUse { .. }), "{same}: {error}");
    }
    drop(KeyLock::take(&at("another copy"), &chain(1)).unwrap());
    drop(KeyLock::take(&at("other"), &chain(0)).unwrap());
    drop(lock);
    KeyLock::take(&at("copy"), &chain(0)).unwrap();
}

/// Goal: what another user lays where a lock belongs neither keeps a validator from starting nor makes it write
/// anywhere.
#[test]
fn nobody_else_can_hold_a_validators_lock() {
    let dir = tempfile::tempdir().unwrap();
    let public = PublicKey([3; 32]);
    let make = || own_file_in(dir.path(), &chain(2), &public);
    let (path, file) = make().unwrap();
    assert_eq!(file.metadata().unwrap().mode() & 0o777, 0o600);

    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o666)).unwrap();
    assert!(make().is_none(), "others can lock what they can open");
    std::fs::remove_file(&path).unwrap();
    let victim = dir.path().join("victim");
    std::fs::write(&victim, "something").unwrap();
    std::fs::set_permissions(&victim, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    std::fs::hard_link(&victim, &path).unwrap();
    assert!(make().is_none(), "a second name of another file");
    std::fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink(&victim, &path).unwrap();
    assert!(make().is_none(), "a link");
    assert!(own_file_in(&dir.path().join("missing"), &chain(2), &public).is_none());

    std::os::unix::fs::symlink(&victim, dir.path().join("lock")).unwrap();
    assert!(matches!(DirLock::take(dir.path()), Err(LockError::File(_))));
    assert_eq!(std::fs::read_to_string(&victim).unwrap(), "something");
}

/// Goal: a lock's file goes with the lock, and whoever had opened it before does not take it for one.
#[test]
fn a_file_that_lost_its_name_is_no_lock() {
    let dir = tempfile::tempdir().unwrap();
    let public = PublicKey([3; 32]);
    let take = || NameLock::take(dir.path(), &chain(3), &public);
    let first = take().unwrap().unwrap();
    assert_eq!(take().unwrap_err(), Holder::this());
    let late = File::options().read(true).write(true).open(&first.path).unwrap();
    let path = first.path.clone();
    drop(first);
    assert!(!path.exists());
    assert!(!is_at(&FileLock::take(late).unwrap().unwrap().file, &path), "nobody else looks there");
    let _again = take().unwrap().unwrap();
    assert!(path.exists());
}

#[test]
fn a_holder_is_told_as_far_as_it_has_said_who_it_is() {
    let table = [
        ("", "another process, perhaps in another container,"),
        ("not a number", "another process, perhaps in another container,"),
        ("12\n", "process 12"),
        ("12 village-pi\n", "process 12 on village-pi"),
        ("12 \u{1b}[31mred\n", "process 12 on 31mred"),
    ];
    for (text, told) in table {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file.rewind().unwrap();
        assert_eq!(Holder::read(file).to_string(), told, "{text:?}");
    }
}

/// A child shares the open file until it has become another program.
#[test]
fn a_lock_is_given_up_whoever_else_has_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let open =
        || File::options().create(true).truncate(false).write(true).open(dir.path().join("lock")).unwrap();
    let file = open();
    let shared = file.try_clone().unwrap();
    let lock = FileLock::take(file).unwrap().unwrap();
    assert!(FileLock::take(open()).unwrap().is_err());
    drop(lock);
    assert!(FileLock::take(open()).unwrap().is_ok());
    drop(shared);
}
