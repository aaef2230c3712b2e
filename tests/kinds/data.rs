//! Role, bucket and file system through their whole lives in the sandbox, kind by kind.
use crate::stage::{Memory, Stage};
use dlinfra::{
    address::Address,
    aws::{Aws, ErrorClass},
    call::{Ctx, Names, Scope, SweepCtx},
    clock::Clock,
    kind::Kind,
    kinds::KINDS,
    plan,
    resource::{Changes, Live, Lookup, State},
};
use dlinfra_sandbox::{Behaviour, FaultAction, FaultRule, Sandbox, SandboxConfig};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

const START: &str = "2026-01-01T00:00:00Z";

struct Lab {
    sandbox: Sandbox,
    aws: Aws,
    clock: Clock,
    scope: Arc<Scope>,
    names: Arc<Names>,
}

impl Lab {
    async fn new() -> Self {
        let foreign_buckets = BTreeSet::from(["theirs".to_owned()]);
        let behaviour = Behaviour { foreign_buckets, ..Behaviour::default() };
        let config = SandboxConfig { start: Some(START.parse().unwrap()), behaviour, ..SandboxConfig::default() };
        let stage = Stage::with(config).await;
        let scope = Scope {
            partition: "aws".to_owned(),
            account: "000000000000".to_owned(),
            region: "us-east-1".to_owned(),
            stack: "lab".to_owned(),
            stack_id: "0000-1111".to_owned(),
        };
        let aws = stage.aws().await;
        Self { sandbox: stage.sandbox, aws, clock: stage.clock, scope: Arc::new(scope), names: Arc::default() }
    }

    fn ctx(&self, address: &str) -> Ctx {
        let tags = [("stack", "lab"), ("stack-id", "0000-1111"), ("address", address), ("owner", "me"), ("v", "1")];
        Ctx {
            aws: self.aws.clone(),
            scope: self.scope.clone(),
            address: Address::parse(address).unwrap(),
            clock: self.clock.clone(),
            tags: tags.iter().map(|(k, v)| (format!("dlinfra:{k}"), (*v).to_owned())).collect(),
            spec_tag: String::new(),
            image: None,
            recorder: Arc::new(Memory::default()),
            open: Arc::default(),
            ordinal: Arc::default(),
            fresh: false,
            doubt: Arc::default(),
            tried: Arc::default(),
            senders: std::sync::Arc::new(()),
        }
    }

    fn sweep(&self) -> SweepCtx {
        SweepCtx { names: self.names.clone(), ..SweepCtx::new(self.aws.clone(), self.scope.clone()) }
    }

    async fn find(&self, kind: &dyn Kind, address: &str) -> Option<Live> {
        let all = kind.sweep(&self.sweep()).await.unwrap();
        all.into_iter().find(|l| l.address.as_str() == address)
    }

    /// Brings a resource to `raw`, as the engine does; returns it and how many updates that took.
    async fn apply(&self, kind: &str, address: &str, raw: Value) -> (Live, usize) {
        let kind = kind_of(kind);
        let want = kind.canonical(&raw).unwrap();
        assert_eq!(kind.check(&want), [], "{raw}");
        let (mut updates, mut last) = (0, Vec::new());
        for _ in 0..2000 {
            let ctx = self.ctx(address);
            match self.find(kind, address).await {
                None => {
                    // Nobody knows whether an unanswered call was executed: the next look tells.
                    let made = kind.create(&ctx, &want, None).await;
                    assert!(made.as_ref().err().is_none_or(|e| e.class == ErrorClass::Ambiguous), "{made:?}");
                    // EC2 shows what was made a moment later.
                    self.clock.sleep(Duration::from_secs(2)).await;
                }
                Some(live) if live.state == State::Partial => {
                    drop(kind.create(&ctx, &want, Some(&live)).await.unwrap());
                }
                Some(live) => match &live.state {
                    State::Pending | State::Deleting => self.clock.sleep(Duration::from_secs(15)).await,
                    State::Failed(why) => panic!("{address} failed: {why}"),
                    _ => {
                        let (fields, _) = plan::differences(kind, &want, &live);
                        if fields.is_empty() {
                            assert_outputs(kind, &live);
                            return (live, updates);
                        }
                        updates += 1;
                        assert!(updates < 20 && fields != last, "no update removes {fields:?}");
                        last.clone_from(&fields);
                        let changes = Changes { fields, outdated: Vec::new() };
                        let done = kind.update(&ctx, &want, &live, &changes).await;
                        match done {
                            Err(e) if e.class == ErrorClass::Ambiguous => last.clear(),
                            other => other.unwrap(),
                        }
                    }
                },
            }
        }
        panic!("{address} never settles");
    }

