//! The end of standard input, as a sign that whoever started this process is gone.

use std::io::Read as _;

/// Returns when standard input has ended. What comes before is not looked at.
///
/// A pipe from the parent ends with it, however it ends; no signal and no process id is needed.
pub async fn stdin_closed() {
    let (closed, ended) = tokio::sync::oneshot::channel();
    // A thread of its own: a read that never ends must not hold up the end of the process.
    let reader = std::thread::Builder::new().name("stdin".into()).spawn(move || {
        let mut stdin = std::io::stdin().lock();
        let mut buffer = [0u8; 256];
        while stdin.read(&mut buffer).is_ok_and(|bytes| bytes > 0) {}
        let _ = closed.send(()); // nobody waits any more
    });
    if reader.is_err() || ended.await.is_err() {
        // No thread, no sign: the signals remain.
        std::future::pending::<()>().await;
    }
}
