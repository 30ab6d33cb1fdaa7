//! `wattle config`.

use crate::home::Home;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::path::PathBuf;
use wattle_cli::{CliError, CliResult, Ctx, Report};

/// Options of `wattle config`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Example:\n  wattle config show --home ~/village/v0")]
pub struct ConfigArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Clone, Debug, Subcommand)]
enum What {
    /// Check a node's config.toml, and print it with every setting and its default, as this version would write it.
    Show(ShowArgs),
}

#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Examples:\n  wattle config show --home ~/village/v0\n  wattle config show --home ~/village/v0 --json"
)]
struct ShowArgs {
    /// The node's directory.
    #[arg(long, env = "WATTLE_HOME", value_name = "DIR")]
    home: PathBuf,
}

/// Shows what a node would run with.
///
/// # Errors
/// `node_directory` with the setting that is not allowed.
pub(super) fn run(args: ConfigArgs, _ctx: &Ctx) -> CliResult {
    let What::Show(args) = args.what;
    let config = Home::new(args.home).config().map_err(|e| CliError::failed("node_directory", &e))?;
    let failed = |e: toml::ser::Error| CliError::failed("node_directory", &e);
    let (sections, text) = (config.settings().map_err(failed)?, config.to_toml().map_err(failed)?);
    let settings = sections.iter().flat_map(|section| {
        section.settings.iter().map(|setting| {
            json!({
                "name": section.name_of(setting),
                "value": setting.value,
                "default": setting.default,
                "isDefault": !setting.is_set(),
                "allowed": setting.allowed,
            })
        })
    });
    Ok(Report::new(json!({ "settings": settings.collect::<Vec<Value>>() }), text))
}
