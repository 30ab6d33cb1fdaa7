//! Configuration of a server, and the errors of its start.

pub use crate::proxy::{AddressHeader, Network, NetworkError, Proxies};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;
use wattle_rpc_types::limits::{
    BODY_TIMEOUT, CALL_TIMEOUT, HEADER_TIMEOUT, IDLE_TIMEOUT, PING_INTERVAL, SILENCE_MAX, WRITE_TIMEOUT,
};

/// How the interface behaves beyond its fixed limits.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Host names, without port, that requests may name beside loopback and the address listened on.
    pub allowed_hosts: Vec<String>,
    /// Origins, as `https://example.org`, whose pages may call. A page served from here always may.
    pub allowed_origins: Vec<String>,
    /// Proxies that say for whom they ask.
    pub proxies: Proxies,
    /// Time limits.
    pub timeouts: Timeouts,
}

/// Time limits of a connection. The defaults are in [`wattle_rpc_types::limits`].
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// To send the headers of the first request.
    pub header: Duration,
    /// Between an answer and the headers of the next request.
    pub idle: Duration,
    /// To send a request's body.
    pub body: Duration,
    /// For the work on one message.
    pub call: Duration,
    /// Beyond the time that the bytes owed take at the slowest allowed speed.
    pub write: Duration,
    /// Between pings of a WebSocket.
    pub ping: Duration,
    /// Without hearing from a WebSocket.
    pub silence: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            header: HEADER_TIMEOUT,
            idle: IDLE_TIMEOUT,
            body: BODY_TIMEOUT,
            call: CALL_TIMEOUT,
            write: WRITE_TIMEOUT,
            ping: PING_INTERVAL,
            silence: SILENCE_MAX,
        }
    }
}

/// Why the interface does not come up.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// No port could be had.
    #[error("cannot listen on {address}")]
    Bind {
        /// The wanted address.
        address: SocketAddr,
        /// The system's reason.
        #[source]
        source: std::io::Error,
    },
    /// The admin socket could not be made.
    #[error("cannot make the admin socket {}", path.display())]
    Socket {
        /// Its path.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: std::io::Error,
    },
    /// The description of the interface could not be written.
    #[error("cannot describe the interface")]
    Describe {
        /// The encoder's reason.
        #[source]
        source: serde_json::Error,
    },
}

impl Config {
    /// Whether a `Host` header names this node, which listens on `listen_ip`.
    pub(crate) fn allows_host(&self, host: &str, listen_ip: Option<IpAddr>) -> bool {
        let name = host_name(host);
        let bare = name.strip_prefix('[').and_then(|n| n.strip_suffix(']')).unwrap_or(name);
        let own = match bare.parse::<IpAddr>() {
            Ok(ip) => ip.is_loopback() || listen_ip == Some(ip),
            Err(_) => bare.eq_ignore_ascii_case("localhost"),
        };
        own || self.allowed_hosts.iter().any(|allowed| allowed.eq_ignore_ascii_case(bare))
    }
}

/// The host without its port: `[::1]:80` and `example.org:80` alike.
fn host_name(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    }
}
