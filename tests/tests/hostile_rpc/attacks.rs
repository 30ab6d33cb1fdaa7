//! Attacks of clients on an interface. Each asserts what it is told.

use crate::process::{PATIENCE, until};
use crate::raw::Target;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// An attack.
pub(crate) type Attack = fn(&Target);

/// All of them, in order.
pub(crate) const ALL: &[(&str, Attack)] = &[
    ("400 stalled connections", stalled),
    ("10,000 connects and drops", connects_and_drops),
    ("bodies of 100 MB", long_bodies),
    ("batches of 100,000", long_batches),
    ("90 bodies of 1 MiB, all held back", held_bodies),
    ("90 answers of 8 MiB that nobody reads", unread_answers),
    ("hostile hosts, origins and types", hostile_heads),
    ("malformed requests", malformed),
    ("250 WebSockets and what they may not", websockets),
    ("costly questions from 16 clients", costly),
    ("512 scanners of all history", scanners),
];

const STATUS: &str = r#"{"jsonrpc":"2.0","id":1,"method":"chain_status"}"#;

/// Half of them say nothing, the others stop in the middle of head or body.
fn stalled(target: &Target) {
    let kinds = [
        String::new(),
        "POST /rpc HTTP/1.1\r\nho".to_owned(),
        String::new(),
        format!("{}content-length: 1000\r\n\r\n{{", target.head()),
    ];
    let held: Vec<TcpStream> = (0..400)
        .map(|i| {
            let mut stream = target.connect();
            let _ = stream.write_all(kinds[i % kinds.len()].as_bytes()); // it may have had to go already
            stream
        })
        .collect();
    until_ended("there are places for 256 of 400", &held, 400 - 256);
}

/// Waits until the server has ended or answered so many of these connections.
fn until_ended(what: &str, held: &[TcpStream], count: usize) {
    let has_ended = |stream: &&TcpStream| {
        stream.set_nonblocking(true).unwrap();
        !matches!(stream.peek(&mut [0]), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
    };
    until(what, PATIENCE, || (held.iter().filter(has_ended).count() >= count).then_some(()));
}

fn connects_and_drops(target: &Target) {
    let workers: Vec<_> = (0..4)
        .map(|_| {
            let address = target.address;
            std::thread::spawn(move || (0..2_500).for_each(|_| drop(TcpStream::connect(address).unwrap())))
        })
        .collect();
    workers.into_iter().for_each(|worker| worker.join().unwrap());
}

fn long_bodies(target: &Target) {
    const BYTES: usize = 100_000_000;
    // Announced: refused before any of it is sent.
    let claimed = target.send(format!("{}content-length: {BYTES}\r\n\r\n", target.head()).as_bytes());
    assert_eq!((claimed.status, claimed.code().as_str()), (413, "limit_exceeded"));
    let absurd = target.send(format!("{}content-length: {}\r\n\r\n", target.head(), u64::MAX).as_bytes());
    assert!((400..500).contains(&absurd.status), "{}", absurd.status);
    // Not announced: refused when the limit is reached.
    let mut stream = target.connect();
    stream.write_all(format!("{}transfer-encoding: chunked\r\n\r\n", target.head()).as_bytes()).unwrap();
    let chunk = [b"10000\r\n".as_slice(), &[b' '; 0x10000], b"\r\n"].concat();
    let mut sent = 0;
    while sent < BYTES && stream.write_all(&chunk).is_ok() {
        sent += 0x10000;
    }
    assert!(sent < BYTES, "all of {sent} bytes were taken");
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer); // reset after the answer, as the rest was not read
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 413"), "{}", String::from_utf8_lossy(&answer));
}

fn long_batches(target: &Target) {
    for body in
        [format!("[{}1]", "1,".repeat(99_999)), format!("[{}{STATUS}]", format!("{STATUS},").repeat(100))]
    {
        assert_eq!(target.post(body.as_bytes()).code(), "limit_exceeded");
    }
    let allowed = target.post(format!("[{}{STATUS}]", format!("{STATUS},").repeat(99)).as_bytes());
    assert_eq!((allowed.status, allowed.body.matches("chainId").count()), (200, 100));
}

fn held_bodies(target: &Target) {
    let request = format!("{}content-length: 1000000\r\n\r\n", target.head());
    let almost = vec![b' '; 999_999];
    let before = refusals(target, "memory");
    let held: Vec<TcpStream> = (0..90)
        .map(|_| {
            let mut stream = target.connect();
            let _ = stream.write_all(request.as_bytes()).and_then(|()| stream.write_all(&almost));
            stream
        })
        .collect();
    // There is room for 64 MiB of them: the others are told so, and small requests need no room.
    let enough = || (refusals(target, "memory") >= before + 20).then_some(());
    until("20 of 90 are refused for want of memory", PATIENCE, enough);
    until_ended("20 of 90 are told", &held, 20);
    assert_eq!(target.post(STATUS.as_bytes()).status, 200);
}

