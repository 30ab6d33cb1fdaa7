//! The block explorer as a reader meets it: headless Chromium on a real `wattle devnet`, on a desk and on a phone.
//!
//! ```sh
//! cargo test --release -p wattle-tests --test explorer -- --nocapture
//! ```
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

#[path = "../e2e/chain.rs"]
#[expect(dead_code, reason = "shared with the end-to-end tests")]
mod chain;
#[path = "../e2e/network.rs"]
#[expect(dead_code, reason = "shared with the end-to-end tests")]
mod network;
#[path = "../e2e/process.rs"]
#[expect(dead_code, reason = "shared with the end-to-end tests")]
mod process;

mod browser;
mod checks;

use browser::{Browser, Size};
use chain::{Wallet, curl_ok, number};
use network::ports;
use process::{PATIENCE, Process, program, until};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;
use wattle_primitives::{Address, Hash};

const DESK: Size = (1280, 900);
const PHONE: Size = (390, 844);
/// Meters of the devnet.
const METERS: u64 = 3;
/// How many times as fast the chain's clock runs: a quarter of an hour in under four seconds.
const SPEED: &str = "240";
/// Amount paid, base units.
const PAID: u128 = 1_250_000;

/// A devnet, and a browser that looks at it.
struct Stage {
    browser: Browser,
    devnet: Process,
    ready: Value,
    port: String,
    dir: TempDir,
}

impl Stage {
    fn open() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let port = ports(4).to_string();
        // First: without a browser the test fails at once.
        let browser = Browser::start(dir.path());
        let (devnet, ready) = start_devnet(dir.path(), &port, &["--speed", SPEED]);
        Self { browser, devnet, ready, port, dir }
    }

    /// Where the explorer is, without the slash at the end.
    fn origin(&self) -> &str {
        self.ready["explorer"].as_str().unwrap().trim_end_matches('/')
    }

    fn rpc(&self) -> &str {
        self.ready["rpc"].as_str().unwrap()
    }

    fn visit(&self, path: &str) {
        self.browser.open(&format!("{}{path}", self.origin()));
    }

    fn net(&self) -> PathBuf {
        self.dir.path().join("net")
    }

    fn chain(&self) -> Hash {
        self.ready["genesisHash"].as_str().unwrap().parse().unwrap()
    }

    fn address(&self, name: &str) -> Address {
        let wallets = self.ready["wallets"].as_array().unwrap();
        let wallet = wallets.iter().find(|w| w["name"] == name).unwrap();
        wallet["address"].as_str().unwrap().parse().unwrap()
    }

    fn microgrid(&self) -> String {
        let grids = curl_ok(self.rpc(), "energy_listMicrogrids", json!({}));
        grids["items"][0]["id"].as_str().unwrap().to_owned()
    }

    /// Waits until a page has everything: nothing loads any more.
    fn settled(&self, what: &str) {
        let ready =
            "return document.querySelector('h1') && !document.querySelector('.skeleton, [aria-busy]')";
        until(&format!("{what} has loaded"), PATIENCE, || {
            (!self.browser.run(ready, &[]).is_null() && self.browser.run(ready, &[]) == true).then_some(())
        });
        assert_eq!(self.browser.count(".failure"), 0, "{what}: {:?}", self.browser.text(".failure"));
    }
}

fn start_devnet(dir: &Path, port: &str, options: &[&str]) -> (Process, Value) {
    let meters = METERS.to_string();
    let mut command = Command::new(program("wattle"));
    command
        .args(["devnet", "--json", "--meters", &meters, "--rpc-port", port, "--dir"])
        .arg(dir.join("net"))
        .args(options);
    let devnet = Process::start("devnet", &mut command, &dir.join("log"));
    let ready = devnet.event();
    assert_eq!(ready["event"], "ready", "{ready}");
    (devnet, ready)
}

