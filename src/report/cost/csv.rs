//! The cost report for spreadsheets: one row per line of the bill, RFC 4180.

use super::CostReport;

const HEADER: &str = "address,module,kind,what,quantity,unit,rate,state,hourly,run,monthly,upfront,because,confidence,\
                      source,date,note";

/// With `--by`: one row per group.
fn groups(report: &CostReport) -> String {
    let mut text = String::new();
    for (name, groups) in report.groupings() {
        text.push_str(&format!("{name},hourly,run,monthly,upfront,percent,unpriced\r\n"));
        for group in groups {
            let figure = |pick: fn(&super::Figures) -> &str| group.cost.as_ref().map_or("", pick);
            let unpriced = group.unpriced.to_string();
            let row = [
                group.name.as_str(),
                figure(|cost| &cost.hourly),
                figure(|cost| cost.run.as_deref().unwrap_or_default()),
                figure(|cost| &cost.monthly),
                figure(|cost| &cost.upfront),
                &group.percent,
                &unpriced,
            ];
            text.push_str(&row.map(field).join(","));
            text.push_str("\r\n");
        }
    }
    text
}

pub(super) fn render(report: &CostReport) -> String {
    if report.by.is_some() {
        return groups(report);
    }
    let mut text = String::from(HEADER);
    text.push_str("\r\n");
    for resource in &report.resources {
        let module = resource.address.rsplit_once('.').map_or("", |(module, _)| module);
        for line in &resource.lines {
            let cost = line.cost.as_ref();
            let figure = |pick: fn(&super::Figures) -> &str| cost.map_or("", pick);
            let row = [
                &resource.address,
                module,
                &resource.kind,
                &line.what,
                &line.quantity,
                line.unit,
                line.rate.as_deref().unwrap_or_default(),
                line.state,
                figure(|cost| &cost.hourly),
                figure(|cost| cost.run.as_deref().unwrap_or_default()),
                figure(|cost| &cost.monthly),
                figure(|cost| &cost.upfront),
                &line.because,
                line.confidence,
                &line.source,
                &line.date,
                &line.note,
            ];
            let row: Vec<String> = row.into_iter().map(field).collect();
            text.push_str(&row.join(","));
            text.push_str("\r\n");
        }
    }
    text
}

/// One cell. A spreadsheet takes what begins with one of `=+-@` for a formula, so a quote goes before it, except where it
/// is a number.
pub(super) fn field(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']) && !is_number(text);
    let text = if formula { format!("'{text}") } else { text.to_owned() };
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

fn is_number(text: &str) -> bool {
    let digits = text.trim_start_matches(['+', '-']);
    text.len() - digits.len() <= 1 && rust_decimal::Decimal::from_str_exact(digits).is_ok()
}

#[cfg(test)]
mod tests {
    use super::field;

    #[test]
    fn no_cell_is_a_formula() {
        assert_eq!(field("=HYPERLINK(\"http://x\",\"y\")"), "\"'=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\"");
        assert_eq!(
            ["@SUM(A1)", "+1+1", "-cmd", "\tx", "--1"].map(field),
            ["'@SUM(A1)", "'+1+1", "'-cmd", "'\tx", "'--1"]
        );
        assert_eq!(["-3.00", "+1.5", "plain", "a,b", ""].map(field), ["-3.00", "+1.5", "plain", "\"a,b\"", ""]);
    }
}
