//! What only AWS knows, told before anything is made: at the field that says it, with what there is instead.

use crate::desk::Desk;
use crate::{MACHINE, SMALL, serve};

const VPC: &str =
    "blueprint: NAME\nregion: us-east-1\ntags: { team: red }\nresources:\n  vpc: { kind: vpc, cidr: 10.0.0.0/16 }\n";
const NAMED: &str = "blueprint: named\nregion: us-east-1\nresources:\n  vpc:\n    kind: vpc\n    existing: { WHAT }\n  gateway: { kind: internet-gateway, vpc: '${vpc}' }\n";

#[test]
fn an_object_that_the_sandbox_imagines_is_told() {
    let desk = Desk::new();
    desk.write("a.yaml", NAMED.replace("WHAT", "tags: { Name: prod }"));
    let told = ["note[DL0539]", "the sandbox has no vpc with the tags Name=prod, so vpc is invented", "--> a.yaml:6:"];
    desk.run("plan a.yaml --sandbox").code(0).says(&told);
    // Where nothing is made of it, it is no news.
    let alone = NAMED
        .replace("WHAT", "tags: { Name: prod }")
        .replace("{ kind: internet-gateway, vpc: '${vpc}' }", "{ kind: bucket }");
    desk.write("b.yaml", alone);
    desk.run("apply b.yaml --sandbox --sandbox-speed max --yes").code(0).says(&["note[DL0539]", "applied: 1 created"]);
    desk.run("plan b.yaml --sandbox").code(0).says(&["No changes"]).never_says("DL0539");
}

#[test]
fn an_existing_object_that_is_not_one_comes_with_what_there_is() {
    let desk = Desk::new();
    let served = serve(&desk, "{}");
    let at = ["--endpoint-url", &served.1];
    let run = |words: &[&str]| desk.run_with_keys(&[words, &at].concat());
    for name in ["one", "two"] {
        desk.write("v.yaml", VPC.replace("NAME", name));
        // Time passes in a served sandbox while a busy machine does not get on.
        assert!((0..9).any(|_| run(&["apply", "v.yaml", "--yes"]).code == 0), "{name}");
    }
    for (what, told) in [
        ("tags: { team: blue }", "there is no vpc with the tags team=blue"),
        ("id: vpc-0123456789abcdef0", "there is no vpc with the id vpc-0123456789abcdef0"),
        ("tags: { team: red }", "`existing:` of vpc matches 2 objects and must match one"),
    ] {
        desk.write("a.yaml", NAMED.replace("WHAT", what));
        let said = run(&["plan", "a.yaml"]).refuses("DL0533").says(&[told, "--> a.yaml:6:", "account 000000000000"]);
        assert_eq!(said.err.matches("vpc-").count() - usize::from(what.starts_with("id")) * 2, 2, "{}", said.err);
    }
}

#[test]
fn policies_and_keys_that_are_not_there_are_told_at_their_line() {
    let desk = Desk::new();
    let role = "  role:\n    kind: iam-role\n    trust: [ec2.amazonaws.com]\n    managed_policies:\n      - \
                AmazonSSMManagedInstanceCore\n      - AWSBatchServiceRole\n      - AmazonS3ReadOnly\n      - \
                arn:aws:iam::000000000000:policy/mine\noutputs:";
    desk.write("role.yaml", SMALL.replace("outputs:", role));
    for place in ["--sandbox", "served"] {
        let served = (place == "served").then(|| serve(&desk, "{}"));
        let said = match &served {
            None => desk.run("plan role.yaml --sandbox"),
            Some(served) => desk.run_with_keys(&["plan", "role.yaml", "--endpoint-url", &served.1]),
        };
        said.refuses("DL0336")
            .says(&["AWS has no policy `AWSBatchServiceRole`", "did you mean `service-role/AWSBatchServiceRole`?"])
            .says(&["--> role.yaml:12:", "AWS has no policy `AmazonS3ReadOnly`", "--> role.yaml:13:"])
            .says(&["there is no policy arn:aws:iam::000000000000:policy/mine", "--> role.yaml:14:"])
            .never_says("no policy `AmazonSSM");
    }
    let machine = MACHINE.replace("REST", "instance_type: t3.micro\n    image: al2023\n    key_name: mine");
    desk.write("machine.yaml", machine);
    desk.run("plan machine.yaml --sandbox").code(0);
    let served = serve(&desk, "{}");
    let said = desk.run_with_keys(&["plan", "machine.yaml", "--endpoint-url", &served.1]);
    said.refuses("DL0387").says(&["there is no key pair `mine` in us-east-1", "--> machine.yaml:17:"]);
}

#[test]
fn whoever_may_not_ask_is_told_and_meets_it_later() {
    let desk = Desk::new();
    let role = "  role: { kind: iam-role, trust: [ec2.amazonaws.com], managed_policies: [NoSuchPolicy] }\noutputs:";
    desk.write("role.yaml", SMALL.replace("outputs:", role));
    let served = serve(&desk, r#"{"faults": [{"operation": "iam:GetPolicy", "action": {"do": "access-denied"}}]}"#);
    let run = |words: &[&str]| desk.run_with_keys(&[words, &["--endpoint-url", &served.1]].concat());
    run(&["plan", "role.yaml"]).code(0).says(&["note[DL0305]", "allow the action `iam:GetPolicy`"]);
    run(&["apply", "role.yaml", "--yes"]).code(3).says(&["NoSuchEntity"]);
}

/// A pointer whose target is replaced reads the same before and after: it is said once, not as a change to itself.
#[test]
fn what_points_at_something_new_has_no_two_equal_sides() {
    let desk = Desk::new();
    let text = "blueprint: a\nregion: us-east-1\nvariables: { zone: { type: string, default: us-east-1a } }\nresources:\n  \
                vpc: { kind: vpc, cidr: 10.0.0.0/16 }\n  igw: { kind: internet-gateway, vpc: '${vpc}' }\n  \
                a: { kind: subnet, vpc: '${vpc}', cidr: 10.0.1.0/24, zone: '${var.zone}' }\n  \
                out: { kind: route-table, vpc: '${vpc}', subnets: ['${a}'], routes: [{ to: 0.0.0.0/0, internet_gateway: '${igw}' }] }\n";
    desk.write("dlinfra.yaml", text);
    let sandbox = ["--sandbox", "--sandbox-speed", "max"];
    desk.run(&[&["apply", "--yes"][..], &sandbox].concat()).code(0);
    let plan = desk.run(&[&["plan", "--var", "zone=us-east-1d"][..], &sandbox].concat()).code(0);
    plan.says(&["zone: us-east-1a -> us-east-1d", "subnets: [a], made anew"]).never_says("[a] -> [a]");
}
