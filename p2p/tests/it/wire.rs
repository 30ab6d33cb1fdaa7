//! Every wire type: encodes and decodes to itself, and arbitrary bytes never panic.

use crate::common::*;
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng};
use rand_core::Rng;
use wattle_p2p::wire::*;
use wattle_primitives::event::IdentityEvent;
use wattle_primitives::trie::{Leaf, Step, TrieProof};
use wattle_primitives::*;

/// Makes values of every shape from a seed.
struct Maker(TestRng);

impl Maker {
    fn new(seed: [u8; 32]) -> Self {
        Self(TestRng::from_seed(RngAlgorithm::ChaCha, &seed))
    }

    fn below(&mut self, n: u64) -> u64 {
        self.0.next_u64() % n
    }

    fn coin(&mut self) -> bool {
        self.below(2) == 0
    }

    fn number(&mut self) -> u64 {
        match self.below(3) {
            0 => 0,
            1 => u64::MAX,
            _ => self.0.next_u64(),
        }
    }

    fn hash(&mut self) -> Hash {
        let mut bytes = [0; 32];
        self.0.fill_bytes(&mut bytes);
        Hash(bytes)
    }

    fn bytes<const N: usize>(&mut self) -> BoundedBytes<N> {
        let len = self.below(40).min(N as u64);
        BoundedBytes::new((0..len).map(|_| self.0.next_u32() as u8).collect()).unwrap()
    }

    fn list<T, const N: usize>(
        &mut self,
        max: u64,
        mut item: impl FnMut(&mut Self) -> T,
    ) -> BoundedVec<T, N> {
        let len = self.below(max + 1);
        BoundedVec::new((0..len).map(|_| item(self)).collect()).unwrap()
    }

    fn proposal(&mut self) -> Proposal {
        let round = Round { epoch: Epoch(self.number()), view: View(self.number()) };
        Proposal { round, parent_view: View(self.number()), block: self.hash() }
    }

    fn vote(&mut self) -> Vote {
        let proposal = self.proposal();
        match self.below(3) {
            0 => Vote::Notarize(proposal),
            1 => Vote::Nullify(proposal.round),
            _ => Vote::Finalize(proposal),
        }
    }

    fn signature(&mut self) -> Signature {
        let mut bytes = [0; 64];
        self.0.fill_bytes(&mut bytes);
        Signature(bytes)
    }

    fn signed_vote(&mut self) -> SignedVote {
        SignedVote {
            vote: self.vote(),
            signer: ValidatorIndex(self.below(300) as u16),
            signature: self.signature(),
        }
    }

    fn certificate(&mut self) -> Certificate {
        Certificate { vote: self.vote(), signers: self.bytes(), signatures: self.list(7, Self::signature) }
    }

    fn header(&mut self) -> Header {
        let height = self.number() / 2;
        Header { state_root: self.hash(), view: View(self.number()), ..header(height) }
    }

    fn tx(&mut self) -> Tx {
        tx(self.number(), self.below(64) as usize)
    }

    fn block(&mut self) -> Block {
        let txs = self.list::<_, 4>(3, Self::tx);
        Block { header: self.header(), txs: txs.into_inner() }
    }

    fn light(&mut self) -> LightBlock {
        LightBlock {
            header: self.header(),
            certificate: self.certificate(),
            path: self.list(3, Self::header),
        }
    }

    fn proven(&mut self) -> ProvenValue {
        let step = |m: &mut Self| Step { bit: m.0.next_u32() as u8, sibling: m.hash() };
        let path = self.list(5, step);
        let leaf = self.coin().then(|| Leaf { key_hash: self.hash(), value_hash: self.hash() });
        let value = self.coin().then(|| self.bytes());
        ProvenValue { value, proof: TrieProof { path, leaf } }
    }

    fn proof(&mut self) -> ProofAnswer {
        ProofAnswer {
            values: self.list(3, Self::proven),
            known: self.coin().then(|| self.hash()),
            light: self.light(),
        }
    }

    fn sync(&mut self) -> SyncBlock {
        SyncBlock { block: self.block(), certificate: self.coin().then(|| self.certificate()) }
    }

    fn fate(&mut self) -> TxFate {
        match self.below(6) {
            0 => TxFate::Unknown,
            1 => TxFate::Pending,
            2 => TxFate::Included { height: Height(self.number()) },
            3 => TxFate::Expired,
            4 => TxFate::Rejected { code: Text::new("bad_nonce") },
            _ => {
                let receipt = Receipt {
                    tx: self.hash(),
                    outcome: Outcome::Failed { call: 1, reason: Reason::Overflow },
                    weight: Weight(self.number()),
                    fee: Amount(1),
                    events: vec![Event::Identity(IdentityEvent::AccountCreated {
                        account: Address(self.hash().0),
                    })],
                };
                let leaves = [self.hash(), self.hash()];
                let leaf = merkle::ListProof::build(&leaves, 1).unwrap();
                let light = self.light();
                TxFate::Finalized {
                    height: Height(self.number()),
                    index: 0,
                    receipt: Box::new(receipt),
                    proof: self.coin().then(|| Box::new(ReceiptProof { leaf, light })),
                }
            }
        }
    }

