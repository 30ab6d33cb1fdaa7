use super::*;
use wattle_runtime::StoreError;

/// A full disk ends the thread that meets it; the loop may find that thread gone before it reads why.
#[test]
fn a_thread_that_is_gone_is_not_the_reason() {
    let (reports, mut inbox) = mpsc::unbounded_channel();
    let gone = || NodeError::Fatal(Fatal::Thread("log"));
    let full = StoreError::Full { detail: "No space left on device".to_owned() };
    assert!(
        reports.send(Report::LowSpace(true)).is_ok()
            && reports.send(Report::Fatal(Fatal::Commit(full))).is_ok()
    );
    assert!(cause(gone(), &mut inbox).is_disk_full());
    assert!(!cause(gone(), &mut inbox).is_disk_full(), "it was told once, and nothing else is known");
}
