//! One meter on a bus: looks it up, reads what its profile names, and judges its counters.

use super::bus::{Bus, SharedBus};
use super::error::SensorError;
use super::filter::{Energy, Filter, Suspicion, Verdict};
use super::profile::{Block, EnergyRegisters, Function, Profile, Quantity, SerialNumber};
use super::sunspec::{self, Identity};
use std::collections::BTreeMap;
use std::time::Instant;
use tokio::time::sleep;
use wattle_primitives::reading::{RegisterEncoding, Words, WordsError};

/// "No power of ten", where meters with powers of ten have none.
const NO_SCALE_FACTOR: u16 = 0x8000;
/// Powers of ten beyond this are no scale factors.
const SCALE_FACTOR_MAX: i16 = 10;

/// After so many reads at most a meter that stayed silent when asked for its number is asked again.
const SILENT_READS_MAX: u32 = 1024;

/// Everything read from a meter in one go.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The counters; `None` for a meter that has none, or does not count yet.
    pub counters: Option<Counters>,
    /// Telemetry by name; what the meter has no value for is left out.
    pub quantities: BTreeMap<String, f64>,
}

/// The counters of a sample, and whether they are believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counters {
    /// As they were read.
    pub energy: Energy,
    /// The filter's judgement of them.
    pub verdict: Verdict,
}

/// One meter on a bus.
pub struct Sensor {
    bus: SharedBus,
    unit: u8,
    profile: Profile,
    blocks: Vec<Block>,
    /// Where the map begins; looked up again after each failure, since another meter may be there then.
    start: Option<u16>,
    identity: Identity,
    /// Number of the meter that is read here: the configured one, or else the first seen.
    serial_number: Option<String>,
    /// Another meter answers.
    swapped: bool,
    /// Whether a meter with a fixed map is to be asked for its number.
    question: Question,
    filter: Option<Filter>,
    /// Judgement of the last counters, so that a lasting state is logged once.
    verdict: Option<Verdict>,
}

/// The question for the serial number: an answer or a refusal is final, silence is not.
#[derive(Clone, Copy, Debug, Default)]
struct Question {
    settled: bool,
    /// Reads until it is put again, and the last pause between two times.
    wait: u32,
    pause: u32,
}

/// Registers by table and address, counted from where the map begins.
type Registers = BTreeMap<(Function, u16), u16>;

impl Sample {
    /// The counters, if they may be signed: only good ones.
    #[must_use]
    pub fn believed(&self) -> Option<&Energy> {
        let counters = self.counters.as_ref()?;
        (counters.verdict == Verdict::Good).then_some(&counters.energy)
    }

    /// The filter's judgement of the counters.
    #[must_use]
    pub fn verdict(&self) -> Option<Verdict> {
        self.counters.as_ref().map(|counters| counters.verdict)
    }
}

impl Sensor {
    /// A sensor for the meter with this id on `bus`; 1 is usual where the bus is the meter itself.
    #[must_use]
    pub fn new(bus: SharedBus, unit: u8, profile: Profile) -> Self {
        let (blocks, filter) = (profile.blocks(), Filter::of(&profile));
        Self {
            bus,
            unit,
            profile,
            blocks,
            start: None,
            identity: Identity::default(),
            serial_number: None,
            swapped: false,
            question: Question::default(),
            filter,
            verdict: None,
        }
    }

    /// Believes only the meter with this number. Without it the first number seen is the one.
    #[must_use]
    pub fn with_serial_number(self, serial_number: Option<String>) -> Self {
        Self { serial_number, ..self }
    }

    /// The number of the meter that is to be read here: the one it was told, else the first one seen.
    #[must_use]
    pub fn serial_number(&self) -> Option<&str> {
        self.serial_number.as_deref()
    }

    /// The judge of its counters; `None` for a meter without counters.
    pub(crate) const fn filter(&mut self) -> Option<&mut Filter> {
        self.filter.as_mut()
    }

    /// The last good counters.
    #[must_use]
    pub fn good(&self) -> Option<&Energy> {
        self.filter.as_ref().and_then(Filter::good)
    }

    /// The meter's own account of itself, when it was last looked up.
    #[must_use]
    pub const fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The encoding of its counters; `None` for a meter without counters.
    pub(crate) fn encoding(&self) -> Option<RegisterEncoding> {
        self.profile.energy.as_ref().map(|energy| energy.encoding)
    }

