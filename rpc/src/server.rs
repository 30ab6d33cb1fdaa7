//! The interface for everybody: one port for all routes, with its start and orderly end.

use crate::backend::Backend;
use crate::config::{Config, Limits, ServeError};
use crate::connection::{Door, Running};
use crate::http::{App, router};
use crate::metrics::Metrics;
use crate::places::Places;
use crate::service::Service;
use axum::Router;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;

/// Where a node listens when nobody says otherwise.
pub const DEFAULT_PORT: u16 = 8645;
/// Ports that are tried above the wanted one when falling back.
pub const FALLBACK_PORTS: u16 = 64;

/// A running interface. Dropping it stops it without waiting.
#[derive(Debug)]
pub struct RpcServer {
    address: SocketAddr,
    running: Running,
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
        let service = Arc::new(Service::new(backend, None, metrics, config.limits)?);
        let Limits { connections_max, connections_per_address_max, .. } = config.limits;
        let (proxies, metrics) = (config.proxies.clone(), Arc::clone(&service.metrics));
        let places = Places::new(connections_max, connections_per_address_max, proxies, metrics);
        let app = App::new(service, config, listen_ip);
        let routes = router(app.clone(), pages);
        let running = Running::start(Door::Tcp(listener), places, app.config.timeouts, app.stop, routes);
        Ok(Self { address, running })
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
        self.running.stop().await;
    }
}
