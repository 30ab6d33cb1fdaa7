//! Who leads which view: a table made once an epoch.
//!
//! 1. *Slots.* With powers divided by their greatest common divisor, each validator gets as many slots as it has
//!    power, if that makes at most [`TABLE_LEN_MAX`]. Otherwise [`TABLE_LEN_MAX`] slots go by largest remainder, ties
//!    to the lower index.
//! 2. *Order.* Validators are sorted by `H(rotation tag, epoch ‖ set hash ‖ index)`: nobody chooses its place.
//! 3. *Spread.* Smooth weighted round robin: each step, everybody earns its slots as credit, the greatest credit
//!    (ties: first in order) takes the slot and pays the table's length. Everybody takes exactly its slots, evenly
//!    spread, so that a crashed validator rarely leads twice in a row.
//! 4. View `v` is led by entry `(v - 1) mod length`.

use wattle_primitives::{Epoch, Hash, ValidatorIndex, ValidatorSet, View, domain};

/// Most entries of a table.
pub const TABLE_LEN_MAX: u64 = 4_096;

/// The leaders of an epoch: a pure function of epoch and validator set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotation {
    table: Vec<ValidatorIndex>,
}

impl Rotation {
    /// Makes the table. O(length x validators).
    #[must_use]
    pub fn new(epoch: Epoch, set: &ValidatorSet) -> Self {
        let slots = slots(set);
        let mut order: Vec<(Hash, ValidatorIndex, i64)> = Vec::with_capacity(slots.len());
        let set_hash = set.hash();
        for (index, slots) in set.indices().zip(&slots) {
            let parts: [&[u8]; 3] = [&epoch.0.to_le_bytes(), set_hash.as_bytes(), &index.0.to_le_bytes()];
            order.push((Hash::of(domain::ROTATION, &parts), index, i64::try_from(*slots).unwrap_or(0)));
        }
        order.sort_unstable();
        Self { table: spread(&order) }
    }

    /// The leader of `view`. View 0 has none; it answers like view 1.
    #[must_use]
    pub fn leader(&self, view: View) -> ValidatorIndex {
        let at = view.0.saturating_sub(1).checked_rem(self.table.len() as u64).unwrap_or(0);
        usize::try_from(at).ok().and_then(|at| self.table.get(at)).copied().unwrap_or(ValidatorIndex(0))
    }
}

/// Step 1: slots of each validator, in index order.
fn slots(set: &ValidatorSet) -> Vec<u64> {
    let powers: Vec<u64> = set.members().iter().map(|v| v.power.0).collect();
    let divisor = powers.iter().copied().fold(0, gcd).max(1);
    let total = set.total().0;
    if total.checked_div(divisor).unwrap_or(total) <= TABLE_LEN_MAX {
        return powers.iter().map(|p| p.checked_div(divisor).unwrap_or(*p)).collect();
    }
    let total = u128::from(total).max(1);
    let shares = powers.iter().map(|p| u128::from(*p).saturating_mul(u128::from(TABLE_LEN_MAX)));
    let mut slots = Vec::with_capacity(powers.len());
    let mut remainders = Vec::with_capacity(powers.len());
    for (index, share) in shares.enumerate() {
        slots.push(share.checked_div(total).and_then(|s| u64::try_from(s).ok()).unwrap_or(0));
        remainders.push((std::cmp::Reverse(share.checked_rem(total).unwrap_or(0)), index));
    }
    let given = slots.iter().fold(0u64, |sum, s| sum.saturating_add(*s));
    let left = usize::try_from(TABLE_LEN_MAX.saturating_sub(given)).unwrap_or(0);
    remainders.sort_unstable();
    for (_, index) in remainders.into_iter().take(left) {
        if let Some(slot) = slots.get_mut(index) {
            *slot = slot.saturating_add(1);
        }
    }
    slots
}

/// Step 3, over validators in the order of step 2.
fn spread(order: &[(Hash, ValidatorIndex, i64)]) -> Vec<ValidatorIndex> {
    let length = order.iter().fold(0i64, |sum, (_, _, slots)| sum.saturating_add(*slots));
    let mut credits = vec![0i64; order.len()];
    let mut table = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
    for _ in 0..length {
        let mut best: Option<(usize, i64)> = None;
        for (at, (credit, (_, _, slots))) in credits.iter_mut().zip(order).enumerate() {
            *credit = credit.saturating_add(*slots);
            if best.is_none_or(|(_, most)| *credit > most) {
                best = Some((at, *credit));
            }
        }
        let Some((at, _)) = best else { break };
        if let (Some(credit), Some((_, index, _))) = (credits.get_mut(at), order.get(at)) {
            *credit = credit.saturating_sub(length);
            table.push(*index);
        }
    }
    table
}

const fn gcd(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, if let Some(rest) = a.checked_rem(b) { rest } else { 0 });
    }
    a
}

#[cfg(test)]
#[path = "leader_tests.rs"]
mod tests;
