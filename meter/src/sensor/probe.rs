//! Finds the units that answer on a line, and the known profiles that fit each.
//!
//! A unit is there when it answers any question, even by refusing it. Then every profile is read once. A profile fits
//! when all its registers are there and it sees some of the values that it expects of a meter in use (volts, hertz).
//! The more of them it sees, the better it fits; one that expects nothing fits least. Nothing is written to a meter.

use super::bus::{Bus, SharedBus};
use super::config::{BusConfig, MeterConfig};
use super::error::SensorError;
use super::link::{Link, Timing};
use super::profile::{Block, Function, Profile};
use super::sensor::{Sample, Sensor};
use super::sunspec::Identity;
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio_modbus::ExceptionCode;
use wattle_host::causes;
use wattle_primitives::WattHours;
use wattle_primitives::reading::RegisterEncoding;

/// Between two units. Shorter than in service: a scan waits for many that are not there.
const UNIT_PAUSE: Duration = Duration::from_millis(50);

/// A search for meters.
#[derive(Clone, Debug)]
pub struct ProbePlan {
    /// Lines, or one line with different settings: the first with an answer ends the search.
    pub links: Vec<Link>,
    /// Units to ask.
    pub units: Vec<u8>,
    /// How long a unit has for its first byte.
    pub answer_timeout: Duration,
    /// Profiles to try, by the names that a configuration would have.
    pub profiles: Vec<(String, Profile)>,
}

/// The answers on a line.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LineReport {
    /// The line.
    pub link: Link,
    /// Reason why it cannot be used at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Units that answer.
    pub units: Vec<UnitReport>,
    /// For a light node's configuration; none when no profile fits any unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config: Option<String>,
}

/// A unit that answers.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UnitReport {
    /// Its id.
    pub unit: u8,
    /// Profiles that fit, best first.
    pub fits: Vec<Fit>,
    /// Reasons why the others do not fit, by profile.
    pub misfits: BTreeMap<String, String>,
}

/// A profile that fits a unit.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Fit {
    /// The profile, as a configuration names it.
    pub profile: String,
    /// Maker and type, as the profile has it.
    pub name: String,
    /// The meter's own account of itself.
    pub identity: Identity,
    /// How its counters are encoded: part of the meter's registration. None for telemetry only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoding: Option<RegisterEncoding>,
    /// The counters; none for telemetry only, and while the meter does not count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counters: Option<ProbedCounters>,
    /// Telemetry that could be read.
    pub quantities: BTreeMap<String, Shown>,
    /// How many expected values were seen.
    #[serde(skip)]
    score: usize,
}

/// The counters of a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProbedCounters {
    /// Import in Wh.
    pub import_wh: WattHours,
    /// Export in Wh.
    pub export_wh: WattHours,
}

/// A number with its unit.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Shown {
    /// The number.
    pub value: f64,
    /// Its unit.
    pub unit: String,
}

/// The part of a configuration that buses are in.
#[derive(Serialize)]
struct BusSection<'a> {
    bus: [&'a BusConfig; 1],
}

/// Asks every unit on every line of the plan, until a line has an answer. `asking` is told of each question ahead.
pub async fn probe(plan: &ProbePlan, mut asking: impl FnMut(&Link, u8)) -> Vec<LineReport> {
    let mut reports = Vec::new();
    for link in &plan.links {
        let report = probe_line(plan, link, &mut asking).await;
        let answered = !report.units.is_empty();
        reports.push(report);
        if answered {
            break;
        }
    }
    reports
}

async fn probe_line(plan: &ProbePlan, link: &Link, asking: &mut impl FnMut(&Link, u8)) -> LineReport {
    let timing = Timing {
        answer_timeout: plan.answer_timeout,
        tries: 1,
        pause: Duration::ZERO,
        unit_pause: UNIT_PAUSE,
        ..Timing::default()
    };
    let bus = Bus::shared(link.clone(), timing);
    let mut report = LineReport { link: link.clone(), error: None, units: Vec::new(), config: None };
    for unit in &plan.units {
        asking(link, *unit);
        match is_there(&bus, *unit).await {
            Ok(true) => report.units.push(probe_unit(plan, &bus, *unit).await),
            Ok(false) => {}
            Err(error) => {
                report.error = Some(causes(&error));
                break;
            }
        }
    }
    report.config = config(&report);
    report
}

