//! A Terraform state file (version 4): which objects it lists, by the kinds that dlinfra knows.
//!
//! A state may hold secrets. Nothing but addresses, ids, ARNs and the `Name` tag is taken out of it, and no error
//! repeats what stands in it.
use crate::terraform::codes;
use crate::{diagnostic::Diagnostic, kind::Kind, resource::Id};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// An object of a kind that dlinfra has.
#[derive(Debug, Clone, PartialEq)]
pub struct Object {
    /// `module.net.aws_subnet.private[0]`; all instances of one `aws_instance` are one object.
    pub name: String,
    /// `private`.
    pub label: String,
    /// The kind of dlinfra.
    pub kind: &'static str,
    /// Its id; of a group, those of its members.
    pub ids: Vec<Id>,
    /// The address of each id.
    pub members: Vec<String>,
    /// Its `Name` tag.
    pub name_tag: Option<String>,
    /// Its ARNs, which say account and region.
    pub arns: Vec<String>,
}

/// Something that is part of an object in dlinfra (a rule, an association, a profile).
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// `aws_route_table_association.private[0]`.
    pub name: String,
    /// Ids that it mentions, one of which is the object's.
    pub of: BTreeSet<Id>,
}

/// What a state lists.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct State {
    /// Objects that can be imported.
    pub objects: Vec<Object>,
    /// What goes with them.
    pub parts: Vec<Part>,
    /// What dlinfra has no kind for.
    pub left: Vec<String>,
}

/// Terraform's types that are parts of a kind here, with the attributes that name what they belong to.
const PARTS: &[(&str, &[&str])] = &[
    ("aws_cloudwatch_event_target", &["rule"]),
    ("aws_cloudwatch_log_metric_filter", &["log_group_name"]),
    ("aws_eip", &["id"]),
    ("aws_fsx_data_repository_association", &["file_system_id"]),
    ("aws_iam_instance_profile", &["role"]),
    ("aws_iam_role_policies_exclusive", &["role_name"]),
    ("aws_iam_role_policy", &["role"]),
    ("aws_iam_role_policy_attachment", &["role"]),
    ("aws_iam_role_policy_attachments_exclusive", &["role_name"]),
    ("aws_internet_gateway_attachment", &["internet_gateway_id"]),
    ("aws_lb_listener", &["load_balancer_arn"]),
    ("aws_placement_group", &["id"]),
    ("aws_route", &["route_table_id"]),
    ("aws_route_table_association", &["route_table_id"]),
    ("aws_s3_bucket_lifecycle_configuration", &["bucket"]),
    ("aws_s3_bucket_ownership_controls", &["bucket"]),
    ("aws_s3_bucket_policy", &["bucket"]),
    ("aws_s3_bucket_public_access_block", &["bucket"]),
    ("aws_s3_bucket_server_side_encryption_configuration", &["bucket"]),
    ("aws_s3_bucket_versioning", &["bucket"]),
    ("aws_security_group_rule", &["security_group_id"]),
    ("aws_sns_topic_policy", &["arn"]),
    ("aws_sns_topic_subscription", &["topic_arn"]),
    ("aws_sqs_queue_policy", &["queue_url"]),
    ("aws_sqs_queue_redrive_policy", &["queue_url"]),
    ("aws_vpc_security_group_egress_rule", &["security_group_id"]),
    ("aws_vpc_security_group_ingress_rule", &["security_group_id"]),
];