    /// Deletes as the engine does, and once more.
    async fn delete(&self, kind: &str, address: &str) {
        let kind = kind_of(kind);
        let first = self.find(kind, address).await.unwrap();
        for _ in 0..2000 {
            match self.find(kind, address).await {
                None => {
                    kind.delete(&self.ctx(address), &first).await.unwrap();
                    return;
                }
                Some(live) if live.state == State::Deleting => self.clock.sleep(Duration::from_secs(15)).await,
                Some(live) => kind.delete(&self.ctx(address), &live).await.unwrap(),
            }
        }
        panic!("{address} never goes");
    }
}

fn kind_of(name: &str) -> &'static dyn Kind {
    *KINDS.iter().find(|k| k.name() == name).unwrap()
}

fn assert_outputs(kind: &dyn Kind, live: &Live) {
    let declared: BTreeSet<&str> = kind.about().outputs.iter().map(|o| o.name).collect();
    let found: BTreeSet<&str> = live.outputs.keys().collect();
    assert_eq!(found, declared);
    assert_eq!(live.tags["dlinfra:stack-id"], "0000-1111");
    assert!(live.tags.contains_key("dlinfra:intent"));
    assert!(!kind.carriers(live).unwrap().is_empty());
    assert!(!kind.summary(&live.spec).is_empty());
}

fn text<'v>(live: &'v Live, output: &str) -> &'v str {
    live.outputs[output].as_str().unwrap_or_else(|| panic!("no {output} in {:?}", live.outputs))
}

