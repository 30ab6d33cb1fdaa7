//! Small files that are replaced as a whole: a checksum on the first line, then the text.

use crate::wear::{PAGE_BYTES, page_bytes};
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// The text of a file that is whole; `None` when there is none or it is damaged.
pub(crate) fn read(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let (sum, text) = text.split_once('\n')?;
    (blake3::hash(text.as_bytes()).to_hex().as_str() == sum).then(|| text.to_owned())
}

/// Replaces a file. After a power cut there is the old one or the new one.
///
/// # Errors
/// What the disk says.
pub(crate) fn replace(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    let temporary = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(&temporary)?;
    file.set_permissions(Permissions::from_mode(mode))?; // whatever the umask, and whatever lay there
    writeln!(file, "{}", blake3::hash(text.as_bytes()).to_hex())?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(dir)?.sync_all()
}

/// Bytes of the pages that [`replace`] writes for a text: the file's, and the directory's.
pub(crate) const fn written_bytes(text: &str) -> u64 {
    page_bytes(0, text.len() as u64).saturating_add(PAGE_BYTES)
}
