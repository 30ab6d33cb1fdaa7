//! Meters described as data: which register holds what, and how to read it in few requests.

use super::link::Parity;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use wattle_primitives::reading::{EXPONENT_MAX, EXPONENT_MIN, RegisterEncoding};

/// Most registers that one request may ask for, whatever a profile says. Longer answers are refused by many meters.
pub(super) const REGISTERS_PER_REQUEST_MAX: u16 = 60;
/// Most quantities in a profile.
pub(super) const QUANTITIES_MAX: usize = 64;
/// Longest profile file in bytes.
pub(super) const PROFILE_BYTES_MAX: u64 = 64 * 1024;

/// Most base addresses that are tried for SunSpec, and most models that a profile may name.
const SUNSPEC_LIST_MAX: usize = 16;

/// The built-in profiles by name.
pub const BUILT_IN: &[(&str, &str)] = &[
    ("sdm120", include_str!("../../profiles/sdm120.toml")),
    ("sdm230", include_str!("../../profiles/sdm230.toml")),
    ("sdm630", SDM630),
    ("sunspec", include_str!("../../profiles/sunspec.toml")),
    ("victron", include_str!("../../profiles/victron.toml")),
];

/// The built-in profile of the Eastron SDM630.
pub(super) const SDM630: &str = include_str!("../../profiles/sdm630.toml");

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
    /// Encoding of its words.
    #[serde(rename = "type")]
    pub value_type: ValueType,
    /// Factor that the encoded value is multiplied by.
    #[serde(default = "one")]
    pub scale: f64,
    /// Register of the same table with a power of ten, two's complement, that the value is multiplied by as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale_factor: Option<u16>,
    /// Unit of the scaled value, for people.
    pub unit: String,
    /// Least and most that such a meter shows when it is in use: how the probe tells meters apart. Never a filter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect: Option<(f64, f64)>,
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
    /// Register with the power of ten of both counters, two's complement. A meter that shows another one than the
    /// encoding's is not read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale_factor: Option<u16>,
    /// Both counters at zero mean that the meter does not count, or not yet.
    #[serde(default)]
    pub zero_is_none: bool,
}

/// Where a meter keeps its number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SerialNumber {
    /// Register table.
    pub function: Function,
    /// First register.
    pub address: u16,
    /// Encoding of its words.
    #[serde(rename = "type")]
    pub value_type: ValueType,
}

/// How models are found in a SunSpec device. All addresses of the profile are counted from the model's first
/// register, the one with its number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SunSpec {
    /// Where the mark may stand, in the order of trying.
    pub bases: Vec<u16>,
    /// Models that the profile reads; the first in the device is taken.
    pub models: Vec<u16>,
}

/// The serial line as it leaves the factory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FactoryLine {
    /// Bits a second.
    pub baud: u32,
    /// Parity bit.
    pub parity: Parity,
    /// 1 or 2.
    pub stop_bits: u8,
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
    /// Highest power that the meter is built for, in W: tells a counter that rolled over from one that was reset.
    #[serde(default = "default_watts_max")]
    pub watts_max: u32,
    /// Whether the highest unsigned and the lowest signed number stand for "no value".
    #[serde(default)]
    pub ends_are_none: bool,
    /// The serial line as it leaves the factory; the probe tries it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<FactoryLine>,
    /// How models are found; left out for a meter with a fixed map.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sunspec: Option<SunSpec>,
    /// Where the meter's number is; meters that refuse it are read without. SunSpec has its own place for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial_number: Option<SerialNumber>,
    /// The counters. Without them a meter gives telemetry only, and nothing is ever signed for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub energy: Option<EnergyRegisters>,
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

/// Reasons why a profile cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// The file cannot be read.
    #[error("cannot read profile {}", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    /// Too long, not TOML, or not of this shape.
    #[error("profile {origin}: {message}")]
    Syntax { origin: String, message: String },
    /// A register or limit that no meter has.
    #[error("profile {origin}: {what} is out of range")]
    Range { origin: String, what: String },
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

    /// Whether `words` are the end of the range that some meters give for "no value".
    #[must_use]
    pub fn is_end(self, words: &[u16]) -> bool {
        match self {
            Self::Uint16 => words == [0xFFFF],
            Self::Int16 => words == [0x8000],
            Self::Uint32 => words == [0xFFFF, 0xFFFF],
            Self::Int32 => words == [0x8000, 0],
            Self::Float32 => false, // has NaN
        }
    }
}

