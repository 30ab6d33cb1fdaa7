//! Answers of servers.

use super::auth::{self, AuthError, AuthMethod, hash_of};
use super::canonical::to_json;
use super::datum::Datum;
use super::limits::{Budget, ReadError};
use super::{cbor, json, names};
use crate::encode::Issued;
use crate::secret::Secret;
use alloc::borrow::Cow;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

/// The fields of a request that its answer is signed together with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Context {
    serial: String,
    /// Digits; empty when the request has none.
    timestamp: String,
    count: String,
}

impl Context {
    pub(super) fn of(serial: String, timestamp: String, count: String) -> Self {
        let if_any = |digits: String| if digits == "0" { String::new() } else { digits };
        Self { serial, timestamp: if_any(timestamp), count: if_any(count) }
    }

    /// That of a request with this serial number, timestamp (seconds since 1970) and count.
    #[must_use]
    pub fn new(serial: &str, timestamp_s: Option<u64>, count: Option<u32>) -> Self {
        let digits = |number: Option<u64>| number.map(|n| n.to_string()).unwrap_or_default();
        Self::of(serial.into(), digits(timestamp_s), digits(count.map(u64::from)))
    }
}

/// An answer. Holds unspent tokens, so it has no `Debug`.
#[derive(Clone, Default, PartialEq)]
pub struct Response {
    tokens: Vec<String>,
    active_until_s: Option<u64>,
    seconds_left: Option<u64>,
    settings: Vec<(String, Datum)>,
    extra: Vec<(String, Datum)>,
}

impl Response {
    /// With tokens to be applied, in ascending order of their counts.
    #[must_use]
    pub fn with_tokens(mut self, mut tokens: Vec<Issued>) -> Self {
        tokens.sort_unstable_by_key(|issued| issued.count);
        self.tokens = tokens.iter().map(|issued| issued.token.to_string()).collect();
        self
    }

    /// With the end of what is paid, in seconds since 1970, for a device that asked for a timestamp. 0 when nothing
    /// is.
    #[must_use]
    pub const fn with_active_until(mut self, at_s: u64) -> Self {
        self.active_until_s = Some(at_s);
        self
    }

    /// With the seconds that are paid from now on, for a device that asked for them.
    #[must_use]
    pub const fn with_seconds_left(mut self, seconds: u64) -> Self {
        self.seconds_left = Some(seconds);
        self
    }

    /// With the address that the device is to send to from now on: every server must be able to move its devices.
    #[must_use]
    pub fn with_base_url(self, url: &str) -> Self {
        self.with_setting("base_url", url.into())
    }

    /// With a setting; it takes the place of one of that name.
    #[must_use]
    pub fn with_setting(mut self, name: &str, value: Datum) -> Self {
        put(&mut self.settings, name, value);
        self
    }

    /// With something else; it takes the place of one of that name.
    #[must_use]
    pub fn with_extra(mut self, name: &str, value: Datum) -> Self {
        put(&mut self.extra, name, value);
        self
    }

    /// Tokens, in ascending order of their counts, as digits.
    #[must_use]
    pub fn tokens(&self) -> &[String] {
        &self.tokens
    }

    /// The end of what is paid, in seconds since 1970. To be believed by a device that asked for it and not for seconds
    /// as well: the signature covers digits, not under which of the two names they stand.
    #[must_use]
    pub const fn active_until_s(&self) -> Option<u64> {
        self.active_until_s
    }

    /// The seconds that are paid from now on. To be believed by a device that asked for them alone: see
    /// [`Response::active_until_s`].
    #[must_use]
    pub const fn seconds_left(&self) -> Option<u64> {
        self.seconds_left
    }

    /// Settings of the device, by name.
    #[must_use]
    pub fn settings(&self) -> &[(String, Datum)] {
        &self.settings
    }

    /// Extra data, by name.
    #[must_use]
    pub fn extra(&self) -> &[(String, Datum)] {
        &self.extra
    }

    /// The answer to a request as JSON, signed.
    #[must_use]
    pub fn to_json(&self, context: &Context, secret: &Secret) -> String {
        to_json(&self.to_datum(context, secret))
    }

    /// The answer to a request as CBOR. Signed as its JSON is.
    #[must_use]
    pub fn to_cbor(&self, context: &Context, secret: &Secret) -> Vec<u8> {
        cbor::write(&self.to_datum(context, secret))
    }

    fn to_datum(&self, context: &Context, secret: &Secret) -> Datum {
        let number = |seconds: Option<u64>| seconds.map(|seconds| Datum::Number(seconds.into()));
        let map = |of: &Vec<(String, Datum)>| (!of.is_empty()).then(|| Datum::Map(of.clone()));
        let tokens = self.tokens.iter().map(|token| Datum::Text(token.clone()));
        let parts = [
            number(self.active_until_s),
            number(self.seconds_left),
            (!self.tokens.is_empty()).then(|| Datum::List(tokens.collect())),
            map(&self.settings),
            map(&self.extra),
        ];
        let texts = parts.each_ref().map(|part| match part {
            Some(datum) if !datum.is_empty() => Cow::Owned(to_json(datum)),
            _ => Cow::Borrowed(""),
        });
        let signature = auth::write(AuthMethod::Data, hash(context, &texts, secret));
        let named = NAMES.into_iter().zip(parts).filter_map(|(name, part)| Some((name, part?)));
        let all = named.chain([("auth", Datum::Text(signature))]);
        Datum::Map(all.map(|(name, datum)| (names::short(name).into(), datum)).collect())
    }
}

