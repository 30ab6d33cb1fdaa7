//! The methods without a listener.

use crate::backend::Backend;
use crate::config::{Limits, ServeError};
use crate::lanes::Client;
use crate::metrics::Metrics;
use crate::service::{NoStreams, Service};
use crate::wire;
use std::sync::Arc;
use wattle_rpc_types::limits::{BODY_BYTES_MAX, CALL_TIMEOUT};
use wattle_rpc_types::{Admin, RpcError};

/// Answers messages as a request of HTTP or of the admin socket would be answered, for programs that hold the node
/// themselves and for tests.
pub struct Local(Service);

impl Local {
    /// Methods of `backend`, and the orders of `admin` if it is given.
    ///
    /// # Errors
    /// [`ServeError::Describe`].
    pub fn new(
        backend: Arc<dyn Backend>,
        admin: Option<Arc<dyn Admin>>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, ServeError> {
        Service::new(backend, admin, metrics, Limits::default()).map(Self)
    }

    /// The answer to a request or batch; `None` when it holds notifications only.
    pub async fn answer(&self, message: &str) -> Option<String> {
        if message.len() > BODY_BYTES_MAX {
            let error = RpcError::limit("body size in bytes", BODY_BYTES_MAX);
            return Some(wire::failure("null", &error));
        }
        let itself = Client::Connection(0);
        self.0.answer(message, &mut NoStreams, itself, CALL_TIMEOUT).await.map(|answer| answer.text)
    }
}
