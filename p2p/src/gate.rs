//! How often strangers of one network may open connections: before anything is spent on a handshake.
//!
//! A ban names a peer id, and ids cost nothing. What an attacker has few of are addresses: those of one prefix (/24 of
//! IPv4, /48 of IPv6) share a slow rate of dialing. Loopback, private networks and the addresses that the operator
//! names, singly or by ranges, are different: a whole village may sit behind one of them. Each such address has a rate
//! that only a flood exceeds.
//!
//! The sender of a first QUIC packet is whoever it claims to be, until it has completed the handshake. Till then such a
//! connection counts for no network, whose peers it would keep out, but only among those under construction over QUIC.
//!
//! # Not here
//! How many of one network may stay, and who is exempt (`crate::manager`), bans (`crate::scores`).

use crate::scores::Bucket;
use ipnet::IpNet;
use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::multiaddr::Protocol;
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent, THandlerOutEvent,
    ToSwarm, dummy,
};
use libp2p::{Multiaddr, PeerId};
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::net::{IpAddr, Ipv6Addr};
use std::task::{Context, Poll};
use tokio::time::Instant;
use wattle_primitives::planted;

/// Most prefixes whose rate is remembered; beyond, the one that was quiet longest is forgotten.
const PREFIXES_MAX: usize = 4096;

/// Bounds on what opens connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GateLimits {
    /// Connections that one prefix may open in a second.
    pub dials_per_second: u32,
    /// Connections that it may open at once after a pause.
    pub dials_burst: u32,
    /// As `dials_per_second`, for each single local or named address.
    pub local_dials_per_second: u32,
    /// As `dials_burst`, for each single local or named address.
    pub local_dials_burst: u32,
    /// Most QUIC connections under construction, whose addresses nobody has proven yet.
    pub quic_pending_max: usize,
    /// Whether loopback and private networks are taken for what they are. Off in tests of the rest.
    pub know_local: bool,
}

impl Default for GateLimits {
    fn default() -> Self {
        Self {
            dials_per_second: 2,
            dials_burst: 64,
            local_dials_per_second: 50,
            local_dials_burst: 500,
            quic_pending_max: 32,
            know_local: true,
        }
    }
}

/// Why a connection is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    /// Its prefix dials too often.
    #[error("this network dials too often")]
    Rate,
    /// As many connections as may be are under construction over QUIC.
    #[error("{max} connections under construction over QUIC already")]
    Unproven { max: usize },
}

/// Addresses that are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Origin {
    /// One local or named address.
    Local(IpAddr),
    V4([u8; 3]),
    V6([u8; 6]),
}

/// Which addresses are counted together.
#[derive(Clone, Debug)]
pub(crate) struct Origins {
    named: Vec<IpNet>,
    know_local: bool,
}

/// See the module.
pub(crate) struct Gate {
    limits: GateLimits,
    origins: Origins,
    /// Under construction over QUIC.
    unproven: BTreeSet<ConnectionId>,
    rates: BTreeMap<Origin, (Bucket, Instant)>,
}

impl Origins {
    /// `named` are addresses each of which many honest peers may sit behind.
    pub(crate) fn new(named: impl IntoIterator<Item = IpNet>, know_local: bool) -> Self {
        Self { named: named.into_iter().collect(), know_local }
    }

    /// The origin under which this address is counted.
    pub(crate) fn of(&self, ip: IpAddr) -> Origin {
        let ip = ip.to_canonical();
        if self.is_named(ip) || self.know_local && is_local(ip) {
            return Origin::Local(ip);
        }
        prefix_of(ip)
    }

    fn is_named(&self, ip: IpAddr) -> bool {
        let holds = |range: &IpNet| {
            range.contains(&ip) && !planted!("shared-range-is-one-address", range.addr() != ip)
        };
        self.named.iter().any(holds)
    }
}

/// The addresses that are most likely one party's, around one of the internet's.
fn prefix_of(ip: IpAddr) -> Origin {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, c, _] = ip.octets();
            Origin::V4([a, b, c])
        }
        IpAddr::V6(ip) => {
            let [a, b, c, d, e, f, ..] = ip.octets();
            Origin::V6([a, b, c, d, e, f])
        }
    }
}

impl Gate {
    pub(crate) fn new(limits: GateLimits, origins: Origins) -> Self {
        Self { limits, origins, unproven: BTreeSet::new(), rates: BTreeMap::new() }
    }

