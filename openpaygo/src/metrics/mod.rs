//! OpenPAYGO Metrics: what devices tell a server, and what it answers.
//!
//! A body passes through stages, each a type: [`Received`] was read and is within limits, [`Verified`] was signed
//! under the device's key, [`Metrics`] are its values under their names.
//!
//! ```
//! # use openpaygo::{Secret, metrics::*};
//! let secret = Secret::from_hex("dac86b1a29ab82edc5fbbc41ec9530f6", None).unwrap();
//! let body = br#"{"sn":"aaa111222","df":1234,"ts":1611583070,"d":[3,false,"1.2.3"],
//!     "hd":[[12.31,12.32,1.23,-1.23],[12.3,12.31,1.22,-1.21]],"a":"raa5cb1fda302cf94e"}"#;
//! let received = Received::from_json(body).unwrap();
//! let verified = received.verify(&secret).unwrap();
//! assert!(verified.is_billable());
//! ```
//!
//! # Scope of a signature
//! `sa`, `ta` and `ca` sign no data: whoever overhears one can put any data beside it. `da` and `ra` do, and even
//! they leave out the data format, `dct` and accessories. [`Verified::is_billable`] tells what money may depend on.
//!
//! # Not here
//! HTTP. A server answers 201; see the README for the routes.

mod auth;
mod canonical;
mod cbor;
mod datum;
mod fields;
mod format;
mod history;
mod json;
mod limits;
mod names;
mod received;
mod replay;
mod request;
mod response;
mod verified;

pub use auth::{AuthError, AuthMethod};
pub use canonical::to_json;
pub use datum::{Datum, Number};
pub use format::{DataFormat, FormatError};
pub use history::{Metrics, Step};
pub use limits::{
    BODY_BYTES_MAX, DEPTH_MAX, NAME_BYTES_MAX, NUMBER_BYTES_MAX, ReadError, SERIAL_BYTES_MAX, TEXT_BYTES_MAX,
    VALUES_MAX,
};
pub use received::Received;
pub use replay::{Freshness, LastRequest, ReplayError, SequenceNumber};
pub use request::{Request, Style};
pub use response::{Context, ReceivedResponse, Response};
pub use verified::Verified;
