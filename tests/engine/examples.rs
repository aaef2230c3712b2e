//! An example of every kind with a change of every field; the conformance tests run each through its whole life.
use crate::{kinds, stage::wanted};
use dlinfra::plan::{ChangeClass, Wanted};
use serde_json::{Value, json};

/// The address of the resource that an example is about.
pub(crate) const IT: &str = "it";

/// A change of one field (and of what must change with it), and what the plan must call it.
pub(crate) struct Change {
    pub(crate) field: &'static str,
    /// Values of top-level fields.
    pub(crate) patch: Value,
    pub(crate) class: ChangeClass,
    /// Applied too; otherwise only planned.
    pub(crate) applied: bool,
}

/// One resource of a kind.
pub(crate) struct Example {
    pub(crate) kind: &'static str,
    /// What it needs, by address.
    pub(crate) needs: &'static [&'static str],
    pub(crate) spec: Value,
    /// Each on top of the applied ones before it.
    pub(crate) changes: Vec<Change>,
    /// Fields that no change of a plan shows, and why.
    pub(crate) silent: &'static [(&'static str, &'static str)],
}

pub(crate) fn change(field: &'static str, patch: Value, class: ChangeClass, applied: bool) -> Change {
    Change { field, patch, class, applied }
}
pub(crate) fn in_place(field: &'static str, patch: Value) -> Change {
    change(field, patch, ChangeClass::InPlace, true)
}
pub(crate) fn rolling(field: &'static str, patch: Value) -> Change {
    change(field, patch, ChangeClass::Rolling, true)
}
pub(crate) fn replace(field: &'static str, patch: Value) -> Change {
    change(field, patch, ChangeClass::Replace, true)
}
pub(crate) fn destroys(field: &'static str, patch: Value) -> Change {
    change(field, patch, ChangeClass::DestroysData, false)
}

fn to(address: &str) -> Value {
    json!({ "$ref": address })
}

/// Resources that examples stand on.
fn ground(address: &str) -> Wanted {
    let (kind, spec) = match address {
        "vpc" | "other-vpc" => ("vpc", json!({ "cidr": "10.0.0.0/16" })),
        "igw" => ("internet-gateway", json!({ "vpc": to("vpc") })),
        "a" => ("subnet", json!({ "vpc": to("vpc"), "cidr": "10.0.16.0/20", "zone": "us-east-1a", "public": true })),
        "b" => ("subnet", json!({ "vpc": to("vpc"), "cidr": "10.0.32.0/20", "zone": "us-east-1a" })),
        "c" => ("subnet", json!({ "vpc": to("vpc"), "cidr": "10.0.48.0/20", "zone": "us-east-1b" })),
        "d" => ("subnet", json!({ "vpc": to("vpc"), "cidr": "10.0.64.0/20", "zone": "us-east-1c" })),
        "servers" => (
            "instance-group",
            json!({ "instance_type": "t3.micro", "count": 1, "subnet": to("a"), "image": "al2023",
                "interfaces": { "security_groups": [to("group")] } }),
        ),
        "group" | "other-group" => (
            "security-group",
            json!({ "vpc": to("vpc"), "ingress": [{ "protocol": "all", "self": true }],
                "egress": [{ "protocol": "all", "self": true }, { "protocol": "all", "cidr": "0.0.0.0/0" }] }),
        ),
        "role" => ("iam-role", json!({ "trust": ["ec2.amazonaws.com"], "instance_profile": true })),
        "serve-role" | "other-serve-role" => ("iam-role", json!({ "trust": ["sagemaker.amazonaws.com"] })),
        "host" | "other-host" => {
            let machines = |name: &str| json!({ "name": name, "instance_type": "ml.m5.xlarge", "managed_scaling": { "min": 1, "max": 4 } });
            let variants = [machines("main"), machines("second")];
            ("sagemaker-endpoint", json!({ "role": to("serve-role"), "variants": variants }))
        }
        "table" | "other-table" => ("route-table", json!({ "vpc": to("vpc") })),
        "far-table" => ("route-table", json!({ "vpc": to("other-vpc") })),
        "address" => ("elastic-ip", json!({})),
        "shared" => ("placement-group", json!({})),
        "bucket" => ("bucket", json!({})),
        "fever" | "fire" => (
            "alarm",
            json!({
                "name": address, "metric": { "namespace": "CWAgent", "name": address },
                "comparison": "greater-than-threshold", "threshold": 1,
            }),
        ),
        "function-role" | "other-function-role" => ("iam-role", json!({ "trust": ["lambda.amazonaws.com"] })),
        "flow-role" | "other-flow-role" => ("iam-role", json!({ "trust": ["vpc-flow-logs.amazonaws.com"] })),
        "schedule-role" => ("iam-role", json!({ "trust": ["scheduler.amazonaws.com"] })),
        "log" | "other-log" => ("log-group", json!({})),
        "queue" => ("queue", json!({ "name": "for-dead-letters" })),
        other => panic!("{other} has no ground"),
    };
    wanted(address, kind, spec)
}

