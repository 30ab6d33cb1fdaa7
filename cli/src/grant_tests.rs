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

#[test]
fn who_signs_limits_reads_all_of_them() {
    let asset = |id: u32, symbol: &str, scale| AssetInfo {
        id: AssetId(id),
        symbol: symbol.parse().unwrap(),
        scale,
        issuer: None,
        supply: Amount(0),
    };
    let all = Spending {
        asset: AssetId(3),
        per_tx: Some(Amount(500)),
        per_period: Some(PerPeriod { amount: Amount(1000), period_ms: TimeMs(86_400_000) }),
        total: Some(Amount(10_000)),
        cosign_above: Some(Amount(250)),
    };
    let none =
        Spending { asset: AssetId(0), per_tx: None, per_period: None, total: None, cosign_above: None };
    let payee = Address([1; 32]);
    let limits = Limits {
        spending: BoundedVec::new(vec![all, none]).unwrap(),
        counterparties: BoundedVec::new(vec![payee]).unwrap(),
        books: BoundedVec::new(vec![BookId([7; 16])]).unwrap(),
        tx_per_hour: Some(60),
        uses: Some(5),
        ..Limits::of(Calls::Only(BoundedVec::default()), none, TimeMs(1_772_323_200_000))
    };
    let text = words(&limits, &[asset(3, "KES", 2), asset(0, "WAT", 6)]);
    let want = [
        "until 2026-03-01T00:00:00Z".to_owned(),
        "for no call".to_owned(),
        "spending at most 100 KES-3 in all, 5 KES-3 in a transaction, 10 KES-3 in each 86400 s; with your signature as \
         well above 2.5 KES-3"
            .to_owned(),
        "spending any amount of WAT".to_owned(),
        format!("paying {payee} only"),
        format!("in book {} only", BookId([7; 16])),
        "at most 60 transactions an hour".to_owned(),
        "at most 5 transactions in all".to_owned(),
    ];
    assert_eq!(text.lines().collect::<Vec<_>>(), want);
    let calls: Vec<CallKind> = ["token.transfer", "ledger.journal"].map(|kind| kind.parse().unwrap()).into();
    let limits = Limits { calls: Calls::Only(BoundedVec::new(calls).unwrap()), ..limits };
    let free = Limits { calls: Calls::Any, spending: BoundedVec::default(), ..limits.clone() };
    assert!(words(&limits, &[]).contains("\nfor token.transfer, ledger.journal\n"));
    assert!(words(&free, &[]).contains("\nfor any call\nspending nothing\n"));
}
