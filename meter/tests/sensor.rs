//! The sensor against a real Modbus TCP server, and against servers that misbehave.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use wattle_meter::sensor::{Bus, Link, Profile, Sensor, SensorError, Timing, Verdict, crc16};
use wattle_meter::simulator::{EXPORT, Household, IMPORT, Simulator, Site};

/// Time that a fault costs; longer than a server here ever takes for an answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);
const START_MS: u64 = 1_700_000_000_000;

async fn simulator() -> (Simulator, Arc<AtomicU64>) {
    let now = Arc::new(AtomicU64::new(START_MS));
    let time = Arc::clone(&now);
    let (listen, site) = (SocketAddr::from(([127, 0, 0, 1], 0)), Site::of(Household::new(7)));
    let clock = Arc::new(move || time.load(Ordering::Relaxed));
    (Simulator::start(listen, site, START_MS, clock).await.unwrap(), now)
}

fn sensor(address: SocketAddr, tries: u32) -> Sensor {
    let timing = Timing { tries, answer_timeout: ANSWER_TIMEOUT, ..Timing::default() };
    let bus = Bus::shared(Link::Tcp { address: address.to_string() }, timing);
    Sensor::new(bus, 1, Profile::find("sdm630").unwrap())
}

#[tokio::test]
async fn the_golden_frame_is_answered_as_the_meter_answers_it() {
    let (meter, _) = simulator().await;
    meter.override_register(0, Some([0x4366, 0x3334]));
    let mut stream = TcpStream::connect(meter.address()).await.unwrap();
    // Modbus TCP carries the serial frame 01 04 00 00 00 02 without its checksum 71 CB, behind a header.
    stream.write_all(&[0, 9, 0, 0, 0, 6, 0x01, 0x04, 0x00, 0x00, 0x00, 0x02]).await.unwrap();
    let mut answer = [0; 13];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, [0, 9, 0, 0, 0, 7, 0x01, 0x04, 0x04, 0x43, 0x66, 0x33, 0x34]);
    assert_eq!(crc16(&[0x01, 0x04, 0x00, 0x00, 0x00, 0x02]).to_le_bytes(), [0x71, 0xCB]);
    assert_eq!(crc16(&answer[6..]).to_le_bytes(), [0x1B, 0x38]);
}

#[tokio::test]
async fn what_is_read_equals_the_registers() {
    let (meter, now) = simulator().await;
    let timing = Timing { answer_timeout: ANSWER_TIMEOUT, ..Timing::default() };
    let bus = Bus::shared(Link::Tcp { address: meter.address().to_string() }, timing);
    // Hours pass there while none does here: no rise is too much.
    let mut sensor = Sensor::new(bus, 1, Profile { watts_max: u32::MAX, ..Profile::find("sdm630").unwrap() });
    let mut last = 0;
    for hour in 0..30 {
        now.store(START_MS + hour * 3_600_000, Ordering::Relaxed);
        let sample = sensor.read().await.unwrap();
        let registers = meter.registers();
        assert_eq!(sample.verdict().unwrap(), Verdict::Good);
        let energy = sample.believed().unwrap();
        assert_eq!(energy.import[..], registers[&IMPORT]);
        assert_eq!(energy.export[..], registers[&EXPORT]);
        assert_eq!(sample.quantities.len(), 11);
        assert!((200.0..260.0).contains(&sample.quantities["volts_l1"]));
        assert!(energy.import_wh.0 >= last);
        last = energy.import_wh.0;
        let served = meter.served().pop().unwrap();
        assert_eq!((served.import, served.export), (registers[&IMPORT], registers[&EXPORT]));
    }
}