/// Goal: all that a reader does, at both widths; then the node dies and comes back, and the page tells and recovers.
#[test]
fn a_reader_follows_the_chain_on_a_desk_and_on_a_phone() {
    let stage = Stage::open();
    stage.browser.inject(checks::WATCH);
    let market = a_market(&stage);
    an_authority(&stage);
    for (lane, size) in [(1, DESK), (2, PHONE)] {
        println!("{} px", size.0);
        stage.browser.resize(size);
        blocks_and_figures_advance(&stage);
        search_leads_to_what_matches(&stage);
        keys_and_colours_serve_the_reader(&stage);
        let id = a_transaction_becomes_final_on_its_page(&stage, lane);
        an_account_shows_its_balance_and_history(&stage, &id);
        an_account_shows_who_acts_and_who_pays_for_it(&stage);
        a_microgrid_shows_its_meters_and_their_readings_advance(&stage);
        what_was_traded_and_settled_is_told(&stage, &market);
        ages_are_by_the_chains_clock(&stage);
        a_halt_is_told_with_who_is_missing(&stage);
        every_page_is_sound(&stage, &id);
        hostile_text_stays_text(&stage);
        checks::assert_clean(&stage.browser, stage.origin());
        an_unknown_page_says_so(&stage);
    }
    checks::assert_checks_can_fail(&stage.browser);
    a_dead_node_is_told_and_its_return_is_seen(stage);
}

fn blocks_and_figures_advance(stage: &Stage) {
    let browser = &stage.browser;
    stage.visit("/");
    let top = "[data-section='latest blocks'] tbody tr td";
    let height = |text: &str| text.replace(',', "").parse::<u64>().ok();
    let first = browser.wait("a block", top, height);
    let finalized = browser.wait("the finalized height", "[data-figure=height]", height);
    // Two blocks more: the list goes on by itself, it is not only loaded.
    browser.wait("the list advances", top, |text| height(text).filter(|now| *now > first + 1));
    browser.wait("the height advances", "[data-figure=height]", |t| height(t).filter(|now| *now > finalized));
    browser.wait("blocks for each second", "[data-figure=blocks]", |text| {
        text.parse::<f64>().ok().filter(|rate| *rate > 0.0)
    });
    browser.wait("what flows", "[data-section='energy now'] .flow-note", |text| {
        (text.contains("Import") && text.contains(" W") || text.contains(" kW")).then_some(())
    });
    let title = stage.ready["chainId"].as_str().unwrap();
    assert_eq!(browser.text("h1").as_deref(), Some(title));
}

fn search_leads_to_what_matches(stage: &Stage) {
    let browser = &stage.browser;
    let alice = stage.address("alice").to_string();
    let grid = stage.microgrid();
    let meter = stage.ready["meters"][0]["address"].as_str().unwrap().to_owned();
    let hash = curl_ok(stage.rpc(), "chain_getBlock", json!({ "height": "2" }))["hash"].clone();
    let table = [
        ("3".to_owned(), "/block/3".to_owned()),
        (hash.as_str().unwrap().to_owned(), "/block/2".to_owned()),
        (alice.clone(), format!("/account/{alice}")),
        (meter.clone(), format!("/meter/{meter}")),
        (grid.clone(), format!("/microgrid/{grid}")),
        ("wat".to_owned(), "/asset/0".to_owned()),
    ];
    for (text, want) in table {
        browser.write("#search", &format!("{text}\u{e007}"));
        until(&format!("{text} leads to {want}"), PATIENCE, || {
            (browser.run("return location.pathname", &[]) == want.as_str()).then_some(())
        });
        stage.settled(&want);
    }
    browser.write("#search", "999999999999\u{e007}");
    browser.wait("no match is told", "#search-said", |text| text.contains("Nothing").then_some(()));
}

