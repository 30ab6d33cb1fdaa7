//! Reads of a state that follow an index or take several records together, for RPC, wallets and the driver; each stands
//! with its module.
//!
//! A record alone is read under its key: [`State::read`] and [`crate::keys`]. Everything here returns records as their
//! modules keep them; only the edge turns them into something else.
//!
//! [`State::read`]: crate::State::read

pub use crate::modules::deals::query::*;
pub use crate::modules::disputes::query::*;
pub use crate::modules::energy::query::*;
pub use crate::modules::identity::query::*;
pub use crate::modules::ledger::query::*;
pub use crate::modules::market::query::*;
pub use crate::modules::token::query::*;
pub use crate::modules::{PAGE_ITEMS_MAX, has_due};
