//! Successors: made before what they replace goes, with everybody pointed at them in between, wherever a run dies.
use crate::{
    crash_matrix::{apart, census, comes_out, config, in_virtual_time, nothing},
    crash_tape::{Store, Tape},
    stage::{Stage, text, wire::wire},
};
use aws_smithy_runtime_api::client::http::{HttpConnector, SharedHttpConnector};
use dlinfra::{
    aws::{
        Error, gone, optional,
        tags::{self, Tags},
    },
    call::{Ctx, SweepCtx},
    field::{Field, Ref},
    journal::MemoryBackend,
    kind::{Kind, Of},
    plan::{Action, Protect, Wanted},
    resource::{About, Call, Changes, Class, Discovery, Durations, Id, Live, Lookup, NameRule, Output, Resource},
};
use dlinfra_sandbox::Sandbox;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

const RULE: NameRule = NameRule { max: 64, extra: "-", lower: true };
const MAKE: Call = Call::new("logs:CreateLogGroup", Class::Name);
const PUT: Call = Call::new("cloudwatch:PutMetricAlarm", Class::NameIdempotent);

/// Something whose name says its content: a log group, since everybody knows those.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Version {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    content: Option<Field<String>>,
}

impl Resource for Version {
    const KIND: &'static str = "version";
    const ABOUT: About = About {
        fixed: &["content"],
        unreadable: &["content"],
        successors: true,
        discovery: Discovery::Prefix,
        tagger: &tags::LOGS,
        calls: &[MAKE],
        name: Some(RULE),
        free: true,
        ..About::new("something that never changes")
    };

    fn summary(&self) -> String {
        "a version".to_owned()
    }

    fn durations(&self) -> Durations {
        Durations::quick(2, 2, 2)
    }

    async fn sweep(ctx: &SweepCtx) -> Result<Vec<Live<Self>>, Error> {
        let input = json!({ "logGroupNamePrefix": ctx.scope.stack });
        let mut out = Vec::new();
        for group in ctx.aws.logs().pages::<Value>("DescribeLogGroups", input, ("logGroups", "nextToken")).await? {
            let (name, arn) = (word(&group, "logGroupName"), word(&group, "logGroupArn"));
            let Some(tags) = tags_of(&tags::LOGS, ctx, &arn).await?.filter(|tags| ctx.takes(tags)) else { continue };
            let mut live = Live::new(ctx.address(&name, &tags), &name, tags, Self { content: None });
            live.outputs.insert("arn", json!(arn));
            out.push(live);
        }
        Ok(out)
    }

    async fn create(&self, ctx: &Ctx, _: Option<&Live<Self>>) -> Result<Id, Error> {
        let content = self.content.as_ref().and_then(Field::known).unwrap();
        let name = &ctx.name(&RULE, content);
        let send = |attempt: dlinfra::call::Attempt| async move {
            let input = json!({ "logGroupName": name, "tags": attempt.tags });
            match ctx.aws.logs().once::<Value>("CreateLogGroup", &input).await {
                // The stack's own name: nobody else makes it in these tests.
                Err(e) if e.class == dlinfra::aws::ErrorClass::Exists => ctx.doubtful(),
                other => drop(other?),
            }
            Ok(vec![name.clone()])
        };
        ctx.call_named(&MAKE, "", name, self, send).await?;
        Ok(name.clone())
    }

    async fn update(_: &Self, _: &Ctx, _: &Live<Self>, _: &Changes) -> Result<(), Error> {
        Ok(())
    }

    async fn delete(ctx: &Ctx, live: &Live<Self>) -> Result<(), Error> {
        gone(ctx.aws.logs().call::<Value>("DeleteLogGroup", &json!({ "logGroupName": live.id })).await.map(drop))
    }

    async fn lookup(ctx: &SweepCtx, by: &Lookup) -> Result<Vec<Live<Self>>, Error> {
        let mut all = Self::sweep(&SweepCtx { all_stacks: false, ..ctx.clone() }).await?;
        all.retain(|live| matches!(by, Lookup::Id(id) if *id == live.id));
        Ok(all)
    }
}

