//! A body as it came in: within limits, its fields told apart, its signature not yet looked at.

use super::auth::{self, AuthError};
use super::datum::Datum;
use super::fields::{Field, Fields, Form};
use super::limits::{Budget, ReadError, SERIAL_BYTES_MAX};
use super::verified::Verified;
use super::{cbor, json, names};
use crate::secret::Secret;
use alloc::string::String;
use alloc::vec::Vec;

/// A request that was read. Nobody has signed it yet as far as is known: all it tells is whose key to look up.
pub struct Received<'a> {
    body: &'a [u8],
    fields: Fields<'a>,
    auth: Option<String>,
}

impl<'a> Received<'a> {
    /// Reads JSON, with long or short names.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn from_json(body: &'a [u8]) -> Result<Self, ReadError> {
        let mut budget = Budget::new(body.len())?;
        let text = core::str::from_utf8(body).map_err(|_| ReadError::Syntax("not UTF-8".into()))?;
        let mut members = Vec::new();
        for (name, value) in json::members(text)? {
            let datum = json::datum(value.get(), &mut budget, 1)?;
            members.push((name, Field::of(datum, Some(value.get()))));
        }
        Self::of(body, members)
    }

    /// Reads CBOR, with long or short names.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn from_cbor(body: &'a [u8]) -> Result<Self, ReadError> {
        let Datum::Map(members) = cbor::read(body)? else { return Err(ReadError::Type("a request")) };
        Self::of(body, members.into_iter().map(|(name, datum)| (name, Field::of(datum, None))).collect())
    }

    fn of(body: &'a [u8], members: Vec<(String, Field<'a>)>) -> Result<Self, ReadError> {
        let (mut serial, mut auth) = (Field::default(), Field::default());
        let mut fields = Fields::default();
        for (name, value) in members {
            let place = match names::long(&name) {
                "serial_number" => &mut serial,
                "auth" => &mut auth,
                "timestamp" => &mut fields.timestamp,
                "request_count" => &mut fields.count,
                "data_collection_timestamp" => &mut fields.collected,
                "data_format_id" => &mut fields.format_id,
                "data_format" => &mut fields.format,
                "data" => &mut fields.data,
                "historical_data" => &mut fields.history,
                "accessories" => &mut fields.accessories,
                _ => continue,
            };
            if place.datum.is_some() {
                return Err(ReadError::Duplicate(name)); // under both of its names
            }
            *place = value;
        }
        fields.serial = match serial.datum {
            Some(Datum::Text(serial)) if serial.len() <= SERIAL_BYTES_MAX => serial,
            Some(Datum::Text(_)) => return Err(ReadError::TooLong),
            Some(_) => return Err(ReadError::Type("serial_number")),
            None => return Err(ReadError::Missing("serial_number")),
        };
        let auth = match auth.datum {
            Some(Datum::Text(auth)) => Some(auth),
            None | Some(Datum::Null) => None,
            Some(_) => return Err(ReadError::Type("auth")),
        };
        fields.check()?;
        Ok(Self { body, fields, auth })
    }

    /// The device that it says it is from.
    #[must_use]
    pub fn serial(&self) -> &str {
        &self.fields.serial
    }

    /// The identifier of the device's data format, if it names one.
    #[must_use]
    pub const fn format_id(&self) -> Option<&Datum> {
        self.fields.format_id.datum.as_ref()
    }

    /// Checks the signature, over the values as they were sent first, then over their canonical form: devices differ
    /// in how they write numbers and spaces.
    ///
    /// # Errors
    /// [`AuthError`].
    pub fn verify(self, secret: &Secret) -> Result<Verified<'a>, AuthError> {
        let (method, hash) = auth::read(self.auth.as_deref().ok_or(AuthError::Missing)?)?;
        self.fields.check_signed(method)?;
        let fits = |form| self.fields.signed(form).hash(method, secret) == hash;
        if fits(Form::AsSent) || fits(Form::Canonical) {
            Ok(Verified::new(self.body, self.fields, method))
        } else {
            Err(AuthError::Wrong)
        }
    }
}
