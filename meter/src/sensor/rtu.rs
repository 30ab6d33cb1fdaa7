//! Modbus frames as they go over a serial line: unit, function, data, checksum.
//!
//! An answer names its unit and its function but not the question. What was asked decides how long the answer must
//! be; everything else is an error, after which the caller drains the line before it asks again. The crate for
//! Modbus TCP has a decoder for these frames too, but it skips over bytes until something fits and keeps the line to
//! itself, so that nobody can drain it.
//!
//! Source: Modbus over Serial Line, specification and implementation guide V1.02, section 2.5.1.

use super::profile::{Block, Function};
use std::fmt::Debug;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout};
use tokio_modbus::ExceptionCode;

/// Bytes of a request to read.
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

/// Function that writes one coil.
const WRITE_COIL: u8 = 5;

/// A line that frames go over.
pub trait Transport: AsyncRead + AsyncWrite + Debug + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Debug + Send + Unpin> Transport for T {}

/// Why a frame is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Something else was written than asked for.
    #[error("the device echoes another coil or value")]
    Echo,
    /// Bits were lost.
    #[error("checksum {got:04x}, computed {computed:04x}")]
    Checksum {
        /// What the frame has.
        got: u16,
        /// What its bytes give.
        computed: u16,
    },
    /// Another unit speaks: a late answer.
    #[error("answer of unit {got}, asked unit {asked}")]
    Unit {
        /// Who was asked.
        asked: u8,
        /// Who spoke.
        got: u8,
    },
    /// The answer is to another function.
    #[error("answer to function {got}, asked {asked}")]
    Function {
        /// What was asked.
        asked: u8,
        /// What was answered.
        got: u8,
    },
    /// Another number of bytes than the registers take.
    #[error("{got} bytes, asked for {asked}")]
    Length {
        /// Bytes of the registers asked for.
        asked: u16,
        /// Bytes announced.
        got: u16,
    },
    /// Nothing but bytes that no unit has as its id.
    #[error("noise on the line")]
    Noise,
}

/// What became of a question.
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

/// The request for a block of registers.
pub(super) fn request(unit: u8, block: Block) -> [u8; REQUEST_BYTES as usize] {
    let ([a, b], [c, d]) = (block.address.to_be_bytes(), block.count.to_be_bytes());
    let body = [unit, code(block.function), a, b, c, d];
    let [low, high] = crc16(&body).to_le_bytes();
    let [u, f, ..] = body;
    [u, f, a, b, c, d, low, high]
}

/// Bytes of the answer to a request for `count` registers.
pub(super) fn answer_bytes(count: u16) -> u32 {
    u32::from(count).saturating_mul(2).saturating_add(AROUND_BYTES)
}

/// Asks and reads the answer. Whoever gives up waiting must drain the line before the next question.
pub(super) async fn ask(line: &mut dyn Transport, unit: u8, block: Block) -> Result<Vec<u16>, Failure> {
    line.write_all(&request(unit, block)).await?;
    line.flush().await?;
    let got = first_byte(line).await?;
    let function = line.read_u8().await?;
    if got != unit {
        return Err(Failure::Frame(FrameError::Unit { asked: unit, got }));
    }
    let asked = code(block.function);
    if function == asked | EXCEPTION {
        let [exception] = body::<1>(line, &[got, function]).await?;
        return Err(Failure::Exception(ExceptionCode::new(exception)));
    }
    if function != asked {
        return Err(Failure::Frame(FrameError::Function { asked, got: function }));
    }
    let (bytes, wanted) = (u16::from(line.read_u8().await?), block.count.saturating_mul(2));
    if bytes != wanted {
        return Err(Failure::Frame(FrameError::Length { asked: wanted, got: bytes }));
    }
    registers(line, [got, function, bytes.to_le_bytes()[0]], wanted).await
}

