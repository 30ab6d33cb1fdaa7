//! The device: takes tokens, draws what is used, keeps what it must.

use super::counter::Counter;
use super::state::{self, Redeemed, State, WAITING_MAX};
use super::{Answer, Left, Rules, StateError, Unit, name};
use openpaygo::device::{Applied, NotEvaluated, State as Tokens};
use openpaygo::{Command, Count, Device, Format, Outcome, Secret, Token};
use std::path::{Path, PathBuf};
use wattle_host::FileError;
use wattle_primitives::call::paygo::{Token as Named, TokenKind, derived_nonce};
use wattle_primitives::{Address, Hash, TimeMs, WattHours, planted};

/// Between two writes for what was drawn, or for time under lockout that only power counts, in ms.
const KEEP_MS: u64 = 60_000;
/// Time that a device without a clock pays for in advance: what a power cut leaves of it is lost, in ms. Otherwise who
/// pulls the plug in time would never pay.
pub(super) const ADVANCE_MS: u64 = 300_000;

/// A look of the device's at time, meter and chain.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Look {
    /// Monotonic ms since the start.
    pub(crate) uptime_ms: u64,
    /// The time, where it is known.
    pub(crate) clock: Option<TimeMs>,
    /// The meter and its import counter, where it was read.
    pub(crate) import: Option<(Address, WattHours)>,
    /// Whether the chain was heard of lately.
    pub(crate) online: bool,
}

/// A light node as a device.
pub(crate) struct Paygo {
    pub(super) rules: Rules,
    dir: PathBuf,
    /// A second copy, for nonces: the other one is the device's.
    secret: Secret,
    pub(super) device: Device,
    pub(super) state: State,
    /// The state on the disk.
    kept: Option<State>,
    kept_ms: u64,
    pub(super) look: Look,
    /// Bytes of pages written since the last time that they were asked for.
    written: u64,
    /// Where the chain's record and the settings differ.
    pub(super) mismatch: Option<&'static str>,
}

impl Paygo {
    /// The device as it is kept in `dir`. Derives its codes, which takes a second where its count is high.
    ///
    /// # Errors
    /// [`StateError`].
    pub(crate) fn open(dir: &Path, rules: Rules, secret: Secret, look: Look) -> Result<Self, StateError> {
        let (state, tokens) = state::load(dir, &rules.device, &secret, rules.count)?;
        let device = Device::new(secret.duplicate(), tokens);
        let dir = dir.to_owned();
        Ok(Self {
            rules,
            dir,
            secret,
            device,
            state,
            kept: None,
            kept_ms: 0,
            look,
            written: 0,
            mismatch: None,
        })
    }

    /// Takes in time, meter and chain, and keeps what is due.
    ///
    /// # Errors
    /// The disk's: what was drawn is drawn again after a crash, from the same counter.
    pub(crate) fn tick(&mut self, look: Look) -> Result<(), FileError> {
        self.see(look);
        if self.is_keeping_due() { self.keep(self.state.clone(), self.device.state()) } else { Ok(()) }
    }

    /// Draws what was used up to this look.
    fn see(&mut self, look: Look) {
        let powered_ms = look.uptime_ms.saturating_sub(self.look.uptime_ms);
        let passed_ms = self.state.time.advance(powered_ms, look.clock);
        self.look = look;
        match (self.rules.unit, look.import) {
            (Unit::Time, _) => self.state.credit.draw(passed_ms),
            (Unit::WattHours, None) => {}
            (Unit::WattHours, Some((meter, shown))) => {
                let here = Counter::new(meter, shown);
                let counter = self.state.counter.get_or_insert(here);
                if self.state.credit.unlocked {
                    *counter = here; // nothing of it is drawn, not even when control is resumed
                } else {
                    self.state.credit.draw(counter.advance(meter, shown));
                }
            }
        }
    }

    fn is_keeping_due(&self) -> bool {
        let Some(kept) = &self.kept else { return true }; // a start
        let since_ms = self.look.uptime_ms.saturating_sub(self.kept_ms);
        let (without_clock, credit) = (self.look.clock.is_none(), &self.state.credit);
        let runs_out = without_clock && self.rules.unit == Unit::Time && !credit.unlocked && self.supplies();
        let waits = without_clock && self.locked_ms() > 0;
        let drawn = self.state.counter != kept.counter;
        let found = self.state.counter.is_some() != kept.counter.is_some()
            || self.state.time.clock_ms.is_some() != kept.time.clock_ms.is_some();
        found
            || runs_out && since_ms >= ADVANCE_MS
            || (waits && !planted!("light-lockout-forgotten") || drawn) && since_ms >= KEEP_MS
    }

    /// Makes a state durable, and goes on from it only then.
    ///
    /// # Errors
    /// The disk's; nothing has changed.
    pub(super) fn keep(&mut self, next: State, tokens: Tokens) -> Result<(), FileError> {
        let mut durable = next.clone();
        if self.look.clock.is_none() && self.rules.unit == Unit::Time {
            durable.credit.draw(ADVANCE_MS);
            durable.time.powered_ms = durable.time.powered_ms.saturating_add(ADVANCE_MS);
        }
        if !planted!("light-token-answered-unkept") {
            let tokens = self.device.state_bytes(tokens);
            let bytes = state::keep(&self.dir, &self.rules.device, &durable, &tokens)?;
            self.written = self.written.saturating_add(bytes);
        }
        (self.kept, self.kept_ms) = (Some(next.clone()), self.look.uptime_ms);
        self.state = next;
        self.device.commit(tokens);
        Ok(())
    }