/// Goal: the page can be used without a mouse, and in the colours that the reader wants.
fn keys_and_colours_serve_the_reader(stage: &Stage) {
    let browser = &stage.browser;
    stage.visit("/blocks");
    stage.settled("the blocks");
    let focus = |what: &str| browser.run("return document.activeElement.matches(arguments[0])", &[what]);
    browser.press("\u{e004}");
    assert_eq!(focus("a.skip"), true, "the first stop skips the header");
    browser.press("\u{e007}");
    browser.press("\u{e004}\u{e007}");
    until("the first link of the page is followed", PATIENCE, || {
        browser.run("return location.pathname.startsWith('/block/')", &[]).as_bool().filter(|there| *there)
    });
    stage.settled("the block");
    assert_eq!(focus("h1"), true, "a new page begins at its title");
    browser.press("/");
    assert_eq!(focus("#search"), true);
    let ground = || browser.run("return getComputedStyle(document.body).backgroundColor", &[]);
    let (mut seen, before) = (Vec::new(), ground());
    for _ in 0..3 {
        browser.click("#theme");
        seen.push(ground());
    }
    assert!(seen[0] != seen[1] && seen[2] == before, "light, dark, the system's: {before} {seen:?}");
}

/// The page is there before the transaction: first unknown, then pending behind a gap of nonces, then final.
fn a_transaction_becomes_final_on_its_page(stage: &Stage, lane: u16) -> String {
    let browser = &stage.browser;
    let mut alice = Wallet::open(&stage.net(), "alice", lane);
    let carol = stage.address("carol");
    let expires = number(&curl_ok(stage.rpc(), "chain_status", json!({}))["timeMs"]) + 24 * 3_600_000;
    let first = alice.transfer_until(stage.chain(), carol, PAID, expires);
    let second = alice.transfer_until(stage.chain(), carol, PAID, expires);
    let submit = |tx| curl_ok(stage.rpc(), "tx_submit", json!({ "txHex": chain::tx_hex(tx) }));
    submit(&second);
    let id = second.body().id().to_string();
    stage.visit(&format!("/tx/{id}"));
    let state = ".tx-state .badge[data-state]";
    browser.wait("pending is shown", state, |text| (text == "pending").then_some(()));
    browser.run("window.unmoved = true", &[]);
    submit(&first);
    browser.wait("final is shown", state, |text| (text == "finalized").then_some(()));
    assert_eq!(browser.run("return window.unmoved", &[]), true, "the page changed by itself");
    let calls = browser.text("[data-section=calls]").unwrap();
    assert!(calls.contains("token.transfer") && calls.contains(&carol.to_string()), "{calls}");
    browser.wait("the payment among the events", ".events [data-type=posted] .amount", |text| {
        (text == "1.25 WAT").then_some(())
    });
    id
}

fn an_account_shows_its_balance_and_history(stage: &Stage, id: &str) {
    let browser = &stage.browser;
    let carol = stage.address("carol").to_string();
    stage.visit(&format!("/account/{carol}"));
    stage.settled("the account");
    // Settlement moves it now and then.
    until("the balance is right", PATIENCE, || {
        let account = curl_ok(stage.rpc(), "account_get", json!({ "address": carol }));
        let units = account["balances"][0]["available"].as_str().unwrap();
        let row = browser.text("[data-section=balances] tbody tr").unwrap();
        (row.contains("WAT") && row.contains(&decimal(units))).then_some(())
    });
    assert!(browser.count(&format!("[data-section=history] tr[data-key='{id}']")) == 1);
    browser.click("[data-section=history] .tools button");
    let file = stage.dir.path().join("downloads").join(format!("{}-history.csv", &carol[..16]));
    let csv = until("the file is saved", PATIENCE, || std::fs::read_to_string(&file).ok());
    let mut lines = csv.lines();
    assert_eq!(lines.next(), Some("height,index,id,time,sender,calls,code,fee"));
    assert!(lines.any(|line| line.contains(id) && line.contains(",token.transfer,success,")), "{csv}");
    std::fs::remove_file(file).unwrap();
}

