//! Finds a SunSpec device's meter model, and reads the device's own account of itself.
//!
//! At one of three base addresses stands the mark "SunS"; after it follow models, each with its number and its length,
//! until the number 0xFFFF. Where the meter's model begins differs from device to device.
//!
//! Source: SunSpec Device Information Model Specification, sections 5 and 6.

use super::bus::Bus;
use super::error::SensorError;
use super::profile::{Block, Function, SunSpec};
use serde::Serialize;

/// "SunS".
const MARK: [u16; 2] = [0x5375, 0x6e53];
/// Number of the model that describes the device.
const COMMON: u16 = 1;
/// Ends the chain of models.
const END: u16 = 0xFFFF;
/// Most models in a device: a chain without an end is left.
const MODELS_MAX: usize = 64;
/// Registers of a model's number and length.
const HEAD: u16 = 2;
/// Where the common model has maker and type, and its number, counted from its first register.
const MAKER_AND_TYPE: (u16, u16) = (2, 32);
const SERIAL_NUMBER: (u16, u16) = (50, 16);

/// A meter's own account of itself; parts that it does not tell are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Identity {
    /// Who made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maker: Option<String>,
    /// Its type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Its number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serial_number: Option<String>,
}

/// Where a device has the model that is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// The model's first register.
    pub(super) start: u16,
    /// Its number.
    pub(super) model: u16,
    /// The device's own account of itself.
    pub(super) identity: Identity,
}

/// A walk along the models of one device.
struct Walk<'a> {
    bus: &'a mut Bus,
    unit: u8,
}

/// Looks for the first of the wanted models, which must have `registers` of them.
pub(super) async fn find(
    bus: &mut Bus,
    unit: u8,
    wanted: &SunSpec,
    registers: u16,
) -> Result<Found, SensorError> {
    let mut walk = Walk { bus, unit };
    let mut at = walk.first_model(&wanted.bases).await?;
    let (mut identity, mut seen) = (Identity::default(), Vec::new());
    while seen.len() < MODELS_MAX {
        let head = walk.read(at, HEAD).await?;
        let [model, length] = head[..] else { return Err(walk.layout()) };
        if model == END {
            let at = walk.bus.endpoint(unit);
            return Err(SensorError::NoModel { at, found: seen, wanted: wanted.models.clone() });
        }
        let size = length.checked_add(HEAD).ok_or_else(|| walk.layout())?;
        if model == COMMON {
            identity = walk.identity(at, size).await?;
        }
        if wanted.models.contains(&model) {
            let fits = size >= registers && at.checked_add(size).is_some();
            return if fits { Ok(Found { start: at, model, identity }) } else { Err(walk.layout()) };
        }
        seen.push(model);
        at = at.checked_add(size).ok_or_else(|| walk.layout())?;
    }
    Err(walk.layout())
}

impl Walk<'_> {
    async fn read(&mut self, address: u16, count: u16) -> Result<Vec<u16>, SensorError> {
        self.bus.read(self.unit, Block { function: Function::Holding, address, count }).await
    }

    /// The register after the mark. A device refuses or ignores bases that it has not.
    async fn first_model(&mut self, bases: &[u16]) -> Result<u16, SensorError> {
        let mut failure = None;
        for base in bases {
            match self.read(*base, HEAD).await {
                Ok(words) if words == MARK => {
                    return base.checked_add(HEAD).ok_or_else(|| self.layout());
                }
                Ok(_) | Err(SensorError::Refused { .. }) => {}
                Err(error @ SensorError::Connect { .. }) => return Err(error),
                Err(error) => failure = Some(error),
            }
        }
        Err(failure.unwrap_or_else(|| SensorError::NoSunSpec { at: self.bus.endpoint(self.unit) }))
    }

    async fn identity(&mut self, at: u16, size: u16) -> Result<Identity, SensorError> {
        let part = |(offset, count): (u16, u16)| {
            let fits = offset.checked_add(count).is_some_and(|end| end <= size);
            at.checked_add(offset).filter(|_| fits).map(|address| (address, count))
        };
        let (names, number) = (part(MAKER_AND_TYPE), part(SERIAL_NUMBER));
        let mut identity = Identity::default();
        if let Some((address, count)) = names {
            let words = self.read(address, count).await?;
            let (maker, model) = words.split_at(words.len() / 2);
            (identity.maker, identity.model) = (text(maker), text(model));
        }
        if let Some((address, count)) = number {
            identity.serial_number = text(&self.read(address, count).await?);
        }
        Ok(identity)
    }

    fn layout(&self) -> SensorError {
        SensorError::Layout { at: self.bus.endpoint(self.unit) }
    }
}

/// Two characters a register, filled up with zeros. Whatever is not printable is left out: it goes to terminals.
fn text(words: &[u16]) -> Option<String> {
    let bytes = words.iter().flat_map(|word| word.to_be_bytes());
    let text: String = bytes
        .take_while(|b| *b != 0)
        .filter(|b| b.is_ascii_graphic() || *b == b' ')
        .map(char::from)
        .collect();
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}
