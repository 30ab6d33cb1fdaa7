//! The code of each value's chain shortly before the last count.

use crate::chain::{Chain as _, Standard};
use crate::count::Count;
use crate::secret::Secret;
use crate::window::OLDER_WINDOW;
use zeroize::{Zeroize, ZeroizeOnDrop};

const BASES: usize = Standard::VALUES as usize;
const COUNT_BYTES: usize = 4;
const CODE_BYTES: usize = 4;
const SEAL_BYTES: usize = 8;
/// Bytes of a table that is kept.
pub const TABLE_BYTES: usize = COUNT_BYTES + BASES * CODE_BYTES + SEAL_BYTES;

/// The codes of all bases at one count. Past ones are old tokens, so they are overwritten when dropped.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(super) struct Table {
    at: u32,
    codes: [u32; BASES],
}

impl Table {
    /// At count 0.
    pub(super) fn start(secret: &Secret) -> Self {
        let mut codes = [0; BASES];
        for (base, code) in (0..).zip(&mut codes) {
            *code = Standard::first(secret.starting_code(), base);
        }
        Self { at: 0, codes }
    }

    /// The count that a table for this last count stands at.
    fn place(last: Count) -> u32 {
        last.minus(OLDER_WINDOW).0
    }

    /// Brings it forward for this last count; a table never goes back.
    pub(super) fn advance(&mut self, secret: &Secret, last: Count) {
        let (hasher, by) = (secret.hasher(), Self::place(last).saturating_sub(self.at));
        for code in &mut self.codes {
            *code = (0..by).fold(*code, |code, _| Standard::next(&hasher, code));
        }
        self.at = self.at.saturating_add(by);
    }

    /// The count that it stands at, and the code of a base there.
    pub(super) fn code(&self, base: u32) -> (Count, u32) {
        let code = usize::try_from(base).ok().and_then(|base| self.codes.get(base)).copied();
        (Count(self.at), code.unwrap_or_default()) // a base is less than `BASES`
    }

    pub(super) fn to_bytes(&self, secret: &Secret) -> [u8; TABLE_BYTES] {
        let mut bytes = [0; TABLE_BYTES];
        let words = core::iter::once(&self.at).chain(&self.codes);
        for (place, word) in bytes.chunks_exact_mut(CODE_BYTES).zip(words) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        if let Some((content, seal)) = bytes.split_last_chunk_mut::<SEAL_BYTES>() {
            *seal = secret.seal(b"table", content);
        }
        bytes
    }

    /// A kept table; `None` when it is damaged, of another key, or ahead of what this last count needs.
    pub(super) fn from_bytes(secret: &Secret, last: Count, bytes: &[u8]) -> Option<Self> {
        let content = secret.unseal(b"table", bytes).filter(|content| content.len() % CODE_BYTES == 0)?;
        let mut words = content.as_chunks::<CODE_BYTES>().0.iter().map(|word| u32::from_le_bytes(*word));
        let mut table = Self { at: words.next()?, codes: [0; BASES] };
        for code in &mut table.codes {
            *code = words.next()?;
        }
        (words.next().is_none() && table.at <= Self::place(last)).then_some(table)
    }
}