/// Base units of the native asset with six places, at least two of them shown, thousands apart.
fn decimal(units: &str) -> String {
    let digits = format!("{units:0>7}");
    let (whole, part) = digits.split_at(digits.len() - 6);
    let part = format!("{:0<2}", part.trim_end_matches('0'));
    let grouped: Vec<&str> =
        whole.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).unwrap()).collect();
    format!("{}.{part}", grouped.join(","))
}

fn a_microgrid_shows_its_meters_and_their_readings_advance(stage: &Stage) {
    let browser = &stage.browser;
    stage.visit(&format!("/microgrid/{}", stage.microgrid()));
    stage.settled("the microgrid");
    assert_eq!(browser.count("[data-section=meters] tbody tr"), METERS);
    for meter in stage.ready["meters"].as_array().unwrap() {
        let row = format!("[data-section=meters] tr[data-key='{}']", meter["address"].as_str().unwrap());
        assert_eq!(browser.count(&row), 1, "{meter}");
    }
    let sequence = "[data-section=meters] tbody tr td:nth-child(6)";
    let first = browser.wait("a reading", sequence, |text| text.replace(',', "").parse::<u64>().ok());
    browser.wait("the next reading", sequence, |text| {
        text.replace(',', "").parse::<u64>().ok().filter(|now| *now > first)
    });
    for part in ["terms", "interval", "members", "deals", "disputes", "intervals so far"] {
        assert_eq!(browser.count(&format!("[data-section='{part}']")), 1, "{part}");
    }
    let id = stage.ready["meters"][0]["address"].as_str().unwrap();
    let known = curl_ok(stage.rpc(), "energy_getMeter", json!({ "address": id }));
    assert!(number(&known["seq"]) > 0, "{known}");
}

/// A command of a member's, which takes effect.
fn send(stage: &Stage, who: &str, words: &[&str]) -> Value {
    let key = stage.net().join(format!("{who}.key")).display().to_string();
    let signer = ["--secret-key-file", &key, "--rpc", stage.rpc()];
    let done = process::wattle_json(words.iter().copied().chain(signer));
    assert_eq!(done["receipt"]["code"], "success", "{words:?}: {done}");
    done
}

/// One member may act on another's behalf, who pays for it as well.
fn an_authority(stage: &Stage) {
    let bob = stage.address("bob").to_string();
    let terms = ["--to", &bob, "--total", "2", "--expires-in", "2592000"];
    let grant = ["grant", "add", "--asset", "WAT", "--call", "token.transfer"];
    send(stage, "alice", &[&grant[..], &terms[..]].concat());
    send(stage, "alice", &[&["grant", "sponsor"][..], &terms[..]].concat());
}

/// Who acts for an account, and who pays for it, is told on either side.
fn an_account_shows_who_acts_and_who_pays_for_it(stage: &Stage) {
    let browser = &stage.browser;
    let [alice, bob] = ["alice", "bob"].map(|name| stage.address(name).to_string());
    let table = [
        (&alice, &bob, "may act on its behalf", "for token.transfer, up to 2.00 WAT in all"),
        (&alice, &bob, "pays for", "up to 2.00 WAT in all"),
        (&bob, &alice, "acts on behalf of others", "for token.transfer, up to 2.00 WAT in all"),
        (&bob, &alice, "is paid for by", "up to 2.00 WAT in all"),
    ];
    for (account, other, part, limits) in table {
        stage.visit(&format!("/account/{account}"));
        let row = format!("[data-section='{part}'] tbody tr");
        browser.wait(part, &row, |text| text.contains(limits).then_some(()));
        assert_eq!(browser.count(&format!("{row} a[href='/account/{other}']")), 1, "{part}");
        stage.settled(part);
        checks::assert_sound(browser, part);
    }
}

/// The test's own trades.
struct Market {
    /// Block of a trade.
    height: String,
    deal: String,
}

