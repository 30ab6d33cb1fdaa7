//! Runs methods on the backend within the limits, and counts them.

use crate::backend::Backend;
use crate::error::RpcError;
use crate::limits::BLOCKING_CALLS_MAX;
use crate::methods::{self, Method, Reply, Run};
use crate::metrics::Metrics;
use crate::params::Params;
use crate::wire::Call;
use crate::{RpcResult, openrpc};
use serde_json::value::RawValue;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::Semaphore;

/// What all connections share.
pub(crate) struct Service {
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) metrics: Arc<Metrics>,
    blocking: Arc<Semaphore>,
    discovery: Box<RawValue>,
}

impl Service {
    pub(crate) fn new(backend: Arc<dyn Backend>, metrics: Arc<Metrics>) -> serde_json::Result<Self> {
        let discovery = serde_json::value::to_raw_value(&openrpc::document())?;
        Ok(Self { backend, metrics, blocking: Arc::new(Semaphore::new(BLOCKING_CALLS_MAX)), discovery })
    }

    /// Runs `work` on a blocking thread; waits while [`BLOCKING_CALLS_MAX`] are at work.
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn Backend) -> T + Send + 'static,
    ) -> RpcResult<T> {
        let permit = Arc::clone(&self.blocking).acquire_owned().await.map_err(RpcError::internal)?;
        let backend = Arc::clone(&self.backend);
        let task = tokio::task::spawn_blocking(move || {
            let answer = work(&*backend);
            drop(permit); // held by the work and not by the waiter, who may be gone
            answer
        });
        task.await.map_err(|error| {
            tracing::error!(%error, "a query panicked");
            RpcError::internal("the query failed; see the node's log")
        })
    }

    /// Runs a method that needs no connection of its own.
    async fn run(&self, method: &'static Method, params: Params) -> Reply {
        match method.run {
            Run::Query(query) => self.blocking(move |backend| query(backend, params)).await?,
            Run::Submit => methods::submit(&*self.backend, params).await,
            Run::SubmitBatch => methods::submit_batch(&*self.backend, params).await,
            Run::Discover => Ok(self.discovery.clone()),
            Run::Subscribe | Run::Unsubscribe => Err(RpcError::InvalidRequest {
                detail: format!("{} needs a WebSocket; event_list works over HTTP", method.name),
            }),
        }
    }
}

/// Handles what is special about a connection: its subscriptions.
pub(crate) trait Streams {
    /// Opens or ends a stream.
    fn stream(&mut self, run: Run, params: &Params) -> Option<Reply>;
}

/// Plain HTTP has none.
pub(crate) struct NoStreams;

impl Streams for NoStreams {
    fn stream(&mut self, _run: Run, _params: &Params) -> Option<Reply> {
        None
    }
}

/// A connection's way to the methods.
pub(crate) struct Caller<'a, S> {
    pub(crate) service: &'a Service,
    pub(crate) streams: &'a mut S,
}

impl<S: Streams + Send> Call for Caller<'_, S> {
    async fn call(&mut self, name: &str, params: Option<&RawValue>) -> Reply {
        let started = Instant::now();
        let Some(method) = methods::find(name) else {
            self.service.metrics.request("unknown", true, started.elapsed().as_secs_f64());
            return Err(RpcError::MethodNotFound { method: name.chars().take(80).collect() });
        };
        let reply = match Params::parse(params, method.params) {
            Ok(params) => match self.streams.stream(method.run, &params) {
                Some(reply) => reply,
                None => self.service.run(method, params).await,
            },
            Err(error) => Err(error),
        };
        if let Err(error @ RpcError::Internal { .. }) = &reply {
            tracing::warn!(method = method.name, %error, "a request failed");
        }
        self.service.metrics.request(method.name, reply.is_err(), started.elapsed().as_secs_f64());
        reply
    }
}
