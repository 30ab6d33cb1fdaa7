//! The device behind a key changes while nobody looks: it shows a zero, is swapped, or has no number.

use crate::common::{Light, simulator, until};
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_modbus::server::Service;
use tokio_modbus::server::tcp::{Server, accept_tcp_connection};
use tokio_modbus::{ExceptionCode, Request, Response};
use wattle_meter::simulator::{EXPORT, IMPORT};
use wattle_primitives::reading::{RegisterEncoding, SignedReading};

const FAST: &str = "sample_interval_ms = 100\nreading_interval_ms = 1000\nsync_interval_ms = 0\n";

fn import_wh(signed: &SignedReading) -> u64 {
    RegisterEncoding::Float32Kwh.watt_hours(&signed.reading.import).unwrap().0
}

fn held(light: &Light) -> Option<String> {
    Some(light.live()?["meters"][0]["held"].as_str()?.to_owned())
}

fn queued(light: &Light, readings: usize) {
    until("readings are queued", || {
        light.saved().filter(|saved| saved.meters.iter().any(|meter| meter.queue_depth >= readings))
    });
}

/// Goal: what a meter shows in the first moments after an outage is compared with what was signed before it.
#[tokio::test(flavor = "multi_thread")]
async fn a_zero_and_a_number_from_nowhere_right_after_a_restart_are_not_signed() {
    let house = simulator(51).await;
    let mut light = Light::new(&[("house", house.address(), true)], FAST, "");
    light.start();
    queued(&light, 2);
    light.kill();
    let before = light.readings("house");
    for words in [[0, 0], [0x4D00, 0]] {
        house.override_register(IMPORT, Some(words));
        house.override_register(EXPORT, Some(words));
        light.start();
        let why = until("it is held", || held(&light));
        assert!(why.starts_with("register "), "{why}");
        house.override_register(IMPORT, None);
        house.override_register(EXPORT, None);
        until("the true counters are believed", || {
            light.live().filter(|s| s["meters"][0]["importWh"].is_string())
        });
        let depth = until("its queue is told", || Some(light.saved()?.meters.first()?.queue_depth));
        queued(&light, depth + 1);
        light.kill();
    }
    let after = light.readings("house");
    assert!(after.len() > before.len());
    let counters: Vec<u64> = after.iter().map(import_wh).collect();
    let most = counters[0] + 10_000; // what a household draws in a minute, and far below the number from nowhere
    assert!(
        counters.windows(2).all(|pair| pair[0] <= pair[1]) && counters.iter().all(|wh| *wh <= most),
        "{counters:?}"
    );
}

/// An SDM630 with a serial number, or one that does not answer when it is asked for it.
#[derive(Clone)]
struct Device {
    serial: Arc<AtomicU32>,
    silent: Arc<AtomicBool>,
    asked: Arc<AtomicUsize>,
}

impl Service for Device {
    type Request = Request<'static>;
    type Response = Response;
    type Exception = ExceptionCode;
    type Future = Pin<Box<dyn Future<Output = Result<Response, ExceptionCode>> + Send>>;

    fn call(&self, request: Self::Request) -> Self::Future {
        let device = self.clone();
        Box::pin(async move {
            match request {
                Request::ReadInputRegisters(address, count) => {
                    // Every number is 1.0, and so is each counter.
                    let at = |at: u16| if at.is_multiple_of(2) { 0x3F80 } else { 0 };
                    Ok(Response::ReadInputRegisters((address..address + count).map(at).collect()))
                }
                Request::ReadHoldingRegisters(0xFC00, 2) => {
                    device.asked.fetch_add(1, Ordering::Relaxed);
                    if device.silent.load(Ordering::Relaxed) {
                        std::future::pending::<()>().await;
                    }
                    let serial = device.serial.load(Ordering::Relaxed);
                    Ok(Response::ReadHoldingRegisters(vec![(serial >> 16) as u16, serial as u16]))
                }
                _ => Err(ExceptionCode::IllegalFunction),
            }
        })
    }
}

