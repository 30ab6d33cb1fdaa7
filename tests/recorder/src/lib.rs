//! Records what a process does to the files below one directory, and what it says to others, in one order.
//!
//! Loaded with `LD_PRELOAD` into the real node. `WATTLE_RECORD_ROOT` names the directory, `WATTLE_RECORD_LOG` the
//! recording ([`format`]), which must lie outside of it. Without both, every call passes through untouched.
//!
//! # What the order means
//! - Writes, cuts and changes of names take effect and are recorded under one lock.
//! - A sync is recorded twice: what stands before its call is what it promises to keep, and it has kept the promise
//!   from the record of its return on.
//! - What is said (an answer over HTTP, a line on standard error) is recorded before it leaves: whatever it promises
//!   must be durable by the syncs before it.
//!
//! # Not here
//! Shared writable mappings, direct system calls and `FILE` streams: the node's storage uses none for data, and
//! the test that replays a recording compares the outcome with the real directory, byte by byte.

mod format;
mod state;

use libc::{c_char, c_int, c_void, iovec, mode_t, msghdr, off_t, size_t, sockaddr, socklen_t, ssize_t};
use state::{path_of, recorder};

/// Performs a system call whose arguments were given by the caller of the function that this one stands for.
macro_rules! call {
    ($number:expr $(, $argument:expr)*) => {
        // SAFETY: the arguments are passed on unchanged, and the caller of the C function vouches for them.
        unsafe { libc::syscall($number $(, $argument)*) }
    };
}

fn int(result: libc::c_long) -> c_int {
    c_int::try_from(result).unwrap_or(-1)
}

fn size(result: libc::c_long) -> ssize_t {
    result as ssize_t // the same width on every Linux
}

fn openat_recorded(dir: c_int, path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    let open = || int(call!(libc::SYS_openat, dir, path, flags | libc::O_LARGEFILE, mode));
    let Some(recorder) = recorder() else { return open() };
    // SAFETY: a path given to open is a string that ends with a zero byte.
    let path = unsafe { path_of(path) };
    recorder.ordered(|log| {
        let fd = open();
        log.opened(fd, path, flags);
        fd
    })
}

/// As in C.
///
/// # Safety
/// As in C.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn open(path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    openat_recorded(libc::AT_FDCWD, path, flags, mode)
}

/// As in C.
///
/// # Safety
/// As in C.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn open64(path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    openat_recorded(libc::AT_FDCWD, path, flags, mode)
}

/// As in C.
///
/// # Safety
/// As in C.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn openat(dir: c_int, path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    openat_recorded(dir, path, flags, mode)
}

/// As in C.
///
/// # Safety
/// As in C.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn openat64(dir: c_int, path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    openat_recorded(dir, path, flags, mode)
}

/// As in C.
///
/// # Safety
/// As in C.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn creat(path: *const c_char, mode: mode_t) -> c_int {
    openat_recorded(libc::AT_FDCWD, path, libc::O_CREAT | libc::O_WRONLY | libc::O_TRUNC, mode)
}

/// As in C.
///
/// # Safety
/// As in C.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn close(fd: c_int) -> c_int {
    let close = || int(call!(libc::SYS_close, fd));
    let Some(recorder) = recorder() else { return close() };
    recorder.ordered(|log| {
        log.forget(fd);
        close()
    })
}

fn dup_recorded(fd: c_int, dup: impl FnOnce() -> c_int) -> c_int {
    let Some(recorder) = recorder() else { return dup() };
    recorder.ordered(|log| {
        let copy = dup();
        log.copied(fd, copy);
        copy
    })
}

/// As in C.
///
/// # Safety
/// As in C.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dup(fd: c_int) -> c_int {
    dup_recorded(fd, || int(call!(libc::SYS_dup, fd)))
}

/// As in C.
///
/// # Safety
/// As in C.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dup2(fd: c_int, copy: c_int) -> c_int {
    if fd == copy {
        return if int(call!(libc::SYS_fcntl, fd, libc::F_GETFD)) < 0 { -1 } else { copy };
    }
    dup_recorded(fd, || int(call!(libc::SYS_dup3, fd, copy, 0)))
}

