//! Alarms as PutMetricAlarm takes them and DescribeAlarms shows them.
use super::{
    Alarm, Comparison, Metric, NoData, Query, Suppressor,
    fields::{average, minute},
    one,
};
use crate::{aws::Error, field::Field, units::Span};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Our words for statistics, and AWS's; everything else is a percentile.
const STATISTICS: [(&str, &str); 5] = [
    ("sample-count", "SampleCount"),
    ("average", "Average"),
    ("sum", "Sum"),
    ("minimum", "Minimum"),
    ("maximum", "Maximum"),
];

/// AWS's name of a statistic, if it is none of the percentiles.
pub(super) fn plain_statistic(ours: &str) -> Option<&'static str> {
    STATISTICS.iter().find(|(word, _)| *word == ours).map(|(_, aws)| *aws)
}

/// `not-breaching` as `NotBreaching`.
fn camel(value: &impl Serialize) -> Result<String, Error> {
    let value = serde_json::to_value(value).map_err(|e| Error::bug(e.to_string()))?;
    let upper = |word: &str| word[..1].to_ascii_uppercase() + &word[1..];
    Ok(value.as_str().unwrap_or_default().split('-').filter(|word| !word.is_empty()).map(upper).collect())
}

const WARM_UP: &str = "WarmUpPeriodDurationInMinutes";

/// Fields that hold one of AWS's words, and what AWS calls them.
pub(super) const WORDS: [(&str, &str); 2] = [("comparison", "ComparisonOperator"), ("missing", "TreatMissingData")];

/// Fields with a word that this dlinfra does not know.
type Novel = BTreeMap<String, String>;

/// `NotBreaching` as `not-breaching`; something else in place of what is not known.
fn known<T: DeserializeOwned>(aws: &str, field: &str, instead: T, novel: &mut Novel) -> T {
    let mut out = String::new();
    for c in aws.chars() {
        if c.is_ascii_uppercase() && !out.is_empty() {
            out.push('-');
        }
        out.push(c.to_ascii_lowercase());
    }
    serde_json::from_value(Value::String(out)).unwrap_or_else(|_| {
        novel.insert(field.to_owned(), aws.to_owned());
        instead
    })
}

fn texts(fields: &[Field<String>]) -> Result<Vec<&String>, Error> {
    fields.iter().map(Field::get).collect()
}

impl Metric {
    /// Namespace, name and dimensions.
    fn named(&self) -> Result<Value, Error> {
        let pair = |(name, value): (&String, &Field<String>)| Ok(json!({ "Name": name, "Value": value.get()? }));
        let dimensions = self.dimensions.iter().map(pair).collect::<Result<Vec<_>, Error>>()?;
        Ok(json!({ "Namespace": self.namespace, "MetricName": self.name, "Dimensions": dimensions }))
    }
}

impl Alarm {
    /// The whole alarm, without tags.
    pub(super) fn request(&self, name: &str) -> Result<Value, Error> {
        let mut out = json!({
            "AlarmName": name,
            "ActionsEnabled": self.actions_enabled,
            "AlarmActions": texts(&self.alarm_actions)?,
            "OKActions": texts(&self.ok_actions)?,
            "InsufficientDataActions": texts(&self.insufficient_data_actions)?,
        });
        if let Some(text) = &self.description {
            out["AlarmDescription"] = json!(text);
        }
        let own = match &self.rule {
            Some(rule) => self.composite(rule.get()?)?,
            None => self.watched()?,
        };
        out.as_object_mut().into_iter().for_each(|out| out.extend(own.clone()));
        Ok(out)
    }

    /// What makes it an alarm on others.
    fn composite(&self, rule: &str) -> Result<Map<String, Value>, Error> {
        let mut out = Map::from_iter([("AlarmRule".to_owned(), json!(rule))]);
        if let Some(suppressor) = &self.suppressor {
            out.insert("ActionsSuppressor".to_owned(), json!(suppressor.alarm.get()?));
            out.insert("ActionsSuppressorWaitPeriod".to_owned(), json!(suppressor.wait.seconds()));
            out.insert("ActionsSuppressorExtensionPeriod".to_owned(), json!(suppressor.extension.seconds()));
        }
        Ok(out)
    }

    /// What makes it an alarm on metrics.
    fn watched(&self) -> Result<Map<String, Value>, Error> {
        let mut missing = camel(&self.missing)?;
        missing[..1].make_ascii_lowercase();
        let mut out = Map::new();
        let mut set = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                out.insert(name.to_owned(), value);
            }
        };
        set("ComparisonOperator", self.comparison.as_ref().map(camel).transpose()?.map(Value::String));
        set("EvaluationPeriods", Some(json!(self.periods)));
        set("TreatMissingData", Some(json!(missing)));
        set("WarmUpConfiguration", self.warm_up.map(|time| json!({ WARM_UP: time.seconds() / 60 })));
        set("DatapointsToAlarm", self.datapoints.map(|count| json!(count)));
        set("Threshold", self.threshold.as_ref().map(|number| json!(number)));
        set("ThresholdMetricId", self.band.as_ref().map(|id| json!(id)));
        if let Some(metric) = &self.metric {
            let Value::Object(named) = metric.named()? else { return Err(Error::bug("a metric is an object")) };
            named.into_iter().for_each(|(name, value)| set(&name, Some(value)));
            set("Period", Some(json!(metric.period.seconds())));
            match plain_statistic(&metric.statistic) {
                Some(plain) => set("Statistic", Some(json!(plain))),
                None => set("ExtendedStatistic", Some(json!(metric.statistic))),
            }
        }
        if !self.queries.is_empty() {
            let queries = self.queries.iter().map(Query::request).collect::<Result<Vec<_>, _>>()?;
            set("Metrics", Some(json!(queries)));
        }
        Ok(out)
    }
}

