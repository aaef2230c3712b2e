//! The one table.
use std::fmt::Write as _;

/// One line: what was measured, on both sides, and whether that meets the goal.
pub(crate) struct Row {
    /// From 1 to 9.
    pub(crate) goal: u8,
    /// What was measured.
    pub(crate) what: String,
    /// Ours, with its unit.
    pub(crate) ours: String,
    /// The other side, or what the goal is a ratio to.
    pub(crate) theirs: String,
    /// Ours ÷ theirs, or theirs ÷ ours where that reads better.
    pub(crate) ratio: String,
    /// The goal.
    pub(crate) wanted: String,
    /// Nothing: it cannot be told here, or it is told for comparison only.
    pub(crate) met: Option<bool>,
    /// Why not, or what to know about it.
    pub(crate) note: &'static str,
}

/// The table, and the notes under it.
pub(crate) fn print(rows: &[Row]) -> String {
    let head = ["#", "what", "ours", "the other side", "ratio", "goal", ""].map(str::to_owned);
    let cells = |r: &Row| {
        let verdict = match r.met {
            Some(true) => "met",
            Some(false) => "MISSED",
            None => "-",
        };
        [
            r.goal.to_string(),
            r.what.clone(),
            r.ours.clone(),
            r.theirs.clone(),
            r.ratio.clone(),
            r.wanted.clone(),
            verdict.to_owned(),
        ]
    };
    let lines: Vec<[String; 7]> = std::iter::once(head).chain(rows.iter().map(cells)).collect();
    let width = |column: usize| lines.iter().map(|l| l[column].chars().count()).max().unwrap_or(0);
    let mut out = String::new();
    for (number, line) in lines.iter().enumerate() {
        let text: Vec<String> = line.iter().enumerate().map(|(i, cell)| format!("{cell:w$}", w = width(i))).collect();
        let _ = writeln!(out, "| {} |", text.join(" | "));
        if number == 0 {
            let rule: Vec<String> = (0..line.len()).map(|i| "-".repeat(width(i))).collect();
            let _ = writeln!(out, "| {} |", rule.join(" | "));
        }
    }
    for row in rows.iter().filter(|r| !r.note.is_empty()) {
        let _ = writeln!(out, "\n{}, {}: {}", row.goal, row.what, row.note);
    }
    out
}
