//! The chain that all nodes of a run start from.

use super::plan::wallet_key;
use super::plan::{METERS, Plan, WALL_MS, WALLET_BALANCE, WALLETS};
use super::plan::{meter_key, meter_owner, validator_key};
use super::village::{INTERVAL_MS, account};
use wattle_chain_spec::Preset;
use wattle_primitives::call::energy::{Fees, TariffBand, Terms, microgrid_id};
use wattle_primitives::genesis::{GenesisAccount, GenesisMeter, GenesisMicrogrid, ScheduledSet};
use wattle_primitives::reading::{MeterRole, RegisterEncoding};
use wattle_primitives::validator::ValidatorSetError;
use wattle_primitives::{
    Amount, AssetId, BoundedVec, Epoch, Genesis, Hash, Params, TimeMs, Validator, ValidatorSet, VotingPower,
    Weight,
};

impl Plan {
    /// The chain that all nodes start from.
    ///
    /// # Errors
    /// Never for at least one validator.
    pub fn genesis(&self) -> Result<Genesis, ValidatorSetError> {
        let mut validator_sets = Vec::new();
        for (epoch, members) in self.sets() {
            let member = |(i, power): &(usize, u64)| Validator {
                key: validator_key(*i).public(),
                power: VotingPower(*power),
            };
            let validators = ValidatorSet::new(members.iter().map(member).collect())?;
            validator_sets.push(ScheduledSet { from_epoch: Epoch(epoch), validators });
        }
        let mut accounts: Vec<GenesisAccount> = (0..WALLETS)
            .map(|i| GenesisAccount { key: wallet_key(i).public(), balance: Amount(WALLET_BALANCE) })
            .collect();
        accounts.sort_unstable_by_key(|a| a.key);
        Ok(Genesis {
            chain_id: format!("sim-{}", self.seed),
            time_ms: TimeMs(WALL_MS - 1),
            native_symbol: "WAT".parse().unwrap_or_else(|_| unreachable!("a constant symbol")),
            native_scale: 6,
            params: params(self),
            validator_sets,
            accounts,
            microgrids: vec![self.microgrid()],
        })
    }

    /// The id of the microgrid.
    pub(super) fn microgrid_id(&self) -> Hash {
        microgrid_id(&account(0), &Hash::ZERO)
    }

    /// Terms with little patience: much is late. Bands begin with an interval.
    pub(super) fn terms(&self) -> Terms {
        let band = |from_minute, import, export| TariffBand {
            from_minute,
            import_price: Amount(import),
            export_price: Amount(export),
        };
        // A run begins at minute 480.
        let bands = vec![
            band(0, 300_000, 100_000),
            band(482, 250_001, 90_000),
            band(484, 400_000, 120_000),
            band(487, 280_000, 80_333),
        ];
        Terms {
            tariff: BoundedVec::new(bands).unwrap_or_default(),
            utc_offset_minutes: 0,
            clearing: self.clearing,
            gate_closure_ms: TimeMs(5_000),
            grace_ms: TimeMs(20_000),
            late_window_ms: TimeMs(80_000),
            fee_per_kwh: Amount(5_001),
            losses: self.losses,
            loss_permille_max: 30,
            credit_limit: Amount(60_000),
            installer: None,
            dispute_votes: 0,
            notice_ms: TimeMs(0),
            fees: Fees::default(),
        }
    }

    fn microgrid(&self) -> GenesisMicrogrid {
        GenesisMicrogrid {
            operator: account(0),
            reference: Hash::ZERO,
            asset: AssetId::NATIVE,
            interval_ms: TimeMs(INTERVAL_MS),
            // With terms there is work from the first moment on, before everybody is linked.
            terms: (self.rate > 1).then(|| self.terms()),
            meters: (0..METERS)
                .map(|i| GenesisMeter {
                    key: meter_key(i).public(),
                    owner: account(meter_owner(i)),
                    encoding: RegisterEncoding::Uint32Wh,
                    role: if i == 0 { MeterRole::Feeder } else { MeterRole::Sub },
                    power_max_w: u32::MAX, // simulated energy comes in steps, however soon after each other
                    allowance: Amount(WALLET_BALANCE / 10),
                })
                .collect(),
        }
    }
}

/// Quick: a run is short. A village whose lines stay narrow has the time-outs of the preset for villages.
#[expect(clippy::unwrap_used, reason = "the preset is part of the program, and a test reads it")]
fn params(plan: &Plan) -> Params {
    let radio = Preset::Microgrid.template().unwrap().genesis.params;
    let narrow = !plan.lines_heal;
    Params {
        epoch_length: plan.epoch_length,
        block_interval_ms: plan.block_interval_ms,
        idle_interval_ms: plan.block_interval_ms.max(500),
        leader_timeout_ms: if narrow { radio.leader_timeout_ms } else { 400 },
        advance_timeout_ms: if narrow { radio.advance_timeout_ms } else { 800 },
        timeout_ms_max: if narrow { radio.timeout_ms_max } else { 4_000 },
        skip_timeout_ms: 3_000,
        clock_skew_ms_max: 500,
        block_bytes_max: 1 << 17,
        block_weight_max: Weight(200_000),
        account_deposit: Amount(10),
        bandwidth_rate: Weight(1_000_000),
        bandwidth_capacity: Weight(10_000_000),
        ..Preset::Devnet.template().unwrap().genesis.params
    }
}
