//! A headless Chromium, driven over WebDriver.
//!
//! WebDriver is JSON over HTTP, and the tests need a dozen of its commands, two of them (logs, DevTools) outside the
//! standard: so this is a client of its own, without dependencies.

use crate::network::ports;
use crate::process::{PATIENCE, Process, until};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A window, by its width and height in CSS pixels.
pub(crate) type Size = (u32, u32);
/// The name of an element in WebDriver's JSON.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";
/// Switches of Chromium: no display, no sandbox (tests may run as root), and nothing that calls home.
const SWITCHES: &[&str] = &[
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];

/// A browser with one window.
pub(crate) struct Browser {
    port: u16,
    session: String,
    _driver: Process,
}

impl Browser {
    /// Starts the driver and a browser whose profile and downloads lie in `dir`.
    pub(crate) fn start(dir: &Path) -> Self {
        let (chromium, driver) = (installed("chromium"), installed("chromedriver"));
        let port = ports(1);
        let mut command = Command::new(driver);
        command.arg(format!("--port={port}"));
        let driver = Process::start("chromedriver", &mut command, &dir.join("chromedriver.log"));
        until("chromedriver answers", PATIENCE, || request(port, "GET", "/status", None).ok());
        let profile = format!("--user-data-dir={}", dir.join("profile").display());
        let switches: Vec<&str> = SWITCHES.iter().copied().chain([profile.as_str()]).collect();
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": { "binary": chromium, "args": switches },
            "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
        } } });
        let session = request(port, "POST", "/session", Some(&wanted)).unwrap_or_else(|e| panic!("{e}"));
        let session = session["sessionId"].as_str().unwrap().to_owned();
        let browser = Self { port, session, _driver: driver };
        let downloads = json!({ "behavior": "allow", "downloadPath": dir.join("downloads") });
        browser.devtools("Browser.setDownloadBehavior", &downloads);
        // The browser's own first page is none of the explorer's doing.
        browser.open("about:blank");
        browser.log("performance");
        browser
    }

    /// A window of this size, on a phone's terms when it is as narrow as one.
    pub(crate) fn resize(&self, (width, height): Size) {
        let metrics =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500 });
        self.devtools("Emulation.setDeviceMetricsOverride", &metrics);
    }

    pub(crate) fn open(&self, url: &str) {
        self.command("url", json!({ "url": url }));
    }

    /// Runs `script`, the body of a function, in the page.
    pub(crate) fn run(&self, script: &str, args: &[&str]) -> Value {
        self.command("execute/sync", json!({ "script": script, "args": args }))
    }

    /// Text of the first element that matches; `None` without one.
    pub(crate) fn text(&self, css: &str) -> Option<String> {
        let found = self.run("return document.querySelector(arguments[0])?.textContent ?? null", &[css]);
        found.as_str().map(str::to_owned)
    }

    /// How many elements match.
    pub(crate) fn count(&self, css: &str) -> u64 {
        self.run("return document.querySelectorAll(arguments[0]).length", &[css]).as_u64().unwrap()
    }

    /// Waits until the first element that matches has a text that `look` takes.
    pub(crate) fn wait<T>(&self, what: &str, css: &str, look: impl Fn(&str) -> Option<T>) -> T {
        until(what, PATIENCE, || self.text(css).and_then(|text| look(&text)))
    }

    /// Clicks as a reader does: what is covered or out of reach fails.
    pub(crate) fn click(&self, css: &str) {
        let element = self.element(css);
        self.command(&format!("element/{element}/click"), json!({}));
    }

    /// Types into a field; `\u{e007}` is Enter.
    pub(crate) fn write(&self, css: &str, text: &str) {
        let element = self.element(css);
        self.command(&format!("element/{element}/clear"), json!({}));
        self.command(&format!("element/{element}/value"), json!({ "text": text }));
    }

    /// Presses keys where the focus is.
    pub(crate) fn press(&self, keys: &str) {
        let steps: Vec<Value> = keys
            .chars()
            .flat_map(|key| ["keyDown", "keyUp"].map(|way| json!({ "type": way, "value": key.to_string() })))
            .collect();
        self.command("actions", json!({ "actions": [{ "type": "key", "id": "keys", "actions": steps }] }));
    }

    /// The browser's notes since the last look: `browser` or `performance`.
    pub(crate) fn log(&self, kind: &str) -> Vec<Value> {
        let log = self.command("se/log", json!({ "type": kind }));
        log.as_array().unwrap().clone()
    }

    /// A script that runs in every page from now on, before the page's own. The result ends it.
    pub(crate) fn inject(&self, script: &str) -> Value {
        self.devtools("Page.addScriptToEvaluateOnNewDocument", &json!({ "source": script }))
    }

    /// Ends what [`Self::inject`] began.
    pub(crate) fn withdraw(&self, injected: &Value) {
        self.devtools("Page.removeScriptToEvaluateOnNewDocument", injected);
    }

    fn devtools(&self, cmd: &str, params: &Value) -> Value {
        self.command("goog/cdp/execute", json!({ "cmd": cmd, "params": params }))
    }

    fn element(&self, css: &str) -> String {
        let (path, wanted) =
            (format!("/session/{}/element", self.session), json!({ "using": "css selector", "value": css }));
        let found = until(css, PATIENCE, || request(self.port, "POST", &path, Some(&wanted)).ok());
        found[ELEMENT].as_str().unwrap().to_owned()
    }

    fn command(&self, path: &str, body: Value) -> Value {
        let path = format!("/session/{}/{path}", self.session);
        request(self.port, "POST", &path, Some(&body)).unwrap_or_else(|e| panic!("{path} {body}: {e}"))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = request(self.port, "DELETE", &format!("/session/{}", self.session), None); // killed with the driver else
    }
}

/// Where a program is.
///
/// # Panics
/// When it is not installed: without a browser nothing here is tested.
fn installed(program: &str) -> PathBuf {
    let dirs = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&dirs).map(|dir| dir.join(program)).find(|path| path.is_file());
    found.unwrap_or_else(|| panic!("{program} is missing: `scripts/setup --tests` installs it"))
}

/// One exchange with the driver: the `value` of its answer, or what it says is wrong.
fn request(port: u16, method: &str, path: &str, body: Option<&Value>) -> Result<Value, String> {
    let failed = |e: std::io::Error| format!("chromedriver: {e}");
    let mut stream = TcpStream::connect(("127.0.0.1", port)).map_err(failed)?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(failed)?;
    let body = body.map(Value::to_string).unwrap_or_default();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all((head + &body).as_bytes()).map_err(failed)?;
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        let ended = reader.read_line(&mut line).map_err(failed)? == 0;
        if ended || line == "\r\n" {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().map_err(|_| format!("chromedriver: {line}"))?;
        }
    }
    let mut answer = vec![0; length];
    reader.read_exact(&mut answer).map_err(failed)?;
    let mut answer: Value = serde_json::from_slice(&answer).map_err(|e| format!("chromedriver: {e}"))?;
    match answer["value"]["error"].as_str() {
        Some(error) => Err(format!("{error}: {}", answer["value"]["message"])),
        None => Ok(answer["value"].take()),
    }
}
