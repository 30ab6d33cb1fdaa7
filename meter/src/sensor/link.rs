//! How a bus is reached, and how patient its reader is.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;
use tokio_serial::{DataBits, SerialPortBuilder};

/// Longest time that can be set, in ms.
const TIME_MS_MAX: u64 = 60_000;
/// Most tries for one sample.
const TRIES_MAX: u32 = 10;
/// Speeds that a serial line may have, in baud.
const BAUD_MIN: u32 = 300;
const BAUD_MAX: u32 = 1_000_000;
/// Silence between two frames, in characters. The protocol asks for three and a half.
const GAP_CHARACTERS: u32 = 4;
/// Least silence between two frames: the protocol's, for lines above 19200 baud.
const GAP_MIN: Duration = Duration::from_micros(1750);

/// How a bus with one or more meters is reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Link {
    /// A meter or gateway that speaks Modbus TCP.
    Tcp {
        /// `host:port`.
        address: String,
    },
    /// A serial line.
    Rtu {
        /// Such as `/dev/ttyUSB0`; better a name under `/dev/serial/by-id`, which stays.
        device: PathBuf,
        /// Bits a second.
        #[serde(default = "default_baud")]
        baud: u32,
        /// Parity bit.
        #[serde(default)]
        parity: Parity,
        /// 1 or 2.
        #[serde(default = "default_stop_bits")]
        stop_bits: u8,
    },
    /// A plain converter between a socket and a serial line: RTU frames with their checksums over TCP.
    RtuOverTcp {
        /// `host:port`.
        address: String,
    },
}

/// The parity bit of a serial line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Parity {
    /// No parity bit.
    #[default]
    None,
    /// The parity bit makes the number of ones even.
    Even,
    /// The parity bit makes the number of ones odd.
    Odd,
}

/// How long is waited and how often is tried on a bus. In a configuration all are numbers of ms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Timing {
    /// For a connection.
    #[serde(rename = "connect_timeout_ms", with = "millis")]
    pub connect_timeout: Duration,
    /// For the answer to one request, besides the time that its bytes take on a serial line.
    #[serde(rename = "answer_timeout_ms", with = "millis")]
    pub answer_timeout: Duration,
    /// Tries for one sample, at least 1.
    pub tries: u32,
    /// Between two tries.
    #[serde(rename = "pause_ms", with = "millis")]
    pub pause: Duration,
    /// Between requests to two different units.
    #[serde(rename = "unit_pause_ms", with = "millis")]
    pub unit_pause: Duration,
}

impl Default for Timing {
    /// Figures that the field has settled on: 300 ms, three tries a second apart, 200 ms between units.
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(1),
            answer_timeout: Duration::from_millis(300),
            tries: 3,
            pause: Duration::from_secs(1),
            unit_pause: Duration::from_millis(200),
        }
    }
}

impl Timing {
    /// The name of the first value that makes no sense.
    #[must_use]
    pub fn out_of_range(&self) -> Option<&'static str> {
        let max = Duration::from_millis(TIME_MS_MAX);
        let waits = |time: Duration| !time.is_zero() && time <= max;
        let table = [
            ("connect_timeout_ms", waits(self.connect_timeout)),
            ("answer_timeout_ms", waits(self.answer_timeout)),
            ("tries", (1..=TRIES_MAX).contains(&self.tries)),
            ("pause_ms", self.pause <= max),
            ("unit_pause_ms", self.unit_pause <= max),
        ];
        table.iter().find(|(_, sound)| !sound).map(|(name, _)| *name)
    }

    /// Whether nothing was set.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Link {
    /// The name of the first value that no link has.
    #[must_use]
    pub fn out_of_range(&self) -> Option<&'static str> {
        match self {
            Self::Tcp { address } | Self::RtuOverTcp { address } => {
                let port = address.rsplit_once(':').filter(|(host, _)| !host.is_empty());
                let sound = port.is_some_and(|(_, port)| port.parse::<u16>().is_ok());
                (!sound).then_some("address")
            }
            Self::Rtu { baud, .. } if !(BAUD_MIN..=BAUD_MAX).contains(baud) => Some("baud"),
            Self::Rtu { stop_bits, .. } if !(1..=2).contains(stop_bits) => Some("stop_bits"),
            Self::Rtu { device, .. } if device.as_os_str().is_empty() => Some("device"),
            Self::Rtu { .. } => None,
        }
    }

    /// Where two links would be one: the device or the address.
    #[must_use]
    pub fn place(&self) -> String {
        match self {
            Self::Tcp { address } | Self::RtuOverTcp { address } => address.clone(),
            Self::Rtu { device, .. } => device.display().to_string(),
        }
    }

    /// Whether frames carry checksums and no numbers, as on a serial line.
    #[must_use]
    pub const fn is_rtu(&self) -> bool {
        !matches!(self, Self::Tcp { .. })
    }

    /// How long `bytes` take on the line; a socket takes no time, its `answer_timeout` has to do.
    #[must_use]
    pub fn transmit_time(&self, bytes: u32) -> Duration {
        match self {
            Self::Rtu { baud, parity, stop_bits, .. } => {
                let parity_bits = u32::from(*parity != Parity::None);
                let bits = 9u32.saturating_add(parity_bits).saturating_add(u32::from(*stop_bits));
                Duration::from_secs(1).saturating_mul(bits.saturating_mul(bytes)) / (*baud).max(1)
            }
            _ => Duration::ZERO,
        }
    }

    /// Silence that separates two frames; Modbus TCP has heads for that.
    #[must_use]
    pub fn frame_gap(&self) -> Duration {
        match self {
            Self::Tcp { .. } => Duration::ZERO,
            _ => self.transmit_time(GAP_CHARACTERS).max(GAP_MIN),
        }
    }

    /// How the serial port is opened; `None` for a socket.
    #[must_use]
    pub fn serial_port(&self) -> Option<SerialPortBuilder> {
        let Self::Rtu { device, baud, parity, stop_bits } = self else { return None };
        let parity = match parity {
            Parity::None => tokio_serial::Parity::None,
            Parity::Even => tokio_serial::Parity::Even,
            Parity::Odd => tokio_serial::Parity::Odd,
        };
        let stop = if *stop_bits == 2 { tokio_serial::StopBits::Two } else { tokio_serial::StopBits::One };
        let port = tokio_serial::new(device.to_string_lossy(), *baud);
        Some(port.data_bits(DataBits::Eight).parity(parity).stop_bits(stop))
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { address } => write!(f, "{address}"),
            Self::RtuOverTcp { address } => write!(f, "{address} (RTU)"),
            Self::Rtu { device, baud, parity, stop_bits } => {
                write!(f, "{} ({baud} 8{parity}{stop_bits})", device.display())
            }
        }
    }
}

impl fmt::Display for Parity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "N",
            Self::Even => "E",
            Self::Odd => "O",
        })
    }
}

/// Durations as numbers of ms.
mod millis {
    use serde::{Deserialize, Deserializer, Serializer};
    use std::time::Duration;

    pub(super) fn serialize<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_millis)
    }
}

const fn default_baud() -> u32 {
    9600
}

const fn default_stop_bits() -> u8 {
    1
}

#[cfg(test)]
#[path = "link_tests.rs"]
mod tests;
