//! `wattle paygo token`, as it is called.
#![expect(clippy::unwrap_used, reason = "tests")]

use super::{PaygoArgs, run};
use crate::{CliError, Report};
use clap::Parser;
use serde_json::{Value, json};
use std::path::Path;

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    paygo: PaygoArgs,
}

fn called(line: &str) -> Result<Value, CliError> {
    let words = std::iter::once("paygo").chain(line.split_whitespace());
    match run(Cli::try_parse_from(words).map_err(|e| CliError::Usage { detail: e.to_string() })?.paygo)? {
        Report::Both { json, .. } => Ok(json),
        Report::Printed => Ok(Value::Null),
    }
}

const DEVICE: &str = "--key a29ab82edc5fbbc41ec9530f6dac86b1 --starting-code 123456789";

#[test]
fn tokens_are_made_and_read() {
    let table = [
        (
            "1",
            "--type add --value 1",
            "662486790",
            2,
            json!({"type": "add", "value": 1, "count": 2, "used": [1, 2]}),
        ),
        (
            "2",
            "--type set --value 7",
            "942433796",
            3,
            json!({"type": "set", "value": 7, "count": 3, "used": [0, 1, 2, 3]}),
        ),
    ];
    for (count, what, token, new_count, want) in table {
        let made = called(&format!("token encode {DEVICE} --count {count} {what}")).unwrap();
        assert_eq!(made, json!({"token": token, "newCount": new_count}));
        assert_eq!(called(&format!("token decode {DEVICE} --count {count} {token}")).unwrap(), want);
    }
    let restricted =
        called(&format!("token encode {DEVICE} --count 1 --type add --value 1 --restricted")).unwrap();
    assert_eq!(restricted["token"], "324244134441123");
    let read = called(&format!("token decode {DEVICE} --count 1 --restricted 324244134441123")).unwrap();
    assert_eq!((&read["type"], &read["value"]), (&json!("add"), &json!(1)));
}

#[test]
fn what_a_device_stands_at_afterwards_goes_into_the_next_call() {
    let decode = |count: u64, used: &str, token: &str| {
        called(&format!("token decode {DEVICE} --count {count} --used {used} {token}")).unwrap()
    };
    let add =
        |count: u64| called(&format!("token encode {DEVICE} --count {count} --type add --value 5")).unwrap();
    let (fourth, second) = (add(3), add(1));
    let first = decode(1, "1", fourth["token"].as_str().unwrap());
    assert_eq!(first, json!({"type": "add", "value": 5, "count": 4, "used": [1, 4]}));
    let older = decode(4, "1,4", second["token"].as_str().unwrap());
    assert_eq!(older, json!({"type": "add", "value": 5, "count": 4, "used": [1, 2, 4]}));
    let again = decode(4, "1,2,4", second["token"].as_str().unwrap());
    assert_eq!(again, json!({"type": "alreadyUsed", "value": null, "count": 4, "used": [1, 2, 4]}));
    let wrong = decode(4, "1,2,4", "123123123");
    assert_eq!(wrong, json!({"type": "invalid", "value": null, "count": 4, "used": [1, 2, 4]}));
}

#[test]
fn values_are_divided_and_others_have_none() {
    let made =
        called(&format!("token encode {DEVICE} --count 1 --type add --value 0.375 --divider 4")).unwrap();
    let token = made["token"].as_str().unwrap();
    let read = called(&format!("token decode {DEVICE} --count 1 --divider 4 {token}")).unwrap();
    assert_eq!(read["value"], 0.5);
    for kind in ["disable", "sync"] {
        for extended in ["", "--extended"] {
            let made = called(&format!("token encode {DEVICE} --count 1 --type {kind} {extended}")).unwrap();
            let token = made["token"].as_str().unwrap();
            let read = called(&format!("token decode {DEVICE} --count 1 --divider 4 {token}")).unwrap();
            assert_eq!(
                (&read["type"], &read["value"], &read["count"]),
                (&json!(kind), &Value::Null, &json!(3))
            );
        }
    }
}

#[test]
fn a_key_comes_from_a_private_file_with_its_starting_code() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("box.key");
    let write = |path: &Path, mode| {
        std::fs::write(path, "A29AB82EDC5FBBC41EC9530F6DAC86B1 123456789\n").unwrap();
        std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    };
    write(&file, 0o600);
    let encode = |more: &str| {
        called(&format!("token encode --key-file {} --count 1 --type add --value 1 {more}", file.display()))
    };
    assert_eq!(encode("").unwrap()["token"], "662486790");
    assert_eq!(encode("--starting-code 7").err().unwrap().code(), "usage");
    write(&file, 0o644);
    assert!(encode("").is_err(), "others can read it");
}

#[test]
fn what_is_wrong_is_said_without_the_secret() {
    let table = [
        ("token encode --count 1 --type add --value 1", "usage"),
        ("token encode --key a29a --count 1 --type add --value 1", "input"),
        ("token encode DEVICE --count 1 --type add", "usage"),
        ("token encode DEVICE --count 1 --type disable --value 1", "usage"),
        ("token encode DEVICE --count 1 --type add --value=-1", "usage"),
        ("token encode DEVICE --count 1 --type add --value 996", "input"),
        ("token encode DEVICE --count 1 --type add --value 998 --extended", "input"),
        ("token encode DEVICE --count 1 --type add --value 1 --divider 0", "usage"),
        ("token decode DEVICE --count 1 12345678x", "input"),
        ("token decode DEVICE --count 1 --restricted 662486790", "input"),
    ];
    for (line, code) in table {
        let error = called(&line.replace("DEVICE", DEVICE)).err().unwrap();
        assert_eq!(error.code(), code, "{line}: {}", error.message());
        assert!(!error.message().contains("a29a"), "{}", error.message());
    }
    let parsed =
        Cli::try_parse_from(format!("paygo token decode {DEVICE} --count 1 1").split_whitespace()).unwrap();
    assert!(!format!("{:?}", parsed.paygo).contains("a29a"));
}
