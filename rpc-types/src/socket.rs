//! The path of the admin socket, for both of its ends.

use std::path::Path;

/// Calls `act` with a name of `path` that fits into a socket address, by way of its open directory.
///
/// # Errors
/// Those of `act`, or the directory cannot be opened.
pub fn with_short_path<T>(path: &Path, act: impl FnOnce(&Path) -> std::io::Result<T>) -> std::io::Result<T> {
    /// Longest path that every system takes; Linux takes four bytes more.
    const SOCKET_PATH_BYTES_MAX: usize = 103;
    if path.as_os_str().len() <= SOCKET_PATH_BYTES_MAX {
        return act(path);
    }
    let (Some(dir), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(std::io::ErrorKind::InvalidInput.into());
    };
    let dir = std::fs::File::open(dir)?;
    let fd = std::os::fd::AsRawFd::as_raw_fd(&dir);
    act(&Path::new("/proc/self/fd").join(fd.to_string()).join(name))
}
