//! Messages between nodes: borsh types with explicit discriminants, every list bounded by its type.
//!
//! Bytes come in through [`wattle_primitives::decode`], which refuses anything above the type's `MAX_BYTES` before
//! it looks at it; frames check the same cap before they allocate. Nothing here is known to be valid: signatures,
//! certificates and proofs are for the receiver to check.
//!
//! | type | carried by | cap |
//! |---|---|---|
//! | [`ValidatorMessage`] | validator streams | [`VOTE_FRAME_BYTES_MAX`], [`BLOCK_FRAME_BYTES_MAX`] |
//! | [`Gossip`] | gossipsub | [`GOSSIP_BYTES_MAX`] |
//! | [`Request`], [`Response`] | request-response | [`REQUEST_BYTES_MAX`], [`RESPONSE_BYTES_MAX`] |
//! | [`Hello`], [`HelloAnswer`] | handshake | [`HELLO_BYTES_MAX`] |
//!
//! A light node takes shorter answers only: [`Request::light_answer_bytes_max`].

use borsh::{BorshDeserialize, BorshSerialize};
use wattle_primitives::block::{BLOCK_BYTES_MAX, HEADER_BYTES_MAX, PATH_HEADERS_MAX};
use wattle_primitives::merkle::ListProof;
use wattle_primitives::state_key::{AccountRecord, BalanceRecord, MeterRecord, MicrogridRecord, TermsRecord};
use wattle_primitives::trie::{self, TrieProof};
use wattle_primitives::tx::{LANES_MAX, TX_BYTES_MAX};
use wattle_primitives::validator::VALIDATORS_MAX;
use wattle_primitives::{
    Address, Block, BoundedBytes, BoundedVec, Certificate, Decode, Epoch, Evidence, Hash, Header, Height,
    Lane, Nonce, PublicKey, Receipt, Signature, SignedVote, TimeMs, Tx, ValidatorSet, View, decodable,
    domain, encode,
};

/// Most bytes of an encoded message on a vote stream: a certificate of the largest set fits.
pub const VOTE_FRAME_BYTES_MAX: usize = 32 * 1024;
/// Most bytes of an encoded message on a block stream: the largest block and its vote.
pub const BLOCK_FRAME_BYTES_MAX: usize = BLOCK_BYTES_MAX + 1024;
/// Most bytes of a gossip message.
pub const GOSSIP_BYTES_MAX: usize = 256 * 1024;
/// Most bytes of a request.
pub const REQUEST_BYTES_MAX: usize = TX_BYTES_MAX + 1024;
/// Most bytes of an answer.
pub const RESPONSE_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Most bytes of a handshake message.
pub const HELLO_BYTES_MAX: usize = 1024;

/// Most transactions in one gossip message; [`GOSSIP_BYTES_MAX`] holds as well.
pub const GOSSIP_TXS_MAX: usize = 512;
/// Most blocks in one answer; [`RESPONSE_BYTES_MAX`] holds as well.
pub const SYNC_BLOCKS_MAX: usize = 128;
/// Most certificates in one answer.
pub const CERTIFICATES_MAX: usize = 64;
/// Most keys in one question for proofs.
pub const PROOF_KEYS_MAX: usize = 16;
/// Longest state key that can be asked for, in bytes.
pub const KEY_BYTES_MAX: usize = 256;
/// Longest state value that can be proven, in bytes.
pub const VALUE_BYTES_MAX: usize = 256 * 1024;
/// Longest text in an error, in bytes.
pub const TEXT_BYTES_MAX: usize = 256;
/// Longest record of state that a light node asks for, in bytes.
pub const LIGHT_RECORD_BYTES_MAX: usize = 2048;
/// Most bytes of an answer that holds neither headers nor state.
pub const SMALL_ANSWER_BYTES_MAX: usize = 1024;
/// Most bytes of a [`LightBlock`].
pub const LIGHT_BLOCK_BYTES_MAX: usize =
    HEADER_BYTES_MAX + <Certificate as Decode>::MAX_BYTES + 4 + PATH_HEADERS_MAX * HEADER_BYTES_MAX;
/// Most bytes of an [`EpochProof`].
pub const EPOCH_PROOF_BYTES_MAX: usize =
    HEADER_BYTES_MAX + <Certificate as Decode>::MAX_BYTES + <ValidatorSet as Decode>::MAX_BYTES;
