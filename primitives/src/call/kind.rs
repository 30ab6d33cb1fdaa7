//! Which call, whatever its arguments.

use super::Call;
use borsh::{BorshDeserialize, BorshSerialize};
use std::fmt;
use std::str::FromStr;

/// A kind of call: the two numbers it begins with on the wire. As text, and in JSON: `ledger.journal`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize)]
pub struct CallKind {
    /// Number of its module.
    pub(super) module: u8,
    /// Its number within the module.
    pub(super) call: u8,
}

/// Text or bytes that name no call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no such call: write module.call, as in ledger.journal")]
pub struct CallKindError;

impl CallKind {
    /// Every call there is.
    pub fn all() -> impl Iterator<Item = (Self, &'static str, &'static str)> {
        Call::NUMBERS.iter().zip(Call::NAMES).flat_map(|((module, numbers), (module_name, names))| {
            let kind = |call: &u8| Self { module: *module, call: *call };
            numbers.iter().zip(*names).map(move |(call, name)| (kind(call), *module_name, *name))
        })
    }

    /// Module and call as they are written in JSON; `None` if no call has these numbers.
    fn name(self) -> Option<(&'static str, &'static str)> {
        Self::all().find(|(kind, _, _)| *kind == self).map(|(_, module, call)| (module, call))
    }
}

/// Only what names a call decodes.
impl BorshDeserialize for CallKind {
    fn deserialize_reader<R: borsh::io::Read>(reader: &mut R) -> borsh::io::Result<Self> {
        let [module, call] = <[u8; 2]>::deserialize_reader(reader)?;
        let kind = Self { module, call };
        if kind.name().is_some() {
            Ok(kind)
        } else {
            Err(borsh::io::Error::new(borsh::io::ErrorKind::InvalidData, CallKindError))
        }
    }
}

impl fmt::Display for CallKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some((module, call)) => write!(f, "{module}.{call}"),
            None => write!(f, "{}.{}", self.module, self.call),
        }
    }
}

impl FromStr for CallKind {
    type Err = CallKindError;
    fn from_str(text: &str) -> Result<Self, CallKindError> {
        let (module, call) = text.split_once('.').ok_or(CallKindError)?;
        let found = Self::all().find(|(_, m, c)| (*m, *c) == (module, call));
        found.map(|(kind, _, _)| kind).ok_or(CallKindError)
    }
}

impl serde::Serialize for CallKind {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for CallKind {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = <String as serde::Deserialize>::deserialize(d)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(feature = "schema")]
crate::schema::text_schema! { CallKind: "CallKind", "^[a-z]+\\.[a-z_]+$"; }
