//! Reads meters over Modbus TCP, a serial line, or a serial line behind a socket, each by its profile.
//!
//! - A [`Bus`] is one line: one question at a time, and no late answer is taken for another's.
//! - A [`Profile`] says which register holds what; [`Profile::find`] knows some by name and reads others from files.
//! - A [`Sensor`] is one meter on a bus. Energy words are passed on as they were read and judged by a filter;
//!   telemetry is converted to numbers and goes no further than the status page.
//! - [`probe()`] finds out what answers on a line, and which profile fits it.
//!
//! # Not here
//! Power is never added up to energy: only the meter's own counters are signed.

mod bus;
mod config;
mod error;
mod filter;
mod link;
mod probe;
mod profile;
mod rtu;
#[expect(clippy::module_inception, reason = "the sensor itself, beside what it is made of")]
mod sensor;
mod sunspec;

pub use bus::{Bus, SharedBus};
pub(crate) use config::BusError;
pub use config::{BusConfig, MeterConfig};
pub use error::SensorError;
pub use filter::{CONFIRMATIONS, Verdict};
pub(crate) use filter::{Energy, Suspicion};
pub use link::{Link, Parity, Timing};
pub(crate) use probe::{Fit, LineReport, UnitReport};
pub use probe::{ProbePlan, probe};
pub(crate) use profile::ProfileError;
pub use profile::{BUILT_IN, Block, Function, Profile};
pub use rtu::{FrameError, crc16};
pub use sensor::{Sample, Sensor};
