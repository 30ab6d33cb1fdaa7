//! Laying out a network in a directory: genesis, one home for each validator, a light node for each meter.
//!
//! Used by `wattle init testnet` and `wattle devnet`, so that both make the same thing.

use crate::home::{Home, HomeError, NodeConfigFile, P2pSection, RpcSection, create_private_dir, write};
use crate::launch::node_key;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use wattle_chain_spec::{ChainSpec, Checkpoint, NodeAddress, Preset, SpecError};
use wattle_host::key;
use wattle_primitives::call::energy::{ClearingRule, Fees, LossRule, TariffBand, Terms};
use wattle_primitives::genesis::{GenesisAccount, GenesisMeter, GenesisMicrogrid, ScheduledSet};
use wattle_primitives::reading::{MeterRole, RegisterEncoding};
use wattle_primitives::{
    Address, Amount, AssetId, BoundedVec, Epoch, Hash, PublicKey, SecretKey, TimeMs, Validator, ValidatorSet,
    VotingPower, domain,
};

/// Most validators or meters laid out at once.
pub const NODES_MAX: u16 = 64;
/// Native base units that each wallet starts with: a million tokens of six decimals.
const WALLET_BALANCE: Amount = Amount(1_000_000_000_000);
/// Allowance that the operator sponsors each meter with, native base units.
const METER_ALLOWANCE: Amount = Amount(100_000_000_000);
/// Settlement interval of the microgrid, in ms.
pub const INTERVAL_MS: u64 = 900_000;
/// Most power through a meter, W: three phases of 100 A.
const METER_POWER_MAX_W: u32 = 69_000;
/// Wallets of a devnet, by name; the first operates the microgrid.
pub const WALLETS: [&str; 4] = ["operator", "alice", "bob", "carol"];

/// Ports for peers. They lie below those that the system gives to outgoing connections (from 32,768 on): a validator
/// that is killed and started again must find its own, which no connection may have taken in between.
const PEER_PORTS: std::ops::Range<u16> = 10_000..20_000;

/// Name of a devnet's chain.
pub const DEVNET_CHAIN_ID: &str = "wattle-devnet";

/// A network that is to be laid out.
#[derive(Clone, Debug)]
pub struct Layout {
    /// The preset that gives its parameters.
    pub preset: Preset,
    /// Name of the chain.
    pub chain_id: String,
    /// Number of validators.
    pub validators: u16,
    /// Number of meters.
    pub meters: u16,
    /// All keys follow from it; `None` draws them.
    pub seed: Option<u64>,
    /// Time of genesis, ms UTC.
    pub time_ms: TimeMs,
    /// From which epoch on the last validator's power is doubled, if any: a scheduled change of the set.
    pub set_change: Option<Epoch>,
    /// Heights in an epoch, where other than the preset's.
    pub epoch_length: Option<u64>,
    /// Shortest time between two blocks in ms, where other than the preset's.
    pub block_interval_ms: Option<u64>,
    /// Longest time without a block in ms, where other than the preset's.
    pub idle_interval_ms: Option<u64>,
    /// The microgrid's terms; without them it only keeps readings.
    pub terms: Option<Terms>,
    /// Whether the last meter is the microgrid's feeder, the operator's own.
    pub feeder: bool,
    /// Accounts funded beside the wallets.
    pub accounts: Vec<(PublicKey, Amount)>,
}

/// A funded account.
pub struct Wallet {
    /// Its name.
    pub name: String,
    /// Its key.
    pub key: SecretKey,
}

/// A network that was laid out.
pub struct Testnet {
    /// The directory.
    pub dir: PathBuf,
    /// The chain.
    pub spec: ChainSpec,
    /// Genesis hash.
    pub genesis_hash: Hash,
    /// Homes of the validators.
    pub homes: Vec<Home>,
    /// Funded accounts.
    pub wallets: Vec<Wallet>,
    /// Directories of the meters.
    pub meters: Vec<PathBuf>,
}