async fn device(serial: u32) -> (Device, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (silent, asked) = (Arc::default(), Arc::default());
    let device = Device { serial: Arc::new(serial.into()), silent, asked };
    let service = device.clone();
    tokio::spawn(async move {
        let accept = |stream, from| {
            let service = service.clone();
            async move { accept_tcp_connection(stream, from, |_| Ok(Some(service.clone()))) }
        };
        let _ = Server::new(listener).serve(&accept, |_| {}).await;
    });
    (device, address)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_is_changed_while_the_light_node_is_off_is_not_signed_for() {
    let (device, address) = device(4711).await;
    let mut light = Light::new(&[("house", address, true)], FAST, "");
    light.start();
    queued(&light, 1);
    light.stop();
    device.serial.store(4712, Ordering::Relaxed);
    let before = light.readings("house").len();
    light.start();
    let why = until("it is noticed", || held(&light));
    assert!(why.contains("register the meter anew"), "{why}");
    tokio::time::sleep(Duration::from_secs(2)).await;
    light.stop();
    assert_eq!(light.readings("house").len(), before);
    device.serial.store(4711, Ordering::Relaxed);
    light.start();
    queued(&light, before + 1);
    light.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_was_silent_is_asked_again_for_its_number() {
    let (device, address) = device(4711).await;
    device.silent.store(true, Ordering::Relaxed);
    let mut light = Light::new(&[("house", address, true)], FAST, "");
    light.configure("name = \"house\"", "name = \"house\"\nserial_number = \"4712\"");
    light.configure(
        "\" }\n[[bus.meter]]",
        "\" }\ntiming = { answer_timeout_ms = 100, tries = 1 }\n[[bus.meter]]",
    );
    light.start();
    queued(&light, 1); // it is read without
    device.silent.store(false, Ordering::Relaxed);
    until("another device is noticed all the same", || held(&light));
    light.stop();
    assert!(device.asked.load(Ordering::Relaxed) > 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_of_the_users_own_is_read_by_its_path_and_steps_make_readings() {
    let house = simulator(52).await;
    let fast = "sample_interval_ms = 100\nreading_interval_ms = 86400000\nsync_interval_ms = 0\n";
    let mut light = Light::new(&[("house", house.address(), true)], fast, "");
    let path = light.path("my-meter.toml");
    let profile = "name = \"My meter\"\nregisters_per_request_max = 60\nregisters_per_gap_max = 0\nwatts_max = 100000\n[energy]\nfunction = \"input\"\nencoding = \"float32_kwh\"\n\
        import = 0x48\nexport = 0x4A\n[quantities]\nmine = { function = \"input\", address = 0x34, type = \"float32\", \
        unit = \"W\" }\n";
    std::fs::write(&path, profile).unwrap();
    let lines =
        format!("name = \"house\"\nprofile = {:?}\nreading_step_wh = 100", path.display().to_string());
    light.configure("name = \"house\"", &lines);
    let kwh = |kwh: f32| Some([(kwh.to_bits() >> 16) as u16, kwh.to_bits() as u16]);
    house.override_register(IMPORT, kwh(10.0));
    light.start();
    queued(&light, 1);
    let live = until("its own quantity is shown", || {
        light.live().filter(|live| live["meters"][0]["quantities"]["mine"].is_number())
    });
    assert_eq!(live["meters"][0]["importWh"], "10000", "{live}");
    house.override_register(IMPORT, kwh(10.099));
    until("99 Wh are seen", || light.live().filter(|live| live["meters"][0]["importWh"] == "10098"));
    house.override_register(IMPORT, kwh(10.2));
    queued(&light, 2);
    house.override_register(IMPORT, kwh(10.25));
    until("50 Wh more are seen", || light.live().filter(|live| live["meters"][0]["importWh"] == "10250"));
    house.override_register(IMPORT, kwh(10.375));
    queued(&light, 3);
    light.stop();
    let counters: Vec<u64> = light.readings("house").iter().map(import_wh).collect();
    assert_eq!(counters, [10_000, 10_199, 10_375], "as binary32 has them");
    // The probe proposes a profile that expects nothing of a meter in use.
    let address = house.address().to_string();
    let profile = path.display().to_string();
    let output =
        light.command(&["probe", "--json", "--tcp", &address, "--units", "1", "--profile", &profile]);
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let fits = answer["lines"][0]["units"][0]["fits"].as_array().unwrap();
    let names: Vec<&str> = fits.iter().filter_map(|fit| fit["profile"].as_str()).collect();
    assert!(names.first() != Some(&profile.as_str()) && names.contains(&profile.as_str()), "{names:?}");
}
