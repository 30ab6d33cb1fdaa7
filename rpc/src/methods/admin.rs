//! `admin_*`: the operator's methods, served on the admin socket alone.

use super::{Function, Method, Run, opt, req};
use crate::params::{Count, Params};
use std::time::Duration;
use wattle_rpc_types::admin::{Done, LogFilter};
use wattle_rpc_types::limits::{BAN_SECONDS_DEFAULT, BAN_SECONDS_MAX, LOG_FILTER_BYTES_MAX};
use wattle_rpc_types::{Admin, RpcError, RpcResult};

macro_rules! order {
    ($name:literal, $summary:literal, [$($param:expr),*], $run:expr) => {
        Method {
            name: $name,
            summary: $summary,
            params: &[$($param),*],
            run: Run::Admin(&Function::<dyn Admin, _>($run)),
        }
    };
}

pub(super) static METHODS: &[Method] = &[
    order!(
        "admin_nodeInfo",
        "What runs here, where its files are, and which of them belong in a backup.",
        [],
        |admin, _| admin.node_info()
    ),
    order!(
        "admin_addPeer",
        "Stays connected with the peer at a multiaddr until the node ends.",
        [req::<String>("address")],
        |admin, p| done(admin.add_peer(&p.get::<String>("address")?))
    ),
    order!(
        "admin_removePeer",
        "Stops staying connected with a peer and disconnects it.",
        [req::<String>("peerId")],
        |admin, p| done(admin.remove_peer(&p.get::<String>("peerId")?))
    ),
    order!(
        "admin_ban",
        "Disconnects a peer and refuses it for a time.",
        [req::<String>("peerId"), opt::<u32>("seconds")],
        |admin, p| done(admin.ban_peer(&p.get::<String>("peerId")?, ban_time(&p)?))
    ),
    order!("admin_unban", "Ends a ban.", [req::<String>("peerId")], |admin, p| {
        done(admin.unban_peer(&p.get::<String>("peerId")?))
    }),
    order!(
        "admin_setLogLevel",
        "Replaces the log's filter, such as info or warn,wattle_node=debug; answers the one before.",
        [req::<String>("filter")],
        |admin, p| {
            let filter = p.get::<String>("filter")?;
            if filter.len() > LOG_FILTER_BYTES_MAX {
                let max = LOG_FILTER_BYTES_MAX as u64;
                return Err(RpcError::LimitExceeded { what: "log filter in bytes", max });
            }
            let before = admin.set_log_filter(&filter)?;
            Ok(LogFilter { before, filter })
        }
    ),
    order!("admin_stop", "Stops the node in order.", [], |admin, _| done(admin.stop())),
];

fn done(result: RpcResult<()>) -> RpcResult<Done> {
    result.map(|()| Done { done: true })
}

fn ban_time(params: &Params) -> RpcResult<Duration> {
    let seconds = params.find::<Count>("seconds")?.map_or(BAN_SECONDS_DEFAULT, |count| count.0);
    if !(1..=BAN_SECONDS_MAX).contains(&seconds) {
        return Err(RpcError::params(format!("parameter \"seconds\" must be 1 to {BAN_SECONDS_MAX}")));
    }
    Ok(Duration::from_secs(seconds.into()))
}
