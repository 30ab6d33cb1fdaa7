//! Why a meter could not be read.

use super::profile::Block;
use super::rtu::FrameError;
use std::fmt;
use std::time::Duration;
use tokio_modbus::ExceptionCode;
use wattle_primitives::reading::WordsError;

/// Which meter is meant: a unit on a bus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The bus, as people know it.
    pub link: String,
    /// The meter's id on it.
    pub unit: u8,
}

/// Why a meter could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SensorError {
    /// No connection, or the serial device cannot be opened.
    #[error("cannot connect to {at}")]
    Connect {
        /// The meter.
        at: Endpoint,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// No answer in time.
    #[error("{at} did not answer within {} ms", after.as_millis())]
    Timeout {
        /// The meter.
        at: Endpoint,
        /// How long was waited.
        after: Duration,
    },
    /// The line broke.
    #[error("the line to {at} broke")]
    Broken {
        /// The meter.
        at: Endpoint,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The connection broke, or the answer was not Modbus TCP.
    #[error("{at} answered badly")]
    Protocol {
        /// The meter.
        at: Endpoint,
        /// Why.
        #[source]
        source: tokio_modbus::Error,
    },
    /// What came is no answer to the request.
    #[error("{at} sent no sound frame")]
    Frame {
        /// The meter.
        at: Endpoint,
        /// Why.
        #[source]
        source: FrameError,
    },
    /// The meter refused.
    #[error("{at} refused registers {:#06x}..+{}: {exception}", block.address, block.count)]
    Refused {
        /// The meter.
        at: Endpoint,
        /// What was asked.
        block: Block,
        /// Its reason.
        exception: ExceptionCode,
    },
    /// The device refused to write a coil.
    #[error("{at} refused coil {coil}: {exception}")]
    RefusedCoil {
        /// The device.
        at: Endpoint,
        /// Which coil.
        coil: u16,
        /// Its reason.
        exception: ExceptionCode,
    },
    /// The meter sent another number of registers than asked for.
    #[error("{at} sent {got} registers, asked for {}", block.count)]
    Length {
        /// The meter.
        at: Endpoint,
        /// What was asked.
        block: Block,
        /// Registers sent.
        got: usize,
    },
    /// The counters are no amount of energy.
    #[error("{at} sent an energy register that is none")]
    Energy {
        /// The meter.
        at: Endpoint,
        /// Why.
        #[source]
        source: WordsError,
    },
    /// The meter counts in another power of ten than the one it is registered with: every reading would be wrong.
    #[error("{at} counts in {}, registered with 10^{registered} Wh", scale_factor(*got))]
    ScaleFactor {
        /// The meter.
        at: Endpoint,
        /// The exponent that the chain decodes with.
        registered: i8,
        /// The meter's; `None` when it gives none.
        got: Option<i16>,
    },
    /// No base address holds the SunSpec mark.
    #[error("{at} does not speak SunSpec")]
    NoSunSpec {
        /// The meter.
        at: Endpoint,
    },
    /// The chain of models holds none that the profile reads.
    #[error("{at} has the SunSpec models {found:?}, the profile reads {wanted:?}")]
    NoModel {
        /// The meter.
        at: Endpoint,
        /// Models of the meter.
        found: Vec<u16>,
        /// Models of the profile.
        wanted: Vec<u16>,
    },
    /// The chain of models has no end, or a model is too short for the profile.
    #[error("the SunSpec models of {at} make no sense")]
    Layout {
        /// The meter.
        at: Endpoint,
    },
}

impl SensorError {
    /// Whether the meter is there and answers, only not with this.
    #[must_use]
    pub const fn is_answer(&self) -> bool {
        matches!(
            self,
            Self::Refused { .. }
                | Self::Length { .. }
                | Self::Energy { .. }
                | Self::ScaleFactor { .. }
                | Self::NoSunSpec { .. }
                | Self::NoModel { .. }
                | Self::Layout { .. }
        )
    }

    /// Whether another try within seconds can help.
    #[must_use]
    pub const fn may_pass(&self) -> bool {
        !matches!(self, Self::ScaleFactor { .. } | Self::NoModel { .. } | Self::Layout { .. })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unit {} on {}", self.unit, self.link)
    }
}

fn scale_factor(got: Option<i16>) -> String {
    got.map_or_else(|| "an unknown unit".to_owned(), |exponent| format!("10^{exponent} Wh"))
}
