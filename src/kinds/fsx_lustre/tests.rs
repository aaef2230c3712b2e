//! What a file system's fields mean, without AWS.
use super::*;
use serde_json::json;

fn file_system(mut value: Value) -> FsxLustre {
    if let Value::Object(map) = &mut value {
        map.entry("subnet").or_insert(json!({ "$ref": "net.a" }));
        map.entry("security_groups").or_insert(json!([{ "$ref": "net.sg" }]));
    }
    let mut fs: FsxLustre = serde_json::from_value(value).unwrap();
    fs.normalize();
    fs
}

fn problems(value: Value) -> Vec<Problem> {
    let mut problems = Vec::new();
    file_system(value).check(&mut problems);
    problems
}

fn codes(value: Value) -> Vec<&'static str> {
    problems(value).iter().map(|p| p.code.code).collect()
}

fn persistent(size: &str, throughput: u64, efa: bool) -> Value {
    json!({ "size": size, "throughput": format!("{throughput} MB/s/TiB"), "efa": efa })
}

#[test]
fn legal_file_systems_pass() {
    for fs in [
        json!({ "deployment": "scratch-2", "size": "1200 GiB" }),
        json!({ "deployment": "scratch-1", "size": "3600 GiB" }),
        json!({ "deployment": "persistent-1", "storage": "hdd", "size": "6000 GiB", "throughput": "12 MB/s/TiB" }),
        json!({ "deployment": "persistent-1", "storage": "hdd", "size": "1800 GiB", "throughput": "40 MB/s/TiB" }),
        json!({ "storage": "intelligent-tiering", "throughput_capacity": 8000 }),
        persistent("1200 GiB", 125, false),
        persistent("9600 GiB", 500, true),
        persistent("38400 GiB", 125, true),
        json!({ "size": "2400 GiB", "throughput": "250 MB/s/TiB", "metadata_iops": 24000, "maintenance": "7:03:30",
            "backup_days": 7, "backup_time": "04:00", "root_squash": { "to": "65534:65534" } }),
    ] {
        assert_eq!(problems(fs.clone()), [], "{fs}");
    }
}

#[test]
fn sizes_are_those_of_the_type_and_the_nearest_are_named() {
    let found = problems(persistent("5 TiB", 250, false));
    assert_eq!(found[0].code.code, "DL0351");
    assert_eq!(found[0].help, "write `4800 GiB` (4.8 TiB in AWS's words) or `7200 GiB` (7.2 TiB in AWS's words)");
    let found = problems(persistent("4800 GiB", 500, true));
    assert_eq!((found[0].code.code, found[0].help.as_str()), ("DL0355", "write `9600 GiB` (9.6 TiB in AWS's words)"));
    assert_eq!(codes(json!({ "deployment": "scratch-1", "size": "4800 GiB" })), ["DL0351"]);
    assert_eq!(codes(json!({ "deployment": "scratch-2" })), ["DL0350"]);
    assert_eq!(
        codes(json!({ "storage": "intelligent-tiering", "throughput_capacity": 4000, "size": "1200 GiB" })),
        ["DL0350"]
    );
}

#[test]
fn throughput_belongs_to_persistent_types() {
    assert_eq!(codes(json!({ "size": "1200 GiB" })), ["DL0352"]);
    assert_eq!(codes(persistent("1200 GiB", 200, false)), ["DL0352"]);
    assert_eq!(
        codes(json!({ "deployment": "scratch-2", "size": "1200 GiB", "throughput": "200 MB/s/TiB" })),
        ["DL0352"]
    );
    assert_eq!(codes(json!({ "storage": "intelligent-tiering" })), ["DL0357"]);
    assert_eq!(codes(json!({ "storage": "intelligent-tiering", "throughput_capacity": 5000 })), ["DL0357"]);
}

