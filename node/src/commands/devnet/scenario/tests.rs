#![expect(clippy::unwrap_used, reason = "tests")]
use super::*;
use clap::Parser as _;

#[derive(clap::Parser)]
struct Line {
    #[command(flatten)]
    args: DevnetArgs,
}

/// Goal: what would only fail in the middle of the story is refused before it begins.
#[test]
fn a_story_is_not_begun_that_cannot_be_told() {
    let check = |options: &str| {
        let words = std::iter::once("devnet").chain(options.split_whitespace());
        check_options(&Line::try_parse_from(words).unwrap().args)
    };
    let story = |options: &str| check(&format!("--scenario day-in-the-life {options}"));
    for good in ["", "--validators 4 --meters 5", "--validators 7 --meters 12 --speed 60", "--speed 1200"] {
        assert!(story(good).is_ok(), "{good}");
    }
    for bad in ["--validators 3", "--meters 4", "--speed 59", "--speed 1201", "--exit-after 5"] {
        assert!(matches!(story(bad), Err(CliError::Usage { .. })), "{bad}");
        assert!(check(bad).is_ok(), "{bad} without a scenario");
    }
}
