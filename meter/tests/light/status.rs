//! The status page: what it shows, and whom it refuses.

use crate::common::{Light, exchange, get, simulator, until};
use serde_json::Value;

fn meter<'a>(status: &'a Value, name: &str) -> &'a Value {
    status["meters"].as_array().unwrap().iter().find(|m| m["name"] == name).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn it_shows_meters_queues_chain_and_disk() {
    let (house, shed) = (simulator(21).await, simulator(22).await);
    let fast =
        "sample_interval_ms = 100\nreading_interval_ms = 1000\nsync_interval_ms = 0\ntrust_clock = true\n";
    let mut light =
        Light::new(&[("house", house.address(), true), ("shed", shed.address(), false)], fast, "");
    light.start();
    let ready = |s: &Value| {
        meter(s, "house")["queue"]["depth"].as_u64() >= Some(2) && !meter(s, "shed")["watts"].is_null()
    };
    let status = until("two readings wait", || light.live().filter(ready));
    let (signs, shows) = (meter(&status, "house"), meter(&status, "shed"));
    assert!(signs["address"].as_str().unwrap().starts_with("wat1"), "{signs}");
    assert!(signs["importWh"].is_string() && signs["today"]["importWh"].is_string(), "{signs}");
    assert_eq!((&signs["queue"]["anchored"], &signs["queue"]["dropped"]), (&false.into(), &0.into()));
    assert_eq!(signs["queue"]["gaps"], serde_json::json!([]));
    assert!(shows["queue"].is_null() && shows["address"].is_null(), "{shows}");
    assert_eq!((&status["clock"], &status["relay"]), (&"synced".into(), &Value::Null));
    assert_eq!(status["chain"]["believing"], false);
    assert!(status["disk"]["writtenBytes"].as_u64() > Some(0));

    let (code, page) = get(light.status_port, "/", "localhost").unwrap();
    assert_eq!(code, 200);
    for wanted in
        ["<h2>house</h2>", "<h2>shed</h2>", "trust expired", "Readings waiting", "http-equiv=\"refresh\""]
    {
        assert!(page.contains(wanted), "{wanted} is not in {page}");
    }
    assert!(!page.contains("<script") && !page.contains("http://") && !page.contains("https://"), "{page}");
    let (code, metrics) = get(light.status_port, "/metrics", "localhost").unwrap();
    assert_eq!(code, 200);
    for wanted in [
        "wattle_light_queue_readings{meter=\"house\"}",
        "wattle_light_meter_power_watts{meter=\"shed\"}",
        "wattle_light_believing 0",
        "wattle_light_doubt{reason=\"trust_expired\"} 1",
        "wattle_light_written_bytes_per_hour ",
    ] {
        assert!(metrics.contains(wanted), "{wanted} is not in {metrics}");
    }
    let answer = light.ask(&["status"]).unwrap();
    assert_eq!(answer["live"]["meters"][0]["name"], "house", "the command asks the running one: {answer}");
    assert!(answer["meters"][0]["queueDepth"].as_u64() >= Some(2), "{answer}");
    house.stop().await;
    until("the lost meter is told", || light.live().filter(|s| meter(s, "house")["error"].is_string()));
    light.stop();
    assert!(light.ask(&["status"]).unwrap()["live"].is_null(), "nobody runs");
}

#[tokio::test(flavor = "multi_thread")]
async fn foreign_names_other_methods_and_other_paths_are_refused() {
    let house = simulator(23).await;
    let mut light = Light::new(&[("house", house.address(), true)], "", "");
    light.start();
    let port = light.status_port;
    until("the status page answers", || light.live());
    for host in ["evil.example", &format!("evil.example:{port}"), "127.0.0.1.evil.example", "10.1.2.3"] {
        for path in ["/", "/status", "/metrics", "/status.css"] {
            assert_eq!(get(port, path, host).unwrap().0, 421, "{host} {path}");
        }
    }
    for host in [format!("localhost:{port}"), format!("127.0.0.1:{port}"), "[::1]".to_owned()] {
        assert_eq!(get(port, "/status", &host).unwrap().0, 200, "{host}");
    }
    assert_eq!(get(port, "/../etc/passwd", "localhost").unwrap().0, 404);
    for (request, want) in [
        ("POST /status HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", "405"),
        ("GET / HTTP/1.1\r\nConnection: close\r\n\r\n", "421"),
        ("GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n", "421"),
    ] {
        let (head, _) = exchange(port, request).unwrap();
        assert!(head.starts_with(&format!("HTTP/1.1 {want}")), "{request}: {head}");
    }
    let (head, _) = exchange(port, "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let head = head.to_lowercase();
    for wanted in
        ["content-security-policy: default-src 'none'", "x-content-type-options: nosniff", "frame-ancestors"]
    {
        assert!(head.contains(wanted), "{wanted}: {head}");
    }
    light.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn it_can_be_switched_off_and_stalled_clients_do_not_stop_it() {
    let house = simulator(24).await;
    let mut light = Light::new(&[("house", house.address(), true)], "", "");
    light.start();
    until("the status page answers", || light.live());
    let stalled: Vec<_> =
        (0..8).map(|_| std::net::TcpStream::connect(("127.0.0.1", light.status_port)).unwrap()).collect();
    // Each place is given back when its client has sent no request in time.
    until("it answers others again", || light.live());
    drop(stalled);
    light.stop();
    let before = light.saved().unwrap().meters[0].last_seq;
    let text = std::fs::read_to_string(light.config()).unwrap();
    let off = text.replace(&format!("127.0.0.1:{}", light.status_port), "");
    std::fs::write(light.config(), off).unwrap();
    light.start();
    until("it meters", || light.saved().filter(|s| s.meters.iter().any(|meter| meter.last_seq > before)));
    assert!(light.live().is_none());
    light.stop();
}
