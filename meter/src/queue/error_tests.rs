use super::*;

#[test]
fn only_a_write_without_room_passes_and_never_a_failed_sync() {
    let error = |action, kind: io::ErrorKind| QueueError::io(action, Path::new("q"))(kind.into());
    for kind in [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded, io::ErrorKind::FileTooLarge] {
        assert!(error("write", kind).is_full() && error("create", kind).is_full(), "{kind:?}");
        assert!(!error("sync", kind).is_full(), "{kind:?}: nobody knows what is lost");
    }
    assert!(!error("write", io::ErrorKind::PermissionDenied).is_full() && !QueueError::Exhausted.is_full());
}