/// Why a network cannot be laid out.
#[derive(Debug, thiserror::Error)]
pub enum LayoutError {
    /// Too few or too many.
    #[error("{got} {what}, expected {min} to {NODES_MAX}")]
    Count {
        /// The kind of node.
        what: &'static str,
        /// Least number of that kind.
        min: u16,
        /// Number asked for.
        got: u16,
    },
    /// A directory or file.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// The chain specification.
    #[error("chain specification")]
    Spec(#[from] SpecError),
    /// The genesis cannot take effect.
    #[error("genesis")]
    Genesis(#[from] wattle_runtime::execute::GenesisFailure),
    /// The checkpoint for light nodes.
    #[error("checkpoint")]
    Checkpoint(#[from] wattle_chain_spec::CheckpointError),
    /// A key file.
    #[error("key file")]
    Key(#[from] key::KeyError),
    /// No entropy for new keys.
    #[error("no entropy from the operating system: {0}")]
    Entropy(getrandom::Error),
    /// The validators form no set.
    #[error("validators")]
    Validators(#[from] wattle_primitives::validator::ValidatorSetError),
    /// No free port.
    #[error("no free port on loopback")]
    Port(#[source] std::io::Error),
    /// A node's network identity.
    #[error("network identity")]
    NodeKey(#[from] wattle_p2p::Error),
}

impl Layout {
    /// Writes everything into `dir`.
    ///
    /// # Errors
    /// [`LayoutError`]; an existing chain is never overwritten.
    pub fn create(&self, dir: &Path) -> Result<Testnet, LayoutError> {
        self.check()?;
        for taken in ["genesis.toml", "checkpoint.json", "v0"].map(|name| dir.join(name)) {
            if taken.exists() {
                return Err(HomeError::Exists { path: taken }.into());
            }
        }
        create_private_dir(dir)?;
        let keys = |role: &str, n: u16| -> Result<Vec<SecretKey>, LayoutError> {
            (0..n).map(|i| self.key(role, i)).collect()
        };
        let validators = keys("validator", self.validators)?;
        let nodes = keys("node", self.validators)?;
        let meters = keys("meter", self.meters)?;
        let wallets: Vec<Wallet> = (0u16..)
            .zip(WALLETS)
            .map(|(i, name)| Ok(Wallet { name: name.to_owned(), key: self.key("wallet", i)? }))
            .collect::<Result<_, LayoutError>>()?;
        let spec = self.spec(&validators, &wallets, &meters)?;
        let (_, header) = wattle_runtime::genesis(&spec.genesis)?;
        let genesis_hash = header.hash();
        let checkpoint = Checkpoint::of_genesis(&spec.genesis, header, spec.network.trust_period_ms)?;
        write(&dir.join("checkpoint.json"), &checkpoint.to_json())?;
        write(&dir.join("genesis.toml"), &spec.to_toml()?)?;
        let mut homes = Vec::new();
        for (i, (validator, node)) in validators.iter().zip(&nodes).enumerate() {
            let home = Home::new(dir.join(format!("v{i}")));
            let config = NodeConfigFile {
                name: format!("v{i}"),
                p2p: P2pSection { listen: Vec::new(), ..P2pSection::default() },
                rpc: RpcSection { listen: loopback(0), ..RpcSection::default() },
                ..NodeConfigFile::default()
            };
            home.create(&config, &spec, node, Some(validator))?;
            homes.push(home);
        }
        for wallet in &wallets {
            key::write(&dir.join(format!("{}.key", wallet.name)), &wallet.key)?;
        }
        let meters = self.create_meters(dir, &meters)?;
        Ok(Testnet { dir: dir.to_owned(), spec, genesis_hash, homes, wallets, meters })
    }

    fn check(&self) -> Result<(), LayoutError> {
        for (what, min, got) in [("validators", 1, self.validators), ("meters", 0, self.meters)] {
            if got < min || got > NODES_MAX {
                return Err(LayoutError::Count { what, min, got });
            }
        }
        Ok(())
    }

    fn key(&self, role: &str, index: u16) -> Result<SecretKey, LayoutError> {
        match self.seed {
            Some(seed) => Ok(seeded_key(seed, role, index)),
            None => SecretKey::generate().map_err(LayoutError::Entropy),
        }
    }

    fn spec(
        &self,
        validators: &[SecretKey],
        wallets: &[Wallet],
        meters: &[SecretKey],
    ) -> Result<ChainSpec, LayoutError> {
        let mut template = self.preset.template()?;
        template.genesis.chain_id.clone_from(&self.chain_id);
        if let Some(length) = self.epoch_length {
            template.genesis.params.epoch_length = length;
        }
        if let Some(interval) = self.block_interval_ms {
            template.genesis.params.block_interval_ms = interval;
        }
        if let Some(interval) = self.idle_interval_ms {
            template.genesis.params.idle_interval_ms = interval;
        }
        let member = |key: &SecretKey, power| Validator { key: key.public(), power: VotingPower(power) };
        let set = |last_power: u64| {
            let last = validators.len().saturating_sub(1);
            let powers = (0..validators.len()).map(|i| if i == last { last_power } else { 1 });
            ValidatorSet::new(validators.iter().zip(powers).map(|(k, p)| member(k, p)).collect())
        };
        let mut sets = vec![ScheduledSet { from_epoch: Epoch::ZERO, validators: set(1)? }];
        if let Some(epoch) = self.set_change {
            sets.push(ScheduledSet { from_epoch: epoch, validators: set(2)? });
        }
        let funded =
            wallets.iter().map(|w| (w.key.public(), WALLET_BALANCE)).chain(self.accounts.iter().copied());
        let accounts = funded.map(|(key, balance)| GenesisAccount { key, balance }).collect();
        let microgrids = self.microgrid(wallets, meters).into_iter().collect();
        Ok(template.complete(self.time_ms, sets, accounts, microgrids)?)
    }

    /// One microgrid: the first wallet operates it, the others own its meters in turn.
    fn microgrid(&self, wallets: &[Wallet], meters: &[SecretKey]) -> Option<GenesisMicrogrid> {
        let (operator, owners) = wallets.split_first()?;
        let owner = |i: usize| owners.get(i.checked_rem(owners.len())?);
        let last = meters.len().saturating_sub(1);
        let meters = meters.iter().enumerate().filter_map(|(i, key)| {
            let feeds = self.feeder && i == last;
            let owner = if feeds { operator } else { owner(i)? };
            Some(GenesisMeter {
                key: key.public(),
                owner: Address::of_key(&owner.key.public()),
                encoding: RegisterEncoding::Float32Kwh,
                role: if feeds { MeterRole::Feeder } else { MeterRole::Sub },
                power_max_w: METER_POWER_MAX_W,
                allowance: METER_ALLOWANCE,
            })
        });
        Some(GenesisMicrogrid {
            operator: Address::of_key(&operator.key.public()),
            reference: Hash::of(domain::MICROGRID, &[self.chain_id.as_bytes()]),
            asset: AssetId::NATIVE,
            interval_ms: TimeMs(INTERVAL_MS),
            terms: self.terms.clone(),
            meters: meters.collect(),
        })
    }

    fn create_meters(&self, dir: &Path, keys: &[SecretKey]) -> Result<Vec<PathBuf>, LayoutError> {
        let mut dirs = Vec::new();
        for (i, key) in keys.iter().enumerate() {
            let path = dir.join(format!("m{i}"));
            create_private_dir(&path)?;
            key::write(&path.join("meter.key"), key)?;
            dirs.push(path);
        }
        Ok(dirs)
    }
}

impl Testnet {
    /// Finds what an earlier [`Layout::create`] has written.
    ///
    /// # Errors
    /// [`LayoutError`].
    pub fn open(dir: &Path) -> Result<Self, LayoutError> {
        let spec = ChainSpec::load(&dir.join("genesis.toml"))?;
        let genesis_hash = wattle_runtime::chain_hash(&spec.genesis)?;
        let numbered = |prefix: &str| {
            (0..NODES_MAX)
                .map(|i| dir.join(format!("{prefix}{i}")))
                .take_while(|p| p.exists())
                .collect::<Vec<_>>()
        };
        let wallets = WALLETS
            .iter()
            .map(|name| {
                let key = key::load(&dir.join(format!("{name}.key")))?;
                Ok(Wallet { name: (*name).to_owned(), key })
            })
            .collect::<Result<_, LayoutError>>()?;
        Ok(Self {
            dir: dir.to_owned(),
            spec,
            genesis_hash,
            homes: numbered("v").into_iter().map(Home::new).collect(),
            wallets,
            meters: numbered("m"),
        })
    }

    /// Gives every validator a loopback port for peers and one for its interface, and tells each where the others are.
    ///
    /// - `p2p_port`, `rpc_port`: those of the first validator, the others follow; with 0 each takes any free one.
    ///
    /// A devnet chooses anew at each start, as the ports of the last one may be taken by now.
    ///
    /// # Errors
    /// [`LayoutError`].
    pub fn connect(&self, p2p_port: u16, rpc_port: u16) -> Result<Vec<NodeAddress>, LayoutError> {
        let mut addresses = Vec::new();
        // Held until all are chosen, so that no two validators get the same.
        let mut held = Vec::new();
        for (i, home) in self.homes.iter().enumerate() {
            let listener = match nth_port(p2p_port, i) {
                0 => free_listener(),
                port => TcpListener::bind(loopback(port)),
            };
            let listener = listener.map_err(LayoutError::Port)?;
            let port = listener.local_addr().map_err(LayoutError::Port)?.port();
            held.push(listener);
            let peer = node_key(&home.node_key()?)?.peer_id();
            addresses.push((port, format!("/ip4/127.0.0.1/tcp/{port}/p2p/{peer}")));
        }
        let parse = |text: &str| {
            text.parse::<NodeAddress>()
                .map_err(|e| HomeError::Multiaddr { text: text.into(), detail: e.to_string() })
        };
        let all = addresses.iter().map(|(_, a)| parse(a)).collect::<Result<Vec<_>, _>>()?;
        for (i, home) in self.homes.iter().enumerate() {
            let mut config = home.config()?;
            let Some((port, _)) = addresses.get(i) else { break };
            config.p2p.listen = vec![format!("/ip4/127.0.0.1/tcp/{port}")];
            config.p2p.persistent =
                all.iter().enumerate().filter(|(j, _)| *j != i).map(|(_, a)| a.clone()).collect();
            config.rpc.listen = loopback(nth_port(rpc_port, i));
            home.write_config(&config)?;
        }
        Ok(all)
    }
}

/// Terms of a devnet's microgrid: a price for the day and one for the evening, orders cleared pay-as-bid.
#[must_use]
pub fn devnet_terms() -> Terms {
    let band = |from_minute, import: u128, export: u128| TariffBand {
        from_minute,
        import_price: Amount(import),
        export_price: Amount(export),
    };
    let bands =
        vec![band(0, 220_000, 60_000), band(17 * 60, 340_000, 80_000), band(22 * 60, 220_000, 60_000)];
    Terms {
        tariff: BoundedVec::new(bands).unwrap_or_default(), // three of at most 24
        utc_offset_minutes: 0,
        clearing: ClearingRule::PayAsBid,
        gate_closure_ms: TimeMs(300_000),
        grace_ms: TimeMs(300_000),
        late_window_ms: TimeMs(2 * 3_600_000),
        fee_per_kwh: Amount(5_000),
        losses: LossRule::ProRata,
        loss_permille_max: 60,
        credit_limit: Amount(50_000_000),
        installer: None,
        dispute_votes: 2,
        notice_ms: TimeMs(0),
        fees: Fees::default(),
    }
}

/// The key that follows from a devnet's seed. Anybody can derive it.
#[must_use]
pub fn seeded_key(seed: u64, role: &str, index: u16) -> SecretKey {
    let text = format!("devnet/{seed}/{role}/{index}");
    SecretKey::from_seed(Hash::of(domain::GENESIS, &[text.as_bytes()]).0)
}

/// The port of validator `i` when the first has `first`; 0 stays 0, any free port.
fn nth_port(first: u16, i: usize) -> u16 {
    if first == 0 { 0 } else { first.saturating_add(u16::try_from(i).unwrap_or(u16::MAX)) }
}

/// A listener on any free port of [`PEER_PORTS`].
fn free_listener() -> std::io::Result<TcpListener> {
    let span = u32::from(PEER_PORTS.end - PEER_PORTS.start);
    // Two networks that are laid out at once must not choose the same: each begins elsewhere.
    let first = getrandom::u32().map_err(std::io::Error::other)? % span;
    let port = |i: u32| PEER_PORTS.start + u16::try_from((first + i) % span).unwrap_or_default();
    let found = (0..span).find_map(|i| TcpListener::bind(loopback(port(i))).ok());
    found.ok_or_else(|| std::io::ErrorKind::AddrInUse.into())
}

/// A loopback address.
#[must_use]
pub const fn loopback(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)
}
