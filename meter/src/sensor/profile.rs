//! Meters described as data: which register holds what, and how to read it in few requests.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use wattle_primitives::reading::RegisterEncoding;

/// Most registers that one request may ask for, whatever a profile says. Longer answers are refused by many meters.
pub const REGISTERS_PER_REQUEST_MAX: u16 = 60;
/// Most quantities in a profile.
pub const QUANTITIES_MAX: usize = 64;
/// Longest profile file in bytes.
pub const PROFILE_BYTES_MAX: u64 = 64 * 1024;

/// The built-in profile of the Eastron SDM630.
pub const SDM630: &str = include_str!("../../profiles/sdm630.toml");

/// Which table of registers is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Function {
    /// Function 3.
    Holding,
    /// Function 4.
    Input,
}

/// How the words of a telemetry quantity are encoded, most significant word first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ValueType {
    /// One word, unsigned.
    Uint16,
    /// One word, two's complement.
    Int16,
    /// Two words, unsigned.
    Uint32,
    /// Two words, two's complement.
    Int32,
    /// Two words, IEEE 754 binary32.
    Float32,
}

/// One telemetry quantity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quantity {
    /// Register table.
    pub function: Function,
    /// First register, as it is sent on the wire.
    pub address: u16,
    /// Encoding.
    #[serde(rename = "type")]
    pub value_type: ValueType,
    /// What the encoded value is multiplied by.
    #[serde(default = "one")]
    pub scale: f64,
    /// Unit of the scaled value, for people.
    pub unit: String,
}

/// The two lifetime counters. Their words are signed as they are read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnergyRegisters {
    /// Register table.
    pub function: Function,
    /// Encoding of both counters: must be the one the meter is registered with.
    pub encoding: RegisterEncoding,
    /// First register of the import counter.
    pub import: u16,
    /// First register of the export counter.
    pub export: u16,
}

/// A kind of meter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Maker and model.
    pub name: String,
    /// Most registers in one request, 1 to [`REGISTERS_PER_REQUEST_MAX`].
    pub registers_per_request_max: u16,
    /// Most registers between two wanted ones that are read along, to save a request.
    pub registers_per_gap_max: u16,
    /// The counters.
    pub energy: EnergyRegisters,
    /// Telemetry, by name.
    pub quantities: BTreeMap<String, Quantity>,
}

/// One request: `count` registers from `address` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Block {
    /// Register table.
    pub function: Function,
    /// First register.
    pub address: u16,
    /// Number of registers.
    pub count: u16,
}

/// Why a profile cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// The file cannot be read.
    #[error("cannot read profile {}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Too long, not TOML, or not of this shape.
    #[error("profile {origin}: {message}")]
    Syntax {
        /// File or built-in name.
        origin: String,
        /// What was expected, with line and column.
        message: String,
    },
    /// A register or limit that no meter has.
    #[error("profile {origin}: {what} is out of range")]
    Range {
        /// File or built-in name.
        origin: String,
        /// Which value.
        what: String,
    },
}

impl ValueType {
    /// Registers that a value takes.
    #[must_use]
    pub const fn words(self) -> u16 {
        match self {
            Self::Uint16 | Self::Int16 => 1,
            Self::Uint32 | Self::Int32 | Self::Float32 => 2,
        }
    }

    /// The number that `words` stand for; `None` for a NaN, an infinity or the wrong number of words.
    #[must_use]
    pub fn decode(self, words: &[u16]) -> Option<f64> {
        let value = match (self, words) {
            (Self::Uint16, [w]) => f64::from(*w),
            (Self::Int16, [w]) => f64::from(w.cast_signed()),
            (Self::Uint32, [high, low]) => f64::from(join(*high, *low)),
            (Self::Int32, [high, low]) => f64::from(join(*high, *low).cast_signed()),
            (Self::Float32, [high, low]) => f64::from(f32::from_bits(join(*high, *low))),
            _ => return None,
        };
        value.is_finite().then_some(value)
    }
}

impl Profile {
    /// The built-in profile `name`, or else the profile in the file of that path.
    ///
    /// # Errors
    /// [`ProfileError`].
    pub fn find(name: &str) -> Result<Self, ProfileError> {
        if name == "sdm630" {
            return Self::from_toml(SDM630, name);
        }
        let path = Path::new(name);
        let read = |source| ProfileError::Read { path: path.to_owned(), source };
        if std::fs::metadata(path).map_err(read)?.len() > PROFILE_BYTES_MAX {
            return Err(ProfileError::Range { origin: name.to_owned(), what: "file size".to_owned() });
        }
        Self::from_toml(&std::fs::read_to_string(path).map_err(read)?, name)
    }

    /// Reads a profile; `origin` names it in errors.
    ///
    /// # Errors
    /// [`ProfileError::Syntax`] or [`ProfileError::Range`].
    pub fn from_toml(text: &str, origin: &str) -> Result<Self, ProfileError> {
        let profile: Self = toml::from_str(text)
            .map_err(|e| ProfileError::Syntax { origin: origin.to_owned(), message: e.to_string() })?;
        match profile.out_of_range() {
            Some(what) => Err(ProfileError::Range { origin: origin.to_owned(), what }),
            None => Ok(profile),
        }
    }