    /// Its profile.
    #[must_use]
    pub const fn profile(&self) -> &Profile {
        &self.profile
    }

    /// Reads everything in the profile, with the tries that the bus' timing allows. Between two tries the bus is free
    /// for other sensors.
    ///
    /// # Errors
    /// The last try's [`SensorError`].
    pub async fn read(&mut self) -> Result<Sample, SensorError> {
        let shared = SharedBus::clone(&self.bus);
        let mut done = 0u32;
        loop {
            let (result, timing) = {
                let mut bus = shared.lock().await;
                (self.read_once(&mut bus).await, bus.timing())
            };
            done = done.saturating_add(1);
            match result {
                Ok(sample) => return Ok(sample),
                Err(error) if done >= timing.tries || !error.may_pass() => return Err(error),
                Err(error) => tracing::debug!(%error, done, "meter not read, trying again"),
            }
            sleep(timing.pause).await;
        }
    }

    async fn read_once(&mut self, bus: &mut Bus) -> Result<Sample, SensorError> {
        // Taken out while in use: after an error, or a dropped future, the meter is looked up again.
        let known = self.start.take();
        let start = match (known, self.profile.sunspec.clone()) {
            (Some(start), _) => start,
            (None, None) => 0,
            (None, Some(wanted)) => {
                let registers = self.profile.model_registers();
                let found = sunspec::find(bus, self.unit, &wanted, registers).await?;
                tracing::debug!(model = found.model, start = found.start, "SunSpec model found");
                self.recognize(found.identity);
                found.start
            }
        };
        let mut registers = Registers::new();
        for block in &self.blocks {
            let layout = || SensorError::Layout { at: bus.endpoint(self.unit) };
            let address = block.address.checked_add(start).ok_or_else(layout)?;
            let words = bus.read(self.unit, Block { address, ..*block }).await?;
            registers.extend((block.address..).zip(words).map(|(at, word)| ((block.function, at), word)));
        }
        if known.is_none() {
            self.question = Question::default(); // another meter may be there now
        }
        if let Some(place) = self.profile.serial_number.clone().filter(|_| self.question.is_due()) {
            let answer = self.ask_serial_number(bus, &place).await;
            self.question.settle(answer.is_some());
            let serial_number = answer.flatten();
            self.recognize(Identity { serial_number, ..Identity::default() });
        }
        let sample = self.sample(bus, &registers)?;
        self.start = Some(start);
        Ok(sample)
    }

    /// Notes whether the meter is the one that is to be read here. While it gives no number, what was known stands.
    fn recognize(&mut self, identity: Identity) {
        if let Some(found) = &identity.serial_number {
            let expected = self.serial_number.get_or_insert_with(|| found.clone());
            let swapped = expected != found;
            if swapped && !self.swapped {
                tracing::error!(%expected, %found, "another meter answers: register it under a key of its own");
            }
            self.swapped = swapped;
        }
        self.identity = identity;
    }

    /// Asks a meter with a fixed map for its number. Not every version of a meter has one: those that say so are not
    /// asked again (`Some(None)`). Silence (`None`) is not an answer: it may be the line's.
    async fn ask_serial_number(&self, bus: &mut Bus, place: &SerialNumber) -> Option<Option<String>> {
        let block =
            Block { function: place.function, address: place.address, count: place.value_type.words() };
        match bus.read(self.unit, block).await {
            Ok(words) => Some(place.value_type.decode(&words).filter(|n| *n != 0.0).map(|n| n.to_string())),
            Err(error @ SensorError::Refused { .. }) => {
                tracing::debug!(%error, "meter has no number");
                Some(None)
            }
            Err(error) => {
                tracing::debug!(%error, "meter was silent when asked for its number");
                None
            }
        }
    }

    fn sample(&mut self, bus: &Bus, registers: &Registers) -> Result<Sample, SensorError> {
        let energy = match &self.profile.energy {
            Some(energy) => self.energy(bus, energy, registers)?,
            None => None,
        };
        let known = self.profile.quantities.iter();
        let quantities =
            known.filter_map(|(name, q)| Some((name.clone(), self.quantity(q, registers)?))).collect();
        Ok(Sample { counters: energy.and_then(|energy| self.judge(energy)), quantities })
    }

