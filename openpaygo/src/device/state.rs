//! A device's durable state.

use super::lockout::Lockout;
use crate::count::Count;
use crate::secret::Secret;
use crate::window::Window;

/// Bytes of a state that is kept:
///
/// | bytes | |
/// |---|---|
/// | 1 | layout, 1 |
/// | 4 | last count |
/// | 4 | used counts: bit `n` for the count `n` before the last |
/// | 1 | errors in a row |
/// | 8 | ms of lockout left |
/// | 8 | reading of the clock, in ms, when so much was left |
/// | 8 | SipHash-2-4 of `state` and all before, under the device's key |
///
/// Integers are little-endian.
pub const STATE_BYTES: usize = 34;
const LAYOUT: u8 = 1;

/// A device's durable state: which tokens it has taken, and how long it refuses more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State {
    /// Tokens that were taken.
    pub window: Window,
    /// Errors, and what they cost.
    pub lockout: Lockout,
}

/// Why bytes are no state of this device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// They are damaged, or sealed under another key.
    #[error("damaged, or sealed under another key")]
    Damaged,
    /// They are of a layout that is not known here.
    #[error("layout {0} is not known")]
    Layout(u8),
}

impl State {
    /// A device's from the factory: at this count, usually 1, none before it used, with no errors.
    #[must_use]
    pub const fn new(last: Count) -> Self {
        Self { window: Window::new(last), lockout: Lockout::NONE }
    }

    /// The state as it is kept.
    #[must_use]
    pub fn to_bytes(self, secret: &Secret) -> [u8; STATE_BYTES] {
        let mut bytes = [0; STATE_BYTES];
        let (errors, wait_ms, at_ms) = self.lockout.parts();
        let parts: [&[u8]; 6] = [
            &[LAYOUT],
            &self.window.last().0.to_le_bytes(),
            &self.window.bits().to_le_bytes(),
            &[errors],
            &wait_ms.to_le_bytes(),
            &at_ms.to_le_bytes(),
        ];
        if let Some((content, seal)) = bytes.split_last_chunk_mut() {
            for (place, byte) in content.iter_mut().zip(parts.into_iter().flatten()) {
                *place = *byte;
            }
            *seal = secret.seal(b"state", content);
        }
        bytes
    }

    /// Reads a state that was kept. After a power cut tell its lockout: [`Lockout::after_power_on`].
    ///
    /// # Errors
    /// [`StateError`]. A device whose state is lost must not go on from an earlier one, which would take tokens
    /// again. The state of another device with the same key is not told apart.
    pub fn from_bytes(secret: &Secret, bytes: &[u8]) -> Result<Self, StateError> {
        let mut rest = secret.unseal(b"state", bytes).ok_or(StateError::Damaged)?;
        let [layout] = take(&mut rest)?;
        if layout != LAYOUT {
            return Err(StateError::Layout(layout));
        }
        let (last, used) = (u32::from_le_bytes(take(&mut rest)?), u32::from_le_bytes(take(&mut rest)?));
        let window = Window::from_bits(Count(last), used).ok_or(StateError::Damaged)?;
        let [errors] = take(&mut rest)?;
        let (wait_ms, at_ms) = (u64::from_le_bytes(take(&mut rest)?), u64::from_le_bytes(take(&mut rest)?));
        let lockout = Lockout::from_parts(errors, wait_ms, at_ms);
        if rest.is_empty() { Ok(Self { window, lockout }) } else { Err(StateError::Damaged) }
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], StateError> {
    let (taken, left) = rest.split_first_chunk().ok_or(StateError::Damaged)?;
    *rest = left;
    Ok(*taken)
}
