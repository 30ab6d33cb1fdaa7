use super::*;

#[test]
fn an_outage_is_told_once_after_a_minute_and_so_is_another_peer() {
    let (mut outage, start) = (Outage::default(), Instant::now());
    let told: Vec<u64> =
        (0..200).step_by(10).filter(|s| outage.is_long(start + Duration::from_secs(*s))).collect();
    assert_eq!(told, [60]);
    assert!(outage.is_first_other() && !outage.is_first_other());
}