/// Most bytes of a [`TrieProof`]: a bit's number and a sibling for each bit of a key's hash, and the leaf.
const TRIE_PROOF_BYTES_MAX: usize = 4 + trie::DEPTH_MAX * 33 + 1 + 64;
/// Most bytes of blocks to put into one [`Response::Blocks`], so that the answer stays below its cap.
pub const SYNC_BYTES_MAX: usize = RESPONSE_BYTES_MAX / 2 - 64 * 1024;

/// Most bytes of a block as it is synchronized.
pub const SYNC_BLOCK_BYTES_MAX: usize = BLOCK_BYTES_MAX + 1 + <Certificate as Decode>::MAX_BYTES;
/// Fewest bytes of a part of a block, however few are asked for; its last may have fewer.
pub const PART_BYTES_MIN: usize = 1024;

/// Between validators, over direct streams.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum ValidatorMessage {
    /// A leader's block with its notarize vote. Travels on the block stream.
    Proposal {
        /// The leader's vote; may be relayed by another validator.
        vote: SignedVote,
        /// The block voted for.
        block: Box<Block>,
    } = 0,
    /// One vote.
    Vote(SignedVote) = 1,
    /// A quorum's votes.
    Certificate(Certificate) = 2,
    /// Members of the sender's epoch whose messages reach it directly; what others say is relayed to it.
    Links(BoundedVec<PublicKey, VALIDATORS_MAX>) = 3,
    /// The sender lives, and knows of so many others that do.
    Heard(Heard) = 4,
    /// The sender's own clock as it sends, ms UTC. It is never relayed: the connection proves whose it is.
    Clock(TimeMs) = 5,
}

/// Signs of life of the members of a validator set, as far as the sender knows. Not signed: it may lie.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Heard {
    /// The set's epoch.
    pub epoch: Epoch,
    /// Number of each member's newest sign of life, in the set's order. A member counts its own, from 1 on, and goes on
    /// after a greater one that others know of it. Numbers wrap to 1; 0: none is known.
    pub numbers: BoundedVec<u16, VALIDATORS_MAX>,
}

/// How far a validator has come in consensus.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Reached {
    /// Its epoch.
    pub epoch: Epoch,
    /// The certificate of the highest view of that epoch that it knows; `None` when it knows of none.
    pub certificate: Option<Certificate>,
}

/// To everybody, over gossipsub.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Gossip {
    /// Transactions, batched by the node they entered at and forwarded unchanged.
    Txs(BoundedVec<Tx, GOSSIP_TXS_MAX>) = 0,
    /// A newly finalized header.
    Finalized(Box<LightBlock>) = 1,
    /// Proof that a validator broke the rules. On the topic of transactions, which light nodes do not take.
    Evidence(Box<Evidence>) = 2,
}

/// A finalized header with what proves it.
///
/// `certificate` finalizes the last header of `path`, or `header` itself when the path is empty. The first header of
/// the path names `header` as its parent, each further one its predecessor. All are of one epoch.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct LightBlock {
    /// The header that is proven.
    pub header: Header,
    /// Finalizes the end of the path.
    pub certificate: Certificate,
    /// Headers after `header`, up to and including the certified one.
    pub path: BoundedVec<Header, PATH_HEADERS_MAX>,
}

/// A block as it is synchronized.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct SyncBlock {
    /// The block.
    pub block: Block,
    /// Its finalization; `None` when a descendant's covers it.
    pub certificate: Option<Certificate>,
}

/// Consecutive bytes of the encoding of a [`SyncBlock`].
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct BlockPart {
    /// The block's hash.
    pub hash: Hash,
    /// Bytes of the whole encoding.
    pub total: u32,
    /// This part: at least [`PART_BYTES_MIN`] bytes, but for the last.
    pub bytes: BoundedBytes<SYNC_BYTES_MAX>,
}

/// Most bytes of blocks in the answer to a question for `bytes` bytes.
#[must_use]
pub fn answer_bytes_max(bytes: u32) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX).clamp(PART_BYTES_MIN, SYNC_BYTES_MAX)
}

