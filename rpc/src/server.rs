//! The interface for everybody: one port for all routes, with its configuration, start and orderly end.

use crate::backend::Backend;
use crate::connection::{Door, accept};
use crate::http::{App, router};
use crate::metrics::Metrics;
use crate::places::Places;
use crate::service::Service;
use axum::Router;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use wattle_rpc_types::limits::{
    BODY_TIMEOUT, CALL_TIMEOUT, CONNECTIONS_MAX, CONNECTIONS_PER_ADDRESS_MAX, HEADER_TIMEOUT, IDLE_TIMEOUT,
    PING_INTERVAL, SILENCE_MAX, WRITE_TIMEOUT,
};

/// Where a node listens when nobody says otherwise.
pub const DEFAULT_PORT: u16 = 8645;
/// Ports that are tried above the wanted one when falling back.
pub const FALLBACK_PORTS: u16 = 64;

/// How the interface behaves beyond its fixed limits.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Host names, without port, that requests may name beside loopback and the address listened on.
    pub allowed_hosts: Vec<String>,
    /// Origins, as `https://example.org`, whose pages may call. A page served from here always may.
    pub allowed_origins: Vec<String>,
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
        /// What the system says about it.
        #[source]
        source: std::io::Error,
    },
    /// The admin socket could not be made.
    #[error("cannot make the admin socket {}", path.display())]
    Socket {
        /// Where.
        path: std::path::PathBuf,
        /// What the system says about it.
        #[source]
        source: std::io::Error,
    },
    /// The description of the interface could not be written.
    #[error("cannot describe the interface")]
    Describe {
        /// What failed.
        #[source]
        source: serde_json::Error,
    },
}

/// A running interface. Dropping it stops it without waiting.
#[derive(Debug)]
pub struct RpcServer {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
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

/// Listens on `address`. When its port is busy and `fallback` is set, tries the [`FALLBACK_PORTS`] above it; the
/// listener tells which it became.
///
/// # Errors
/// [`ServeError::Bind`] with what the system said about the wanted port.
pub async fn bind(address: SocketAddr, fallback: bool) -> Result<TcpListener, ServeError> {
    let wanted = match TcpListener::bind(address).await {
        Ok(listener) => return Ok(listener),
        Err(error) => error,
    };
    let ports = if fallback && wanted.kind() == std::io::ErrorKind::AddrInUse { FALLBACK_PORTS } else { 0 };
    for step in 1..=ports {
        let Some(port) = address.port().checked_add(step) else { break };
        if let Ok(listener) = TcpListener::bind(SocketAddr::new(address.ip(), port)).await {
            return Ok(listener);
        }
    }
    Err(ServeError::Bind { address, source: wanted })
}

impl RpcServer {
    /// Serves on `listener` until stopped. `pages` are further routes, `/` among them, that share the port and its
    /// guards.
    ///
    /// # Errors
    /// [`ServeError`].
    pub fn start(
        listener: TcpListener,
        config: Config,
        backend: Arc<dyn Backend>,
        metrics: Arc<Metrics>,
        pages: Option<Router>,
    ) -> Result<Self, ServeError> {
        let address = listener
            .local_addr()
            .map_err(|source| ServeError::Bind { address: SocketAddr::from(([0, 0, 0, 0], 0)), source })?;
        let listen_ip = Some(address.ip()).filter(|ip| !ip.is_unspecified());
        let service =
            Service::new(backend, None, metrics).map_err(|source| ServeError::Describe { source })?;
        let (stop, stopping) = watch::channel(false);
        let places = Places::new(CONNECTIONS_MAX, CONNECTIONS_PER_ADDRESS_MAX, Arc::clone(&service.metrics));
        let app = App::new(Arc::new(service), Arc::new(config), listen_ip, stopping);
        let routes = router(app.clone(), pages);
        let task = tokio::spawn(accept(Door::Tcp(listener), places, app, routes));
        Ok(Self { address, stop, task })
    }

    /// The address that is really listened on.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where JSON-RPC is served.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/rpc", self.address)
    }

    /// Where the block explorer is, when its pages are served.
    #[must_use]
    pub fn explorer_url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Stops accepting, lets open requests finish for [`SHUTDOWN_GRACE`], closes WebSockets, then returns.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        if let Err(error) = (&mut self.task).await {
            tracing::warn!(%error, "the interface ended badly");
        }
    }
}

impl Drop for RpcServer {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}
