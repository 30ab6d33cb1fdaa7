//! Which value stands at which place.

use super::datum::{Datum, Number};
use super::limits::{NAME_BYTES_MAX, ReadError};
use alloc::string::String;
use alloc::vec::Vec;

/// The order of values in condensed bodies, agreed on beforehand.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DataFormat {
    /// The server's identifier of it: a number or a text.
    pub id: Option<Datum>,
    /// Names of the data.
    pub data_order: Vec<String>,
    /// Names of the values of each step of the history.
    pub historical_data_order: Vec<String>,
    /// Seconds from one step to the next.
    pub historical_data_interval: Option<u64>,
}

/// Why values have no names.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// They stand in a list, and no data format is known.
    #[error("{0} stands in order, and no data format is known")]
    Unknown(&'static str),
    /// There are more than the format has names.
    #[error("{0} has more values than the data format has names")]
    TooMany(&'static str),
    /// A name stands for two values.
    #[error("{0} stands twice")]
    Duplicate(String),
    /// It is neither a list nor a map.
    #[error("{0} is neither a list nor a map")]
    Type(&'static str),
    /// A step says no time, and the format no interval.
    #[error("step {0} says no time, and no interval is known")]
    NoTime(usize),
    /// A step's time is none, or beyond all calendars.
    #[error("step {0} has no time that can be")]
    Time(usize),
}

impl DataFormat {
    /// Reads a format as it is posted to a server, or sent along.
    ///
    /// # Errors
    /// [`ReadError::Type`]; [`ReadError::TooLong`] for a name beyond [`NAME_BYTES_MAX`].
    pub fn from_datum(datum: &Datum) -> Result<Self, ReadError> {
        if !matches!(datum, Datum::Map(_)) {
            return Err(ReadError::Type("data_format"));
        }
        let interval = present(datum.get("historical_data_interval"))
            .map(|interval| interval.as_number().and_then(Number::as_u64))
            .map(|seconds| seconds.ok_or(ReadError::Type("historical_data_interval")));
        Ok(Self {
            id: present(datum.get("id")).cloned(),
            data_order: names(datum.get("data_order"), "data_order")?,
            historical_data_order: names(datum.get("historical_data_order"), "historical_data_order")?,
            historical_data_interval: interval.transpose()?,
        })
    }

    /// The format as it is posted to a server, or sent along.
    #[must_use]
    pub fn to_datum(&self) -> Datum {
        let list = |names: &[String]| Datum::List(names.iter().map(|name| name.as_str().into()).collect());
        let mut members = Vec::new();
        members.extend(self.id.clone().map(|id| ("id".into(), id)));
        members.push(("data_order".into(), list(&self.data_order)));
        members.push(("historical_data_order".into(), list(&self.historical_data_order)));
        let interval = self.historical_data_interval.map(|seconds| Datum::Number(seconds.into()));
        members.extend(interval.map(|seconds| ("historical_data_interval".into(), seconds)));
        Datum::Map(members)
    }
}

/// The value, if it is there and not null.
pub(super) fn present(datum: Option<&Datum>) -> Option<&Datum> {
    datum.filter(|datum| **datum != Datum::Null)
}

fn names(datum: Option<&Datum>, what: &'static str) -> Result<Vec<String>, ReadError> {
    match present(datum) {
        None => Ok(Vec::new()),
        Some(Datum::List(items)) => {
            let name = |item: &Datum| match item.as_text() {
                Some(name) if name.len() <= NAME_BYTES_MAX => Ok(String::from(name)),
                Some(_) => Err(ReadError::TooLong),
                None => Err(ReadError::Type(what)),
            };
            items.iter().map(name).collect()
        }
        Some(_) => Err(ReadError::Type(what)),
    }
}