#[tokio::test(start_paused = true)]
async fn a_role_lives_changes_and_goes() {
    let lab = Lab::new().await;
    let read = json!({ "Statement": { "Effect": "Allow", "Action": "s3:GetObject", "Resource": "*" } });
    let role = json!({ "trust": ["ec2.amazonaws.com"], "policies": { "read": read }, "instance_profile": true,
        "managed_policies": ["AmazonSSMManagedInstanceCore"], "max_session": "4h" });
    let (live, _) = lab.apply("iam-role", "train.role", role.clone()).await;
    assert_eq!((text(&live, "name"), text(&live, "instance_profile")), (live.id.as_str(), live.id.as_str()));
    assert!(text(&live, "arn").contains(":role/dlinfra/lab/"));
    assert_eq!(live.ids, [text(&live, "arn"), text(&live, "instance_profile_arn")]);
    assert_eq!(kind_of("iam-role").carriers(&live).unwrap().len(), 2);

    // The same, written otherwise.
    let same = json!({ "trust_policy": { "Version": "2012-10-17", "Statement": [{ "Effect": "Allow",
        "Principal": { "Service": ["ec2.amazonaws.com"] }, "Action": ["sts:AssumeRole"] }] }, "instance_profile": true,
        "policies": { "read": { "Statement": [{ "Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["*"] }] } },
        "managed_policies": ["arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"], "max_session": "240m" });
    assert_eq!(lab.apply("iam-role", "train.role", same).await.1, 0);

    let account = json!({ "Statement": { "Effect": "Allow", "Action": "sts:AssumeRole",
        "Principal": { "AWS": "arn:aws:iam::000000000000:root" } } });
    let other =
        json!({ "trust_policy": account, "policies": { "write": read }, "permissions_boundary": "PowerUserAccess" });
    let (live, _) = lab.apply("iam-role", "train.role", other).await;
    assert!(live.parts.is_empty() && live.outputs["instance_profile"].is_null());
    // An author's null is AWS's default.
    let (live, _) = lab
        .apply("iam-role", "train.role", json!({ "trust": ["ec2.amazonaws.com"], "permissions_boundary": null }))
        .await;
    assert!(live.spec.get("permissions_boundary").is_none());
    let found = kind_of("iam-role").lookup(&lab.sweep(), &Lookup::Name(live.id.clone())).await.unwrap();
    assert_eq!((found.len(), found[0].spec.clone()), (1, live.spec));
    lab.delete("iam-role", "train.role").await;
}

#[tokio::test(start_paused = true)]
async fn a_profile_without_its_role_is_part_of_it() {
    let lab = Lab::new().await;
    let role = json!({ "trust": ["ec2.amazonaws.com"], "instance_profile": true });
    let (live, _) = lab.apply("iam-role", "role", role.clone()).await;
    let (iam, name) = (lab.aws.iam(), &live.id);
    iam.remove_role_from_instance_profile().instance_profile_name(name).role_name(name).send().await.unwrap();
    // The profile is there, the role is not in it: neither true nor false.
    let half = lab.find(kind_of("iam-role"), "role").await.unwrap();
    assert!(half.spec.get("instance_profile").is_none() && half.parts.len() == 1);
    lab.apply("iam-role", "role", role.clone()).await;

    iam.remove_role_from_instance_profile().instance_profile_name(name).role_name(name).send().await.unwrap();
    iam.delete_role().role_name(name).send().await.unwrap();
    let orphan = lab.find(kind_of("iam-role"), "role").await.unwrap();
    assert_eq!((orphan.state.clone(), orphan.id.as_str()), (State::Partial, name.as_str()));
    assert_outputs(kind_of("iam-role"), &orphan);
    let (again, _) = lab.apply("iam-role", "role", role).await;
    assert_eq!(&again.id, name);

    iam.remove_role_from_instance_profile().instance_profile_name(name).role_name(name).send().await.unwrap();
    iam.delete_role().role_name(name).send().await.unwrap();
    lab.delete("iam-role", "role").await;
    assert!(iam.list_instance_profiles().send().await.unwrap().instance_profiles.is_empty());
}

#[tokio::test(start_paused = true)]
async fn names_of_others_are_refused() {
    let lab = Lab::new().await;
    let ctx = lab.ctx("role");
    let role = kind_of("iam-role");
    let name = ctx.name(&role.about().name.unwrap(), "");
    let trust = json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": "sts:AssumeRole",
        "Principal": { "Service": "ec2.amazonaws.com" } }] });
    lab.aws.iam().create_role().role_name(&name).assume_role_policy_document(trust.to_string()).send().await.unwrap();
    let want = role.canonical(&json!({ "trust": ["ec2.amazonaws.com"] })).unwrap();
    let error = role.create(&ctx, &want, None).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Stranger, "{error}");

    let bucket = kind_of("bucket");
    lab.aws.s3().create_bucket().bucket("taken-by-hand").send().await.unwrap();
    let want = bucket.canonical(&json!({ "name": "taken-by-hand" })).unwrap();
    let error = bucket.create(&lab.ctx("data"), &want, None).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Stranger, "{error}");
    assert!(lab.find(bucket, "data").await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_bucket_lives_changes_and_goes_with_its_contents() {
    let lab = Lab::new().await;
    let bucket = kind_of("bucket");
    let (live, _) = lab.apply("bucket", "train.data", json!({})).await;
    let (name, s3) = (live.id.clone(), lab.aws.s3());
    assert!(name.starts_with("lab-data-") && text(&live, "arn") == format!("arn:aws:s3:::{name}"));
    assert_eq!(text(&live, "domain"), format!("{name}.s3.us-east-1.amazonaws.com"));
    assert_eq!(live.spec["closed"], true);
    let want = bucket.canonical(&json!({})).unwrap();
    assert_eq!(bucket.create(&lab.ctx("train.data"), &want, None).await.unwrap(), name, "ours is taken up again");
    assert_eq!(bucket.contents(&lab.sweep(), &live).await.unwrap(), None);

    let key = "arn:aws:kms:us-east-1:000000000000:key/11111111-2222-3333-4444-555555555555";
    let full = json!({
        "versioning": true, "encryption": { "kms_key": key }, "abort_incomplete_uploads": "3d",
        "lifecycle": [
            { "prefix": "logs/", "expire": "30d" },
            { "prefix": "checkpoints/", "expire_noncurrent": "14d", "keep_noncurrent": 2,
              "transitions": [{ "after": "30d", "class": "standard-ia" }, { "after": "90d", "class": "glacier" }] },
        ],
        "policy": { "Statement": { "Effect": "Allow", "Principal": { "AWS": "000000000000" }, "Action": "s3:GetObject" } },
    });
    let (live, updates) = lab.apply("bucket", "train.data", full.clone()).await;
    assert_eq!(updates, 1);
    let text_of = s3.get_bucket_policy().bucket(&name).send().await.unwrap().policy.unwrap();
    let policy: Value = serde_json::from_str(&text_of).unwrap();
    assert_eq!(policy["Statement"].as_array().unwrap().len(), 2, "{policy}");
    assert_eq!(live.spec["policy"]["Statement"].as_array().unwrap().len(), 1);

    // Somebody opens it; the next apply closes it and keeps the rest.
    s3.delete_public_access_block().bucket(&name).send().await.unwrap();
    s3.delete_bucket_policy().bucket(&name).send().await.unwrap();
    s3.delete_bucket_lifecycle().bucket(&name).send().await.unwrap();
    let opened = lab.find(bucket, "train.data").await.unwrap();
    assert_eq!(opened.spec["closed"], false);
    assert!(opened.spec.get("abort_incomplete_uploads").is_none());
    assert_eq!(lab.apply("bucket", "train.data", full).await.1, 1);
    let plain = json!({ "versioning": false, "policy": null });
    let (live, _) = lab.apply("bucket", "train.data", plain).await;
    assert!(live.spec.get("policy").is_none());

    lab.apply("bucket", "train.data", json!({ "versioning": true })).await;
    for i in 0..25 {
        let body = vec![b'x'; 100].into();
        s3.put_object().bucket(&name).key(format!("a b+c%{}/é", i % 20)).body(body).send().await.unwrap();
    }
    s3.delete_object().bucket(&name).key("a b+c%0/é").send().await.unwrap();
    let live = lab.find(bucket, "train.data").await.unwrap();
    let contents = bucket.contents(&lab.sweep(), &live).await.unwrap().unwrap();
    assert_eq!(contents, "19 objects, 6 old versions, 1 delete marker, 2.4 KiB");
    lab.delete("bucket", "train.data").await;
    assert!(s3.list_buckets().send().await.unwrap().buckets().is_empty());
}

/// A statement of a bucket policy as people copy them: the bucket by its ARN, its contents, or both.
fn copied(name: &str) -> Vec<Value> {
    let (own, inside) = (format!("arn:aws:s3:::{name}"), format!("arn:aws:s3:::{name}/*"));
    let principal = json!({ "AWS": "arn:aws:iam::111122223333:root" });
    let resources =
        [json!([own, inside]), json!([inside, own]), json!(own), json!([own]), json!(inside), json!([inside, inside])];
    let of = |resource: Value| json!({ "Effect": "Allow", "Principal": principal, "Action": "s3:GetObject", "Resource": resource });
    let mut out: Vec<Value> = resources.into_iter().map(|r| json!({ "Statement": of(r) })).collect();
    out.push(json!({ "Version": "2008-10-17", "Id": "Policy1", "Statement": [
        { "Sid": "AllowSSLRequestsOnly", "Effect": "Deny", "Principal": "*", "Action": ["s3:*"], "Resource": [inside, own],
          "Condition": { "Bool": { "aws:SecureTransport": false } } },
        { "Sid": "", "Effect": "Allow", "Principal": { "AWS": [444455556666_u64, "arn:aws:iam::444455556666:root"] },
          "Action": ["s3:ListBucket", "s3:GetObject"], "Resource": own, "Condition": { "NumericLessThanEquals": { "s3:max-keys": [100, 10] } } },
    ] }));
    // The statement that dlinfra adds to every policy, copied back.
    out.push(json!({ "Statement": [of(json!(own)), { "Sid": "DlinfraTlsOnly", "Effect": "Deny", "Principal": "*", "Action": "s3:*",
        "Resource": [own, inside], "Condition": { "Bool": { "aws:SecureTransport": "false" } } }] }));
    out
}

#[tokio::test(start_paused = true)]
async fn a_policy_may_name_its_own_bucket() {
    let lab = Lab::new().await;
    for policy in copied("lab-copied-4711") {
        let bucket = json!({ "name": "lab-copied-4711", "policy": policy });
        lab.apply("bucket", "data", bucket.clone()).await;
        // What AWS shows is what an import compares with.
        let id = Lookup::Id("lab-copied-4711".to_owned());
        let found = kind_of("bucket").lookup(&lab.sweep(), &id).await.unwrap().remove(0);
        let want = kind_of("bucket").canonical(&bucket).unwrap();
        assert_eq!(plan::differences(kind_of("bucket"), &want, &found), (Vec::new(), Vec::new()), "{policy}");
    }
    // The same where dlinfra has chosen the name.
    let name = lab.apply("bucket", "other", json!({})).await.0.id;
    for policy in copied(&name) {
        lab.apply("bucket", "other", json!({ "policy": policy })).await;
    }
    let (live, _) = lab.apply("bucket", "other", json!({ "policy": copied(&name)[0] })).await;
    assert!(live.spec["policy"]["Statement"][0].get("Resource").is_none());
}

#[tokio::test(start_paused = true)]
async fn who_may_take_a_role_is_sent_as_iam_takes_it() {
    let lab = Lab::new().await;
    let trust = |principal: Value| {
        json!({ "trust_policy": { "Statement": [{ "Effect": "Allow", "Principal": principal,
        "Action": "sts:AssumeRole", "Condition": { "StringEquals": { "aws:PrincipalOrgID": "o-exampleorg1" } } }] } })
    };
    for everybody in [json!({ "AWS": "*" }), json!({ "AWS": ["*"] }), json!("*")] {
        let (live, _) = lab.apply("iam-role", "reader", trust(everybody)).await;
        assert_eq!(live.spec["trust_policy"]["Statement"][0]["Principal"], json!({ "AWS": "*" }));
    }
    // A role that is not there is a mistake, and said at once; one that was made a moment ago is waited for.
    let role = kind_of("iam-role");
    let missing = trust(json!({ "AWS": "arn:aws:iam::000000000000:role/nobody" }));
    let want = role.canonical(&missing).unwrap();
    let began = lab.clock.now();
    let error = role.create(&lab.ctx("late"), &want, None).await.unwrap_err();
    assert_eq!((error.class, lab.clock.now()), (ErrorClass::Invalid, began), "{error}");
    assert!(error.help.as_ref().unwrap().contains("role/nobody"), "{error:?}");
    let (first, _) = lab.apply("iam-role", "first", json!({ "trust": ["ec2.amazonaws.com"] })).await;
    let young = trust(json!({ "AWS": text(&first, "arn") }));
    lab.apply("iam-role", "late", young).await;
    // The same of a bucket's policy.
    let statement = |arn: &str| json!({ "Effect": "Allow", "Principal": { "AWS": arn }, "Action": "s3:GetObject" });
    let (live, _) = lab.apply("bucket", "data", json!({})).await;
    let bucket = kind_of("bucket");
    let policy = json!({ "policy": { "Statement": statement("arn:aws:iam::000000000000:role/nobody") } });
    let want = bucket.canonical(&policy).unwrap();
    let fields = plan::differences(bucket, &want, &live).0;
    let changes = Changes { fields, outdated: Vec::new() };
    let error = bucket.update(&lab.ctx("data"), &want, &live, &changes).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Invalid, "{error}");
}

