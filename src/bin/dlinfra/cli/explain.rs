//! explain: what a diagnostic code means.
use super::{Exit, Result, document};
use crate::{
    cli::{self, codes},
    ui::Ui,
};
use dlinfra::diagnostic::{Code, Diagnostic, Diagnostics, did_you_mean};
use serde_json::json;
use std::collections::BTreeMap;

/// Explain what a diagnostic code means, and what to do.
#[derive(clap::Args)]
pub(super) struct Args {
    /// Such as DL0203; without one, all of them.
    code: Option<String>,
}

/// Every code of the program.
pub(crate) fn codes() -> BTreeMap<&'static str, &'static Code> {
    tables().map(|c| (c.code, c)).collect()
}

/// Those of the library, then those of the command line.
fn tables() -> impl Iterator<Item = &'static Code> {
    dlinfra::explain::codes().chain([cli::CODES, cli::import::CODES].concat())
}

pub(super) fn run(args: &Args, ui: Ui) -> Result {
    let all = codes();
    let Some(name) = &args.code else {
        if ui.json {
            let rows: Vec<_> = all.values().map(|c| json!({ "code": c.code, "title": c.title })).collect();
            ui.data(&document("explain", &json!({ "codes": rows }), &Diagnostics::new()).to_string());
        } else {
            let rows: Vec<String> = all.values().map(|c| format!("{}  {}", c.code, c.title)).collect();
            ui.data(&rows.join("\n"));
        }
        return Ok(Exit::Ok);
    };
    let wanted = name.to_ascii_uppercase();
    let Some(code) = all.get(wanted.as_str()) else {
        let help = did_you_mean(&wanted, all.keys().copied()).map(|n| format!("did you mean `{n}`?"));
        return Err(Diagnostic::error(&codes::NO_CODE, format!("there is no code `{name}`"))
            .with_help_opt(help.or_else(|| Some("`dlinfra explain` lists them".to_owned())))
            .into());
    };
    if ui.json {
        let fields = json!({ "code": code.code, "title": code.title, "explain": code.explain });
        ui.data(&document("explain", &fields, &Diagnostics::new()).to_string());
    } else {
        ui.data(&format!("{}: {}\n\n{}", code.code, code.title, code.explain));
    }
    Ok(Exit::Ok)
}

#[cfg(test)]
mod tests {
    use super::{codes, tables};
    use std::collections::{BTreeMap, BTreeSet};
    use std::path::{Path, PathBuf};

    fn sources(folder: &Path, out: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, out);
            } else if path.extension().is_some_and(|e| e == "rs") && path.file_name().is_some_and(|n| n != "tests.rs") {
                out.push(path);
            }
        }
    }

    /// Each `"DL…"` in the code of the program, with a file that has it.
    fn printed() -> BTreeMap<String, PathBuf> {
        let mut files = Vec::new();
        sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
        let mut out = BTreeMap::new();
        for path in files {
            let text = std::fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]\nmod ").next().unwrap();
            for (at, _) in code.match_indices("\"DL") {
                let digits = &code[at + 3..];
                let end = digits.find('"').unwrap();
                if end == 4 && digits[..end].bytes().all(|b| b.is_ascii_digit()) {
                    out.insert(format!("DL{}", &digits[..end]), path.clone());
                }
            }
        }
        out
    }

    #[test]
    fn every_code_that_can_be_printed_is_explained() {
        let (printed, known) = (printed(), codes());
        assert!(printed.len() > 200, "{}", printed.len());
        let silent: Vec<_> = printed.iter().filter(|(code, _)| !known.contains_key(code.as_str())).collect();
        assert!(silent.is_empty(), "`dlinfra explain` does not know {silent:#?}");
    }

    #[test]
    fn every_code_stands_in_one_table_and_is_told_in_one_style() {
        let mut seen = BTreeSet::new();
        for row in tables() {
            let (code, title) = (row.code, row.title);
            assert!(seen.insert(code), "{code} stands in two tables");
            let first = title.trim_start_matches('`').chars().next().unwrap();
            let capital = first.is_uppercase() || title.starts_with('`');
            assert!(capital && !title.ends_with('.'), "{code}: {title}");
            assert!(
                row.explain.len() > 20 && row.explain.ends_with(['.', '`', ':', '}', '$', '*']),
                "{code}: {}",
                row.explain
            );
        }
    }
}