/// Two members trade the energy of an interval, which is settled; a third asks for a deal.
fn a_market(stage: &Stage) -> Market {
    let grid = stage.microgrid();
    let send = |who: &str, words: &[&str]| send(stage, who, &[&["energy"][..], words].concat());
    let info = || curl_ok(stage.rpc(), "energy_getMicrogrid", json!({ "id": grid }));
    let state = |one: &Value| curl_ok(stage.rpc(), "energy_getInterval", one.clone())["state"].clone();
    // A market that is not cleared in time, where the machine is busy, trades nothing: then for a later interval.
    let traded = || {
        let interval = (number(&info()["current"]) + 8).to_string();
        for (who, side, price) in [("alice", "buy", "0.2"), ("bob", "sell", "0.1")] {
            let words =
                ["order", "--microgrid", &grid, "--interval", &interval, "--side", side, "--price", price];
            send(who, &[&words[..], &["--wh", "50"]].concat());
        }
        let one = json!({ "microgrid": grid, "interval": interval });
        until("the market is cleared", PATIENCE, || {
            (!["open", "clearing"].contains(&state(&one).as_str().unwrap())).then_some(())
        });
        let trades = curl_ok(stage.rpc(), "market_listTrades", one.clone());
        Some((trades["items"][0]["height"].as_str()?.to_owned(), one))
    };
    let expires =
        (number(&curl_ok(stage.rpc(), "chain_status", json!({}))["timeMs"]) + 86_000_000).to_string();
    let words =
        ["deal", "request", "--microgrid", &grid, "--side", "buy", "--wh-max", "900", "--price", "0.15"];
    let done = send("carol", &[&words[..], &["--expires", &expires]].concat());
    let events = done["receipt"]["events"].as_array().unwrap();
    let asked = events.iter().find(|event| event["type"] == "deal_requested").unwrap();
    let deal = asked["deal"].as_str().unwrap().to_owned();
    let (height, one) = (0..5).find_map(|_| traded()).expect("the orders are matched");
    until("the interval is settled", PATIENCE, || {
        ["settled", "final"].contains(&state(&one).as_str().unwrap()).then_some(())
    });
    Market { height, deal }
}

/// A block's own events, an account's bill and a microgrid's market are sentences with links and money.
fn what_was_traded_and_settled_is_told(stage: &Stage, market: &Market) {
    let browser = &stage.browser;
    stage.visit(&format!("/block/{}", market.height));
    stage.settled("the block of a trade");
    browser.wait("the trade", "[data-section='block events'] [data-type=traded]", |text| {
        (text.contains("buys 0.050 kWh from") && text.contains("0.20 WAT a kWh: 0.01 WAT")).then_some(())
    });
    stage.visit(&format!("/microgrid/{}", stage.microgrid()));
    stage.settled("the market");
    let deal = format!("[data-section=deals] tr[data-key='{}']", market.deal);
    browser.wait("the deal", &deal, |text| {
        (text.contains("0.900 kWh") && text.contains("0.15 WAT")).then_some(())
    });
    browser.wait(
        "a settled interval",
        "[data-section='intervals so far'] [data-type=interval_settled]",
        |text| text.contains("settled for").then_some(()),
    );
    assert!(browser.count("[data-section=members] tbody tr") > 3);
    stage.visit(&format!("/account/{}", stage.address("alice")));
    browser.wait("the tab", "[data-section=energy] .facts", |text| {
        (text.contains("Owes") && text.contains("by settlement")).then_some(())
    });
    stage.settled("the account of a member");
    browser.wait("the bill", "[data-section=energy] [data-type=energy_settled]", |text| {
        (text.contains("charged") && text.contains(" WAT")).then_some(())
    });
    // No event anywhere is shown as a heap of fields.
    assert_eq!(browser.count("li .what .muted + .mono"), 0);
}

