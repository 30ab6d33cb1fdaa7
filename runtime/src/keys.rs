//! Every key in state, with the type of what stands under it; each stands with its module.

pub use crate::key::*;
pub use crate::modules::deals::keys::*;
pub use crate::modules::disputes::keys::*;
pub use crate::modules::energy::keys::*;
pub use crate::modules::identity::keys::*;
pub use crate::modules::ledger::keys::*;
pub use crate::modules::market::keys::*;
