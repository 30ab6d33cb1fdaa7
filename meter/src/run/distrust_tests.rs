#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;

#[test]
fn it_is_remembered_until_it_is_taken_back() {
    let dir = crate::tests::chain::memory_dir();
    assert!(!is_kept(dir.path()));
    keep(dir.path(), true).unwrap();
    keep(dir.path(), true).unwrap();
    assert!(is_kept(dir.path()));
    keep(dir.path(), false).unwrap();
    assert!(!is_kept(dir.path()));
}