#[tokio::test(start_paused = true)]
async fn buckets_named_by_their_author_and_in_other_regions_are_found() {
    let mut lab = Lab::new().await;
    let names = ["my-own-bucket".to_owned(), "not-there".to_owned(), "A role".to_owned(), "theirs".to_owned()];
    lab.names = Arc::new(names.into_iter().collect());
    let (live, _) = lab.apply("bucket", "data", json!({ "name": "my-own-bucket" })).await;
    assert_eq!(live.id, "my-own-bucket");
    let want = kind_of("bucket").canonical(&json!({ "name": "theirs" })).unwrap();
    let error = kind_of("bucket").create(&lab.ctx("other"), &want, None).await.unwrap_err();
    assert!(error.class == ErrorClass::Denied && error.help.unwrap().contains("another account"));
    let by = Lookup::Tags([("dlinfra:owner", "me".to_owned())].into());
    assert_eq!(kind_of("bucket").lookup(&lab.sweep(), &by).await.unwrap().len(), 1);
    lab.delete("bucket", "data").await;
}

/// A network with a group that lets Lustre in; ids of subnet and group.
async fn network(lab: &Lab) -> (Value, Value) {
    let id = |live: &Live| json!({ "$id": live.id });
    let (vpc, _) = lab.apply("vpc", "vpc", json!({ "cidr": "10.0.0.0/16" })).await;
    let subnet = json!({ "vpc": id(&vpc), "cidr": "10.0.0.0/20", "zone": "us-east-1a" });
    let (subnet, _) = lab.apply("subnet", "subnet", subnet).await;
    let group = json!({ "vpc": id(&vpc), "ingress": [{ "protocol": "all", "self": true }],
        "egress": [{ "protocol": "all", "self": true }, { "protocol": "all", "cidr": "0.0.0.0/0" }] });
    let (group, _) = lab.apply("security-group", "group", group).await;
    (id(&subnet), id(&group))
}

