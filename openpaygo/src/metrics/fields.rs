//! The fields of a request, and what is signed of them.

use super::auth::{AuthError, AuthMethod, Signed};
use super::canonical::to_json;
use super::datum::{Datum, Number};
use super::json;
use super::limits::ReadError;
use crate::secret::Secret;
use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

/// A field's value, and its text as it was sent, if it was sent as text.
#[derive(Default)]
pub(super) struct Field<'a> {
    pub(super) datum: Option<Datum>,
    raw: Option<&'a str>,
}

/// The fields that mean something here.
#[derive(Default)]
pub(super) struct Fields<'a> {
    pub(super) serial: String,
    pub(super) timestamp: Field<'a>,
    pub(super) count: Field<'a>,
    pub(super) collected: Field<'a>,
    pub(super) format_id: Field<'a>,
    pub(super) format: Field<'a>,
    pub(super) data: Field<'a>,
    pub(super) history: Field<'a>,
    pub(super) accessories: Field<'a>,
}

/// How values are written where they are signed.
#[derive(Clone, Copy)]
pub(super) enum Form {
    /// As they came in, spaces and all.
    AsSent,
    /// As the reference would write them.
    Canonical,
}

impl<'a> Field<'a> {
    /// A value that came in, with its text if it came as text.
    pub(super) fn of(datum: Datum, raw: Option<&'a str>) -> Self {
        Self { datum: Some(datum), raw }
    }

    /// A value of one's own.
    pub(super) fn own(datum: Option<Datum>) -> Self {
        Self { datum, raw: None }
    }

    /// Its text in a form; empty when it is nothing that the reference signs.
    fn if_any(&self, form: Form) -> Cow<'_, str> {
        match &self.datum {
            Some(datum) if !datum.is_empty() => self.text(datum, form),
            _ => Cow::Borrowed(""),
        }
    }

    fn text(&self, datum: &Datum, form: Form) -> Cow<'_, str> {
        match (self.raw, form) {
            (Some(raw), Form::AsSent) => Cow::Borrowed(raw),
            _ => Cow::Owned(to_json(datum)),
        }
    }

    pub(super) fn number(&self) -> Option<&Number> {
        self.datum.as_ref().and_then(Datum::as_number)
    }
}

impl Fields<'_> {
    /// Whether each field is of its type.
    pub(super) fn check(&self) -> Result<(), ReadError> {
        let times =
            [("timestamp", &self.timestamp), ("data_collection_timestamp", &self.collected)].into_iter();
        for (name, field) in times.chain([("request_count", &self.count)]) {
            let is_number = match &field.datum {
                None | Some(Datum::Null) => true,
                Some(Datum::Number(number)) => !number.as_str().starts_with('-'),
                Some(_) => false,
            };
            if !is_number {
                return Err(ReadError::Type(name));
            }
        }
        if self
            .count
            .number()
            .is_some_and(|count| count.as_u64().and_then(|n| u32::try_from(n).ok()).is_none())
        {
            return Err(ReadError::Type("request_count"));
        }
        match &self.data.datum {
            None | Some(Datum::Null | Datum::List(_) | Datum::Map(_)) => {}
            Some(_) => return Err(ReadError::Type("data")),
        }
        match &self.history.datum {
            None | Some(Datum::Null) => Ok(()),
            Some(Datum::Map(none)) if none.is_empty() => Ok(()), // the reference's, when there is none
            Some(Datum::List(rows))
                if rows.iter().all(|row| matches!(row, Datum::List(_) | Datum::Map(_))) =>
            {
                Ok(())
            }
            Some(_) => Err(ReadError::Type("historical_data")),
        }
    }

    /// Whether there is what a method signs.
    pub(super) fn check_signed(&self, method: AuthMethod) -> Result<(), AuthError> {
        let needs = |field: &Field<'_>, name| match &field.datum {
            Some(datum) if !datum.is_empty() => Ok(()),
            _ => Err(AuthError::Field(name)),
        };
        match method {
            AuthMethod::Timestamp => needs(&self.timestamp, "timestamp"),
            AuthMethod::Counter => needs(&self.count, "request_count"),
            AuthMethod::Simple | AuthMethod::Data | AuthMethod::RecursiveData => Ok(()),
        }
    }

    /// The hash of a method over the canonical form.
    pub(super) fn hash(&self, method: AuthMethod, secret: &Secret) -> u64 {
        self.signed(Form::Canonical).hash(method, secret)
    }

    /// The signed fields, in a form.
    pub(super) fn signed(&self, form: Form) -> Signed<'_> {
        let data = self.data.datum.as_ref().map_or(Cow::Borrowed("[]"), |data| self.data.text(data, form));
        Signed {
            serial: &self.serial,
            timestamp: self.timestamp.if_any(form),
            count: self.count.if_any(form),
            data,
            data_if_any: self.data.if_any(form),
            history_if_any: self.history.if_any(form),
            rows: self.rows(form),
        }
    }

    fn rows(&self, form: Form) -> Vec<Cow<'_, str>> {
        let Some(Datum::List(rows)) = &self.history.datum else { return Vec::new() };
        if let (Some(raw), Form::AsSent) = (self.history.raw, form)
            && let Ok(items) = json::items(raw)
        {
            return items.into_iter().map(|item| Cow::Borrowed(item.get())).collect();
        }
        rows.iter().map(|row| Cow::Owned(to_json(row))).collect()
    }
}
