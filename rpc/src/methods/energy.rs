//! `energy_*` about microgrids, meters, members, intervals and bills.

use super::{CURSOR, LIMIT, Method, opt, query, req};
use crate::params::Params;
use wattle_primitives::units::IntervalId;
use wattle_primitives::{Address, Hash, TimeMs};
use wattle_rpc_types::{BillRequest, ReadingsRequest, RpcResult};

pub(super) static METHODS: &[Method] = &[
    query!("energy_listMicrogrids", "Registered microgrids.", [CURSOR, LIMIT], |b, p| {
        b.energy_microgrids(p.page()?)
    }),
    query!("energy_getMicrogrid", "One microgrid.", [req::<Hash>("id")], |b, p| b
        .energy_microgrid(p.get("id")?)),
    query!(
        "energy_listMeters",
        "Registered meters, of one microgrid or of all.",
        [opt::<Hash>("microgrid"), CURSOR, LIMIT],
        |b, p| b.energy_meters(p.find("microgrid")?, p.page()?)
    ),
    query!("energy_getMeter", "One meter and its last reading.", [req::<Address>("address")], |b, p| {
        b.energy_meter(p.get("address")?)
    }),
    query!(
        "energy_listReadings",
        "A meter's accepted readings, newest first.",
        [req::<Address>("meter"), opt::<TimeMs>("fromMs"), opt::<TimeMs>("toMs"), CURSOR, LIMIT],
        |b, p| b.energy_readings(readings_request(&p)?, p.page()?)
    ),
    query!(
        "energy_getTerms",
        "A microgrid's terms for an interval; the current one without.",
        [req::<Hash>("microgrid"), opt::<IntervalId>("interval")],
        |b, p| b.energy_terms(p.get("microgrid")?, p.find("interval")?)
    ),
    query!(
        "energy_listMembers",
        "A microgrid's members and what their tabs show.",
        [req::<Hash>("microgrid"), opt::<Address>("account"), CURSOR, LIMIT],
        |b, p| b.energy_members(p.get("microgrid")?, p.find("account")?, p.page()?)
    ),
    query!(
        "energy_getInterval",
        "Where an interval stands, and what became of it.",
        [req::<Hash>("microgrid"), req::<IntervalId>("interval")],
        |b, p| b.energy_interval(p.get("microgrid")?, p.get("interval")?)
    ),
    query!(
        "energy_listIntervals",
        "What became of a microgrid's intervals, newest first: clearings, settlements, ends.",
        [req::<Hash>("microgrid"), CURSOR, LIMIT],
        |b, p| b.energy_intervals(p.get("microgrid")?, p.page()?)
    ),
    query!(
        "energy_bill",
        "An account's bill: every line of a period, oldest first. Each line's proof: chain_getEventProof.",
        [
            req::<Address>("account"),
            opt::<Hash>("microgrid"),
            opt::<TimeMs>("fromMs"),
            opt::<TimeMs>("toMs"),
            CURSOR,
            LIMIT
        ],
        |b, p| b.energy_bill(bill_request(&p)?, p.page()?)
    ),
];

fn readings_request(params: &Params) -> RpcResult<ReadingsRequest> {
    Ok(ReadingsRequest {
        meter: params.get("meter")?,
        from_ms: params.find("fromMs")?.unwrap_or(TimeMs::ZERO),
        to_ms: params.find("toMs")?.unwrap_or(TimeMs::MAX),
    })
}

fn bill_request(params: &Params) -> RpcResult<BillRequest> {
    Ok(BillRequest {
        account: params.get("account")?,
        microgrid: params.find("microgrid")?,
        from_ms: params.find("fromMs")?.unwrap_or(TimeMs::ZERO),
        to_ms: params.find("toMs")?.unwrap_or(TimeMs::MAX),
    })
}