impl Request {
    /// Most bytes of blocks in the answer. What answers other questions is small, but for a large state value.
    #[must_use]
    pub fn block_bytes_max(&self) -> usize {
        match self {
            Self::Blocks { bytes, .. } | Self::BlockByHash { bytes, .. } => answer_bytes_max(*bytes),
            Self::Status
            | Self::Certificates { .. }
            | Self::LightBlock { .. }
            | Self::EpochProof { .. }
            | Self::Proof { .. }
            | Self::SubmitTx(_)
            | Self::TxStatus(_)
            | Self::Account(_)
            | Self::Heard
            | Self::Reached => 0,
        }
    }
}

/// Most bytes of a [`ProofAnswer`] with so many records that light nodes ask for.
const fn light_proof_bytes_max(keys: usize) -> usize {
    let record = 1 + 4 + LIGHT_RECORD_BYTES_MAX + TRIE_PROOF_BYTES_MAX;
    LIGHT_BLOCK_BYTES_MAX.saturating_add(4 + 33).saturating_add(record.saturating_mul(keys))
}

impl Request {
    /// Most bytes of the answer that a light node takes: it may pay for each, and learns only afterwards that it was
    /// a lie. 28 KiB for the end of an epoch; 146 KiB with the longest path of headers, and 11 KiB for each key.
    #[must_use]
    pub fn light_answer_bytes_max(&self) -> usize {
        let long = match self {
            Self::Status | Self::SubmitTx(_) => 0,
            Self::LightBlock { .. } => LIGHT_BLOCK_BYTES_MAX,
            Self::EpochProof { .. } => EPOCH_PROOF_BYTES_MAX,
            Self::Proof { keys, .. } => light_proof_bytes_max(keys.len()),
            Self::Account(_) => light_proof_bytes_max(1),
            // No light node asks these.
            Self::Blocks { .. }
            | Self::BlockByHash { .. }
            | Self::Certificates { .. }
            | Self::TxStatus(_)
            | Self::Heard
            | Self::Reached => return RESPONSE_BYTES_MAX,
        };
        long.saturating_add(SMALL_ANSWER_BYTES_MAX) // an error, and the frame of an account
    }
}

impl SyncBlock {
    /// The answer to a question for at most `bytes` bytes of this block from `offset` on.
    #[must_use]
    pub fn answer(self, offset: u32, bytes: u32) -> Response {
        let encoded = encode(&self);
        if offset == 0 && encoded.len() <= answer_bytes_max(bytes) {
            return Response::Block(Some(Box::new(self)));
        }
        Response::Part(BlockPart::of(self.block.hash(), &encoded, offset, bytes))
    }
}

impl BlockPart {
    /// At most `bytes` bytes from `offset` on of the block with this hash, whose encoding this is.
    #[must_use]
    pub fn of(hash: Hash, encoded: &[u8], offset: u32, bytes: u32) -> Self {
        let rest = usize::try_from(offset).ok().and_then(|offset| encoded.get(offset..)).unwrap_or_default();
        let part = rest.get(..answer_bytes_max(bytes)).unwrap_or(rest).to_vec();
        let total = u32::try_from(encoded.len()).unwrap_or(u32::MAX);
        Self { hash, total, bytes: BoundedBytes::new(part).unwrap_or_default() }
    }
}

/// The end of an epoch: what a light node needs to follow the validator set.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct EpochProof {
    /// The epoch's last header.
    pub header: Header,
    /// Its own finalization: a terminal block always has one.
    pub certificate: Certificate,
    /// The set whose hash is the header's `next_validators_hash`.
    pub next_validators: ValidatorSet,
}

/// One key in the state after a finalized header.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct ProvenValue {
    /// The value, or `None` when the key does not exist.
    pub value: Option<BoundedBytes<VALUE_BYTES_MAX>>,
    /// Shows it under the header's `state_root`.
    pub proof: TrieProof,
}

/// Keys in the state after a finalized header.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct ProofAnswer {
    /// Value of each key, in the order in which they were asked for.
    pub values: BoundedVec<ProvenValue, PROOF_KEYS_MAX>,
    /// Hash of the answerer's block at the height that the asker knows; `None` when it has none there. Unproven:
    /// whoever has another one there asks for it.
    pub known: Option<Hash>,
    /// The header whose state was asked.
    pub light: LightBlock,
}

