//! Configuration of a server, and the errors of its start.

pub use crate::proxy::{AddressHeader, Proxies};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;
use wattle_rpc_types::limits::{
    ANSWERS_BYTES_SHARED, BLOCKING_CALLS_MAX, BODIES_BYTES_SHARED, BODY_TIMEOUT, CALL_TIMEOUT,
    CONNECTIONS_MAX, CONNECTIONS_PER_ADDRESS_MAX, EVENT_READERS_MAX, HEADER_TIMEOUT, IDLE_TIMEOUT,
    LISTING_CALLS_MAX, PING_INTERVAL, SILENCE_MAX, SUBSCRIPTIONS_MAX, WEBSOCKETS_MAX, WRITE_TIMEOUT,
};

/// How the interface behaves beyond its fixed limits, which are part of what it promises to clients.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Host names, without port, that requests may name beside loopback and the address listened on.
    pub allowed_hosts: Vec<String>,
    /// Origins, as `https://example.org`, whose pages may call. A page served from here always may.
    pub allowed_origins: Vec<String>,
    /// Limits on clients' use of this machine.
    pub limits: Limits,
    /// Proxies that say for whom they ask.
    pub proxies: Proxies,
    /// Time limits.
    pub timeouts: Timeouts,
}

/// Limits on clients' use of this machine. The defaults are in [`wattle_rpc_types::limits`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most connections at once, HTTP and WebSocket together.
    pub connections_max: usize,
    /// Most connections of one address (IPv6: of one /64). Does not count for loopback.
    pub connections_per_address_max: usize,
    /// Most WebSocket connections at once: fewer than connections, so that plain requests always find a place.
    pub websockets_max: usize,
    /// Most subscriptions of one WebSocket connection.
    pub subscriptions_max: usize,
    /// Most bytes of larger request bodies, all connections together: at least the longest.
    pub bodies_bytes: usize,
    /// Most bytes of larger answers, all connections together: at least the longest.
    pub answers_bytes: usize,
    /// Most answers that are worked on at once.
    pub blocking_calls_max: usize,
    /// Most calls for part of a list at once; they are none of those.
    pub listing_calls_max: usize,
    /// Most threads that read events; fewer where that is more than half of the machine's.
    pub event_readers_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: CONNECTIONS_MAX,
            connections_per_address_max: CONNECTIONS_PER_ADDRESS_MAX,
            websockets_max: WEBSOCKETS_MAX,
            subscriptions_max: SUBSCRIPTIONS_MAX,
            bodies_bytes: BODIES_BYTES_SHARED,
            answers_bytes: ANSWERS_BYTES_SHARED,
            blocking_calls_max: BLOCKING_CALLS_MAX,
            listing_calls_max: LISTING_CALLS_MAX,
            event_readers_max: EVENT_READERS_MAX,
        }
    }
}

/// Time limits of a connection. The defaults are in [`wattle_rpc_types::limits`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
