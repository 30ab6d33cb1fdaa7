//! Every method: its name, parameters, result and what it runs. Served, described and documented from these tables, one
//! for each module. The shape of a result is that of the type that the method returns.

mod account;
mod admin;
mod chain;
mod deals;
mod disputes;
mod energy;
mod event;
mod ledger;
mod market;
mod node;
mod tx;

use crate::backend::Backend;
use crate::params::{Field, Params};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use wattle_rpc_types::tx::{Submitted, SubmittedBatch};
use wattle_rpc_types::{Admin, RpcError, RpcResult};

pub(crate) use tx::{submit, submit_batch};

/// A reply, serialized once.
pub(crate) type Reply = RpcResult<Box<RawValue>>;

/// How a method runs.
#[derive(Clone, Copy)]
pub(crate) enum Run {
    /// A query, on a blocking thread.
    Query(&'static dyn Answer<dyn Backend>),
    /// An order of the operator, on a blocking thread; on the admin socket only.
    Admin(&'static dyn Answer<dyn Admin>),
    /// Offers one transaction.
    Submit,
    /// Offers several.
    SubmitBatch,
    /// Opens an event stream; WebSocket only.
    Subscribe,
    /// Ends one.
    Unsubscribe,
    /// Describes the interface.
    Discover,
}

/// One method.
pub(crate) struct Method {
    pub(crate) name: &'static str,
    pub(crate) summary: &'static str,
    /// In the order in which positional parameters are taken.
    pub(crate) params: &'static [Field],
    pub(crate) run: Run,
}

/// A function with the type of its result hidden.
pub(crate) trait Answer<B: ?Sized>: Sync {
    /// Runs it.
    fn run(&self, backend: &B, params: Params) -> Reply;

    /// The JSON shape of its result.
    fn shape(&self, shapes: &mut SchemaGenerator) -> Schema;
}

/// A function that answers a method.
struct Function<B: ?Sized, T>(fn(&B, Params) -> RpcResult<T>);

impl<B: ?Sized, T: Serialize + JsonSchema> Answer<B> for Function<B, T> {
    fn run(&self, backend: &B, params: Params) -> Reply {
        reply((self.0)(backend, params))
    }

    fn shape(&self, shapes: &mut SchemaGenerator) -> Schema {
        shape::<T>(shapes)
    }
}

impl Method {
    /// The JSON shape of its result.
    pub(crate) fn result(&self, shapes: &mut SchemaGenerator) -> Schema {
        match self.run {
            Run::Query(query) => query.shape(shapes),
            Run::Admin(order) => order.shape(shapes),
            Run::Submit => shape::<Submitted>(shapes),
            Run::SubmitBatch => shape::<SubmittedBatch>(shapes),
            Run::Subscribe => shape::<String>(shapes),
            Run::Unsubscribe => shape::<bool>(shapes),
            Run::Discover => shape::<serde_json::Map<String, serde_json::Value>>(shapes),
        }
    }
}

fn shape<T: JsonSchema>(shapes: &mut SchemaGenerator) -> Schema {
    shapes.subschema_for::<T>()
}

/// A parameter that must be there.
const fn req<T: JsonSchema>(name: &'static str) -> Field {
    Field { name, required: true, shape: shape::<T> }
}

/// A parameter that may be absent.
const fn opt<T: JsonSchema>(name: &'static str) -> Field {
    Field { name, required: false, shape: shape::<T> }
}

/// A page's first parameter.
const CURSOR: Field = opt::<String>("cursor");
/// A page's second parameter.
const LIMIT: Field = opt::<u32>("limit");

/// A query: name, summary, parameters, function.
macro_rules! query {
    ($name:literal, $summary:literal, [$($param:expr),*], $run:expr) => {
        $crate::methods::Method {
            name: $name,
            summary: $summary,
            params: &[$($param),*],
            run: $crate::methods::Run::Query(&$crate::methods::Function::<dyn $crate::backend::Backend, _>($run)),
        }
    };
}
use query;

/// The tables of what is served to everybody.
static MODULES: &[&[Method]] = &[
    chain::METHODS,
    account::METHODS,
    tx::METHODS,
    event::METHODS,
    energy::METHODS,
    market::METHODS,
    deals::METHODS,
    disputes::METHODS,
    ledger::METHODS,
    node::METHODS,
];

/// Every method for everybody.
pub(crate) fn all() -> impl Iterator<Item = &'static Method> {
    MODULES.iter().copied().flatten()
}

/// Every method of the operator.
pub(crate) fn admin() -> impl Iterator<Item = &'static Method> {
    admin::METHODS.iter()
}

/// The method with this name, for everybody or for the operator.
pub(crate) fn find(name: &str) -> Option<&'static Method> {
    all().chain(admin()).find(|method| method.name == name)
}

/// The names of all methods for everybody, for documentation and tools.
pub fn names() -> impl Iterator<Item = &'static str> {
    all().map(|method| method.name)
}

/// The names of the operator's methods, for documentation and tools.
pub fn admin_names() -> impl Iterator<Item = &'static str> {
    admin().map(|method| method.name)
}

/// A result as JSON.
fn reply<T: Serialize>(value: RpcResult<T>) -> Reply {
    to_raw_value(&value?).map_err(RpcError::internal)
}