    fn out_of_range(&self) -> Option<String> {
        if !(4..=REGISTERS_PER_REQUEST_MAX).contains(&self.registers_per_request_max) {
            return Some("registers_per_request_max".to_owned()); // the widest value has four words
        }
        if self.quantities.len() > QUANTITIES_MAX {
            return Some("number of quantities".to_owned());
        }
        let beyond = |address: u16, words: u16| address.checked_add(words).is_none();
        for (name, quantity) in &self.quantities {
            if beyond(quantity.address, quantity.value_type.words()) || !quantity.scale.is_finite() {
                return Some(name.clone());
            }
        }
        let words = self.energy_words();
        (beyond(self.energy.import, words) || beyond(self.energy.export, words)).then(|| "energy".to_owned())
    }

    /// Registers that one counter takes.
    #[must_use]
    pub fn energy_words(&self) -> u16 {
        u16::try_from(self.energy.encoding.words()).unwrap_or(u16::MAX)
    }

    /// The requests that fetch everything, fewest first in address order. Both counters come from one request where
    /// they lie close enough, so that they belong to one instant.
    #[must_use]
    pub fn blocks(&self) -> Vec<Block> {
        let energy = &self.energy;
        let counter = |address| Block { function: energy.function, address, count: self.energy_words() };
        let mut spans: Vec<Block> = self
            .quantities
            .values()
            .map(|q| Block { function: q.function, address: q.address, count: q.value_type.words() })
            .chain([counter(energy.import), counter(energy.export)])
            .collect();
        spans.sort_unstable();
        let mut blocks: Vec<Block> = Vec::new();
        for span in spans {
            match blocks.last_mut().and_then(|last| self.merged(*last, span).map(|m| (last, m))) {
                Some((last, merged)) => *last = merged,
                None => blocks.push(span),
            }
        }
        blocks
    }

    /// Both spans as one block, if the limits allow it. `next` does not start before `block`.
    fn merged(&self, block: Block, next: Block) -> Option<Block> {
        let end = block.address.checked_add(block.count)?;
        let near = next.address <= end.saturating_add(self.registers_per_gap_max);
        let next_end = next.address.checked_add(next.count)?.max(end);
        let count = next_end.checked_sub(block.address)?;
        (block.function == next.function && near && count <= self.registers_per_request_max)
            .then_some(Block { count, ..block })
    }
}

fn join(high: u16, low: u16) -> u32 {
    u32::from(high) << 16 | u32::from(low)
}

const fn one() -> f64 {
    1.0
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn the_sdm630_is_read_in_three_requests() {
        let blocks: Vec<(u16, u16)> =
            Profile::find("sdm630").unwrap().blocks().iter().map(|b| (b.address, b.count)).collect();
        assert_eq!(blocks, [(0x00, 18), (0x34, 2), (0x46, 6)]);
    }

    #[test]
    fn blocks_respect_the_limits() {
        let mut profile = Profile::find("sdm630").unwrap();
        for (per_request, gap) in [(4, 0), (8, 2), (60, 60), (60, 34)] {
            profile.registers_per_request_max = per_request;
            profile.registers_per_gap_max = gap;
            let blocks = profile.blocks();
            assert!(blocks.iter().all(|b| b.count <= per_request), "{per_request} {gap} {blocks:?}");
            for quantity in profile.quantities.values() {
                let covers = |b: &Block| {
                    b.address <= quantity.address
                        && quantity.address + quantity.value_type.words() <= b.address + b.count
                };
                assert!(blocks.iter().any(covers), "{quantity:?} in {blocks:?}");
            }
        }
    }

    #[test]
    fn values_decode_and_nonsense_does_not() {
        let table = [
            (ValueType::Float32, vec![0x4366, 0x3334], Some(f64::from(f32::from_bits(0x4366_3334)))),
            (ValueType::Float32, vec![0x7fc0, 0], None),
            (ValueType::Float32, vec![0x7f80, 0], None),
            (ValueType::Float32, vec![0x4366], None),
            (ValueType::Int16, vec![0xffff], Some(-1.0)),
            (ValueType::Uint16, vec![0xffff], Some(65535.0)),
            (ValueType::Int32, vec![0xffff, 0xfffe], Some(-2.0)),
            (ValueType::Uint32, vec![1, 0], Some(65536.0)),
        ];
        for (value_type, words, want) in table {
            assert_eq!(value_type.decode(&words), want, "{value_type:?} {words:04x?}");
        }
    }

    #[test]
    fn profiles_out_of_range_are_refused() {
        for (from, to) in [
            ("registers_per_request_max = 60", "registers_per_request_max = 61"),
            ("import = 0x0048", "import = 0xFFFF"),
            ("address = 0x0000", "address = 0xFFFF"),
            ("float32_kwh", "float64"),
        ] {
            assert!(Profile::from_toml(&SDM630.replacen(from, to, 1), "x").is_err(), "{to}");
        }
        assert!(matches!(Profile::find("/no/such.toml"), Err(ProfileError::Read { .. })));
    }
}
