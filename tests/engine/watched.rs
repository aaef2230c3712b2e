//! Stacks that are watched: every alarm that the modules make goes off when its cause is there, and only then, and none
//! waits for data that nobody sends.
use crate::stage::{Stage, blueprint};
use dlinfra::aws::Aws;
use dlinfra_sandbox::Measurement;
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use std::{collections::BTreeMap, time::Duration};

/// What is measured: a metric with its dimensions, and its values of a minute.
type Measured = Vec<(&'static str, String, Vec<(&'static str, String)>, Vec<f64>)>;

/// A stack with alarms, and somebody who measures it every minute.
struct Watched {
    stage: Stage,
    aws: Aws,
    prefix: &'static str,
    healthy: Measured,
}

impl Watched {
    /// So many minutes, in which some metrics have other values than they should.
    async fn minutes(&self, count: u32, ill: &[(&str, &[f64])]) {
        for _ in 0..count {
            let of = |(name, namespace, dimensions, values): &(&str, String, Vec<(&str, String)>, Vec<f64>)| {
                let values =
                    ill.iter().find(|(other, _)| other == name).map_or(values.as_slice(), |(_, values)| values);
                let dimensions: BTreeMap<String, String> =
                    dimensions.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
                let one = |value: &f64| Measurement {
                    namespace: namespace.clone(),
                    name: (*name).to_owned(),
                    dimensions: dimensions.clone(),
                    value: *value,
                    region: "us-east-1".to_owned(),
                };
                values.iter().map(one).collect::<Vec<_>>()
            };
            let values: Vec<Measurement> = self.healthy.iter().flat_map(of).collect();
            self.stage.sandbox.publish(&values);
            self.aws.clock().sleep(Duration::from_secs(60)).await;
        }
    }

    /// The alarms in each state, without their prefix.
    async fn states(&self) -> BTreeMap<String, Vec<String>> {
        let input = json!({ "AlarmTypes": ["MetricAlarm", "CompositeAlarm"], "MaxRecords": 100 });
        let found: Value = self.aws.cloudwatch().call("DescribeAlarms", &input).await.unwrap();
        let mut out: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for list in ["MetricAlarms", "CompositeAlarms"] {
            for alarm in found[list].as_array().unwrap() {
                let text = |name: &str| alarm[name].as_str().unwrap().to_owned();
                let name = text("AlarmName").trim_start_matches(self.prefix).to_owned();
                out.entry(text("StateValue")).or_default().push(name);
            }
        }
        out
    }

    /// Those that are off, in order.
    async fn off(&self) -> Vec<String> {
        let mut off = self.states().await.remove("ALARM").unwrap_or_default();
        off.sort();
        off
    }

    async fn is_well(&self, after: &str) {
        let states = self.states().await;
        assert_eq!(states.keys().collect::<Vec<_>>(), ["OK"], "{after}: {states:?}");
    }

    /// An output of what is live at an address.
    async fn output(&self, address: &str, name: &str) -> Value {
        output(&self.stage, address, name).await
    }
}

async fn output(stage: &Stage, address: &str, name: &str) -> Value {
    let (_, view, _) = stage.look(&[]).await;
    let found = view.snapshot.owned.values().find(|found| found.live.address.as_str() == address);
    found.unwrap_or_else(|| panic!("no {address}")).live.outputs[name].clone()
}

const TRAINING: &str = "blueprint: test
region: us-east-1
ttl: 72h
resources:
  network: { use: network, cidr: 10.20.0.0/16, zone_names: [us-east-1a] }
  cache: { use: lustre-cache, subnet: '${network.private[0]}', size: 2400 GiB, throughput: 500 MB/s/TiB }
  watch:
    use: watch-training
    instance_type: p5.48xlarge
    nodes: 2
    instances: ${train.instance_ids}
    cache: ${cache.file_system}
    nat_gateway: ${network.nat_gateways[0]}
    mail: [ops@example.com]
  train:
    use: efa-cluster
    instance_type: p5.48xlarge
    nodes: 2
    subnet: ${network.private[0]}
    mounts: ['${cache.mount}']
    agent: ${watch.agent}
";

