//! A device's durable state: one file with a checksum, replaced as a whole and synced.
//!
//! Which tokens were taken, the credit that they gave and that the chain is still to hear of them change in one write.
//! So after a power cut a token is either unspent or spent, credited and to be reported.

use super::Answer;
use super::counter::Counter;
use super::credit::Credit;
use super::time::OwnTime;
use openpaygo::device::State as Tokens;
use openpaygo::{Count, OLDER_WINDOW, Secret, Window};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use wattle_host::FileError;
use wattle_primitives::call::paygo::{Token, TokenKind, WINDOW};
use wattle_primitives::state_key::{DeviceRecord, DeviceStatus};
use wattle_primitives::{AssetId, Hash, TimeMs, WattHours};

/// Name of the file in the data directory.
const FILE: &str = "paygo.json";
/// Redemptions that may wait for the chain.
pub(super) const WAITING_MAX: usize = 512;
/// Redemptions that are shown.
const SHOWN_MAX: usize = 8;

/// Everything about a device but its tokens, which are sealed under its own key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct State {
    pub(crate) credit: Credit,
    pub(crate) time: OwnTime,
    /// How far consumption is drawn; `None` before the meter was read for the first time.
    pub(crate) counter: Option<Counter>,
    /// Redemptions that the chain is not proven to have, in the order in which they were made.
    pub(crate) waiting: Vec<Redeemed>,
    /// The newest redemptions, the last one last.
    pub(crate) last: Vec<Redeemed>,
    /// The chain's record of the device, as last proven.
    pub(crate) chain: Option<Known>,
    /// The chain's credit is to be taken over once it has all redemptions.
    pub(crate) adopt: bool,
    /// The order obeyed last, and what came of it.
    pub(crate) answered: Option<(Hash, Answer)>,
}

/// A token that was taken, without its digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Redeemed {
    /// The token.
    pub(crate) token: Token,
    /// When, where the time was known.
    pub(crate) time_ms: Option<TimeMs>,
}

/// The chain's record of the device, in brief.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Known {
    /// Highest count that it has taken.
    pub(crate) count: u32,
    /// Which of those below are used, the next one in the lowest bit.
    pub(crate) used: u16,
    /// Energy that tokens have given it in all.
    pub(crate) given: WattHours,
    /// In which asset its energy is held.
    pub(crate) asset: AssetId,
    /// Nothing is issued for it.
    pub(crate) suspended: bool,
}

impl Known {
    pub(super) fn of(record: &DeviceRecord, given: WattHours) -> Self {
        let suspended = record.status == DeviceStatus::Suspended;
        Self { count: record.count, used: record.used, given, asset: record.asset, suspended }
    }

    /// Whether a count is used up, or too old to be taken.
    pub(super) fn has(&self, count: u32) -> bool {
        match self.count.checked_sub(count) {
            None => false,
            Some(0) => true,
            Some(back) => self.used.checked_shr(back.saturating_sub(1)).is_none_or(|bits| bits & 1 == 1),
        }
    }

    /// Whether the chain will never take a token's redemption any more: it has it, or what came later made it void.
    pub(super) fn is_over(&self, token: &Token) -> bool {
        let behind = self.count.saturating_sub(token.count);
        let void = behind > 0 && token.kind != TokenKind::Add || behind >= WINDOW;
        void || self.has(token.count)
    }

    /// The counts that it can tell of.
    pub(super) fn counts(&self) -> impl Iterator<Item = u32> {
        self.count.saturating_sub(OLDER_WINDOW).max(1)..=self.count
    }
}

/// The file.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Kept {
    device: Hash,
    /// Window and lockout, in hex.
    tokens: String,
    state: State,
}

/// Why a kept state cannot be gone on from.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// Going on without it would take tokens again.
    #[error(
        "{} is damaged, or another device's or key's: remove it, and set paygo.count to the count that the chain has",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
    },
}

impl State {
    const NEW: Self = Self {
        credit: Credit::NONE,
        time: OwnTime { passed_ms: 0, clock_ms: None, powered_ms: 0 },
        counter: None,
        waiting: Vec::new(),
        last: Vec::new(),
        chain: None,
        adopt: false,
        answered: None,
    };

    /// Whether no token was ever taken.
    pub(super) const fn is_new(&self) -> bool {
        self.last.is_empty()
    }

    /// Notes a redemption, to be shown and to be reported.
    pub(super) fn note(&mut self, redeemed: Redeemed) {
        self.waiting.push(redeemed);
        self.last.push(redeemed);
        let old = self.last.len().saturating_sub(SHOWN_MAX);
        self.last.drain(..old);
    }
}

/// The state kept in `dir`; that of a device from the factory at `count` where none is.
///
/// # Errors
/// [`StateError::Damaged`].
pub(super) fn load(
    dir: &Path,
    device: &Hash,
    secret: &Secret,
    count: Count,
) -> Result<(State, Tokens), StateError> {
    let path = dir.join(FILE);
    if !path.exists() {
        let older = (1..=OLDER_WINDOW).map(|back| count.minus(back));
        let window = Window::with_used(count, older);
        return Ok((State::NEW, Tokens { window, ..Tokens::new(count) }));
    }
    let kept = crate::files::read(&path).and_then(|text| serde_json::from_str::<Kept>(&text).ok());
    let whole = kept.filter(|kept| kept.device == *device).and_then(|kept| {
        let tokens = Tokens::from_bytes(secret, &hex::decode(&kept.tokens).ok()?).ok()?;
        Some((kept.state, tokens))
    });
    whole.ok_or(StateError::Damaged { path })
}

/// Makes it durable. Returns the bytes that were written.
///
/// # Errors
/// The disk's.
pub(super) fn keep(dir: &Path, device: &Hash, state: &State, tokens: &[u8]) -> Result<u64, FileError> {
    let path = dir.join(FILE);
    let kept = Kept { device: *device, tokens: hex::encode(tokens), state: state.clone() };
    let text = serde_json::to_string(&kept).map_err(|e| FileError::io("write", &path)(e.into()))?;
    crate::files::replace(&path, &text, wattle_host::file::PRIVATE)?;
    Ok(crate::files::written_bytes(&text))
}

/// The order obeyed last in `dir`, and what came of it.
pub(crate) fn answered(dir: &Path) -> Option<(Hash, Answer)> {
    let text = crate::files::read(&dir.join(FILE))?;
    serde_json::from_str::<Kept>(&text).ok()?.state.answered
}
