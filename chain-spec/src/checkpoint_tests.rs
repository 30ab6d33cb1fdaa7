#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;
use wattle_primitives::{PublicKey, SecretKey, Validator, View, VotingPower};

fn set(seed: u8) -> ValidatorSet {
    let key = SecretKey::from_seed([seed; 32]).public();
    ValidatorSet::new(vec![Validator { key, power: VotingPower(1) }]).unwrap()
}

fn header(height: u64, chain: Hash, set: &ValidatorSet) -> Header {
    Header {
        version: 1,
        chain,
        epoch: Epoch(0),
        view: View(height),
        height: Height(height),
        parent: Hash::ZERO,
        time_ms: TimeMs(5),
        proposer: PublicKey([0; 32]),
        txs_root: Hash::ZERO,
        state_root: Hash::ZERO,
        receipts_root: Hash::ZERO,
        validators_hash: set.hash(),
        next_validators_hash: set.hash(),
    }
}

fn checkpoint(header: Header) -> Checkpoint {
    Checkpoint {
        chain_id: "test".into(),
        genesis_hash: if header.height.0 == 0 { header.hash() } else { header.chain },
        epoch: header.epoch,
        header,
        validators: set(1),
        trust_period_ms: TimeMs(1000),
    }
}

#[test]
fn json_is_read_back() {
    for height in [0, 7] {
        let checkpoint = checkpoint(header(height, Hash([3; 32]), &set(1)));
        assert_eq!(Checkpoint::from_json(&checkpoint.to_json()).unwrap(), checkpoint);
    }
}

#[test]
fn parts_that_do_not_belong_together_are_refused() {
    let good = checkpoint(header(7, Hash([3; 32]), &set(1)));
    let foreign = Checkpoint { genesis_hash: Hash([4; 32]), ..good.clone() };
    assert!(matches!(foreign.check(), Err(CheckpointError::Chain { .. })));
    let usurped = Checkpoint { validators: set(2), ..good.clone() };
    assert!(matches!(usurped.check(), Err(CheckpointError::Validators { .. })));
    let ahead = Checkpoint { epoch: Epoch(2), ..good };
    assert!(matches!(ahead.check(), Err(CheckpointError::Epoch { .. })));
    let genesis = checkpoint(header(0, Hash([9; 32]), &set(1)));
    let ahead = Checkpoint { epoch: Epoch(1), ..genesis };
    assert!(matches!(ahead.check(), Err(CheckpointError::Epoch { .. })));
    assert!(matches!(
        Checkpoint::from_json("{\n \"chainId\": 5}"),
        Err(CheckpointError::Syntax { line: 2, .. })
    ));
}
