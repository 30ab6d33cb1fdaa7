//! Open files as the recorder knows them, and how it writes the recording: with system calls only, since the C
//! library's functions are those that it stands for.

use crate::format;
use libc::{c_char, c_int, iovec};
use std::ffi::{CStr, CString};
use std::os::unix::ffi::OsStrExt as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

/// File descriptors that can be told apart; a node opens far fewer.
const FDS_MAX: usize = 65_536;
/// Bytes kept of what is said.
const SAID_BYTES_MAX: usize = 4096;
/// How an answer over HTTP begins.
const ANSWER: &[u8] = b"HTTP/1.1 200";
const STDERR: c_int = 2;

/// The handle that each descriptor stands for; 0 for none.
static HANDLES: [AtomicU64; FDS_MAX] = [const { AtomicU64::new(0) }; FDS_MAX];
static RECORDER: OnceLock<Option<Recorder>> = OnceLock::new();

/// Records for one directory.
pub(crate) struct Recorder {
    log: Mutex<Log>,
}

/// The recording; whoever holds it decides what comes next in the order.
pub(crate) struct Log {
    fd: c_int,
    root: Vec<u8>,
    next_handle: u64,
    next_sync: u64,
}

/// The recorder, if this process is to be recorded.
pub(crate) fn recorder() -> Option<&'static Recorder> {
    RECORDER.get_or_init(Recorder::from_env).as_ref()
}

/// The bytes of a path.
///
/// # Safety
/// `path` is null or points to a string that ends with a zero byte.
pub(crate) unsafe fn path_of<'a>(path: *const c_char) -> &'a [u8] {
    if path.is_null() {
        return &[];
    }
    // SAFETY: see above.
    unsafe { CStr::from_ptr(path) }.to_bytes()
}

/// Leaves `errno` as the recorded call has set it, whatever recording does to it.
pub(crate) fn restore_errno<T>(then: impl FnOnce() -> T) -> T {
    // SAFETY: the location belongs to this thread and stays.
    let errno = unsafe { *libc::__errno_location() };
    let result = then();
    // SAFETY: as above.
    unsafe { *libc::__errno_location() = errno };
    result
}

impl Recorder {
    fn from_env() -> Option<Self> {
        let root = std::env::var_os("WATTLE_RECORD_ROOT")?.as_bytes().to_vec();
        let path = CString::new(std::env::var_os("WATTLE_RECORD_LOG")?.as_bytes()).ok()?;
        let flags = libc::O_CREAT | libc::O_WRONLY | libc::O_APPEND | libc::O_CLOEXEC;
        // SAFETY: the path ends with a zero byte and lives through the call.
        let fd = unsafe { libc::syscall(libc::SYS_openat, libc::AT_FDCWD, path.as_ptr(), flags, 0o600) };
        let fd = c_int::try_from(fd).ok().filter(|fd| *fd >= 0)?;
        let mut log = Log { fd, root, next_handle: 1, next_sync: 1 };
        log.put(format::START, &[]);
        Some(Self { log: Mutex::new(log) })
    }

