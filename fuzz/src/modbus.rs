//! Answers of a meter, from the first byte of the stream to the reading.

use futures::future::{Either, select};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::Mutex;
use wattle_meter::sensor::{Bus, Link, Profile, Sensor, Timing, crc16};

/// Bytes that a pipe holds.
const PIPE_BYTES: usize = 8192;

/// Bits of the first byte: the bytes are answers with the right head, not a stream of their own.
const HEADS: u8 = 1;
/// The line is a serial one, not Modbus TCP. Its answers have no other head than their own.
const SERIAL: u8 = 2;
/// Answers on the serial line have the right checksum.
const CHECKSUM: u8 = 4;
/// The meter speaks SunSpec.
const SUNSPEC: u8 = 8;

/// The first byte says what line and meter it is; see its bits.
pub fn modbus(bytes: &[u8]) {
    let Some((first, answers)) = bytes.split_first() else { return };
    if answers.len() > PIPE_BYTES / 2 {
        return;
    }
    let is = |bit: u8| first & bit != 0;
    let profile = Profile::find(if is(SUNSPEC) { "sunspec" } else { "sdm630" }).expect("a built-in profile");
    let encoding = profile.energy.as_ref().expect("it has counters").encoding;
    // On a serial line only time tells that an answer is too short.
    let answer_timeout = if is(SERIAL) { Duration::from_millis(20) } else { Duration::from_secs(5) };
    let timing = Timing { tries: 1, answer_timeout, ..Timing::default() };
    // A sensor connects anew when a line breaks: nothing listens there.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (ours, theirs) = duplex(PIPE_BYTES);
    let address = "127.0.0.1:1".to_owned();
    let link = if is(SERIAL) { Link::RtuOverTcp { address } } else { Link::Tcp { address } };
    let mut bus = Bus::new(link, timing);
    bus.attach(ours);
    let mut sensor = Sensor::new(Arc::new(Mutex::new(bus)), 1, profile);
    let result = runtime.block_on(async {
        let meter = async {
            match (is(SERIAL), is(HEADS)) {
                (true, _) => serial(theirs, answers, is(CHECKSUM)).await,
                (false, true) => framed(theirs, answers).await,
                (false, false) => raw(theirs, answers).await,
            }
        };
        // A meter waits for the next question for ever; one that has said all keeps its end open for questions.
        match select(pin!(sensor.read()), pin!(meter)).await {
            Either::Left((sample, _)) => sample,
            Either::Right((_pipe, read)) => read.await,
        }
    });
    let Ok(sample) = result else { return };
    if let Some(counters) = &sample.counters {
        let energy = &counters.energy;
        assert_eq!(encoding.watt_hours(&energy.import), Ok(energy.import_wh), "words and energy differ");
        assert_eq!(encoding.watt_hours(&energy.export), Ok(energy.export_wh));
    }
    assert!(sample.quantities.values().all(|value| value.is_finite()));
}

/// Sends everything at once and says no more. Returns the pipe, so that it stays open for questions.
async fn raw(mut pipe: DuplexStream, bytes: &[u8]) -> DuplexStream {
    // Both fail only when the reader has given up already.
    let _ = pipe.write_all(bytes).await;
    let _ = pipe.shutdown().await;
    pipe
}

/// Answers each question under its own number with the next piece: a length byte, then as many bytes.
async fn framed(mut pipe: DuplexStream, mut bytes: &[u8]) -> DuplexStream {
    let mut head = [0; 7];
    while pipe.read_exact(&mut head).await.is_ok() {
        let rest = usize::from(u16::from_be_bytes([head[4], head[5]])).saturating_sub(1);
        let mut question = vec![0; rest];
        if pipe.read_exact(&mut question).await.is_err() {
            break;
        }
        let Some((length, after)) = bytes.split_first() else { break };
        let (answer, later) = after.split_at(usize::from(*length).min(after.len()));
        bytes = later;
        let size = u16::try_from(answer.len() + 1).unwrap_or(u16::MAX).to_be_bytes();
        let frame = [&head[..4], &size, &head[6..], answer].concat();
        if pipe.write_all(&frame).await.is_err() {
            break;
        }
    }
    let _ = pipe.shutdown().await; // the reader may be gone
    pipe
}

/// Answers each question on a serial line with the next piece: a length byte, then as many bytes.
async fn serial(mut pipe: DuplexStream, mut bytes: &[u8], checksum: bool) -> DuplexStream {
    let mut question = [0; 8];
    while pipe.read_exact(&mut question).await.is_ok() {
        let Some((length, after)) = bytes.split_first() else { break };
        let (answer, later) = after.split_at(usize::from(*length).min(after.len()));
        bytes = later;
        let sum = crc16(answer).to_le_bytes();
        let frame = [answer, if checksum { &sum[..] } else { &[] }].concat();
        if pipe.write_all(&frame).await.is_err() {
            break;
        }
    }
    let _ = pipe.shutdown().await; // the reader may be gone
    pipe
}