#[tokio::test(start_paused = true)]
async fn a_scratch_file_system_lives_grows_and_goes() {
    let lab = Lab::new().await;
    let (subnet, group) = network(&lab).await;
    let of = |gib: u64, extra: Value| {
        let mut fs = json!({ "subnet": subnet, "security_groups": [group], "deployment": "scratch-2",
            "size": format!("{gib} GiB"), "maintenance": "7:03:30" });
        fs.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        fs
    };
    let began = lab.clock.now();
    let (live, updates) = lab.apply("fsx-lustre", "train.fs", of(1200, json!({}))).await;
    assert_eq!(updates, 0, "everything is in the create call");
    assert!(lab.clock.now().duration_since(began).as_mins() >= 8);
    assert_eq!(text(&live, "mount"), format!("{}@tcp:/{}", text(&live, "dns"), text(&live, "mount_name")));
    assert_eq!(live.spec["security_groups"], json!([group]));

    let (live, updates) = lab.apply("fsx-lustre", "train.fs", of(2400, json!({ "compression": "none" }))).await;
    assert_eq!((updates, live.spec["size"].clone()), (2, json!("2400 GiB")));
    let fs = kind_of("fsx-lustre");
    let shrink = plan::differences(fs, &fs.canonical(&of(1200, json!({}))).unwrap(), &live).0;
    assert!(shrink.iter().any(|d| d.path == "size" && fs.must_replace(&live.spec, d)));
    assert!(!fs.holds_data(&live.spec));
    let by_id = fs.lookup(&lab.sweep(), &Lookup::Id(live.id.clone())).await.unwrap();
    assert_eq!(by_id[0].spec, live.spec);
    lab.delete("fsx-lustre", "train.fs").await;
    lab.delete("security-group", "group").await;
    lab.delete("subnet", "subnet").await;
    lab.delete("vpc", "vpc").await;
}