impl Example {
    /// Everything with the resource at these values.
    pub(crate) fn stack(&self, spec: &Value) -> Vec<Wanted> {
        let mut out: Vec<Wanted> = self.needs.iter().map(|a| ground(a)).collect();
        out.push(wanted(IT, self.kind, spec.clone()));
        out
    }
}

/// A copy of `spec` with the fields of `patch`.
pub(crate) fn merged(spec: &Value, patch: &Value) -> Value {
    let mut out = spec.clone();
    out.as_object_mut().unwrap().extend(patch.as_object().unwrap().clone());
    out
}

const KEY: &str = "arn:aws:kms:us-east-1:000000000000:key/11111111-2222-3333-4444-555555555555";

/// The examples of a kind; none = the kind needs one here.
pub(crate) fn of(kind: &str) -> Vec<Example> {
    match kind {
        "vpc" => vec![vpc()],
        "subnet" => vec![subnet()],
        "internet-gateway" => vec![internet_gateway()],
        "nat-gateway" => vec![nat_gateway()],
        "route-table" => vec![route_table()],
        "security-group" => vec![security_group()],
        "iam-role" => vec![iam_role()],
        "bucket" => vec![bucket()],
        "fsx-lustre" => vec![scratch(), older(), persistent(), tiered()],
        "instance-group" => vec![instance_group()],
        other => kinds::examples(other),
    }
}

fn vpc() -> Example {
    Example {
        kind: "vpc",
        needs: &[],
        spec: json!({ "cidr": "10.0.0.0/16" }),
        changes: vec![
            in_place("dns_hostnames", json!({ "dns_hostnames": false })),
            in_place("dns_support", json!({ "dns_support": false })),
            replace("cidr", json!({ "cidr": "10.1.0.0/16" })),
        ],
        silent: &[],
    }
}

fn subnet() -> Example {
    Example {
        kind: "subnet",
        needs: &["vpc", "other-vpc"],
        spec: json!({ "vpc": to("vpc"), "cidr": "10.0.0.0/24", "zone": "us-east-1a" }),
        changes: vec![
            in_place("public", json!({ "public": true })),
            replace("cidr", json!({ "cidr": "10.0.1.0/24" })),
            replace("zone", json!({ "zone": "us-east-1b" })),
            replace("vpc", json!({ "vpc": to("other-vpc") })),
        ],
        silent: &[("alternatives", "what the planner chooses the range from")],
    }
}

fn internet_gateway() -> Example {
    Example {
        kind: "internet-gateway",
        needs: &["vpc", "other-vpc"],
        spec: json!({ "vpc": to("vpc") }),
        changes: vec![in_place("vpc", json!({ "vpc": to("other-vpc") }))],
        silent: &[],
    }
}

fn nat_gateway() -> Example {
    Example {
        kind: "nat-gateway",
        needs: &["vpc", "igw", "a", "b", "address"],
        spec: json!({ "subnet": to("a"), "internet_gateway": to("igw") }),
        changes: vec![
            replace("subnet", json!({ "subnet": to("b") })),
            replace("elastic_ip", json!({ "elastic_ip": to("address") })),
        ],
        silent: &[("internet_gateway", "read back from the VPC, which has one gateway at most")],
    }
}

fn route_table() -> Example {
    let out = json!([{ "to": "0.0.0.0/0", "internet_gateway": to("igw") }]);
    Example {
        kind: "route-table",
        needs: &["vpc", "other-vpc", "igw", "a", "b"],
        spec: json!({ "vpc": to("vpc"), "subnets": [to("a")] }),
        changes: vec![
            in_place("routes", json!({ "routes": out })),
            in_place("subnets", json!({ "subnets": [to("b"), to("a")] })),
            in_place("subnets", json!({ "subnets": [to("b")] })),
            replace("vpc", json!({ "vpc": to("other-vpc"), "subnets": [], "routes": [] })),
        ],
        silent: &[],
    }
}

