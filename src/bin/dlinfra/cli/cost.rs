//! cost: what a blueprint costs, offline, as a report in several forms.
use super::{
    Exit, Format, Result, Stop,
    arguments::{Source, Where},
    compare,
    cost_actual::{self, Bills},
    cost_all, document, forms, load,
    money::{self, Limits},
    place, prices,
};
use crate::cli::codes;
use crate::ui::Ui;
use dlinfra::{
    compose::Deployment,
    cost::{Bill, Comparison, GroupBy, advice, stated},
    diagnostic::{Diagnostic, Diagnostics},
    kinds::KINDS,
    price::PriceBook,
    report::{
        ci::Told,
        cost::{CostReport, Forms, Heading, RenderError},
        screen::Screen,
    },
};
use std::path::{Path, PathBuf};

/// Show what a blueprint costs: no AWS call, no key, no network. With `--actual` and `--all`, what AWS billed, and what runs.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    place: Where,
    #[command(flatten)]
    limits: Limits,
    #[command(flatten)]
    bills: Bills,
    /// Sum every stack in the account and region by owner, expired ones first, from live tags.
    #[arg(long, conflicts_with_all = ["actual", "file"], help_heading = "Bills")]
    all: bool,
    /// Compare with another blueprint, a saved plan, or this file at a branch, tag or commit.
    #[arg(long, value_name = "OTHER.yaml|PLAN.json|COMMIT")]
    compare: Option<String>,
    /// Add up by this only; without it by module and by kind.
    #[arg(long, value_enum)]
    by: Option<By>,
    /// Write the report to this file.
    #[arg(long = "out", alias = "output", short, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Args {
    /// What is priced.
    pub(super) const fn source(&self) -> &Source {
        &self.source
    }
}

pub(super) async fn run(args: &Args, format: Format, ui: Ui) -> Result {
    let output = Output(args.output.as_deref());
    if args.all {
        return cost_all::run(&args.place, output, format, ui).await;
    }
    if args.bills.actual {
        return cost_actual::run(&args.source, &args.place, &args.bills, output, format, ui).await;
    }
    let opened = load::open(&args.source)?;
    let (deployment, file) = (opened.deployment()?.0, opened.blueprint());
    let (prices, notes) = prices::prices(&args.place, &place::beside(Some(&file)));
    if !ui.json {
        ui.diagnostics(&notes);
    }
    let (report, said) = report(&deployment, args, &prices.book)?;
    let done = match format {
        Format::Github => {
            let headline = report.headline();
            let (stack, file) = (deployment.compiled.stack.as_str(), forms::file(&args.source));
            let told = forms::told("cost", (stack, &file), &said, Exit::Ok.code());
            let page = report.render(format.report(), Screen::PLAIN).map_err(|e| unwritten(&e))?;
            github(&Told { closing: Some(&headline), ..told }, &page, output, ui)
        }
        _ => write(&report, format, args, ui),
    };
    // As in `validate`: the process ends here.
    std::mem::forget((deployment, report));
    done
}

/// What lines are added up by.
#[derive(Clone, Copy, clap::ValueEnum)]
enum By {
    Module,
    Kind,
    Owner,
}

/// The report of a blueprint as it is written, and what its budget says.
fn report(
    deployment: &Deployment,
    args: &Args,
    book: &PriceBook,
) -> std::result::Result<(CostReport, Diagnostics), Stop> {
    let (compiled, limits) = (&deployment.compiled, &args.limits);
    let (stated, _) = money::stated(compiled, limits)?;
    let bill: Bill = stated::bill(compiled, KINDS, &money::pricing(compiled, &stated, book));
    let heading = Heading {
        stack: compiled.stack.clone(),
        region: compiled.region.clone(),
        owner: compiled.owner.clone(),
        place: String::new(),
    };
    let advice = advice::advise(book, &compiled.region, &stated::subjects(compiled, KINDS, &stated.usage));
    let verdict = stated.budget.check(&bill, limits.allow_unpriced);
    let said = money::at_its_line(compiled, verdict.diagnostics()).collect();
    let by = args.by.map(|by| match by {
        By::Module => GroupBy::Module,
        By::Kind => GroupBy::Kind,
        By::Owner => GroupBy::Owner,
    });
    let report = CostReport::new(&heading, &bill).with_budget(&verdict).with_advice(&advice).grouped_by(by);
    let Some(with) = &args.compare else { return Ok((report, said)) };
    let other = compare::find(with, &args.source, limits, book)?;
    let run = bill.run.map(|run| run.hours);
    Ok((report.with_comparison(&other.words, &Comparison::of(&other.bill, &bill), run), said))
}

/// Prints the report, or writes it to the file that was asked for.
fn write(report: &CostReport, format: Format, args: &Args, ui: Ui) -> Result {
    let output = Output(args.output.as_deref());
    let text = report.render(format.report(), output.screen(ui)).map_err(|e| unwritten(&e))?;
    output.write(&text, ui)?;
    Ok(Exit::Ok)
}

/// A template that failed.
fn unwritten(error: &RenderError) -> Diagnostic {
    Diagnostic::error(&dlinfra::aws::codes::BUG, error.to_string())
}

/// Annotations, and the report as the summary of the step; also into the file that was asked for.
fn github(told: &Told<'_>, page: &str, output: Output<'_>, ui: Ui) -> Result {
    forms::github(ui, told, page)?;
    if output.0.is_some() {
        output.write(page, ui)?;
    }
    Ok(Exit::Ok)
}

/// Shows what is known of live stacks, with what people should know beside it.
pub(super) fn show(report: &impl Forms, format: Format, notes: &Diagnostics, output: Output<'_>, ui: Ui) -> Result {
    if format == Format::Github {
        let page = report.markdown();
        let headline = page.lines().next().unwrap_or_default().trim_start_matches(['#', ' ']);
        let told = forms::told("cost", ("", ""), notes, Exit::Ok.code());
        return github(&Told { closing: Some(headline), ..told }, &page, output, ui);
    }
    let text = match format {
        Format::Json => document("cost", &report.json(), notes).to_string(),
        Format::Csv => report.csv(),
        Format::Markdown => report.markdown(),
        Format::Html => report.html().map_err(|e| unwritten(&e))?,
        // The command line takes no other form for reports.
        _ => report.text(output.screen(ui)),
    };
    output.write(&text, ui)?;
    if !ui.json {
        ui.diagnostics(notes);
    }
    Ok(Exit::Ok)
}

/// Where a report goes: to this file, or to the terminal.
#[derive(Clone, Copy)]
pub(super) struct Output<'a>(Option<&'a Path>);

impl Output<'_> {
    /// Where it is read: a file has no terminal.
    fn screen(self, ui: Ui) -> Screen {
        if self.0.is_some() { Screen::PLAIN } else { ui.screen }
    }

    pub(super) fn write(self, text: &str, ui: Ui) -> std::result::Result<(), Stop> {
        let Some(file) = self.0 else {
            ui.data(text);
            return Ok(());
        };
        std::fs::write(file, Ui::harmless(text).as_bytes()).map_err(|e| {
            Diagnostic::error(&codes::REPORT_NOT_WRITTEN, format!("{} cannot be written: {e}", file.display()))
                .with_help("name a file in a folder that exists and that you may write")
        })?;
        if !ui.json {
            ui.say(&format!("wrote {}", file.display()));
        }
        Ok(())
    }
}
