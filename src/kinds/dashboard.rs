//! dashboard: a page of charts in CloudWatch, the same in every region.
use crate::{
    address::Address,
    aws::{
        Error, gone, optional,
        tags::{self, Tags},
    },
    call::{Ctx, SweepCtx},
    diagnostic::codes,
    kinds::{
        document::Document,
        named::{self, Named},
    },
    price::{PriceContext, PriceLine, service},
    resource::{
        About, Call, Changes, Class, Discovery, Durations, Gone, Id, Live, Lookup, NameRule, Output, Problem, Resource,
    },
    spec,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::IgnoredAny};
use serde_json::{Value, json};

/// A dashboard of CloudWatch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Dashboard {
    /// Its name; without one, the stack's and its own with ten characters more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it shows, in CloudWatch's own structure: `widgets`, each with `type`, position and `properties`.
    pub body: Document,
}

codes! {
    CODES:
    NAME = "DL1201", "Not a legal name of a dashboard",
        "A dashboard's name has 1 to 255 of the characters a-z, A-Z, 0-9, `-` and `_`.";
    BODY = "DL1202", "A dashboard that CloudWatch would refuse",
        "The body has a list of up to 500 `widgets`. Each has a `type` (metric, text, log, alarm, explorer, custom) and \
         `properties`; those of a metric name the `region`, since a dashboard is the same in every region. A page is 24 \
         columns wide.";
}

// A put takes over whatever has the name, without a word.
const PUT: Call = Call::new("cloudwatch:PutDashboard", Class::NameIdempotent);
const RULE: NameRule = NameRule { max: 255, extra: "-", lower: false };
const TYPES: [&str; 6] = ["alarm", "custom", "explorer", "log", "metric", "text"];

/// As ListDashboards and GetDashboard show it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Found {
    dashboard_name: String,
    dashboard_arn: String,
    /// What a list leaves out.
    dashboard_body: Option<String>,
}

impl Resource for Dashboard {
    const KIND: &'static str = "dashboard";
    const ABOUT: About = About {
        codes: CODES,
        outputs: &[
            Output { name: "name", ty: "string", doc: "the dashboard's name" },
            Output { name: "arn", ty: "string", doc: "the dashboard's ARN" },
        ],
        fixed: &["name"],
        discovery: Discovery::Prefix,
        tagger: &tags::CLOUDWATCH,
        terraform: "aws_cloudwatch_dashboard",
        calls: &[PUT],
        name: Some(RULE),
        iam: &[
            "cloudwatch:PutDashboard",
            "cloudwatch:GetDashboard",
            "cloudwatch:ListDashboards",
            "cloudwatch:DeleteDashboards",
            "cloudwatch:ListTagsForResource",
            "cloudwatch:TagResource",
            "cloudwatch:UntagResource",
        ],
        prices: "cloudwatch",
        durations: Some(Durations::quick(2, 2, 2)),
        gone: Gone::AtOnce,
        ..About::new("A CloudWatch dashboard: a page of charts")
    };

    fn summary(&self) -> String {
        match self.body.0.get("widgets").and_then(Value::as_array).map_or(0, Vec::len) {
            1 => "1 widget".to_owned(),
            count => format!("{count} widgets"),
        }
    }

    fn check(&self, problems: &mut Vec<Problem>) {
        let mut add = |code, path: &str, summary: String, help: &str| {
            problems.push(Problem { code, path: path.to_owned(), summary, help: help.to_owned() });
        };
        if let Some(name) = self.name.as_deref().filter(|name| !Self::legal(name)) {
            add(&NAME, "name", format!("`{name}` is not a legal name of a dashboard"), "write for example `training`");
        }
        // What is computed later is not looked into.
        if spec::node(&self.body.0) == spec::Node::Plain
            && let Some((path, summary, help)) = refused(&self.body.0)
        {
            add(&BODY, &path, summary, help);
        }
    }

    fn price(&self, ctx: &PriceContext<'_>) -> Vec<PriceLine> {
        vec![service::dashboard(ctx)]
    }

    async fn sweep(ctx: &SweepCtx) -> Result<Vec<Live<Self>>, Error> {
        named::sweep(ctx).await
    }

    async fn create(&self, ctx: &Ctx, _: Option<&Live<Self>>) -> Result<Id, Error> {
        let name = &self.name.clone().unwrap_or_else(|| ctx.name(&RULE, ""));
        let body = &self.body.text();
        named::create::<Self, _, _>(ctx, &PUT, name, self, |attempt| async move {
            let input = json!({ "DashboardName": name, "DashboardBody": body, "Tags": tags::pairs(&attempt.tags) });
            ctx.aws.cloudwatch().once::<IgnoredAny>("PutDashboard", &input).await.map(drop)
        })
        .await
    }