fn security_group() -> Example {
    let ssh = json!([{ "protocol": "tcp", "ports": "22", "cidr": "10.0.0.0/8" }, { "protocol": "all", "self": true }]);
    Example {
        kind: "security-group",
        needs: &["vpc", "other-vpc", "group"],
        spec: json!({ "vpc": to("vpc"), "ingress": [{ "protocol": "all", "source": to("group") }] }),
        changes: vec![
            in_place("ingress", json!({ "ingress": ssh })),
            in_place("egress", json!({ "egress": [{ "protocol": "tcp", "ports": "443", "cidr": "0.0.0.0/0" }] })),
            in_place("egress", json!({ "egress": [] })),
            replace("vpc", json!({ "vpc": to("other-vpc") })),
        ],
        silent: &[("subnet", "says where the VPC is, and is no property of the group")],
    }
}

fn iam_role() -> Example {
    let read = json!({ "Statement": { "Effect": "Allow", "Action": "s3:GetObject", "Resource": "*" } });
    let account = json!({ "Statement": { "Effect": "Allow", "Action": "sts:AssumeRole",
        "Principal": { "AWS": "arn:aws:iam::000000000000:root" } } });
    Example {
        kind: "iam-role",
        needs: &[],
        spec: json!({ "trust": ["ec2.amazonaws.com"] }),
        changes: vec![
            in_place("trust", json!({ "trust": ["ec2.amazonaws.com", "lambda.amazonaws.com"] })),
            in_place("trust_policy", json!({ "trust": [], "trust_policy": account })),
            in_place("policies", json!({ "policies": { "read": read } })),
            in_place("managed_policies", json!({ "managed_policies": ["AmazonSSMManagedInstanceCore"] })),
            in_place("instance_profile", json!({ "instance_profile": true })),
            in_place("permissions_boundary", json!({ "permissions_boundary": "PowerUserAccess" })),
            in_place("max_session", json!({ "max_session": "4h" })),
            in_place("policies", json!({ "policies": {}, "instance_profile": false })),
        ],
        silent: &[],
    }
}

fn bucket() -> Example {
    let policy = json!({ "Statement": { "Effect": "Allow", "Principal": { "AWS": "000000000000" },
        "Action": "s3:GetObject" } });
    Example {
        kind: "bucket",
        needs: &[],
        spec: json!({}),
        changes: vec![
            in_place("versioning", json!({ "versioning": false })),
            in_place("encryption", json!({ "encryption": { "kms_key": KEY } })),
            in_place("abort_incomplete_uploads", json!({ "abort_incomplete_uploads": "3d" })),
            in_place("lifecycle", json!({ "lifecycle": [{ "prefix": "logs/", "expire": "30d" }] })),
            in_place("policy", json!({ "policy": policy })),
            destroys("name", json!({ "name": "another-name-of-it" })),
        ],
        silent: &[],
    }
}

const FILES: &[&str] = &["vpc", "a", "b", "group", "other-group", "bucket"];

fn scratch() -> Example {
    Example {
        kind: "fsx-lustre",
        needs: FILES,
        spec: json!({ "subnet": to("a"), "security_groups": [to("group")], "deployment": "scratch-2",
            "size": "1200 GiB", "maintenance": "7:03:30" }),
        changes: vec![
            in_place("size", json!({ "size": "2400 GiB" })),
            in_place("compression", json!({ "compression": "none" })),
            in_place("maintenance", json!({ "maintenance": "3:04:00" })),
            replace("size", json!({ "size": "1200 GiB" })),
            replace("subnet", json!({ "subnet": to("b") })),
        ],
        silent: &[],
    }
}

fn older() -> Example {
    Example {
        kind: "fsx-lustre",
        needs: FILES,
        spec: json!({ "subnet": to("a"), "security_groups": [to("group")], "deployment": "persistent-1",
            "size": "1200 GiB", "throughput": "50 MB/s/TiB", "version": "2.12" }),
        changes: vec![
            in_place("version", json!({ "version": "2.15" })),
            destroys("version", json!({ "version": "2.12" })),
        ],
        silent: &[],
    }
}

