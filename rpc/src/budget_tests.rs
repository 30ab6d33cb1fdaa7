use super::*;

#[test]
fn large_messages_share_and_small_ones_do_not() {
    let budget = Budget::new(10 * UNIT_BYTES, 100 * UNIT_BYTES);
    let (mut first, mut second) = (Held::default(), Held::default());
    assert!(budget.cover(&mut first, 40 * UNIT_BYTES));
    assert!(budget.cover(&mut first, 40 * UNIT_BYTES), "covered already");
    assert!(budget.cover(&mut first, 60 * UNIT_BYTES - 1), "grows by what is missing");
    assert!(!budget.cover(&mut second, 41 * UNIT_BYTES));
    assert!(budget.cover(&mut second, 10 * UNIT_BYTES), "small");
    assert!(budget.cover(&mut second, 40 * UNIT_BYTES));
    drop(first);
    assert!(budget.cover(&mut second, 100 * UNIT_BYTES));
    drop(second);
    assert_eq!(budget.units.available_permits(), 100);
}
