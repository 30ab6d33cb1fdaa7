//! A cable between one light node and the validators that can be pulled out: plain forwarding of TCP connections.

use crate::testnet::loopback;
use std::net::SocketAddr;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use wattle_chain_spec::NodeAddress;
use wattle_cli::CliError;

/// One light node's way to all validators.
pub(super) struct Link {
    peers: Vec<NodeAddress>,
    plugged: watch::Sender<bool>,
    _tasks: JoinSet<()>,
}

impl Link {
    /// Plugs in a cable to these validators.
    ///
    /// # Errors
    /// When a port cannot be had, or an address is none of a devnet's.
    pub(super) async fn plug_in(validators: &[NodeAddress]) -> Result<Self, CliError> {
        let (plugged, state) = watch::channel(true);
        let (mut peers, mut tasks) = (Vec::new(), JoinSet::new());
        for validator in validators {
            let (port, rest) = port_of(validator.as_str()).ok_or_else(|| {
                CliError::failed("link", &std::io::Error::other("a validator has no TCP address"))
            })?;
            let listener = TcpListener::bind(loopback(0)).await.map_err(|e| CliError::failed("link", &e))?;
            let own = listener.local_addr().map_err(|e| CliError::failed("link", &e))?.port();
            let address = format!("/ip4/127.0.0.1/tcp/{own}{rest}");
            peers.push(address.parse().map_err(|e| CliError::failed("link", &e))?);
            tasks.spawn(serve(listener, loopback(port), state.clone()));
        }
        Ok(Self { peers, plugged, _tasks: tasks })
    }

    /// Where the light node finds the validators.
    pub(super) fn peers(&self) -> &[NodeAddress] {
        &self.peers
    }

    /// Pulls the cable out, or plugs it in again. Open connections end.
    pub(super) fn set(&self, plugged: bool) {
        self.plugged.send_replace(plugged);
    }
}

/// The port in `/ip4/127.0.0.1/tcp/PORT/p2p/…`, and what follows it.
fn port_of(address: &str) -> Option<(u16, &str)> {
    let (_, after) = address.split_once("/tcp/")?;
    let end = after.find('/').unwrap_or(after.len());
    let (port, rest) = after.split_at(end);
    Some((port.parse().ok()?, rest))
}

async fn serve(listener: TcpListener, to: SocketAddr, plugged: watch::Receiver<bool>) {
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted
                    && *plugged.borrow()
                {
                    open.spawn(forward(stream, to, plugged.clone()));
                }
            }
            Some(_) = open.join_next() => {}
        }
    }
}

async fn forward(mut near: TcpStream, to: SocketAddr, mut plugged: watch::Receiver<bool>) {
    let Ok(mut far) = TcpStream::connect(to).await else { return };
    tokio::select! {
        _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
        _ = plugged.wait_for(|plugged| !plugged) => {}
    }
}
