//! Names of sockets that are too long for the system.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd as _;
use std::path::Path;

/// Most bytes of a path in a socket address that every system takes; Linux takes four more.
const PATH_BYTES_MAX: usize = 103;

/// Calls `act` with a name of `path` that fits into a socket address, by way of its open directory.
///
/// # Errors
/// Those of `act`, or the directory cannot be opened.
pub fn with_short_path<T>(path: &Path, act: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
    if path.as_os_str().len() <= PATH_BYTES_MAX {
        return act(path);
    }
    let (Some(dir), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let dir = File::open(dir)?;
    act(&Path::new("/proc/self/fd").join(dir.as_raw_fd().to_string()).join(name))
}
