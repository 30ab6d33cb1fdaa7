//! Specifications and the presets they are made from.

use crate::error::{Place, SpecError};
use crate::network::{BOOTSTRAP_MAX, Network};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::Path;
use std::str::FromStr;
use wattle_primitives::call::token::Symbol;
use wattle_primitives::genesis::{GenesisAccount, GenesisError, GenesisMicrogrid, ScheduledSet};
use wattle_primitives::{Genesis, Params, TimeMs};

/// Longest specification file in bytes: about 40,000 accounts.
pub const SPEC_BYTES_MAX: usize = 8 * 1024 * 1024;

/// A chain: what every node starts from, and how nodes find each other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChainSpec {
    /// Defaults that a node may override.
    pub network: Network,
    /// The part that must be the same on every node.
    pub genesis: Genesis,
}

/// A chain without its people: parameters, but neither time nor validators, accounts or microgrids.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Template {
    /// Defaults that a node may override.
    pub network: Network,
    /// The part of genesis that is known before the people are.
    pub genesis: TemplateGenesis,
}

/// The part of genesis that a preset gives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TemplateGenesis {
    /// Name of the chain, for people.
    pub chain_id: String,
    /// Symbol of the native asset.
    pub native_symbol: Symbol,
    /// Decimal places of the native asset.
    pub native_scale: u8,
    /// Protocol parameters.
    pub params: Params,
}

/// The templates that are built in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// One machine: fast blocks, generous limits.
    Devnet,
    /// A village or campus: slow links, long outages, SD cards.
    Microgrid,
}

impl Preset {
    /// Every preset.
    pub const ALL: [Self; 2] = [Self::Devnet, Self::Microgrid];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Devnet => "devnet",
            Self::Microgrid => "microgrid",
        }
    }

    /// Its documented TOML text.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Devnet => include_str!("../specs/devnet.toml"),
            Self::Microgrid => include_str!("../specs/microgrid.toml"),
        }
    }

    /// Its template.
    ///
    /// # Errors
    /// Never for a released build: a test reads every preset.
    pub fn template(self) -> Result<Template, SpecError> {
        Template::from_toml(self.text(), self.name())
    }
}

impl Template {
    /// Reads a template; `origin` names it in errors.
    ///
    /// # Errors
    /// [`SpecError::Syntax`] with the place, or [`SpecError::Bootstrap`].
    pub fn from_toml(text: &str, origin: &str) -> Result<Self, SpecError> {
        let template: Self = parse(text, origin)?;
        check_network(&template.network, origin)?;
        Ok(template)
    }

    /// Completes the chain. Accounts are sorted here.
    ///
    /// # Errors
    /// [`SpecError::Genesis`] when the whole breaks a rule.
    pub fn complete(
        self,
        time_ms: TimeMs,
        validator_sets: Vec<ScheduledSet>,
        mut accounts: Vec<GenesisAccount>,
        microgrids: Vec<GenesisMicrogrid>,
    ) -> Result<ChainSpec, SpecError> {
        accounts.sort_unstable_by_key(|account| account.key);
        let TemplateGenesis { chain_id, native_symbol, native_scale, params } = self.genesis;
        let genesis = Genesis {
            chain_id,
            time_ms,
            native_symbol,
            native_scale,
            params,
            validator_sets,
            accounts,
            microgrids,
        };
        let origin = genesis.chain_id.clone();
        genesis.check().map_err(|source| SpecError::Genesis { origin, place: None, source })?;
        Ok(ChainSpec { network: self.network, genesis })
    }
}

impl ChainSpec {
    /// Reads and checks the specification in `path`.
    ///
    /// # Errors
    /// Every [`SpecError`] of reading.
    pub fn load(path: &Path) -> Result<Self, SpecError> {
        let read = |source| SpecError::Read { path: path.to_owned(), source };
        let bytes = std::fs::metadata(path).map_err(read)?.len();
        let got = usize::try_from(bytes).unwrap_or(usize::MAX);
        if got > SPEC_BYTES_MAX {
            return Err(SpecError::TooLong { path: path.to_owned(), max: SPEC_BYTES_MAX, got });
        }
        let text = std::fs::read_to_string(path).map_err(read)?;
        Self::from_toml(&text, &path.display().to_string())
    }

    /// Reads and checks a specification; `origin` names it in errors.
    ///
    /// # Errors
    /// [`SpecError::Syntax`] and [`SpecError::Genesis`] with the place, [`SpecError::Bootstrap`].
    pub fn from_toml(text: &str, origin: &str) -> Result<Self, SpecError> {
        let spec: Self = parse(text, origin)?;
        check_network(&spec.network, origin)?;
        spec.genesis.check().map_err(|source| {
            let key = match &source {
                GenesisError::Param { name } => name,
                GenesisError::ChainId => "chain_id",
                GenesisError::Schedule => "from_epoch",
                GenesisError::Accounts | GenesisError::Balances => "balance",
            };
            SpecError::Genesis { origin: origin.to_owned(), place: Place::of_key(text, key), source }
        })?;
        Ok(spec)
    }

    /// The specification as TOML; reading it back gives the same specification.
    ///
    /// # Errors
    /// [`SpecError::Write`] for a parameter above 2^63.
    pub fn to_toml(&self) -> Result<String, SpecError> {
        toml::to_string(self).map_err(|error| SpecError::Write { message: error.to_string() })
    }
}

fn parse<T: DeserializeOwned>(text: &str, origin: &str) -> Result<T, SpecError> {
    toml::from_str(text).map_err(|error| SpecError::Syntax {
        origin: origin.to_owned(),
        place: Place::of_offset(text, error.span().map_or(0, |span| span.start)),
        message: error.message().to_owned(),
    })
}

fn check_network(network: &Network, origin: &str) -> Result<(), SpecError> {
    let got = network.bootstrap.len();
    if got > BOOTSTRAP_MAX {
        return Err(SpecError::Bootstrap { origin: origin.to_owned(), max: BOOTSTRAP_MAX, got });
    }
    Ok(())
}

impl fmt::Display for Preset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Preset {
    type Err = SpecError;
    fn from_str(text: &str) -> Result<Self, SpecError> {
        Self::ALL
            .into_iter()
            .find(|p| p.name() == text)
            .ok_or_else(|| SpecError::Preset { got: text.to_owned() })
    }
}

#[cfg(test)]
#[path = "spec_tests.rs"]
mod tests;
