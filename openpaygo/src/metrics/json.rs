//! Reading JSON in pieces, so that what was signed is at hand as it was sent.

use super::datum::{Datum, Number, repeated};
use super::limits::{Budget, DEPTH_MAX, ReadError, short};
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::fmt;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// The members of a map, their values still text, if no name stands twice.
pub(super) fn members<'a>(text: &'a str) -> Result<Vec<(String, &'a RawValue)>, ReadError> {
    let members = read::<Members<'a>>(text)?.0.into_iter();
    let checked = members.map(|(name, value)| short(name).map(|name| (name, value)));
    distinct(checked.collect::<Result<_, _>>()?)
}

/// The items of a list, still text.
pub(super) fn items<'a>(text: &'a str) -> Result<Vec<&'a RawValue>, ReadError> {
    Ok(read::<Items<'a>>(text)?.0)
}

/// The value that a text is.
pub(super) fn datum(text: &str, budget: &mut Budget, depth: usize) -> Result<Datum, ReadError> {
    budget.take()?;
    let first = text.as_bytes().first();
    if depth > DEPTH_MAX && matches!(first, Some(b'[' | b'{')) {
        return Err(ReadError::TooDeep);
    }
    Ok(match first {
        Some(b'n') => Datum::Null,
        Some(b't') => Datum::Bool(true),
        Some(b'f') => Datum::Bool(false),
        Some(b'"') => Datum::Text(short(read(text)?)?),
        Some(b'[') => {
            let inner = items(text)?.into_iter().map(|item| datum(item.get(), budget, depth + 1));
            Datum::List(inner.collect::<Result<_, _>>()?)
        }
        Some(b'{') => {
            let mut map = Vec::new();
            for (name, value) in members(text)? {
                map.push((name, datum(value.get(), budget, depth + 1)?));
            }
            Datum::Map(map)
        }
        _ => Datum::Number(Number::parse(text)?),
    })
}

/// The members, if no name stands twice.
pub(super) fn distinct<T>(members: Vec<(String, T)>) -> Result<Vec<(String, T)>, ReadError> {
    match repeated(&members) {
        Some(name) => Err(ReadError::Duplicate(name.into())),
        None => Ok(members),
    }
}

fn read<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, ReadError> {
    serde_json::from_str(text).map_err(|error| ReadError::Syntax(error.to_string()))
}

struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Gather).map(Members)
    }
}

struct Items<'a>(Vec<&'a RawValue>);

impl<'de: 'a, 'a> Deserialize<'de> for Items<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(GatherItems).map(Items)
    }
}

struct Gather;

impl<'de> Visitor<'de> for Gather {
    type Value = Vec<(String, &'de RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(members)
    }
}

struct GatherItems;

impl<'de> Visitor<'de> for GatherItems {
    type Value = Vec<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(items)
    }
}
