use super::*;

#[test]
fn a_fast_clock_runs_from_where_it_was_started() {
    let pace = Pace { base_ms: 1_000, start_ms: 7_000, speed: 60 };
    assert_eq!((pace.at(1_000), pace.at(2_000), pace.at(500)), (7_000, 67_000, 7_000));
    assert_eq!(pace.to_string().parse(), Ok(pace));
    for bad in ["", "1", "1,2", "1,2,0", "1,2,3601", "x,2,3", "1,2,3,4"] {
        assert!(bad.parse::<Pace>().is_err(), "{bad}");
    }
}