/// Goal: on a chain whose clock is hours apart from this machine's and runs 240 times as fast, what has just happened
/// has just happened.
fn ages_are_by_the_chains_clock(stage: &Stage) {
    let browser = &stage.browser;
    stage.visit("/");
    stage.settled("the overview");
    let age = "[data-section='latest blocks'] tbody wattle-time";
    browser.wait("the newest block's age", age, |text| {
        let minutes = text.strip_suffix(" min ago").and_then(|text| text.parse::<u64>().ok());
        (text == "just now" || text.ends_with(" s ago") || minutes.is_some_and(|n| n < 60)).then_some(())
    });
    // The rule by itself, on a copy of the module that hears nothing of this chain.
    browser.run("import('/js/format.js?clock').then((module) => (window.clock = module)); return null", &[]);
    until("the module is there", PATIENCE, || {
        browser.run("return typeof window.clock === 'object'", &[]).as_bool().filter(|there| *there)
    });
    let script = r#"
        const { chainTime, chainNow, relative } = window.clock;
        const told = [];
        const block = (height, timeMs, at, syncing = false) => chainTime({ height: String(height), timeMs: String(timeMs), syncing }, at);
        const age = (ms, at) => told.push(relative(ms, chainNow(at)));
        block(2, 1e12, 2e12); age(1e12, 2e12 + 500);                       // one old block: the chain may stand
        block(3, 1e12 + 1000, 2e12 + 1000); age(1e12 + 1000, 2e12 + 1000); // a new one as old: another clock
        block(4, 1e12 + 241e3, 2e12 + 2000); age(1e12 + 1000, 2e12 + 2500); // 240 times as fast
        age(1e12 + 241e3, 2e12 + 602e3);                                   // it stands: no faster than time
        block(5, 3e12, 2e12 + 603e3, true); age(1e12, 1e12 + 4000);        // catching up: the machine's time
        block(6, 2e12 + 604e3, 2e12 + 604e3); age(2e12 + 604e3, 2e12 + 614e3); // as on every other chain
        return told.join("|");
    "#;
    let want = "11574 d ago|just now|6 min ago|18 min ago|4 s ago|10 s ago";
    assert_eq!(browser.run(script, &[]), want);
}

/// Goal: what a node that hears no quorum says is in the banner at once, and gone with the halt.
fn a_halt_is_told_with_who_is_missing(stage: &Stage) {
    let browser = &stage.browser;
    browser.run("import('/js/rpc.js').then((module) => (window.live = module.live)); return null", &[]);
    until("the module is there", PATIENCE, || {
        browser.run("return Boolean(window.live?.status)", &[]).as_bool().filter(|there| *there)
    });
    let script = r#"
        const banner = document.querySelector("wattle-banner");
        const before = window.live.status;
        const validatorsMissing = Array.from({ length: 10 }, (_, i) => String(i).repeat(64));
        const shown = (liveness) => {
            window.live.status = { ...before, syncing: false, liveness };
            banner.draw();
            return banner.textContent;
        };
        const told = [
            shown({ quorum: false, missingPower: 2, totalPower: 4, validatorsMissing: validatorsMissing.slice(0, 2) }),
            shown({ quorum: false, missingPower: 10, totalPower: 12, validatorsMissing }),
            shown({ quorum: true, missingPower: 1, totalPower: 4, validatorsMissing: validatorsMissing.slice(0, 1) }),
        ];
        window.live.status = before;
        return told;
    "#;
    let told = browser.run(script, &[]);
    assert_eq!(
        told[0],
        "No block becomes final: validators with a voting power of 2 out of 4 are missing: 00000000…000000, 11111111…111111."
    );
    assert!(told[1].as_str().unwrap().ends_with("77777777…777777 and 2 more."), "{told}");
    assert_eq!(told[2], "", "one of four is no halt");
}

