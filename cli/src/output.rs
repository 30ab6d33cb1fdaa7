//! The output of commands: one JSON document, or text for people, on standard output; everything else goes to
//! standard error.
//!
//! Text comes from the chain as well, where anybody can write: control characters never reach the terminal.

use super::CliResult;
use clap::Args;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::io::Write;
use std::path::{Path, PathBuf};
use wattle_host::{FileError, file};
use wattle_primitives::TimeMs;

/// The result of a command.
#[derive(Debug)]
pub enum Report {
    /// JSON for `--json`, and text for people.
    Both {
        /// The document.
        json: Value,
        /// The text; a final newline is added when it has none.
        text: String,
    },
    /// The command has printed what there is to say.
    Printed,
}

impl Report {
    /// A result whose text is made of the JSON.
    #[must_use]
    pub fn of(json: Value) -> Self {
        Self::Both { text: render(&json), json }
    }

    /// A result with its own text.
    #[must_use]
    pub fn new(json: Value, text: impl Into<String>) -> Self {
        Self::Both { json, text: text.into() }
    }

    /// Prints it on standard output.
    ///
    /// # Errors
    /// When standard output cannot be written. A closed pipe is no error: the reader had enough.
    pub fn print(&self, json: bool) -> std::io::Result<()> {
        let Some(printed) = self.printed(json) else { return Ok(()) };
        let mut out = std::io::stdout().lock();
        match out.write_all(printed.as_bytes()).and_then(|()| out.flush()) {
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
            result => result,
        }
    }

    fn printed(&self, json: bool) -> Option<String> {
        let Self::Both { json: document, text } = self else { return None };
        let line = if json { document.to_string() } else { text.trim_end_matches('\n').to_string() };
        Some(line + "\n")
    }
}

/// Where a result goes.
#[derive(Clone, Debug, Args)]
pub(crate) struct OutArgs {
    /// File to write to, mode 0600, instead of standard output; one that exists is replaced once all is there.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl OutArgs {
    /// Writes to the file, if one is named, and returns its name.
    ///
    /// # Errors
    /// [`FileError`] when it cannot be written.
    pub(crate) fn write(&self, text: &str) -> Result<Option<String>, FileError> {
        self.out.as_deref().map(|path| replace(path, text)).transpose()
    }

    /// Writes what would be printed to the file, if one is named, and reports that instead.
    ///
    /// # Errors
    /// As [`OutArgs::write`].
    pub(crate) fn take(&self, report: Report, json: bool) -> CliResult {
        let Some(path) = &self.out else { return Ok(report) };
        let path = replace(path, &report.printed(json).unwrap_or_default())?;
        Ok(Report::new(json!({ "file": path }), format!("written to {path}")))
    }
}

/// The file is the old one or the new one, never a part of it.
fn replace(path: &Path, text: &str) -> Result<String, FileError> {
    file::replace(path, text.as_bytes(), file::PRIVATE)?;
    Ok(path.display().to_string())
}

/// A note for people on standard error, which a script can ignore.
pub fn note(text: &str) {
    // Nobody to tell when standard error is closed.
    let _ = writeln!(std::io::stderr(), "{}", clean(text));
}

/// Text without control characters: what comes from the chain or a node must not steer the terminal.
#[must_use]
pub fn clean(text: &str) -> String {
    let hostile = |c: char| {
        (c.is_control() && c != '\n') || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|c| if hostile(c) { '\u{fffd}' } else { c }).collect()
}

/// A time as `2026-01-31T12:00:00Z`; one that no calendar has, in ms since 1970.
#[must_use]
pub fn time(at: TimeMs) -> String {
    let found = i64::try_from(at.0 / 1000).ok().and_then(|s| Timestamp::from_second(s).ok());
    found.map_or_else(|| format!("{at} ms"), |time| time.to_string())
}

/// The JSON of a value that has one, as all of the interface do.
#[must_use]
pub fn to_json<T: Serialize>(value: &T) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

/// Any JSON as text: fields in aligned lines, lists of objects as tables.
#[must_use]
pub fn render(value: &Value) -> String {
    match value {
        Value::Object(map) => fields(map),
        Value::Array(items) => table(items),
        other => cell(other),
    }
}

fn fields(map: &Map<String, Value>) -> String {
    let mut found = (Vec::new(), Vec::new());
    flatten("", map, &mut found);
    let (lines, tables) = found;
    let width = lines.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for (name, value) in lines {
        text.push_str(&format!("{name:<width$}  {value}\n"));
    }
    for (name, items) in tables {
        if items.is_empty() {
            text.push_str(&format!("{name:<width$}  none\n"));
        } else {
            text.push_str(&format!("\n{name}\n{}", table(items)));
        }
    }
    text
}

type Lines<'a> = (Vec<(String, String)>, Vec<(String, &'a [Value])>);

fn flatten<'a>(prefix: &str, map: &'a Map<String, Value>, lines: &mut Lines<'a>) {
    for (name, value) in map {
        let name = if prefix.is_empty() { clean(name) } else { format!("{prefix}.{}", clean(name)) };
        match value {
            Value::Object(inner) => flatten(&name, inner, lines),
            Value::Array(items) if items.is_empty() || items.iter().any(Value::is_object) => {
                lines.1.push((name, items));
            }
            other => lines.0.push((name, cell(other))),
        }
    }
}

/// Rows under the names of their fields, columns in the order in which the fields first appear.
#[must_use]
pub fn table(items: &[Value]) -> String {
    let mut columns: Vec<&str> = Vec::new();
    for name in items.iter().filter_map(Value::as_object).flat_map(Map::keys) {
        if !columns.contains(&name.as_str()) {
            columns.push(name);
        }
    }
    let rows = items.iter().map(|item| match item.as_object() {
        Some(map) => columns.iter().map(|c| map.get(*c).map_or_else(String::new, cell)).collect(),
        None => vec![cell(item)],
    });
    aligned(&columns, rows.collect())
}

/// Rows of texts under their columns' names, in this order; without names there is no head.
#[must_use]
pub fn aligned(columns: &[&str], rows: Vec<Vec<String>>) -> String {
    let head = columns.iter().map(|c| clean(c)).collect::<Vec<_>>();
    let rows: Vec<Vec<String>> =
        if columns.is_empty() { rows } else { std::iter::once(head).chain(rows).collect() };
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width =
        |at: usize| rows.iter().filter_map(|r| r.get(at)).map(|c| c.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..count).map(width).collect();
    let mut text = String::new();
    for row in &rows {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

fn cell(value: &Value) -> String {
    match value {
        Value::String(text) => clean(text).replace('\n', " "),
        Value::Null => "-".into(),
        other => clean(&other.to_string()),
    }
}

#[cfg(test)]
#[path = "output_tests.rs"]
mod tests;
