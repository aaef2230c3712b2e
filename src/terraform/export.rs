//! Import blocks: a stack as Terraform 1.5 and later takes it over, each object with the id that the AWS provider wants.
use crate::{
    address::Address,
    call::Scope,
    resource::{Live, State},
    snapshot::{Found, Snapshot},
    spec::{self, Node},
};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// One object for Terraform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// `aws_vpc.network_vpc`.
    pub to: String,
    /// The id in the provider's form.
    pub id: String,
    /// Whose it is in dlinfra.
    pub address: String,
}

/// What is exported, and what Terraform cannot take.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Export {
    /// Import blocks.
    pub blocks: Vec<Block>,
    /// Resources that were left out, and why.
    pub left: Vec<(String, String)>,
}

/// Gathers blocks with names that are legal and unique for each type.
struct Names {
    out: Export,
    taken: BTreeSet<String>,
}

impl Names {
    fn add(&mut self, address: &Address, tf_type: &str, suffix: &str, id: &str) {
        let mut name: String =
            address.as_str().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        for c in suffix.chars() {
            name.push(if c.is_ascii_alphanumeric() { c } else { '_' });
        }
        let mut to = format!("{tf_type}.{name}");
        let mut number = 2;
        while !self.taken.insert(to.clone()) {
            to = format!("{tf_type}.{name}_{number}");
            number += 1;
        }
        self.out.blocks.push(Block { to, id: id.to_owned(), address: address.to_string() });
    }
}

/// Everything that the stack owns.
pub fn export(scope: &Scope, snapshot: &Snapshot) -> Export {
    let mut names = Names { out: Export::default(), taken: BTreeSet::new() };
    let ids: BTreeMap<&str, &str> = snapshot
        .owned
        .iter()
        .chain(&snapshot.existing)
        .map(|(address, found)| (address.as_str(), found.live.id.as_str()))
        .collect();
    for (address, found) in &snapshot.owned {
        let why = match &found.live.state {
            State::Partial => Some("only a part of it exists"),
            State::Deleting => Some("it is being deleted"),
            State::Failed(_) => Some("AWS reports that it failed"),
            _ => None,
        };
        match why {
            Some(why) => names.out.left.push((address.to_string(), why.to_owned())),
            None => object(scope, &ids, &mut names, address, found),
        }
    }
    names.out
}

fn object(scope: &Scope, ids: &BTreeMap<&str, &str>, names: &mut Names, address: &Address, found: &Found) {
    let live = &found.live;
    let id = live.id.as_str();
    let output = |name: &str| live.outputs.get(name).and_then(Value::as_str);
    let mut add = |tf_type: &str, suffix: &str, id: &str| names.add(address, tf_type, suffix, id);
    match found.kind.about().terraform {
        "" => {
            let why = format!("Terraform's type for a {} is not known", found.kind.name());
            names.out.left.push((address.to_string(), why));
        }
        "aws_nat_gateway" => {
            add("aws_nat_gateway", "", id);
            live.parts.values().for_each(|part| add("aws_eip", "", part));
        }
        "aws_route_table" => {
            add("aws_route_table", "", id);
            for (number, subnet) in pointers(live, "subnets", ids).iter().enumerate() {
                add("aws_route_table_association", &format!("_{number}"), &format!("{subnet}/{id}"));
            }
        }
        "aws_iam_role" => role(scope, live, &mut add),
        "aws_instance" => {
            let many = live.members.len() > 1;
            for (number, member) in live.members.iter().enumerate() {
                add("aws_instance", &if many { format!("_{number}") } else { String::new() }, &member.id);
            }
            if let Some(group) = live.outputs.get("placement_group").and_then(Value::as_str)
                && live.parts.contains_key("placement")
            {
                add("aws_placement_group", "", group);
            }
        }
        "aws_fsx_lustre_file_system" => {
            add("aws_fsx_lustre_file_system", "", id);
            let many = live.parts.len() > 1;
            for (number, link) in live.parts.values().enumerate() {
                let suffix = if many { format!("_{number}") } else { String::new() };
                add("aws_fsx_data_repository_association", &suffix, link);
            }
        }
        "aws_s3_bucket" => bucket(live, &mut add),
        "aws_cloudwatch_event_rule" => {
            add("aws_cloudwatch_event_rule", "", id);
            let targets = live.spec.get("targets").and_then(Value::as_array).into_iter().flatten();
            for name in targets.filter_map(|target| target.get("name")?.as_str()) {
                add("aws_cloudwatch_event_target", &format!("_{name}"), &format!("{id}/{name}"));
            }
        }
        "aws_cloudwatch_log_group" => {
            add("aws_cloudwatch_log_group", "", id);
            let filters = live.spec.get("metric_filters").and_then(Value::as_array).into_iter().flatten();
            for name in filters.filter_map(|filter| filter.get("name")?.as_str()) {
                add("aws_cloudwatch_log_metric_filter", &format!("_{name}"), &format!("{id}:{name}"));
            }
        }
        "aws_lb" => {
            add("aws_lb", "", output("arn").unwrap_or(id));
            for (part, arn) in &live.parts {
                let mut words = part.split(' ');
                let kind = match words.next() {
                    Some("target-group") => "aws_lb_target_group",
                    Some("listener") => "aws_lb_listener",
                    _ => "aws_lb_listener_rule",
                };
                // What listeners call a group; the port, and the priority of a rule.
                let name = words.take(if kind == "aws_lb_target_group" { 1 } else { 2 });
                add(kind, &name.map(|word| format!("_{word}")).collect::<String>(), arn);
            }
        }
        // Terraform goes by their names.
        by_name @ ("aws_key_pair" | "aws_placement_group") => add(by_name, "", output("name").unwrap_or(id)),
        // Terraform does not go by their names.
        "aws_sns_topic" => add("aws_sns_topic", "", output("arn").unwrap_or(id)),
        "aws_sqs_queue" => add("aws_sqs_queue", "", output("url").unwrap_or(id)),
        plain => add(plain, "", id),
    }
}

