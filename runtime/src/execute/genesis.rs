//! Height 0.

use super::GenesisFailure;
use crate::State;
use crate::keys;
use crate::modules::ctx::{BlockEnv, Parties};
use crate::modules::energy::mandate;
use crate::modules::energy::register_meter::{MeterKind, admit_meter, check_meter};
use crate::modules::ledger::posting::ISSUANCE;
use crate::modules::ledger::records::Asset;
use crate::modules::ledger::{post, wallet};
use crate::modules::{Action, Ctx, identity};
use crate::overlay::Overlay;
use crate::records::Counters;
use wattle_primitives::block::PROTOCOL_VERSION;
use wattle_primitives::call::energy::{Mandate, RegisterMicrogrid, SetTerms, microgrid_id};
use wattle_primitives::call::identity::Limits;
use wattle_primitives::genesis::{GenesisError, GenesisMicrogrid};
use wattle_primitives::receipt::BlockReceipts;
use wattle_primitives::{
    Address, Amount, AssetId, Block, Epoch, Genesis, Hash, Header, Height, PublicKey, Reason, TimeMs, View,
    merkle,
};

/// The state and header of height 0. The header's hash is the chain's identity.
///
/// Genesis takes no deposits for the things that it creates.
///
/// # Errors
/// [`GenesisFailure`] when a part cannot take effect.
pub fn genesis(genesis: &Genesis) -> Result<(State, Header), GenesisFailure> {
    genesis.check()?;
    let set = genesis.validators(Epoch(0)).ok_or(GenesisError::Schedule)?;
    let env = unconditional(genesis);
    let empty = State::default();
    let mut ctx = Ctx::new(Overlay::new(&empty), &env);
    lay_ground(&mut ctx, genesis);
    for (index, account) in genesis.accounts.iter().enumerate() {
        let part = |reason| GenesisFailure::Part { part: "account", index, reason };
        fund(&mut ctx, &account.key, account.balance).map_err(part)?;
    }
    for (index, microgrid) in genesis.microgrids.iter().enumerate() {
        found(&mut ctx, index, microgrid)?;
    }
    let (state, _) = ctx.state.finish();
    let header = Header {
        version: PROTOCOL_VERSION,
        chain: genesis.hash(),
        epoch: Epoch(0),
        view: View(0),
        height: Height(0),
        parent: Hash::ZERO,
        time_ms: genesis.time_ms,
        proposer: PublicKey([0; 32]),
        txs_root: merkle::list_root(&[]),
        state_root: state.root(),
        receipts_root: BlockReceipts::default().root(),
        validators_hash: set.hash(),
        next_validators_hash: set.hash(),
    };
    Ok((state, header))
}

/// The identity of the chain that begins so.
///
/// # Errors
/// [`GenesisFailure`] when a part cannot take effect.
pub fn chain_hash(of: &Genesis) -> Result<Hash, GenesisFailure> {
    let (_, header) = genesis(of)?;
    Ok(header.hash())
}

/// The block of height 0 around its header: no transactions.
#[must_use]
pub const fn genesis_block(header: Header) -> Block {
    Block { header, txs: Vec::new() }
}

fn unconditional(genesis: &Genesis) -> BlockEnv {
    let mut params = genesis.params.clone();
    params.account_deposit = Amount::ZERO;
    params.registrar = None; // all agree on the genesis
    BlockEnv {
        params,
        chain: Hash::ZERO,
        height: Height(0),
        time_ms: genesis.time_ms,
        parent: Hash::ZERO,
        proposer: PublicKey([0; 32]),
    }
}

fn lay_ground(ctx: &mut Ctx<'_>, genesis: &Genesis) {
    let native = Asset { symbol: genesis.native_symbol.clone(), scale: genesis.native_scale, issuer: None };
    ctx.state.write(keys::params(), &genesis.params);
    ctx.state.write(keys::validators(), &genesis.validator_sets);
    ctx.state.write(keys::counters(), &Counters { assets: 1, books: 0, microgrids: 0 });
    ctx.state.write(keys::asset(AssetId::NATIVE), &native);
}

fn fund(ctx: &mut Ctx<'_>, key: &PublicKey, balance: Amount) -> Result<(), Reason> {
    let address = Address::of_key(key);
    identity::create(ctx, address)?;
    match balance {
        Amount(0) => Ok(()),
        amount => post(ctx, ISSUANCE, wallet(address), AssetId::NATIVE, amount),
    }
}

fn found(ctx: &mut Ctx<'_>, index: usize, grid: &GenesisMicrogrid) -> Result<(), GenesisFailure> {
    let part = |reason| GenesisFailure::Part { part: "microgrid", index, reason };
    if !ctx.state.contains(keys::account(&grid.operator)) {
        return Err(part(Reason::UnknownAccount));
    }
    let GenesisMicrogrid { reference, asset, interval_ms, .. } = *grid;
    ctx.begin(Parties::alone(grid.operator), &[]);
    run(ctx, &RegisterMicrogrid { reference, asset, interval_ms }).map_err(part)?;
    let id = microgrid_id(&grid.operator, &grid.reference);
    consent(ctx, &id, grid.operator).map_err(part)?;
    if let Some(terms) = &grid.terms {
        run(ctx, &SetTerms { microgrid: id, terms: Box::new(terms.clone()) }).map_err(part)?;
    }
    for (index, meter) in grid.meters.iter().enumerate() {
        let part = |reason| GenesisFailure::Part { part: "meter", index, reason };
        let kind = MeterKind { encoding: meter.encoding, role: meter.role, power_max_w: meter.power_max_w };
        check_meter(&meter.key, kind).map_err(part)?;
        consent(ctx, &id, meter.owner).map_err(part)?;
        admit_meter(ctx, &id, &meter.key, meter.owner, kind, None).map_err(part)?;
        let grantee = Address::of_key(&meter.key);
        if meter.allowance > Amount::ZERO && grantee != grid.operator {
            let limits = Limits::allowance(meter.allowance, TimeMs::MAX);
            identity::sponsor_account(ctx, grid.operator, grantee, limits).map_err(part)?;
        }
    }
    Ok(())
}

/// Gives a microgrid an account's mandate, without limits: all agree on the genesis.
fn consent(ctx: &mut Ctx<'_>, id: &Hash, owner: Address) -> Result<(), Reason> {
    let grid = ctx.state.read(keys::microgrid(id)).ok_or(Reason::UnknownMicrogrid)?;
    mandate::give(ctx, id, &grid, owner, &Mandate::UNLIMITED)
}

/// Runs a call that needs no signatures.
fn run(ctx: &mut Ctx<'_>, call: &impl Action) -> Result<(), Reason> {
    call.check()?;
    call.execute(ctx)
}