/// As in C.
///
/// # Safety
/// As in C.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dup3(fd: c_int, copy: c_int, flags: c_int) -> c_int {
    dup_recorded(fd, || int(call!(libc::SYS_dup3, fd, copy, flags)))
}

fn fcntl_recorded(fd: c_int, command: c_int, argument: usize) -> c_int {
    let fcntl = || int(call!(libc::SYS_fcntl, fd, command, argument));
    if matches!(command, libc::F_DUPFD | libc::F_DUPFD_CLOEXEC) { dup_recorded(fd, fcntl) } else { fcntl() }
}

/// As in C.
///
/// # Safety
/// As in C.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fcntl(fd: c_int, command: c_int, argument: usize) -> c_int {
    fcntl_recorded(fd, command, argument)
}

/// As in C.
///
/// # Safety
/// As in C.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fcntl64(fd: c_int, command: c_int, argument: usize) -> c_int {
    fcntl_recorded(fd, command, argument)
}

/// Writes at the file's cursor.
fn write_recorded(fd: c_int, parts: &[iovec], write: impl Fn() -> ssize_t) -> ssize_t {
    let Some(recorder) = recorder() else { return write() };
    if !recorder.is_recorded(fd) {
        // SAFETY: the parts are those that the caller of write or writev vouches for.
        unsafe { recorder.say(fd, parts) };
        return write();
    }
    recorder.ordered(|log| {
        let written = write();
        let end = call!(libc::SYS_lseek, fd, 0, libc::SEEK_CUR);
        if written > 0 {
            // SAFETY: as above.
            unsafe { log.wrote(fd, end.saturating_sub(written as i64), parts, written) };
        }
        written
    })
}

/// As in C.
///
/// # Safety
/// As in C.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn write(fd: c_int, bytes: *const c_void, count: size_t) -> ssize_t {
    let part = iovec { iov_base: bytes.cast_mut(), iov_len: count };
    write_recorded(fd, &[part], || size(call!(libc::SYS_write, fd, bytes, count)))
}

/// As in C.
///
/// # Safety
/// As in C.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn writev(fd: c_int, parts: *const iovec, count: c_int) -> ssize_t {
    // SAFETY: the caller vouches for `count` parts.
    let slice = unsafe { parts_of(parts, usize::try_from(count).unwrap_or(0)) };
    write_recorded(fd, slice, || size(call!(libc::SYS_writev, fd, parts, count)))
}

/// # Safety
/// `parts` points to `count` parts.
unsafe fn parts_of<'a>(parts: *const iovec, count: usize) -> &'a [iovec] {
    if parts.is_null() || count == 0 {
        return &[];
    }
    // SAFETY: see above.
    unsafe { std::slice::from_raw_parts(parts, count) }
}

fn pwrite_recorded(fd: c_int, parts: &[iovec], offset: off_t, write: impl Fn() -> ssize_t) -> ssize_t {
    let Some(recorder) = recorder().filter(|recorder| recorder.is_recorded(fd)) else { return write() };
    recorder.ordered(|log| {
        let written = write();
        if written > 0 {
            // SAFETY: the parts are those that the caller of pwrite or pwritev vouches for.
            unsafe { log.wrote(fd, offset, parts, written) };
        }
        written
    })
}

/// As in C.
///
/// # Safety
/// As in C.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pwrite(fd: c_int, bytes: *const c_void, count: size_t, offset: off_t) -> ssize_t {
    let part = iovec { iov_base: bytes.cast_mut(), iov_len: count };
    pwrite_recorded(fd, &[part], offset, || size(call!(libc::SYS_pwrite64, fd, bytes, count, offset)))
}

/// As in C.
///
/// # Safety
/// As in C.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pwrite64(fd: c_int, bytes: *const c_void, count: size_t, offset: off_t) -> ssize_t {
    // SAFETY: the same function on every 64-bit Linux.
    unsafe { pwrite(fd, bytes, count, offset) }
}

