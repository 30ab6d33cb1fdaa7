//! A new checkpoint for a light node, running or not.

use crate::common::{Light, checkpoint, simulator, until};
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
    light.stop();
}