/// An account as its answerer sees it, with the record that proves it.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct AccountAnswer {
    /// Next nonce of each lane ever used. Convenience: the proven ones are in the record.
    pub nonces: BoundedVec<(Lane, Nonce), { LANES_MAX as usize }>,
    /// State key of the account record.
    pub key: BoundedBytes<KEY_BYTES_MAX>,
    /// The record and its proof.
    pub record: ProofAnswer,
}

/// Fate of a transaction.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum TxFate {
    /// Never heard of here, or forgotten.
    Unknown = 0,
    /// Waits in the mempool.
    Pending = 1,
    /// In a block that is not finalized.
    Included {
        /// Its height.
        height: Height,
    } = 2,
    /// In a finalized block.
    Finalized {
        /// Its height.
        height: Height,
        /// Position among the block's transactions.
        index: u32,
        /// How it ended.
        receipt: Box<Receipt>,
        /// Shows the receipt under a finalized header; `None` when the answerer has pruned it.
        proof: Option<Box<ReceiptProof>>,
    } = 3,
    /// Its time ran out; it will never be included.
    Expired = 4,
    /// Refused, with the stable code.
    Rejected {
        /// The stable code of the refusal.
        code: Text,
    } = 5,
}

/// Shows a receipt under a finalized header.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct ReceiptProof {
    /// Place of the receipt under `light.header.receipts_root`; leaf 0 holds the block's own events.
    pub leaf: ListProof,
    /// The transaction's block.
    pub light: LightBlock,
}

/// A question to one peer.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Request {
    /// Where the peer stands.
    Status = 0,
    /// Finalized blocks by rising height.
    Blocks {
        /// First height.
        from: Height,
        /// Most blocks wanted; the answer may hold fewer.
        count: u16,
        /// Most bytes of blocks wanted: what the link carries in the time that the asker waits. Of a first block that
        /// is larger the first part comes.
        bytes: u32,
    } = 1,
    /// A block by its hash, finalized or not: whole if that is wanted from its beginning on and fits, else a part.
    BlockByHash {
        /// Its hash.
        hash: Hash,
        /// Bytes of its encoding that have come before.
        offset: u32,
        /// Most bytes wanted.
        bytes: u32,
    } = 2,
    /// Notarizations, nullifications and finalizations held, by rising view.
    Certificates {
        /// Their epoch.
        epoch: Epoch,
        /// Only of later views.
        above_view: View,
        /// Most wanted.
        max: u16,
    } = 3,
    /// A finalized header.
    LightBlock {
        /// Its height; the latest when `None`.
        height: Option<Height>,
    } = 4,
    /// The end of an epoch and the next validator set.
    EpochProof {
        /// The epoch that ended.
        epoch: Epoch,
    } = 5,
    /// The values of keys in the latest finalized state.
    Proof {
        /// The state keys; without any, the header alone is asked for.
        keys: BoundedVec<BoundedBytes<KEY_BYTES_MAX>, PROOF_KEYS_MAX>,
        /// Height of the newest header that the asker believes.
        known: Height,
    } = 6,
    /// Takes a transaction into the mempool.
    SubmitTx(Box<Tx>) = 7,
    /// Fate of the transaction with this id.
    TxStatus(Hash) = 8,
    /// An account's nonces and record.
    Account(Address) = 9,
    /// Signs of life of the validators of the peer's epoch.
    Heard = 10,
    /// How far the peer has come in consensus, with proof. For a validator that has lost its disk.
    Reached = 11,
}

