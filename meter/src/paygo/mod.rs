//! Pay-as-you-go: the light node as a device that takes tokens.
//!
//! ```text
//! page, command ──digits──▶ take ──▶ paygo.json ──▶ answer ──▶ relay
//! meter's counter, time ──▶ tick ──────▲  ▲
//! chain: proven record ───▶ learn ────────┘  ──▶ report (redemptions, signed)
//! ```
//! - A token is decoded without a network, and what it does is durable before it is told or acted on.
//! - Errors lock the device, over power cuts too: [`openpaygo::device`].
//! - [`counter`] draws energy, [`time`] counts time, [`credit`] knows what is left.
//! - [`learn`] takes in what others have reported for the device; `report` brings its own redemptions to the chain.
//!
//! Neither the secret nor a typed token is in a log, on the status page or in a file here; an order's file holds the
//! digits until it is obeyed.

mod counter;
mod credit;
mod device;
mod learn;
pub(crate) mod order;
mod report;
mod secret;
mod state;
mod status;
#[cfg(test)]
mod tests;
mod time;

pub(crate) use device::{Look, Paygo};
pub(crate) use learn::Proven;
pub(crate) use report::Reporter;
pub use secret::SecretFileError;
pub(crate) use secret::load as load_secret;
pub use state::StateError;
pub(crate) use state::answered;
pub(crate) use status::PaygoStatus;
#[cfg(test)]
pub(crate) use status::RedemptionFacts;

use openpaygo::{Count, Keypad, Kind};
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::oneshot;
use wattle_host::FileError;
use wattle_primitives::{Hash, WattHours};

/// Unit of a device's credit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Energy, in Wh.
    #[default]
    WattHours,
    /// Time, in ms.
    Time,
}

/// The operator's settings. Amounts are Wh, or ms of time.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    /// Its id on the chain.
    pub(crate) device: Hash,
    pub(crate) unit: Unit,
    /// Size of a unit.
    pub(crate) unit_size: u64,
    /// Raw units of a unit.
    pub(crate) divider: u16,
    pub(crate) keypad: Keypad,
    /// Count of a device that has no state yet.
    pub(crate) count: Count,
    /// Warns from so much credit on.
    pub(crate) low: u64,
    /// Supplied beyond credit.
    pub(crate) grace: u64,
    /// Supplied beyond that while the chain is out of reach.
    pub(crate) offline_grant: u64,
}

impl Rules {
    /// Size of what a token counts.
    pub(crate) fn raw(&self) -> u64 {
        self.unit_size.checked_div(self.divider.into()).unwrap_or(0) // not zero: checked by the configuration
    }
}

/// Answer to a token that was typed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub(crate) enum Answer {
    /// It was taken.
    Taken {
        /// Its kind: `add`, `set`, `disable` or `sync`.
        kind: String,
        /// Credit that is left.
        credit: Left,
    },
    /// It was taken before, or a later one has made it void. No error.
    AlreadyUsed,
    /// It is none of this device's.
    Invalid {
        /// For so long nothing more is looked at, ms.
        locked_ms: u64,
    },
    /// It was not looked at: too many errors before it.
    Locked {
        /// For how much longer, ms.
        locked_ms: u64,
    },
    /// The digits cannot be a token. No error, and not looked at.
    NotAToken {
        /// Why not.
        why: String,
    },
    /// It was not looked at, and is not spent: too many wait to be reported.
    TooMany,
}

/// Credit that is left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Left {
    /// Energy; `None` for a device that counts time.
    pub(crate) wh: Option<WattHours>,
    /// Time, ms; `None` for a device that counts energy.
    pub(crate) ms: Option<u64>,
    /// Payment control has ended.
    pub(crate) unlocked: bool,
}

/// A token that somebody typed, and who waits for what comes of it.
pub(crate) struct Typed {
    pub(crate) digits: String,
    pub(crate) answer: oneshot::Sender<Result<Answer, FileError>>,
}

/// A device shared between its own loop and the chain's.
pub(crate) type SharedPaygo = Arc<Mutex<Paygo>>;

/// Runs `work` on the device in a thread that may wait for the disk; `None` when that was lost.
pub(crate) async fn with_paygo<T: Send + 'static>(
    paygo: &SharedPaygo,
    work: impl FnOnce(&mut Paygo) -> T + Send + 'static,
) -> Option<T> {
    let paygo = Arc::clone(paygo);
    let work = move || work(&mut paygo.lock().unwrap_or_else(PoisonError::into_inner));
    tokio::task::spawn_blocking(work).await.ok()
}

/// Name of a kind, as it is shown.
fn name(kind: Kind) -> String {
    kind.name().to_owned()
}
