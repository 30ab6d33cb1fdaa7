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

#[test]
fn a_key_has_one_process_for_each_chain() {
    let (key, other) = (PublicKey([3; 32]), PublicKey([4; 32]));
    let chain = Hash::of(wattle_primitives::domain::GENESIS, &[&std::process::id().to_le_bytes()]);
    let first = KeyLock::take(&chain, &key).unwrap();
    assert!(matches!(KeyLock::take(&chain, &key), Err(LockError::KeyInUse { key: k }) if k == key));
    drop(KeyLock::take(&chain, &other).unwrap());
    drop(KeyLock::take(&Hash([1; 32]), &key).unwrap());
    drop(first);
    KeyLock::take(&chain, &key).unwrap();
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