#[tokio::test(start_paused = true)]
async fn a_training_stack_says_what_is_wrong_and_nothing_else() {
    let stage = Stage::new().await;
    let stack = blueprint(TRAINING, &[]);
    stage.apply(&stack).await;
    assert!(stage.plan(&stack).await.is_empty());
    let aws = stage.aws().await;
    let text = async |address: &str, name: &str| output(&stage, address, name).await.as_str().unwrap().to_owned();
    let cache = text("cache.file-system", "id").await;
    let (nat, topic) = (text("network.nat/us-east-1a", "id").await, text("watch.people", "name").await);
    let machines = output(&stage, "train.group", "instance_ids").await;
    let own = || "dlinfra/test-train".to_owned();
    let group = || vec![("InstanceType", "p5.48xlarge".to_owned())];
    let fsx = || ("AWS/FSx".to_owned(), ("FileSystemId", cache.clone()));
    let mut healthy: Measured = vec![
        ("mem_used_percent", own(), group(), vec![40.0, 41.0]),
        ("nvidia_smi_utilization_gpu", own(), group(), vec![95.0, 97.0]),
        ("nvidia_smi_temperature_gpu", own(), group(), vec![60.0, 65.0]),
        ("efa_rx_dropped", own(), group(), vec![0.0]),
        ("efa_unresponsive_remote_events", own(), group(), vec![0.0]),
        ("FreeDataStorageCapacity", fsx().0, vec![fsx().1], vec![1.0e12]),
        ("NetworkThroughputUtilization", fsx().0, vec![("FileServer", "f-1".to_owned()), fsx().1], vec![40.0]),
        ("ErrorPortAllocation", "AWS/NATGateway".to_owned(), vec![("NatGatewayId", nat)], vec![0.0]),
        ("NumberOfNotificationsFailed", "AWS/SNS".to_owned(), vec![("TopicName", topic)], vec![0.0]),
    ];
    for name in ["StatusCheckFailed", "StatusCheckFailed_AttachedEBS"] {
        for machine in machines.as_array().unwrap() {
            let dimensions = vec![("InstanceId", machine.as_str().unwrap().to_owned())];
            healthy.push((name, "AWS/EC2".to_owned(), dimensions, vec![0.0]));
        }
    }
    let watched = Watched { stage, aws, prefix: "test-train-", healthy };
    watched.minutes(61, &[]).await;
    watched.is_well("after an hour").await;

    let nothing: &[f64] = &[];
    for (cause, minutes, ill, expected) in [
        ("a machine fails", 3, vec![("StatusCheckFailed", &[1.0][..])], vec!["blocked", "node-0", "node-1"]),
        ("a disk hangs", 3, vec![("StatusCheckFailed_AttachedEBS", &[1.0])], vec!["blocked", "node-0", "node-1"]),
        ("one of two machines says nothing", 20, vec![("mem_used_percent", &[40.0])], vec![]),
        ("none says anything", 21, vec![("mem_used_percent", nothing)], vec!["blocked", "silent"]),
        ("nobody trains", 31, vec![("nvidia_smi_utilization_gpu", &[0.0, 1.0])], vec!["idle"]),
        ("one GPU trains", 31, vec![("nvidia_smi_utilization_gpu", &[0.0, 60.0])], vec![]),
        ("a GPU is hot", 6, vec![("nvidia_smi_temperature_gpu", &[60.0, 90.0])], vec!["hot"]),
        ("packets are lost", 21, vec![("efa_rx_dropped", &[3.0])], vec!["blocked", "efa"]),
        ("a peer is gone", 21, vec![("efa_unresponsive_remote_events", &[1.0])], vec!["blocked", "efa"]),
        (
            "a storage target is full",
            21,
            vec![("FreeDataStorageCapacity", &[1.0e12, 1.0e9])],
            vec!["blocked", "cache-full"],
        ),
        ("a file server is busy", 21, vec![("NetworkThroughputUtilization", &[95.0])], vec!["cache-slow"]),
        ("no ports are left", 6, vec![("ErrorPortAllocation", &[2.0])], vec!["no-ports"]),
        ("a mail does not arrive", 6, vec![("NumberOfNotificationsFailed", &[1.0])], vec!["unheard"]),
    ] {
        watched.minutes(minutes, &ill).await;
        assert_eq!(watched.off().await, expected, "{cause}");
        watched.minutes(20, &[]).await;
        watched.is_well(cause).await;
    }

    // The kernel's log has GPU errors and nothing else: those of a program are its own.
    let log = watched.output("watch.log", "name").await;
    let logs = watched.aws.logs();
    let stream = json!({ "logGroupName": log, "logStreamName": "i-1" });
    logs.call::<IgnoredAny>("CreateLogStream", &stream).await.unwrap();
    for (code, expected) in [(31, vec![]), (79, vec!["blocked", "gpu-errors"])] {
        let line = format!("NVRM: Xid (PCI:0000:c4:00): {code}, pid=1234, name=python");
        let at = watched.aws.clock().now().as_millisecond();
        let events = json!([{ "timestamp": at, "message": line }]);
        let input = json!({ "logGroupName": log, "logStreamName": "i-1", "logEvents": events });
        logs.call::<IgnoredAny>("PutLogEvents", &input).await.unwrap();
        watched.minutes(1, &[]).await;
        assert_eq!(watched.off().await, expected, "{code}");
        watched.minutes(3, &[]).await;
        watched.is_well("a GPU error").await;
    }
}

