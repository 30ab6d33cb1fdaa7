//! HTTP and WebSocket as bytes, so that a client can be impolite.

use serde_json::Value;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Longest wait for an answer: only a hang takes it.
const PATIENCE: Duration = Duration::from_secs(60);

/// The interface under attack.
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
}

/// An answer over HTTP.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Answer {
    /// `error.data.code` of a JSON answer.
    pub(crate) fn code(&self) -> String {
        let json: Value = serde_json::from_str(&self.body).unwrap_or(Value::Null);
        json["error"]["data"]["code"].as_str().unwrap_or("none").to_owned()
    }
}

impl Target {
    pub(crate) fn new(url: &str) -> Self {
        let address = url.trim_start_matches("http://").trim_end_matches("/rpc").parse().unwrap();
        Self { address }
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// The head of a POST, without its last empty line.
    pub(crate) fn head(&self) -> String {
        format!(
            "POST /rpc HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\nconnection: close\r\n",
            self.address
        )
    }

    /// Sends bytes as they are and reads to the end. The server may answer and close before it has read all.
    pub(crate) fn send(&self, request: &[u8]) -> Answer {
        let mut stream = self.connect();
        let mut writer = stream.try_clone().unwrap();
        let request = request.to_vec();
        let sender = std::thread::spawn(move || drop(writer.write_all(&request)));
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer); // a reset after the answer is an end, too
        sender.join().unwrap();
        parse(&answer)
    }

    pub(crate) fn post(&self, body: &[u8]) -> Answer {
        let head = format!("{}content-length: {}\r\n\r\n", self.head(), body.len());
        self.send(&[head.as_bytes(), body].concat())
    }

    /// An open WebSocket, or the status with which it was refused.
    pub(crate) fn websocket(&self) -> Result<WebSocket, u16> {
        let mut stream = self.connect();
        let request = format!(
            "GET /rpc HTTP/1.1\r\nhost: {}\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
            self.address
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut head = Vec::new();
        let mut byte = [0u8; 1];
        while !head.ends_with(b"\r\n\r\n") {
            match stream.read(&mut byte) {
                Ok(1) => head.push(byte[0]),
                _ => break,
            }
        }
        match parse(&head).status {
            101 => Ok(WebSocket(stream)),
            other => Err(other),
        }
    }
}

fn parse(answer: &[u8]) -> Answer {
    let text = String::from_utf8_lossy(answer);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or(0);
    Answer { status, body: body.to_owned() }
}

/// A WebSocket by hand.
pub(crate) struct WebSocket(pub(crate) TcpStream);

impl WebSocket {
    /// Sends one frame, masked with zeros. `first` is its first byte: 0x81 for a whole text.
    pub(crate) fn frame(&mut self, first: u8, payload: &[u8]) -> std::io::Result<()> {
        let mut frame = vec![first];
        match payload.len() {
            short @ 0..126 => frame.push(0x80 | u8::try_from(short).unwrap()),
            long => {
                frame.push(0x80 | 127);
                frame.extend_from_slice(&u64::try_from(long).unwrap().to_be_bytes());
            }
        }
        frame.extend_from_slice(&[0; 4]);
        frame.extend_from_slice(payload);
        self.0.write_all(&frame)
    }

    /// The next frame: its first byte and what it carries.
    pub(crate) fn next(&mut self) -> std::io::Result<(u8, Vec<u8>)> {
        let mut head = [0u8; 2];
        self.0.read_exact(&mut head)?;
        let length = match head[1] {
            126 => {
                let mut two = [0u8; 2];
                self.0.read_exact(&mut two)?;
                u64::from(u16::from_be_bytes(two))
            }
            127 => {
                let mut eight = [0u8; 8];
                self.0.read_exact(&mut eight)?;
                u64::from_be_bytes(eight)
            }
            short => u64::from(short),
        };
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        self.0.read_exact(&mut payload)?;
        Ok((head[0], payload))
    }

    /// Asks and returns `error.data.code`, or `none`.
    pub(crate) fn ask(&mut self, request: &str) -> String {
        self.frame(0x81, request.as_bytes()).unwrap();
        loop {
            let (first, payload) = self.next().unwrap();
            let json: Value = serde_json::from_slice(&payload).unwrap_or(Value::Null);
            if first == 0x81 && json.get("id").is_some() {
                return json["error"]["data"]["code"].as_str().unwrap_or("none").to_owned();
            }
        }
    }

    /// The code with which the server closes.
    pub(crate) fn closed(&mut self) -> Option<u16> {
        loop {
            let (first, payload) = self.next().ok()?;
            if first == 0x88 {
                return Some(u16::from_be_bytes([*payload.first()?, *payload.get(1)?]));
            }
        }
    }
}
