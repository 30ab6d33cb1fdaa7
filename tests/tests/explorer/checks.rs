//! Rules for every page, and the scripts that look after them.

use crate::browser::Browser;
use crate::process::{PATIENCE, until};
use serde_json::{Value, json};

/// Notes in each page what breaks its policy.
pub(crate) const WATCH: &str = "window.broken = []; \
    addEventListener('securitypolicyviolation', (e) => window.broken.push(`${e.violatedDirective} ${e.blockedURI}`));";

/// A symbol that would run if it became markup.
pub(crate) const HOSTILE: &str = "<img src=x onerror=\"window.pwned=1\"><b>&amp;";

/// The node as one that lies: every symbol in its answers is [`HOSTILE`].
pub(crate) const HOSTILE_NODE: &str = r#"
    const asked = window.fetch;
    window.fetch = async (...args) => {
        const text = await (await asked(...args)).text();
        const lie = JSON.stringify('<img src=x onerror="window.pwned=1"><b>&amp;');
        return new Response(text.replaceAll('"symbol":"WAT"', () => `"symbol":${lie}`));
    };"#;

/// Faults of the page that is open, as sentences.
const FAULTS: &str = r#"
    const faults = [], all = (css) => [...document.querySelectorAll(css)];
    const root = document.documentElement, ids = all("[id]").map((e) => e.id);
    const shown = (e) => e.getClientRects().length > 0;
    const named = (e) => (e.getAttribute("aria-label") || e.textContent || e.title || "").trim() !== "";
    if (root.scrollWidth > root.clientWidth) faults.push(`scrolls sideways: ${root.scrollWidth} of ${root.clientWidth}`);
    for (const e of all("main *")) {
        const right = e.getBoundingClientRect().right;
        if (shown(e) && right > root.clientWidth + 1 && !e.closest(".chart, .grids, pre"))
            faults.push(`<${e.tagName} class="${e.getAttribute("class")}"> reaches ${right}`);
    }
    for (const css of ["h1", "main", "header", "footer", "nav[aria-label=Main]"])
        if (all(css).length !== 1) faults.push(`${all(css).length} of ${css}`);
    for (const e of all("button, a[href]")) if (shown(e) && !named(e)) faults.push(`without a name: ${e.outerHTML.slice(0, 80)}`);
    for (const e of all("input")) if (!e.getAttribute("aria-label")) faults.push("an input without a label");
    for (const e of all("table")) if (!e.getAttribute("aria-label")) faults.push("a table without a label");
    if (new Set(ids).size !== ids.length) faults.push(`an id twice: ${ids}`);
    if (document.title === "" || root.lang !== "en") faults.push("no title or no language");
    if (all("[style]").length > 0) faults.push("a style attribute");
    return faults;"#;

/// Asserts that the open page is well made.
pub(crate) fn assert_sound(browser: &Browser, page: &str) {
    assert_eq!(browser.run(FAULTS, &[]), json!([]), "{page}");
    assert_eq!(browser.run("return window.broken", &[]), json!([]), "{page}: the policy was broken");
}

/// Asserts that since the last look the browser had nothing to complain about and asked nobody but the node.
pub(crate) fn assert_clean(browser: &Browser, origin: &str) {
    assert_eq!(complaints(browser), Vec::<String>::new());
    let asked = requests(browser);
    let sockets = origin.replacen("http", "ws", 1);
    assert!(asked.contains(&format!("{sockets}/rpc")), "no WebSocket: {asked:?}");
    assert!(asked.contains(&format!("{origin}/js/app.js")), "{asked:?}");
    let own = |url: &str| {
        [origin, &sockets].iter().any(|own| url.strip_prefix(*own).is_some_and(|rest| rest.starts_with('/')))
    };
    let blob = format!("blob:{origin}/");
    for url in &asked {
        assert!(own(url) || url.starts_with(&blob), "asked elsewhere: {url}");
    }
}

/// Warnings and errors on the console, those of the policy among them.
pub(crate) fn complaints(browser: &Browser) -> Vec<String> {
    let bad = |entry: &Value| matches!(entry["level"].as_str(), Some("SEVERE" | "WARNING"));
    browser.log("browser").into_iter().filter(bad).map(|entry| entry["message"].to_string()).collect()
}

/// All addresses that were asked since the last look.
fn requests(browser: &Browser) -> Vec<String> {
    let log = browser.log("performance");
    let url = |entry: &Value| {
        let entry: Value = serde_json::from_str(entry["message"].as_str()?).ok()?;
        let message = &entry["message"];
        let found = match message["method"].as_str()? {
            "Network.requestWillBeSent" => &message["params"]["request"]["url"],
            "Network.webSocketCreated" => &message["params"]["url"],
            _ => return None,
        };
        found.as_str().map(str::to_owned)
    };
    log.iter().filter_map(url).collect()
}

/// Asserts that what the checks look for would be found: markup from text, a script and a request from elsewhere.
pub(crate) fn assert_checks_can_fail(browser: &Browser) {
    let markup = "try { document.body.innerHTML = '<b>'; return 'taken' } catch (e) { return e.name }";
    assert_eq!(browser.run(markup, &[]), "TypeError", "markup can be made of text");
    let elsewhere = "const i = new Image(); i.src = 'http://192.0.2.1/x.png'; document.body.append(i); \
        document.body.setAttribute('style', 'width: 3000px'); document.body.style.width = '3000px'";
    browser.run(elsewhere, &[]);
    until("the breach is noted", PATIENCE, || {
        browser.run("return window.broken", &[]).to_string().contains("img-src").then_some(())
    });
    assert!(browser.run(FAULTS, &[]).to_string().contains("scrolls sideways"));
    assert!(complaints(browser).iter().any(|text| text.contains("Content Security Policy")));
    let requested =
        "const link = document.createElement('a'); link.href = 'http://127.0.0.1:1/'; link.click()";
    browser.run(requested, &[]);
    until("the request is noted", PATIENCE, || {
        requests(browser).iter().any(|url| url == "http://127.0.0.1:1/").then_some(())
    });
}