/// Writes a coil and reads the echo. Whoever gives up waiting must drain the line before the next question.
pub(super) async fn write_coil(
    line: &mut dyn Transport,
    unit: u8,
    coil: u16,
    on: bool,
) -> Result<(), Failure> {
    let [a, b] = coil.to_be_bytes();
    let rest = [a, b, if on { 0xFF } else { 0 }, 0];
    let [low, high] = crc16(&[&[unit, WRITE_COIL][..], &rest].concat()).to_le_bytes();
    line.write_all(&[&[unit, WRITE_COIL][..], &rest, &[low, high]].concat()).await?;
    line.flush().await?;
    let got = first_byte(line).await?;
    let function = line.read_u8().await?;
    if got != unit {
        return Err(Failure::Frame(FrameError::Unit { asked: unit, got }));
    }
    if function == WRITE_COIL | EXCEPTION {
        let [exception] = body::<1>(line, &[got, function]).await?;
        return Err(Failure::Exception(ExceptionCode::new(exception)));
    }
    if function != WRITE_COIL {
        return Err(Failure::Frame(FrameError::Function { asked: WRITE_COIL, got: function }));
    }
    let echo = body::<4>(line, &[got, function]).await?;
    if echo == rest { Ok(()) } else { Err(Failure::Frame(FrameError::Echo)) }
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

/// Reads `N` bytes and the checksum of `head` and them.
async fn body<const N: usize>(line: &mut dyn Transport, head: &[u8]) -> Result<[u8; N], Failure> {
    let mut bytes = [0; N];
    line.read_exact(&mut bytes).await?;
    checked(line, &[head, &bytes]).await?;
    Ok(bytes)
}

async fn registers(line: &mut dyn Transport, head: [u8; 3], bytes: u16) -> Result<Vec<u16>, Failure> {
    let mut data = vec![0; usize::from(bytes)];
    line.read_exact(&mut data).await?;
    checked(line, &[&head, &data]).await?;
    let pairs = data.chunks_exact(2);
    Ok(pairs.filter_map(|pair| pair.first_chunk().copied().map(u16::from_be_bytes)).collect())
}

async fn checked(line: &mut dyn Transport, parts: &[&[u8]]) -> Result<(), Failure> {
    let (got, computed) = (line.read_u16_le().await?, crc16(&parts.concat()));
    if got == computed { Ok(()) } else { Err(Failure::Frame(FrameError::Checksum { got, computed })) }
}

const fn code(function: Function) -> u8 {
    match function {
        Function::Holding => 3,
        Function::Input => 4,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use tokio::io::duplex;

    const VOLTS: Block = Block { function: Function::Input, address: 0, count: 2 };
    const ANSWER: [u8; 9] = [0x01, 0x04, 0x04, 0x43, 0x66, 0x33, 0x34, 0x1B, 0x38];

    async fn answered(bytes: &[u8]) -> Result<Vec<u16>, Failure> {
        let (mut ours, mut theirs) = duplex(64);
        theirs.write_all(bytes).await.unwrap();
        ask(&mut ours, 1, VOLTS).await
    }

    #[tokio::test]
    async fn the_published_frames_are_written_and_read() {
        assert_eq!(request(1, VOLTS), [0x01, 0x04, 0x00, 0x00, 0x00, 0x02, 0x71, 0xCB]);
        assert_eq!(answer_bytes(2), 9);
        assert_eq!(answered(&ANSWER).await.unwrap(), [0x4366, 0x3334]);
        let after_noise = [&[0x00, 0xFF][..], &ANSWER].concat();
        assert_eq!(answered(&after_noise).await.unwrap(), [0x4366, 0x3334]);
    }

    #[tokio::test]
    async fn everything_else_is_an_error() {
        let with_crc = |body: &[u8]| [body, &crc16(body).to_le_bytes()].concat();
        let mut flipped = ANSWER;
        flipped[4] ^= 1;
        let table = [
            (flipped.to_vec(), "Checksum"),
            (with_crc(&[2, 4, 4, 0, 0, 0, 0]), "Unit { asked: 1, got: 2 }"),
            (with_crc(&[1, 3, 4, 0, 0, 0, 0]), "Function { asked: 4, got: 3 }"),
            (with_crc(&[1, 0x83, 2]), "Function { asked: 4, got: 131 }"),
            (with_crc(&[1, 4, 2, 0, 0]), "Length { asked: 4, got: 2 }"),
            (with_crc(&[1, 0x84, 2]), "Exception(IllegalDataAddress)"),
            (vec![1, 0x84, 2, 0, 0], "Checksum"),
            (vec![0; 20], "Noise"),
        ];
        for (bytes, want) in table {
            let got = format!("{:?}", answered(&bytes).await.unwrap_err());
            assert!(got.contains(want), "{got}, not {want}, for {bytes:02x?}");
        }
    }

    #[tokio::test]
    async fn draining_ends_with_silence_or_gives_up() {
        let (quiet, max) = (Duration::from_millis(50), Duration::from_millis(200));
        let (mut ours, mut theirs) = duplex(64);
        theirs.write_all(&ANSWER).await.unwrap();
        assert_eq!(drain(&mut ours, quiet, max).await.unwrap(), ANSWER.len());
        tokio::spawn(async move {
            while theirs.write_all(&[0x55]).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        assert!(drain(&mut ours, quiet, max).await.is_err());
    }

    #[tokio::test]
    async fn a_coil_is_written_as_published_and_only_its_own_echo_counts() {
        const ON: [u8; 8] = [0x11, 0x05, 0x00, 0xAC, 0xFF, 0x00, 0x4E, 0x8B];
        let with_crc = |body: &[u8]| [body, &crc16(body).to_le_bytes()].concat();
        for (answer, want) in [
            (ON.to_vec(), "Ok(())"),
            (with_crc(&[0x11, 5, 0, 0xAC, 0, 0]), "Err(Frame(Echo))"),
            (with_crc(&[0x11, 5, 0, 0xAD, 0xFF, 0]), "Err(Frame(Echo))"),
            (with_crc(&[0x12, 5, 0, 0xAC, 0xFF, 0]), "Err(Frame(Unit { asked: 17, got: 18 }))"),
            (with_crc(&[0x11, 1, 0, 0xAC, 0xFF, 0]), "Err(Frame(Function { asked: 5, got: 1 }))"),
            (with_crc(&[0x11, 0x85, 2]), "Err(Exception(IllegalDataAddress))"),
        ] {
            let (mut ours, mut theirs) = duplex(64);
            theirs.write_all(&answer).await.unwrap();
            let got = write_coil(&mut ours, 0x11, 0xAC, true).await;
            assert_eq!(format!("{got:?}"), want);
            let mut asked = [0; 8];
            theirs.read_exact(&mut asked).await.unwrap();
            assert_eq!(asked, ON);
        }
    }
}
