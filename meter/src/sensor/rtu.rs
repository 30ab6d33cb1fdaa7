//! Modbus frames on a serial line: unit, function, data, checksum.
//!
//! An answer names its unit and its function but not the question. What was asked decides how long the answer must
//! be; everything else is an error, after which the caller drains the line before it asks again. The crate for
//! Modbus TCP has a decoder for these frames too, but it skips over bytes until something fits and keeps the line to
//! itself, so that nobody can drain it.
//!
//! Source: Modbus over Serial Line, specification and implementation guide V1.02, section 2.5.1.

use super::profile::{Block, Function};
use std::fmt::{self, Debug};
use std::io;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout};
use tokio_modbus::ExceptionCode;

/// Bytes of a request.
pub(super) const REQUEST_BYTES: u32 = 8;
/// Bytes around the registers of an answer.
const AROUND_BYTES: u32 = 5;
/// Set in the function of an answer that refuses.
const EXCEPTION: u8 = 0x80;
/// Highest id that a unit may have: a byte above it begins no answer.
pub(crate) const UNIT_MAX: u8 = 247;
/// Bytes before an answer that begin none: what a line gives when it turns round.
const NOISE_BYTES_MAX: u32 = 8;
/// How long a line may take to fall silent.
pub(super) const DRAIN_MAX: Duration = Duration::from_secs(3);

/// A line that frames go over.
pub trait Transport: AsyncRead + AsyncWrite + Debug + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Debug + Send + Unpin> Transport for T {}

/// Reasons why a frame is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each variant says what its fields are")]
pub enum FrameError {
    /// Something else was written than asked for.
    #[error("the device echoes another coil or value")]
    Echo,
    /// Bits were lost.
    #[error("checksum {got:04x}, computed {computed:04x}")]
    Checksum { got: u16, computed: u16 },
    /// Another unit speaks: a late answer.
    #[error("answer of unit {got}, asked unit {asked}")]
    Unit { asked: u8, got: u8 },
    /// The answer is to another function.
    #[error("answer to function {got}, asked {asked}")]
    Function { asked: u8, got: u8 },
    /// Another number of bytes than the registers take.
    #[error("{got} bytes, asked for {asked}")]
    Length { asked: u16, got: u16 },
    /// Nothing but bytes that no unit has as its id.
    #[error("noise on the line")]
    Noise,
}

/// A question's failure.
#[derive(Debug)]
pub(super) enum Failure {
    /// The line is of no more use.
    Io(io::Error),
    /// The line is fine, the answer is not.
    Frame(FrameError),
    /// The unit refused.
    Exception(ExceptionCode),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// A question to one unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// Asks for registers.
    Read(Block),
    /// Writes one coil; the answer is an echo.
    WriteCoil {
        /// Address of the coil.
        coil: u16,
        /// Its value.
        on: bool,
    },
}

impl Question {
    const fn function(self) -> u8 {
        match self {
            Self::Read(Block { function: Function::Holding, .. }) => 3,
            Self::Read(Block { function: Function::Input, .. }) => 4,
            Self::WriteCoil { .. } => 5,
        }
    }

    /// Address and value, between the function and the checksum of a request.
    fn data(self) -> [u8; 4] {
        let ([a, b], [c, d]) = match self {
            Self::Read(block) => (block.address.to_be_bytes(), block.count.to_be_bytes()),
            Self::WriteCoil { coil, on } => (coil.to_be_bytes(), [if on { 0xFF } else { 0 }, 0]),
        };
        [a, b, c, d]
    }

    fn request(self, unit: u8) -> [u8; REQUEST_BYTES as usize] {
        let (function, [a, b, c, d]) = (self.function(), self.data());
        let [low, high] = crc16(&[unit, function, a, b, c, d]).to_le_bytes();
        [unit, function, a, b, c, d, low, high]
    }

