//! `probe`: what answers on a line, and what to write into the configuration.

use super::LightCliError;
use super::show::print;
use crate::sensor::{
    BUILT_IN, Fit, LineReport, Link, Parity, ProbePlan, Profile, UnitReport, probe as probe_lines,
};
use clap::Args;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// Options of `probe`.
#[derive(Clone, Debug, Args)]
pub struct ProbeArgs {
    /// The line.
    #[command(flatten)]
    pub line: ProbeLine,
    /// Speeds to try on a serial line, separated by commas; without it those that known meters leave the factory with.
    #[arg(long, value_delimiter = ',', value_name = "BAUD", requires = "rtu")]
    pub baud: Vec<u32>,
    /// Parities to try on a serial line, separated by commas: none, even, odd.
    #[arg(long, value_delimiter = ',', value_name = "PARITY", requires = "rtu", default_values = ["none"])]
    pub parity: Vec<Parity>,
    /// Stop bits of a serial line.
    #[arg(long, value_name = "BITS", requires = "rtu", default_value_t = 1,
        value_parser = clap::value_parser!(u8).range(1..=2))]
    pub stop_bits: u8,
    /// Unit ids to ask: numbers and ranges, separated by commas.
    #[arg(long, value_name = "IDS", default_value = "1-10,100")]
    pub units: Units,
    /// How long a unit has to begin its answer, in ms.
    #[arg(long, value_name = "MS", default_value_t = 300,
        value_parser = clap::value_parser!(u64).range(10..=60_000))]
    pub timeout_ms: u64,
    /// Profile files to try beside the built-in profiles; may be given several times.
    #[arg(long = "profile", value_name = "FILE")]
    pub profiles: Vec<String>,
}

/// Where to look.
#[derive(Clone, Debug, Args)]
#[group(required = true, multiple = false)]
pub struct ProbeLine {
    /// A Modbus TCP meter or gateway, host:port.
    #[arg(long, value_name = "ADDRESS")]
    pub tcp: Option<String>,
    /// A serial device.
    #[arg(long, value_name = "DEVICE")]
    pub rtu: Option<PathBuf>,
    /// A converter that passes RTU frames on as they are, host:port.
    #[arg(long, value_name = "ADDRESS")]
    pub rtu_over_tcp: Option<String>,
}

/// Unit ids, as `1-10,100` names them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Units(pub Vec<u8>);

/// Text that names no units.
#[derive(Debug, thiserror::Error)]
#[error("{text:?} is neither a unit id, 0 to 255, nor a range of them, lower first")]
pub struct UnitsError {
    /// The part that is none.
    pub text: String,
}

impl FromStr for Units {
    type Err = UnitsError;

    fn from_str(text: &str) -> Result<Self, UnitsError> {
        let mut units = BTreeSet::new();
        for part in text.split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let range = first.parse::<u8>().ok().zip(last.parse::<u8>().ok());
            let range = range.filter(|(first, last)| first <= last);
            let (first, last) = range.ok_or_else(|| UnitsError { text: part.to_owned() })?;
            units.extend(first..=last);
        }
        Ok(Self(units.into_iter().collect()))
    }
}

pub(super) async fn probe(args: &ProbeArgs, json: bool) -> Result<(), LightCliError> {
    let plan = plan(args)?;
    let shows = !json && std::io::stderr().is_terminal();
    let reports = probe_lines(&plan, |link, unit| {
        if shows {
            let _ = write!(std::io::stderr(), "\r{link}: asking unit {unit} \x1b[K");
        }
    })
    .await;
    if shows {
        let _ = write!(std::io::stderr(), "\r\x1b[K");
    }
    print(json, &serde_json::json!({"lines": reports}), || {
        reports.iter().map(text).collect::<Vec<_>>().join("\n")
    })?;
    let answered = reports.iter().any(|line| !line.units.is_empty());
    if answered { Ok(()) } else { Err(LightCliError::NothingAnswers) }
}

