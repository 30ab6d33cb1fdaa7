use super::*;

#[test]
fn a_rejection_carries_reason_and_id() {
    let error = RpcError::Rejected {
        id: Hash([7; 32]),
        code: "bad_nonce",
        message: "nonce 3, expected 4".to_owned(),
        details: json!({ "expected": "4" }),
    };
    let object = error.to_object();
    assert_eq!(object.code, -32004);
    assert_eq!(object.data, json!({ "code": "bad_nonce", "expected": "4", "id": Hash([7; 32]).to_string() }));
}

#[test]
fn codes_are_unique() {
    let numbers: std::collections::BTreeSet<_> = RpcError::CODES.iter().map(|(n, _)| n).collect();
    let names: std::collections::BTreeSet<_> = RpcError::CODES.iter().map(|(_, s)| s).collect();
    assert_eq!((numbers.len(), names.len()), (RpcError::CODES.len(), RpcError::CODES.len()));
}
