//! A client of a node's admin socket: one request on one connection.

use super::{ClientError, MESSAGE_CHARS_MAX, RESPONSE_BYTES_MAX, refused};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::error::Error;
use std::os::unix::net::UnixStream as StdStream;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::net::UnixStream;

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
    /// - `timeout`: longest that one request may take.
    #[must_use]
    pub const fn new(path: PathBuf, timeout: Duration) -> Self {
        Self { path, timeout }
    }

    /// Any call, with named parameters (an object).
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn call(&self, method: &str, params: &Value) -> Result<Value, ClientError> {
        let endpoint = || self.path.display().to_string();
        let unexpected =
            |detail: String| ClientError::Answer { endpoint: endpoint(), method: method.to_owned(), detail };
        let answer = tokio::time::timeout(self.timeout, self.exchange(method, params)).await;
        let (status, body) = answer
            .map_err(|_| ClientError::Timeout { endpoint: endpoint(), method: method.to_owned() })?
            .map_err(|error| ClientError::Unreachable { endpoint: endpoint(), detail: error.to_string() })?;
        let response: Response = serde_json::from_slice(&body).map_err(|error| {
            unexpected(format!("{status}: {error}").chars().take(MESSAGE_CHARS_MAX).collect())
        })?;
        match (response.result, response.error) {
            (_, Some(error)) => Err(refused(error.code, &error.message, error.data.as_deref())),
            (Some(result), None) => Ok(result),
            (None, None) => Err(unexpected("neither result nor error".to_owned())),
        }
    }

    async fn exchange(
        &self,
        method: &str,
        params: &Value,
    ) -> Result<(StatusCode, Bytes), Box<dyn Error + Send + Sync>> {
        let stream =
            wattle_host::socket::with_short_path(&self.path, |short: &Path| StdStream::connect(short))?;
        stream.set_nonblocking(true)?;
        let io = TokioIo::new(UnixStream::from_std(stream)?);
        let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await?;
        tokio::spawn(connection); // ends when the sender goes
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string();
        let request = Request::post("/rpc")
            .header(HOST, "localhost")
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body)))?;
        let answer = sender.send_request(request).await?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), RESPONSE_BYTES_MAX as usize).collect().await?;
        Ok((status, body.to_bytes()))
    }
}
