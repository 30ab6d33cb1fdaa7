//! Types and rules that every floor of Wattle shares: hashes, keys, addresses, units, transactions, blocks,
//! votes, certificates, Merkle rules and the canonical encoding.
//!
//! Nothing here performs I/O, reads a clock or keeps state. Everything that is hashed, signed or
//! stored is encoded with borsh through [`codec`]; enum discriminants are explicit and never reused.
//! The exact bytes are specified in `docs/protocol.md` and pinned by golden tests.
//!
//! # Not here
//! JSON-RPC types (`wattle-rpc-types`), validity rules that need state (`wattle-runtime`), consensus rules
//! (`wattle-consensus`).

// Where two nodes must agree, nothing may panic on input or wrap; tests may.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::arithmetic_side_effects))]
// A new call, event, record or reason stands in every match that decides on one: the compiler is the checklist.
#![cfg_attr(not(test), deny(clippy::wildcard_enum_match_arm))]
#![cfg_attr(not(test), deny(clippy::disallowed_types, clippy::disallowed_methods))]

pub mod address;
pub mod batch;
pub mod block;
pub mod book;
pub mod bounded;
pub mod bucket;
pub mod call;
pub mod certificate;
pub mod codec;
pub mod domain;
pub mod event;
pub mod evidence;
pub mod genesis;
pub mod hash;
pub mod key;
pub mod merkle;
pub mod planted;
pub mod reading;
pub mod reason;
pub mod receipt;
#[cfg(feature = "schema")]
pub mod schema;
pub mod state_key;
pub mod trie;
pub mod tx;
pub mod units;
pub mod validator;
pub mod vote;

pub use address::Address;
pub use block::{Block, BlockId, Header};
pub use book::BookId;
pub use bounded::{BoundedBytes, BoundedVec};
pub use call::Call;
pub use certificate::Certificate;
pub use codec::{Decode, DecodeError, Encode, decode, encode};
pub use event::Event;
pub use evidence::{Accusation, Evidence, EvidenceError};
pub use genesis::{ChainParams, Genesis, Params};
pub use hash::Hash;
pub use key::{PublicKey, SecretKey, Signature};
pub use reason::Reason;
pub use receipt::{Outcome, Receipt};
pub use tx::{Auth, Tx, TxBody};
pub use units::{Amount, AssetId, Epoch, Height, Lane, Nonce, TimeMs, View, WattHours, Weight};
pub use validator::{Validator, ValidatorIndex, ValidatorSet, VotingPower};
pub use vote::{Proposal, Round, SignedVote, Vote, VoteKind};
