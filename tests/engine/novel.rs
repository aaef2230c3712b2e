//! Values that AWS began to offer after this dlinfra was made: they are named and left alone, and nothing else waits for
//! them, least of all a removal.
use crate::{
    crash_lives,
    crash_matrix::{apart, census, config, in_virtual_time, nothing},
    examples::{IT, merged},
    stage::{Stage, text, wanted, wire::wire},
};
use aws_smithy_runtime_api::client::{
    http::{HttpConnector, SharedHttpClient, SharedHttpConnector},
    orchestrator::HttpRequest,
};
use aws_smithy_types::{body::SdkBody, byte_stream::ByteStream};
use dlinfra::{
    aws::tags::{self, Carrier},
    diagnostic::Diagnostics,
    engine::Engine,
    journal::MemoryBackend,
    kinds::KINDS,
    plan::Wanted,
    price::{PriceBook, PriceContext, Usage},
};
use dlinfra_sandbox::Sandbox;
use serde_json::json;
use std::sync::Arc;

/// AWS, with these words in place of others in its answers.
pub(crate) fn reworded(sandbox: &Sandbox, words: &'static [(&'static str, &'static str)]) -> SharedHttpClient {
    let sandbox = sandbox.clone();
    wire(move |request: HttpRequest| {
        let inner = SharedHttpConnector::new(sandbox.clone());
        async move {
            let mut answer = inner.call(request).await?;
            let body = std::mem::replace(answer.body_mut(), SdkBody::empty());
            let mut text = String::from_utf8(ByteStream::new(body).collect().await.unwrap().to_vec()).unwrap();
            for (from, to) in words {
                text = text.replace(from, to);
            }
            *answer.body_mut() = text.into();
            Ok(answer)
        }
    })
}

fn told(notes: &Diagnostics, address: &str, words: &[&str]) {
    let of = |d: &&dlinfra::diagnostic::Diagnostic| d.code == "DL0563" && d.address.as_deref() == Some(address);
    let found: Vec<_> = notes.iter().filter(of).collect();
    assert_eq!(found.len(), words.len(), "{notes}");
    for (note, word) in found.iter().zip(words) {
        assert!(note.summary.contains(word) && !note.help.is_empty(), "{word}: {note:?}");
    }
}

