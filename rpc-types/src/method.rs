//! A method: its name, its parameters, the shape of its result, and what answers it. A module's table of them
//! stands beside its queries; they are served, described and documented from there.

use crate::event::EventList;
use crate::params::{Field, Params};
use crate::tx::{Submitted, SubmittedBatch};
use crate::{Admin, MODULES, Queries, RpcError, RpcResult, admin};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

/// A reply, serialized once.
pub type Reply = RpcResult<Box<RawValue>>;

/// How a method runs. What is more than a function from parameters to an answer is the server's to do.
#[derive(Clone, Copy)]
pub enum Run {
    /// A query, on a blocking thread.
    Query(&'static dyn Answer<dyn Queries>),
    /// A query for part of a list, on a blocking thread: it may look at far more than one thing.
    List(&'static dyn Answer<dyn Queries>),
    /// An order of the operator, on a blocking thread; on the admin socket only.
    Admin(&'static dyn Answer<dyn Admin>),
    /// Lists events up to the height that the server follows, on a blocking thread.
    ListEvents,
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
pub struct Method {
    /// Its name: `module_verb`.
    pub name: &'static str,
    /// Its answer, in a sentence.
    pub summary: &'static str,
    /// In the order in which positional parameters are taken.
    pub params: &'static [Field],
    /// How it runs.
    pub run: Run,
}

/// A function with the type of its result hidden.
pub trait Answer<B: ?Sized>: Sync {
    /// Runs it.
    ///
    /// # Errors
    /// Those of the function, and [`RpcError::InvalidParams`].
    fn run(&self, node: &B, params: Params) -> Reply;

    /// The JSON shape of its result.
    fn shape(&self, shapes: &mut SchemaGenerator) -> Schema;
}

/// A function that answers a method.
pub(crate) struct Function<B: ?Sized, T>(pub(crate) fn(&B, Params) -> RpcResult<T>);

impl<B: ?Sized, T: Serialize + JsonSchema> Answer<B> for Function<B, T> {
    fn run(&self, node: &B, params: Params) -> Reply {
        reply((self.0)(node, params))
    }

    fn shape(&self, shapes: &mut SchemaGenerator) -> Schema {
        shape::<T>(shapes)
    }
}

impl Method {
    /// The JSON shape of its result.
    pub fn result(&self, shapes: &mut SchemaGenerator) -> Schema {
        match self.run {
            Run::Query(query) | Run::List(query) => query.shape(shapes),
            Run::Admin(order) => order.shape(shapes),
            Run::ListEvents => shape::<EventList>(shapes),
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
pub(crate) const fn req<T: JsonSchema>(name: &'static str) -> Field {
    Field { name, required: true, shape: shape::<T> }
}

/// A parameter that may be absent.
pub(crate) const fn opt<T: JsonSchema>(name: &'static str) -> Field {
    Field { name, required: false, shape: shape::<T> }
}

/// A result as JSON.
///
/// # Errors
/// Those of `value`; [`RpcError::Internal`] when it cannot be written.
pub fn reply<T: Serialize>(value: RpcResult<T>) -> Reply {
    to_raw_value(&value?).map_err(RpcError::internal)
}

/// A method: name, summary, parameters as `req::<Type>("name")` or `opt::<Type>("name")`, and the variant of [`Run`].
macro_rules! method {
    ($name:literal, $summary:literal, [$($need:ident::<$type:ty>($param:literal)),*], $run:ident $(($how:expr))?) => {
        $crate::method::Method {
            name: $name,
            summary: $summary,
            params: &[$($crate::method::$need::<$type>($param)),*],
            run: $crate::method::Run::$run $(($how))?,
        }
    };
}

/// A method that asks a query: name, summary, and the query with its parameters; or the parameters, and a function of
/// the node and of them where they are not the query's own.
macro_rules! query {
    ($name:literal, $summary:literal, $query:ident($($need:ident::<$type:ty>($param:literal)),*)) => {
        query!($name, $summary, [$($need::<$type>($param)),*], |node, _params| {
            node.$query($(_params.$need::<$type>($param)?),*)
        })
    };
    ($name:literal, $summary:literal, $params:tt, $run:expr) => {
        method!($name, $summary, $params, Query(&$crate::method::Function::<dyn $crate::Queries, _>($run)))
    };
}

/// As `query!`, for one that answers with part of a list: `cursor` and `limit` come last.
macro_rules! list {
    ($name:literal, $summary:literal, $query:ident($($need:ident::<$type:ty>($param:literal)),*)) => {
        list!($name, $summary, [$($need::<$type>($param)),*], |node, params| {
            node.$query($(params.$need::<$type>($param)?,)* params.page()?)
        })
    };
    ($name:literal, $summary:literal, [$($need:ident::<$type:ty>($param:literal)),*], $run:expr) => {
        method!(
            $name,
            $summary,
            [$($need::<$type>($param),)* opt::<String>("cursor"), opt::<u32>("limit")],
            List(&$crate::method::Function::<dyn $crate::Queries, _>($run))
        )
    };
}

/// An order of the operator: name, summary, parameters, and a function of the node and of them.
macro_rules! order {
    ($name:literal, $summary:literal, $params:tt, $run:expr) => {
        method!($name, $summary, $params, Admin(&$crate::method::Function::<dyn $crate::Admin, _>($run)))
    };
}

/// Every method for everybody.
pub fn all() -> impl Iterator<Item = &'static Method> {
    MODULES.iter().copied().flatten()
}

/// Every method of the operator.
pub fn admin() -> impl Iterator<Item = &'static Method> {
    admin::METHODS.iter()
}

/// The method with this name, for everybody or for the operator.
#[must_use]
pub fn find(name: &str) -> Option<&'static Method> {
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