impl Profile {
    /// The built-in profile `name`, or else the profile in the file of that path.
    ///
    /// # Errors
    /// [`ProfileError`].
    pub fn find(name: &str) -> Result<Self, ProfileError> {
        if let Some((_, text)) = BUILT_IN.iter().find(|(known, _)| *known == name) {
            return Self::from_toml(text, name);
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

    /// The profile for a meter that is registered with `encoding`, where that is another than the profile's own:
    /// meters of one kind may count in different powers of ten.
    ///
    /// # Errors
    /// [`ProfileError::Range`] when no such meter has that encoding.
    pub fn with_encoding(mut self, encoding: RegisterEncoding) -> Result<Self, ProfileError> {
        let origin = self.name.clone();
        let refused = |what: &str| ProfileError::Range { origin: origin.clone(), what: what.to_owned() };
        let energy = self.energy.as_mut().ok_or_else(|| refused("encoding of a meter without counters"))?;
        if encoding.words() != energy.encoding.words() {
            return Err(refused("number of words of the encoding"));
        }
        energy.encoding = encoding;
        match self.out_of_range() {
            Some(what) => Err(refused(&what)),
            None => Ok(self),
        }
    }

    fn out_of_range(&self) -> Option<String> {
        if !(4..=REGISTERS_PER_REQUEST_MAX).contains(&self.registers_per_request_max) {
            return Some("registers_per_request_max".to_owned()); // the widest value has four words
        }
        if self.quantities.len() > QUANTITIES_MAX {
            return Some("number of quantities".to_owned());
        }
        if self.watts_max == 0 {
            return Some("watts_max".to_owned());
        }
        let listed = |list: &[u16]| (1..=SUNSPEC_LIST_MAX).contains(&list.len());
        if self.sunspec.as_ref().is_some_and(|s| !listed(&s.bases) || !listed(&s.models)) {
            return Some("sunspec".to_owned());
        }
        if self.serial_number.as_ref().is_some_and(|s| beyond(s.address, s.value_type.words())) {
            return Some("serial_number".to_owned());
        }
        let name = self.quantities.iter().find(|(_, quantity)| quantity.is_out_of_range());
        let energy = self.energy.as_ref().is_some_and(EnergyRegisters::is_out_of_range);
        name.map(|(name, _)| name.clone()).or_else(|| energy.then(|| "energy".to_owned()))
    }

    /// Registers of a SunSpec model that must be there, its number and length included.
    #[must_use]
    pub fn model_registers(&self) -> u16 {
        self.blocks().iter().map(|b| b.address.saturating_add(b.count)).max().unwrap_or_default()
    }

    /// The requests that fetch everything, fewest first in address order. Both counters come from one request where
    /// they lie close enough, so that they belong to one instant.
    #[must_use]
    pub fn blocks(&self) -> Vec<Block> {
        let of = |function, address, count| Block { function, address, count };
        let quantities = self.quantities.values().flat_map(|q| {
            let value = of(q.function, q.address, q.value_type.words());
            [Some(value), q.scale_factor.map(|at| of(q.function, at, 1))]
        });
        let counters = self.energy.iter().flat_map(|e| {
            let (import, export) = (of(e.function, e.import, e.words()), of(e.function, e.export, e.words()));
            [Some(import), Some(export), e.scale_factor.map(|at| of(e.function, at, 1))]
        });
        let mut spans: Vec<Block> = quantities.chain(counters).flatten().collect();
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

impl Quantity {
    fn is_out_of_range(&self) -> bool {
        let expects_nothing = self.expect.is_some_and(|(least, most)| least.is_nan() || most.is_nan());
        beyond(self.address, self.value_type.words())
            || self.scale_factor.is_some_and(|at| beyond(at, 1))
            || !self.scale.is_finite()
            || expects_nothing
    }
}

impl EnergyRegisters {
    /// Registers that one counter takes.
    #[must_use]
    pub fn words(&self) -> u16 {
        u16::try_from(self.encoding.words()).unwrap_or(u16::MAX)
    }

    /// The power of ten that the encoding counts in; `None` for one that no scale factor can describe.
    #[must_use]
    pub const fn exponent(&self) -> Option<i8> {
        match self.encoding {
            RegisterEncoding::Acc32 { exponent } => Some(exponent),
            RegisterEncoding::Uint32Wh | RegisterEncoding::Uint64Wh => Some(0),
            RegisterEncoding::Float32Kwh => None,
        }
    }

    fn is_out_of_range(&self) -> bool {
        let scaled = self.scale_factor.is_some_and(|at| beyond(at, 1) || self.exponent().is_none());
        let power = matches!(self.encoding, RegisterEncoding::Acc32 { exponent }
            if !(EXPONENT_MIN..=EXPONENT_MAX).contains(&exponent));
        scaled || power || beyond(self.import, self.words()) || beyond(self.export, self.words())
    }
}

const fn beyond(address: u16, words: u16) -> bool {
    address.checked_add(words).is_none()
}

const fn default_watts_max() -> u32 {
    100_000
}

fn join(high: u16, low: u16) -> u32 {
    u32::from(high) << 16 | u32::from(low)
}

const fn one() -> f64 {
    1.0
}

#[cfg(test)]
#[path = "profile_tests.rs"]
mod tests;
