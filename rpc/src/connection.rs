//! Listeners and their connections: HTTP/1.1 over TCP for everybody, over a unix socket for the operator.

use crate::config::Timeouts;
use crate::io::TimedStream;
use crate::metrics::Refusal;
use crate::places::{PLACES_RETRY_MS, Place, Places};
use crate::wire;
use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::io::Write as _;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;
use wattle_rpc_types::RpcError;
use wattle_rpc_types::limits::{HEADER_BYTES_MAX, SHUTDOWN_GRACE};

/// Pause after a failed accept, most often for want of file descriptors: they come back when connections end.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Where clients come in.
pub(crate) enum Door {
    /// Anybody who reaches the port.
    Tcp(TcpListener),
    /// Processes of the user with this id, and root's.
    Unix(UnixListener, u32),
}

enum Arrived {
    Tcp(TcpStream, IpAddr),
    Unix(UnixStream),
}

impl Door {
    async fn next(&self) -> std::io::Result<Arrived> {
        match self {
            Self::Tcp(listener) => {
                listener.accept().await.map(|(stream, from)| Arrived::Tcp(stream, from.ip()))
            }
            Self::Unix(listener, _) => listener.accept().await.map(|(stream, _)| Arrived::Unix(stream)),
        }
    }

    /// The system tells whose process it is; the socket's mode keeps others out already.
    fn admits(&self, stream: &UnixStream) -> bool {
        let Self::Unix(_, owner) = self else { return false };
        stream.peer_cred().is_ok_and(|peer| peer.uid() == *owner || peer.uid() == 0)
    }
}

/// A listener that serves. Dropping it stops it without waiting.
#[derive(Debug)]
pub(crate) struct Running {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    /// Serves whoever comes in until `stop`.
    pub(crate) fn start(
        door: Door,
        places: Arc<Places>,
        timeouts: Timeouts,
        stop: CancellationToken,
        routes: Router,
    ) -> Self {
        let task = tokio::spawn(accept(door, places, timeouts, stop.clone(), routes));
        Self { stop, task }
    }

    /// Stops accepting, lets open requests finish for [`SHUTDOWN_GRACE`], then returns.
    pub(crate) async fn stop(&mut self) {
        self.stop.cancel();
        if let Err(error) = (&mut self.task).await {
            tracing::warn!(%error, "a listener ended badly");
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn accept(
    door: Door,
    places: Arc<Places>,
    timeouts: Timeouts,
    stop: CancellationToken,
    routes: Router,
) {
    let refusal = refusal();
    loop {
        let next = async {
            places.ripe().await;
            door.next().await
        };
        let arrived = tokio::select! {
            arrived = next => arrived,
            () = stop.cancelled() => break,
        };
        match arrived {
            Ok(Arrived::Tcp(stream, from)) => match places.take(Some(from)) {
                Some(place) => {
                    if let Err(error) = stream.set_nodelay(true) {
                        tracing::trace!(%error, "answers may be delayed");
                    }
                    tokio::spawn(serve(stream, place, routes.clone(), timeouts, stop.clone()));
                }
                None => refuse(stream, &refusal),
            },
            Ok(Arrived::Unix(stream)) => {
                if !door.admits(&stream) {
                    places.metrics.refused(Refusal::User);
                } else if let Some(place) = places.take(None) {
                    tokio::spawn(serve(stream, place, routes.clone(), timeouts, stop.clone()));
                }
            }
            Err(error) => {
                tracing::debug!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(door);
    if tokio::time::timeout(SHUTDOWN_GRACE, places.empty()).await.is_err() {
        tracing::debug!("connections were still open at the end of the grace period");
    }
}

/// Answer to a client for whom there is no place.
fn refusal() -> String {
    let error = RpcError::Busy { what: "every connection of this node", retry_after_ms: PLACES_RETRY_MS };
    let body = wire::failure("null", &error);
    format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\nretry-after: {}\r\n\
         connection: close\r\ncontent-length: {}\r\n\r\n{body}",
        PLACES_RETRY_MS.div_ceil(1000),
        body.len()
    )
}

/// Says so without waiting: a new socket has room for it.
fn refuse(stream: TcpStream, refusal: &str) {
    if let Ok(mut stream) = stream.into_std() {
        let told = stream.write_all(refusal.as_bytes());
        tracing::trace!(?told, "no place for a connection");
    }
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    place: Place,
    routes: Router,
    timeouts: Timeouts,
    stop: CancellationToken,
) {
    let place = Arc::new(place);
    let io = TokioIo::new(TimedStream::new(stream, timeouts.write));
    let held = Arc::clone(&place);
    let with_place = routes.map_request(move |mut request: hyper::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(Arc::clone(&held));
        request
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(timeouts.idle)
        .max_buf_size(HEADER_BYTES_MAX)
        .serve_connection(io, TowerToHyperService::new(with_place))
        .with_upgrades();
    let mut served = std::pin::pin!(served);
    let silent = async {
        tokio::time::sleep(timeouts.header).await;
        if place.has_asked() {
            std::future::pending::<()>().await;
        }
    };
    let result = tokio::select! {
        result = served.as_mut() => result,
        () = place.lost() => return,
        () = silent => return,
        () = stop.cancelled() => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = result {
        tracing::trace!(%error, "a connection ended badly");
    }
}