    /// Both counters; `None` when the meter does not count yet.
    fn energy(
        &self,
        bus: &Bus,
        energy: &EnergyRegisters,
        registers: &Registers,
    ) -> Result<Option<Energy>, SensorError> {
        let at = || bus.endpoint(self.unit);
        if let Some((address, registered)) = energy.scale_factor.zip(energy.exponent()) {
            let got = scale_factor(registers, energy.function, address);
            if got != Some(i16::from(registered)) {
                return Err(SensorError::ScaleFactor { at: at(), registered, got });
            }
        }
        let counter = |address| {
            Words::new(words(registers, energy.function, address, energy.words()))
                .map_err(|e| WordsError::Count { expected: e.max, got: e.got })
        };
        let decoded = counter(energy.import)
            .and_then(|import| Ok((import, counter(energy.export)?)))
            .and_then(|(import, export)| Energy::decode(energy.encoding, import, export));
        let value = decoded.map_err(|source| SensorError::Energy { at: at(), source })?;
        let zero = value.import.iter().chain(value.export.iter()).all(|word| *word == 0);
        // A meter that has counted before is not excused: a zero is a drop then.
        let excused = zero && energy.zero_is_none && self.good().is_none();
        Ok((!excused).then_some(value))
    }

    fn quantity(&self, quantity: &Quantity, registers: &Registers) -> Option<f64> {
        let words = words(registers, quantity.function, quantity.address, quantity.value_type.words());
        if self.profile.ends_are_none && quantity.value_type.is_end(&words) {
            return None;
        }
        let power = match quantity.scale_factor {
            Some(address) => scale_factor(registers, quantity.function, address)?,
            None => 0,
        };
        let value = quantity.value_type.decode(&words)?;
        // Dividing by a power of ten gives the nearest number, multiplying by its inverse does not.
        let factor = 10f64.powi(i32::from(power.abs()));
        let value = if power < 0 { value / factor } else { value * factor };
        Some(value * quantity.scale).filter(|value| value.is_finite())
    }

    fn judge(&mut self, energy: Energy) -> Option<Counters> {
        let filter = self.filter.as_mut()?;
        let verdict = match self.swapped {
            true => Verdict::Reset,
            false => filter.accept(&energy, Instant::now()),
        };
        // A state that lasts is told once, however unsteady it is.
        let before = self.verdict.replace(verdict);
        let same = |old: Verdict| std::mem::discriminant(&old) == std::mem::discriminant(&verdict);
        if before.is_some_and(same) {
            return Some(Counters { energy, verdict });
        }
        let suspicion = filter.suspicion();
        match verdict {
            Verdict::Held { .. } if suspicion == Some(Suspicion::Unknown) => {
                tracing::debug!(?energy, "energy register waits for a second look");
            }
            Verdict::Held { .. } => {
                tracing::warn!(?suspicion, ?energy, good = ?filter.good(), "energy register held");
            }
            Verdict::Reset => {
                tracing::error!(?energy, good = ?filter.good(), "meter was reset or swapped: nothing is signed");
            }
            Verdict::Good => {}
        }
        Some(Counters { energy, verdict })
    }
}

impl Question {
    /// Whether it is to be put with this read.
    const fn is_due(&mut self) -> bool {
        let due = !self.settled && self.wait == 0;
        self.wait = self.wait.saturating_sub(1);
        due
    }

    fn settle(&mut self, answered: bool) {
        self.settled = answered;
        self.pause = self.pause.saturating_mul(2).clamp(1, SILENT_READS_MAX);
        self.wait = self.pause;
    }
}

/// The words of a value; fewer when they were not read.
fn words(registers: &Registers, function: Function, address: u16, count: u16) -> Vec<u16> {
    let end = address.saturating_add(count);
    (address..end).filter_map(|at| registers.get(&(function, at)).copied()).collect()
}

fn scale_factor(registers: &Registers, function: Function, address: u16) -> Option<i16> {
    let word = *registers.get(&(function, address))?;
    let power = word.cast_signed();
    (word != NO_SCALE_FACTOR && (-SCALE_FACTOR_MAX..=SCALE_FACTOR_MAX).contains(&power)).then_some(power)
}