#[test]
fn features_belong_to_types() {
    let scratch = |extra: Value| {
        let mut fs = json!({ "deployment": "scratch-2", "size": "1200 GiB" });
        fs.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        codes(fs)
    };
    assert_eq!(scratch(json!({ "storage": "hdd" })), ["DL0353"]);
    assert_eq!(scratch(json!({ "efa": true })), ["DL0354"]);
    assert_eq!(scratch(json!({ "metadata_iops": 6000 })), ["DL0356"]);
    assert_eq!(scratch(json!({ "read_cache": "proportional" })), ["DL0358"]);
    assert_eq!(scratch(json!({ "maintenance": "8:00:00" })), ["DL0360"]);
    assert_eq!(scratch(json!({ "backup_days": 3 })), ["DL0361"]);
    assert_eq!(
        scratch(json!({ "version": "2.10", "repositories": [{ "path": "/a", "bucket": { "$id": "b" } }] })),
        ["DL0363"]
    );
    assert_eq!(scratch(json!({ "root_squash": { "to": "0:0" } })), ["DL0364"]);
    assert_eq!(scratch(json!({ "security_groups": [] })), ["DL0365"]);
    assert_eq!(scratch(json!({ "kms_key": "alias/mine" })), ["DL0366"]);
    let mut fs = persistent("1200 GiB", 125, false);
    fs["version"] = json!("2.10");
    assert_eq!(codes(fs.clone()), ["DL0359"]);
    fs["version"] = json!("2.15");
    fs["metadata_iops"] = json!(7000);
    assert_eq!(problems(fs.clone())[0].help, "write `6000` or `12000`");
    fs["metadata_iops"] = json!(300_000);
    assert_eq!(problems(fs)[0].help, "write `192000`");
}

#[test]
fn repositories_do_not_overlap() {
    let of = |paths: &[&str]| {
        let list: Vec<Value> =
            paths.iter().map(|p| json!({ "path": p, "bucket": { "$id": format!("b{p}") } })).collect();
        codes(json!({ "deployment": "scratch-2", "size": "1200 GiB", "repositories": list }))
    };
    assert!(of(&["/data", "/data2"]).is_empty());
    assert!(of(&["/"]).is_empty());
    assert_eq!(of(&["/data", "/data/train"]), ["DL0362"]);
    assert_eq!(of(&["/", "/data"]), ["DL0362"]);
    assert_eq!(of(&["data"]), ["DL0362"]);
    assert_eq!(of(&["/1", "/2", "/3", "/4", "/5", "/6", "/7", "/8", "/9"]), ["DL0362"]);
}

#[test]
fn links_do_not_overlap_in_a_bucket() {
    let of = |places: &[(&str, &str)]| {
        let one = |(i, (bucket, prefix)): (usize, &(&str, &str))| json!({ "path": format!("/p{i}"), "bucket": { "$id": bucket }, "prefix": prefix });
        let list: Vec<Value> = places.iter().enumerate().map(one).collect();
        codes(json!({ "deployment": "scratch-2", "size": "1200 GiB", "repositories": list }))
    };
    assert!(of(&[("b", "in"), ("b", "in2"), ("c", "in/deep"), ("b", "out/in")]).is_empty());
    for overlap in [
        [("b", "somewhere/in"), ("b", "somewhere/in/deep")],
        [("b", "in/deep"), ("b", "/in/")],
        [("b", "in"), ("b", "in")],
        [("b", "in"), ("b", "")],
        [("s3://b/in", ""), ("b", "in/deep")],
    ] {
        assert_eq!(of(&overlap), ["DL0362"], "{overlap:?}");
    }
}

#[test]
fn numbers_are_written_as_fsx_returns_them() {
    let scratch = |extra: (&str, Value)| json!({ "deployment": "scratch-2", "size": "1200 GiB", extra.0: extra.1 });
    let squash = |to: &str| scratch(("root_squash", json!({ "to": to })));
    assert_eq!(file_system(squash("065534: 65534")).root_squash.unwrap().to, "65534:65534");
    for to in ["+1:1", "1:-1", "1", "1:1:1", "4294967295:1"] {
        assert_eq!(codes(squash(to)), ["DL0364"], "{to}");
    }
    for time in ["+:03:30", "7:+3:30", "7:3:30"] {
        assert_eq!(codes(scratch(("maintenance", json!(time)))), ["DL0360"], "{time}");
    }
}