/// Reads a state.
///
/// # Errors
/// No JSON, no state, or another version; says where, never what.
pub fn parse(text: &str, kinds: &[&'static dyn Kind]) -> Result<State, Diagnostic> {
    let wrong = |why: &str| {
        Diagnostic::error(&codes::TERRAFORM_STATE, format!("the Terraform state cannot be read: {why}")).with_help(
            "give a state of version 4, as Terraform writes it since 0.12: `terraform state pull > terraform.tfstate`",
        )
    };
    // The parser's own words may repeat a value: only the position is kept.
    let root: Value = serde_json::from_str(text)
        .map_err(|e| wrong(&format!("it is not JSON (line {}, column {})", e.line(), e.column())))?;
    match root.get("version").and_then(Value::as_u64) {
        Some(4) => {}
        Some(other) => return Err(wrong(&format!("it has version {other}"))),
        None if root.get("encrypted_data").is_some() => return Err(wrong("it is encrypted")),
        None => return Err(wrong("it states no version")),
    }
    let resources = root.get("resources").and_then(Value::as_array).ok_or_else(|| wrong("it lists no resources"))?;
    let (mut out, mut used) = (State::default(), BTreeMap::<String, Id>::new());
    let mut alone = BTreeMap::new();
    for resource in resources.iter().filter(|r| r.get("mode").and_then(Value::as_str) == Some("managed")) {
        take(resource, kinds, &mut out, &mut used, &mut alone)
            .ok_or_else(|| wrong("a resource has no type, name or instances"))?;
    }
    // An address or placement group that nothing of the state uses stands for itself.
    let stray = |p: &Part| {
        let own = [".aws_eip.", ".aws_placement_group."].iter().any(|t| format!(".{}", p.name).contains(t));
        own && !p.of.iter().any(|id| used.contains_key(id))
    };
    let (strays, parts): (Vec<Part>, Vec<Part>) = std::mem::take(&mut out.parts).into_iter().partition(stray);
    out.parts = parts;
    for stray in strays {
        match alone.remove(&stray.name) {
            Some(object) => out.objects.push(object),
            None => out.left.push(stray.name),
        }
    }
    for part in &mut out.parts {
        let owners: Vec<Id> = part.of.iter().filter_map(|id| used.get(id).cloned()).collect();
        part.of.extend(owners);
    }
    out.left.sort();
    out.objects.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(out)
}

/// The id that AWS gives it, where Terraform goes by its name.
fn id_of<'a>(tf_type: &str, attribute: &impl Fn(&str) -> Option<&'a str>) -> Option<&'a str> {
    match tf_type {
        "aws_key_pair" => attribute("key_pair_id"),
        "aws_placement_group" => attribute("placement_group_id"),
        _ => attribute("id"),
    }
}

