//! The process itself: what it must not leave behind, and when whoever started it is gone.

use rustix::fs::Mode;
use rustix::process::{DumpableBehavior, Resource, Rlimit};
use std::io::Read as _;

/// No core dump and no other process of this user may hold the secret keys, and no file is made that others can read.
/// Where the system refuses a limit the program is still of use.
pub fn keep_secrets() {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    let _ = rustix::process::setrlimit(Resource::Core, none);
    let _ = rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable);
    rustix::process::umask(Mode::RWXG | Mode::RWXO);
}

/// Calls `act` when standard input has ended; the bytes before its end are thrown away.
///
/// A pipe from the parent ends with it, however it ends; no signal and no process id is needed. When the system gives
/// no thread `act` is never called: the signals remain.
pub fn on_stdin_end(act: impl FnOnce() + Send + 'static) {
    // A thread of its own: a read that never ends must not hold up the end of the process.
    let _ = std::thread::Builder::new().name("stdin".into()).spawn(move || {
        let mut stdin = std::io::stdin().lock();
        let mut buffer = [0u8; 256];
        while stdin.read(&mut buffer).is_ok_and(|bytes| bytes > 0) {}
        act();
    });
}
