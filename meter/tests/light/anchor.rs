//! A new checkpoint for a light node, running or not.

use crate::common::{Light, checkpoint, simulator, until};
use std::io::Write;
use std::process::{Command, Stdio};
use wattle_primitives::Hash;

fn height(light: &Light) -> Option<u64> {
    light.saved()?.trusted.map(|trusted| trusted.height.0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_light_node_takes_it_and_a_stopped_one_at_its_start() {
    let house = simulator(11).await;
    let mut light = Light::new(&[("house", house.address(), true)], "", "");
    let give = |light: &Light, height: u64| {
        let path = light.path("new.json");
        std::fs::write(&path, checkpoint(height).to_json()).unwrap();
        light.ask(&["anchor", "--checkpoint", &path.display().to_string()])
    };
    // The trust period of the first one is over: it began years ago.
    light.start();
    let expired = |status: &serde_json::Value| status["chain"]["reason"] == "trust_expired";
    let status = until("the doubt is shown", || light.live().filter(expired));
    assert_eq!(status["chain"]["believing"], false);
    let answer = give(&light, 1000).unwrap();
    assert_eq!(answer["taken"], true, "{answer}");
    assert_eq!(height(&light), Some(1000));
    let chain = until("the doubt ends", || light.live().filter(|s| s["chain"]["reason"] != "trust_expired"));
    assert_eq!(chain["chain"]["reason"], "nothing_verified", "nobody has proven anything yet");

    let refused = give(&light, 999).unwrap_err();
    assert!(refused.contains("below the trusted") && refused.contains("light_anchor"), "{refused}");
    let mut foreign = checkpoint(2000);
    (foreign.genesis_hash, foreign.header.chain) = (Hash([9; 32]), Hash([9; 32]));
    let path = light.path("foreign.json");
    std::fs::write(&path, foreign.to_json()).unwrap();
    let refused = light.ask(&["anchor", "--checkpoint", &path.display().to_string()]).unwrap_err();
    assert!(refused.contains("is of chain"), "{refused}");
    let mut stale = checkpoint(2000);
    stale.header.time_ms = checkpoint(0).header.time_ms;
    std::fs::write(&path, stale.to_json()).unwrap();
    let refused = light.ask(&["anchor", "--checkpoint", &path.display().to_string()]).unwrap_err();
    assert!(refused.contains("trust period ended"), "{refused}");

    light.stop();
    let answer = give(&light, 3000).unwrap();
    assert_eq!((&answer["taken"], height(&light)), (&false.into(), Some(1000)));
    light.start();
    until("it is taken at the start", || height(&light).filter(|height| *height == 3000));
    let answer = paste(&light, &checkpoint(4000).to_json()).unwrap();
    assert_eq!((&answer["taken"], height(&light)), (&true.into(), Some(4000)), "a pasted one");
    for text in ["", "{}", &checkpoint(5000).to_json()[1..]] {
        let refused = paste(&light, text).unwrap_err();
        assert!(refused.contains("light_anchor"), "{refused}");
    }
    // A checkpoint that is too old by this computer's clock is taken on the operator's word.
    let mut old = checkpoint(5000);
    old.header.time_ms = checkpoint(0).header.time_ms;
    std::fs::write(light.path("old.json"), old.to_json()).unwrap();
    let path = light.path("old.json").display().to_string();
    assert!(light.ask(&["anchor", "--checkpoint", &path]).unwrap_err().contains("--clock-is-wrong"));
    let answer = light.ask(&["anchor", "--checkpoint", &path, "--clock-is-wrong"]).unwrap();
    assert_eq!((&answer["taken"], height(&light)), (&true.into(), Some(5000)));
    let status = until("it is believed", || light.live().filter(|s| s["chain"]["height"] == "5000"));
    assert_eq!(status["chain"]["reason"], "nothing_verified", "{status}");
    light.stop();
}

/// Gives a checkpoint by standard input.
fn paste(light: &Light, text: &str) -> Result<serde_json::Value, String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wattle-light"));
    command.args(["anchor", "--paste", "--json", "--config"]).arg(light.config());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let answer = String::from_utf8(output.stdout).unwrap();
    if output.status.success() { Ok(serde_json::from_str(&answer).unwrap()) } else { Err(answer) }
}