    async fn update(want: &Self, ctx: &Ctx, live: &Live<Self>, _: &Changes) -> Result<(), Error> {
        let input = json!({ "DashboardName": live.id, "DashboardBody": want.body.text() });
        ctx.aws.cloudwatch().call::<IgnoredAny>("PutDashboard", &input).await.map(drop)
    }

    async fn delete(ctx: &Ctx, live: &Live<Self>) -> Result<(), Error> {
        let input = json!({ "DashboardNames": [live.id] });
        gone(ctx.aws.cloudwatch().call::<IgnoredAny>("DeleteDashboards", &input).await)
    }

    async fn lookup(ctx: &SweepCtx, by: &Lookup) -> Result<Vec<Live<Self>>, Error> {
        named::lookup(ctx, by).await
    }
}

/// What PutDashboard would refuse of a body (user guide, "Dashboard body structure and syntax").
fn refused(body: &Value) -> Option<(String, String, &'static str)> {
    let at = |path: &str, summary: String, help| Some((format!("body{path}"), summary, help));
    let Some(widgets) = body.get("widgets").and_then(Value::as_array) else {
        return at("", "the body has no list of `widgets`".to_owned(), "write `widgets: [{ type: text, … }]`");
    };
    if widgets.len() > 500 {
        return at(".widgets", format!("{} widgets", widgets.len()), "make two dashboards");
    }
    for (i, widget) in widgets.iter().enumerate().filter(|(_, w)| spec::node(w) == spec::Node::Plain) {
        let here = |field: &str| format!(".widgets.{i}{field}");
        let kind = widget.get("type").and_then(Value::as_str).unwrap_or_default();
        if !TYPES.contains(&kind) {
            let summary = format!("`{kind}` is not a type of widget");
            return at(&here(".type"), summary, "write metric, text, log, alarm, explorer or custom");
        }
        let Some(properties) = widget.get("properties") else {
            return at(&here(""), "this widget has no `properties`".to_owned(), "say what it shows");
        };
        if kind == "metric" && properties.get("region").is_none() {
            let help = "write `region: ${blueprint.region}` in its properties";
            return at(&here(".properties"), "this widget names no region".to_owned(), help);
        }
        if widget.get("width").and_then(Value::as_i64).is_some_and(|width| !(1..=24).contains(&width)) {
            return at(&here(".width"), "this widget is wider than the page".to_owned(), "write a width of 1 to 24");
        }
    }
    None
}

impl Named for Dashboard {
    type Found = Found;
    const WHAT: &'static str = "the dashboard";

    fn legal(name: &str) -> bool {
        (1..=255).contains(&name.len()) && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
    }

    fn name_in(id: &str) -> &str {
        id.rsplit('/').next().unwrap_or(id)
    }

    fn name(found: &Found) -> &str {
        &found.dashboard_name
    }

    async fn list(ctx: &SweepCtx, prefix: &str) -> Result<Vec<Found>, Error> {
        let input = if prefix.is_empty() { json!({}) } else { json!({ "DashboardNamePrefix": prefix }) };
        ctx.aws.cloudwatch().pages("ListDashboards", input, ("DashboardEntries", "NextToken")).await
    }

    async fn get(ctx: &SweepCtx, name: &str) -> Result<Option<Found>, Error> {
        optional(ctx.aws.cloudwatch().call("GetDashboard", &json!({ "DashboardName": name })).await)
    }

    async fn tags(ctx: &SweepCtx, found: &Found) -> Result<Option<Tags>, Error> {
        named::tags_by_arn::<Self>(ctx, &found.dashboard_arn).await
    }

    async fn live(ctx: &SweepCtx, found: Found, at: Address, tags: Tags) -> Result<Option<Live<Self>>, Error> {
        let name = &found.dashboard_name;
        let body = match found.dashboard_body {
            Some(body) => body,
            None => match Self::get(ctx, name).await?.and_then(|found| found.dashboard_body) {
                Some(body) => body,
                None => return Ok(None),
            },
        };
        let body = Document::parse(&body, "the body of a dashboard")?;
        let spec = Self { name: Some(name.clone()), body };
        Ok(Some(named::live(at, name, found.dashboard_arn, tags, spec)))
    }
}
