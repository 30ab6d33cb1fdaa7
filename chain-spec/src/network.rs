//! The network as a node knows it before it knows anybody: addresses to dial, and defaults.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use wattle_primitives::TimeMs;

/// Longest address in bytes.
pub const ADDRESS_BYTES_MAX: usize = 256;
/// Most bootstrap addresses in a specification.
pub const BOOTSTRAP_MAX: usize = 64;

/// Where a node listens, as a multiaddr that ends in its peer id: `/ip4/10.0.0.1/tcp/8650/p2p/12D3…`.
///
/// Only the shape is checked here; the network layer resolves it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NodeAddress(String);

/// Why text is not a node's address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{got:?} is not an address like /ip4/10.0.0.1/tcp/8650/p2p/<peer id>")]
pub struct NodeAddressError {
    /// The text given, cut to 80 characters.
    pub got: String,
}

/// Defaults of the network, which each node may override.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// Whether nodes announce themselves in the local network.
    pub mdns: bool,
    /// Nodes to dial first.
    pub bootstrap: Vec<NodeAddress>,
    /// How long a light node believes in its newest verified header, in ms.
    pub trust_period_ms: TimeMs,
}

impl NodeAddress {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NodeAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for NodeAddress {
    type Err = NodeAddressError;
    fn from_str(text: &str) -> Result<Self, NodeAddressError> {
        let parts: Vec<&str> = text.split('/').collect();
        let shape = text.len() <= ADDRESS_BYTES_MAX
            && text.bytes().all(|b| b.is_ascii_graphic())
            && parts.first() == Some(&"")
            && parts.len() >= 3
            && parts.iter().skip(1).all(|part| !part.is_empty());
        if shape {
            Ok(Self(text.to_owned()))
        } else {
            Err(NodeAddressError { got: text.chars().take(80).collect() })
        }
    }
}

wattle_primitives::serde_text!(NodeAddress);
