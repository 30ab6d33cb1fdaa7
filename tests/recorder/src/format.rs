//! The recording: one record after the other, each `kind as u8 ‖ length as u32 ‖ fields`, little-endian.
//!
//! Written by the recorder inside the process, read by the crash tests, which take in this very file.

/// A process begins: nothing that it opens has to do with handles of the one before.
pub(crate) const START: u8 = 1;
/// `handle u64 ‖ flags u8 ‖ path`: opened; see [`CREATE`] and [`TRUNCATE`].
pub(crate) const OPEN: u8 = 2;
/// `handle u64 ‖ offset u64 ‖ bytes`: written, in whole.
pub(crate) const WRITE: u8 = 3;
/// `handle u64 ‖ length u64`: cut or extended.
pub(crate) const RESIZE: u8 = 4;
/// `handle u64 ‖ sync u64`: a sync of a file or directory is called; it covers what stands before this record.
pub(crate) const SYNC_BEGIN: u8 = 5;
/// `handle u64 ‖ sync u64`: that sync has returned without an error.
pub(crate) const SYNC_END: u8 = 6;
/// `from ‖ 0 ‖ to`: renamed.
pub(crate) const RENAME: u8 = 7;
/// `path`: removed, file or empty directory.
pub(crate) const REMOVE: u8 = 8;
/// `path`: directory created.
pub(crate) const MKDIR: u8 = 9;
/// `text`: the process is about to say this: an HTTP answer, or a line on standard error.
pub(crate) const SAID: u8 = 10;
/// `text`: something happened to a recorded file that this recording cannot express.
pub(crate) const BEYOND: u8 = 11;

/// Flag of [`OPEN`]: created when missing.
pub(crate) const CREATE: u8 = 1;
/// Flag of [`OPEN`]: emptied.
pub(crate) const TRUNCATE: u8 = 2;
