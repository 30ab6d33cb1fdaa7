//! Reads meters over Modbus TCP, a serial line, or a serial line behind a socket, each by its profile.
//!
//! - A [`Bus`] is one line: one question at a time, and no late answer is taken for another's.
//! - A [`Profile`] says which register holds what; [`Profile::find`] knows some by name and reads others from files.
//! - A [`Sensor`] is one meter on a bus. Energy words are passed on as they were read and judged by a [`Filter`];
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
pub use config::{
    BUSES_MAX, BusConfig, BusError, METER_NAME_BYTES_MAX, METERS_PER_BUS_MAX, MeterConfig, ReadAs,
};
pub use error::{Endpoint, SensorError};
pub use filter::{CONFIRMATIONS, Energy, Filter, Suspicion, Verdict};
pub use link::{Link, Parity, Timing};
pub use probe::{Fit, LineReport, ProbePlan, ProbedCounters, Shown, UnitReport, probe};
pub use profile::{
    BUILT_IN, Block, EnergyRegisters, FactoryLine, Function, PROFILE_BYTES_MAX, Profile, ProfileError,
    QUANTITIES_MAX, Quantity, REGISTERS_PER_REQUEST_MAX, SDM630, SerialNumber, SunSpec, ValueType,
};
pub use rtu::{FrameError, Transport, crc16};
pub use sensor::{Counters, Sample, Sensor};
pub use sunspec::Identity;
