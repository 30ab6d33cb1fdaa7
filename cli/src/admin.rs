//! `wattle admin`: orders to a running node, by the socket in its directory.

use super::{CliError, CliResult, Ctx, Report};
use crate::client::{ADMIN_SOCKET, Socket};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::path::PathBuf;

const EXAMPLES: &str = "Examples:
  wattle admin --home ~/village/v0 info
  wattle admin --home ~/village/v0 ban 12D3KooW… --seconds 600
  wattle admin --home ~/village/v0 log warn,wattle_node=debug
  wattle admin --home ~/village/v0 stop";

/// Arguments of `admin`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, arg_required_else_help = true)]
pub struct AdminArgs {
    /// The running node's directory.
    #[arg(long, env = "WATTLE_HOME", value_name = "DIR")]
    home: PathBuf,
    #[command(subcommand)]
    command: AdminCommand,
}

#[derive(Debug, Subcommand)]
enum AdminCommand {
    /// The node that runs here, where its files are, and which of them belong in a backup.
    #[command(after_help = "Example:\n  wattle admin --home ~/wattle info --json")]
    Info,
    /// The peers that are connected or banned.
    #[command(after_help = "Example:\n  wattle admin --home ~/wattle peers")]
    Peers,
    /// Stay connected with a peer until the node ends.
    #[command(
        after_help = "Example:\n  wattle admin --home ~/wattle add-peer /ip4/10.0.0.2/tcp/8650/p2p/12D3…"
    )]
    AddPeer {
        /// Its multiaddress.
        address: String,
    },
    /// Stop staying connected with a peer, and disconnect it.
    #[command(after_help = "Example:\n  wattle admin --home ~/wattle remove-peer 12D3…")]
    RemovePeer {
        /// Its peer id.
        peer_id: String,
    },
    /// Disconnect a peer and refuse it for a time.
    #[command(after_help = "Example:\n  wattle admin --home ~/wattle ban 12D3… --seconds 600")]
    Ban {
        /// Its peer id.
        peer_id: String,
        /// For how long, in seconds; an hour when absent.
        #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=i64::from(wattle_rpc_types::limits::BAN_SECONDS_MAX)))]
        seconds: Option<u32>,
    },
    /// End a ban.
    #[command(after_help = "Example:\n  wattle admin --home ~/wattle unban 12D3…")]
    Unban {
        /// Its peer id.
        peer_id: String,
    },
    /// Replace the filter of the node's log.
    #[command(after_help = "Example:\n  wattle admin --home ~/wattle log warn,wattle_node=debug")]
    Log {
        /// error, warn, info, debug, trace, or a filter such as wattle_node=debug.
        filter: String,
    },
    /// Stop the node in order.
    #[command(after_help = "Example:\n  wattle admin --home ~/wattle stop")]
    Stop,
    /// Any method that the socket serves, with parameters as JSON.
    #[command(after_help = "Example:\n  wattle admin --home ~/wattle call rpc.discover")]
    Call {
        /// The method's name; rpc.discover describes them all.
        method: String,
        /// Its parameters, a JSON object.
        #[arg(default_value = "{}")]
        params: String,
    },
}

/// Runs `admin`.
///
/// # Errors
/// [`CliError::Client`]: `rpc_unreachable` when no node runs in the directory.
pub(crate) async fn run(args: AdminArgs, ctx: &Ctx) -> CliResult {
    let (method, params) = match args.command {
        AdminCommand::Info => ("admin_nodeInfo".to_owned(), json!({})),
        AdminCommand::Peers => ("node_peers".to_owned(), json!({})),
        AdminCommand::AddPeer { address } => ("admin_addPeer".to_owned(), json!({ "address": address })),
        AdminCommand::RemovePeer { peer_id } => ("admin_removePeer".to_owned(), json!({ "peerId": peer_id })),
        AdminCommand::Ban { peer_id, seconds } => {
            ("admin_ban".to_owned(), json!({ "peerId": peer_id, "seconds": seconds }))
        }
        AdminCommand::Unban { peer_id } => ("admin_unban".to_owned(), json!({ "peerId": peer_id })),
        AdminCommand::Log { filter } => ("admin_setLogLevel".to_owned(), json!({ "filter": filter })),
        AdminCommand::Stop => ("admin_stop".to_owned(), json!({})),
        AdminCommand::Call { method, params } => {
            let params: Value =
                serde_json::from_str(&params).map_err(|error| CliError::input("parameters", error))?;
            (method, params)
        }
    };
    let socket = Socket::new(args.home.join(ADMIN_SOCKET), ctx.rpc_timeout());
    Ok(Report::of(socket.call(&method, &params).await?))
}
