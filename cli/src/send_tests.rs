#![expect(clippy::unwrap_used, reason = "tests")]
use super::*;
use wattle_primitives::{AssetId, call};

fn pay(amount: u128) -> BoundedVec<Call, 64> {
    let call =
        Call::from(call::token::Transfer { to: Address([2; 32]), asset: AssetId(0), amount: Amount(amount) });
    BoundedVec::new(vec![call]).unwrap()
}

fn request() -> PrepareRequest {
    let sender = Address([1; 32]);
    let (grant, lane, nonce, expires_ms) = (None, None, None, None);
    let (fee_payer, max_fee, tip) = (None, None, None);
    PrepareRequest { calls: pay(5), sender, grant, lane, nonce, expires_ms, fee_payer, max_fee, tip }
}

fn body() -> TxBody {
    TxBody {
        chain: Hash([9; 32]),
        sender: Address([1; 32]),
        grant: None,
        lane: Lane(0),
        nonce: Nonce(3),
        expires_ms: TimeMs(1000),
        fee_payer: Address([1; 32]),
        max_fee: Amount(7),
        tip: Amount(0),
        calls: pay(5),
    }
}

#[test]
fn a_node_that_changes_the_transaction_is_caught() {
    assert!(compare(&request(), &body()).is_ok());
    let all = PrepareRequest {
        lane: Some(Lane(0)),
        nonce: Some(Nonce(3)),
        expires_ms: Some(TimeMs(1000)),
        fee_payer: Some(Address([1; 32])),
        max_fee: Some(Amount(7)),
        tip: Some(Amount(0)),
        ..request()
    };
    assert!(compare(&all, &body()).is_ok());
    let table = [
        (request(), TxBody { calls: pay(6), ..body() }, "calls"),
        (request(), TxBody { sender: Address([3; 32]), ..body() }, "sender"),
        (request(), TxBody { lane: Lane(1), ..body() }, "lane"),
        (request(), TxBody { grant: Some(Hash([3; 32])), ..body() }, "grant"),
        (request(), TxBody { fee_payer: Address([3; 32]), ..body() }, "feePayer"),
        (request(), TxBody { tip: Amount(1), ..body() }, "tip"),
        (all.clone(), TxBody { nonce: Nonce(4), ..body() }, "nonce"),
        (all.clone(), TxBody { expires_ms: TimeMs(1001), ..body() }, "expiresMs"),
        (all.clone(), TxBody { max_fee: Amount(8), ..body() }, "maxFee"),
    ];
    for (request, body, want) in table {
        let error = compare(&request, &body).err().unwrap();
        assert!(matches!(error, CliError::Prepared { field } if field == want), "{want}: {error}");
    }
}

#[test]
fn waiting_ends_at_the_state_or_beyond() {
    use TxState::{Dropped, Expired, Finalized, Included, Pending, Superseded};
    let table = [
        (Wait::Pending, [true, true, true]),
        (Wait::Included, [false, true, true]),
        (Wait::Finalized, [false, false, true]),
    ];
    for (wait, want) in table {
        assert_eq!([Pending, Included, Finalized].map(|s| wait.is_reached(s)), want, "{wait:?}");
        assert!([Expired, Superseded, Dropped].iter().all(|state| !wait.is_reached(*state)));
    }
}
