//! `wattle ledger` as an organisation and its accountant use it: every subcommand once, on a devnet whose microgrid
//! settles, and its books as other programs read them.

use crate::chain::{curl_ok, number};
use crate::process::{wattle, wattle_error, wattle_json};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use wattle_primitives::call::ledger::hold_id;
use wattle_primitives::{Address, BookId, Hash};

const HOUR_MS: u64 = 3_600_000;

/// Alice opens a book, keeps it, closes it; hers and the microgrid's come out of hledger and beancount as they stand.
pub(crate) fn are_kept(url: &str, dir: &Path, alice: &str, bob: &str, grid_book: &str) {
    let key = dir.join("net/alice.key").display().to_string();
    let ask = |words: &[&str]| wattle_json(["ledger"].iter().chain(words).copied().chain(["--rpc", url]));
    let signed = |words: &[&str]| -> Vec<String> {
        let all = ["ledger"].iter().chain(words).copied();
        all.chain(["--secret-key-file", &key, "--rpc", url]).map(str::to_owned).collect()
    };
    let send = |words: &[&str]| -> Value {
        let words = signed(words);
        let done = wattle_json(words.iter().map(String::as_str));
        assert_eq!(
            (&done["state"], &done["receipt"]["code"]),
            (&json!("finalized"), &json!("success")),
            "{words:?}: {done}"
        );
        done
    };
    let refused = |words: &[&str]| wattle_error(signed(words).iter().map(String::as_str)).1;
    let [one, two, memo] = [1u8, 2, 3].map(|n| Hash([n; 32]).to_string());
    let book = BookId::of(&alice.parse::<Address>().unwrap(), &Hash([1; 32])).to_string();
    let at = |code: &str| format!("{book}/{code}");
    let now = number(&curl_ok(url, "chain_status", json!({}))["timeMs"]);
    let before = |hours: u64| (now - hours * HOUR_MS).to_string();

    send(&["create-book", "--reference", &one]);
    for (code, class, more) in [
        ("1000", "asset", vec![]),
        ("3000", "equity", vec![]),
        ("4000", "revenue", vec![]),
        ("4100", "revenue", vec!["--parent", "4000", "--debit-max", "0"]),
    ] {
        let words = ["open-account", "--book", &book, "--code", code, "--class", class];
        send(&words.into_iter().chain(more).collect::<Vec<_>>());
    }
    let post = |debit: &str, credit: &str, amount: &str, more: &[&str]| -> Vec<String> {
        let words = ["post", "--debit", debit, "--credit", credit, "--amount", amount];
        words.iter().chain(more).map(|word| (*word).to_owned()).collect()
    };
    let run = |words: Vec<String>| send(&words.iter().map(String::as_str).collect::<Vec<_>>());
    let fail = |words: Vec<String>| refused(&words.iter().map(String::as_str).collect::<Vec<_>>());
    run(post(&at("1000"), &at("3000"), "500", &["--date", &before(48)]));
    let sale = || post(alice, &at("4100"), "2.5", &["--reference", &one]);
    let posted = run(sale());
    let again = run(sale());
    let event = |done: &Value, kind: &str| {
        let events = done["receipt"]["events"].as_array().unwrap();
        events.iter().find(|event| event["type"] == kind).cloned().unwrap_or_else(|| panic!("{done}"))
    };
    assert_eq!(event(&posted, "journal_posted")["reference"], json!(one));
    assert_eq!(event(&again, "journal_repeated")["posted"]["height"], posted["height"]);
    run(post(&at("4100"), bob, "1", &["--memo", &memo]));
    assert_eq!(fail(post(&at("4100"), bob, "1.6", &[])), "limit_exceeded");
    run(post(&at("1000"), &at("4000"), "7", &["--reference", &two]));
    let back = || post(&at("4000"), &at("1000"), "7", &["--reverses", &two]);
    run(back());
    assert_eq!(fail(back()), "already_reversed");
    send(&["close", "--book", &book, "--to", &before(24)]);
    let late = || post(&at("1000"), &at("3000"), "3", &["--date", &before(36)]);
    assert_eq!(fail(late()), "period_closed");
    send(&["reopen", "--book", &book]);
    run(late());

    assert_eq!(ask(&["books", "--owner", alice])["items"][0]["id"], json!(book));
    assert_eq!(ask(&["book", &book])["closedMs"], json!("0"));
    assert_eq!(ask(&["chart", &book])["items"].as_array().unwrap().len(), 4);
    let balance = ask(&["trial-balance", &book]);
    assert_eq!(balance["totals"][0]["debit"], balance["totals"][0]["credit"], "{balance}");
    let dated = ask(&["trial-balance", &book, "--to", &before(40)]);
    assert_eq!(dated["totals"][0]["debit"], json!("500000000"), "{dated}");
    let owed = ask(&["dues"])["items"].as_array().unwrap().clone();
    let own = owed.iter().find(|due| due["book"] == json!(book)).unwrap_or_else(|| panic!("{owed:?}"));
    assert_eq!(own["owed"], json!("1500000"));
    let owed_at = |height: u64| {
        let dues = ask(&["dues", "--height", &height.to_string()])["items"].as_array().unwrap().clone();
        dues.into_iter().find(|due| due["book"] == json!(book)).map(|due| due["owed"].clone())
    };
    let first = number(&posted["height"]);
    assert_eq!((owed_at(first - 1), owed_at(first)), (None, Some(json!("2500000"))));
    for (words, head, line) in [
        (&["books", "--owner", alice][..], "book,owner,accounts", format!("{book},{alice},4,0,")),
        (&["chart", &book][..], "code,name,class", "4100,,revenue,4000,WAT,0,".into()),
        (&["dues", "--to", &before(0)][..], "book,owner,asset", String::new()),
        (&["dues"][..], "book,owner,asset", format!("{book},{alice},WAT,1.5,0")),
    ] {
        let (code, csv, error) = wattle(["ledger"].iter().chain(words).chain(&["--csv", "--rpc", url]));
        assert!(code == 0 && csv.starts_with(head) && csv.contains(&line), "{words:?}: {csv}{error}");
    }
    let statement = ask(&["statement", &at("4100")]);
    assert_eq!(statement["lines"].as_array().unwrap().len(), 2, "{statement}");
    let (code, csv, _) = wattle(["ledger", "statement", alice, "--csv", "--rpc", url]);
    assert!(code == 0 && csv.starts_with("date,booked,height") && csv.contains(&one), "{csv}");

    // Money put aside is captured in parts, and the rest let go.
    let id = hold_id(&alice.parse::<Address>().unwrap(), &Hash([1; 32])).to_string();
    let held = |account: &str| {
        let holds = ask(&["holds", account])["items"].as_array().unwrap().clone();
        holds.into_iter().find(|hold| hold["id"] == json!(id)).map(|hold| hold["amount"].clone())
    };
    let into = at("4100");
    let words = ["hold", "--debit", alice, "--credit", &into, "--amount", "3", "--captor", alice];
    send(&[&words[..], &["--ttl", "7776000", "--reference", &one]].concat());
    assert_eq!((held(alice), held(&into)), (Some(json!("3000000")), Some(json!("3000000"))));
    send(&["capture", &id, "--amount", "1", "--more"]);
    assert_eq!(held(&into), Some(json!("2000000")));
    assert_eq!(refused(&["capture", &id, "--amount", "2.1"]), "exceeds_hold");
    send(&["void", &id]);
    assert_eq!((held(alice), held(&into)), (None, None));
    assert_eq!(refused(&["capture", &id]), "unknown_hold");

    for book in [&book, grid_book] {
        for (format, program, args) in [
            ("hledger", "hledger", &["check", "-s", "-f"][..]),
            ("beancount", "bean-check", &[][..]),
            ("csv", "true", &[][..]),
            ("json", "true", &[][..]),
        ] {
            for period in [vec![], vec!["--from".to_owned(), before(1)], vec!["--to".to_owned(), before(1)]] {
                let period: Vec<&str> = period.iter().map(String::as_str).collect();
                let file = dir.join(format!("book.{format}")).display().to_string();
                let words = ["ledger", "export", book, "--format", format, "--out", &file, "--rpc", url];
                let (code, _, error) = wattle(words.into_iter().chain(period));
                assert_eq!(code, 0, "{error}");
                let text = std::fs::read_to_string(&file).unwrap();
                let output = Command::new(program).args(args).arg(&file).output();
                let output = output.unwrap_or_else(|e| panic!("{program}: {e}; run scripts/setup --tests"));
                assert!(
                    output.status.success(),
                    "{program}: {}{}\n{text}",
                    String::from_utf8_lossy(&output.stdout),
                    String::from_utf8_lossy(&output.stderr)
                );
            }
        }
    }
}
