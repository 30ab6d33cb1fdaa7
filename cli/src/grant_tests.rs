#![expect(clippy::unwrap_used, reason = "tests")]
use super::*;

#[test]
fn an_amount_is_for_all_assets_or_there_is_one_for_each() {
    let given = |texts: &[&str]| -> Vec<String> { texts.iter().map(|text| (*text).to_owned()).collect() };
    for (texts, assets, want) in [
        (&[][..], 2, &[None, None][..]),
        (&["5"][..], 1, &[Some("5")][..]),
        (&["5"][..], 2, &[Some("5"), Some("5")][..]),
        (&["5", "7"][..], 2, &[Some("5"), Some("7")][..]),
        (&["none", "7"][..], 2, &[None, Some("7")][..]),
    ] {
        let texts = given(texts);
        let found: Vec<_> = (0..assets).map(|n| of_place("--total", &texts, (n, assets)).unwrap()).collect();
        assert_eq!(found, want, "{texts:?} of {assets}");
    }
    for (texts, assets) in [(&["5", "7"][..], 1), (&["5", "7"][..], 3)] {
        let error = of_place("--total", &given(texts), (0, assets)).unwrap_err();
        assert!(matches!(error, CliError::Usage { .. }), "{error}");
    }
}
