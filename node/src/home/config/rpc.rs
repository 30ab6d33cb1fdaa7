//! The interface's part of the configuration.

use super::super::settings::{Any, Items, settings};
use super::p2p::{AddressRange, ranges};
use super::{COUNT_MAX, MEMORY_BYTES_MAX, STEP_MS_MAX, ms};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;
use wattle_rpc::config::{AddressHeader, Limits, Proxies, Timeouts};
use wattle_rpc_types::limits;

/// Most host names or origins.
const NAMES_MAX: usize = 256;

settings! {
    /// The interface for wallets: JSON-RPC, explorer, health, metrics.
    pub struct RpcSection {
        /// Address to serve on. Loopback unless something in front of it adds limits of its own.
        listen: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), wattle_rpc::server::DEFAULT_PORT),
            Any("an address with its port, such as 127.0.0.1:8645 or [::1]:8645");
        /// Host names that requests may name besides loopback and the address served on.
        allowed_hosts: Vec<String> = Vec::new(), names("host names without port");
        /// Origins whose pages may call, such as "https://example.org".
        allowed_origins: Vec<String> = Vec::new(), names("origins");
        /// Reverse proxies whose word on the client's address counts: "127.0.0.1", or a range, "10.0.0.0/8". No client
        /// may have an address in them: it could name any other.
        trusted_proxies: Vec<AddressRange> = Vec::new(), ranges();
        /// The header in which they name it.
        client_address_header: AddressHeader = AddressHeader::default(),
            Any("x-forwarded-for, forwarded or x-real-ip");
    }
    sections {
        limits: RpcLimits,
    }
}

settings! {
    /// Bounds of what clients of the interface may take of this node. Sizes of requests and answers are the same on
    /// every node.
    pub struct RpcLimits {
        with standard = RpcBounds::default();
        /// Most connections at once, HTTP and WebSocket together.
        connections_max: usize = standard.limits.connections_max, 2..=COUNT_MAX;
        /// Most connections of one address (IPv6: of one /64). Does not count for loopback.
        connections_per_address_max: usize = standard.limits.connections_per_address_max, 1..=COUNT_MAX;
        /// Most WebSocket connections at once. Below connections_max, so that plain requests always find a place.
        websockets_max: usize = standard.limits.websockets_max, 1..=COUNT_MAX;
        /// Most subscriptions of one WebSocket connection.
        subscriptions_max: usize = standard.limits.subscriptions_max, 1..=1024;
        /// Most bytes of request bodies above 64 KiB, all connections together.
        bodies_bytes: usize = standard.limits.bodies_bytes, limits::BODY_BYTES_MAX..=MEMORY_BYTES_MAX;
        /// Most bytes of answers above 256 KiB, all connections together.
        answers_bytes: usize = standard.limits.answers_bytes, limits::RESPONSE_BYTES_MAX..=MEMORY_BYTES_MAX;
        /// Most calls at work at once; others wait their turn.
        calls_max: usize = standard.limits.blocking_calls_max, 1..=256;
        /// Most calls for part of a list at work at once; they are none of those.
        listing_calls_max: usize = standard.limits.listing_calls_max, 1..=256;
        /// Most threads that read events; fewer where that is more than half of the machine's.
        event_readers_max: usize = standard.limits.event_readers_max, 1..=64;
        /// Time to send the headers of a connection's first request.
        header_timeout_ms: u64 = ms(standard.timeouts.header), 100..=STEP_MS_MAX;
        /// How long an idle connection is kept, and time to send the headers of later requests.
        idle_timeout_ms: u64 = ms(standard.timeouts.idle), 100..=STEP_MS_MAX;
        /// Time to send a request's body.
        body_timeout_ms: u64 = ms(standard.timeouts.body), 100..=STEP_MS_MAX;
        /// Time for the work on one message.
        call_timeout_ms: u64 = ms(standard.timeouts.call), 100..=STEP_MS_MAX;
        /// How long a client may leave bytes that it is owed, beyond the time they take at 2 KiB/s.
        write_timeout_ms: u64 = ms(standard.timeouts.write), 100..=STEP_MS_MAX;
        /// How often a WebSocket is pinged. At most silence_max_ms.
        ping_interval_ms: u64 = ms(standard.timeouts.ping), 100..=STEP_MS_MAX;
        /// How long a WebSocket may be silent, pongs included.
        silence_max_ms: u64 = ms(standard.timeouts.silence), 100..=STEP_MS_MAX;
    }
}

/// The interface's own limits and times.
#[derive(Default)]
struct RpcBounds {
    limits: Limits,
    timeouts: Timeouts,
}

impl RpcSection {
    /// The interface's configuration.
    #[must_use]
    pub fn interface(&self) -> wattle_rpc::Config {
        let set = &self.limits;
        wattle_rpc::Config {
            allowed_hosts: self.allowed_hosts.clone(),
            allowed_origins: self.allowed_origins.clone(),
            proxies: Proxies {
                trusted: self.trusted_proxies.iter().map(|range| range.net()).collect(),
                header: self.client_address_header,
            },
            limits: Limits {
                connections_max: set.connections_max,
                connections_per_address_max: set.connections_per_address_max,
                websockets_max: set.websockets_max,
                subscriptions_max: set.subscriptions_max,
                bodies_bytes: set.bodies_bytes,
                answers_bytes: set.answers_bytes,
                blocking_calls_max: set.calls_max,
                listing_calls_max: set.listing_calls_max,
                event_readers_max: set.event_readers_max,
            },
            timeouts: Timeouts {
                header: Duration::from_millis(set.header_timeout_ms),
                idle: Duration::from_millis(set.idle_timeout_ms),
                body: Duration::from_millis(set.body_timeout_ms),
                call: Duration::from_millis(set.call_timeout_ms),
                write: Duration::from_millis(set.write_timeout_ms),
                ping: Duration::from_millis(set.ping_interval_ms),
                silence: Duration::from_millis(set.silence_max_ms),
            },
        }
    }
}

fn names(what: &'static str) -> Items<fn(&String) -> bool> {
    Items {
        max: NAMES_MAX,
        what,
        test: |name| !name.is_empty() && name.chars().all(|c| c.is_ascii_graphic()),
    }
}
