//! The relay hook: connects and disconnects a customer, by the operator's order or by proven credit.
//!
//! [`Machine`] decides, the actuator moves, and this module keeps the order of things: a position is durable before it
//! is commanded, so that after a crash at any point the same position is commanded again, and an order is taken off the
//! directory only after that.

mod actuator;
mod machine;
pub mod order;

pub(crate) use actuator::Actuator;
pub use actuator::ActuatorError;
pub use machine::{Fallback, Input, Machine, Order, Position, Rules, Saved};

use crate::board::Board;
use crate::clock::Clock;
use serde::Serialize;
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// Between two looks for orders and at the meter.
const TICK: Duration = Duration::from_secs(1);
/// First pause after the relay could not be moved.
const RETRY_MIN: Duration = Duration::from_secs(2);
/// Longest one.
const RETRY_MAX: Duration = Duration::from_secs(60);
/// Name of the file that keeps order and position.
const FILE: &str = "relay.json";

/// The relay at a glance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RelayStatus {
    /// The standing order.
    pub order: Order,
    /// The position last commanded; `None` before the first.
    pub commanded: Option<Position>,
    /// The position that is wanted, if it is another one: it waits for the interval between two changes.
    pub pending: Option<Position>,
    /// Whether the last command succeeded; `None` before the first since the start.
    pub confirmed: Option<bool>,
    /// Why it did not.
    pub error: Option<String>,
    /// Commands given since the start, repeated ones included.
    pub commands: u64,
}

/// Order and position of a data directory; nothing before the first.
#[must_use]
pub fn saved(dir: &Path) -> Saved {
    let text = crate::files::read(&dir.join(FILE));
    text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
}

/// What the relay's loop needs.
pub(crate) struct Relay {
    pub(crate) actuator: Actuator,
    pub(crate) rules: Rules,
    pub(crate) dir: PathBuf,
    /// Index of the meter whose presence counts.
    pub(crate) meter: usize,
    pub(crate) meter_lost_after_ms: u64,
    pub(crate) clock: Arc<Clock>,
    pub(crate) board: Arc<Board>,
    /// Looks at the chain.
    pub(crate) inputs: mpsc::Receiver<Input>,
}

/// A command that has not succeeded yet.
struct Retry {
    position: Position,
    at_ms: u64,
    pause: Duration,
}

impl Relay {
    /// Runs until the disk refuses.
    ///
    /// # Errors
    /// When order and position cannot be kept.
    pub(crate) async fn run(mut self) -> std::io::Result<Infallible> {
        let mut machine = Machine::new(self.rules, saved(&self.dir));
        let mut kept = machine.saved();
        let mut retry: Option<Retry> = None;
        let mut command: Option<Position> = None;
        loop {
            let order = order::waiting(&self.dir);
            let lost = self.meter_is_lost();
            command = self.feed(&mut machine, Input::Meter { lost }).or(command);
            if let Some(order) = order {
                tracing::info!(?order, "order for the relay");
                command = self.feed(&mut machine, Input::Order(order)).or(command);
            }
            while let Ok(input) = self.inputs.try_recv() {
                command = self.feed(&mut machine, input).or(command);
            }
            if !self.keep_or_wait(&machine, &mut kept)? {
                // What cannot be kept is not done: order and command wait, and the other loops go on.
                self.show(&machine);
                tokio::time::sleep(TICK).await;
                continue;
            }
            if order.is_some() {
                order::done(&self.dir).map_err(std::io::Error::other)?;
            }
            let now_ms = self.clock.uptime_ms();
            if let Some(position) = command.take() {
                retry = Some(Retry { position, at_ms: now_ms, pause: RETRY_MIN });
            }
            if let Some(due) = retry.take_if(|retry| retry.at_ms <= now_ms) {
                retry = self.move_to(due).await;
            }
            self.show(&machine);
            match tokio::time::timeout(TICK, self.inputs.recv()).await {
                Ok(Some(input)) => command = self.feed(&mut machine, input),
                Ok(None) => tokio::time::sleep(TICK).await, // nobody looks at the chain any more
                Err(_) => {}
            }
        }
    }

    fn feed(&self, machine: &mut Machine, input: Input) -> Option<Position> {
        machine.step(self.clock.uptime_ms(), input)
    }

    fn meter_is_lost(&self) -> bool {
        let seen_ms = self.board.meter_seen_ms(self.meter);
        self.clock.uptime_ms().saturating_sub(seen_ms) >= self.meter_lost_after_ms
    }

    /// As [`Relay::keep`]. Returns whether it is done: on a full disk it is not, and that passes.
    fn keep_or_wait(&self, machine: &Machine, kept: &mut Saved) -> std::io::Result<bool> {
        match self.keep(machine, kept) {
            Err(error) if wattle_host::file::is_full(&error) => {
                let text = format!("the disk is full: {error}");
                let news = self.board.update(|facts| {
                    let relay = facts.relay.get_or_insert_with(RelayStatus::default);
                    relay.confirmed = Some(false);
                    relay.error.replace(text.clone()).as_ref() != Some(&text)
                });
                if news {
                    tracing::error!(%error, "the disk is full: the relay is not moved");
                }
                Ok(false)
            }
            other => other.map(|()| true),
        }
    }

    /// Makes order and position durable if they changed. The file is small and changes rarely: no thread of its own.
    fn keep(&self, machine: &Machine, kept: &mut Saved) -> std::io::Result<()> {
        let saved = machine.saved();
        if saved != *kept {
            let text = serde_json::to_string(&saved)?;
            crate::files::replace(&self.dir.join(FILE), &text, 0o600)?;
            self.board.wrote(crate::files::written_bytes(&text));
            *kept = saved;
        }
        Ok(())
    }

    async fn move_to(&self, due: Retry) -> Option<Retry> {
        let result = self.actuator.set(due.position).await;
        self.board.update(|facts| {
            let relay = facts.relay.get_or_insert_with(RelayStatus::default);
            relay.commands = relay.commands.saturating_add(1);
            relay.confirmed = Some(result.is_ok());
            relay.error = result.as_ref().err().map(crate::board::causes);
        });
        match result {
            Ok(()) => {
                tracing::info!(position = ?due.position, "relay moved");
                None
            }
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, position = ?due.position, "relay not moved");
                let now_ms = self.clock.uptime_ms();
                let pause_ms = u64::try_from(due.pause.as_millis()).unwrap_or(u64::MAX);
                let pause = due.pause.saturating_mul(2).min(RETRY_MAX);
                Some(Retry { at_ms: now_ms.saturating_add(pause_ms), pause, ..due })
            }
        }
    }

    fn show(&self, machine: &Machine) {
        let Saved { order, commanded } = machine.saved();
        let pending = machine.wanted().filter(|wanted| commanded != Some(*wanted));
        self.board.update(|facts| {
            let relay = facts.relay.get_or_insert_with(RelayStatus::default);
            (relay.order, relay.commanded, relay.pending) = (order, commanded, pending);
        });
    }
}

impl Default for RelayStatus {
    fn default() -> Self {
        Self { order: Order::Auto, commanded: None, pending: None, confirmed: None, error: None, commands: 0 }
    }
}