/// Whoever uses one: an alarm that names it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
struct User {
    uses: Ref<Version>,
}

impl User {
    fn request(&self, name: &str) -> Result<Value, Error> {
        Ok(json!({ "AlarmName": name, "AlarmDescription": self.uses.id()?, "MetricName": "Errors", "Namespace": "Test",
            "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1, "Threshold": 1.0,
            "ComparisonOperator": "GreaterThanThreshold" }))
    }
}

impl Resource for User {
    const KIND: &'static str = "user";
    const ABOUT: About = About {
        discovery: Discovery::Prefix,
        tagger: &tags::CLOUDWATCH,
        calls: &[PUT],
        name: Some(RULE),
        free: true,
        outputs: &[Output { name: "arn", ty: "string", doc: "its ARN" }],
        unsettled: &[("arn", &["uses"])],
        ..About::new("something that points at a version")
    };

    fn summary(&self) -> String {
        self.uses.to_string()
    }

    fn durations(&self) -> Durations {
        Durations::quick(2, 2, 2)
    }

    async fn sweep(ctx: &SweepCtx) -> Result<Vec<Live<Self>>, Error> {
        let input = json!({ "AlarmNamePrefix": ctx.scope.stack });
        let mut out = Vec::new();
        for alarm in ctx.aws.cloudwatch().pages::<Value>("DescribeAlarms", input, ("MetricAlarms", "NextToken")).await?
        {
            let (name, arn) = (word(&alarm, "AlarmName"), word(&alarm, "AlarmArn"));
            let Some(tags) = tags_of(&tags::CLOUDWATCH, ctx, &arn).await?.filter(|tags| ctx.takes(tags)) else {
                continue;
            };
            let spec = Self { uses: Ref::to_id(word(&alarm, "AlarmDescription")) };
            let mut live = Live::new(ctx.address(&name, &tags), &name, tags, spec);
            live.outputs.insert("arn", json!(arn));
            out.push(live);
        }
        Ok(out)
    }

    async fn create(&self, ctx: &Ctx, _: Option<&Live<Self>>) -> Result<Id, Error> {
        let name = &ctx.name(&RULE, "");
        let send = |attempt: dlinfra::call::Attempt| async move {
            let mut input = self.request(name)?;
            input["Tags"] = attempt.tags.iter().map(|(k, v)| json!({ "Key": k, "Value": v })).collect();
            ctx.aws.cloudwatch().once::<Value>("PutMetricAlarm", &input).await?;
            Ok(vec![name.clone()])
        };
        ctx.call_named(&PUT, "", name, self, send).await?;
        Ok(name.clone())
    }

    async fn update(want: &Self, ctx: &Ctx, live: &Live<Self>, _: &Changes) -> Result<(), Error> {
        ctx.aws.cloudwatch().call::<Value>("PutMetricAlarm", &want.request(&live.id)?).await.map(drop)
    }

    async fn delete(ctx: &Ctx, live: &Live<Self>) -> Result<(), Error> {
        gone(ctx.aws.cloudwatch().call::<Value>("DeleteAlarms", &json!({ "AlarmNames": [live.id] })).await.map(drop))
    }

    async fn lookup(ctx: &SweepCtx, by: &Lookup) -> Result<Vec<Live<Self>>, Error> {
        let mut all = Self::sweep(&SweepCtx { all_stacks: false, ..ctx.clone() }).await?;
        all.retain(|live| matches!(by, Lookup::Id(id) if *id == live.id));
        Ok(all)
    }
}

static KINDS: &[&dyn Kind] = &[&Of::<Version>::KIND, &Of::<User>::KIND];

fn word(of: &Value, key: &str) -> String {
    of[key].as_str().unwrap_or_default().to_owned()
}