/// Each page, opened by its address: it loads, is made of landmarks and names, and does not scroll sideways.
fn every_page_is_sound(stage: &Stage, id: &str) {
    let alice = stage.address("alice");
    let meter = stage.ready["meters"][0]["address"].as_str().unwrap();
    let pages = [
        "/".to_owned(),
        "/blocks".to_owned(),
        "/block/1".to_owned(),
        "/block/0".to_owned(),
        format!("/tx/{id}"),
        format!("/account/{alice}"),
        format!("/meter/{meter}"),
        "/microgrids".to_owned(),
        format!("/microgrid/{}", stage.microgrid()),
        "/validators".to_owned(),
        "/asset/0".to_owned(),
    ];
    for page in pages {
        stage.visit(&page);
        stage.settled(&page);
        checks::assert_sound(&stage.browser, &page);
    }
    // Where all money is, beside what was issued.
    assert!(stage.browser.text("main").unwrap().contains("Reserved by holds"));
}

/// A node that lies about a symbol, and an address bar with markup in it.
fn hostile_text_stays_text(stage: &Stage) {
    let browser = &stage.browser;
    let injected = browser.inject(checks::HOSTILE_NODE);
    stage.visit(&format!("/account/{}", stage.address("alice")));
    stage.settled("the account of a lying node");
    let shown = browser.text("[data-section=balances] tbody td").unwrap();
    assert_eq!(shown, checks::HOSTILE);
    stage.visit("/asset/0");
    stage.settled("the asset of a lying node");
    assert!(browser.text("h1").unwrap().contains(checks::HOSTILE));
    browser.withdraw(&injected);
    stage.visit("/tx/%3Cimg%20src%3Dx%20onerror%3D%22window.pwned%3D1%22%3E");
    browser
        .wait("that is no transaction", ".failure", |text| text.contains("not a valid name").then_some(()));
    assert!(browser.text("h1 + .heading-id").unwrap().contains("<img src=x onerror="));
    browser.write("#search", &format!("{}\u{e007}", checks::HOSTILE));
    browser.wait("no match", "#search-said", |text| text.contains("<img src=x").then_some(()));
    assert_eq!(browser.count("img, main script, main iframe"), 0);
    assert!(browser.run("return window.pwned ?? null", &[]).is_null());
}

/// The one thing on the console is the status of the answer.
fn an_unknown_page_says_so(stage: &Stage) {
    stage.visit("/nothing");
    stage.settled("the page that is not there");
    assert_eq!(stage.browser.text("h1").as_deref(), Some("Not found"));
    let told = checks::complaints(&stage.browser);
    assert!(told.len() == 1 && told[0].contains("/nothing") && told[0].contains("404"), "{told:?}");
}

fn a_dead_node_is_told_and_its_return_is_seen(stage: Stage) {
    stage.visit("/");
    stage.settled("the overview");
    let Stage { browser, devnet, port, dir, ready } = stage;
    assert_eq!(browser.text("wattle-banner").as_deref(), Some(""));
    devnet.kill();
    browser.wait("the loss is told", "wattle-banner", |text| text.contains("Reconnecting").then_some(()));
    let height = |text: &str| text.replace(',', "").parse::<u64>().ok();
    let before = browser.wait("the last height stays", "[data-figure=height]", height);
    browser.click("nav a[href='/blocks']");
    browser
        .wait("a page that cannot load", ".failure", |text| text.contains("does not answer").then_some(()));
    let (again, resumed) = start_devnet(dir.path(), &port, &[]);
    assert_eq!(resumed["explorer"], ready["explorer"]);
    browser.wait("the banner goes", "wattle-banner", |text| text.is_empty().then_some(()));
    browser.wait("the page loads by itself", "[data-section='finalized blocks'] tbody td", height);
    browser.click("nav a[href='/']");
    browser.wait("the height advances", "[data-figure=height]", |t| height(t).filter(|now| *now > before));
    again.stop();
}
