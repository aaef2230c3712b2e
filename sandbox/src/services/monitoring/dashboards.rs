//! Dashboards: documents in JSON, the same in every region, put whole.

use crate::services::prelude::*;

pub(super) const OPERATIONS: &[Operation] = &[
    write("PutDashboard", put),
    read("GetDashboard", get),
    read("ListDashboards", list),
    write("DeleteDashboards", delete),
];

/// The most widgets, and the columns of the grid that they stand in.
const WIDGETS: usize = 500;
const COLUMNS: i64 = 24;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Dashboard {
    name: String,
    created: Timestamp,
    modified: Timestamp,
    body: String,
    tags: Tags,
}

object!(Dashboard, "monitoring/dashboard", name, global true, tags of "cloudwatch" "dashboard/{name}");

fn put(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let (name, body) = (call.params.text("DashboardName")?, call.params.text("DashboardBody")?);
    let tags = tagged::take(call)?;
    if name.len() > 255 || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_') {
        return Err(wrong("DashboardName", "Invalid DashboardName"));
    }
    check(&body)?;
    let (created, modified) = (call.now, call.now);
    call.put(match call.get::<Dashboard>(&name).cloned() {
        // The tags of a call count for a new dashboard only.
        Some(old) => Dashboard { modified, body, ..old },
        None => Dashboard { name, created, modified, body, tags },
    });
    Ok(Reply::json(json!({"DashboardValidationMessages": []})))
}

/// The structure of a body, from the documentation: AWS's model does not have it.
fn check(body: &str) -> Result<(), ApiError> {
    let body: Value =
        serde_json::from_str(body).map_err(|_| wrong("/", "The field DashboardBody must be valid JSON"))?;
    let Some(widgets) = body.get("widgets").and_then(Value::as_array) else {
        return Err(wrong("/widgets", "Should have an array of widgets"));
    };
    if widgets.len() > WIDGETS {
        return Err(wrong("/widgets", "Should NOT have more than 500 items"));
    }
    for (i, widget) in widgets.iter().enumerate() {
        let at = |field: &str| format!("/widgets/{i}/{field}");
        let kind = widget.get("type").and_then(Value::as_str).unwrap_or_default();
        if !["alarm", "custom", "explorer", "log", "metric", "text"].contains(&kind) {
            return Err(wrong(&at("type"), "Should match one of the allowed values"));
        }
        let Some(properties) = widget.get("properties").filter(|properties| properties.is_object()) else {
            return Err(wrong(&at("properties"), "Should have property properties"));
        };
        if kind == "metric" && properties.get("region").and_then(Value::as_str).is_none() {
            return Err(wrong(&at("properties/region"), "Should have property region"));
        }
        if widget.get("width").and_then(Value::as_i64).is_some_and(|width| !(1..=COLUMNS).contains(&width)) {
            return Err(wrong(&at("width"), "Should be <= 24"));
        }
    }
    Ok(())
}

fn wrong(path: &str, why: &str) -> ApiError {
    let message = format!("The dashboard body is invalid, there are 1 validation errors: [{path}: {why}]");
    ApiError::bad("InvalidParameterInput", message)
}

fn missing(name: &str) -> ApiError {
    ApiError::new(404, "ResourceNotFound", format!("Dashboard {name} does not exist"))
}

fn arn(call: &Call<'_>, name: &str) -> String {
    format!("arn:{}:cloudwatch::{}:dashboard/{name}", call.partition(), call.account())
}

fn get(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let name = call.params.text("DashboardName")?;
    let found = call.see::<Dashboard>(&name).ok_or_else(|| missing(&name))?;
    let shown = json!({"DashboardArn": arn(call, &name), "DashboardBody": found.body, "DashboardName": name});
    Ok(Reply::json(shown))
}

fn list(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let prefix = call.params.text_opt("DashboardNamePrefix")?.unwrap_or_default();
    let page = Page::take(call, 1000)?;
    let shown = |it: &&Dashboard| {
        json!({
            "DashboardName": it.name, "DashboardArn": arn(call, &it.name), "LastModified": it.modified.as_second(),
            "Size": it.body.len(),
        })
    };
    Ok(page.reply(call.seen::<Dashboard>().filter(|it| it.name.starts_with(&prefix)), |it| &it.name, shown))
}

fn delete(call: &mut Call<'_>) -> Result<Reply, ApiError> {
    let names = call.params.texts("DashboardNames")?;
    // All of them go, or none.
    if let Some(name) = names.iter().find(|name| call.get::<Dashboard>(name).is_none()) {
        return Err(missing(name));
    }
    names.iter().for_each(|name| call.remove::<Dashboard>(name));
    Ok(Reply::json(json!({})))
}
