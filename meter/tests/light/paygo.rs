//! The light node as a pay-as-you-go device, without any network: digits in, light on; energy used, light off.

use crate::common::{Light, exchange, get, simulator, until};
use openpaygo::{Command as Told, Count, Format, Profile, Secret, encode};
use serde_json::Value;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use wattle_meter::simulator::{IMPORT, Simulator};

const KEY: &str = "5f1c88a2e07b4d3996c0aa71de54bb02";
const STARTING_CODE: u32 = 604_119_273;
const FAST: &str =
    "sample_interval_ms = 100\nreading_interval_ms = 1000\nsync_interval_ms = 0\ntrust_clock = true\n";

fn token(told: Told, last: u32) -> String {
    let secret = Secret::from_hex(KEY, Some(STARTING_CODE)).unwrap();
    encode(&secret, Profile::Own, told, Count(last), Format::STANDARD).unwrap().token.to_string()
}

/// A light node with the device's secret in `dir`, whose relay writes a line into `dir/relay` each time.
fn device(house: &Simulator, dir: &Path, more: &str) -> Light {
    let secret = dir.join("house.paygo");
    std::fs::write(&secret, format!("{KEY}\n{STARTING_CODE}\n")).unwrap();
    std::fs::set_permissions(&secret, PermissionsExt::from_mode(0o600)).unwrap();
    let line =
        |word: &str| format!("[\"/bin/sh\", \"-c\", \"echo {word} >> {}\"]", dir.join("relay").display());
    let tables = format!(
        "[relay]\nconnect = {}\ndisconnect = {}\nmin_switch_interval_ms = 0\n[paygo]\ndevice = \"{}\"\n\
         secret_file = {:?}\n{more}\n",
        line("on"),
        line("off"),
        "d7".repeat(32),
        secret.display().to_string(),
    );
    Light::new(&[("house", house.address(), true)], FAST, &tables)
}

/// Starts it with a log of everything in `dir/log`.
fn start(light: &mut Light, dir: &Path) {
    let mut command = Command::new("/bin/sh");
    let script = format!("WATTLE_LOG=trace exec \"$0\" \"$@\" 2>> {}", dir.join("log").display());
    command.args(["-c", &script, env!("CARGO_BIN_EXE_wattle-light")]);
    light.start_by(command);
    until("it runs", || light.live());
}

fn said(dir: &Path, want: &[&str]) {
    let lines = || std::fs::read_to_string(dir.join("relay")).unwrap_or_default();
    until(&format!("the relay is told {want:?}"), || {
        (lines().lines().eq(want.iter().copied())).then_some(())
    });
}

/// Types a token in as a keypad's program does.
fn type_in(light: &Light, digits: &str) -> (u16, Value) {
    let body = format!("{{\"token\":\"{digits}\"}}");
    let (head, body) = post(light, "Content-Type: application/json\r\n", &body);
    (head, serde_json::from_str(&body).unwrap())
}

