//! A client of a node's admin socket: one request on one connection.

use super::{ClientError, MESSAGE_CHARS_MAX, RESPONSE_BYTES_MAX, refused};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A node's admin socket.
#[derive(Clone, Debug)]
pub struct Socket {
    path: PathBuf,
    timeout: Duration,
}

#[derive(serde::Deserialize)]
struct Response {
    #[serde(default)]
    result: Option<Value>,
    #[serde(default)]
    error: Option<Refusal>,
}

#[derive(serde::Deserialize)]
struct Refusal {
    code: i32,
    message: String,
    #[serde(default)]
    data: Option<Box<RawValue>>,
}

impl Socket {
    /// The socket at `path`. Nothing is sent before the first call.
    ///
    /// - `timeout`: longest to wait for the next bytes of an answer.
    #[must_use]
    pub const fn new(path: PathBuf, timeout: Duration) -> Self {
        Self { path, timeout }
    }

    /// Any call, with named parameters (an object). Blocking.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn call(&self, method: &str, params: &Value) -> Result<Value, ClientError> {
        let endpoint = || self.path.display().to_string();
        let answer = self.exchange(method, params).map_err(|error| match error.kind() {
            std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut => {
                ClientError::Timeout { endpoint: endpoint(), method: method.to_owned() }
            }
            _ => ClientError::Unreachable { endpoint: endpoint(), detail: error.to_string() },
        })?;
        let unexpected =
            |detail: String| ClientError::Answer { endpoint: endpoint(), method: method.to_owned(), detail };
        let (head, body) =
            answer.split_once("\r\n\r\n").ok_or_else(|| unexpected("no HTTP answer".to_owned()))?;
        let response: Response = serde_json::from_str(body).map_err(|error| {
            let status: String =
                head.lines().next().unwrap_or_default().chars().take(MESSAGE_CHARS_MAX).collect();
            unexpected(format!("{status}: {error}"))
        })?;
        match (response.result, response.error) {
            (_, Some(error)) => Err(refused(error.code, &error.message, error.data.as_deref())),
            (Some(result), None) => Ok(result),
            (None, None) => Err(unexpected("neither result nor error".to_owned())),
        }
    }

    fn exchange(&self, method: &str, params: &Value) -> std::io::Result<String> {
        let mut stream =
            wattle_rpc::admin::with_short_path(&self.path, |path: &Path| UnixStream::connect(path))?;
        stream.set_read_timeout(Some(self.timeout))?;
        stream.set_write_timeout(Some(self.timeout))?;
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string();
        let request = format!(
            "POST /rpc HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes())?;
        let mut answer = String::new();
        stream.take(RESPONSE_BYTES_MAX.into()).read_to_string(&mut answer)?;
        Ok(answer)
    }
}