fn persistent() -> Example {
    let repository = json!({ "path": "/data", "bucket": to("bucket"), "export": ["new", "changed"] });
    Example {
        kind: "fsx-lustre",
        needs: FILES,
        spec: json!({ "subnet": to("a"), "security_groups": [to("group")], "size": "2400 GiB",
            "throughput": "250 MB/s/TiB", "metadata_iops": 3000 }),
        changes: vec![
            in_place("throughput", json!({ "throughput": "500 MB/s/TiB" })),
            in_place("metadata_iops", json!({ "metadata_iops": 6000 })),
            in_place("backup_days", json!({ "backup_days": 7, "backup_time": "05:00" })),
            in_place("backup_time", json!({ "backup_time": "06:30" })),
            in_place("root_squash", json!({ "root_squash": { "to": "65534:65534" } })),
            in_place("repositories", json!({ "repositories": [repository], "backup_days": 0, "backup_time": null })),
            destroys("subnet", json!({ "subnet": to("b") })),
            destroys("security_groups", json!({ "security_groups": [to("other-group")] })),
            destroys("deployment", json!({ "deployment": "scratch-2", "throughput": null, "metadata_iops": null })),
            destroys(
                "storage",
                json!({ "storage": "hdd", "deployment": "persistent-1", "throughput": "12 MB/s/TiB",
                    "size": "6000 GiB", "metadata_iops": null }),
            ),
            destroys("efa", json!({ "efa": true, "size": "9600 GiB", "metadata_iops": 12000 })),
            destroys("kms_key", json!({ "kms_key": KEY })),
        ],
        silent: &[],
    }
}

fn tiered() -> Example {
    Example {
        kind: "fsx-lustre",
        needs: FILES,
        spec: json!({ "subnet": to("a"), "security_groups": [to("group")], "storage": "intelligent-tiering",
            "throughput_capacity": 4000, "metadata_iops": 6000, "read_cache": "fixed", "read_cache_size": "4000 GiB" }),
        changes: vec![
            in_place("throughput_capacity", json!({ "throughput_capacity": 8000 })),
            in_place("read_cache_size", json!({ "read_cache_size": "8000 GiB" })),
            in_place("read_cache", json!({ "read_cache": "proportional", "read_cache_size": null })),
        ],
        silent: &[],
    }
}

fn instance_group() -> Example {
    let planned = |field, patch| change(field, patch, ChangeClass::Rolling, false);
    Example {
        kind: "instance-group",
        needs: &["vpc", "a", "b", "group", "other-group", "role", "shared"],
        spec: json!({ "instance_type": "m5.large", "count": 2, "subnet": to("a"), "image": "al2023",
            "interfaces": { "security_groups": [to("group")] }, "placement": "none" }),
        changes: vec![
            in_place("count", json!({ "count": 4 })),
            in_place("count", json!({ "count": 1 })),
            in_place("metadata_hops", json!({ "metadata_hops": 3 })),
            in_place("monitoring", json!({ "monitoring": true })),
            rolling("boot", json!({ "boot": { "script": "#!/bin/bash\necho ready\n" } })),
            rolling("instance_type", json!({ "instance_type": "m5.xlarge" })),
            rolling("interfaces", json!({ "interfaces": { "security_groups": [to("group"), to("other-group")] } })),
            rolling("role", json!({ "role": to("role") })),
            rolling("image", json!({ "image": "dlami-base-ubuntu-22.04" })),
            rolling("root_volume", json!({ "root_volume": { "size": "300 GiB" } })),
            rolling("key_name", json!({ "key_name": "mine" })),
            planned("kms_key", json!({ "kms_key": KEY })),
            rolling("market", json!({ "market": "spot" })),
            planned("reservation", json!({ "market": "on-demand", "reservation": "cr-0123456789abcdef0" })),
            replace("placement", json!({ "placement": "cluster" })),
            replace("subnet", json!({ "subnet": to("b") })),
            replace("placement_group", json!({ "placement": null, "placement_group": to("shared") })),
        ],
        silent: &[
            ("rolling", "steers how members are replaced, and is no property of them"),
            ("fallback", "says how the next members may be bought, and is no property of those that run"),
            ("boot_within", "asks machines how they started, which needs some that run: tests/process/jobs.rs"),
        ],
    }
}