async fn tags_of(tagger: &dyn tags::Tagger, ctx: &SweepCtx, arn: &str) -> Result<Option<Tags>, Error> {
    let read = tagger.read(&ctx.aws, &[arn.to_owned()]).await;
    Ok(optional(read)?.and_then(|mut all| all.remove(arn)))
}

fn want(address: &str, kind: &'static dyn Kind, spec: &Value) -> Wanted {
    let mut wanted = crate::stage::wanted("x", "vpc", json!({ "cidr": "10.0.0.0/16" }));
    (wanted.address, wanted.kind) = (dlinfra::address::Address::parse(address).unwrap(), kind);
    wanted.spec = kind.canonical(spec).unwrap().into();
    wanted
}

/// A version with this content, and two who use it.
fn stack(content: &str) -> Vec<Wanted> {
    let uses = json!({ "uses": { "$ref": "v" } });
    vec![
        want("v", KINDS[0], &json!({ "content": content })),
        want("one", KINDS[1], &uses),
        want("two", KINDS[1], &uses),
    ]
}

/// What live users name is there.
fn held(sandbox: &Sandbox) -> Result<(), String> {
    let all = sandbox.objects();
    let live = || all.iter().filter(|o| o.is_live());
    let groups: BTreeSet<&str> = live().filter(|o| o.kind.contains("log-group")).map(|o| o.id.as_str()).collect();
    for alarm in live().filter(|o| o.kind.contains("alarm")) {
        let uses = alarm.value["fields"]["AlarmDescription"].as_str().unwrap_or_default();
        if !groups.contains(uses) {
            return Err(format!("{} uses `{uses}`, which is not there: {groups:?}", alarm.id));
        }
    }
    Ok(())
}

/// A stage that notes each request that leaves somebody with something that is not there.
fn watched(mut stage: Stage, broken: &Arc<Mutex<Vec<String>>>) -> Stage {
    let (sandbox, broken) = (stage.sandbox.clone(), broken.clone());
    stage.kinds = KINDS;
    stage.http = Some(wire(move |request| {
        let (sandbox, broken) = (sandbox.clone(), broken.clone());
        let inner = SharedHttpConnector::new(sandbox.clone());
        async move {
            let answer = inner.call(request).await;
            broken.lock().unwrap().extend(held(&sandbox).err());
            answer
        }
    }));
    stage
}

#[tokio::test(start_paused = true)]
async fn the_new_one_is_made_users_move_and_the_old_one_goes() {
    let broken = Arc::default();
    let stage = watched(Stage::new().await, &broken);
    stage.resume(&stack("1")).await.unwrap();
    let old = stage.sandbox.objects().into_iter().find(|o| o.kind.contains("log-group")).unwrap().id;
    let plan = stage.plan(&stack("2")).await;
    let golden = text(&plan);
    assert_eq!(
        (plan.summary.create, plan.summary.update, plan.summary.delete, plan.summary.replace),
        (1, 2, 1, 0),
        "{golden}"
    );
    let made = plan.steps.iter().find(|s| s.action == Action::Create).unwrap();
    let gone = plan.steps.iter().find(|s| s.action == Action::Delete).unwrap();
    assert_eq!(gone.reason, "its successor takes its place at v");
    assert_eq!(made.reason, format!("`content` cannot be changed in place; created before {old} is removed"));
    stage.resume(&stack("2")).await.unwrap();
    assert!(stage.plan(&stack("2")).await.is_empty());
    let calls: Vec<String> =
        stage.sandbox.requests().entries.iter().filter(|e| e.mutating).map(|e| e.operation.clone()).collect();
    let tail: Vec<&str> = calls.iter().rev().take(4).rev().map(String::as_str).collect();
    assert_eq!(tail, ["CreateLogGroup", "PutMetricAlarm", "PutMetricAlarm", "DeleteLogGroup"]);
    // And back, where the first one's name is free again.
    stage.resume(&stack("1")).await.unwrap();
    assert!(stage.plan(&stack("1")).await.is_empty());
    stage.resume(&[]).await.unwrap();
    assert_eq!(census(&stage.sandbox), nothing(), "{}", apart(&census(&stage.sandbox), &nothing()));
    assert_eq!(*broken.lock().unwrap(), Vec::<String>::new());
}

