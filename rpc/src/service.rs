//! Runs methods on the backend within the limits, and counts them.

use crate::backend::Backend;
use crate::budget::{Budget, Held};
use crate::config::{Limits, ServeError};
use crate::lanes::{Client, Lane, Work};
use crate::metrics::{Metrics, Refusal};
use crate::wire::{self, Call};
use crate::{events, openrpc, submit};
use serde_json::value::{RawValue, to_raw_value};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use wattle_primitives::planted;
use wattle_rpc_types::limits::{ANSWER_BYTES_FREE, BODY_BYTES_FREE};
use wattle_rpc_types::method::{Method, Reply, Run, find, reply};
use wattle_rpc_types::params::Params;
use wattle_rpc_types::{Admin, RpcError, RpcResult};

/// State shared by all connections of a listener.
pub(crate) struct Service {
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) limits: Limits,
    /// Memory for the bodies of requests.
    pub(crate) bodies: Budget,
    /// Only there on the admin socket.
    admin: Option<Arc<dyn Admin>>,
    answers: Budget,
    calls: Arc<Lane>,
    lists: Arc<Lane>,
    events: Arc<Lane>,
    discovery: Box<RawValue>,
}

/// An answer, and its share of the memory for answers.
pub(crate) struct Answer {
    pub(crate) text: String,
    pub(crate) held: Held,
}

impl Service {
    pub(crate) fn new(
        backend: Arc<dyn Backend>,
        admin: Option<Arc<dyn Admin>>,
        metrics: Arc<Metrics>,
        limits: Limits,
    ) -> Result<Self, ServeError> {
        let document = openrpc::document(admin.is_some());
        let discovery = to_raw_value(&document).map_err(|source| ServeError::Describe { source })?;
        Ok(Self {
            backend,
            metrics,
            limits,
            bodies: Budget::new(BODY_BYTES_FREE, limits.bodies_bytes),
            admin,
            answers: Budget::new(ANSWER_BYTES_FREE, limits.answers_bytes),
            calls: Lane::new(limits.blocking_calls_max),
            lists: Lane::new(limits.listing_calls_max),
            events: Lane::new(readers(limits.event_readers_max)),
            discovery,
        })
    }

    /// Answers one message within `limit`; `None` when it holds notifications only.
    pub(crate) async fn answer<S: Streams + Send>(
        &self,
        message: &str,
        streams: &mut S,
        client: Client,
        limit: Duration,
    ) -> Option<Answer> {
        let now = Instant::now();
        let deadline = now.checked_add(limit).unwrap_or(now);
        let mut caller = Caller { service: self, streams, client, limit, deadline, held: Held::default() };
        let text = wire::answer(message, &mut caller).await?;
        Some(Answer { text, held: caller.held })
    }