    fn heard(&mut self) -> Heard {
        Heard { epoch: Epoch(self.number()), numbers: self.list(9, |make| make.number() as u16) }
    }

    fn validator_message(&mut self) -> ValidatorMessage {
        match self.below(6) {
            0 => ValidatorMessage::Proposal { vote: self.signed_vote(), block: Box::new(self.block()) },
            1 => ValidatorMessage::Vote(self.signed_vote()),
            2 => ValidatorMessage::Certificate(self.certificate()),
            3 => ValidatorMessage::Heard(self.heard()),
            4 => ValidatorMessage::Links(self.list(6, |make| PublicKey(make.hash().0))),
            _ => ValidatorMessage::Clock(TimeMs(self.number())),
        }
    }

    fn gossip(&mut self) -> Gossip {
        match self.below(3) {
            0 => Gossip::Txs(self.list(5, Self::tx)),
            1 => Gossip::Finalized(Box::new(self.light())),
            _ => {
                Gossip::Evidence(Box::new(Evidence { first: self.signed_vote(), second: self.signed_vote() }))
            }
        }
    }

    fn request(&mut self) -> Request {
        match self.below(12) {
            0 => Request::Status,
            1 => {
                let (count, bytes) = (self.number() as u16, self.number() as u32);
                Request::Blocks { from: Height(self.number()), count, bytes }
            }
            2 => {
                let (offset, bytes) = (self.number() as u32, self.number() as u32);
                Request::BlockByHash { hash: self.hash(), offset, bytes }
            }
            3 => {
                Request::Certificates { epoch: Epoch(self.number()), above_view: View(self.number()), max: 9 }
            }
            4 => Request::LightBlock { height: self.coin().then(|| Height(self.number())) },
            5 => Request::EpochProof { epoch: Epoch(self.number()) },
            6 => Request::Proof { keys: self.list(4, Self::bytes), known: Height(self.number()) },
            7 => Request::SubmitTx(Box::new(self.tx())),
            8 => Request::TxStatus(self.hash()),
            9 => Request::Heard,
            10 => Request::Reached,
            _ => Request::Account(Address(self.hash().0)),
        }
    }

    fn response(&mut self) -> Response {
        match self.below(14) {
            0 => Response::error(ErrorCode::Pruned, "gone"),
            1 => Response::Busy,
            2 => Response::Status(Status {
                height: Height(self.number()),
                hash: self.hash(),
                epoch: Epoch(self.number()),
                view: View(self.number()),
                version: 1,
                syncing: self.coin(),
            }),
            3 => Response::Blocks(self.list(3, Self::sync)),
            4 => Response::Block(self.coin().then(|| Box::new(self.sync()))),
            5 => Response::Certificates(self.list(3, Self::certificate)),
            6 => Response::LightBlock(Box::new(self.light())),
            7 => Response::EpochProof(Box::new(EpochProof {
                header: self.header(),
                certificate: self.certificate(),
                next_validators: ValidatorSet::new(vec![Validator {
                    key: validator_key(self.below(9) as u8).public(),
                    power: VotingPower(1),
                }])
                .unwrap(),
            })),
            8 => Response::Proof(Box::new(self.proof())),
            9 => Response::Submitted { id: self.hash() },
            10 => Response::TxStatus(self.fate()),
            11 => Response::Heard(self.heard()),
            12 => {
                let certificate = self.coin().then(|| self.certificate());
                Response::Reached(Reached { epoch: Epoch(self.number()), certificate })
            }
            _ => Response::Account(Box::new(AccountAnswer {
                nonces: self.list(16, |m| (Lane(m.below(16) as u16), Nonce(m.number()))),
                key: self.bytes(),
                record: self.proof(),
            })),
        }
    }

    fn hello(&mut self) -> Hello {
        let signature = self.signature();
        Hello {
            version: self.number() as u32,
            genesis: self.hash(),
            role: [Role::Validator, Role::Full, Role::Light][self.below(3) as usize],
            validator: self.coin().then(|| ValidatorProof { key: validator_key(1).public(), signature }),
            meter: self.coin().then(|| ValidatorProof { key: validator_key(2).public(), signature }),
            height: Height(self.number()),
            session: self.number(),
        }
    }

    fn answer(&mut self) -> HelloAnswer {
        let refusals = [Refusal::Genesis, Refusal::Version, Refusal::Proof, Refusal::Role, Refusal::Full];
        if self.coin() {
            HelloAnswer::Accept(Box::new(self.hello()))
        } else {
            HelloAnswer::Refuse(refusals[self.below(5) as usize])
        }
    }
}