/// Fields of an answer, in the order that they are signed.
const NAMES: [&str; 5] =
    ["active_until_timestamp", "active_seconds_left", "token_list", "settings", "extra_data"];

fn hash(context: &Context, texts: &[Cow<'_, str>; 5], secret: &Secret) -> u64 {
    let Context { serial, timestamp, count } = context;
    let [until, left, tokens, settings, extra] = texts;
    hash_of(secret, &[serial, timestamp, count, until, left, tokens, settings, extra])
}

fn put(members: &mut Vec<(String, Datum)>, name: &str, value: Datum) {
    members.retain(|(of, _)| of != name);
    members.push((name.into(), value));
}

/// An answer that was read and whose signature was not yet looked at.
pub struct ReceivedResponse<'a> {
    /// In the order of [`NAMES`], each with its text as it was sent.
    parts: [(Option<Datum>, Option<&'a str>); 5],
    auth: Option<Datum>,
}

impl<'a> ReceivedResponse<'a> {
    /// Reads JSON.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn from_json(body: &'a [u8]) -> Result<Self, ReadError> {
        let mut budget = Budget::new(body.len())?;
        let text = core::str::from_utf8(body).map_err(|_| ReadError::Syntax("not UTF-8".into()))?;
        let mut members = Vec::new();
        for (name, value) in json::members(text)? {
            members.push((name, json::datum(value.get(), &mut budget, 1)?, Some(value.get())));
        }
        Self::of(members)
    }

    /// Reads CBOR.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn from_cbor(body: &'a [u8]) -> Result<Self, ReadError> {
        let Datum::Map(members) = cbor::read(body)? else { return Err(ReadError::Type("an answer")) };
        Self::of(members.into_iter().map(|(name, datum)| (name, datum, None)).collect())
    }

    fn of(members: Vec<(String, Datum, Option<&'a str>)>) -> Result<Self, ReadError> {
        let mut received = Self { parts: Default::default(), auth: None };
        for (name, datum, raw) in members {
            let long = names::long(&name);
            let place = NAMES.iter().position(|of| *of == long).and_then(|at| received.parts.get_mut(at));
            let before = match place {
                Some(part) => core::mem::replace(part, (Some(datum), raw)).0,
                None if long == "auth" => received.auth.replace(datum),
                None => None,
            };
            if before.is_some() {
                return Err(ReadError::Duplicate(name));
            }
        }
        Ok(received)
    }

    /// Checks the signature against the request that it answers.
    ///
    /// # Errors
    /// [`AuthError`]; [`AuthError::Format`] also when a signed part is not of its type.
    pub fn verify(self, context: &Context, secret: &Secret) -> Result<Response, AuthError> {
        let Some(Datum::Text(auth)) = &self.auth else { return Err(AuthError::Missing) };
        let (method, claimed) = auth::read(auth)?;
        if method != AuthMethod::Data {
            return Err(AuthError::Format);
        }
        let texts = |as_sent: bool| {
            self.parts.each_ref().map(|(datum, raw)| match (datum, raw) {
                (None, _) => Cow::Borrowed(""),
                (Some(datum), _) if datum.is_empty() => Cow::Borrowed(""),
                (Some(_), Some(raw)) if as_sent => Cow::Borrowed(*raw),
                (Some(datum), _) => Cow::Owned(to_json(datum)),
            })
        };
        if [true, false].into_iter().any(|as_sent| hash(context, &texts(as_sent), secret) == claimed) {
            self.open().ok_or(AuthError::Format)
        } else {
            Err(AuthError::Wrong)
        }
    }

    /// `None` when a part is not of its type.
    fn open(self) -> Option<Response> {
        let [until, left, tokens, settings, extra] = self.parts.map(|(datum, _)| datum);
        let map = |datum: Option<Datum>| match datum {
            None | Some(Datum::Null) => Some(Vec::new()),
            Some(Datum::Map(members)) => Some(members),
            Some(_) => None,
        };
        Some(Response {
            active_until_s: whole_seconds(until)?,
            seconds_left: whole_seconds(left)?,
            tokens: match tokens {
                None | Some(Datum::Null) => Vec::new(),
                Some(Datum::List(items)) => {
                    let digits = items.iter().map(|item| item.as_text().map(String::from));
                    digits.collect::<Option<_>>()?
                }
                Some(_) => return None,
            },
            settings: map(settings)?,
            extra: map(extra)?,
        })
    }
}

/// Seconds, rounded down: the reference writes floats. `None` for what is no time.
fn whole_seconds(datum: Option<Datum>) -> Option<Option<u64>> {
    match datum {
        None | Some(Datum::Null) => Some(None),
        Some(Datum::Number(number)) => {
            let whole = number.as_str().split('.').next().and_then(|whole| whole.parse().ok());
            (!number.as_str().contains('e')).then_some(whole)?.map(Some)
        }
        Some(_) => None,
    }
}