fn role(scope: &Scope, live: &Live, add: &mut dyn FnMut(&str, &str, &str)) {
    let id = live.id.as_str();
    add("aws_iam_role", "", id);
    let spec = |key: &str| live.spec.get(key);
    for policy in spec("policies").and_then(Value::as_object).into_iter().flat_map(|m| m.keys()) {
        add("aws_iam_role_policy", &format!("_{policy}"), &format!("{id}:{policy}"));
    }
    let managed = spec("managed_policies").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    for policy in managed {
        let arn = match policy.starts_with("arn:") {
            true => policy.to_owned(),
            false => format!("arn:{}:iam::aws:policy/{policy}", scope.partition),
        };
        let name = policy.rsplit('/').next().unwrap_or(policy);
        add("aws_iam_role_policy_attachment", &format!("_{name}"), &format!("{id}/{arn}"));
    }
    for profile in live.parts.values() {
        add("aws_iam_instance_profile", "", profile);
    }
}

fn bucket(live: &Live, add: &mut dyn FnMut(&str, &str, &str)) {
    let id = live.id.as_str();
    add("aws_s3_bucket", "", id);
    let set = |key: &str| match live.spec.get(key) {
        None | Some(Value::Null | Value::Bool(false)) => false,
        Some(Value::Array(items)) => !items.is_empty(),
        Some(_) => true,
    };
    add("aws_s3_bucket_server_side_encryption_configuration", "", id);
    if set("versioning") {
        add("aws_s3_bucket_versioning", "", id);
    }
    if set("closed") {
        add("aws_s3_bucket_public_access_block", "", id);
        add("aws_s3_bucket_ownership_controls", "", id);
    }
    if set("closed") || set("policy") {
        add("aws_s3_bucket_policy", "", id);
    }
    if set("lifecycle") || set("abort_incomplete_uploads") {
        add("aws_s3_bucket_lifecycle_configuration", "", id);
    }
}

/// The ids that a list of pointers means.
fn pointers(live: &Live, field: &str, ids: &BTreeMap<&str, &str>) -> Vec<String> {
    let items = live.spec.get(field).and_then(Value::as_array).into_iter().flatten();
    let id = |value: &Value| match spec::node(value) {
        Node::Pointer { id: Some(id), .. } => Some(id.to_owned()),
        Node::Pointer { address: Some(address), .. } => ids.get(address).map(|id| (*id).to_owned()),
        _ => None,
    };
    items.filter_map(id).collect()
}

/// A string of Terraform's language: no value can end it or begin an expression.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    let mut letters = text.chars().peekable();
    while let Some(c) = letters.next() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '$' | '%' if letters.peek() == Some(&'{') => {
                out.push(c);
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// The file, as `terraform fmt` leaves it.
pub fn text(scope: &Scope, export: &Export) -> String {
    let mut out = format!(
        "# The stack {stack} for Terraform: {count} objects.\n\
         #\n\
         #   terraform init\n\
         #   terraform plan -generate-config-out=generated.tf   # writes the resources; read them\n\
         #   terraform apply                                    # imports; changes nothing else\n\
         #\n\
         # From then on use dlinfra no more for this stack. Its tags are ignored below, so that nothing is changed for them.\n\n\
         terraform {{\n  required_version = \">= 1.5.0\"\n\n  required_providers {{\n    aws = {{\n      \
         source  = \"hashicorp/aws\"\n      version = \">= 5.0\"\n    }}\n  }}\n}}\n\n\
         provider \"aws\" {{\n  region              = {region}\n  allowed_account_ids = [{account}]\n\n  \
         ignore_tags {{\n    key_prefixes = [\"dlinfra:\"]\n  }}\n}}\n",
        stack = scope.stack,
        count = export.blocks.len(),
        region = quoted(&scope.region),
        account = quoted(&scope.account),
    );
    let mut last = "";
    for block in &export.blocks {
        let comment = if block.address == last { String::new() } else { format!("# {}\n", block.address) };
        last = &block.address;
        let _ = write!(out, "\n{comment}import {{\n  to = {}\n  id = {}\n}}\n", block.to, quoted(&block.id));
    }
    for (address, why) in &export.left {
        let _ = write!(out, "\n# Left out: {address}: {why}.\n");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_cannot_be_left() {
        assert_eq!(quoted(r#"a"b\c${d}%{e}$f"#), r#""a\"b\\c$${d}%%{e}$f""#);
    }

    #[test]
    fn names_are_legal_and_unique() {
        let mut names = Names { out: Export::default(), taken: BTreeSet::new() };
        for address in ["a.b", "a_b", "worker/us-east-1a.group"] {
            names.add(&Address::parse(address).unwrap(), "aws_vpc", "", "vpc-1");
        }
        let to: Vec<_> = names.out.blocks.iter().map(|b| b.to.as_str()).collect();
        assert_eq!(to, ["aws_vpc.a_b", "aws_vpc.a_b_2", "aws_vpc.worker_us_east_1a_group"]);
    }
}