    /// Performs and records something that has its place in the order.
    pub(crate) fn ordered<T>(&self, act: impl FnOnce(&mut Log) -> T) -> T {
        act(&mut self.log.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn handle(&self, fd: c_int) -> Option<u64> {
        let handle = HANDLES.get(usize::try_from(fd).ok()?)?.load(Ordering::Acquire);
        (handle > 0).then_some(handle)
    }

    pub(crate) fn is_recorded(&self, fd: c_int) -> bool {
        self.handle(fd).is_some()
    }

    /// Records what is about to be said, if it is a line on standard error or an answer over HTTP.
    ///
    /// # Safety
    /// The parts point to as many bytes as they say.
    pub(crate) unsafe fn say(&self, fd: c_int, parts: &[iovec]) {
        // SAFETY: see above.
        let first = parts.first().map_or(&[][..], |part| unsafe { bytes_of(part) });
        if fd != STDERR && !first.starts_with(ANSWER) {
            return;
        }
        let mut text = Vec::new();
        for part in parts {
            // SAFETY: see above.
            text.extend_from_slice(unsafe { bytes_of(part) });
        }
        text.truncate(SAID_BYTES_MAX);
        self.ordered(|log| log.put(format::SAID, &[&text]));
    }
}

/// # Safety
/// The part points to as many bytes as it says.
unsafe fn bytes_of(part: &iovec) -> &[u8] {
    if part.iov_base.is_null() || part.iov_len == 0 {
        return &[];
    }
    // SAFETY: see above.
    unsafe { std::slice::from_raw_parts(part.iov_base.cast::<u8>(), part.iov_len) }
}

fn set(fd: c_int, handle: u64) {
    if let Some(slot) = usize::try_from(fd).ok().and_then(|fd| HANDLES.get(fd)) {
        slot.store(handle, Ordering::Release);
    }
}

fn get(fd: c_int) -> u64 {
    usize::try_from(fd).ok().and_then(|fd| HANDLES.get(fd)).map_or(0, |slot| slot.load(Ordering::Acquire))
}

impl Log {
    /// Whether a path lies below the recorded directory, or is it.
    fn covers(&self, path: &[u8]) -> bool {
        path.strip_prefix(self.root.as_slice()).is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
    }

    pub(crate) fn opened(&mut self, fd: c_int, path: &[u8], flags: c_int) {
        if fd < 0 {
            return;
        }
        set(fd, 0);
        if !self.covers(path) || is_info_log(path) {
            return;
        }
        let mut bits = 0;
        if flags & libc::O_CREAT != 0 {
            bits |= format::CREATE;
        }
        if flags & libc::O_TRUNC != 0 {
            bits |= format::TRUNCATE;
        }
        let handle = self.next_handle;
        self.next_handle += 1;
        set(fd, handle);
        self.put(format::OPEN, &[&handle.to_le_bytes(), &[bits], path]);
    }

    pub(crate) fn forget(&mut self, fd: c_int) {
        set(fd, 0);
    }

    pub(crate) fn copied(&mut self, fd: c_int, copy: c_int) {
        set(copy, get(fd));
    }

    /// # Safety
    /// The parts point to as many bytes as they say.
    pub(crate) unsafe fn wrote(&mut self, fd: c_int, offset: i64, parts: &[iovec], written: isize) {
        let mut left = usize::try_from(written).unwrap_or(0);
        let mut bytes = Vec::with_capacity(left);
        for part in parts {
            // SAFETY: see above.
            let part = unsafe { bytes_of(part) };
            let part = &part[..part.len().min(left)];
            left -= part.len();
            bytes.extend_from_slice(part);
        }
        let offset = u64::try_from(offset).unwrap_or(0);
        self.put(format::WRITE, &[&get(fd).to_le_bytes(), &offset.to_le_bytes(), &bytes]);
    }

    pub(crate) fn resized(&mut self, fd: c_int, length: i64) {
        let length = u64::try_from(length).unwrap_or(0);
        if get(fd) != 0 {
            self.put(format::RESIZE, &[&get(fd).to_le_bytes(), &length.to_le_bytes()]);
        }
    }

    /// Room was allocated; the file has become longer unless its size was to be kept.
    pub(crate) fn allocated(&mut self, fd: c_int, mode: c_int, end: i64) {
        if get(fd) != 0 && mode & libc::FALLOC_FL_KEEP_SIZE == 0 {
            self.put(format::BEYOND, &[format!("fallocate in mode {mode} up to {end}").as_bytes()]);
        }
    }

    pub(crate) fn sync_begins(&mut self, handle: u64) -> u64 {
        let number = self.next_sync;
        self.next_sync += 1;
        self.put(format::SYNC_BEGIN, &[&handle.to_le_bytes(), &number.to_le_bytes()]);
        number
    }

    pub(crate) fn sync_ends(&mut self, handle: u64, number: u64) {
        self.put(format::SYNC_END, &[&handle.to_le_bytes(), &number.to_le_bytes()]);
    }

    pub(crate) fn renamed(&mut self, from: &[u8], to: &[u8]) {
        if is_info_log(from) || is_info_log(to) {
            return;
        }
        match (self.covers(from), self.covers(to)) {
            (true, true) => self.put(format::RENAME, &[from, &[0], to]),
            (false, false) => {}
            _ => self.put(format::BEYOND, &[b"renamed across the border: ", from, b" to ", to]),
        }
    }

    pub(crate) fn named(&mut self, kind: u8, path: &[u8]) {
        if self.covers(path) && !is_info_log(path) {
            self.put(kind, &[path]);
        }
    }

    fn put(&mut self, kind: u8, fields: &[&[u8]]) {
        let length: usize = fields.iter().map(|field| field.len()).sum();
        let mut record = Vec::with_capacity(5 + length);
        record.push(kind);
        record.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
        fields.iter().for_each(|field| record.extend_from_slice(field));
        restore_errno(|| {
            let mut rest = record.as_slice();
            while !rest.is_empty() {
                // SAFETY: the bytes live through the call.
                let written = unsafe { libc::syscall(libc::SYS_write, self.fd, rest.as_ptr(), rest.len()) };
                match usize::try_from(written) {
                    Ok(written) if written > 0 => rest = &rest[written..],
                    // A recording with a hole would prove what is not so.
                    _ => std::process::abort(),
                }
            }
        });
    }
}

/// RocksDB's log for people (`LOG`, `LOG.old.…`), which it writes through a stream.
fn is_info_log(path: &[u8]) -> bool {
    let name = path.rsplit(|b| *b == b'/').next().unwrap_or_default();
    name == b"LOG" || name.starts_with(b"LOG.old.")
}