    /// With which addresses this one is counted.
    pub(crate) fn origin_of(&self, ip: IpAddr) -> Origin {
        self.origins.of(ip)
    }

    /// Somebody who says that he is at this address begins a connection.
    fn dialed(&mut self, id: ConnectionId, remote: &Multiaddr, now: Instant) -> Result<(), Refused> {
        let Some(ip) = ip_of(remote) else { return Ok(()) };
        if !is_quic(remote) || planted!("unproven-address-counts") {
            return self.enter(ip, now);
        }
        let max = self.limits.quic_pending_max;
        if self.unproven.len() >= max {
            return Err(Refused::Unproven { max });
        }
        self.unproven.insert(id);
        Ok(())
    }

    /// A connection stands: its address is proven.
    fn proven(&mut self, id: ConnectionId, remote: &Multiaddr, now: Instant) -> Result<(), Refused> {
        match ip_of(remote) {
            Some(ip) if self.unproven.remove(&id) => self.enter(ip, now),
            _ => Ok(()),
        }
    }

    /// Takes a connection in, or refuses it.
    fn enter(&mut self, ip: IpAddr, now: Instant) -> Result<(), Refused> {
        let origin = self.origins.of(ip);
        let local = matches!(origin, Origin::Local(_));
        let (rate, burst) = if local {
            (self.limits.local_dials_per_second, self.limits.local_dials_burst)
        } else {
            (self.limits.dials_per_second, self.limits.dials_burst)
        };
        if !self.rates.contains_key(&origin) && self.rates.len() >= PREFIXES_MAX {
            let quiet = self.rates.iter().min_by_key(|(_, (_, at))| *at).map(|(origin, _)| *origin);
            quiet.and_then(|origin| self.rates.remove(&origin));
        }
        let (bucket, at) = self.rates.entry(origin).or_insert_with(|| (Bucket::full(burst, now), now));
        *at = now;
        if !bucket.take(rate, burst, now) {
            return Err(Refused::Rate);
        }
        Ok(())
    }
}

/// The network that an address of the internet belongs to; `None` for a name or an address of the local network.
pub(crate) fn network_of(address: &Multiaddr) -> Option<Origin> {
    let ip = ip_of(address)?.to_canonical();
    (!is_local(ip)).then(|| prefix_of(ip))
}

/// Addresses that no stranger on the internet has.
pub(crate) fn is_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let shared = matches!(ip.octets(), [100, 64..=127, ..]); // RFC 6598: behind a provider's NAT
            ip.is_loopback() || ip.is_private() || ip.is_link_local() || shared
        }
        IpAddr::V6(ip) => ip.is_loopback() || is_local_v6(ip),
    }
}

fn is_local_v6(ip: Ipv6Addr) -> bool {
    ip.is_unique_local() || ip.is_unicast_link_local()
}

/// The address at the start of a multiaddr, if it is one of the internet protocol.
pub(crate) fn ip_of(address: &Multiaddr) -> Option<IpAddr> {
    match address.iter().next()? {
        Protocol::Ip4(ip) => Some(ip.into()),
        Protocol::Ip6(ip) => Some(ip.into()),
        _ => None,
    }
}

/// Whether an address is one of QUIC.
pub(crate) fn is_quic(address: &Multiaddr) -> bool {
    address.iter().any(|part| matches!(part, Protocol::Quic | Protocol::QuicV1))
}

impl NetworkBehaviour for Gate {
    type ConnectionHandler = dummy::ConnectionHandler;
    type ToSwarm = Infallible;

    fn handle_pending_inbound_connection(
        &mut self,
        id: ConnectionId,
        _: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        self.dialed(id, remote, Instant::now()).map_err(ConnectionDenied::new)
    }

    fn handle_established_inbound_connection(
        &mut self,
        id: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.proven(id, remote, Instant::now()).map_err(ConnectionDenied::new)?;
        Ok(dummy::ConnectionHandler)
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(dummy::ConnectionHandler)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        if let FromSwarm::ListenFailure(failed) = event {
            self.unproven.remove(&failed.connection_id);
        }
    }

    fn on_connection_handler_event(&mut self, _: PeerId, _: ConnectionId, event: THandlerOutEvent<Self>) {
        match event {}
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Infallible, THandlerInEvent<Self>>> {
        Poll::Pending
    }
}

#[cfg(test)]
#[path = "gate_tests.rs"]
mod tests;
