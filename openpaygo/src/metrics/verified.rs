//! A body that was signed under its device's key.

use super::auth::AuthMethod;
use super::datum::{Datum, Number};
use super::fields::Fields;
use super::format::{DataFormat, FormatError};
use super::history::{self, Metrics};
use super::replay::{LastRequest, SequenceNumber};
use super::response::Context;
use crate::secret::Secret;

/// A request whose signature fits. What it covers depends on the method.
pub struct Verified<'a> {
    body: &'a [u8],
    fields: Fields<'a>,
    method: AuthMethod,
}

/// Timestamps of this many digits, from 2001 to 2286; request counts have fewer. Only then is what `da` signs read in
/// one way.
const TIMESTAMP_DIGITS: usize = 10;

impl<'a> Verified<'a> {
    pub(super) const fn new(body: &'a [u8], fields: Fields<'a>, method: AuthMethod) -> Self {
        Self { body, fields, method }
    }

    /// The device.
    #[must_use]
    pub fn serial(&self) -> &str {
        &self.fields.serial
    }

    /// How it was signed.
    #[must_use]
    pub const fn method(&self) -> AuthMethod {
        self.method
    }

    /// Whether money may depend on it: data is signed, nothing that is not signed changes what the data says (a
    /// format sent along, `dct`), and no other split into timestamp, count and data has the same signature.
    ///
    /// `da` puts all parts one behind the other, so `ts` 1611583070 with `rc` 12 would fit as `ts` 161158 with `rc`
    /// 307012 as well, a later request. A timestamp of ten digits and a count of less, and data without lists in it,
    /// rule that out; other requests are for telemetry.
    ///
    /// A key that devices share tells nothing of which one signed: then serial numbers must not begin with each
    /// other.
    #[must_use]
    pub fn is_billable(&self) -> bool {
        let absent = |field: &Option<Datum>| matches!(field, None | Some(Datum::Null));
        let Fields { collected, format, timestamp, count, data, .. } = &self.fields;
        let has_length = |number: Option<&Number>, fits: fn(usize) -> bool| {
            number.is_none_or(|n| n.as_str() == "0" || n.as_u64().is_some() && fits(n.as_str().len()))
        };
        let is_flat = match &data.datum {
            Some(Datum::List(items)) => {
                items.iter().all(|item| !matches!(item, Datum::List(_) | Datum::Map(_)))
            }
            _ => true,
        };
        self.method.signs_data()
            && absent(&collected.datum)
            && absent(&format.datum)
            && has_length(timestamp.number(), |digits| digits == TIMESTAMP_DIGITS)
            && has_length(count.number(), |digits| digits < TIMESTAMP_DIGITS)
            && is_flat
    }

    /// When it was made by the device's clock, in seconds since 1970.
    #[must_use]
    pub fn timestamp_s(&self) -> Option<i64> {
        seconds(self.fields.timestamp.number())
    }

    /// The number of the request.
    #[must_use]
    pub fn request_count(&self) -> Option<u32> {
        let count = self.fields.count.number().and_then(Number::as_u64);
        count.and_then(|count| u32::try_from(count).ok()) // as was checked when it was read
    }

    /// The identifier of the device's data format, if it names one. Not signed: for billing use the one that the device
    /// is registered with.
    #[must_use]
    pub const fn format_id(&self) -> Option<&Datum> {
        self.fields.format_id.datum.as_ref()
    }

    /// Accessories that it tells of. Not signed.
    #[must_use]
    pub const fn accessories(&self) -> Option<&Datum> {
        self.fields.accessories.datum.as_ref()
    }

    /// Where it stands in the device's sequence, for [`LastRequest::follows`]; `None` without a count or timestamp that
    /// its method signs, and then nothing tells it from a replay.
    ///
    /// Keep that of a `da` request as the last one only if it is billable: else its digits may be split otherwise.
    #[must_use]
    pub fn sequence(&self, secret: &Secret) -> Option<LastRequest> {
        let (counts, times) = match self.method {
            AuthMethod::Simple => (false, false),
            AuthMethod::Timestamp => (false, true),
            AuthMethod::Counter => (true, false),
            AuthMethod::Data | AuthMethod::RecursiveData => (true, true),
        };
        let count = self.request_count().filter(|count| counts && *count > 0).map(SequenceNumber::Count);
        let time = self.timestamp_s().filter(|s| times && *s > 0).map(SequenceNumber::Time);
        let number = count.or(time)?;
        Some(LastRequest { number, body: secret.hash(self.body) })
    }

    /// The fields that its answer is signed together with.
    #[must_use]
    pub fn context(&self) -> Context {
        let text = |number: Option<&Number>| number.map(|n| n.as_str().into()).unwrap_or_default();
        Context::of(
            self.fields.serial.clone(),
            text(self.fields.timestamp.number()),
            text(self.fields.count.number()),
        )
    }

    /// Its values under their names, each step of the history with its time.
    ///
    /// - `format`: the device's, registered; without one that which was sent along is used.
    /// - `received_s`: the time of the data when the device says none, in seconds since 1970.
    ///
    /// # Errors
    /// [`FormatError`].
    pub fn metrics(&self, format: Option<&DataFormat>, received_s: i64) -> Result<Metrics, FormatError> {
        let sent = || DataFormat::from_datum(self.fields.format.datum.as_ref()?).ok();
        let sent = if format.is_none() { sent() } else { None };
        let collected = seconds(self.fields.collected.number()).or_else(|| self.timestamp_s());
        history::read(
            self.fields.data.datum.as_ref(),
            self.fields.history.datum.as_ref(),
            format.or(sent.as_ref()),
            collected.unwrap_or(received_s),
        )
    }
}

/// Whole seconds, rounded down.
#[expect(clippy::cast_possible_truncation, reason = "a float beyond i64 saturates")]
fn seconds(number: Option<&Number>) -> Option<i64> {
    let number = number?;
    number.as_i64().or_else(|| number.as_f64().map(|s| s as i64))
}
