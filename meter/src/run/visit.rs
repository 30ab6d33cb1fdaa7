//! The chain's loop, on demand: a visit for each interval's readings instead of connections that stand.
//!
//! A visit calls one peer, another one each time, proves the newest header with what the chain has of each meter, sends
//! what waits and hangs up. It does not wait for the block: the next visit proves what came of it, and until then the
//! readings stay in the queue. Only with more readings than a transaction carries it stays until they are through.
//!
//! A relay acts by the balance that was proven at the last visit, and the chain is shown as of then. Orders of the
//! operator, meters and queues do not depend on it.

use super::LightError;
use super::chain::{Chain, NAP_MAX, a_peer};
use super::dial::Line;
use super::round::Round;
use super::timetable::Timetable;
use crate::board::Visits;
use crate::pace::{Step, random};
use crate::peers::Peers;
use crate::submit::SubmitError;
use std::convert::Infallible;
use std::pin::pin;
use std::time::{Duration, Instant};
use wattle_host::wall;
use wattle_primitives::call::energy::READINGS_MAX;
use wattle_primitives::{TimeMs, planted};

/// Longest visit, however long a backlog is or a peer takes to answer; the next one goes on.
const VISIT_MAX: Duration = Duration::from_secs(120);
/// Longest pause within a visit: without pings both ends give a connection up after 20 s of silence.
const PAUSE_MAX: Duration = Duration::from_secs(10);

impl Chain {
    /// Visits the chain until the disk refuses, `interval_ms` apart.
    ///
    /// # Errors
    /// [`LightError`].
    pub(crate) async fn visit_on_demand(
        &mut self,
        line: &mut impl Line,
        interval_ms: u64,
    ) -> Result<Infallible, LightError> {
        let interval = Duration::from_millis(wall::shrunk(interval_ms));
        let longest = Duration::from_millis(self.config.submit_spread_ms);
        let mut table = Timetable::new(interval, longest, Instant::now(), random());
        self.visits = Some(Visits { interval_ms, ..Visits::default() });
        loop {
            if self.take_checkpoint() {
                table.hurry(Instant::now());
            }
            if table.left(Instant::now()).is_zero() {
                let begun = Instant::now();
                let good = self.visit(line).await?;
                table.visited(begun, Instant::now(), good, random());
                self.note_visit(good);
            }
            self.show(0).await?;
            let nap = table.left(Instant::now()).min(NAP_MAX);
            if tokio::time::timeout(nap, self.fresh.notified()).await.is_ok() {
                table.reading(Instant::now(), random());
            }
        }
    }

    /// Calls the next peer, does what is due, and hangs up. Returns whether the peer was of use.
    ///
    /// # Errors
    /// [`LightError`].
    pub(crate) async fn visit(&mut self, line: &mut impl Line) -> Result<bool, LightError> {
        let called = {
            let mut call = pin!(line.call(self.follower.head().height));
            loop {
                match tokio::time::timeout(NAP_MAX, call.as_mut()).await {
                    Ok(called) => break called,
                    // An operator's checkpoint waits for nobody.
                    Err(_) => self.take_checkpoint(),
                };
            }
        };
        let good = match called {
            Ok(Some(call)) => self.stay(&call).await,
            Ok(None) => self.nobody_answers().await,
            Err(error) => Err(error),
        };
        if !planted!("light-visit-never-ends") {
            line.hang_up().await;
        }
        good
    }

    async fn stay(&mut self, call: &impl Peers) -> Result<bool, LightError> {
        let end = Instant::now() + VISIT_MAX;
        // Whatever a meter waited for, it has waited for this visit. One that was refused goes on waiting.
        self.lanes.iter_mut().for_each(|lane| lane.resting = false);
        let good = loop {
            let net = &Round::until(call, &self.silent, end);
            let good = self.ask_once(net).await?;
            self.silent = net.silent();
            let soon = end.min(Instant::now() + PAUSE_MAX);
            let next = self.next_batch_at().await?.filter(|next| good && *next < soon);
            let Some(next) = next else { break good };
            self.show(1).await?;
            tokio::time::sleep(next.saturating_duration_since(Instant::now())).await;
        };
        if good && Instant::now() >= self.next_credit {
            let net = &Round::until(call, &self.silent, end);
            self.look_at_credit(net).await;
            self.next_credit = Instant::now() + Duration::from_millis(self.config.credit_interval_ms());
        }
        self.keep_clock();
        Ok(good)
    }

    /// Settles and sends what each meter has; asks for the newest header where no meter has anything. Returns whether
    /// the peer was of use.
    async fn ask_once(&mut self, net: &impl Peers) -> Result<bool, LightError> {
        let (mut asked, mut failed) = (false, false);
        for index in 0..self.lanes.len() {
            let step = self.submit(net, index).await?;
            asked |= step.is_some();
            failed |= step == Some(Step::Failed) && !planted!("light-useless-visit-counts");
        }
        if asked {
            return Ok(!failed);
        }
        let Some(peer) = a_peer(net) else { return Ok(false) };
        match self.follower.follow(net, peer).await {
            Ok(()) => Ok(true),
            Err(source) => {
                let helpless = source.needs_checkpoint();
                self.note(net, &SubmitError::Peer { peer, source });
                Ok(helpless) // whoever is asked
            }
        }
    }

    /// When to ask again within this visit: while a meter has more than one transaction carries, and moves on.
    async fn next_batch_at(&self) -> Result<Option<Instant>, LightError> {
        let mut next: Option<Instant> = None;
        for lane in self.lanes.iter().filter(|lane| lane.pacer.goes_on()) {
            if lane.glance().await?.depth > READINGS_MAX {
                next = Some(next.map_or(lane.next, |next| next.min(lane.next)));
            }
        }
        Ok(next)
    }

    /// Readings stay where they are; their meters show why.
    async fn nobody_answers(&self) -> Result<bool, LightError> {
        for lane in &self.lanes {
            if lane.glance().await?.work {
                self.board.update_meter(lane.meter, |facts| facts.submission = "no_peer");
            }
        }
        Ok(false)
    }

    fn note_visit(&mut self, good: bool) {
        let Some(visits) = self.visits.as_mut() else { return };
        if good {
            visits.done = visits.done.saturating_add(1);
            visits.last_ms = Some(self.clock.now()).filter(|now| *now > TimeMs::ZERO);
        } else {
            if visits.failed_since_last == 0 {
                tracing::warn!("no peer of use was reached: trying others, ever more rarely");
            }
            visits.failed = visits.failed.saturating_add(1);
        }
        visits.failed_since_last = if good { 0 } else { visits.failed_since_last.saturating_add(1) };
    }
}

#[cfg(test)]
#[path = "visit_tests.rs"]
mod tests;
