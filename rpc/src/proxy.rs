//! The client's address behind a reverse proxy.
//!
//! A proxy connects from its own address, and says in a header for whom it asks. The header counts only from a proxy
//! that the operator trusts: anybody can write one. Of a list, what trusted proxies have added themselves is its end,
//! so it is read from there, up to the first address that is no trusted proxy's; what stands before it is the client's
//! own word. What cannot be read names nobody: such requests share the share of the proxy.

use axum::http::{HeaderMap, HeaderName};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use wattle_primitives::planted;

/// Which proxies are trusted, and where they name their clients.
#[derive(Clone, Debug, Default)]
pub struct Proxies {
    /// Their addresses. Nobody's, unless told otherwise.
    pub trusted: Vec<IpNet>,
    /// Where they say for whom they ask.
    pub header: AddressHeader,
}

/// A header in which proxies name clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AddressHeader {
    /// `X-Forwarded-For: 203.0.113.7, 10.0.0.2`: every proxy appends whom it was asked by.
    #[default]
    XForwardedFor,
    /// `Forwarded: for=203.0.113.7, for="[2001:db8::7]:443"`: the same by RFC 7239.
    Forwarded,
    /// `X-Real-IP: 203.0.113.7`: the proxy's word alone.
    XRealIp,
}

/// For whom a trusted proxy asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Named {
    /// For itself: the header is not there.
    Nobody,
    /// For the client at this address.
    Client(IpAddr),
    /// Unknown: the header cannot be read.
    Unreadable,
}

impl Proxies {
    /// Whether the header of who connects from `peer` counts.
    pub(crate) fn trusts(&self, peer: IpAddr) -> bool {
        self.trusted.iter().any(|network| network.contains(&peer.to_canonical()))
    }

    /// The client that a trusted proxy names.
    pub(crate) fn named(&self, headers: &HeaderMap) -> Named {
        let lines: Result<Vec<&str>, _> =
            headers.get_all(self.header.name()).iter().map(|value| value.to_str()).collect();
        match lines {
            Ok(lines) if lines.is_empty() => Named::Nobody,
            Ok(lines) => self.farthest(&lines.join(",")).map_or(Named::Unreadable, Named::Client),
            Err(_) => Named::Unreadable,
        }
    }

    /// The first address from the end that is no trusted proxy's, else the first of all.
    fn farthest(&self, list: &str) -> Option<IpAddr> {
        let mut hops: Vec<&str> = match self.header {
            AddressHeader::XForwardedFor => list.split(',').collect(),
            AddressHeader::Forwarded => split_unquoted(list, ',')?,
            AddressHeader::XRealIp => vec![list],
        };
        if planted!("proxy-list-read-from-its-start", hops.len() > 1) {
            hops.reverse();
        }
        let mut farthest = None;
        for hop in hops.iter().rev() {
            let address = match self.header {
                AddressHeader::XForwardedFor | AddressHeader::XRealIp => address(hop),
                AddressHeader::Forwarded => forwarded_for(hop),
            }?;
            farthest = Some(address);
            if !self.trusts(address) {
                break;
            }
        }
        farthest
    }
}

impl AddressHeader {
    const fn name(self) -> HeaderName {
        match self {
            Self::XForwardedFor => HeaderName::from_static("x-forwarded-for"),
            Self::Forwarded => HeaderName::from_static("forwarded"),
            Self::XRealIp => HeaderName::from_static("x-real-ip"),
        }
    }
}

/// An address as proxies write it: with a port or without, of IPv6 in brackets or without.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = || text.strip_prefix('[')?.strip_suffix(']')?.parse::<Ipv6Addr>().ok().map(IpAddr::from);
    let with_port = || text.parse::<SocketAddr>().ok().map(|at| at.ip());
    text.parse().ok().or_else(with_port).or_else(bare).map(|ip: IpAddr| ip.to_canonical())
}

/// The address of `for` in one element of `Forwarded`.
fn forwarded_for(element: &str) -> Option<IpAddr> {
    let pairs = split_unquoted(element, ';')?;
    let pairs = pairs.iter().filter_map(|pair| pair.split_once('='));
    let mut named = pairs.filter(|(name, _)| name.trim().eq_ignore_ascii_case("for"));
    let (_, value) = named.next()?;
    if named.next().is_some() {
        return None;
    }
    let value = value.trim();
    let unquoted = value.strip_prefix('"').map_or(Some(value), |rest| rest.strip_suffix('"'));
    address(unquoted?)
}

/// Splits outside of quoted strings. `None` when one does not end.
fn split_unquoted(text: &str, separator: char) -> Option<Vec<&str>> {
    let (mut parts, mut begin, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (at, character) in text.char_indices() {
        if escaped {
            escaped = false;
        } else if quoted && character == '\\' {
            escaped = true;
        } else if character == '"' {
            quoted = !quoted;
        } else if character == separator && !quoted {
            parts.push(text.get(begin..at)?);
            begin = at.saturating_add(separator.len_utf8());
        }
    }
    parts.push(text.get(begin..)?);
    (!quoted).then_some(parts)
}

#[cfg(test)]
#[path = "proxy_tests.rs"]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;