#[tokio::test(start_paused = true)]
async fn a_persistent_file_system_and_its_repositories() {
    let lab = Lab::new().await;
    let (subnet, group) = network(&lab).await;
    for bucket in ["data", "more"] {
        lab.apply("bucket", bucket, json!({})).await;
    }
    let bucket = |name: &str| json!({ "$id": lab.ctx(name).name(&kind_of("bucket").about().name.unwrap(), "") });
    let of = |extra: Value| {
        let mut fs = json!({ "subnet": subnet, "security_groups": [group], "size": "9600 GiB",
            "throughput": "500 MB/s/TiB", "efa": true });
        fs.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        fs
    };
    let linked = of(json!({ "repositories": [
        { "path": "/data", "bucket": bucket("data"), "prefix": "train" },
        { "path": "/out", "bucket": bucket("more"), "import": [], "export": ["new", "changed"],
          "import_metadata_on_create": false },
    ] }));
    let (live, updates) = lab.apply("fsx-lustre", "fs", linked.clone()).await;
    assert_eq!((updates, live.parts.len()), (1, 2));
    assert!(kind_of("fsx-lustre").holds_data(&live.spec));
    assert_eq!(kind_of("fsx-lustre").carriers(&live).unwrap().len(), 3);
    assert_eq!(lab.apply("fsx-lustre", "fs", linked).await.1, 0);

    // One goes, one changes what it imports, one moves to another bucket.
    let changed = of(json!({ "metadata_iops": 24000, "root_squash": { "to": "65534:65534" }, "repositories": [
        { "path": "/data", "bucket": bucket("data"), "prefix": "train", "import": ["new"] },
    ] }));
    let (live, _) = lab.apply("fsx-lustre", "fs", changed).await;
    assert_eq!(live.parts.len(), 1);
    let moved = of(json!({ "metadata_iops": 24000, "root_squash": null, "repositories": [
        { "path": "/data", "bucket": bucket("more") }, { "path": "/out", "bucket": bucket("data") },
    ] }));
    let (live, _) = lab.apply("fsx-lustre", "fs", moved).await;
    assert_eq!(live.spec["repositories"][0]["bucket"], bucket("more"));
    assert!(live.spec.get("root_squash").is_none());

    let ours = aws_links(&lab).await;
    assert_eq!(ours.len(), 2);
    assert!(ours.iter().all(|tags| tags["dlinfra:part"].starts_with("repository-") && tags["dlinfra:address"] == "fs"));
    lab.delete("fsx-lustre", "fs").await;
    assert!(aws_links(&lab).await.is_empty());
}