/// Whether the unit answers at all.
///
/// # Errors
/// When the line cannot be opened: no other unit will answer either.
async fn is_there(bus: &SharedBus, unit: u8) -> Result<bool, SensorError> {
    // Some meters ignore a function that they have not.
    for function in [Function::Input, Function::Holding] {
        match bus.lock().await.read(unit, Block { function, address: 0, count: 2 }).await {
            Err(error @ SensorError::Connect { .. }) => return Err(error),
            // A gateway answers for a unit that does not.
            Err(SensorError::Refused {
                exception: ExceptionCode::GatewayPathUnavailable | ExceptionCode::GatewayTargetDevice,
                ..
            }) => return Ok(false),
            Ok(_) => return Ok(true),
            Err(error) if error.is_answer() => return Ok(true),
            Err(error) => tracing::debug!(%error, "not there"),
        }
    }
    Ok(false)
}

async fn probe_unit(plan: &ProbePlan, bus: &SharedBus, unit: u8) -> UnitReport {
    let mut report = UnitReport { unit, fits: Vec::new(), misfits: BTreeMap::new() };
    for (name, profile) in &plan.profiles {
        match try_profile(bus, unit, name, profile).await {
            Ok(fit) => report.fits.push(fit),
            Err(why) => drop(report.misfits.insert(name.clone(), why)),
        }
    }
    // Stable: of those that fit alike the first in the plan comes first.
    report.fits.sort_by_key(|fit| std::cmp::Reverse(fit.score));
    report
}

async fn try_profile(bus: &SharedBus, unit: u8, name: &str, profile: &Profile) -> Result<Fit, String> {
    let mut sensor = Sensor::new(SharedBus::clone(bus), unit, profile.clone());
    let sample = match sensor.read().await {
        // The meter's own power of ten, which is to be registered.
        Err(SensorError::ScaleFactor { got: Some(power), .. }) => {
            let exponent = i8::try_from(power).map_err(|e| e.to_string())?;
            let encoding = RegisterEncoding::Acc32 { exponent };
            let profile = profile.clone().with_encoding(encoding).map_err(|e| causes(&e))?;
            sensor = Sensor::new(SharedBus::clone(bus), unit, profile);
            sensor.read().await
        }
        other => other,
    };
    let sample = sample.map_err(|e| causes(&e))?;
    let score = score(profile, &sample);
    // A profile that expects nothing is nobody's best guess, but it may be the user's own.
    let expects = profile.quantities.values().any(|quantity| quantity.expect.is_some());
    let shows = sample.counters.is_some() || !sample.quantities.is_empty();
    if score == 0 && (expects || !shows) {
        return Err("what it shows does not look like this meter".to_owned());
    }
    let shown = |(name, value): (&String, &f64)| {
        let unit = profile.quantities.get(name).map_or("", |quantity| &quantity.unit);
        (name.clone(), Shown { value: *value, unit: unit.to_owned() })
    };
    Ok(Fit {
        profile: name.to_owned(),
        name: profile.name.clone(),
        identity: sensor.identity().clone(),
        encoding: sensor.encoding(),
        counters: sample.counters.as_ref().map(|counters| ProbedCounters {
            import_wh: counters.energy.import_wh,
            export_wh: counters.energy.export_wh,
        }),
        quantities: sample.quantities.iter().map(shown).collect(),
        score,
    })
}

/// Number of quantities with an expected value. A phase that is not in use says nothing against a profile.
fn score(profile: &Profile, sample: &Sample) -> usize {
    let expected =
        profile.quantities.iter().filter_map(|(name, q)| q.expect.zip(sample.quantities.get(name)));
    expected.filter(|((least, most), value)| (least..=most).contains(value)).count()
}

/// A light node's configuration for the units on a line; none when no profile fits any.
fn config(report: &LineReport) -> Option<String> {
    let meter = |unit: &UnitReport| {
        let fit = unit.fits.first()?;
        let default = Profile::find(&fit.profile).ok()?.energy.map(|energy| energy.encoding);
        let name = format!("meter-{}", unit.unit);
        Some(MeterConfig {
            key_file: fit.encoding.map(|_| format!("/etc/wattle/{name}.key").into()),
            name,
            unit: unit.unit,
            profile: fit.profile.as_str().into(),
            serial_number: fit.identity.serial_number.clone().filter(|_| fit.encoding.is_some()),
            encoding: fit.encoding.filter(|encoding| Some(*encoding) != default),
        })
    };
    let meters: Vec<MeterConfig> = report.units.iter().filter_map(meter).collect();
    let bus = BusConfig { link: report.link.clone(), timing: Timing::default(), meters };
    if bus.meters.is_empty() {
        return None;
    }
    toml::to_string(&BusSection { bus: [&bus] }).ok()
}
