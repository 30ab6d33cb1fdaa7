#![expect(clippy::unwrap_used, reason = "tests")]
use super::*;

#[test]
fn times_are_utc_dates() {
    let table = [
        (0, "1970-01-01T00:00:00Z"),
        (951_782_399_999, "2000-02-28T23:59:59Z"),
        (951_782_400_000, "2000-02-29T00:00:00Z"),
        (1_709_251_200_000, "2024-03-01T00:00:00Z"),
        (4_102_444_799_000, "2099-12-31T23:59:59Z"),
    ];
    for (ms, want) in table {
        assert_eq!(time(TimeMs(ms)), want);
    }
    assert!(!time(TimeMs::MAX).is_empty());
}

#[test]
fn objects_become_lines_and_lists_become_tables() {
    let value =
        json!({ "height": "5", "inner": { "a": 1 }, "items": [{ "x": "1", "y": null }, { "x": "22" }] });
    assert_eq!(render(&value), "height   5\ninner.a  1\n\nitems\nx   y\n1   -\n22\n");
    assert_eq!(render(&json!({ "items": [] })), "items  none\n");
}

#[test]
fn the_chain_cannot_steer_the_terminal() {
    let text = render(&json!({ "symbol": "\u{1b}[2J\rX\u{202e}", "k\u{7}": [{ "\u{1b}": "\n" }] }));
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
    assert!(!text.contains('\u{202e}'));
}

#[test]
fn a_result_goes_to_the_file_that_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("book.csv");
    std::fs::write(&path, "last month").unwrap();
    let report = || Report::new(json!({ "a": 1 }), "a,b\r\n1,2\r\n");
    let to = |path: Option<PathBuf>, json| OutArgs { out: path }.take(report(), json);
    for (json, printed) in [(false, "a,b\r\n1,2\r\n"), (true, "{\"a\":1}\n")] {
        let Report::Both { json: said, .. } = to(Some(path.clone()), json).unwrap() else {
            panic!("a report")
        };
        assert_eq!(said["file"], path.display().to_string());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), printed);
    }
    let refused = to(Some(dir.path().join("nowhere/book.csv")), false);
    assert_eq!(refused.err().unwrap().code(), "io");
    assert_eq!(to(None, true).unwrap().printed(true), report().printed(true));
}
