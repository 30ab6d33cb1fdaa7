//! Reasons why a meter could not be read.

use super::profile::Block;
use super::rtu::{FrameError, Question};
use std::fmt;
use std::time::Duration;
use tokio_modbus::ExceptionCode;
use wattle_primitives::reading::WordsError;

/// The meter that an error is about: a unit on a bus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The bus, as people know it.
    pub link: String,
    /// The meter's id on it.
    pub unit: u8,
}

/// Reasons why a meter could not be read. `at` is the meter.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each variant says what its fields are")]
pub enum SensorError {
    /// No connection, or the serial device cannot be opened.
    #[error("cannot connect to {at}")]
    Connect {
        at: Endpoint,
        #[source]
        source: std::io::Error,
    },
    /// No answer in time.
    #[error("{at} did not answer within {} ms", after.as_millis())]
    Timeout { at: Endpoint, after: Duration },
    /// The line broke.
    #[error("the line to {at} broke")]
    Broken {
        at: Endpoint,
        #[source]
        source: std::io::Error,
    },
    /// The connection broke, or the answer was not Modbus TCP.
    #[error("{at} answered badly")]
    Protocol {
        at: Endpoint,
        #[source]
        source: tokio_modbus::Error,
    },
    /// The bytes that came are no answer to the request.
    #[error("{at} sent no sound frame")]
    Frame {
        at: Endpoint,
        #[source]
        source: FrameError,
    },
    /// The meter refused the question.
    #[error("{at} refused {question}: {exception}")]
    Refused { at: Endpoint, question: Question, exception: ExceptionCode },
    /// The meter sent another number of registers than asked for.
    #[error("{at} sent {got} registers, asked for {}", block.count)]
    Length { at: Endpoint, block: Block, got: usize },
    /// The counters are no amount of energy.
    #[error("{at} sent an energy register that is none")]
    Energy {
        at: Endpoint,
        #[source]
        source: WordsError,
    },
    /// The meter counts in another power of ten than the one it is registered with: every reading would be wrong.
    #[error("{at} counts in {}, registered with 10^{registered} Wh", scale_factor(*got))]
    ScaleFactor { at: Endpoint, registered: i8, got: Option<i16> },
    /// No base address holds the SunSpec mark.
    #[error("{at} does not speak SunSpec")]
    NoSunSpec { at: Endpoint },
    /// The chain of models holds none that the profile reads.
    #[error("{at} has the SunSpec models {found:?}, the profile reads {wanted:?}")]
    NoModel { at: Endpoint, found: Vec<u16>, wanted: Vec<u16> },
    /// The chain of models has no end, or a model is too short for the profile.
    #[error("the SunSpec models of {at} make no sense")]
    Layout { at: Endpoint },
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