fn plan(args: &ProbeArgs) -> Result<ProbePlan, LightCliError> {
    let mut profiles = Vec::new();
    let names = BUILT_IN.iter().map(|(name, _)| (*name).to_owned());
    for name in names.chain(args.profiles.iter().cloned()) {
        let profile = Profile::find(&name).map_err(LightCliError::Profile)?;
        profiles.push((name, profile));
    }
    let links = links(args, &profiles);
    if let Some(what) = links.iter().find_map(Link::out_of_range) {
        return Err(LightCliError::Link { what });
    }
    let answer_timeout = Duration::from_millis(args.timeout_ms);
    Ok(ProbePlan { links, units: args.units.0.clone(), answer_timeout, profiles })
}

fn links(args: &ProbeArgs, profiles: &[(String, Profile)]) -> Vec<Link> {
    let line = &args.line;
    if let Some(address) = line.tcp.clone() {
        return vec![Link::Tcp { address }];
    }
    if let Some(address) = line.rtu_over_tcp.clone() {
        return vec![Link::RtuOverTcp { address }];
    }
    let mut bauds = args.baud.clone();
    if bauds.is_empty() {
        let factory: BTreeSet<u32> = profiles.iter().filter_map(|(_, p)| Some(p.line?.baud)).collect();
        bauds.extend(factory.into_iter().rev()); // a fast line is silent sooner
    }
    let device = line.rtu.clone().unwrap_or_default();
    let settings = bauds.iter().flat_map(|baud| args.parity.iter().map(move |parity| (*baud, *parity)));
    settings
        .map(|(baud, parity)| Link::Rtu { device: device.clone(), baud, parity, stop_bits: args.stop_bits })
        .collect()
}

fn text(line: &LineReport) -> String {
    let mut out = format!("{}\n", line.link);
    // Writing to a string does not fail.
    if let Some(error) = &line.error {
        let _ = writeln!(out, "  {error}");
    } else if line.units.is_empty() {
        let _ = writeln!(out, "  nothing answers");
    }
    for unit in &line.units {
        write_unit(&mut out, unit);
    }
    if let Some(config) = &line.config {
        let _ = write!(out, "\nFor the light node's configuration:\n\n{config}");
    }
    out
}

fn write_unit(out: &mut String, unit: &UnitReport) {
    let Some(best) = unit.fits.first() else {
        let _ = writeln!(out, "  unit {}: answers, but no profile fits", unit.unit);
        for (profile, why) in &unit.misfits {
            let _ = writeln!(out, "    {profile}: {why}");
        }
        return;
    };
    let _ = writeln!(out, "  unit {}: {} (profile {})", unit.unit, best.name, best.profile);
    write_fit(out, best);
    let others: Vec<&str> = unit.fits.iter().skip(1).map(|fit| fit.profile.as_str()).collect();
    if !others.is_empty() {
        let _ = writeln!(out, "    fits less well or alike: {}", others.join(", "));
    }
}

fn write_fit(out: &mut String, fit: &Fit) {
    let identity = [("maker", &fit.identity.maker), ("type", &fit.identity.model)];
    let serial = [("serial number", &fit.identity.serial_number)];
    for (what, value) in identity.into_iter().chain(serial) {
        if let Some(value) = value {
            let _ = writeln!(out, "    {what}: {value}");
        }
    }
    match (&fit.counters, &fit.encoding) {
        (Some(counters), _) => {
            let (import, export) = (counters.import_wh.0, counters.export_wh.0);
            let _ = writeln!(out, "    import {import} Wh, export {export} Wh");
        }
        (None, Some(_)) => drop(writeln!(out, "    does not count yet")),
        (None, None) => drop(writeln!(out, "    telemetry only: nothing to sign")),
    }
    if let Some(encoding) = fit.encoding.and_then(|encoding| serde_json::to_string(&encoding).ok()) {
        let _ = writeln!(out, "    register it with the encoding {encoding}");
    }
    for (name, shown) in &fit.quantities {
        let _ = writeln!(out, "    {name} {:.3} {}", shown.value, shown.unit);
    }
}

#[cfg(test)]
#[path = "probe_tests.rs"]
mod tests;
