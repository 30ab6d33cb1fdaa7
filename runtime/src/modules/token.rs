//! Assets: who may create units, and moving them.

use super::ledger::posting::ISSUANCE;
use super::ledger::{self, wallet};
use super::records::Asset;
use super::{Ctx, Module, weights};
use crate::keys;
use wattle_primitives::call::TokenCall;
use wattle_primitives::call::ledger::Entry;
use wattle_primitives::call::token::{SCALE_MAX, Symbol};
use wattle_primitives::{Amount, AssetId, Event, Reason, Weight};

/// The module.
#[derive(Debug)]
pub struct Token;

impl Module for Token {
    type Call = TokenCall;

    fn check(call: &TokenCall) -> Result<(), Reason> {
        match call {
            TokenCall::Issue { scale, .. } if *scale > SCALE_MAX => Err(Reason::OutOfRange),
            TokenCall::Issue { .. } => Ok(()),
            TokenCall::Mint { amount, .. }
            | TokenCall::Burn { amount, .. }
            | TokenCall::Transfer { amount, .. } => {
                if *amount == Amount::ZERO {
                    Err(Reason::ZeroAmount)
                } else {
                    Ok(())
                }
            }
        }
    }

    fn weight(call: &TokenCall) -> Weight {
        match call {
            TokenCall::Issue { .. } => weights::keys(4),
            TokenCall::Mint { .. } => weights::keys(6),
            TokenCall::Burn { .. } => weights::keys(3),
            // Two balances; for a new one its account, its place in the account's list, and the deposits.
            TokenCall::Transfer { .. } => weights::keys(5),
        }
    }

    fn execute(ctx: &mut Ctx<'_>, call: &TokenCall) -> Result<(), Reason> {
        let sender = ctx.sender();
        match call {
            TokenCall::Issue { symbol, scale } => issue(ctx, symbol, *scale),
            TokenCall::Mint { asset, to, amount } => {
                require_issuer(ctx, *asset)?;
                let entry = Entry { debit: ISSUANCE, credit: wallet(*to), asset: *asset, amount: *amount };
                ledger::post_entry(ctx, &entry)
            }
            TokenCall::Burn { asset, amount } => {
                let entry = Entry { debit: wallet(sender), credit: ISSUANCE, asset: *asset, amount: *amount };
                ledger::post_entry(ctx, &entry)
            }
            TokenCall::Transfer { to, asset, amount } => {
                let entry =
                    Entry { debit: wallet(sender), credit: wallet(*to), asset: *asset, amount: *amount };
                ledger::post_entry(ctx, &entry)
            }
        }
    }
}

fn issue(ctx: &mut Ctx<'_>, symbol: &Symbol, scale: u8) -> Result<(), Reason> {
    let issuer = ctx.sender();
    ledger::deposit(ctx, issuer)?;
    let mut counters = ctx.counters();
    let asset = AssetId(counters.assets);
    counters.assets = counters.assets.checked_add(1).ok_or(Reason::Overflow)?;
    ctx.state.write(keys::counters(), &counters);
    ctx.state.write(keys::asset(asset), &Asset { symbol: symbol.clone(), scale, issuer: Some(issuer) });
    ctx.emit(Event::AssetIssued { asset, symbol: symbol.clone(), scale, issuer });
    Ok(())
}

fn require_issuer(ctx: &mut Ctx<'_>, asset: AssetId) -> Result<(), Reason> {
    let record: Asset = ctx.state.read(keys::asset(asset)).ok_or(Reason::UnknownAsset)?;
    if record.issuer == Some(ctx.sender()) { Ok(()) } else { Err(Reason::NotAllowed) }
}
