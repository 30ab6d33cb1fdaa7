#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;
use wattle_primitives::reading::RegisterEncoding;

#[test]
fn counters_depend_on_seed_and_time_alone_and_never_fall() {
    let start = 1_700_000_000_123;
    let meter = |seed| Meter::new(Site::of(Household::new(seed)), start);
    for seed in [1, 2, 77] {
        let (mut often, mut once) = (meter(seed), meter(seed));
        let mut last = (0, 0);
        for minute in 0..2880 {
            often.advance(start + minute * 60_000);
            let registers = often.registers();
            let wh = |at| RegisterEncoding::Float32Kwh.watt_hours(&registers[&at]).unwrap().0;
            let now = (wh(IMPORT), wh(EXPORT));
            assert!(now.0 >= last.0 && now.1 >= last.1, "seed {seed} minute {minute}");
            last = now;
        }
        once.advance(start + 2879 * 60_000);
        assert_eq!(once.registers(), often.registers());
        once.advance(0); // a clock that goes back
        assert_eq!(once.registers(), often.registers());
    }
}
