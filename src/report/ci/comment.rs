//! A comment for a pull request: one line that says everything, and the rest folded.
use super::Told;
use crate::{diagnostic::Diagnostic, report::cost::markdown::cell};
use std::fmt::Write as _;

/// By which a later run finds its own comment: what is known also of a blueprint that does not compile.
fn marker(told: &Told<'_>) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./#".contains(c);
    format!("<!-- dlinfra:{} -->", told.file.replace(|c| !plain(c), "_"))
}

/// Text of a blueprint, in which nobody is called and nothing is shown.
fn quiet(text: &str) -> String {
    let text = cell(text).replace('@', "@\u{200b}");
    ['[', ']', '!', '*', '_'].iter().fold(text, |text, c| text.replace(*c, &format!("\\{c}")))
}

/// The comment, of at most so many characters.
pub fn markdown(told: &Told<'_>, most: usize) -> String {
    let mut head = format!("{}\n", marker(told));
    let place = told.header.map(|header| format!(" in {}", header.region)).unwrap_or_default();
    // Writing to a text cannot fail.
    let _ = writeln!(head, "### dlinfra {}: `{}`{place}\n", told.command, cell(told.stack));
    let _ = writeln!(head, "**{}**", quiet(&told.headline()));
    let mut tail = String::new();
    if let Some(next) = told.next {
        let _ = writeln!(tail, "\nNext:\n\n```sh\n{next}\n```");
    }
    let room = most.saturating_sub(head.chars().count() + tail.chars().count());
    let found = findings(told, room / 3);
    let room = room.saturating_sub(found.chars().count());
    let plan = told.plan_text().filter(|_| told.plan.is_some_and(|plan| !plan.is_empty()));
    let plan = plan.map(|text| folded(&text, room)).unwrap_or_default();
    format!("{head}{found}{plan}{tail}")
}

/// Problems, and what budgets and policies say, the worst first.
fn findings(told: &Told<'_>, room: usize) -> String {
    let mut all: Vec<&Diagnostic> = told.found.iter().collect();
    all.sort_by_key(|d| d.severity);
    let mut out = String::new();
    let mut left = all.len();
    for one in all {
        let place = super::place(one).map(|(file, line, _)| format!(" ({file}:{line})")).unwrap_or_default();
        let line = format!("- **{}** `{}` {}{place}\n", one.severity, one.code, quiet(&one.summary));
        if out.chars().count() + line.chars().count() + 60 > room {
            break;
        }
        out.push_str(&line);
        left -= 1;
    }
    if left > 0 {
        let _ = writeln!(out, "- and {left} more, in the job's log");
    }
    if out.is_empty() { out } else { format!("\n{out}") }
}

/// The plan in a fence in which lines that add and remove have colours, cut where there is no more room.
fn folded(text: &str, room: usize) -> String {
    let ticks = text.split(|c| c != '`').map(str::len).max().unwrap_or(0).max(2) + 1;
    let fence = "`".repeat(ticks);
    let (head, foot) = ("\n<details><summary>Plan</summary>\n\n", "\n</details>\n");
    let cut = "… cut here: the whole plan stands in the job's log\n";
    let fixed = head.chars().count() + foot.chars().count() + cut.chars().count() + 2 * ticks + 8;
    let Some(mut room) = room.checked_sub(fixed) else { return String::new() };
    let mut body = String::new();
    for line in text.lines() {
        let line = colored(line);
        let Some(left) = room.checked_sub(line.chars().count() + 1) else {
            body.push_str(cut);
            break;
        };
        room = left;
        body.push_str(&line);
        body.push('\n');
    }
    format!("{head}{fence}diff\n{body}{fence}\n{foot}")
}

/// The sign of a step comes first, which is what `diff` colours: `-/+` and `~` become `!`.
fn colored(line: &str) -> String {
    let rest = line.trim_start();
    let sign = [("-/+ ", '!'), ("+ ", '+'), ("- ", '-'), ("~ ", '!'), ("! ", '!')];
    let indent = line.len() - rest.len();
    match sign.iter().find(|(sign, _)| rest.starts_with(sign)).filter(|_| indent <= 4) {
        Some((sign, color)) => format!("{color} {}", rest[sign.len()..].trim_start()),
        None => format!("  {line}").trim_end().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Diagnostics;

    #[test]
    fn it_begins_with_its_marker_and_stays_within_its_length() {
        let code = &crate::aws::codes::BUG;
        let many = (0..2000).map(|n| Diagnostic::error(code, format!("{n} is wrong | `and` <b>")));
        let found: Diagnostics = many.collect();
        for most in [500, 5000, 65_536] {
            let told = Told { next: Some("dlinfra apply train.yaml"), ..super::super::told(&found) };
            let text = markdown(&told, most);
            assert!(text.chars().count() <= most, "{most}: {}", text.chars().count());
            assert!(text.starts_with("<!-- dlinfra:stacks/my_train.yaml -->\n### dlinfra plan: `train`"), "{text}");
            assert!(text.contains("more, in the job's log"), "{text}");
            assert!(text.ends_with("dlinfra apply train.yaml\n```\n"), "{text}");
        }
    }

    #[test]
    fn steps_have_the_colours_of_a_difference() {
        assert_eq!(colored("+   vpc    10.0.0.0/16"), "+ vpc    10.0.0.0/16");
        assert_eq!(colored("-/+ nodes  4 x p5"), "! nodes  4 x p5");
        assert_eq!(colored("      count: 2 -> 4"), "        count: 2 -> 4");
    }

    #[test]
    fn a_fence_is_longer_than_what_is_in_it() {
        let text = folded("a ```` b", 1000);
        assert!(text.contains("\n`````diff\n"), "{text}");
    }
}
