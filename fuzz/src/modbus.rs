//! Answers of a meter, from the first byte of the stream to the reading.

use futures::future::{Either, select};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::Mutex;
use wattle_meter::sensor::{Bus, Link, Profile, SDM630, Sensor, Timing};

/// Bytes that a pipe holds.
const PIPE_BYTES: usize = 8192;

/// The first byte says whether the bytes go out as they are, or as answers with the right head.
pub fn modbus(bytes: &[u8]) {
    let Some((first, answers)) = bytes.split_first() else { return };
    if answers.len() > PIPE_BYTES / 2 {
        return;
    }
    let profile = Profile::from_toml(SDM630, "sdm630").expect("the built-in profile");
    let encoding = profile.energy.as_ref().expect("it has counters").encoding;
    let timing = Timing { tries: 1, answer_timeout: Duration::from_secs(5), ..Timing::default() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let (ours, theirs) = duplex(PIPE_BYTES);
    let mut bus = Bus::new(Link::Tcp { address: "127.0.0.1:502".to_owned() }, timing);
    bus.attach(ours);
    let mut sensor = Sensor::new(Arc::new(Mutex::new(bus)), 1, profile);
    let result = runtime.block_on(async {
        let meter =
            async { if first & 1 == 0 { raw(theirs, answers).await } else { framed(theirs, answers).await } };
        // A meter waits for the next question for ever; one that has said all keeps its end open for questions.
        match select(pin!(sensor.read()), pin!(meter)).await {
            Either::Left((sample, _)) => sample,
            Either::Right((_pipe, read)) => read.await,
        }
    });
    if let Ok(sample) = result {
        let energy = &sample.counters.as_ref().expect("a meter with counters").energy;
        assert_eq!(encoding.watt_hours(&energy.import), Ok(energy.import_wh), "words and energy differ");
        assert_eq!(encoding.watt_hours(&energy.export), Ok(energy.export_wh));
        assert!(sample.quantities.values().all(|value| !value.is_nan()));
    }
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