/// FSx refuses a size whose metadata rate was not bought, so the rate grows first; the rate that comes with the size is
/// taken once there is that size.
#[tokio::test(start_paused = true)]
async fn a_metadata_rate_grows_before_the_size_that_needs_it() {
    let lab = Lab::new().await;
    let (subnet, group) = network(&lab).await;
    let of = |size: &str, iops: Option<u32>| {
        let mut fs =
            json!({ "subnet": subnet, "security_groups": [group], "size": size, "throughput": "250 MB/s/TiB" });
        fs["metadata_iops"] = json!(iops);
        fs
    };
    lab.apply("fsx-lustre", "fs", of("1200 GiB", Some(1500))).await;
    let (live, updates) = lab.apply("fsx-lustre", "fs", of("2400 GiB", Some(3000))).await;
    assert_eq!(updates, 2);
    let described = lab.aws.fsx().describe_file_systems().file_system_ids(&live.id).send().await.unwrap();
    let actions = described.file_systems()[0].administrative_actions();
    let size = |a: &aws_sdk_fsx::types::AdministrativeAction| {
        a.target_file_system_values().and_then(aws_sdk_fsx::types::FileSystem::storage_capacity)
    };
    // The latest stands first.
    let sizes: Vec<_> = actions.iter().filter(|a| a.target_file_system_values().is_some()).map(size).collect();
    assert_eq!(sizes, [Some(2400), None]);
    let refused = lab.aws.fsx().update_file_system().file_system_id(&live.id).storage_capacity(4800).send().await;
    assert!(format!("{:?}", refused.unwrap_err()).contains("Metadata IOPS"));
    lab.delete("fsx-lustre", "fs").await;
}

async fn aws_links(lab: &Lab) -> Vec<BTreeMap<String, String>> {
    let out = lab.aws.fsx().describe_data_repository_associations().send().await.unwrap();
    let tags = |tags: &[aws_sdk_fsx::types::Tag]| {
        tags.iter().map(|t| (t.key().unwrap().to_owned(), t.value().unwrap().to_owned())).collect()
    };
    out.associations().iter().map(|a| tags(a.tags())).collect()
}