/// As in C.
///
/// # Safety
/// As in C.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pwritev(fd: c_int, parts: *const iovec, count: c_int, offset: off_t) -> ssize_t {
    // SAFETY: the caller vouches for `count` parts.
    let slice = unsafe { parts_of(parts, usize::try_from(count).unwrap_or(0)) };
    pwrite_recorded(fd, slice, offset, || size(call!(libc::SYS_pwritev, fd, parts, count, offset, 0)))
}

/// As in C.
///
/// # Safety
/// As in C.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn send(fd: c_int, bytes: *const c_void, count: size_t, flags: c_int) -> ssize_t {
    if let Some(recorder) = recorder() {
        // SAFETY: the caller vouches for the bytes.
        unsafe { recorder.say(fd, &[iovec { iov_base: bytes.cast_mut(), iov_len: count }]) };
    }
    size(call!(libc::SYS_sendto, fd, bytes, count, flags, std::ptr::null::<sockaddr>(), 0))
}

/// As in C.
///
/// # Safety
/// As in C.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sendto(
    fd: c_int,
    bytes: *const c_void,
    count: size_t,
    flags: c_int,
    to: *const sockaddr,
    to_bytes: socklen_t,
) -> ssize_t {
    if let Some(recorder) = recorder() {
        // SAFETY: the caller vouches for the bytes.
        unsafe { recorder.say(fd, &[iovec { iov_base: bytes.cast_mut(), iov_len: count }]) };
    }
    size(call!(libc::SYS_sendto, fd, bytes, count, flags, to, to_bytes))
}

/// As in C.
///
/// # Safety
/// As in C.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sendmsg(fd: c_int, message: *const msghdr, flags: c_int) -> ssize_t {
    if let Some(recorder) = recorder()
        && !message.is_null()
    {
        // SAFETY: the caller vouches for the message and its parts.
        unsafe {
            let parts = parts_of((*message).msg_iov, (*message).msg_iovlen);
            recorder.say(fd, parts);
        }
    }
    size(call!(libc::SYS_sendmsg, fd, message, flags))
}

fn resize_recorded(fd: c_int, length: off_t, resize: impl FnOnce() -> c_int) -> c_int {
    let Some(recorder) = recorder() else { return resize() };
    recorder.ordered(|log| {
        let result = resize();
        if result == 0 {
            log.resized(fd, length);
        }
        result
    })
}

/// As in C.
///
/// # Safety
/// As in C.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ftruncate(fd: c_int, length: off_t) -> c_int {
    resize_recorded(fd, length, || int(call!(libc::SYS_ftruncate, fd, length)))
}

/// As in C.
///
/// # Safety
/// As in C.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ftruncate64(fd: c_int, length: off_t) -> c_int {
    resize_recorded(fd, length, || int(call!(libc::SYS_ftruncate, fd, length)))
}

/// As in C.
///
/// # Safety
/// As in C.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fallocate(fd: c_int, mode: c_int, offset: off_t, length: off_t) -> c_int {
    let allocate = || int(call!(libc::SYS_fallocate, fd, mode, offset, length));
    let Some(recorder) = recorder() else { return allocate() };
    recorder.ordered(|log| {
        let result = allocate();
        if result == 0 {
            log.allocated(fd, mode, offset.saturating_add(length));
        }
        result
    })
}

/// As in C.
///
/// # Safety
/// As in C.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn posix_fallocate(fd: c_int, offset: off_t, length: off_t) -> c_int {
    // SAFETY: plain numbers.
    if unsafe { fallocate(fd, 0, offset, length) } == 0 {
        return 0;
    }
    std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO)
}

fn sync_recorded(fd: c_int, sync: impl FnOnce() -> c_int) -> c_int {
    let Some((recorder, handle)) = recorder().and_then(|r| Some((r, r.handle(fd)?))) else { return sync() };
    let number = recorder.ordered(|log| log.sync_begins(handle));
    let result = sync();
    if result == 0 {
        recorder.ordered(|log| log.sync_ends(handle, number));
    }
    result
}