const SERVING: &str = "blueprint: test
region: us-east-1
ttl: 72h
resources:
  models: { kind: bucket }
  serve:
    use: endpoint
    image: 763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-inference:2.6.0-gpu-py312
    bucket: ${models}
    prefix: v1/
  watch: { use: watch-endpoint, endpoint: '${serve.endpoint}', mail: [ops@example.com] }
";

#[tokio::test(start_paused = true)]
async fn an_endpoint_says_what_is_wrong_and_nothing_else() {
    let stage = Stage::new().await;
    let stack = blueprint(SERVING, &[]);
    let models = stack.iter().filter(|wanted| wanted.address.as_str() == "models").cloned().collect::<Vec<_>>();
    stage.apply(&models).await;
    let aws = stage.aws().await;
    let bucket = output(&stage, "models", "name").await.as_str().unwrap().to_owned();
    aws.s3().put_object().bucket(bucket).key("v1/weights").body(b"0123".to_vec().into()).send().await.unwrap();
    stage.apply(&stack).await;
    assert!(stage.plan(&stack).await.is_empty());
    let endpoint = output(&stage, "serve.endpoint", "name").await.as_str().unwrap().to_owned();
    let of = |name: &'static str, namespace: &str, values: &[f64]| {
        let dimensions = vec![("EndpointName", endpoint.clone()), ("VariantName", "main".to_owned())];
        (name, namespace.to_owned(), dimensions, values.to_vec())
    };
    let (own, machines) = ("AWS/SageMaker", "/aws/sagemaker/Endpoints");
    let healthy = vec![
        of("Invocations", own, &[30.0]),
        of("Invocation5XXErrors", own, &[0.0]),
        of("ModelLatency", own, &[200_000.0, 300_000.0]),
        of("GPUMemoryUtilization", machines, &[80.0]),
        of("DiskUtilization", machines, &[30.0]),
    ];
    let watched = Watched { stage, aws, prefix: "test-serve-", healthy };
    watched.minutes(1441, &[]).await;
    watched.is_well("after a day").await;
    let nothing: &[f64] = &[];
    for (cause, minutes, ill, expected) in [
        ("one of few fails", 6, vec![("Invocations", &[2.0][..]), ("Invocation5XXErrors", &[1.0])], vec![]),
        // Ten in thirty for the alarm that takes a new version back too: it looks at counts.
        ("many fail", 6, vec![("Invocation5XXErrors", &[10.0])], vec!["errors", "watch-errors"]),
        ("it is slow", 6, vec![("ModelLatency", &[2.0e5, 31.0e6])], vec!["latency", "watch-slow"]),
        ("the memory is full", 6, vec![("GPUMemoryUtilization", &[96.0])], vec!["watch-gpu-memory"]),
        ("the disk is full", 6, vec![("DiskUtilization", &[76.0])], vec!["watch-disk"]),
        ("nobody asks", 24 * 60 + 60, vec![("Invocations", nothing)], vec!["watch-idle"]),
    ] {
        watched.minutes(minutes, &ill).await;
        assert_eq!(watched.off().await, expected, "{cause}");
        watched.minutes(61, &[]).await;
        watched.is_well(cause).await;
    }
}

#[tokio::test(start_paused = true)]
async fn requests_that_wait_too_long_are_told() {
    let stage = Stage::new().await;
    let text = "blueprint: test
region: us-east-1
ttl: 72h
resources:
  watch: { use: watch-endpoint, mode: async, endpoint: chat, gpus: 0 }
";
    let stack = blueprint(text, &[]);
    stage.apply(&stack).await;
    let aws = stage.aws().await;
    let of = |name: &'static str, values: &[f64]| {
        (name, "AWS/SageMaker".to_owned(), vec![("EndpointName", "chat".to_owned())], values.to_vec())
    };
    let mut healthy = vec![of("ApproximateAgeOfOldestRequest", &[30.0]), of("HasBacklogWithoutCapacity", &[0.0])];
    let machine = vec![("EndpointName", "chat".to_owned()), ("VariantName", "main".to_owned())];
    healthy.push(("DiskUtilization", "/aws/sagemaker/Endpoints".to_owned(), machine, vec![30.0]));
    let watched = Watched { stage, aws, prefix: "test-serve-watch-", healthy };
    watched.minutes(10, &[]).await;
    watched.is_well("after ten minutes").await;
    for (cause, minutes, ill, expected) in [
        ("one waits for long", 4, vec![("ApproximateAgeOfOldestRequest", &[700.0][..])], vec!["waiting"]),
        ("no machine comes", 16, vec![("HasBacklogWithoutCapacity", &[1.0])], vec!["no-machines"]),
    ] {
        watched.minutes(minutes, &ill).await;
        assert_eq!(watched.off().await, expected, "{cause}");
        watched.minutes(16, &[]).await;
        watched.is_well(cause).await;
    }
}