fn unread_answers(target: &Target) {
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"rpc.discover"}"#;
    let body = format!("[{}{call}]", format!("{call},").repeat(99));
    let request = format!("{}content-length: {}\r\n\r\n{body}", target.head(), body.len());
    let asks = || {
        let mut stream = target.connect();
        let _ = stream.write_all(request.as_bytes());
        stream
    };
    let mut held: Vec<TcpStream> = (0..90).map(|_| asks()).collect();
    // The memory for long answers is taken: another long one is refused call by call, a short one is given. On a busy
    // machine answers are cut short by their time, and it takes more of them.
    let busy = || target.post(body.as_bytes()).body.contains(r#""error":{"code":-32005,"#);
    until("there is no memory for more", PATIENCE, || {
        held.push(asks());
        busy().then_some(())
    });
    assert_eq!(target.post(STATUS.as_bytes()).status, 200);
    drop(held);
    until("the memory is given back", PATIENCE, || (!busy()).then_some(()));
}

fn hostile_heads(target: &Target) {
    let begun = Instant::now();
    let port = target.address.port();
    let json = "content-type: application/json\r\n";
    let table = [
        ("host: evil.example\r\n", json, 403),
        ("host: localhost.evil.example\r\n", json, 403),
        ("host: 169.254.169.254\r\n", json, 403),
        ("", json, 400),
        ("host: localhost\r\nhost: evil.example\r\n", json, 400),
        ("host: localhost\r\norigin: https://evil.example\r\n", json, 403),
        ("host: localhost\r\norigin: null\r\n", json, 403),
        ("host: localhost\r\n", "content-type: text/plain\r\n", 415),
        ("host: localhost\r\n", "", 415),
    ];
    while begun.elapsed() < Duration::from_secs(1) {
        for (host, kind, status) in table {
            let request = format!(
                "POST /rpc HTTP/1.1\r\n{host}{kind}connection: close\r\ncontent-length: {}\r\n\r\n{STATUS}",
                STATUS.len()
            );
            assert_eq!(target.send(request.as_bytes()).status, status, "{host:?} {kind:?}");
        }
        let page =
            format!("GET /metrics HTTP/1.1\r\nhost: rebound.example:{port}\r\nconnection: close\r\n\r\n");
        assert_eq!(target.send(page.as_bytes()).status, 403);
    }
}