    /// Bytes of the answer.
    pub(super) fn answer_bytes(self) -> u32 {
        match self {
            Self::Read(block) => u32::from(block.count).saturating_mul(2).saturating_add(AROUND_BYTES),
            Self::WriteCoil { .. } => REQUEST_BYTES,
        }
    }
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(block) => write!(f, "registers {:#06x}..+{}", block.address, block.count),
            Self::WriteCoil { coil, .. } => write!(f, "coil {coil}"),
        }
    }
}

/// Asks and reads the answer: the registers, none for a coil. Whoever gives up waiting must drain the line before the
/// next question.
pub(super) async fn ask(line: &mut dyn Transport, unit: u8, question: Question) -> Result<Vec<u16>, Failure> {
    line.write_all(&question.request(unit)).await?;
    line.flush().await?;
    let (got, asked) = (first_byte(line).await?, question.function());
    let function = line.read_u8().await?;
    if got != unit {
        return Err(Failure::Frame(FrameError::Unit { asked: unit, got }));
    }
    if function == asked | EXCEPTION {
        let exception = body(line, &[got, function], 1).await?;
        return Err(Failure::Exception(ExceptionCode::new(exception.first().copied().unwrap_or_default())));
    }
    if function != asked {
        return Err(Failure::Frame(FrameError::Function { asked, got: function }));
    }
    let Question::Read(block) = question else {
        let echo = body(line, &[got, function], 4).await?;
        let same = echo == question.data();
        return if same { Ok(Vec::new()) } else { Err(Failure::Frame(FrameError::Echo)) };
    };
    let bytes = line.read_u8().await?;
    let (announced, wanted) = (u16::from(bytes), block.count.saturating_mul(2));
    if announced != wanted {
        return Err(Failure::Frame(FrameError::Length { asked: wanted, got: announced }));
    }
    let data = body(line, &[got, function, bytes], wanted).await?;
    let pairs = data.chunks_exact(2);
    Ok(pairs.filter_map(|pair| pair.first_chunk().copied().map(u16::from_be_bytes)).collect())
}

/// Reads until the line has been silent for `quiet`, at most for `max`. Returns how many bytes were thrown away.
pub(super) async fn drain(line: &mut dyn Transport, quiet: Duration, max: Duration) -> io::Result<usize> {
    let until = Instant::now() + max;
    let mut thrown = 0usize;
    let mut bytes = [0; 256];
    loop {
        match timeout(quiet, line.read(&mut bytes)).await {
            Err(_) => return Ok(thrown),
            Ok(Ok(0)) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(Ok(_)) if Instant::now() > until => return Err(io::Error::other("the line is never silent")),
            Ok(Ok(n)) => thrown = thrown.saturating_add(n),
            Ok(Err(error)) => return Err(error),
        }
    }
}

/// The checksum of the serial line.
#[must_use]
pub fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0xFFFF, |crc, byte| {
        (0..8).fold(crc ^ u16::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xA001 } else { crc >> 1 })
    })
}

async fn first_byte(line: &mut dyn Transport) -> Result<u8, Failure> {
    for _ in 0..=NOISE_BYTES_MAX {
        let byte = line.read_u8().await?;
        if (1..=UNIT_MAX).contains(&byte) {
            return Ok(byte);
        }
    }
    Err(Failure::Frame(FrameError::Noise))
}

/// Reads `bytes` bytes and the checksum of `head` and them.
async fn body(line: &mut dyn Transport, head: &[u8], bytes: u16) -> Result<Vec<u8>, Failure> {
    let mut data = vec![0; usize::from(bytes)];
    line.read_exact(&mut data).await?;
    let (got, computed) = (line.read_u16_le().await?, crc16(&[head, &data].concat()));
    if got == computed { Ok(data) } else { Err(Failure::Frame(FrameError::Checksum { got, computed })) }
}

#[cfg(test)]
#[path = "rtu_tests.rs"]
mod tests;
