//! The relay: a real command, a real Modbus coil, orders, restarts, crashes and a lost meter.

use crate::common::{Light, exchange, simulator, until};
use std::collections::BTreeMap;
use std::future::{Ready, ready};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio_modbus::server::Service;
use tokio_modbus::server::tcp::{Server, accept_tcp_connection};
use tokio_modbus::{ExceptionCode, Response, SlaveRequest};
use wattle_meter::simulator::{Household, Simulator, Site, system_clock};

const FAST: &str = "sample_interval_ms = 100\nreading_interval_ms = 1000\n";

/// Two commands that write a line each into `log`.
fn commands(log: &Path, more: &str) -> String {
    let line = |word: &str| format!("[\"/bin/sh\", \"-c\", \"echo {word} >> {}\"]", log.display());
    format!("[relay]\nconnect = {}\ndisconnect = {}\n{more}", line("on"), line("off"))
}

fn lines(log: &Path) -> Vec<String> {
    std::fs::read_to_string(log).unwrap_or_default().lines().map(str::to_owned).collect()
}

/// Waits until the relay was last commanded so, whatever it was commanded before: a machine that stands still for as
/// long as a lost meter would take loses the meter, and finds it again.
fn said_last(log: &Path, want: &str) {
    until(&format!("{want} is said last"), || (lines(log).last()? == want).then_some(()));
}