/// One resource of the state; `None` = it does not have the shape of one. `alone` is what a part would be that belongs to
/// nothing.
fn take(
    resource: &Value,
    kinds: &[&'static dyn Kind],
    out: &mut State,
    used: &mut BTreeMap<String, Id>,
    alone: &mut BTreeMap<String, Object>,
) -> Option<()> {
    let text = |key: &str| resource.get(key).and_then(Value::as_str);
    let (tf_type, label) = (text("type")?, text("name")?);
    let base = match text("module") {
        Some(module) => format!("{module}.{tf_type}.{label}"),
        None => format!("{tf_type}.{label}"),
    };
    let kind = kinds.iter().find(|k| k.about().terraform == tf_type && !tf_type.is_empty()).map(|k| k.name());
    let part = PARTS.iter().find(|(name, _)| *name == tf_type).map(|(_, keys)| *keys);
    let mut group: Option<Object> = None;
    for instance in resource.get("instances")?.as_array()? {
        let name = match instance.get("index_key") {
            Some(Value::Number(n)) => format!("{base}[{n}]"),
            Some(Value::String(key)) => format!("{base}[\"{key}\"]"),
            _ => base.clone(),
        };
        let attributes = instance.get("attributes")?;
        let attribute = |key: &str| attributes.get(key).and_then(Value::as_str).filter(|v| !v.is_empty());
        let tag = attributes.get("tags").and_then(|t| t.get("Name")).and_then(Value::as_str);
        let object = |kind: &'static str, id: &str| Object {
            name: name.clone(),
            label: label.to_owned(),
            kind,
            ids: vec![id.to_owned()],
            members: vec![name.clone()],
            name_tag: tag.map(str::to_owned),
            arns: attribute("arn").map(str::to_owned).into_iter().collect(),
        };
        // A deposed object is on its way out.
        let found = kind.zip(id_of(tf_type, &attribute)).filter(|_| instance.get("deposed").is_none());
        if let Some(keys) = part {
            alone.extend(found.map(|(kind, id)| (name.clone(), object(kind, id))));
            let of = keys.iter().filter_map(|k| attribute(k).map(str::to_owned)).collect();
            out.parts.push(Part { name, of });
            continue;
        }
        let Some((kind, id)) = found else {
            out.left.push(name);
            continue;
        };
        used.extend(attribute("allocation_id").map(|address| (address.to_owned(), id.to_owned())));
        used.extend(attribute("placement_group").map(|group| (group.to_owned(), id.to_owned())));
        let object = object(kind, id);
        match (&mut group, tf_type) {
            (Some(group), "aws_instance") => {
                group.ids.extend(object.ids);
                group.members.extend(object.members);
                group.arns.extend(object.arns);
            }
            (_, "aws_instance") => group = Some(Object { name: base.clone(), ..object }),
            _ => out.objects.push(object),
        }
    }
    out.objects.extend(group);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::KINDS;
    use serde_json::json;

    fn instance(id: &str, extra: &Value) -> Value {
        let mut attributes = json!({ "id": id });
        attributes.as_object_mut().unwrap().extend(extra.as_object().cloned().unwrap_or_default());
        json!({ "schema_version": 1, "attributes": attributes })
    }

    fn resource(tf_type: &str, name: &str, instances: &[Value]) -> Value {
        json!({ "mode": "managed", "type": tf_type, "name": name, "instances": instances })
    }

    fn state(resources: &[Value]) -> String {
        json!({ "version": 4, "terraform_version": "1.11.4", "serial": 3, "lineage": "x", "outputs": {}, "resources": resources })
            .to_string()
    }

    #[test]
    fn objects_parts_and_what_is_left() {
        let mut second = instance("i-2", &json!({}));
        second["index_key"] = json!(1);
        let mut first =
            instance("i-1", &json!({ "placement_group": "pg", "arn": "arn:aws:ec2:us-east-1:1:instance/i-1" }));
        first["index_key"] = json!(0);
        let mut keyed = instance("subnet-1", &json!({ "tags": { "Name": "a" } }));
        keyed["index_key"] = json!("a");
        let mut nested = resource("aws_subnet", "private", &[keyed]);
        nested["module"] = json!("module.net");
        let found = parse(
            &state(&[
                nested,
                resource("aws_nat_gateway", "nat", &[instance("nat-1", &json!({ "allocation_id": "eipalloc-1" }))]),
                resource("aws_eip", "nat", &[instance("eipalloc-1", &json!({}))]),
                resource("aws_eip", "office", &[instance("eipalloc-2", &json!({}))]),
                resource("aws_instance", "node", &[first, second]),
                resource("aws_placement_group", "near", &[instance("pg", &json!({}))]),
                resource("aws_key_pair", "laptop", &[instance("laptop", &json!({ "key_pair_id": "key-1" }))]),
                resource("aws_placement_group", "far", &[instance("apart", &json!({ "placement_group_id": "pg-2" }))]),
                resource("aws_db_instance", "db", &[instance("db-1", &json!({ "password": "hunter2" }))]),
                json!({ "mode": "data", "type": "aws_ami", "name": "x", "instances": [] }),
            ]),
            KINDS,
        )
        .unwrap();
        let names: Vec<_> = found.objects.iter().map(|o| (o.name.as_str(), o.kind, o.ids.join(" "))).collect();
        assert_eq!(
            names,
            [
                ("aws_eip.office", "elastic-ip", "eipalloc-2".to_owned()),
                ("aws_instance.node", "instance-group", "i-1 i-2".to_owned()),
                ("aws_key_pair.laptop", "key-pair", "key-1".to_owned()),
                ("aws_nat_gateway.nat", "nat-gateway", "nat-1".to_owned()),
                ("aws_placement_group.far", "placement-group", "pg-2".to_owned()),
                ("module.net.aws_subnet.private[\"a\"]", "subnet", "subnet-1".to_owned()),
            ]
        );
        assert_eq!(found.objects[1].members, ["aws_instance.node[0]", "aws_instance.node[1]"]);
        assert_eq!(found.left, ["aws_db_instance.db"]);
        let parts: Vec<_> = found.parts.iter().map(|p| (p.name.as_str(), p.of.contains("nat-1"))).collect();
        assert_eq!(parts, [("aws_eip.nat", true), ("aws_placement_group.near", false)]);
        assert!(!format!("{found:?}").contains("hunter2"));
    }

    #[test]
    fn errors_say_where_and_never_what() {
        for (text, expected) in [
            ("{\"version\": 4, \"resources\": [hunter2", "it is not JSON (line 1"),
            ("{\"version\": 3, \"modules\": [\"hunter2\"]}", "version 3"),
            ("{\"encrypted_data\": \"hunter2\"}", "encrypted"),
            (
                "{\"version\": 4, \"resources\": [{\"mode\": \"managed\", \"type\": \"hunter2\"}]}",
                "no type, name or instances",
            ),
        ] {
            let error = parse(text, KINDS).unwrap_err();
            assert!(error.summary.contains(expected), "{}", error.summary);
            assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
        }
    }
}
