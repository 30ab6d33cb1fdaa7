#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::tests::life::energy;

#[test]
fn a_day_survives_a_restart_and_ends_at_midnight() {
    let dir = tempfile::tempdir().unwrap();
    let noon = TimeMs(20_000 * DAY_MS + DAY_MS / 2);
    let at = |hours: u64| (TimeMs(noon.0 + hours * 3_600_000), ClockQuality::Chain);
    let mut day = Day::open(dir.path());
    assert_eq!(day.note(&energy(100, 5), (noon, ClockQuality::Unset)), (None, 0));
    let (today, written) = day.note(&energy(100, 5), at(0));
    assert!(written > 0);
    assert_eq!(today.unwrap().import_wh, WattHours(0));
    let mut day = Day::open(dir.path());
    let want = Today { import_wh: WattHours(40), export_wh: WattHours(2), since_ms: noon };
    assert_eq!(day.note(&energy(140, 7), at(3)), (Some(want), 0));
    let next = day.note(&energy(150, 7), at(12)).0.unwrap();
    assert_eq!((next.import_wh, next.since_ms), (WattHours(0), at(12).0));
    let reset = day.note(&energy(3, 0), at(13)).0.unwrap();
    assert_eq!((reset.import_wh, reset.since_ms), (WattHours(0), at(13).0));
}