fn post(light: &Light, headers: &str, body: &str) -> (u16, String) {
    let request = format!(
        "POST /token HTTP/1.1\r\nHost: localhost\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    let (head, body) = exchange(light.status_port, &request).unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body)
}

/// `wattle-light token`, as an operator at the computer types it.
fn order(light: &Light, digits: &str) -> Value {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wattle-light"));
    command.args(["token", "--json", "--config"]).arg(light.config());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(format!("{digits}\n").as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn shows(house: &Simulator, kwh: f32) {
    house.override_register(IMPORT, Some([(kwh.to_bits() >> 16) as u16, kwh.to_bits() as u16]));
}

fn credit_wh(light: &Light) -> Option<String> {
    Some(light.live()?["paygo"]["credit"]["wh"].as_str()?.to_owned())
}

fn has_credit(light: &Light, wh: &str) {
    until(&format!("{wh} Wh are left"), || credit_wh(light).filter(|left| left == wh));
}

/// Goal: nine digits without a network and the light comes on; used up, it goes off; nothing is lost or doubled by
/// kills; and nobody finds the secret or a token afterwards.
#[tokio::test(flavor = "multi_thread")]
async fn nine_digits_bring_light_until_they_are_used_up() {
    let house = simulator(61).await;
    let dir = tempfile::tempdir().unwrap();
    shows(&house, 500.0);
    let mut light = device(&house, dir.path(), "low = 300");
    start(&mut light, dir.path());
    said(dir.path(), &["off"]);
    until("the counter is read", || light.live().filter(|s| s["meters"][0]["importWh"] == "500000"));
    let (add, set, last) = (
        token(Told::Add { value: 5 }, 1),
        token(Told::Set { value: 4 }, 2),
        token(Told::Add { value: 2 }, 3),
    );

    // By the page's form.
    let (code, page) = get(light.status_port, "/token", "localhost").unwrap();
    assert!(code == 200 && page.contains("<form method=\"post\""), "{code} {page}");
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let elsewhere = format!("{form}Origin: http://evil.example\r\n");
    assert_eq!(post(&light, &elsewhere, &format!("token={add}")).0, 403);
    let here = format!("{form}Origin: http://localhost\r\n");
    let (code, page) = post(&light, &here, &format!("token={}+{}", &add[..3], &add[3..]));
    assert!(code == 200 && page.contains("Taken. 0.500 kWh left."), "{code} {page}");
    said(dir.path(), &["off", "on"]);
    light.kill();
    start(&mut light, dir.path());
    assert_eq!(type_in(&light, &add), (409, serde_json::json!({"result": "already_used"})));
    said(dir.path(), &["off", "on", "on"]);

    shows(&house, 500.25);
    has_credit(&light, "300");
    let status = light.live().unwrap();
    assert_eq!(
        (&status["paygo"]["low"], &status["paygo"]["unreported"]),
        (&true.into(), &1.into()),
        "{status}"
    );
    light.kill();
    start(&mut light, dir.path());
    has_credit(&light, "300");
    shows(&house, 500.51);
    said(dir.path(), &["off", "on", "on", "on", "off"]);
    has_credit(&light, "0");

    // By the operator's command, also while nothing runs.
    assert_eq!(order(&light, &set)["answer"]["credit"]["wh"], "400");
    said(dir.path(), &["off", "on", "on", "on", "off", "on"]);
    assert_eq!(order(&light, "12345")["answer"]["result"], "not_a_token");
    light.stop();
    assert_eq!(order(&light, &last)["obeyed"], false);
    start(&mut light, dir.path());
    has_credit(&light, "600");
    until("the order is gone", || (!light.path("data/token.order.claimed").exists()).then_some(()));

    let (_, metrics) = get(light.status_port, "/metrics", "localhost").unwrap();
    for wanted in
        ["wattle_light_paygo_credit_joules 2160000", "wattle_light_paygo_supplies 1", "paygo_unreported 3"]
    {
        assert!(metrics.contains(wanted), "{wanted} is not in {metrics}");
    }
    let (_, page) = get(light.status_port, "/", "localhost").unwrap();
    let (_, json) = get(light.status_port, "/status", "localhost").unwrap();
    let command_line = std::fs::read(format!("/proc/{}/cmdline", light.pid())).unwrap();
    light.stop();
    let mut seen = format!("{metrics}{page}{json}{}", String::from_utf8_lossy(&command_line));
    seen += &std::fs::read_to_string(dir.path().join("log")).unwrap();
    read_all(&light.path("data"), &mut seen);
    assert!(seen.contains("token taken"), "the log is there");
    let code = STARTING_CODE.to_string();
    for secret in [KEY, &code, &add, &set, &last] {
        assert!(!seen.contains(secret), "{secret} is found");
    }
}

fn read_all(dir: &Path, seen: &mut String) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_all(&path, seen);
        } else {
            *seen += &String::from_utf8_lossy(&std::fs::read(&path).unwrap());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_lock_it_and_a_pulled_plug_opens_nothing() {
    let house = simulator(62).await;
    let dir = tempfile::tempdir().unwrap();
    let mut light = device(&house, dir.path(), "");
    light.configure("trust_clock = true", "trust_clock = false"); // only time with power counts
    start(&mut light, dir.path());
    for locked_ms in [0, 0, 120_000] {
        assert_eq!(type_in(&light, "000000001").1["lockedMs"], locked_ms);
    }
    let add = token(Told::Add { value: 5 }, 1);
    for _ in 0..2 {
        let (code, answer) = type_in(&light, &add);
        assert_eq!((code, &answer["result"]), (429, &"locked".into()), "{answer}");
        assert!(answer["lockedMs"].as_u64() > Some(60_000), "{answer}");
        light.kill();
        start(&mut light, dir.path());
    }
    let status = light.live().unwrap();
    assert!(status["paygo"]["lockedMs"].as_u64() > Some(60_000), "{status}");
    assert_eq!(status["paygo"]["supplies"], false);
    light.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_others_may_read_is_refused() {
    let house = simulator(63).await;
    let dir = tempfile::tempdir().unwrap();
    let light = device(&house, dir.path(), "");
    let config = light.config().display().to_string();
    let check = || light.command(&["config", "--check", &config]);
    assert!(check().status.success());
    let secret = dir.path().join("house.paygo");
    for (text, mode) in [
        (format!("{KEY}\n{STARTING_CODE}\n"), 0o640),
        (format!("{KEY}00\n"), 0o600),
        (format!("{KEY}\n1234567890\n"), 0o600),
        (format!("{KEY}\n1\n2\n"), 0o600),
        (String::new(), 0o600),
    ] {
        std::fs::write(&secret, &text).unwrap();
        std::fs::set_permissions(&secret, PermissionsExt::from_mode(mode)).unwrap();
        for output in [check(), light.command(&["run", "--config", &config])] {
            assert!(!output.status.success(), "{mode:o}");
            let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
            assert!(said.contains("house.paygo") && !said.contains(KEY), "{said}");
        }
    }
}