    /// Takes what somebody typed. `order` is the order that it came by, if it was one. What the answer says is durable.
    ///
    /// # Errors
    /// The disk's; then the token is not spent.
    pub(crate) fn take(
        &mut self,
        digits: &str,
        look: Look,
        order: Option<Hash>,
    ) -> Result<Answer, FileError> {
        self.see(look);
        let (answer, mut next, tokens) = self.judge(digits);
        // A used token, or one that was not looked at, changes nothing: typing it again and again wears no card out.
        let changes = matches!(answer, Answer::Taken { .. } | Answer::Invalid { .. });
        if let Some(order) = order {
            next.answered = Some((order, answer.clone()));
        }
        if changes || order.is_some() {
            self.keep(next, tokens)?;
        }
        Ok(answer)
    }

    /// The answer to a token, and the state after it. Changes nothing.
    fn judge(&self, digits: &str) -> (Answer, State, Tokens) {
        let (mut next, before) = (self.state.clone(), self.device.state());
        let keypad = self.rules.keypad;
        let wanted = Format { keypad, ..Format::STANDARD }.digits();
        let token = match Token::parse(digits, keypad) {
            Ok(token) if typed(digits) == wanted => token,
            Ok(_) => return (not(format!("a token has {wanted} digits")), next, before),
            Err(error) => return (not(error.to_string()), next, before),
        };
        if next.waiting.len() >= WAITING_MAX {
            return (Answer::TooMany, next, before);
        }
        let Applied { outcome, state: tokens } = match self.device.apply(token, next.time.passed_ms) {
            Ok(applied) => applied,
            Err(NotEvaluated::Locked { wait_ms }) => {
                return (Answer::Locked { locked_ms: wait_ms }, next, before);
            }
            Err(error @ NotEvaluated::Extended) => return (not(error.to_string()), next, before),
        };
        match outcome {
            Outcome::Credit { command, count } => {
                let Some(token) = named(command, count) else { return (not(String::new()), next, before) };
                next.credit.apply(command, self.rules.raw());
                next.note(Redeemed { token, time_ms: self.look.clock });
                let credit = left(self.rules.unit, &next);
                (Answer::Taken { kind: name(command.kind()), credit }, next, tokens)
            }
            Outcome::AlreadyUsed => (Answer::AlreadyUsed, next, tokens),
            Outcome::Invalid => (Answer::Invalid { locked_ms: tokens.lockout.wait_ms() }, next, tokens),
        }
    }

    /// Whether the relay is to be closed.
    pub(crate) fn supplies(&self) -> bool {
        self.state.credit.supplies(self.beyond())
    }

    /// How much may be supplied beyond credit.
    pub(super) fn beyond(&self) -> u64 {
        let grant = if self.look.online { 0 } else { self.rules.offline_grant };
        self.rules.grace.saturating_add(grant)
    }

    /// For how long no token is looked at, ms.
    pub(super) fn locked_ms(&self) -> u64 {
        self.device.state().lockout.observe(self.state.time.passed_ms).wait_ms()
    }

    /// Credit that is left.
    pub(super) fn left(&self) -> Left {
        left(self.rules.unit, &self.state)
    }

    /// The nonce of the commitment to a token of this device.
    pub(super) fn nonce(&self, count: u32) -> Hash {
        derived_nonce(|message| self.secret.hash(message), &self.rules.device, count)
    }

    /// Bytes of pages written since the last time that this was asked for.
    pub(crate) fn take_written(&mut self) -> u64 {
        std::mem::take(&mut self.written)
    }

    /// Whether the order of this id was obeyed, and what came of it is durable.
    pub(crate) fn has_answered(&self, order: &Hash) -> bool {
        self.state.answered.as_ref().is_some_and(|(id, _)| id == order)
    }
}

fn left(unit: Unit, state: &State) -> Left {
    let credit = &state.credit;
    let (wh, ms) = match unit {
        Unit::WattHours => (Some(WattHours(credit.left)), None),
        Unit::Time => (None, Some(credit.left)),
    };
    Left { wh, ms, unlocked: credit.unlocked }
}

/// How many digits were typed.
fn typed(digits: &str) -> usize {
    digits.chars().filter(char::is_ascii_digit).count()
}

const fn not(why: String) -> Answer {
    Answer::NotAToken { why }
}

/// The token as the chain names it; `None` for one that the standard gives no meaning.
fn named(command: Command, Count(count): Count) -> Option<Named> {
    let (kind, value) = match command {
        Command::Add { value } => (TokenKind::Add, value),
        Command::Set { value } => (TokenKind::Set, value),
        Command::Disable => (TokenKind::Disable, 0),
        Command::Sync => (TokenKind::Sync, 0),
        Command::Raw { .. } => return None,
    };
    Some(Named { count, kind, value })
}
