//! Addresses as the manager reads them.

use libp2p::multiaddr::Protocol;
use libp2p::{Multiaddr, PeerId};
use std::net::IpAddr;

/// Parts an address from the peer id at its end.
pub(crate) fn split(address: &Multiaddr) -> (Option<PeerId>, Multiaddr) {
    let mut bare = address.clone();
    match bare.pop() {
        Some(Protocol::P2p(peer)) => (Some(peer), bare),
        _ => (None, address.clone()),
    }
}

/// Host and port of an address that names its host.
pub(crate) fn name_of(address: &Multiaddr) -> Option<(String, u16)> {
    let mut parts = address.iter();
    let host = match parts.next()? {
        Protocol::Dns(host) | Protocol::Dns4(host) | Protocol::Dns6(host) => host.into_owned(),
        _ => return None,
    };
    match parts.next()? {
        Protocol::Tcp(port) | Protocol::Udp(port) => Some((host, port)),
        _ => None,
    }
}

/// Whether two hosts are in one network: /24 of IPv4, /64 of IPv6, or one machine.
pub(super) fn is_near(one: IpAddr, other: IpAddr) -> bool {
    match (one.to_canonical(), other.to_canonical()) {
        (IpAddr::V4(one), IpAddr::V4(other)) => {
            one.is_loopback() && other.is_loopback() || one.octets()[..3] == other.octets()[..3]
        }
        (IpAddr::V6(one), IpAddr::V6(other)) => one.octets()[..8] == other.octets()[..8],
        (one, other) => one.is_loopback() && other.is_loopback(),
    }
}
