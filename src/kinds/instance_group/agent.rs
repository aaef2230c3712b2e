//! What the CloudWatch agent of machines publishes, where their boot script is handed its configuration (CloudWatch user
//! guide, "Manually create or edit the CloudWatch agent configuration file").
use super::boot::Boot;
use crate::{catalog::InstanceType, field::Field};
use rust_decimal::prelude::ToPrimitive;
use serde_json::Value;
use std::collections::BTreeSet;

/// A configuration of the agent.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Agent {
    /// `CWAgent`, unless it names another.
    pub(crate) namespace: String,
    /// What is measured.
    pub(crate) metrics: Vec<Measured>,
    /// Each metric is sent once more for each of these sets of dimensions.
    sets: Vec<BTreeSet<String>>,
}

/// A metric that the agent sends.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Measured {
    /// Its whole name: `nvidia_smi_utilization_gpu`.
    pub(crate) name: String,
    section: String,
    /// With what it is sent for each device of each machine; nothing where only sums are.
    devices: Option<BTreeSet<String>>,
}

/// A section's prefix of names, and what tells its devices apart.
const SECTIONS: [(&str, &str, &[&str]); 7] = [
    ("nvidia_gpu", "nvidia_smi_", &["arch", "index", "name"]),
    ("efa", "efa_", &["device", "eniId", "port"]),
    ("cpu", "cpu_", &["cpu"]),
    ("disk", "disk_", &["device", "fstype", "path"]),
    ("diskio", "diskio_", &["name"]),
    ("net", "net_", &["interface"]),
    ("mem", "mem_", &[]),
];

impl Boot {
    /// The agents that the script's environment configures.
    pub(crate) fn agents(&self) -> impl Iterator<Item = Agent> + '_ {
        let texts = self.env.values().filter_map(Field::known).filter(|text| text.contains("metrics_collected"));
        texts.filter_map(|text| Agent::read(text))
    }
}

impl Agent {
    fn read(text: &str) -> Option<Self> {
        let config: Value = serde_json::from_str(text).ok()?;
        let metrics = config.get("metrics")?;
        let appended: BTreeSet<String> =
            metrics["append_dimensions"].as_object().into_iter().flatten().map(key).collect();
        let mut out = Self {
            namespace: metrics["namespace"].as_str().unwrap_or("CWAgent").to_owned(),
            metrics: Vec::new(),
            sets: metrics["aggregation_dimensions"].as_array().into_iter().flatten().map(texts).collect(),
        };
        for (section, fields) in metrics["metrics_collected"].as_object()? {
            let known = SECTIONS.iter().find(|(name, ..)| name == section);
            let Some((_, prefix, devices)) = known else { continue };
            let mut whole = appended.clone();
            whole.extend(devices.iter().map(|name| (*name).to_owned()));
            whole.extend(fields["append_dimensions"].as_object().into_iter().flatten().map(key));
            if appended.is_empty() {
                whole.insert("host".to_owned());
            }
            let dropped = texts(&fields["drop_original_metrics"]);
            for one in fields["measurement"].as_array().into_iter().flatten() {
                let Some(bare) = one.as_str().or_else(|| one["name"].as_str()) else { continue };
                let full = if bare.starts_with(prefix) { bare.to_owned() } else { format!("{prefix}{bare}") };
                let devices = (!dropped.contains(&full) && !dropped.contains(bare)).then(|| whole.clone());
                let name = one["rename"].as_str().map_or(full, str::to_owned);
                out.metrics.push(Measured { name, section: section.clone(), devices });
            }
        }
        Some(out)
    }

    /// Every set of dimensions that a metric is sent with.
    pub(crate) fn dimensions<'a>(&'a self, of: &'a Measured) -> impl Iterator<Item = &'a BTreeSet<String>> {
        self.sets.iter().chain(&of.devices)
    }

    /// How many metrics that are paid for so many machines make of it, as far as the devices are known.
    pub(crate) fn series(&self, machines: u32, facts: Option<&InstanceType>) -> u32 {
        let of = |metric: &Measured| {
            let devices = match (metric.section.as_str(), facts) {
                ("nvidia_gpu", Some(facts)) => facts.gpus().ceil().to_u32().unwrap_or(1),
                ("efa", Some(facts)) => facts.efa_interfaces,
                _ => 1,
            };
            let single = metric.devices.as_ref().map_or(0, |_| machines.saturating_mul(devices.max(1)));
            let several = self.sets.iter().map(|set| if set.contains("InstanceId") { machines } else { 1 });
            single.saturating_add(several.sum())
        };
        self.metrics.iter().map(of).fold(0, u32::saturating_add)
    }
}

fn key((name, _): (&String, &Value)) -> String {
    name.clone()
}

fn texts(list: &Value) -> BTreeSet<String> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog;

    #[test]
    fn what_it_sends_follows_from_its_configuration() {
        let config = r#"{"metrics": {
            "append_dimensions": {"InstanceId": "x", "InstanceType": "y"},
            "aggregation_dimensions": [["InstanceType"], ["InstanceId"]],
            "metrics_collected": {
                "nvidia_gpu": {"measurement": ["utilization_gpu", {"name": "temperature_gpu", "rename": "heat"}]},
                "mem": {"measurement": ["mem_used_percent"], "drop_original_metrics": ["mem_used_percent"]},
                "statsd": {}
            }
        }}"#;
        let agent = Agent::read(config).unwrap();
        assert_eq!(agent.namespace, "CWAgent");
        let sets = |name: &str| -> Vec<String> {
            let metric = agent.metrics.iter().find(|metric| metric.name == name).unwrap();
            agent.dimensions(metric).map(|set| set.iter().cloned().collect::<Vec<_>>().join(" ")).collect()
        };
        assert_eq!(
            sets("nvidia_smi_utilization_gpu"),
            ["InstanceType", "InstanceId", "InstanceId InstanceType arch index name"]
        );
        assert_eq!(sets("heat").len(), 3);
        assert_eq!(sets("mem_used_percent"), ["InstanceType", "InstanceId"]);
        // Of two machines with eight GPUs: 2 x (16 + 1 + 2), and 1 + 2 of the memory.
        assert_eq!(agent.series(2, catalog::instance_type("p5.48xlarge").ok()), 41);
        assert_eq!(Agent::read("{}"), None);
    }
}
