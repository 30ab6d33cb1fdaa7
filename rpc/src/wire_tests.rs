use super::*;
use serde_json::Value;

/// Holds answers of at most so many bytes.
struct Echo(usize);
impl Call for Echo {
    fn note(&mut self, _error: &RpcError) {}

    fn has_room(&mut self, bytes: usize) -> bool {
        bytes <= self.0
    }

    async fn call(&mut self, method: &str, params: Option<&RawValue>) -> Result<Box<RawValue>, RpcError> {
        match method {
            "echo" => Ok(params.unwrap().to_owned()),
            "long" => {
                Ok(RawValue::from_string(format!("\"{}\"", "x".repeat(RESPONSE_BYTES_MAX / 2))).unwrap())
            }
            _ => Err(RpcError::MethodNotFound { method: method.to_owned() }),
        }
    }
}

fn ask(message: &str) -> Option<Value> {
    ask_of(Echo(usize::MAX), message)
}

fn ask_of(mut echo: Echo, message: &str) -> Option<Value> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let answer = runtime.block_on(answer(message, &mut echo));
    answer.map(|text| serde_json::from_str::<Value>(&text).unwrap())
}

#[test]
fn envelope_errors_have_code_and_id() {
    let table = [
        ("{", -32700, "parse_error", Value::Null),
        ("", -32700, "parse_error", Value::Null),
        ("[1", -32700, "parse_error", Value::Null),
        ("[]", -32600, "invalid_request", Value::Null),
        (r#"{"jsonrpc":"1.0","id":7,"method":"echo"}"#, -32600, "invalid_request", 7.into()),
        (r#"{"jsonrpc":"2.0","id":"a"}"#, -32600, "invalid_request", "a".into()),
        (r#"{"jsonrpc":"2.0","id":{},"method":"echo"}"#, -32600, "invalid_request", Value::Null),
        (r#"{"jsonrpc":"2.0","id":3,"method":"nope"}"#, -32601, "method_not_found", 3.into()),
    ];
    for (message, number, code, id) in table {
        let answer = ask(message).unwrap();
        assert_eq!(answer["error"]["code"], number, "{message}");
        assert_eq!(answer["error"]["data"]["code"], code, "{message}");
        assert_eq!(answer["id"], id, "{message}");
    }
}

#[test]
fn notifications_get_no_answer_and_null_is_an_id() {
    assert_eq!(ask(r#"{"jsonrpc":"2.0","method":"echo","params":[1]}"#), None);
    assert_eq!(ask(r#"[{"jsonrpc":"2.0","method":"echo","params":[1]}]"#), None);
    let answer = ask(r#"{"jsonrpc":"2.0","id":null,"method":"echo","params":[1]}"#).unwrap();
    assert_eq!(answer["result"], serde_json::json!([1]));
}

#[test]
fn a_batch_is_answered_in_order_and_capped_as_a_whole() {
    let call = |id: u32, method: &str| {
        format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":[{id}]}}"#)
    };
    let answers = ask(&format!("[{},5,{}]", call(1, "echo"), call(2, "nope"))).unwrap();
    assert_eq!(answers[0]["result"][0], 1);
    assert_eq!(answers[1]["error"]["data"]["code"], "invalid_request");
    assert_eq!(answers[2]["id"], 2);
    let answers = ask(&format!("[{},{},{}]", call(1, "long"), call(2, "long"), call(3, "echo"))).unwrap();
    assert!(answers[0]["result"].is_string());
    assert_eq!(answers[1]["error"]["data"]["code"], "limit_exceeded");
    assert_eq!(answers[2]["result"][0], 3);
    let answers =
        ask_of(Echo(RESPONSE_BYTES_MAX / 4), &format!("[{},{}]", call(1, "long"), call(2, "echo"))).unwrap();
    assert_eq!(answers[0]["error"]["data"]["code"], "busy");
    assert_eq!(answers[1]["result"][0], 2);
    let many = vec![call(1, "echo"); BATCH_CALLS_MAX + 1].join(",");
    assert_eq!(ask(&format!("[{many}]")).unwrap()["error"]["data"]["code"], "limit_exceeded");
}
