//! The relay's loop: takes orders and balances in, keeps what was decided, and moves the relay.
//!
//! A position is durable before it is commanded, so that after a crash at any point the same position is commanded
//! again, and an order is taken off the directory only after that.

use crate::board::Board;
use crate::clock::Clock;
use crate::relay::{Actuator, Input, Machine, Position, RelayStatus, Rules, Saved, keep, order, saved};
use crate::sensor::SharedBus;
use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use wattle_host::{FileError, causes};

/// Between two looks for orders and at the meter.
const TICK: Duration = Duration::from_secs(1);
/// First pause after the relay could not be moved.
const RETRY_MIN: Duration = Duration::from_secs(2);
/// Longest one.
const RETRY_MAX: Duration = Duration::from_secs(60);

/// The relay's loop.
pub(crate) struct Relay {
    pub(crate) actuator: Actuator,
    /// The lines, for a coil.
    pub(crate) buses: Vec<SharedBus>,
    pub(crate) rules: Rules,
    pub(crate) dir: PathBuf,
    /// Index of the meter whose presence counts.
    pub(crate) meter: usize,
    pub(crate) meter_lost_after_ms: u64,
    pub(crate) clock: Arc<Clock>,
    pub(crate) board: Arc<Board>,
    /// Balances, one for each look at the chain.
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
    pub(crate) async fn run(mut self) -> Result<Infallible, FileError> {
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
            if !self.keep(&machine, &mut kept)? {
                // An order that cannot be kept is not obeyed: it waits with its command, and the other loops go on.
                self.show(&machine);
                tokio::time::sleep(TICK).await;
                continue;
            }
            if order.is_some() {
                order::done(&self.dir)?;
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

    /// Makes order and position durable if they changed: the file is small and changes rarely, so no thread of its own.
    /// Returns whether that is done: on a full disk it is not, and that passes.
    fn keep(&self, machine: &Machine, kept: &mut Saved) -> Result<bool, FileError> {
        let saved = machine.saved();
        if saved == *kept {
            return Ok(true);
        }
        match keep(&self.dir, &saved) {
            Ok(written) => {
                self.board.wrote(written);
                *kept = saved;
                Ok(true)
            }
            Err(error) if error.is_full() => {
                let text = format!("the disk is full: {}", causes(&error));
                let news = self.status(|relay| {
                    relay.confirmed = Some(false);
                    relay.error.replace(text.clone()).as_ref() != Some(&text)
                });
                if news {
                    tracing::error!(error = causes(&error), "the disk is full: the relay is not moved");
                }
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// Changes what the status shows of the relay.
    fn status<T>(&self, change: impl FnOnce(&mut RelayStatus) -> T) -> T {
        self.board.update(|facts| change(facts.relay.get_or_insert_default()))
    }

    async fn move_to(&self, due: Retry) -> Option<Retry> {
        let result = self.actuator.set(&self.buses, due.position).await;
        self.status(|relay| {
            relay.commands = relay.commands.saturating_add(1);
            relay.confirmed = Some(result.is_ok());
            relay.error = result.as_ref().err().map(|error| causes(error));
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
        self.status(|relay| (relay.order, relay.commanded, relay.pending) = (order, commanded, pending));
    }
}