fn malformed(target: &Target) {
    let deep =
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"chain_status","params":{}"#, "[".repeat(400_000));
    let wide = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"search_query","params":{{"text":[{}1]}}}}"#,
        "1,".repeat(400_000)
    );
    let bodies: [(&[u8], &str); 8] = [
        (b"", "parse_error"),
        (b"\0\0\0\0", "parse_error"),
        (b"\xff\xfe{}", "parse_error"),
        (deep.as_bytes(), "parse_error"),
        (wide.as_bytes(), "invalid_params"),
        (b"[]", "invalid_request"),
        (br#"{"jsonrpc":"2.0","id":{},"method":"chain_status"}"#, "invalid_request"),
        (br#"{"jsonrpc":"2.0","id":1,"method":"admin_stop"}"#, "admin_only"),
    ];
    for (body, code) in bodies {
        assert_eq!(
            target.post(body).code(),
            code,
            "{}",
            String::from_utf8_lossy(&body[..body.len().min(60)])
        );
    }
    let long = "x".repeat(100_000);
    let heads = [
        format!("GET /{long} HTTP/1.1\r\nhost: localhost\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nhost: localhost\r\nx: {long}\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nhost: localhost\r\n{}\r\n", "x: y\r\n".repeat(5_000)),
        format!("{}content-length: 5\r\ncontent-length: 6\r\n\r\nhello", target.head()),
        "GET / HTTP/9.9\r\n\r\n".to_owned(),
        "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}".to_owned(),
    ];
    for head in heads {
        let status = target.send(head.as_bytes()).status;
        assert!(
            status == 0 || (400..500).contains(&status),
            "{status} for {:?}",
            &head[..head.len().min(60)]
        );
    }
}

fn websockets(target: &Target) {
    let mut open = Vec::new();
    let mut refused = 0;
    for _ in 0..250 {
        match target.websocket() {
            Ok(socket) => open.push(socket),
            Err(status) => {
                assert_eq!(status, 503);
                refused += 1;
            }
        }
    }
    assert!(open.len() >= 180 && refused >= 250 - 192, "{} open, {refused} refused", open.len());
    let mut socket = open.pop().unwrap();
    let subscribe = r#"{"jsonrpc":"2.0","id":1,"method":"event_subscribe","params":{}}"#;
    let codes: Vec<String> = (0..9).map(|_| socket.ask(subscribe)).collect();
    assert!(codes[..8].iter().all(|code| code == "none") && codes[8] == "limit_exceeded", "{codes:?}");
    let mut long = open.pop().unwrap();
    let _ = long.frame(0x81, &vec![b' '; 300 * 1024]);
    assert_eq!(long.closed().unwrap_or(1008), 1008, "too long a message");
    let mut binary = open.pop().unwrap();
    binary.frame(0x82, b"\0").unwrap();
    assert_eq!(binary.closed(), Some(1003));
    // Messages that never end: every connection holds what one message may have, and no more.
    for socket in &mut open {
        // The pong comes once all before the ping was read.
        let sent = socket.frame(0x01, &vec![b' '; 100 * 1024]).and_then(|()| socket.frame(0x89, b""));
        while sent.is_ok() && socket.next().is_ok_and(|(first, _)| first != 0x8a) {}
    }
}

fn costly(target: &Target) {
    let questions = [
        r#"{"jsonrpc":"2.0","id":1,"method":"event_list","params":{"filter":{"types":["hold_released"]},"limit":200}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"search_query","params":{"text":"zzzzzzzz"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"account_getProof","params":{"key":"00"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"node_consensus"}"#,
    ];
    let batch = format!("[{}]", questions.repeat(25).join(","));
    let address = target.address;
    let workers: Vec<_> = (0..16)
        .map(|_| {
            let (target, batch) = (Target { address }, batch.clone());
            std::thread::spawn(move || {
                let begun = Instant::now();
                while begun.elapsed() < Duration::from_secs(2) {
                    assert_eq!(target.post(batch.as_bytes()).status, 200);
                }
            })
        })
        .collect();
    workers.into_iter().for_each(|worker| worker.join().unwrap());
}

/// 64 connections with eight subscriptions each, which read everything from the first block on, find nothing, and begin
/// anew. Who lists events beside them is answered.
pub(crate) fn scanners(target: &Target) {
    let before = counter(target, r#"event_reads_total{kind="history"}"#).unwrap_or(0);
    let open = || target.websocket().ok();
    let mut sockets: Vec<_> = (0..64).map(|_| until("there is a place", PATIENCE, open)).collect();
    let subscribe = r#"{"jsonrpc":"2.0","id":1,"method":"event_subscribe","params":{"fromHeight":"0","filter":{"types":["hold_released"]}}}"#;
    let end =
        |id: u64| format!(r#"{{"jsonrpc":"2.0","id":1,"method":"event_unsubscribe","params":["{id}"]}}"#);
    let (begun, mut opened) = (Instant::now(), 0u64);
    while opened == 0 || begun.elapsed() < Duration::from_secs(2) {
        for socket in &mut sockets {
            for id in opened + 1..=opened + 8 {
                if id > 8 {
                    assert_eq!(socket.ask(&end(id - 8)), "none");
                }
                assert_eq!(socket.ask(subscribe), "none");
            }
        }
        opened += 8;
        let list = r#"{"jsonrpc":"2.0","id":1,"method":"event_list","params":{"filter":{"types":["hold_released"]}}}"#;
        let listed = target.post(list.as_bytes());
        assert_eq!((listed.status, listed.code().as_str()), (200, "none"));
    }
    let reads = || counter(target, r#"event_reads_total{kind="history"}"#).filter(|now| *now >= before + 512);
    let reads = until("history is read", PATIENCE, reads);
    println!("{} turns at history, of {} subscriptions", reads - before, opened * 64);
}

/// How many requests were refused for this reason, as the server counts them.
fn refusals(target: &Target, reason: &str) -> u64 {
    let name = format!(r#"refusals_total{{reason="{reason}"}}"#);
    counter(target, &name).unwrap_or_else(|| panic!("{name} is not counted"))
}

/// A counter of the interface, by its name and label.
fn counter(target: &Target, name: &str) -> Option<u64> {
    let request = format!("GET /metrics HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", target.address);
    let page = target.send(request.as_bytes()).body;
    let name = format!("wattle_rpc_{name} ");
    page.lines().find_map(|line| line.strip_prefix(&name))?.parse().ok()
}

/// Every refusal was counted, by its reason.
pub(crate) fn assert_counted(target: &Target) {
    let reasons = [
        "evicted",
        "websockets",
        "host",
        "origin",
        "content_type",
        "too_large",
        "memory",
        "limit",
        "admin_only",
    ];
    for reason in reasons {
        let count = refusals(target, reason);
        assert!(count > 0, "{reason}");
        println!("refused, {reason:<14} {count}");
    }
}