fn said(log: &Path, want: &[&str]) {
    until(&format!("{want:?} is said"), || (lines(log) == want).then_some(()));
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_are_obeyed_and_stand_over_kill_and_restart() {
    let house = simulator(31).await;
    let logs = tempfile::tempdir().unwrap();
    let log = logs.path().join("log");
    let relay = commands(&log, "min_switch_interval_ms = 0\non_start = \"connect\"\n");
    let mut light = Light::new(&[("house", house.address(), true)], FAST, &relay);
    light.start();
    said(&log, &["on"]);
    let answer = light.ask(&["relay", "disconnect"]).unwrap();
    assert_eq!((&answer["taken"], &answer["commanded"]), (&true.into(), &"disconnected".into()));
    said(&log, &["on", "off"]);
    let shown =
        until("it is shown", || light.live().filter(|s| s["relay"]["commands"] == 2))["relay"].clone();
    assert_eq!((&shown["order"], &shown["confirmed"]), (&"disconnect".into(), &true.into()), "{shown}");
    light.kill();
    light.start();
    // The standing order, not `on_start`: commanded once more, since the relay may have lost it with the power.
    said(&log, &["on", "off", "off"]);
    light.stop();
    let answer = light.ask(&["relay", "connect", "--no-wait"]).unwrap();
    assert_eq!(answer["taken"], false, "nobody runs");
    light.start();
    until("the order that waited is obeyed", || (lines(&log).last()? == "on").then_some(()));
    assert_eq!(light.saved().unwrap().relay.order, wattle_meter::RelayOrder::Connect);
    light.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_meter_disconnects_where_it_is_said_so_and_a_found_one_connects() {
    let house = simulator(32).await;
    let logs = tempfile::tempdir().unwrap();
    let log = logs.path().join("log");
    let rules = "min_switch_interval_ms = 0\non_start = \"connect\"\non_meter_lost = \"disconnect\"\n\
                 meter_lost_after_ms = 5000\n";
    let mut light = Light::new(&[("house", house.address(), true)], FAST, &commands(&log, rules));
    light.start();
    said_last(&log, "on");
    let uptime_ms = |light: &Light| light.live()?["uptimeMs"].as_u64();
    let heard_ms = until("the meter is heard", || {
        let status = light.live()?;
        status["meters"][0]["sampleAgeMs"].as_u64().and(status["uptimeMs"].as_u64())
    });
    until("a meter that is heard is not lost, for longer than a lost one would take", || {
        let stands = uptime_ms(&light)? >= heard_ms + 6000 && lines(&log).last()? == "on";
        stands.then_some(())
    });
    let address = house.address();
    house.stop().await;
    said_last(&log, "off");
    let clock = system_clock();
    let (site, start_ms) = (Site::of(Household::new(32)), clock() - 60_000);
    let house = Simulator::start(address, site, start_ms, clock).await.unwrap();
    said_last(&log, "on");
    light.stop();
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_fails_is_told_and_tried_again() {
    let house = simulator(33).await;
    let dir = tempfile::tempdir().unwrap();
    let (ready, log) = (dir.path().join("ready"), dir.path().join("log"));
    let script = format!("test -e {} && echo on >> {}", ready.display(), log.display());
    let relay = format!(
        "[relay]\nconnect = [\"/bin/sh\", \"-c\", \"{script}\"]\ndisconnect = [\"/no/such/program\"]\n\
         min_switch_interval_ms = 0\n"
    );
    let mut light = Light::new(&[("house", house.address(), true)], FAST, &relay);
    light.start();
    until("it runs", || light.live());
    light.ask(&["relay", "connect"]).unwrap();
    let shown = until("the failure is shown", || light.live().filter(|s| s["relay"]["confirmed"] == false));
    assert!(shown["relay"]["error"].as_str().unwrap().contains("ended with"), "{shown}");
    let (_, metrics) =
        exchange(light.status_port, "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            .unwrap();
    assert!(metrics.contains("wattle_light_relay_failing 1"), "{metrics}");
    std::fs::write(&ready, "").unwrap();
    said(&log, &["on"]);
    until("it is confirmed", || light.live().filter(|s| s["relay"]["confirmed"] == true));
    light.ask(&["relay", "disconnect"]).unwrap();
    until("a missing program is told", || {
        let status = light.live()?;
        status["relay"]["error"].as_str()?.contains("cannot run").then_some(())
    });
    light.stop();
    let without = Light::new(&[("house", house.address(), true)], "", "");
    assert!(without.ask(&["relay", "auto"]).unwrap_err().contains("light_relay"));
}

/// A device with coils, such as a relay board.
#[derive(Clone, Default)]
struct Board(Arc<Mutex<BTreeMap<(u8, u16), bool>>>);

impl Service for Board {
    type Request = SlaveRequest<'static>;
    type Response = Response;
    type Exception = ExceptionCode;
    type Future = Ready<Result<Response, ExceptionCode>>;

    fn call(&self, asked: Self::Request) -> Self::Future {
        ready(match asked.request {
            tokio_modbus::Request::WriteSingleCoil(coil, on) if coil < 8 => {
                self.0.lock().unwrap().insert((asked.slave, coil), on);
                Ok(Response::WriteSingleCoil(coil, on))
            }
            tokio_modbus::Request::WriteSingleCoil(..) => Err(ExceptionCode::IllegalDataAddress),
            _ => Err(ExceptionCode::IllegalFunction),
        })
    }
}

async fn board() -> (Board, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (board, address) = (Board::default(), listener.local_addr().unwrap());
    let service = board.clone();
    tokio::spawn(async move {
        let accept = |stream, from| {
            let service = service.clone();
            async move { accept_tcp_connection(stream, from, |_| Ok(Some(service.clone()))) }
        };
        let _ = Server::new(listener).serve(&accept, |_| {}).await;
    });
    (board, address)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_coil_on_a_modbus_device_follows_orders_and_a_refused_one_is_told() {
    let (house, (board, address)) = (simulator(34).await, board().await);
    let tables = |coil: u16| {
        format!(
            "[[bus]]\nlink = {{ kind = \"tcp\", address = \"{address}\" }}\n[relay]\nbus = \"{address}\"\nunit = 5\n\
             coil = {coil}\nmin_switch_interval_ms = 0\n"
        )
    };
    let coil = |number: u16| board.0.lock().unwrap().get(&(5, number)).copied();
    let mut light = Light::new(&[("house", house.address(), true)], FAST, &tables(3));
    light.start();
    until("it runs", || light.live());
    for (order, on) in [("connect", true), ("disconnect", false), ("connect", true)] {
        light.ask(&["relay", order]).unwrap();
        until(order, || (coil(3) == Some(on)).then_some(()));
    }
    light.stop();
    assert_eq!(board.0.lock().unwrap().len(), 1, "no other coil");
    let mut light = Light::new(&[("house", house.address(), true)], FAST, &tables(9));
    light.start();
    until("it runs", || light.live());
    light.ask(&["relay", "connect"]).unwrap();
    let error = until("the refusal is shown", || Some(light.live()?["relay"]["error"].as_str()?.to_owned()));
    assert!(error.contains("coil 9 of unit 5"), "{error}");
    light.stop();
}
