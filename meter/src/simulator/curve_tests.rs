use super::*;

#[test]
fn the_sun_shines_by_day_and_load_never_stops() {
    for seed in 0..50 {
        let house = Household::new(seed);
        assert!((house.shares().iter().sum::<f64>() - 1.0).abs() < 1e-9);
        for minute in 0..1440u64 {
            let flow = house.flow(20_000 * DAY_MS + minute * 60_000);
            assert_eq!(flow, house.flow(20_000 * DAY_MS + minute * 60_000));
            assert!((20.0..6000.0).contains(&flow.load), "{flow:?}");
            assert!((0.0..=5000.0).contains(&flow.yields), "{flow:?}");
            if !(360..1080).contains(&minute) {
                assert_eq!(flow.yields, 0.0, "seed {seed} minute {minute}");
            }
        }
    }
    let with_panels = (0..300).filter(|s| Household::new(*s).panel_watts > 0.0).count();
    assert!((150..250).contains(&with_panels), "{with_panels}");
}