#[test]
fn a_size_comes_with_a_metadata_rate() {
    let of = |size: &str, iops: u32| {
        let mut fs = persistent(size, 125, false);
        fs["metadata_iops"] = json!(iops);
        problems(fs)
    };
    assert_eq!(
        of("4800 GiB", 1500)[0].help,
        "write `6000` or more, or leave `metadata_iops` out: they come with the size"
    );
    assert!(of("4800 GiB", 6000).is_empty() && of("2400 GiB", 3000).is_empty() && of("1200 GiB", 1500).is_empty());
}

#[test]
fn an_s3_address_is_a_bucket_and_a_prefix() {
    let fs = file_system(json!({ "deployment": "scratch-2", "size": "1200 GiB", "repositories": [
        { "path": "/data/", "bucket": { "$id": "s3://sets/imagenet/" }, "import": ["deleted", "new", "new"] } ] }));
    let one = &fs.repositories[0];
    assert_eq!((one.path.as_str(), one.bucket.id.as_deref(), one.prefix.as_str()), ("/data", Some("sets"), "imagenet"));
    assert_eq!(serde_json::to_value(&one.import).unwrap(), json!(["new", "deleted"]));
    assert!(one.export.is_empty() && one.import_metadata_on_create);
    let arn = repository::arn("arn:aws:fsx:us-east-1:1:file-system/fs-1", "fs-1", "dra-1").unwrap();
    assert_eq!(arn, "arn:aws:fsx:us-east-1:1:association/fs-1/dra-1");
}

#[test]
fn what_only_grows_is_replaced_to_shrink() {
    let change = |path: &str, before: Value, after: Value| Difference { path: path.to_owned(), before, after };
    let plain = file_system(persistent("9600 GiB", 500, false));
    assert!(!plain.must_replace(&change("size", json!("9600 GiB"), json!("12000 GiB"))));
    assert!(plain.must_replace(&change("size", json!("9600 GiB"), json!("7200 GiB"))));
    assert!(!plain.must_replace(&change("throughput", json!("500 MB/s/TiB"), json!("250 MB/s/TiB"))));
    assert!(plain.must_replace(&change("metadata_iops", json!(12000), json!(6000))));
    assert!(plain.must_replace(&change("metadata_iops", json!(12000), Value::Null)));
    assert!(!plain.must_replace(&change("metadata_iops", json!(6000), Value::Null)));
    assert!(plain.must_replace(&change("version", json!("2.15"), json!("2.12"))));
    assert!(!plain.must_replace(&change("security_groups", Value::Null, json!([]))));
    assert!(plain.must_replace(&change("security_groups", json!([{ "$ref": "a" }]), json!([{ "$ref": "b" }]))));
    let efa = file_system(persistent("9600 GiB", 500, true));
    assert!(efa.must_replace(&change("throughput", json!("500 MB/s/TiB"), json!("1000 MB/s/TiB"))));
    assert!(plain.holds_data() && !file_system(json!({ "deployment": "scratch-2" })).holds_data());
}

#[test]
fn tiering_states_what_aws_wants_stated() {
    let fs = file_system(json!({ "storage": "intelligent-tiering", "throughput_capacity": 4000 }));
    assert_eq!((fs.metadata_iops, fs.read_cache), (Some(6000), Some(ReadCache::Proportional)));
    assert_eq!(fs.summary(), "elastic, persistent-2, intelligent-tiering, 4000 MB/s");
    let fs = file_system(persistent("9600 GiB", 500, true));
    assert_eq!(fs.summary(), "9600 GiB, persistent-2, 500 MB/s/TiB, EFA");
}

#[test]
fn large_file_systems_take_longer() {
    let small = file_system(json!({ "deployment": "scratch-2", "size": "1200 GiB" })).durations();
    let large = file_system(json!({ "deployment": "scratch-2", "size": "72000 GiB" })).durations();
    assert_eq!((small.create.typical.as_secs(), large.create.typical.as_secs()), (484, 720));
}
