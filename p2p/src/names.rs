//! Names on the network. All but the handshake's carry the genesis prefix, so that two chains on one network never
//! mistake each other; the handshake has one name everywhere, since it is where a foreign chain is told so.

use crate::wire::Gossip;
use libp2p::StreamProtocol;
use libp2p::gossipsub::IdentTopic;
use wattle_primitives::Hash;

/// Name of the handshake on every chain.
pub(crate) const HANDSHAKE: StreamProtocol = StreamProtocol::new("/wattle/handshake/2");

/// The names of one chain.
pub(crate) struct Names {
    prefix: String,
}

impl Names {
    pub(crate) fn new(genesis: &Hash) -> Self {
        Self { prefix: format!("/wattle/{}", genesis.short()) }
    }

    pub(crate) fn request(&self) -> StreamProtocol {
        self.protocol("request/1")
    }

    /// The validator streams: votes, then blocks.
    pub(crate) fn streams(&self) -> Vec<StreamProtocol> {
        vec![self.protocol("votes/1"), self.protocol("blocks/1")]
    }

    pub(crate) fn kademlia(&self) -> StreamProtocol {
        self.protocol("kad/1")
    }

    pub(crate) fn identify(&self) -> String {
        format!("{}/1", self.prefix)
    }

    pub(crate) fn gossip_prefix(&self) -> String {
        format!("{}/gossip", self.prefix)
    }

    pub(crate) fn topic_txs(&self) -> IdentTopic {
        IdentTopic::new(format!("{}/txs/1", self.prefix))
    }

    pub(crate) fn topic_finalized(&self) -> IdentTopic {
        IdentTopic::new(format!("{}/finalized/1", self.prefix))
    }

    /// Where a message is gossiped.
    pub(crate) fn topic_of(&self, message: &Gossip) -> IdentTopic {
        match message {
            Gossip::Txs(_) | Gossip::Evidence(_) => self.topic_txs(),
            Gossip::Finalized(_) => self.topic_finalized(),
        }
    }

    fn protocol(&self, name: &str) -> StreamProtocol {
        // The text starts with a slash, which is the only thing that can be wrong with a protocol name.
        StreamProtocol::try_from_owned(format!("{}/{name}", self.prefix)).unwrap_or(HANDSHAKE)
    }
}