/// The answer to a [`Request`]; each kind of question has one kind of answer, or [`Response::Error`] or
/// [`Response::Busy`].
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Response {
    /// No answer, and asking again will not help soon.
    Error {
        /// The kind of failure.
        code: ErrorCode,
        /// For people; for a refused transaction the stable code.
        message: Text,
    } = 0,
    /// Too many questions at once: ask again later, or somebody else.
    Busy = 1,
    /// To [`Request::Status`].
    Status(Status) = 2,
    /// To [`Request::Blocks`]: consecutive from the height asked; empty when the peer has none.
    Blocks(BoundedVec<SyncBlock, SYNC_BLOCKS_MAX>) = 3,
    /// To [`Request::BlockByHash`]: the whole; `None` when the peer has no such block.
    Block(Option<Box<SyncBlock>>) = 4,
    /// To [`Request::Certificates`].
    Certificates(BoundedVec<Certificate, CERTIFICATES_MAX>) = 5,
    /// To [`Request::LightBlock`].
    LightBlock(Box<LightBlock>) = 6,
    /// To [`Request::EpochProof`].
    EpochProof(Box<EpochProof>) = 7,
    /// To [`Request::Proof`].
    Proof(Box<ProofAnswer>) = 8,
    /// To [`Request::SubmitTx`]: it is in the mempool, or was there or in a block already.
    Submitted {
        /// The transaction's id.
        id: Hash,
    } = 9,
    /// To [`Request::TxStatus`].
    TxStatus(TxFate) = 10,
    /// To [`Request::Account`].
    Account(Box<AccountAnswer>) = 11,
    /// To [`Request::BlockByHash`] and [`Request::Blocks`]: a part of a block that is larger than what was asked for.
    Part(BlockPart) = 12,
    /// To [`Request::Heard`].
    Heard(Heard) = 13,
    /// To [`Request::Reached`].
    Reached(Reached) = 14,
}

/// Why a question has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum ErrorCode {
    /// No such thing here.
    NotFound = 0,
    /// It was here and is pruned.
    Pruned = 1,
    /// The transaction is refused; the message is its stable code.
    TxRejected = 2,
    /// The peer is behind and cannot say.
    Syncing = 3,
    /// The peer does not serve this kind of question.
    Unsupported = 4,
    /// A fault on the peer's side.
    Internal = 5,
}

/// Where a peer stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Status {
    /// Last finalized height.
    pub height: Height,
    /// Its block.
    pub hash: Hash,
    /// Epoch of consensus.
    pub epoch: Epoch,
    /// View of consensus.
    pub view: View,
    /// Protocol version.
    pub version: u32,
    /// Whether it is catching up.
    pub syncing: bool,
}

/// Part that a node takes in the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Role {
    /// Holds a validator key, in the set or waiting for it.
    Validator = 0,
    /// Follows the whole chain and serves it.
    Full = 1,
    /// Follows headers only; serves nothing.
    Light = 2,
}

/// First message of a connection, from the dialer; the listener answers with [`HelloAnswer`].
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Hello {
    /// Protocol version spoken.
    pub version: u32,
    /// Genesis hash.
    pub genesis: Hash,
    /// Role of the sender.
    pub role: Role,
    /// Binds a validator key to the sender's peer id.
    pub validator: Option<ValidatorProof>,
    /// Binds a meter's key to the sender's peer id: a registered meter has a place that strangers cannot take.
    pub meter: Option<ValidatorProof>,
    /// Last finalized height.
    pub height: Height,
    /// Drawn when the sender's first connection with the receiver opened, and the same on all that it opens beside it:
    /// another number than before says that the sender holds none of the older ones.
    pub session: u64,
}

/// Answer to [`Hello`].
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum HelloAnswer {
    /// Welcome; this is who answers.
    Accept(Box<Hello>) = 0,
    /// Not welcome; the connection is closed next.
    Refuse(Refusal) = 1,
}

/// Why a peer is not welcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, thiserror::Error)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Refusal {
    /// It follows another chain.
    #[error("another genesis")]
    Genesis = 0,
    /// It speaks another protocol version.
    #[error("another protocol version")]
    Version = 1,
    /// Its proof of a validator's or a meter's key does not verify.
    #[error("proof of a key does not verify")]
    Proof = 2,
    /// It claims to be a validator without proof.
    #[error("role needs a validator proof")]
    Role = 3,
    /// No place is free for what it is. It may come again later.
    #[error("no place is free")]
    Full = 4,
}

/// A validator's or a meter's key's signature over the peer id that speaks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct ValidatorProof {
    /// The key.
    pub key: PublicKey,
    /// Over [`ValidatorProof::signing_bytes`].
    pub signature: Signature,
}

/// Text for people, cut to [`TEXT_BYTES_MAX`] bytes; shown with unprintable characters replaced.
#[derive(Clone, Debug, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize)]
pub struct Text(BoundedBytes<TEXT_BYTES_MAX>);

