//! Parameters of methods: named or positional, strict, with errors that say which one is wrong.

use crate::error::RpcError;
use crate::limits::{FILTER_ITEMS_MAX, PAGE_ITEMS_DEFAULT, PAGE_ITEMS_MAX};
use crate::schema::Field;
use crate::types::{EventFilter, PageRequest};
use crate::{RpcResult, filter, hex};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use wattle_primitives::tx::AUTHS_MAX;
use wattle_primitives::{Auth, BoundedVec, Call, Height, Tx, TxBody};

/// Parameters by name, not yet typed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Params(Map<String, Value>);

impl Params {
    /// Names positional parameters in the order in which the method declares them.
    pub(crate) fn parse(json: Option<&RawValue>, declared: &[Field]) -> RpcResult<Self> {
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
    pub(crate) fn get<T: DeserializeOwned>(&self, name: &str) -> RpcResult<T> {
        self.find(name)?.ok_or_else(|| RpcError::params(format!("parameter {name:?} is missing")))
    }

    /// One parameter that may be absent or null.
    pub(crate) fn find<T: DeserializeOwned>(&self, name: &str) -> RpcResult<Option<T>> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => T::deserialize(value)
                .map(Some)
                .map_err(|error| RpcError::params(format!("parameter {name:?}: {error}"))),
        }
    }

    /// All of them as one value.
    pub(crate) fn all<T: DeserializeOwned>(self) -> RpcResult<T> {
        serde_json::from_value(Value::Object(self.0)).map_err(|error| RpcError::params(error.to_string()))
    }

    /// `cursor` and `limit`, checked.
    pub(crate) fn page(&self) -> RpcResult<PageRequest> {
        let limit = self.find::<Count>("limit")?.map_or(PAGE_ITEMS_DEFAULT, |count| count.0);
        if !(1..=PAGE_ITEMS_MAX).contains(&limit) {
            return Err(RpcError::params(format!("parameter \"limit\" must be 1 to {PAGE_ITEMS_MAX}")));
        }
        Ok(PageRequest { cursor: self.find("cursor")?, limit })
    }

    /// `filter`, checked.
    pub(crate) fn filter(&self) -> RpcResult<EventFilter> {
        let filter: EventFilter = self.find("filter")?.unwrap_or_default();
        let longest = filter.types.len().max(filter.accounts.len()).max(filter.txs.len());
        if longest > FILTER_ITEMS_MAX {
            return Err(RpcError::params(format!(
                "a list in \"filter\" has more than {FILTER_ITEMS_MAX} entries"
            )));
        }
        match filter.types.iter().find(|t| !filter::EVENT_TYPES.contains(&t.as_str())) {
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

/// Bytes in hex.
#[derive(Clone, Debug)]
pub(crate) struct Hex(pub(crate) Vec<u8>);

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        let bytes = hex::decode(&text);
        bytes.map(Self).ok_or_else(|| serde::de::Error::custom("expected an even number of hex digits"))
    }
}

/// A signed transaction: its encoding, or an encoded body and its signatures.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Submission {
    #[serde(default)]
    tx_hex: Option<Hex>,
    #[serde(default)]
    body_hex: Option<Hex>,
    #[serde(default)]
    auths: Option<BoundedVec<Auth, AUTHS_MAX>>,
}

impl Submission {
    /// The transaction. Its signatures are not checked here.
    pub(crate) fn decode(self) -> RpcResult<Tx> {
        match (self.tx_hex, self.body_hex, self.auths) {
            (Some(tx), None, None) => decode_tx(&tx.0),
            (None, Some(body), Some(auths)) => {
                let body = decode_body(&body.0)?;
                Tx::new(body, auths.into_inner()).map_err(|e| RpcError::params(format!("auths: {e}")))
            }
            _ => Err(RpcError::params("give either txHex, or bodyHex and auths")),
        }
    }
}

pub(crate) fn decode_tx(bytes: &[u8]) -> RpcResult<Tx> {
    wattle_primitives::decode(bytes).map_err(|e| RpcError::params(format!("txHex: {e}")))
}

pub(crate) fn decode_body(bytes: &[u8]) -> RpcResult<TxBody> {
    wattle_primitives::decode(bytes).map_err(|e| RpcError::params(format!("bodyHex: {e}")))
}

/// Names what a call does, for lists: `token.transfer`.
#[must_use]
pub fn call_name(call: &Call) -> String {
    let (module, name) = call.name();
    format!("{module}.{name}")
}
