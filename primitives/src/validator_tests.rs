use super::*;
use crate::SecretKey;

fn set(powers: &[u64]) -> Result<ValidatorSet, ValidatorSetError> {
    let member = |(i, power): (usize, &u64)| Validator {
        key: SecretKey::from_seed([i as u8 + 1; 32]).public(),
        power: VotingPower(*power),
    };
    ValidatorSet::new(powers.iter().enumerate().map(member).collect())
}

#[test]
fn quorum_is_strictly_more_than_two_thirds() {
    let table = [
        /* powers, quorum */
        (vec![1], 1),
        (vec![1, 1], 2),
        (vec![1, 1, 1], 3),
        (vec![1, 1, 1, 1], 3),
        (vec![5, 5], 7),
        (vec![1, 1, 1, 1, 1, 1, 1], 5),
    ];
    for (powers, quorum) in table {
        let set = set(&powers).expect("valid");
        assert_eq!(set.quorum().0, quorum, "{powers:?}");
        assert!(set.quorum().0 * 3 > set.total().0 * 2);
    }
}

#[test]
fn sets_that_break_a_rule_are_refused() {
    assert_eq!(set(&[]).err(), Some(ValidatorSetError::Size { got: 0 }));
    assert_eq!(set(&[1, 0]).err(), Some(ValidatorSetError::Power));
    assert_eq!(set(&[POWER_TOTAL_MAX, 1]).err(), Some(ValidatorSetError::Power));
    let twin = Validator { key: SecretKey::from_seed([1; 32]).public(), power: VotingPower(1) };
    assert_eq!(ValidatorSet::new(vec![twin.clone(), twin]).err(), Some(ValidatorSetError::Order));
    let weak = Validator { key: PublicKey([0; 32]), power: VotingPower(1) };
    assert_eq!(ValidatorSet::new(vec![weak]).err(), Some(ValidatorSetError::Key));
}
