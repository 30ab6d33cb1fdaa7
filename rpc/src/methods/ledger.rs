//! `ledger_*` and `token_*`.

use super::{CURSOR, LIMIT, Method, opt, query, req};
use wattle_primitives::call::ledger::AccountId;
use wattle_primitives::{AssetId, Hash};

pub(super) static METHODS: &[Method] = &[
    query!("ledger_getHold", "An open hold.", [req::<Hash>("id")], |b, p| b.ledger_hold(p.get("id")?)),
    query!(
        "ledger_getAccount",
        "The four counters of an account in one asset.",
        [req::<AccountId>("account"), opt::<AssetId>("asset")],
        |b, p| b.ledger_account(p.get("account")?, p.find("asset")?.unwrap_or_default())
    ),
    query!("token_getAsset", "One asset.", [req::<AssetId>("asset")], |b, p| b.token_asset(p.get("asset")?)),
    query!("token_listAssets", "All assets.", [CURSOR, LIMIT], |b, p| b.token_assets(p.page()?)),
];