/// Every request that changes something is executed and its answer lost, once: still one object of each.
#[tokio::test(start_paused = true)]
async fn lost_answers_make_nothing_twice() {
    let lab = Lab::new().await;
    let (subnet, group) = network(&lab).await;
    let cut = |call: &str, nth| FaultRule::new(call, FaultAction::CutAfter).nth(nth);
    lab.sandbox.set_faults(vec![
        cut("iam:CreateRole", 1),
        cut("iam:PutRolePolicy", 1),
        cut("iam:CreateInstanceProfile", 1),
        cut("iam:AddRoleToInstanceProfile", 1),
        cut("s3:CreateBucket", 1),
        cut("s3:PutBucketPolicy", 1),
        cut("fsx:CreateFileSystem", 1),
        cut("fsx:CreateDataRepositoryAssociation", 1),
        cut("fsx:UpdateFileSystem", 1),
    ]);
    let role = json!({ "trust": ["ec2.amazonaws.com"], "instance_profile": true,
        "policies": { "read": { "Statement": { "Effect": "Allow", "Action": "s3:Get*", "Resource": "*" } } } });
    lab.apply("iam-role", "role", role).await;
    let (bucket, _) = lab.apply("bucket", "data", json!({})).await;
    let of = |gib: &str| {
        json!({ "subnet": subnet, "security_groups": [group], "deployment": "scratch-2", "size": gib,
            "repositories": [{ "path": "/data", "bucket": { "$id": bucket.id } }] })
    };
    lab.apply("fsx-lustre", "fs", of("1200 GiB")).await;
    lab.apply("fsx-lustre", "fs", of("2400 GiB")).await;
    let sent = lab.sandbox.requests().entries.iter().filter(|e| e.operation == "CreateFileSystem").count();
    assert_eq!(sent, 1, "a token is not sent again without a look");
    assert_eq!(lab.sandbox.requests().entries.iter().filter(|e| e.cut).count(), 9, "every fault struck");
    let objects = lab.sandbox.status().objects;
    for kind in ["fsx/file-system", "fsx/data-repository-association", "iam/role", "iam/instance-profile", "s3/bucket"]
    {
        assert_eq!(objects.get(kind), Some(&1), "{kind} in {objects:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn throughput_and_version_change_one_after_the_other() {
    let lab = Lab::new().await;
    let (subnet, group) = network(&lab).await;
    let of = |throughput: &str, version: &str| {
        json!({ "subnet": subnet, "security_groups": [group], "deployment": "persistent-1", "size": "1200 GiB",
            "throughput": throughput, "version": version, "backup_days": 7, "backup_time": "04:00" })
    };
    lab.apply("fsx-lustre", "fs", of("50 MB/s/TiB", "2.12")).await;
    let (live, updates) = lab.apply("fsx-lustre", "fs", of("200 MB/s/TiB", "2.15")).await;
    assert_eq!((updates, live.spec["version"].clone()), (2, json!("2.15")));
}

#[tokio::test(start_paused = true)]
async fn intelligent_tiering_has_no_size() {
    let lab = Lab::new().await;
    let (subnet, group) = network(&lab).await;
    let of = |mbps: u64| {
        json!({ "subnet": subnet, "security_groups": [group], "storage": "intelligent-tiering",
            "throughput_capacity": mbps })
    };
    let (live, _) = lab.apply("fsx-lustre", "fs", of(4000)).await;
    assert!(live.spec.get("size").is_none());
    let (live, updates) = lab.apply("fsx-lustre", "fs", of(8000)).await;
    assert_eq!((updates, live.spec["throughput_capacity"].clone()), (1, json!(8000)));
    lab.delete("fsx-lustre", "fs").await;
}

/// What the modules write into these kinds arrives as they mean it, also where parts are not known yet.
#[test]
fn shipped_blueprints_use_the_kinds_rightly() {
    use dlinfra::blueprint::{Inputs, RealFiles, compile};
    for file in crate::shipped::blueprints() {
        let inputs = Inputs { file, ..Inputs::default() };
        let compiled = compile(dlinfra::kinds::dialect(), &inputs, &RealFiles).unwrap();
        for resource in &compiled.resources {
            let kind = kind_of(&resource.kind);
            let what = format!("{} in {}", resource.address, compiled.blueprint);
            let want = kind.canonical(&resource.spec).unwrap_or_else(|p| panic!("{what}: {p:?}"));
            assert_eq!(kind.check(&want), [], "{what}");
            for policy in want.get("policies").and_then(Value::as_object).into_iter().flatten() {
                assert!(policy.1["Statement"].is_array(), "{what}: {policy:?}");
            }
            // The canonical form is a fixpoint.
            assert_eq!(kind.canonical(&want).unwrap(), want, "{what}");
        }
    }
}
