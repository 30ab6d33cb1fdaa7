//! Values under their names, and the time of each step.

use super::datum::{Datum, Number, repeated};
use super::format::{DataFormat, FormatError, present};
use super::names;
use alloc::string::String;
use alloc::vec::Vec;

/// Readings of a device, and its requests.
#[derive(Clone, Debug, PartialEq)]
pub struct Metrics {
    /// When, in seconds since 1970, UTC.
    pub at_s: i64,
    /// Values under their long names. What a condensed body leaves out at the end is not here.
    pub data: Vec<(String, Datum)>,
    /// Readings from before, or since: in the order that they were sent.
    pub history: Vec<Step>,
}

/// One step of the history.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// When, in seconds since 1970, UTC.
    pub at_s: i64,
    /// Values under their names.
    pub values: Vec<(String, Datum)>,
}

impl Metrics {
    /// A value of the data.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Datum> {
        self.data.iter().find(|(of, _)| of == name).map(|(_, value)| value)
    }

    /// The count that the device stands at, if it says so: it then expects the tokens after it.
    #[must_use]
    pub fn token_count(&self) -> Option<u32> {
        let count = self.get("token_count").and_then(Datum::as_number).and_then(Number::as_u64);
        count.and_then(|count| u32::try_from(count).ok())
    }

    /// Whether the device asks until when it is active, as a timestamp.
    #[must_use]
    pub fn wants_active_until(&self) -> bool {
        self.get("active_until_timestamp_requested").is_some_and(|datum| !datum.is_empty())
    }

    /// Whether the device asks for how long it is active, in seconds: it has no clock.
    #[must_use]
    pub fn wants_seconds_left(&self) -> bool {
        self.get("active_seconds_left_requested").is_some_and(|datum| !datum.is_empty())
    }
}

pub(super) fn read(
    data: Option<&Datum>,
    history: Option<&Datum>,
    format: Option<&DataFormat>,
    at_s: i64,
) -> Result<Metrics, FormatError> {
    let named = named("data", present(data), format.map(|format| &format.data_order[..]))?;
    let data = named.into_iter().map(|(name, value)| (names::long(&name).into(), value)).collect();
    let order = format.map(|format| &format.historical_data_order[..]);
    let interval = format.and_then(|format| format.historical_data_interval);
    let rows = match history {
        Some(Datum::List(rows)) => &rows[..],
        _ => &[],
    };
    let mut steps: Vec<Step> = Vec::new();
    for (index, row) in rows.iter().enumerate() {
        let mut values = named_step(row, order)?;
        let before_s = steps.last().map(|step| step.at_s);
        let at_s = step_time(&mut values, index, before_s, at_s, interval)?;
        steps.push(Step { at_s, values });
    }
    Ok(Metrics { at_s, data: distinct(data)?, history: steps })
}

/// The time of a step: what it says itself, or one interval after the step before it. The first one has that of the
/// data.
fn step_time(
    values: &mut Vec<(String, Datum)>,
    index: usize,
    before_s: Option<i64>,
    data_s: i64,
    interval: Option<u64>,
) -> Result<i64, FormatError> {
    let mut said = |name| {
        let at = values.iter().position(|(of, value)| of == name && *value != Datum::Null)?;
        Some(values.remove(at).1.as_number().and_then(Number::as_i64).ok_or(FormatError::Time(index)))
    };
    let (relative, timestamp) = (said("relative_time").transpose()?, said("timestamp").transpose()?);
    let after = |by: i64| before_s.unwrap_or(data_s).checked_add(by).ok_or(FormatError::Time(index));
    match (relative, timestamp, before_s) {
        (Some(relative), _, _) => after(relative),
        (None, Some(timestamp), _) => Ok(timestamp),
        (None, None, None) => Ok(data_s),
        (None, None, Some(_)) => {
            let interval = interval.ok_or(FormatError::NoTime(index))?;
            after(i64::try_from(interval).map_err(|_| FormatError::Time(index))?)
        }
    }
}

/// A step in a map may name values by their place: `"0"` is the first of the order.
fn named_step(row: &Datum, order: Option<&[String]>) -> Result<Vec<(String, Datum)>, FormatError> {
    let place = |name: &str| {
        let index = name.bytes().all(|b| b.is_ascii_digit()).then(|| name.parse::<usize>().ok());
        index.flatten().and_then(|index| order?.get(index))
    };
    let values = named("historical_data", Some(row), order)?;
    distinct(match row {
        Datum::Map(_) => {
            values.into_iter().map(|(name, value)| (place(&name).cloned().unwrap_or(name), value)).collect()
        }
        _ => values,
    })
}

fn named(
    what: &'static str,
    datum: Option<&Datum>,
    order: Option<&[String]>,
) -> Result<Vec<(String, Datum)>, FormatError> {
    match datum {
        None => Ok(Vec::new()),
        Some(Datum::Map(members)) => Ok(members.clone()),
        Some(Datum::List(items)) if items.is_empty() => Ok(Vec::new()),
        Some(Datum::List(items)) => {
            let order = order.filter(|order| !order.is_empty()).ok_or(FormatError::Unknown(what))?;
            if items.len() > order.len() {
                return Err(FormatError::TooMany(what));
            }
            Ok(order.iter().cloned().zip(items.iter().cloned()).collect())
        }
        Some(_) => Err(FormatError::Type(what)),
    }
}

fn distinct(values: Vec<(String, Datum)>) -> Result<Vec<(String, Datum)>, FormatError> {
    match repeated(&values) {
        Some(name) => Err(FormatError::Duplicate(name.into())),
        None => Ok(values),
    }
}