/// Round trip, then every truncation and a flipped byte: an error or another value, never a panic.
fn check<T: Encode + Decode + PartialEq + std::fmt::Debug>(value: &T, at: usize, flip: u8) {
    let bytes = encode(value);
    assert!(bytes.len() <= T::MAX_BYTES);
    assert_eq!(decode::<T>(&bytes).as_ref(), Ok(value));
    let at = at % bytes.len();
    assert!(decode::<T>(&bytes[..at]).is_err(), "a prefix is no value");
    let mut longer = bytes.clone();
    longer.push(flip);
    assert!(decode::<T>(&longer).is_err(), "trailing bytes are refused");
    let mut bent = bytes;
    bent[at] ^= flip;
    if let Ok(other) = decode::<T>(&bent) {
        assert_eq!(encode(&other), bent, "one encoding for one value");
    }
}

fn decode_all(bytes: &[u8]) {
    let _ = decode::<ValidatorMessage>(bytes);
    let _ = decode::<Gossip>(bytes);
    let _ = decode::<Request>(bytes);
    let _ = decode::<Response>(bytes);
    let _ = decode::<Hello>(bytes);
    let _ = decode::<HelloAnswer>(bytes);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_type_decodes_to_itself(seed: [u8; 32], at: usize, flip: u8) {
        let mut make = Maker::new(seed);
        check(&make.validator_message(), at, flip);
        check(&make.gossip(), at, flip);
        check(&make.request(), at, flip);
        check(&make.response(), at, flip);
        check(&make.hello(), at, flip);
        check(&make.answer(), at, flip);
    }

    #[test]
    fn arbitrary_bytes_never_panic(first: u8, bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
        decode_all(&bytes);
        decode_all(&[&[first % 16], &bytes[..]].concat());
    }
}

#[test]
fn more_bytes_than_the_cap_are_not_looked_at() {
    let long = vec![0; HELLO_BYTES_MAX + 1];
    let want = DecodeError::TooLong { max: HELLO_BYTES_MAX, got: HELLO_BYTES_MAX + 1 };
    assert_eq!(decode::<Hello>(&long), Err(want));
}

#[test]
fn text_is_cut_at_a_character_and_shown_harmless() {
    assert_eq!(Text::new(&"ä".repeat(200)).to_string(), "ä".repeat(128));
    assert_eq!(Text::new("a\x1b[2Jb").to_string(), "a\u{fffd}[2Jb");
}

/// Changing one of these is a change of the protocol.
#[test]
fn encodings_are_pinned() {
    let digest = |bytes: Vec<u8>| Hash::of(domain::GOSSIP, &[&bytes]).short();
    let hello = Hello {
        version: 1,
        genesis: genesis(),
        role: Role::Validator,
        validator: Some(proof(1, &genesis())),
        meter: Some(proof(2, &genesis())),
        height: Height(3),
        session: 5,
    };
    let proposal = ValidatorMessage::Proposal {
        vote: vote(1),
        block: Box::new(Block { header: header(1), txs: vec![tx(1, 1)] }),
    };
    let got = [
        digest(encode(&proposal)),
        digest(encode(&ValidatorMessage::Vote(vote(1)))),
        digest(encode(&ValidatorMessage::Certificate(certificate(1)))),
        digest(encode(&ValidatorMessage::Links(BoundedVec::new(vec![PublicKey([1; 32])]).unwrap()))),
        digest(encode(&ValidatorMessage::Heard(Heard {
            epoch: Epoch(1),
            numbers: BoundedVec::new(vec![7, 0, 65_535]).unwrap(),
        }))),
        digest(encode(&ValidatorMessage::Clock(TimeMs(7)))),
        digest(encode(&Gossip::Txs(BoundedVec::new(vec![tx(1, 1)]).unwrap()))),
        digest(encode(&Gossip::Finalized(Box::new(light(1))))),
        digest(encode(&Gossip::Evidence(Box::new(Evidence { first: vote(1), second: vote(2) })))),
        digest(encode(&Request::Certificates { epoch: Epoch(1), above_view: View(2), max: 3 })),
        digest(encode(&Request::Account(Address([5; 32])))),
        digest(encode(&Request::Reached)),
        digest(encode(&Response::error(ErrorCode::Pruned, "gone"))),
        digest(encode(&Response::Reached(Reached { epoch: Epoch(1), certificate: Some(certificate(1)) }))),
        digest(encode(&Response::TxStatus(TxFate::Included { height: Height(4) }))),
        digest(encode(&hello)),
        digest(encode(&HelloAnswer::Refuse(Refusal::Role))),
        digest(encode(&HelloAnswer::Refuse(Refusal::Full))),
    ];
    let pinned = [
        "997f60ef", "54433009", "c01261d9", "2a2ffc82", "61e208b7", "6bb3e651", "033a799e", "c760105b",
        "cfcca801", "efb306b4", "ca271438", "51127f9a", "79c63151", "ff420379", "9b74b7e6", "7efa143e",
        "b556de40", "eccbe533",
    ];
    assert_eq!(got, pinned);
}
