//! Parameters of methods: named or positional, strict, with errors that say which one is wrong.

use crate::limits::{FILTER_ITEMS_MAX, PAGE_ITEMS_DEFAULT, PAGE_ITEMS_MAX};
use crate::{EventFilter, PageRequest, RpcError, RpcResult};
use schemars::{Schema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use wattle_primitives::Height;

/// A parameter as a method declares it.
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// Whether it must be there.
    pub required: bool,
    /// The JSON shape of its value.
    pub shape: fn(&mut SchemaGenerator) -> Schema,
}

/// Parameters by name, not yet typed.
#[derive(Clone, Debug, Default)]
pub struct Params(Map<String, Value>);

impl Params {
    /// Names positional parameters in the order in which the method declares them.
    ///
    /// # Errors
    /// [`RpcError::InvalidParams`].
    pub fn parse(json: Option<&RawValue>, declared: &[Field]) -> RpcResult<Self> {
        let value = match json {
            None => Value::Null,
            Some(json) => serde_json::from_str(json.get()).map_err(|e| RpcError::params(e.to_string()))?,
        };
        match value {
            Value::Null => Ok(Self::default()),
            Value::Object(map) => {
                let unknown = map.keys().find(|key| declared.iter().all(|f| f.name != key.as_str()));
                match unknown {
                    Some(key) => {
                        Err(RpcError::params(format!("unknown parameter {key:?}; {}", names(declared))))
                    }
                    None => Ok(Self(map)),
                }
            }
            Value::Array(items) if items.len() > declared.len() => {
                Err(RpcError::params(format!("{} parameters given; {}", items.len(), names(declared))))
            }
            Value::Array(items) => {
                let named = declared.iter().zip(items).filter(|(_, value)| !value.is_null());
                Ok(Self(named.map(|(field, value)| (field.name.to_owned(), value)).collect()))
            }
            _ => Err(RpcError::params("params must be an object or an array")),
        }
    }

    /// One parameter that must be there.
    ///
    /// # Errors
    /// [`RpcError::InvalidParams`].
    pub fn req<T: DeserializeOwned>(&self, name: &str) -> RpcResult<T> {
        self.opt(name)?.ok_or_else(|| RpcError::params(format!("parameter {name:?} is missing")))
    }

    /// One parameter that may be absent or null.
    ///
    /// # Errors
    /// [`RpcError::InvalidParams`].
    pub fn opt<T: DeserializeOwned>(&self, name: &str) -> RpcResult<Option<T>> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => T::deserialize(value)
                .map(Some)
                .map_err(|error| RpcError::params(format!("parameter {name:?}: {error}"))),
        }
    }

    /// All of them as one value.
    ///
    /// # Errors
    /// [`RpcError::InvalidParams`].
    pub fn all<T: DeserializeOwned>(self) -> RpcResult<T> {
        serde_json::from_value(Value::Object(self.0)).map_err(|error| RpcError::params(error.to_string()))
    }

    /// `cursor` and `limit`, checked.
    ///
    /// # Errors
    /// [`RpcError::InvalidParams`].
    pub fn page(&self) -> RpcResult<PageRequest> {
        let limit = self.opt::<Count>("limit")?.map_or(PAGE_ITEMS_DEFAULT, |count| count.0);
        if !(1..=PAGE_ITEMS_MAX).contains(&limit) {
            return Err(RpcError::params(format!("parameter \"limit\" must be 1 to {PAGE_ITEMS_MAX}")));
        }
        Ok(PageRequest { cursor: self.opt("cursor")?, limit })
    }

    /// `filter`, checked.
    ///
    /// # Errors
    /// [`RpcError::InvalidParams`].
    pub fn filter(&self) -> RpcResult<EventFilter> {
        let filter: EventFilter = self.opt("filter")?.unwrap_or_default();
        let longest = filter.types.len().max(filter.accounts.len()).max(filter.txs.len());
        if longest > FILTER_ITEMS_MAX {
            return Err(RpcError::params(format!(
                "a list in \"filter\" has more than {FILTER_ITEMS_MAX} entries"
            )));
        }
        match filter
            .types
            .iter()
            .find(|t| !wattle_primitives::Event::types().any(|known| known == t.as_str()))
        {
            Some(unknown) => Err(RpcError::params(format!("unknown event type {unknown:?} in \"filter\""))),
            None => Ok(filter),
        }
    }
}

fn names(declared: &[Field]) -> String {
    if declared.is_empty() {
        return "the method takes none".to_owned();
    }
    let names: Vec<&str> = declared.iter().map(|f| f.name).collect();
    format!("the method takes {}", names.join(", "))
}

/// A small number: JSON number or decimal string, as with all other integers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Count(pub(crate) u32);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let wide = Height::deserialize(d)?; // any unit reads the same
        u32::try_from(wide.0).map(Self).map_err(|_| serde::de::Error::custom("number is too large"))
    }
}