#[tokio::test]
async fn a_nan_is_skipped_and_a_transient_zero_held() {
    let (meter, _) = simulator().await;
    let mut sensor = sensor(meter.address(), 1);
    assert_eq!(sensor.read().await.unwrap().verdict().unwrap(), Verdict::Good);
    meter.override_register(0, Some([0x7fc0, 0]));
    assert!(!sensor.read().await.unwrap().quantities.contains_key("volts_l1"));
    meter.override_register(IMPORT, Some([0x7fc0, 0]));
    assert!(matches!(sensor.read().await, Err(SensorError::Energy { .. })));
    meter.override_register(IMPORT, Some([0, 0]));
    assert_eq!(sensor.read().await.unwrap().verdict().unwrap(), Verdict::Held { seen: 1 });
    meter.override_register(IMPORT, None);
    assert_eq!(sensor.read().await.unwrap().verdict().unwrap(), Verdict::Good);
}

/// A server that treats its n-th connection by `script[n]`, and every later one like the last.
async fn faulty(script: Vec<Fault>, meter: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        for n in 0.. {
            let (mut client, _) = listener.accept().await.unwrap();
            let fault = script[n.min(script.len() - 1)];
            tokio::spawn(async move {
                let mut request = [0; 12];
                match fault {
                    Fault::None => {
                        let mut upstream = TcpStream::connect(meter).await.unwrap();
                        let _ = tokio::io::copy_bidirectional(&mut client, &mut upstream).await;
                    }
                    Fault::Silent => std::future::pending().await,
                    Fault::Close => drop(client),
                    Fault::HalfFrame => {
                        client.read_exact(&mut request).await.unwrap();
                        client
                            .write_all(&[request[0], request[1], 0, 0, 0, 39, 1, 4, 36, 0x43])
                            .await
                            .unwrap();
                        std::future::pending::<()>().await;
                    }
                    Fault::Short => {
                        client.read_exact(&mut request).await.unwrap();
                        let answer = [request[0], request[1], 0, 0, 0, 5, 1, 4, 2, 0x43, 0x66];
                        client.write_all(&answer).await.unwrap();
                        std::future::pending::<()>().await;
                    }
                    Fault::Exception => {
                        client.read_exact(&mut request).await.unwrap();
                        client.write_all(&[request[0], request[1], 0, 0, 0, 3, 1, 0x84, 2]).await.unwrap();
                        // A refusal is an answer: the connection stays.
                        let mut upstream = TcpStream::connect(meter).await.unwrap();
                        let _ = tokio::io::copy_bidirectional(&mut client, &mut upstream).await;
                    }
                    Fault::Garbage => {
                        client.write_all(&[0xff; 300]).await.unwrap();
                        std::future::pending::<()>().await;
                    }
                }
            });
        }
    });
    address
}

#[derive(Clone, Copy, Debug)]
enum Fault {
    None,
    Silent,
    Close,
    HalfFrame,
    Short,
    Exception,
    Garbage,
}

#[tokio::test]
async fn every_fault_is_an_error_and_the_next_try_succeeds() {
    let (meter, _) = simulator().await;
    let faults =
        [Fault::Silent, Fault::Close, Fault::HalfFrame, Fault::Short, Fault::Exception, Fault::Garbage];
    // All at once: most of them cost a time-out.
    let mut checks = tokio::task::JoinSet::new();
    for fault in faults {
        let meter = meter.address();
        checks.spawn(async move {
            let address = faulty(vec![fault, Fault::None], meter).await;
            let mut once = sensor(address, 1);
            assert!(once.read().await.is_err(), "{fault:?}");
            assert_eq!(once.read().await.unwrap().verdict().unwrap(), Verdict::Good, "{fault:?}: next call");
        });
        checks.spawn(async move {
            let address = faulty(vec![fault, fault, Fault::None], meter).await;
            let third = sensor(address, 3).read().await.unwrap();
            assert_eq!(third.verdict().unwrap(), Verdict::Good, "{fault:?}: third try");
        });
    }
    checks.join_all().await;
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    assert!(matches!(sensor(gone, 2).read().await, Err(SensorError::Connect { .. })));
}