/// Dies at every request and write of a switch; then the switch is finished, or taken back, or everything is destroyed.
#[test]
fn a_death_anywhere_leaves_nobody_without_what_it_uses() {
    let (tape, expected) = in_virtual_time(async {
        let journal = Arc::new(MemoryBackend::new());
        let mut stage = Stage::on(Sandbox::open(config()).unwrap(), journal.clone());
        stage.kinds = KINDS;
        stage.resume(&stack("1")).await.unwrap();
        let expected = census(&stage.sandbox);
        let tape = Tape::record(&mut stage, &journal, Store::Memory, &stack("2")).await;
        assert!(tape.result.as_ref().unwrap().complete());
        assert_eq!(census(&stage.sandbox), expected);
        (tape, expected)
    });
    assert!(tape.moments.len() > 10, "{}", tape.moments.len());
    let mut failures = Vec::new();
    for (number, moment) in tape.moments.iter().enumerate() {
        for (what, wanted) in [("finished", stack("2")), ("taken back", stack("1")), ("changed again", stack("3"))] {
            let broken: Arc<Mutex<Vec<String>>> = Arc::default();
            let result = in_virtual_time(async {
                let stage = watched(moment.stage().await, &broken);
                comes_out(&stage, &wanted, &expected, &mut BTreeSet::new()).await
            });
            let seen = broken.lock().unwrap().first().cloned();
            failures.extend(result.err().or(seen).map(|why| format!("moment {number}, {what}: {why}")));
        }
    }
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}

/// What is known only after an apply may turn out to be what it was: then the successor is the same object, and stays.
#[tokio::test(start_paused = true)]
async fn a_successor_that_is_the_same_object_stays() {
    let broken = Arc::default();
    let stage = watched(Stage::new().await, &broken);
    let stack = |uses: &str| {
        vec![
            want("a", KINDS[0], &json!({ "content": "a" })),
            want("b", KINDS[0], &json!({ "content": "b" })),
            want("one", KINDS[1], &json!({ "uses": { "$ref": uses } })),
            want("v", KINDS[0], &json!({ "content": { "$ref": "one", "attr": "arn" } })),
            want("two", KINDS[1], &json!({ "uses": { "$ref": "v" } })),
        ]
    };
    stage.resume(&stack("a")).await.unwrap();
    let before = census(&stage.sandbox);
    let plan = stage.plan(&stack("b")).await;
    assert_eq!((plan.summary.create, plan.summary.delete), (1, 1), "{}", text(&plan));
    stage.resume(&stack("b")).await.unwrap();
    assert_eq!(census(&stage.sandbox), before);
    assert!(stage.plan(&stack("b")).await.is_empty());
    assert!(stage.sandbox.requests().entries.iter().all(|e| e.operation != "DeleteLogGroup"));
    assert_eq!(*broken.lock().unwrap(), Vec::<String>::new());
}

/// What is asked for with `--replace` has the same name, and what is protected stays.
#[tokio::test(start_paused = true)]
async fn the_same_again_is_replaced_and_what_is_protected_stays() {
    let broken = Arc::default();
    let stage = watched(Stage::new().await, &broken);
    stage.resume(&stack("1")).await.unwrap();
    let (engine, view, _) = stage.look(&stack("1")).await;
    let plan = engine.plan(&stack("1"), &view, &BTreeSet::from([stack("1")[0].address.clone()])).unwrap();
    assert_eq!((plan.summary.replace, plan.summary.create), (1, 0), "{}", text(&plan));
    let mut protected = stack("2");
    protected[0].protect = Some(Protect::Never);
    let plan = stage.plan(&protected).await;
    let refused = plan.refused(&BTreeSet::new(), false, &Default::default());
    assert!(refused.iter().any(|d| d.code == "DL0552"), "{refused:?}");
}
