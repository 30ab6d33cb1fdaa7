//! The unix socket on which alone the operator's methods are served.
//!
//! It lies in the node's directory, mode 600, and takes connections of the directory's owner and of root. It
//! speaks JSON-RPC over HTTP as the port does, so that `curl --unix-socket` works, and serves every other method too.

use crate::backend::Backend;
use crate::config::{Config, Limits, Proxies, ServeError};
use crate::connection::{Door, Running};
use crate::http::{App, admin_router};
use crate::metrics::Metrics;
use crate::places::Places;
use crate::service::Service;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::net::UnixListener;
use wattle_host::socket::with_short_path;
use wattle_rpc_types::Admin;
use wattle_rpc_types::limits::ADMIN_CONNECTIONS_MAX;

/// Mode of the socket.
const SOCKET_MODE: u32 = 0o600;

/// The running admin socket. Dropping it stops it without waiting and removes the socket.
#[derive(Debug)]
pub struct AdminServer {
    path: PathBuf,
    running: Running,
}

impl AdminServer {
    /// Serves at `path`. A socket that is there already is removed: the caller holds the lock of the directory, so
    /// that nobody else listens on it.
    ///
    /// # Errors
    /// [`ServeError`].
    pub fn start(
        path: &Path,
        backend: Arc<dyn Backend>,
        admin: Arc<dyn Admin>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, ServeError> {
        let failed = |source| ServeError::Socket { path: path.to_owned(), source };
        let listener = listen(path).map_err(failed)?;
        let owner = std::fs::metadata(path).map_err(failed)?.uid();
        let (most, none) = (ADMIN_CONNECTIONS_MAX, Proxies::default());
        let places = Places::new(most, most, none, Arc::clone(&metrics));
        let service = Service::new(backend, Some(admin), metrics, Limits::default())?;
        let app = App::new(Arc::new(service), Config::default(), None);
        let (timeouts, stop) = (app.config.timeouts, app.stop.clone());
        let running = Running::start(Door::Unix(listener, owner), places, timeouts, stop, admin_router(app));
        Ok(Self { path: path.to_owned(), running })
    }

    /// Where it listens.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Stops accepting and lets open requests finish.
    pub async fn stop(mut self) {
        self.running.stop().await;
    }
}

impl Drop for AdminServer {
    fn drop(&mut self) {
        // Gone already, or removed by the next start.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Makes the socket. A file there that is no socket is left alone.
fn listen(path: &Path) -> std::io::Result<UnixListener> {
    match std::fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => std::fs::remove_file(path)?,
        Ok(_) => return Err(std::io::ErrorKind::AlreadyExists.into()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let listener = with_short_path(path, |short| UnixListener::bind(short))?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(SOCKET_MODE))?;
    Ok(listener)
}
