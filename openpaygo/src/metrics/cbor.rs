//! Reading and writing CBOR. Names are those of JSON.

use super::datum::{Datum, Number};
use super::json::distinct;
use super::limits::{Budget, DEPTH_MAX, ReadError, short};
use alloc::string::ToString as _;
use alloc::vec::Vec;
use ciborium::value::{Integer, Value};
use core::fmt;
use serde::de::{Deserialize, DeserializeOwned, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// Reads one value, which is all that there is. Counts what is in it first: a byte may become a value of many.
pub(super) fn read(bytes: &[u8]) -> Result<Datum, ReadError> {
    let budget = Budget::new(bytes.len())?;
    let Values(count) = read_as(bytes)?;
    if count > budget.left() {
        return Err(ReadError::TooMany);
    }
    let Wire(datum) = read_as(bytes)?;
    Ok(datum)
}

fn read_as<T: DeserializeOwned>(mut bytes: &[u8]) -> Result<T, ReadError> {
    let read = ciborium::de::from_reader_with_recursion_limit(&mut bytes, DEPTH_MAX + 1);
    match read {
        Err(ciborium::de::Error::RecursionLimitExceeded) => Err(ReadError::TooDeep),
        Err(error) => Err(ReadError::Syntax(error.to_string())),
        Ok(_) if !bytes.is_empty() => Err(ReadError::Syntax("bytes follow the value".into())),
        Ok(value) => Ok(value),
    }
}

/// Writes a value.
pub(super) fn write(datum: &Datum) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _ = ciborium::into_writer(&value(datum), &mut bytes); // a vector takes everything
    bytes
}

fn value(datum: &Datum) -> Value {
    match datum {
        Datum::Null => Value::Null,
        Datum::Bool(yes) => Value::Bool(*yes),
        Datum::Number(number) => {
            let integer = number.as_str().parse::<i128>().ok().and_then(|n| Integer::try_from(n).ok());
            integer.map_or_else(|| number.as_f64().map_or(Value::Null, Value::Float), Value::Integer)
        }
        Datum::Text(text) => Value::Text(text.clone()),
        Datum::List(items) => Value::Array(items.iter().map(value).collect()),
        Datum::Map(items) => {
            Value::Map(items.iter().map(|(name, item)| (Value::Text(name.clone()), value(item))).collect())
        }
    }
}

/// How many values there are, at every depth.
struct Values(usize);

impl<'de> Deserialize<'de> for Values {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Count).map(Values)
    }
}

struct Count;

impl<'de> Visitor<'de> for Count {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(EXPECTED)
    }

    fn visit_none<E: Error>(self) -> Result<usize, E> {
        Ok(1)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<usize, E> {
        Ok(1)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<usize, E> {
        Ok(1)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<usize, E> {
        Ok(1)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<usize, E> {
        Ok(1)
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<usize, E> {
        Ok(1)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<usize, A::Error> {
        let mut count = 1usize;
        while let Some(Values(inner)) = list.next_element()? {
            count = count.saturating_add(inner);
        }
        Ok(count)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<usize, A::Error> {
        let mut count = 1usize;
        while let Some((Values(name), Values(inner))) = map.next_entry()? {
            count = count.saturating_add(name).saturating_add(inner);
        }
        Ok(count)
    }
}

const EXPECTED: &str = "null, a boolean, a number, a text, a list or a map";

/// A [`Datum`] as it is read.
struct Wire(Datum);

impl<'de> Deserialize<'de> for Wire {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Build).map(Wire)
    }
}

struct Build;

impl<'de> Visitor<'de> for Build {
    type Value = Datum;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(EXPECTED)
    }

    fn visit_none<E: Error>(self) -> Result<Datum, E> {
        Ok(Datum::Null)
    }

    fn visit_bool<E: Error>(self, yes: bool) -> Result<Datum, E> {
        Ok(Datum::Bool(yes))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Datum, E> {
        Ok(Datum::Number(number.into()))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Datum, E> {
        Ok(Datum::Number(number.into()))
    }

    fn visit_f64<E: Error>(self, float: f64) -> Result<Datum, E> {
        Number::float(float).map(Datum::Number).ok_or_else(|| E::custom(ReadError::NotFinite))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Datum, E> {
        short(text.into()).map(Datum::Text).map_err(E::custom)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Datum, A::Error> {
        let mut items = Vec::new();
        while let Some(Wire(item)) = list.next_element()? {
            items.push(item);
        }
        Ok(Datum::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Datum, A::Error> {
        let mut members = Vec::new();
        while let Some((Wire(name), Wire(value))) = map.next_entry()? {
            let name = match name {
                Datum::Text(name) => name,
                Datum::Number(index) if index.as_u64().is_some() => index.to_string(),
                _ => return Err(A::Error::custom(ReadError::Type("a name"))),
            };
            members.push((name, value));
        }
        distinct(members).map(Datum::Map).map_err(A::Error::custom)
    }
}