/// As in C.
///
/// # Safety
/// As in C.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fsync(fd: c_int) -> c_int {
    sync_recorded(fd, || int(call!(libc::SYS_fsync, fd)))
}

/// As in C.
///
/// # Safety
/// As in C.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fdatasync(fd: c_int) -> c_int {
    sync_recorded(fd, || int(call!(libc::SYS_fdatasync, fd)))
}

fn rename_recorded(from: *const c_char, to: *const c_char, rename: impl FnOnce() -> c_int) -> c_int {
    let Some(recorder) = recorder() else { return rename() };
    // SAFETY: paths given to rename are strings that end with a zero byte.
    let (from, to) = unsafe { (path_of(from), path_of(to)) };
    recorder.ordered(|log| {
        let result = rename();
        if result == 0 {
            log.renamed(from, to);
        }
        result
    })
}

/// As in C.
///
/// # Safety
/// As in C.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rename(from: *const c_char, to: *const c_char) -> c_int {
    rename_recorded(from, to, || int(call!(libc::SYS_renameat2, libc::AT_FDCWD, from, libc::AT_FDCWD, to, 0)))
}

/// As in C.
///
/// # Safety
/// As in C.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn renameat(
    from_dir: c_int,
    from: *const c_char,
    to_dir: c_int,
    to: *const c_char,
) -> c_int {
    rename_recorded(from, to, || int(call!(libc::SYS_renameat2, from_dir, from, to_dir, to, 0)))
}

fn name_recorded(path: *const c_char, kind: u8, change: impl FnOnce() -> c_int) -> c_int {
    let Some(recorder) = recorder() else { return change() };
    // SAFETY: a path given to unlink, rmdir, mkdir or link is a string that ends with a zero byte.
    let path = unsafe { path_of(path) };
    recorder.ordered(|log| {
        let result = change();
        if result == 0 {
            log.named(kind, path);
        }
        result
    })
}

/// As in C.
///
/// # Safety
/// As in C.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn unlink(path: *const c_char) -> c_int {
    name_recorded(path, format::REMOVE, || int(call!(libc::SYS_unlinkat, libc::AT_FDCWD, path, 0)))
}

/// As in C.
///
/// # Safety
/// As in C.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn unlinkat(dir: c_int, path: *const c_char, flags: c_int) -> c_int {
    name_recorded(path, format::REMOVE, || int(call!(libc::SYS_unlinkat, dir, path, flags)))
}

/// As in C.
///
/// # Safety
/// As in C.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rmdir(path: *const c_char) -> c_int {
    let flags = libc::AT_REMOVEDIR;
    name_recorded(path, format::REMOVE, || int(call!(libc::SYS_unlinkat, libc::AT_FDCWD, path, flags)))
}

/// As in C.
///
/// # Safety
/// As in C.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mkdir(path: *const c_char, mode: mode_t) -> c_int {
    name_recorded(path, format::MKDIR, || int(call!(libc::SYS_mkdirat, libc::AT_FDCWD, path, mode)))
}

/// As in C.
///
/// # Safety
/// As in C.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mkdirat(dir: c_int, path: *const c_char, mode: mode_t) -> c_int {
    name_recorded(path, format::MKDIR, || int(call!(libc::SYS_mkdirat, dir, path, mode)))
}

/// As in C.
///
/// # Safety
/// As in C.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn link(from: *const c_char, to: *const c_char) -> c_int {
    let at = libc::AT_FDCWD;
    name_recorded(to, format::BEYOND, || int(call!(libc::SYS_linkat, at, from, at, to, 0)))
}

/// As in C.
///
/// # Safety
/// As in C.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn truncate(path: *const c_char, length: off_t) -> c_int {
    name_recorded(path, format::BEYOND, || int(call!(libc::SYS_truncate, path, length)))
}

/// As in C.
///
/// # Safety
/// As in C.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn truncate64(path: *const c_char, length: off_t) -> c_int {
    name_recorded(path, format::BEYOND, || int(call!(libc::SYS_truncate, path, length)))
}
