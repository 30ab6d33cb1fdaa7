//! A small chain with real keys, signatures and proofs: what targets compare with, and what seeds are made from.

use std::sync::LazyLock;
use wattle_consensus::TrustedState;
use wattle_consensus::light::TrustRules;
use wattle_p2p::NodeKey;
use wattle_p2p::wire::ValidatorProof;
use wattle_primitives::{
    Address, Amount, AssetId, Auth, Block, BoundedVec, Call, Certificate, Epoch, Hash, Header, Height, Lane,
    Nonce, Proposal, PublicKey, Round, SecretKey, SignedVote, TimeMs, Tx, TxBody, Validator, ValidatorSet,
    View, Vote, VotingPower, call,
};
use wattle_runtime::state::State;

/// Heights of the chain above genesis.
pub const HEIGHTS: u64 = 6;
/// Time of the first header, ms UTC.
pub const START_MS: u64 = 1_800_000_000_000;

/// See the module.
pub struct World {
    /// Genesis hash.
    pub chain: Hash,
    /// Four validators with different powers.
    pub set: ValidatorSet,
    /// Blocks from height 0 on.
    pub blocks: Vec<Block>,
    /// The finalization of each block; genesis has none.
    pub certificates: Vec<Option<Certificate>>,
    /// A state of a few entries.
    pub state: State,
    /// Its entries.
    pub entries: Vec<(Vec<u8>, Vec<u8>)>,
    /// A validator's network identity.
    pub node_key: NodeKey,
    votes: Vec<Vote>,
}

static WORLD: LazyLock<World> = LazyLock::new(World::new);

/// The one chain.
#[must_use]
pub fn world() -> &'static World {
    &WORLD
}

/// A signing key by number.
#[must_use]
pub fn secret(n: u8) -> SecretKey {
    SecretKey::from_seed([n; 32])
}

/// A public key by number.
#[must_use]
pub fn key(n: u8) -> PublicKey {
    secret(n).public()
}

impl World {
    fn new() -> Self {
        let member = |n: u8| Validator { key: key(n), power: VotingPower(u64::from(n)) };
        let set = ValidatorSet::new((1..=4).map(member).collect()).unwrap();
        let entries: Vec<_> = (0u8..9).map(|n| (vec![n, 1, 2], vec![n; usize::from(n) * 5])).collect();
        let state = State::from_entries(entries.clone());
        let genesis = Block { header: header(0, Hash([7; 32]), Hash::ZERO, &set, &state), txs: Vec::new() };
        let chain = genesis.hash();
        let mut world = Self {
            chain,
            set,
            blocks: vec![genesis],
            certificates: vec![None],
            state,
            entries,
            node_key: NodeKey::from_seed(&mut [9; 32]).unwrap(),
            votes: Vec::new(),
        };
        for height in 1..=HEIGHTS {
            world.push(height);
        }
        world
    }

    fn push(&mut self, height: u64) {
        let parent = self.blocks.last().unwrap().hash();
        let txs = vec![tx(self.chain, height)];
        let mut header = header(height, self.chain, parent, &self.set, &self.state);
        header.txs_root = Block::txs_root(&txs);
        let round = Round { epoch: Epoch(0), view: View(height) };
        let proposal = Proposal { round, parent_view: View(height - 1), block: header.hash() };
        self.votes.extend([Vote::Notarize(proposal), Vote::Nullify(round), Vote::Finalize(proposal)]);
        self.certificates.push(Some(self.certificate(Vote::Finalize(proposal))));
        self.blocks.push(Block { header, txs });
    }

    /// The signature of validator `n`, 1 to 4, on `vote`.
    #[must_use]
    pub fn signed(&self, n: u8, vote: Vote) -> SignedVote {
        let key = secret(n);
        let signer = self.set.index_of(&key.public()).unwrap();
        SignedVote { vote, signer, signature: key.sign(&vote.signing_bytes(&self.chain)) }
    }

    /// The certificate of `vote` by the three strongest validators.
    #[must_use]
    pub fn certificate(&self, vote: Vote) -> Certificate {
        let votes: Vec<SignedVote> = (2..=4).map(|n| self.signed(n, vote)).collect();
        Certificate::assemble(vote, &votes, &self.set).unwrap()
    }

    /// Whether validators of this chain have signed `vote`.
    #[must_use]
    pub fn has_signed(&self, vote: &Vote) -> bool {
        self.votes.contains(vote)
    }

    /// The header of a height.
    #[must_use]
    pub fn header(&self, height: u64) -> &Header {
        &self.blocks[usize::try_from(height).unwrap()].header
    }

    /// Whether `header` is of this chain.
    #[must_use]
    pub fn is_final(&self, header: &Header) -> bool {
        self.blocks.iter().any(|block| block.header == *header)
    }

    /// A light client that trusts genesis.
    #[must_use]
    pub fn trusted(&self) -> TrustedState {
        TrustedState::anchor(self.chain, self.header(0).clone())
    }

    /// Trust period of the light client.
    #[must_use]
    pub const fn rules(&self) -> (TimeMs, TrustRules) {
        (TimeMs(START_MS + 60_000), TrustRules { period_ms: 3_600_000, clock_skew_ms_max: 5_000 })
    }

    /// Validator 4's proof that it speaks through [`World::node_key`].
    #[must_use]
    pub fn handshake_proof(&self) -> ValidatorProof {
        let bytes = ValidatorProof::signing_bytes(&self.chain, &self.node_key.peer_id());
        ValidatorProof { key: key(4), signature: secret(4).sign(&bytes) }
    }
}

fn header(height: u64, chain: Hash, parent: Hash, set: &ValidatorSet, state: &State) -> Header {
    Header {
        version: wattle_primitives::block::PROTOCOL_VERSION,
        chain,
        epoch: Epoch(0),
        view: View(height),
        height: Height(height),
        parent,
        time_ms: TimeMs(START_MS + height * 1000),
        proposer: key(1),
        txs_root: Hash::ZERO,
        state_root: state.root(),
        receipts_root: Hash::ZERO,
        validators_hash: set.hash(),
        next_validators_hash: set.hash(),
    }
}

/// A signed transfer.
#[must_use]
pub fn tx(chain: Hash, nonce: u64) -> Tx {
    let to = Address::of_key(&key(6));
    let transfer = Call::from(call::token::Transfer { to, asset: AssetId(0), amount: Amount(5) });
    let sender = Address::of_key(&key(5));
    let body = TxBody {
        chain,
        sender,
        grant: None,
        lane: Lane(0),
        nonce: Nonce(nonce),
        expires_ms: TimeMs(START_MS + 60_000),
        fee_payer: sender,
        max_fee: Amount(1000),
        tip: Amount(0),
        calls: BoundedVec::new(vec![transfer]).unwrap(),
    };
    let signature = secret(5).sign(&body.signing_bytes());
    Tx::new(body, vec![Auth { key: key(5), signature }]).unwrap()
}
