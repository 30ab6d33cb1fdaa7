//! Limits of a body.

use alloc::string::String;

/// Most bytes of a body: 4,096 KB, by the protocol.
pub const BODY_BYTES_MAX: usize = 4096 * 1024;
/// How deep lists and maps may lie in each other.
pub const DEPTH_MAX: usize = 8;
/// Most values of a body, counted at every depth.
pub const VALUES_MAX: usize = 1 << 18;
/// Most bytes of one text or name.
pub const TEXT_BYTES_MAX: usize = 4096;
/// Most bytes of a name in a data format: each value of a list is given a copy of its name.
pub const NAME_BYTES_MAX: usize = 64;
/// Most characters of one number.
pub const NUMBER_BYTES_MAX: usize = 64;
/// Most bytes of a serial number.
pub const SERIAL_BYTES_MAX: usize = 64;

/// Why a body is not read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// It exceeds [`BODY_BYTES_MAX`]; looked at first.
    #[error("{bytes} bytes exceed {BODY_BYTES_MAX}")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// Neither valid JSON nor valid CBOR, whichever was to be read.
    #[error("{0}")]
    Syntax(String),
    /// Lists and maps lie deeper than [`DEPTH_MAX`].
    #[error("values lie more than {DEPTH_MAX} deep")]
    TooDeep,
    /// More than [`VALUES_MAX`] values.
    #[error("more than {VALUES_MAX} values")]
    TooMany,
    /// A text, name or number beyond its limit.
    #[error("a text or number is too long")]
    TooLong,
    /// A number that no 64-bit float holds, or one that is none.
    #[error("a number is not finite")]
    NotFinite,
    /// A name that stands twice in one map: one reader would take the first, another the last.
    #[error("{0} stands twice")]
    Duplicate(String),
    /// A field that is missing.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A field that is of another type than it has to be.
    #[error("{0} is not of its type")]
    Type(&'static str),
}

/// Budget of values that may still be read of a body.
pub(super) struct Budget {
    values: usize,
}

impl Budget {
    /// That of a body of this size.
    pub(super) const fn new(bytes: usize) -> Result<Self, ReadError> {
        if bytes > BODY_BYTES_MAX {
            return Err(ReadError::TooLarge { bytes });
        }
        Ok(Self { values: VALUES_MAX })
    }

    /// Takes one value.
    pub(super) const fn take(&mut self) -> Result<(), ReadError> {
        match self.values.checked_sub(1) {
            Some(left) => self.values = left,
            None => return Err(ReadError::TooMany),
        }
        Ok(())
    }

    /// How many values are left.
    pub(super) const fn left(&self) -> usize {
        self.values
    }
}

/// The text, if it is short enough.
pub(super) fn short(text: String) -> Result<String, ReadError> {
    if text.len() <= TEXT_BYTES_MAX { Ok(text) } else { Err(ReadError::TooLong) }
}
