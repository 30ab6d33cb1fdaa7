//! Requests of devices.

use super::auth::{self, AuthMethod};
use super::canonical::to_json;
use super::datum::Datum;
use super::fields::{Field, Fields};
use super::format::{DataFormat, FormatError};
use super::{cbor, names};
use crate::secret::Secret;
use alloc::string::String;
use alloc::vec::Vec;

/// How names and values are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Long names, values under theirs.
    Simple,
    /// Short names, values in the order of the data format.
    Condensed,
}

/// A request to be sent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request {
    /// The device's serial number.
    pub serial: String,
    /// Seconds since 1970. Billable with ten digits only: from 2001 on.
    pub timestamp_s: Option<u64>,
    /// The number of this request, from 1 on, greater with each but a resend.
    pub request_count: Option<u32>,
    /// When data was measured, if not at the timestamp. Not signed, so not billable.
    pub collected_s: Option<u64>,
    /// The data format. Named by its id where it has one, else sent along.
    pub format: Option<DataFormat>,
    /// Values under long names.
    pub data: Vec<(String, Datum)>,
    /// Steps, each with values under their names; `timestamp` or `relative_time` among them where the interval does
    /// not tell.
    pub history: Vec<Vec<(String, Datum)>>,
    /// Attached devices, as the server understands it. Not signed.
    pub accessories: Option<Datum>,
}

impl Request {
    /// The request as JSON, signed by a method.
    ///
    /// # Errors
    /// [`FormatError`] when the data format has no place for a value.
    pub fn to_json(&self, style: Style, auth: Option<(AuthMethod, &Secret)>) -> Result<String, FormatError> {
        Ok(to_json(&self.to_datum(style, auth)?))
    }

    /// The request as CBOR. Signed as its JSON would be.
    ///
    /// # Errors
    /// As [`Request::to_json`].
    pub fn to_cbor(&self, style: Style, auth: Option<(AuthMethod, &Secret)>) -> Result<Vec<u8>, FormatError> {
        Ok(cbor::write(&self.to_datum(style, auth)?))
    }

    fn to_datum(&self, style: Style, auth: Option<(AuthMethod, &Secret)>) -> Result<Datum, FormatError> {
        let (data, history) = match style {
            Style::Simple => {
                let steps = self.history.iter().map(|step| Datum::Map(step.clone()));
                (Datum::Map(self.data.clone()), Datum::List(steps.collect()))
            }
            Style::Condensed => self.condensed()?,
        };
        let number = |seconds: Option<u64>| seconds.map(|seconds| Datum::Number(seconds.into()));
        let fields = Fields {
            serial: self.serial.clone(),
            timestamp: Field::own(number(self.timestamp_s)),
            count: Field::own(self.request_count.map(|count| Datum::Number(u64::from(count).into()))),
            data: Field::own(Some(data)),
            history: Field::own(Some(history)),
            ..Fields::default()
        };
        let signature = auth.map(|(method, secret)| auth::write(method, fields.hash(method, secret)));
        let id = self.format.as_ref().and_then(|format| format.id.clone());
        let sent = self.format.as_ref().filter(|_| id.is_none()).map(DataFormat::to_datum);
        let members = [
            ("serial_number", Some(Datum::Text(fields.serial))),
            ("data_format_id", id),
            ("data_format", sent),
            ("timestamp", fields.timestamp.datum),
            ("request_count", fields.count.datum),
            ("data_collection_timestamp", number(self.collected_s)),
            ("data", fields.data.datum),
            ("historical_data", fields.history.datum),
            ("accessories", self.accessories.clone()),
            ("auth", signature.map(Datum::Text)),
        ];
        let name = |long: &'static str| match style {
            Style::Simple => long,
            Style::Condensed => names::short(long),
        };
        Ok(Datum::Map(
            members.into_iter().filter_map(|(long, datum)| Some((name(long).into(), datum?))).collect(),
        ))
    }

    fn condensed(&self) -> Result<(Datum, Datum), FormatError> {
        let format = self.format.as_ref().ok_or(FormatError::Unknown("data"))?;
        let rows =
            self.history.iter().map(|step| in_order("historical_data", step, &format.historical_data_order));
        Ok((in_order("data", &self.data, &format.data_order)?, Datum::List(rows.collect::<Result<_, _>>()?)))
    }
}

/// Values in the order of a format, without what is absent at the end.
fn in_order(what: &'static str, values: &[(String, Datum)], order: &[String]) -> Result<Datum, FormatError> {
    if values.iter().any(|(name, _)| !order.contains(name)) {
        return Err(FormatError::TooMany(what));
    }
    let value = |name: &String| values.iter().find(|(of, _)| of == name).map(|(_, value)| value.clone());
    let mut items: Vec<Datum> = order.iter().map(|name| value(name).unwrap_or(Datum::Null)).collect();
    let some = items.iter().rposition(|item| *item != Datum::Null).map_or(0, |last| last + 1);
    items.truncate(some);
    Ok(Datum::List(items))
}