    /// Runs `action` on a blocking thread when it is the client's turn.
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        work: Work,
        client: Client,
        action: impl FnOnce(&dyn Backend) -> T + Send + 'static,
    ) -> RpcResult<T> {
        let (lane, reads) = match work {
            Work::Call => (&self.calls, None),
            Work::Page => (&self.lists, None),
            Work::New => (&self.events, Some("new")),
            Work::List => (&self.events, Some("list")),
            Work::History => (&self.events, Some("history")),
        };
        let lane = if planted!("one-lane-for-all", work != Work::Call) { &self.calls } else { lane };
        let turn = lane.queue(work, client).await.map_err(RpcError::internal)?;
        if let Some(kind) = reads {
            self.metrics.events_read(kind);
        }
        let backend = Arc::clone(&self.backend);
        let task = tokio::task::spawn_blocking(move || {
            let answer = action(&*backend);
            drop(turn); // held by the work and not by the waiter, who may be gone
            answer
        });
        task.await.map_err(|error| {
            tracing::error!(%error, "a query panicked");
            RpcError::internal("the query failed; see the node's log")
        })
    }

    /// Runs a method that needs no connection of its own. Parameters are taken apart where they are used, so that
    /// those who wait in line hold no more than the bytes they sent.
    async fn run(&self, method: &'static Method, params: Option<&RawValue>, client: Client) -> Reply {
        match method.run {
            Run::Query(query) | Run::List(query) => {
                let work = if matches!(method.run, Run::List(_)) { Work::Page } else { Work::Call };
                let params = params.map(RawValue::to_owned);
                self.blocking(work, client, move |backend| {
                    query.run(backend, Params::parse(params.as_deref(), method.params)?)
                })
                .await?
            }
            Run::ListEvents => {
                let params = params.map(RawValue::to_owned);
                let asked = self.blocking(Work::List, client, move |backend| {
                    events::List::asked(backend, &Params::parse(params.as_deref(), method.params)?)
                });
                let mut list = asked.await??;
                while !list.is_whole() {
                    list = self.blocking(Work::List, client, move |backend| list.read(backend)).await??;
                }
                reply(Ok(list.answer()))
            }
            Run::Admin(order) => {
                let Some(admin) = self.admin.clone() else {
                    return Err(RpcError::AdminOnly { method: method.name });
                };
                let params = Params::parse(params, method.params)?;
                self.blocking(Work::Call, client, move |_| order.run(&*admin, params)).await?
            }
            Run::Submit => submit::one(&*self.backend, Params::parse(params, method.params)?).await,
            Run::SubmitBatch => submit::batch(&*self.backend, Params::parse(params, method.params)?).await,
            Run::Discover => Params::parse(params, method.params).map(|_| self.discovery.clone()),
            Run::Subscribe | Run::Unsubscribe => Err(RpcError::InvalidRequest {
                detail: format!("{} needs a WebSocket; event_list works over HTTP", method.name),
            }),
        }
    }

    /// Counts a refusal that has a reason of its own.
    fn note(&self, error: &RpcError) {
        let reason = match error {
            RpcError::LimitExceeded { .. } => Refusal::Limit,
            RpcError::Busy { .. } => Refusal::Busy,
            RpcError::Timeout { .. } => Refusal::CallTimeout,
            RpcError::AdminOnly { .. } => Refusal::AdminOnly,
            _ => return,
        };
        self.metrics.refused(reason);
    }
}

/// Threads that read events: half of the machine's, so that there are as many for all else.
fn readers(most: usize) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    (cores / 2).clamp(1, most.max(1))
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

/// The way of one message to the methods.
struct Caller<'a, S> {
    service: &'a Service,
    streams: &'a mut S,
    client: Client,
    limit: Duration,
    deadline: Instant,
    held: Held,
}

impl<S: Streams + Send> Caller<'_, S> {
    async fn run(&mut self, method: &'static Method, params: Option<&RawValue>) -> Reply {
        if matches!(method.run, Run::Subscribe | Run::Unsubscribe)
            && let Some(reply) = self.streams.stream(method.run, &Params::parse(params, method.params)?)
        {
            return reply;
        }
        let limit_ms = u64::try_from(self.limit.as_millis()).unwrap_or(u64::MAX);
        let work = tokio::time::timeout_at(self.deadline, self.service.run(method, params, self.client));
        work.await.unwrap_or(Err(RpcError::Timeout { limit_ms }))
    }
}

impl<S: Streams + Send> Call for Caller<'_, S> {
    async fn call(&mut self, name: &str, params: Option<&RawValue>) -> Reply {
        let started = Instant::now();
        let Some(method) = find(name) else {
            self.service.metrics.request("unknown", true, started.elapsed().as_secs_f64());
            return Err(RpcError::MethodNotFound { method: name.chars().take(80).collect() });
        };
        let reply = self.run(method, params).await;
        if let Err(error) = &reply {
            self.service.note(error);
            if matches!(error, RpcError::Internal { .. }) {
                tracing::warn!(method = method.name, %error, "a request failed");
            }
        }
        self.service.metrics.request(method.name, reply.is_err(), started.elapsed().as_secs_f64());
        reply
    }

    fn note(&mut self, error: &RpcError) {
        self.service.note(error);
    }

    fn has_room(&mut self, bytes: usize) -> bool {
        let room = self.service.answers.cover(&mut self.held, bytes);
        if !room {
            self.service.metrics.refused(Refusal::Memory);
        }
        room
    }
}
