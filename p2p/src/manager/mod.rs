//! Peers' whereabouts, and who gets a place: one manager for all that finds peers and all that lets them in.
//!
//! Synchronous, no I/O: events and the time go in, decisions come out, and `crate::door` carries them out. Nothing else
//! dials.
//!
//! | event | decision |
//! |---|---|
//! | the time has come (`Tick`) | dial who is away and due: all addresses of a peer in one dial; resolve names first |
//! | a dial met another peer (`Failed`) | the address goes to the one who was met, if it is known; try the others |
//! | Kademlia wants a peer (`Wish`) | dial it if it may be dialed now; else `Decline` |
//! | a connection stands (`Arrives`) | into the waiting room, where the longest of the most crowded network yields |
//! | a handshake says who it is (`Claims`) | a place, perhaps an idle stranger's or its key's (`Yield`), or `Refuse` |
//! | a peer has no place for this node (`NoPlace`) | dial it a minute later |
//!
//! # Parts
//! [`Book`]: addresses by source, who is there, when to dial next. [`Places`]: who may stay.
//!
//! # Not here
//! How often a network may open connections (`crate::gate`); what a peer did wrong (`crate::scores`): the manager is
//! told whom to leave alone.

mod address;
mod book;
mod places;
mod record;

pub(crate) use address::{name_of, split};

use crate::config::Limits;
use crate::gate::Origin;
use book::Book;
use libp2p::{Multiaddr, PeerId};
use places::Places;
use std::net::IpAddr;
use tokio::time::Instant;
use wattle_primitives::{Address, PublicKey, planted};

/// Who told of an address; later ones are worth more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Source {
    /// Peers told Kademlia.
    Kademlia,
    /// The peer told it of itself.
    Identify,
    /// The local network.
    Mdns,
    /// The peer was met there when another was looked for.
    Met,
    /// The peer was met at a configured address that names nobody.
    Site,
    /// Configured with the peer's id.
    Listed,
}

/// Target of a dial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// A peer, wherever it is.
    Peer(PeerId),
    /// A configured address, whoever is there.
    Site(Multiaddr),
}

/// A peer's claim to a place; later ones are better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// No claim: an unknown peer.
    Stranger,
    /// It follows headers, as meters do. Unproven.
    Light,
    /// It has proven the key of a registered meter of this operator.
    Meter { key: PublicKey, operator: Address },
    /// It has proven the key of a validator of the set.
    Validator(PublicKey),
    /// The operator named it.
    Listed,
}

impl Claim {
    /// Greater ones are better.
    const fn rank(self) -> u8 {
        match self {
            Self::Stranger => 0,
            Self::Light => 1,
            Self::Meter { .. } => 2,
            Self::Validator(_) => 3,
            Self::Listed => 4,
        }
    }

    /// The key that gives it.
    const fn key(self) -> Option<PublicKey> {
        match self {
            Self::Meter { key, .. } | Self::Validator(key) => Some(key),
            Self::Stranger | Self::Light | Self::Listed => None,
        }
    }

    /// Of a registered meter.
    pub(crate) const fn operator(self) -> Option<Address> {
        match self {
            Self::Meter { operator, .. } => Some(operator),
            Self::Stranger | Self::Light | Self::Validator(_) | Self::Listed => None,
        }
    }
}

/// How a dial ended without a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// It was not needed: the peer is connected or being dialed.
    Moot,
    /// Nobody is there, or nobody that may be connected with.
    Nobody,
    /// Another peer than the one looked for is at this address.
    Other { peer: PeerId, address: Multiaddr },
}

/// Something that happened.
#[derive(Debug)]
pub(crate) enum Event {
    /// The operator named an address, with or without an id.
    List(Multiaddr),
    /// The operator wants this peer dialed no more.
    Unlist(PeerId),
    /// Addresses of a peer were heard of.
    Found { peer: PeerId, addresses: Vec<Multiaddr>, source: Source },
    /// The local network no longer tells of these addresses.
    Expired { peer: PeerId, addresses: Vec<Multiaddr> },
    /// Kademlia needs a connection with a peer.
    Wish { peer: PeerId, addresses: Vec<Multiaddr> },
    /// Addresses that the names of a target stand for at present.
    Resolved { target: Target, addresses: Vec<Multiaddr> },
    /// A dial came to nothing.
    Failed { target: Target, failure: Failure },
    /// Somebody wants to come in.
    Arrives { peer: PeerId, origin: Option<Origin> },
    /// A connection stands; `target` is what was dialed.
    Connected { peer: PeerId, target: Option<Target>, ip: Option<IpAddr>, origin: Option<Origin> },
    /// A connection is gone.
    Closed(PeerId),
    /// A peer that came has said who it is.
    Claims { peer: PeerId, claim: Claim },
    /// The handshake is complete.
    Ready(PeerId),
    /// A peer has no place for this node.
    NoPlace(PeerId),
    /// A peer did something useful: asked a question, handed on what was new.
    Useful(PeerId),
    /// A peer is to be left alone.
    Bar(PeerId),
    /// It may be dialed again.
    Unbar(PeerId),
    /// Time went by.
    Tick,
}