const FILE_SYSTEM: &[(&str, &str)] = &[
    (r#""FileSystemTypeVersion":"2.15""#, r#""FileSystemTypeVersion":"2.99""#),
    (r#""DeploymentType":"PERSISTENT_2""#, r#""DeploymentType":"PERSISTENT_9""#),
    (r#""StorageType":"SSD""#, r#""StorageType":"GLASS""#),
    (r#""DataCompressionType":"LZ4""#, r#""DataCompressionType":"ZSTD""#),
];

#[test]
fn a_file_system_of_a_newer_make_is_named_left_alone_and_removed() {
    in_virtual_time(async {
        let life = crash_lives::of("fsx-lustre");
        let wanted = &life.commands[0].1;
        let mut stage = Stage::on(Sandbox::open(config()).unwrap(), Arc::new(MemoryBackend::new()));
        stage.settle(wanted).await;
        stage.http = Some(reworded(&stage.sandbox, FILE_SYSTEM));
        let (_, view, plan) = stage.look(wanted).await;
        assert!(plan.is_empty(), "{}", text(&plan));
        let words = ["`ZSTD`", "`PERSISTENT_9`", "`GLASS`", "`2.99`"];
        told(&plan.notes, IT, &words);
        let live = &view.snapshot.get(IT).unwrap().live;
        let kind = view.snapshot.get(IT).unwrap().kind;
        assert!(words.iter().all(|w| kind.summary(&live.spec).contains(w.trim_matches('`'))));
        assert!(kind.holds_data(&live.spec), "nobody knows that it does not");
        let usage = Usage::default();
        let lines = kind.price(&live.spec, &PriceContext::new(PriceBook::embedded(), "us-east-1", &usage));
        assert!(lines.iter().all(|l| l.rate.is_none()), "{lines:?}");
        let (_, notes) = Engine::all_stacks(&stage.aws().await, KINDS).await.unwrap();
        told(&notes, IT, &words);
        // What is known can be changed beside it, and what is not stays.
        let mut changed = wanted.clone();
        let it = changed.last_mut().unwrap();
        it.spec = it
            .kind
            .canonical(&merged(&it.spec, &json!({ "maintenance": "2:03:30", "version": "2.12" })))
            .unwrap()
            .into();
        stage.target.tags = [("team".to_owned(), "ml".to_owned())].into();
        stage.settle(&changed).await;
        // The journal is lost, and begun again from what is there.
        stage.backend = Arc::new(MemoryBackend::new());
        told(&stage.plan(&changed).await.notes, IT, &words);
        stage.resume(&[]).await.unwrap();
        assert_eq!(apart(&census(&stage.sandbox), &nothing()), "");
    });
}

#[test]
fn alarms_and_log_groups_with_words_of_tomorrow_are_named_and_left_alone() {
    const WORDS: &[(&str, &str)] = &[
        (r#""ComparisonOperator":"LessThanThreshold""#, r#""ComparisonOperator":"StrangerThanThreshold""#),
        (r#""logGroupClass":"STANDARD""#, r#""logGroupClass":"FROZEN""#),
    ];
    for (kind, word, change) in [
        ("alarm", "`StrangerThanThreshold`", json!({ "threshold": 7 })),
        ("log-group", "`FROZEN`", json!({ "retention": "3d" })),
    ] {
        in_virtual_time(async {
            let wanted = crash_lives::of(kind).commands.swap_remove(0).1;
            let mut stage = Stage::on(Sandbox::open(config()).unwrap(), Arc::new(MemoryBackend::new()));
            stage.settle(&wanted).await;
            stage.http = Some(reworded(&stage.sandbox, WORDS));
            let plan = stage.plan(&wanted).await;
            assert!(plan.is_empty(), "{}", text(&plan));
            told(&plan.notes, IT, &[word]);
            let mut changed = wanted.clone();
            let it = changed.last_mut().unwrap();
            it.spec = it.kind.canonical(&merged(&it.spec, &change)).unwrap().into();
            // An alarm is put whole, with AWS's own word in it: the sandbox, which does not know it either, says so.
            match stage.resume(&changed).await {
                Ok(_) => assert_eq!(kind, "log-group"),
                Err(why) => assert!(kind == "alarm" && why.contains("Value 'StrangerThanThreshold'"), "{why}"),
            }
            stage.resume(&[]).await.unwrap();
            assert_eq!(apart(&census(&stage.sandbox), &nothing()), "", "{kind}");
        });
    }
}

/// Of another stack, and yet with this stack's tags; or ours, and somebody gave it another shape.
#[test]
fn a_subnet_and_a_gateway_of_another_shape_end_no_plan() {
    let to = |address: &str| json!({ "$ref": address });
    let subnet = json!({ "vpc": to("vpc"), "cidr": "10.0.1.0/24", "zone": "us-east-1a" });
    let network: Vec<Wanted> = vec![
        wanted("vpc", "vpc", json!({ "cidr": "10.0.0.0/16" })),
        wanted("gate", "internet-gateway", json!({ "vpc": to("vpc") })),
        wanted("a", "subnet", subnet),
        wanted("nat", "nat-gateway", json!({ "subnet": to("a"), "internet_gateway": to("gate") })),
    ];
    in_virtual_time(async {
        let mut stage = Stage::on(Sandbox::open(config()).unwrap(), Arc::new(MemoryBackend::new()));
        stage.settle(&network).await;
        stage.http = Some(reworded(&stage.sandbox, &[("<cidrBlock>10.0.1.0/24</cidrBlock>", "")]));
        let plan = stage.plan(&network).await;
        assert!(plan.is_empty(), "{}", text(&plan));
        told(&plan.notes, "a", &["`no IPv4 range`"]);
        // A gateway of a whole VPC, as it has none of ours in it.
        stage.http = None;
        let aws = stage.aws().await;
        let vpc = aws.ec2().create_vpc().cidr_block("10.7.0.0/16").send().await.unwrap().vpc.unwrap().vpc_id.unwrap();
        let other = aws.ec2().create_subnet().vpc_id(vpc).cidr_block("10.7.1.0/24").send().await.unwrap();
        let other: &'static str = other.subnet.unwrap().subnet_id.unwrap().leak();
        let made = aws.ec2().create_nat_gateway().subnet_id(other).connectivity_type("private".into());
        let made = made.send().await.unwrap().nat_gateway.unwrap().nat_gateway_id.unwrap();
        let set = [("dlinfra:stack".to_owned(), "test".to_owned())].into();
        Carrier::own(&tags::EC2, &made).retag(&aws, &set, &[]).await.unwrap();
        stage.clock.sleep(std::time::Duration::from_secs(300)).await;
        let gone: &'static [(&str, &str)] =
            Box::leak(Box::new([(&*format!("<subnetId>{other}</subnetId>").leak(), "")]));
        stage.http = Some(reworded(&stage.sandbox, gone));
        let plan = stage.plan(&network).await;
        assert!(plan.is_empty(), "{}", text(&plan));
        assert!(plan.notes.iter().any(|d| d.code == "DL0565" && d.summary.contains(&made)), "{}", plan.notes);
        stage.resume(&[]).await.unwrap();
        let left = stage.sandbox.objects().into_iter().filter(|o| o.is_live() && o.kind == "ec2/nat-gateway");
        assert_eq!(left.map(|o| o.id).collect::<Vec<_>>(), [made]);
    });
}
