//! The statement that a meter's key signs before the meter is registered.

use crate::reading::Registers;
use crate::{Address, Hash, domain};
use borsh::BorshSerialize;

/// Where a new meter is to count. Its key signs it, so that nobody can register somebody else's meter in a microgrid
/// of his own before its owner does.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum MeterBinding {
    /// At a new connection.
    Connection {
        /// The microgrid.
        microgrid: Hash,
        /// Account that the energy is booked to.
        owner: Address,
        /// Opening registers: from here on energy is billed.
        opening: Registers,
    } = 0,
    /// In the place of another meter.
    Replacement {
        /// The meter that is replaced.
        old: Address,
    } = 1,
}

impl MeterBinding {
    /// The exact bytes the meter's key signs.
    #[must_use]
    pub fn signing_bytes(&self, chain: &Hash) -> Vec<u8> {
        domain::METER_BINDING.signing_bytes(chain, &crate::encode(self))
    }
}