impl Text {
    /// Takes `text`, cut at the last character that fits.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let mut end = text.len().min(TEXT_BYTES_MAX);
        while !text.is_char_boundary(end) {
            end = end.saturating_sub(1);
        }
        Self(BoundedBytes::new(text.as_bytes()[..end].to_vec()).unwrap_or_default())
    }
}

impl std::fmt::Display for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // A peer's text may end on a terminal: control characters could rewrite it.
        let text = String::from_utf8_lossy(&self.0);
        text.chars()
            .try_for_each(|c| std::fmt::Write::write_char(f, if c.is_control() { '\u{fffd}' } else { c }))
    }
}

impl ValidatorProof {
    /// The exact bytes that the key signs: `domain::HANDSHAKE`, genesis, bytes of the peer id.
    #[must_use]
    pub fn signing_bytes(genesis: &Hash, peer: &libp2p::PeerId) -> Vec<u8> {
        domain::HANDSHAKE.signing_bytes(genesis, &peer.to_bytes())
    }

    /// Whether the key's holder has let `peer` speak for it on this chain.
    #[must_use]
    pub fn verify(&self, genesis: &Hash, peer: &libp2p::PeerId) -> bool {
        self.key.verify(&Self::signing_bytes(genesis, peer), &self.signature).is_ok()
    }
}

impl Response {
    /// An error with a message for people.
    #[must_use]
    pub fn error(code: ErrorCode, message: &str) -> Self {
        Self::Error { code, message: Text::new(message) }
    }
}

decodable! {
    ValidatorMessage: BLOCK_FRAME_BYTES_MAX;
    Gossip: GOSSIP_BYTES_MAX;
    Request: REQUEST_BYTES_MAX;
    Response: RESPONSE_BYTES_MAX;
    SyncBlock: SYNC_BLOCK_BYTES_MAX;
    Hello: HELLO_BYTES_MAX;
    HelloAnswer: HELLO_BYTES_MAX;
}

const _: () = {
    assert!(<Certificate as Decode>::MAX_BYTES < VOTE_FRAME_BYTES_MAX, "a certificate fits a vote frame");
    assert!(8 + 32 * VALIDATORS_MAX < VOTE_FRAME_BYTES_MAX, "the links of the largest set fit a vote frame");
    assert!(TX_BYTES_MAX + 16 <= GOSSIP_BYTES_MAX, "the largest transaction can be gossiped");
    assert!(
        PATH_HEADERS_MAX * HEADER_BYTES_MAX + <Certificate as Decode>::MAX_BYTES + 1024 <= GOSSIP_BYTES_MAX,
        "the longest light block can be gossiped"
    );
    assert!(
        PROOF_KEYS_MAX * (VALUE_BYTES_MAX + 16 * 1024) + GOSSIP_BYTES_MAX <= RESPONSE_BYTES_MAX,
        "the longest values fit an answer, each with its path from the root"
    );
    assert!(
        SYNC_BYTES_MAX + BLOCK_BYTES_MAX + SYNC_BLOCKS_MAX + <Certificate as Decode>::MAX_BYTES
            <= RESPONSE_BYTES_MAX,
        "a byte budget overrun by the last block still fits the answer"
    );
    assert!(
        <AccountRecord as Decode>::MAX_BYTES <= LIGHT_RECORD_BYTES_MAX
            && <BalanceRecord as Decode>::MAX_BYTES <= LIGHT_RECORD_BYTES_MAX
            && <MeterRecord as Decode>::MAX_BYTES <= LIGHT_RECORD_BYTES_MAX
            && <MicrogridRecord as Decode>::MAX_BYTES <= LIGHT_RECORD_BYTES_MAX
            && <TermsRecord as Decode>::MAX_BYTES <= LIGHT_RECORD_BYTES_MAX,
        "a light node takes every record that it asks for"
    );
    assert!(
        TEXT_BYTES_MAX + KEY_BYTES_MAX + 16 * LANES_MAX as usize <= SMALL_ANSWER_BYTES_MAX,
        "an error is a small answer, and so is what an account has beside its proof"
    );
    assert!(
        light_proof_bytes_max(PROOF_KEYS_MAX) + SMALL_ANSWER_BYTES_MAX <= 320 * 1024,
        "whatever a light node asks, a lie costs it no more"
    );
};