/// Decision on an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Dial all these addresses at once. A site's dial has one.
    Dial { target: Target, addresses: Vec<Multiaddr> },
    /// Ask what these addresses' names stand for.
    Resolve { target: Target, names: Vec<Multiaddr> },
    /// Kademlia's wish is not granted.
    Decline(PeerId),
    /// The newcomer is sent away.
    Refuse { peer: PeerId, reason: Turned },
    /// The peer's place goes to another.
    Yield(PeerId),
}

/// Why a newcomer is sent away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Turned {
    /// It has enough connections.
    #[error("{max} connections with this peer already")]
    Connections { max: usize },
    /// No place is free for what it is, and nobody's place is its to take.
    #[error("no place is free")]
    Full,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Manager {
    book: Book,
    places: Places,
    per_peer_max: usize,
    /// Connections beyond which only those who have a good claim open further ones.
    connections_max: usize,
}

impl Manager {
    /// `seed` sets apart the redials of nodes that lost their connections at the same moment.
    pub(crate) fn new(local: PeerId, limits: &Limits, seed: u64) -> Self {
        Self {
            book: Book::new(local, limits, seed),
            places: Places::new(limits),
            per_peer_max: size(limits.connections_per_peer_max),
            connections_max: size(limits.connections_max.saturating_add(limits.connections_waiting_max)),
        }
    }

    /// Takes an event in; the decisions are to be carried out in their order.
    pub(crate) fn on(&mut self, now: Instant, event: Event) -> Vec<Decision> {
        match event {
            Event::List(address) => self.book.list(&address, now),
            Event::Unlist(peer) => self.book.unlist(&peer),
            Event::Found { peer, addresses, source } => self.book.found(peer, &addresses, source, now),
            Event::Expired { peer, addresses } => self.book.expired(&peer, &addresses),
            Event::Wish { peer, addresses } => return self.book.wish(peer, &addresses, now),
            Event::Resolved { target, addresses } => {
                return self.book.resolved(target, addresses, now).into_iter().collect();
            }
            Event::Failed { target, failure } => {
                return self.book.failed(target, failure, now).into_iter().collect();
            }
            Event::Arrives { peer, origin } => return self.arrives(peer, origin),
            Event::Connected { peer, target, ip, origin } => {
                let dialed = target.is_some();
                let first = self.book.connected(peer, target, ip, now);
                if first && !dialed {
                    self.places.arrived(peer, origin, self.book.is_listed(&peer), now);
                } else if dialed && !planted!("chosen-peer-needs-a-place", !first) {
                    self.places.gone(&peer); // it came at the same moment; this node chose it
                }
            }
            Event::Closed(peer) => {
                if self.book.closed(&peer, now) {
                    self.places.gone(&peer);
                }
            }
            Event::Claims { peer, claim } => {
                let claim = if self.book.is_listed(&peer) { Claim::Listed } else { claim };
                return self.places.claim(peer, claim, now).into_iter().collect();
            }
            Event::Ready(peer) => self.book.ready(&peer, now),
            Event::NoPlace(peer) => self.book.no_place(&peer, now),
            Event::Useful(peer) => self.places.useful(&peer, now),
            Event::Bar(peer) => self.book.bar(peer),
            Event::Unbar(peer) => self.book.unbar(&peer),
            Event::Tick => return self.book.due(now),
        }
        Vec::new()
    }

    fn arrives(&mut self, peer: PeerId, origin: Option<Origin>) -> Vec<Decision> {
        let (connections, listed) = (self.book.connections(&peer), self.book.is_listed(&peer));
        if connections == 0 && listed {
            return Vec::new();
        }
        if connections == 0 {
            return self.places.yields_to_arrival(origin).map(Decision::Yield).into_iter().collect();
        }
        let stranger = !listed && self.places.is_stranger(&peer);
        let most = stranger && self.book.connections_in_all() >= self.connections_max;
        if connections < self.per_peer_max && !most {
            return Vec::new();
        }
        let reason = Turned::Connections { max: self.per_peer_max };
        vec![Decision::Refuse { peer, reason }]
    }
}

fn size(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
