//! What only the node's operator may do: the methods, and the unix socket on which alone they are served.
//!
//! The socket lies in the node's directory, mode 600, and takes connections of the directory's owner and of root. It
//! speaks JSON-RPC over HTTP as the port does, so that `curl --unix-socket` works, and serves every other method too.

use crate::backend::Backend;
use crate::connection::{Door, accept};
use crate::http::{App, admin_router};
use crate::methods::{Method, Run, reply};
use crate::metrics::Metrics;
use crate::params::{Count, Params};
use crate::places::Places;
use crate::schema::{Ty, opt, req};
use crate::server::{Config, ServeError};
use crate::service::Service;
use serde_json::json;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UnixListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use wattle_host::socket::with_short_path;
use wattle_rpc_types::limits::{
    ADMIN_CONNECTIONS_MAX, BAN_SECONDS_DEFAULT, BAN_SECONDS_MAX, LOG_FILTER_BYTES_MAX,
};
use wattle_rpc_types::{Admin, RpcError, RpcResult};

/// Mode of the socket.
const SOCKET_MODE: u32 = 0o600;

macro_rules! order {
    ($name:literal, $summary:literal, $params:expr, $result:expr, $run:expr) => {
        Method { name: $name, summary: $summary, params: $params, result: $result, run: Run::Admin($run) }
    };
}

/// Every method of the operator.
pub(crate) static ADMIN_METHODS: &[Method] = &[
    order!(
        "admin_nodeInfo",
        "What runs here, where its files are, and which of them belong in a backup.",
        &[],
        Ty::Ref("NodeInfo"),
        |admin, _| reply(admin.node_info())
    ),
    order!(
        "admin_addPeer",
        "Stays connected with the peer at a multiaddr until the node ends.",
        &[req("address", Ty::Str)],
        Ty::Ref("Done"),
        |admin, p| done(admin.add_peer(&p.get::<String>("address")?))
    ),
    order!(
        "admin_removePeer",
        "Stops staying connected with a peer and disconnects it.",
        &[req("peerId", Ty::Str)],
        Ty::Ref("Done"),
        |admin, p| done(admin.remove_peer(&p.get::<String>("peerId")?))
    ),
    order!(
        "admin_ban",
        "Disconnects a peer and refuses it for a time.",
        &[req("peerId", Ty::Str), opt("seconds", Ty::Int)],
        Ty::Ref("Done"),
        |admin, p| done(admin.ban_peer(&p.get::<String>("peerId")?, ban_time(&p)?))
    ),
    order!("admin_unban", "Ends a ban.", &[req("peerId", Ty::Str)], Ty::Ref("Done"), |admin, p| done(
        admin.unban_peer(&p.get::<String>("peerId")?)
    )),
    order!(
        "admin_setLogLevel",
        "Replaces the log's filter, such as info or warn,wattle_node=debug; answers the one before.",
        &[req("filter", Ty::Str)],
        Ty::Ref("LogFilter"),
        |admin, p| {
            let filter = p.get::<String>("filter")?;
            if filter.len() > LOG_FILTER_BYTES_MAX {
                let max = LOG_FILTER_BYTES_MAX as u64;
                return Err(RpcError::LimitExceeded { what: "log filter in bytes", max });
            }
            reply(admin.set_log_filter(&filter).map(|before| json!({ "filter": filter, "before": before })))
        }
    ),
    order!("admin_stop", "Stops the node in order.", &[], Ty::Ref("Done"), |admin, _| done(admin.stop())),
];

/// The names of the operator's methods, for documentation and tools.
pub fn names() -> impl Iterator<Item = &'static str> {
    ADMIN_METHODS.iter().map(|method| method.name)
}

fn done(result: RpcResult<()>) -> crate::methods::Reply {
    reply(result.map(|()| json!({ "done": true })))
}

fn ban_time(params: &Params) -> RpcResult<Duration> {
    let seconds = params.find::<Count>("seconds")?.map_or(BAN_SECONDS_DEFAULT, |count| count.0);
    if !(1..=BAN_SECONDS_MAX).contains(&seconds) {
        return Err(RpcError::params(format!("parameter \"seconds\" must be 1 to {BAN_SECONDS_MAX}")));
    }
    Ok(Duration::from_secs(seconds.into()))
}

/// The running admin socket. Dropping it stops it without waiting and removes the socket.
#[derive(Debug)]
pub struct AdminServer {
    path: PathBuf,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
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
        let places = Places::new(ADMIN_CONNECTIONS_MAX, ADMIN_CONNECTIONS_MAX, Arc::clone(&metrics));
        let service =
            Service::new(backend, Some(admin), metrics).map_err(|source| ServeError::Describe { source })?;
        let (stop, stopping) = watch::channel(false);
        let app = App::new(Arc::new(service), Arc::new(Config::default()), None, stopping);
        let task = tokio::spawn(accept(Door::Unix(listener, owner), places, app.clone(), admin_router(app)));
        Ok(Self { path: path.to_owned(), stop, task })
    }

    /// Where it listens.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Stops accepting and lets open requests finish.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        if let Err(error) = (&mut self.task).await {
            tracing::warn!(%error, "the admin socket ended badly");
        }
    }
}

impl Drop for AdminServer {
    fn drop(&mut self) {
        self.stop.send_replace(true);
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
