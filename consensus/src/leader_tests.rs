use super::*;
use std::collections::BTreeMap;
use wattle_primitives::{SecretKey, Validator, VotingPower};

fn set(powers: &[u64]) -> ValidatorSet {
    let member = |(i, power): (usize, &u64)| Validator {
        key: SecretKey::from_seed([u8::try_from(i).unwrap_or(0) + 1; 32]).public(),
        power: VotingPower(*power),
    };
    ValidatorSet::new(powers.iter().enumerate().map(member).collect()).unwrap_or_else(|e| panic!("{e}"))
}

fn turns(rotation: &Rotation) -> BTreeMap<u16, u64> {
    let mut turns = BTreeMap::new();
    for leader in &rotation.table {
        *turns.entry(leader.0).or_insert(0) += 1;
    }
    turns
}

#[test]
fn each_validator_leads_by_its_weight() {
    let table = [
        vec![1],
        vec![1, 1, 1, 1],
        vec![10, 10, 10, 10],
        vec![1, 2, 3, 4],
        vec![100, 1],
        vec![5; 100],
        vec![1 << 40, 1 << 39, 1 << 39],
    ];
    for powers in table {
        let set = set(&powers);
        for epoch in [0, 1, 77] {
            let rotation = Rotation::new(Epoch(epoch), &set);
            let length = rotation.table.len() as u64;
            let turns = turns(&rotation);
            for (index, member) in set.indices().zip(set.members()) {
                let got = turns.get(&index.0).copied().unwrap_or(0);
                assert_eq!(got * set.total().0, member.power.0 * length, "{powers:?} epoch {epoch}");
            }
        }
    }
}

#[test]
fn uneven_powers_get_their_share_to_within_one_turn() {
    let set = set(&[1_000_003, 999_983, 777_777, 13]);
    let rotation = Rotation::new(Epoch(5), &set);
    assert_eq!(rotation.table.len() as u64, TABLE_LEN_MAX);
    let turns = turns(&rotation);
    for (index, member) in set.indices().zip(set.members()) {
        let exact = u128::from(member.power.0) * u128::from(TABLE_LEN_MAX) / u128::from(set.total().0);
        let got = u128::from(turns.get(&index.0).copied().unwrap_or(0));
        assert!(got == exact || got == exact + 1, "{got} for {exact}");
    }
}

#[test]
fn equal_validators_lead_once_a_round_in_an_order_that_changes_with_the_epoch() {
    let set = set(&[7; 6]);
    let tables: Vec<_> = (0..20).map(|e| Rotation::new(Epoch(e), &set)).collect();
    for rotation in &tables {
        assert_eq!(rotation.table.len(), 6);
        assert_eq!(rotation.leader(View(1)), rotation.leader(View(7)));
        assert_eq!(
            rotation,
            &Rotation::new(Epoch(tables.iter().position(|t| t == rotation).unwrap_or(0) as u64), &set)
        );
    }
    assert!(tables.windows(2).any(|pair| pair[0] != pair[1]), "the order must depend on the epoch");
}

#[test]
fn nobody_with_half_the_power_leads_three_times_in_a_row() {
    let rotation = Rotation::new(Epoch(3), &set(&[3, 1, 1, 1]));
    let table = rotation.table;
    let heavy = table.iter().max_by_key(|l| table.iter().filter(|o| o == l).count()).copied();
    assert!(table.windows(3).all(|w| w.iter().any(|l| Some(*l) != heavy)));
}
