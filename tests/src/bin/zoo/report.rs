//! The results as a table in Markdown.

use crate::suites::{How, Kill};
use crate::{seeds, suites};
use std::fmt::Write as _;
use wattle_tests::faults::Fault;

/// Survivors that are no gap in the tests, and why.
const EXPLAINED: &[(&str, &str)] = &[
    (
        "light-proof-of-old-state",
        "never reached: `Follower::reach` returns only when the answer's header is the head, or fails; this check \
         stands behind it, in case that changes",
    ),
    (
        "parts-of-another-block",
        "never reached: `Parts::push` has checked by then that what has come begins with the header that was asked \
         for (`parts-without-header`); this check stands behind it, in case that changes",
    ),
];

/// Most characters of a finding in the table.
const CELL_CHARS_MAX: usize = 110;

/// A fault and what noticed it.
pub(crate) struct Row {
    pub(crate) fault: Fault,
    pub(crate) suite: suites::Hunt,
    pub(crate) seeds: seeds::Hunt,
    pub(crate) seconds: f64,
}

/// The end that a fault came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Killed,
    /// Nothing noticed, which is right.
    Explained,
    /// Nothing noticed.
    Survived,
}

impl Row {
    pub(crate) fn verdict(&self) -> Verdict {
        match (&self.suite.kill, &self.seeds.kill) {
            (None, None) if explanation(&self.fault).is_some() => Verdict::Explained,
            (None, None) => Verdict::Survived,
            _ => Verdict::Killed,
        }
    }

    /// One line of the table.
    pub(crate) fn line(&self) -> String {
        let verdict = match self.verdict() {
            Verdict::Killed => "killed",
            Verdict::Explained => "explained",
            Verdict::Survived if self.suite.reached + self.seeds.reached == 0 => "**not reached**",
            Verdict::Survived => "**survived**",
        };
        let Self { fault, seconds, .. } = self;
        format!("| {} | {verdict} | {} | {} | {seconds:.0} |", fault.name, self.by_tests(), self.by_seeds())
    }

    fn by_tests(&self) -> String {
        let Some(Kill { suite, how }) = &self.suite.kill else { return unnoticed(self.suite.reached) };
        match how {
            How::Failed(tests) => {
                let first = tests.first().map_or("", String::as_str);
                let more = tests.len().saturating_sub(1);
                let more = if more > 0 { format!(" and {more} more") } else { String::new() };
                cell(&format!("{suite}: {first}{more}"))
            }
            How::Crashed(what) => cell(&format!("{suite} crashed: {what}")),
            How::Hung => format!("{suite} hung"),
        }
    }

    fn by_seeds(&self) -> String {
        let seeds::Hunt { reached, tried, kill } = &self.seeds;
        match kill {
            Some(what) => cell(what),
            None if *tried == 0 => "not run".to_owned(),
            None => format!("{} in {tried} seeds", unnoticed(*reached)),
        }
    }
}

fn unnoticed(reached: u64) -> String {
    if reached == 0 { "not reached".to_owned() } else { format!("unnoticed, reached {reached} times") }
}

fn explanation(fault: &Fault) -> Option<&'static str> {
    EXPLAINED.iter().find(|(name, _)| *name == fault.name).map(|(_, why)| *why)
}

/// One line that does not break the table.
fn cell(text: &str) -> String {
    let text = text.replace('|', "/").replace('\n', " ");
    match text.char_indices().nth(CELL_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// The table, the rate and the survivors.
pub(crate) fn render(rows: &[Row], seeds: u64, seconds: f64) -> String {
    let mut text =
        String::from("| fault | verdict | tests | simulation | seconds |\n|---|---|---|---|---|\n");
    for row in rows {
        let _ = writeln!(text, "{}", row.line()); // a string takes everything
    }
    let count = |of: &dyn Fn(&Row) -> bool| rows.iter().filter(|row| of(row)).count();
    let killed = count(&|row| row.verdict() == Verdict::Killed);
    let _ = write!(
        text,
        "\nfaults={} killed={killed} rate={:.1}% by_tests={} by_simulation={} explained={} survived={} seeds_max={seeds} seconds={seconds:.0}\n",
        rows.len(),
        100.0 * killed as f64 / rows.len().max(1) as f64,
        count(&|row| row.suite.kill.is_some()),
        count(&|row| row.seeds.kill.is_some()),
        count(&|row| row.verdict() == Verdict::Explained),
        count(&|row| row.verdict() == Verdict::Survived),
    );
    for row in rows {
        match (row.verdict(), explanation(&row.fault)) {
            (Verdict::Survived, _) => {
                let _ = writeln!(text, "\nsurvivor {}: {}", row.fault.name, row.fault.breaks);
            }
            (Verdict::Explained, Some(why)) => {
                let _ = writeln!(text, "\nexplained {}: {why}", row.fault.name);
            }
            (_, Some(_)) => {
                let _ = writeln!(text, "\n{} is killed now: its explanation can go", row.fault.name);
            }
            _ => {}
        }
    }
    text
}