impl Query {
    fn request(&self) -> Result<Value, Error> {
        let mut out = json!({ "Id": self.id, "ReturnData": self.returns });
        if let Some(metric) = &self.metric {
            let statistic = plain_statistic(&metric.statistic).unwrap_or(&metric.statistic);
            out["MetricStat"] =
                json!({ "Metric": metric.named()?, "Period": metric.period.seconds(), "Stat": statistic });
        }
        if let Some(expression) = &self.expression {
            out["Expression"] = json!(expression.get()?);
        }
        if let Some(period) = self.period {
            out["Period"] = json!(period.seconds());
        }
        if let Some(label) = &self.label {
            out["Label"] = json!(label);
        }
        Ok(out)
    }
}

fn text(found: &Map<String, Value>, name: &str) -> Option<String> {
    found.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
}

fn span(found: &Map<String, Value>, name: &str) -> Option<Span> {
    found.get(name).and_then(Value::as_u64).map(Span::from_seconds)
}

/// The ARN that AWS shows.
pub(super) fn arn(found: &Map<String, Value>) -> Result<String, Error> {
    text(found, "AlarmArn").ok_or_else(|| Error::missing("the ARN of an alarm"))
}

/// A metric with the statistic and period that go with it.
fn metric(named: &Map<String, Value>, statistic: Option<String>, period: Option<Span>) -> Option<Metric> {
    let ours = |aws: String| {
        STATISTICS.iter().find(|(_, word)| *word == aws).map_or_else(|| aws.clone(), |(ours, _)| (*ours).to_owned())
    };
    let pair = |one: &Value| Some((one["Name"].as_str()?.to_owned(), Field::Known(one["Value"].as_str()?.to_owned())));
    Some(Metric {
        namespace: text(named, "Namespace")?,
        name: text(named, "MetricName")?,
        dimensions: named.get("Dimensions").and_then(Value::as_array).into_iter().flatten().filter_map(pair).collect(),
        statistic: statistic.map_or_else(average, ours),
        period: period.unwrap_or_else(minute),
    })
}

fn query(found: &Map<String, Value>) -> Result<Query, Error> {
    let stat = found.get("MetricStat").and_then(Value::as_object);
    let of_stat =
        |stat: &Map<String, Value>| metric(stat.get("Metric")?.as_object()?, text(stat, "Stat"), span(stat, "Period"));
    Ok(Query {
        id: text(found, "Id").ok_or_else(|| Error::missing("the id of a query"))?,
        metric: stat.and_then(of_stat),
        expression: text(found, "Expression").map(Field::Known),
        period: span(found, "Period"),
        label: text(found, "Label"),
        returns: found.get("ReturnData").and_then(Value::as_bool).unwrap_or(true),
    })
}

fn suppressor(found: &Map<String, Value>) -> Option<Suppressor> {
    Some(Suppressor {
        alarm: Field::Known(text(found, "ActionsSuppressor")?),
        wait: span(found, "ActionsSuppressorWaitPeriod")?,
        extension: span(found, "ActionsSuppressorExtensionPeriod")?,
    })
}

/// The alarm that AWS shows.
pub(super) fn read(found: &Map<String, Value>) -> Result<(Alarm, Novel), Error> {
    let mut novel = Novel::new();
    let word = |name: &str| found.get(name).and_then(Value::as_str);
    let count = |name: &str| found.get(name).and_then(Value::as_u64).and_then(|n| u32::try_from(n).ok());
    let list = |name: &str| {
        let all = found.get(name).and_then(Value::as_array).into_iter().flatten();
        all.filter_map(Value::as_str).map(|arn| Field::Known(arn.to_owned())).collect()
    };
    let queries = found.get("Metrics").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object);
    let statistic = text(found, "Statistic").or_else(|| text(found, "ExtendedStatistic"));
    let alarm = Alarm {
        name: text(found, "AlarmName"),
        description: text(found, "AlarmDescription"),
        metric: metric(found, statistic, span(found, "Period")),
        queries: queries.map(query).collect::<Result<_, _>>()?,
        rule: text(found, "AlarmRule").map(Field::Known),
        suppressor: suppressor(found),
        comparison: word("ComparisonOperator")
            .map(|word| known(word, "comparison", Comparison::GreaterThanThreshold, &mut novel)),
        threshold: found.get("Threshold").and_then(Value::as_number).cloned(),
        band: text(found, "ThresholdMetricId"),
        periods: count("EvaluationPeriods").unwrap_or_else(one),
        datapoints: count("DatapointsToAlarm"),
        missing: known(word("TreatMissingData").unwrap_or("missing"), "missing", NoData::Missing, &mut novel),
        warm_up: found.get("WarmUpConfiguration").and_then(|it| Some(Span::from_seconds(it[WARM_UP].as_u64()? * 60))),
        actions_enabled: found.get("ActionsEnabled").and_then(Value::as_bool).unwrap_or(true),
        alarm_actions: list("AlarmActions"),
        ok_actions: list("OKActions"),
        insufficient_data_actions: list("InsufficientDataActions"),
    };
    Ok((alarm, novel))
}
