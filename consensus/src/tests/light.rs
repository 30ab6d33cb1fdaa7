//! Light-client verification with real signatures.

use super::{secret, set};
use crate::light::{LightBlock, LightError, TrustRules, TrustedState};
use wattle_primitives::block::PROTOCOL_VERSION;
use wattle_primitives::*;

const CHAIN: Hash = Hash([9; 32]);
const DAY_MS: u64 = 86_400_000;
const RULES: TrustRules = TrustRules { period_ms: 60 * DAY_MS, clock_skew_ms_max: 1_000 };

/// Two epochs of three blocks; the first is decided by 0..4, the second by 2..6.
fn chain() -> Vec<Header> {
    let (old, new) = (set(0..4).hash(), set(2..6).hash());
    let mut headers: Vec<Header> = Vec::new();
    for height in 0..=6u64 {
        let epoch = height.saturating_sub(1) / 3;
        headers.push(Header {
            version: PROTOCOL_VERSION,
            chain: CHAIN,
            epoch: Epoch(epoch),
            view: View(if height == 0 { 0 } else { height - epoch * 3 }),
            height: Height(height),
            parent: headers.last().map_or(Hash::ZERO, Header::hash),
            time_ms: TimeMs(1_000_000 + height * 1_000),
            proposer: secret(3).public(),
            txs_root: Hash::ZERO,
            state_root: Hash([height as u8; 32]),
            receipts_root: Hash::ZERO,
            validators_hash: if epoch == 0 { old } else { new },
            next_validators_hash: if height < 3 { old } else { new },
        });
    }
    headers
}

fn certify(header: &Header, view: u64, signers: std::ops::Range<u8>, set: &ValidatorSet) -> Certificate {
    let round = Round { epoch: header.epoch, view: View(view) };
    let vote = Vote::Finalize(Proposal { round, parent_view: View(0), block: header.hash() });
    let votes: Vec<SignedVote> = signers
        .filter_map(|i| {
            let signer = set.index_of(&secret(i).public())?;
            Some(SignedVote { vote, signer, signature: secret(i).sign(&vote.signing_bytes(&CHAIN)) })
        })
        .collect();
    Certificate::assemble(vote, &votes, set).unwrap()
}

fn proof(headers: &[Header], of: usize, certified: usize, view: u64) -> LightBlock {
    let members = if headers[of].epoch.0 == 0 { 0..4 } else { 2..6 };
    let validators = set(members.clone());
    LightBlock {
        header: headers[of].clone(),
        path: BoundedVec::new(headers[of + 1..=certified].to_vec()).unwrap(),
        certificate: certify(&headers[certified], view, members, &validators),
        validators,
    }
}

fn state(headers: &[Header]) -> TrustedState {
    TrustedState::anchor(CHAIN, headers[0].clone())
}

const NOW: TimeMs = TimeMs(2_000_000);

#[test]
fn follows_headers_paths_and_set_changes() {
    let headers = chain();
    let table = [
        ("certified itself", vec![(1, 1, 1)], Ok(())),
        ("through a descendant", vec![(1, 2, 2)], Ok(())),
        ("skipping within the epoch", vec![(2, 2, 2)], Ok(())),
        ("last block of the epoch, certified when proposed again", vec![(3, 3, 5)], Ok(())),
        ("through the last block into the next set", vec![(3, 3, 3), (4, 5, 2)], Ok(())),
        ("into the next set without the last block", vec![(2, 2, 2), (4, 4, 1)], Err("validator set")),
        ("the same header again", vec![(1, 1, 1), (1, 1, 1)], Err("not above")),
        ("certified before its own view", vec![(2, 2, 1)], Err("does not finalize")),
    ];
    for (desc, steps, want) in table {
        let mut state = state(&headers);
        let mut got = Ok(());
        for (of, certified, view) in steps {
            got = state.advance(&proof(&headers, of, certified, view), NOW, &RULES);
        }
        match (got, want) {
            (Ok(()), Ok(())) => {}
            (Err(error), Err(text)) => assert!(error.to_string().contains(text), "{desc}: {error}"),
            (got, want) => panic!("{desc}: {got:?}, expected {want:?}"),
        }
    }
}

#[test]
fn trust_ends_to_the_millisecond() {
    let headers = chain();
    let last = headers[0].time_ms.0 + RULES.period_ms;
    let block = proof(&headers, 1, 1, 1);
    assert_eq!(state(&headers).advance(&block, TimeMs(last), &RULES), Ok(()));
    let late = state(&headers).advance(&block, TimeMs(last + 1), &RULES);
    assert!(matches!(late, Err(LightError::Expired { .. })));
    let early = TimeMs(headers[1].time_ms.0 - RULES.clock_skew_ms_max);
    assert_eq!(state(&headers).advance(&block, early, &RULES), Ok(()));
    let ahead = state(&headers).advance(&block, TimeMs(early.0 - 1), &RULES);
    assert!(matches!(ahead, Err(LightError::Future { .. })));
}

#[test]
fn forgeries_are_refused_and_leave_the_state_alone() {
    let headers = chain();
    let good = proof(&headers, 1, 2, 2);
    let mut wrong: Vec<(&str, LightBlock)> = Vec::new();
    let mut add = |desc, change: &dyn Fn(&mut LightBlock)| {
        let mut block = good.clone();
        change(&mut block);
        wrong.push((desc, block));
    };
    add("another state root", &|b| b.header.state_root = Hash([8; 32]));
    add("another chain", &|b| b.header.chain = Hash([8; 32]));
    add("an unknown version", &|b| b.header.version += 1);
    add("no path", &|b| b.path = BoundedVec::default());
    add("another set", &|b| b.validators = set(1..5));
    add("a nullification", &|b| b.certificate.vote = Vote::Nullify(b.certificate.round()));
    add("a notarization", &|b| {
        if let Vote::Finalize(p) = b.certificate.vote {
            b.certificate.vote = Vote::Notarize(p);
        }
    });
    add("a bad signature", &|b| {
        let mut signatures = b.certificate.signatures.clone().into_inner();
        signatures[0].0[5] ^= 1;
        b.certificate.signatures = BoundedVec::new(signatures).unwrap();
    });
    add("too few signers", &|b| {
        let few: Vec<_> = b.certificate.signatures.iter().take(2).copied().collect();
        b.certificate.signatures = BoundedVec::new(few).unwrap();
        b.certificate.signers = BoundedBytes::new(vec![0b11]).unwrap();
    });
    add("a signer out of range", &|b| b.certificate.signers = BoundedBytes::new(vec![0b1_1110]).unwrap());
    for (desc, block) in wrong {
        let mut state = state(&headers);
        assert!(state.advance(&block, NOW, &RULES).is_err(), "{desc}");
        assert_eq!(state.head.height, Height(0), "{desc}");
    }
    let bytes = encode(&good);
    assert_eq!(decode::<LightBlock>(&bytes), Ok(good));
}
