use super::*;

#[test]
fn a_loss_beyond_what_is_allowed_is_flagged() {
    let sums = |meters, estimated, import, export| Measured {
        meters,
        estimated,
        import_wh: WattHours(import),
        export_wh: WattHours(export),
    };
    let table = [
        // members, feeder, loss, flagged at 30 permille
        (sums(4, 0, 950, 0), sums(1, 0, 1000, 0), 50, true),
        (sums(4, 0, 966, 0), sums(1, 0, 1000, 0), 34, false), // 5 Wh of it may be rounding
        (sums(4, 0, 964, 0), sums(1, 0, 1000, 0), 36, true),
        (sums(4, 0, 1200, 0), sums(1, 0, 1000, 0), 0, false),
        (sums(4, 0, 100, 1100), sums(1, 0, 0, 950), 50, true), // the microgrid delivers
        (sums(4, 0, 0, 0), sums(1, 0, 5, 0), 5, false),
        (sums(4, 1, 500, 0), sums(1, 0, 1000, 0), 500, true),
    ];
    for (subs, feeders, loss, flagged) in table {
        let got = outcome(&subs, &feeders, 30);
        assert_eq!((got.loss_wh.0, got.under_reported), (loss, flagged), "{subs:?} {feeders:?}");
    }
    let unread = outcome(&sums(1, 0, 0, 0), &sums(2, 1, 1000, 0), 30);
    assert_eq!(unread, Outcome { feeder_wh: None, loss_wh: WattHours(0), under_reported: false });
}
