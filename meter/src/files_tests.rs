#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;

#[test]
fn an_order_laid_while_another_is_obeyed_is_not_lost() {
    let dir = crate::tests::chain::memory_dir();
    let path = dir.path().join("relay.order");
    assert_eq!(claim(&path).unwrap(), None);
    replace(&path, "first", 0o644).unwrap();
    let aside = claim(&path).unwrap().unwrap();
    assert_eq!(read(&aside).as_deref(), Some("first"));
    replace(&path, "second", 0o644).unwrap();
    file::remove(&aside).unwrap();
    assert!(is_laid(&path));
    assert_eq!(read(&claim(&path).unwrap().unwrap()).as_deref(), Some("second"));
    // A crash before it was removed: it is claimed once more.
    assert_eq!(read(&claim(&path).unwrap().unwrap()).as_deref(), Some("second"));
    assert!(is_laid(&path));
    file::remove(&claimed(&path)).unwrap();
    assert!(!is_laid(&path) && claim(&path).unwrap().is_none());
}
