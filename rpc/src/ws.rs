//! One WebSocket connection: requests one after the other, subscriptions beside them.
//!
//! The connection reads its next message only when the answer to the last is written: a client that does not read is
//! not read from either. Streams fill one bounded channel and wait when it is full.

use crate::config::Timeouts;
use crate::events::{Step, Stream};
use crate::lanes::Client;
use crate::service::{Service, Streams};
use axum::extract::ws::{CloseFrame, Message, WebSocket, close_code};
use serde_json::value::to_raw_value;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use wattle_primitives::planted;
use wattle_rpc_types::RpcError;
use wattle_rpc_types::event::Notice;
use wattle_rpc_types::limits::NOTIFICATIONS_MAX;
use wattle_rpc_types::method::{Reply, Run};
use wattle_rpc_types::params::Params;

/// The subscriptions of one connection. Dropping it ends them.
struct Subscriptions {
    service: Arc<Service>,
    client: Client,
    out: mpsc::Sender<String>,
    running: BTreeMap<u64, AbortHandle>,
    last_id: u64,
    /// Opened by the message that is being answered: started after the answer, so that the id is known first.
    opened: Vec<(u64, Stream)>,
}

/// Serves a connection until either side ends it.
pub(crate) async fn serve(
    mut socket: WebSocket,
    service: Arc<Service>,
    client: Client,
    timeouts: Timeouts,
    stop: CancellationToken,
) {
    let (out, mut notices) = mpsc::channel(NOTIFICATIONS_MAX);
    let mut subscriptions = Subscriptions {
        service: Arc::clone(&service),
        client,
        out,
        running: BTreeMap::new(),
        last_id: 0,
        opened: Vec::new(),
    };
    let mut ping = interval(timeouts.ping);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut heard = Instant::now();
    loop {
        tokio::select! {
            message = socket.recv() => {
                heard = Instant::now();
                let text = match message {
                    Some(Ok(Message::Text(text))) => text,
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
                    Some(Ok(Message::Binary(_))) => {
                        return close(socket, close_code::UNSUPPORTED, "send text").await;
                    }
                    Some(Ok(Message::Close(_))) | None => return,
                    Some(Err(error)) => {
                        tracing::debug!(?client, %error, "a WebSocket failed");
                        return close(socket, close_code::POLICY, "message too large or malformed").await;
                    }
                };
                if let Some(answer) = service.answer(&text, &mut subscriptions, client, timeouts.call).await {
                    let sent = socket.send(Message::Text(answer.text.into())).await;
                    drop(answer.held); // the client has taken it, or is gone
                    if sent.is_err() {
                        return;
                    }
                }
                subscriptions.start();
            }
            Some(notice) = notices.recv() => {
                if socket.send(Message::Text(notice.into())).await.is_err() {
                    return;
                }
            }
            _ = ping.tick() => {
                if heard.elapsed() > timeouts.silence {
                    return close(socket, close_code::POLICY, "no answer to pings").await;
                }
                if socket.send(Message::Ping(Vec::new().into())).await.is_err() {
                    return;
                }
            }
            () = stop.cancelled() => {
                return close(socket, close_code::RESTART, "the node stops").await;
            }
        }
    }
}

async fn close(mut socket: WebSocket, code: u16, reason: &'static str) {
    let frame = CloseFrame { code, reason: reason.into() };
    if socket.send(Message::Close(Some(frame))).await.is_err() {
        tracing::trace!("the client was gone before it was told"); // which is what closing is for
    }
}

impl Streams for Subscriptions {
    fn stream(&mut self, run: Run, params: &Params) -> Option<Reply> {
        match run {
            Run::Subscribe => Some(self.open(params)),
            Run::Unsubscribe => Some(self.end(params)),
            Run::Query(_)
            | Run::List(_)
            | Run::Admin(_)
            | Run::ListEvents
            | Run::Submit
            | Run::SubmitBatch
            | Run::Discover => None,
        }
    }
}

impl Subscriptions {
    fn open(&mut self, params: &Params) -> Reply {
        self.running.retain(|_, task| !task.is_finished());
        let max = self.service.limits.subscriptions_max;
        if self.running.len().saturating_add(self.opened.len()) >= max {
            return Err(RpcError::limit("subscriptions of a connection", max));
        }
        let (from, filter) = (params.opt("fromHeight")?, params.filter()?);
        let head = *self.service.backend.subscribe_heights().borrow();
        self.last_id = self.last_id.saturating_add(1);
        self.opened.push((self.last_id, Stream::new(from, filter, head)));
        to_raw_value(&self.last_id.to_string()).map_err(RpcError::internal)
    }

    fn end(&mut self, params: &Params) -> Reply {
        let id: u64 = params.req::<wattle_primitives::Nonce>("subscription")?.0; // any unit reads the same
        let waiting = self.opened.len();
        self.opened.retain(|(opened, _)| *opened != id);
        let stopped = self.running.remove(&id).filter(|task| !task.is_finished());
        if let Some(task) = &stopped {
            task.abort();
        }
        to_raw_value(&(stopped.is_some() || self.opened.len() < waiting)).map_err(RpcError::internal)
    }

    fn start(&mut self) {
        for (id, stream) in self.opened.drain(..) {
            let pump = pump(Arc::clone(&self.service), self.client, id, stream, self.out.clone());
            let task = tokio::spawn(pump);
            self.running.insert(id, task.abort_handle());
        }
    }
}

impl Drop for Subscriptions {
    fn drop(&mut self) {
        for task in self.running.values() {
            task.abort();
        }
    }
}

/// Counts a subscription while it lives, however it ends.
struct Counted(Arc<Service>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.metrics.rpc_subscriptions.dec();
    }
}

/// Moves one stream's events to the connection, at the connection's speed: nothing is read for a client that does not
/// take what it is owed.
async fn pump(service: Arc<Service>, client: Client, id: u64, mut stream: Stream, out: mpsc::Sender<String>) {
    service.metrics.rpc_subscriptions.inc();
    let _counted = Counted(Arc::clone(&service));
    let mut heights = service.backend.subscribe_heights();
    loop {
        let unread = out.capacity() == 0;
        if unread {
            stream.held_up();
        }
        if !(unread && planted!("events-read-for-nobody")) && out.reserve().await.is_err() {
            return;
        }
        let head = *heights.borrow_and_update();
        if stream.has_all(head) {
            if heights.changed().await.is_err() {
                return;
            }
            continue;
        }
        let stepped = service.blocking(stream.work(), client, move |backend| {
            let step = stream.step(backend, head);
            (stream, step)
        });
        let Ok((moved, step)) = stepped.await else { return };
        stream = moved;
        let (notices, end) = match step {
            Step::Send(notices) => (notices, false),
            Step::End(notice) => (vec![notice], true),
        };
        for notice in notices {
            if out.capacity() == 0 {
                stream.held_up();
            }
            if out.send(notification(id, &notice)).await.is_err() {
                return;
            }
        }
        if end {
            return;
        }
    }
}

fn notification(id: u64, notice: &Notice) -> String {
    let params = serde_json::json!({ "subscription": id.to_string(), "result": notice });
    serde_json::json!({ "jsonrpc": "2.0", "method": "event_subscription", "params": params }).to_string()
}
