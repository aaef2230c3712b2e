//! What people see: tables, plans and differences in colour, as pictures of a terminal at several widths.
//!
//! Each picture is a golden file in `tests/golden/screens`; look at it in a browser before you commit a change to it.
use super::{clean, copy, current, program, read};
use regex_lite::Regex;
use snapbox::data::{Data, DataFormat};
use std::{fs, path::Path, process::Command};

/// What a terminal of this width shows of a command's data.
pub(super) fn screen(folder: &Path, width: usize, words: &str) -> String {
    let mut command = Command::new(program());
    command.args(words.split(' ')).args(["--sandbox", "--sandbox-speed", "max"]).current_dir(folder);
    let out = clean(&mut command).args(["--color", "always"]).env("COLUMNS", width.to_string()).output().unwrap();
    assert!(out.status.success(), "{words}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

/// A terminal with this text, as a picture.
pub(super) fn picture(text: &str) -> String {
    Data::text(text.to_owned()).coerce_to(DataFormat::TermSvg).render().unwrap()
}

/// Times and what money has been spent until now differ from run to run; their widths do not.
fn steady(text: &str) -> String {
    let times = Regex::new(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z").unwrap();
    let spent = Regex::new(r"about \$[0-9.,]+ since").unwrap();
    spent.replace_all(&times.replace_all(text, "2026-01-01T00:00:00Z"), "about $$0.00 since").into_owned()
}

/// No line is wider than its terminal, except those that are copied or searched for.
fn fits(text: &str, width: usize) {
    let colours = Regex::new("\u{1b}\\[[0-9;]*m").unwrap();
    for line in colours.replace_all(text, "").lines() {
        if ["Next: ", "Proof: "].iter().any(|whole| line.starts_with(whole)) {
            continue;
        }
        assert!(line.chars().count() <= width, "wider than {width}: {line}");
    }
}

fn golden(name: &str, text: &str, width: usize) {
    let text = steady(text);
    fits(&text, width);
    current(&format!("tests/golden/screens/{name}-{width}.svg"), &picture(&text));
}

#[test]
fn plans_fit_the_window() {
    let folder = copy();
    for width in [60, 80, 100, 200] {
        golden("plan", &screen(folder.path(), width, "plan blueprints/efa-training.yaml"), width);
    }
    // Narrow windows, too.
    for width in [40, 50, 70, 90, 120] {
        fits(&screen(folder.path(), width, "plan blueprints/efa-training.yaml"), width);
    }
}

const CHANGES: &str = r#"blueprint: changes
region: us-east-1
ttl: 24h
variables:
  image: { type: string, default: dlami-base-ubuntu-22.04 }
  prefix: { type: string, default: in }
  actions: { type: 'list(string)', default: [s3:GetObject] }
  folder: { type: string, default: training }
  versions: { type: bool, default: true }
  mode: { type: string, default: one }
  range: { type: cidr, default: 10.0.0.0/8 }
allow: [{ rule: DL0222, reason: it needs nothing from outside }]
resources:
  network: { use: network, zones: 1, nat: none }
  corpus: { kind: bucket, name: corpus-of-changes-4711, versioning: '${var.versions}' }
  group:
    kind: security-group
    vpc: ${network.vpc}
    ingress:
      - { protocol: tcp, ports: 22, cidr: 10.0.0.0/16 }
      - { protocol: tcp, ports: 443, cidr: '${var.range}' }
      - { protocol: all, self: true }
    egress: [{ protocol: all, cidr: 0.0.0.0/0 }]
  role:
    kind: iam-role
    trust: [ec2.amazonaws.com]
    instance_profile: true
    policies:
      data:
        Statement:
          - { Effect: Allow, Action: [s3:ListBucket, s3:GetBucketLocation], Resource: '${corpus.arn}' }
          - { Effect: Allow, Action: '${var.actions}', Resource: '${corpus.arn}/${var.folder}/*' }
          - { Effect: Deny, Action: [s3:DeleteObject, s3:DeleteObjectVersion], Resource: '${corpus.arn}/*' }
  train:
    kind: instance-group
    instance_type: g5.xlarge
    count: 2
    subnet: ${network.private[0]}
    image: ${var.image}
    role: ${role}
    interfaces: { security_groups: ['${group}'] }
    boot: { script: boot.sh, env: { BUCKET: '${corpus.name}', PREFIX: '${var.prefix}' } }
"#;

const BOOT: &str = "#!/bin/bash\nset -euo pipefail\nmkdir -p /data\necho \"one\"\naws s3 sync \"s3://$BUCKET/$PREFIX\" /data\necho ready\nsystemctl start train\n";

#[test]
fn a_change_shows_what_differs_and_no_more() {
    let folder = copy();
    fs::write(folder.path().join("changes.yaml"), CHANGES).unwrap();
    fs::write(folder.path().join("boot.sh"), BOOT).unwrap();
    screen(folder.path(), 100, "apply changes.yaml --yes");
    fs::write(folder.path().join("boot.sh"), BOOT.replace("echo ready", "echo \"ready at $(date)\"")).unwrap();
    let change = "plan changes.yaml --var prefix=out --var image=dlami-base-ubuntu-24.04 --var folder=runs \
                  --var versions=false --var range=172.16.0.0/12";
    for width in [60, 80, 100, 200] {
        let shown = screen(folder.path(), width, change);
        golden("change", &shown, width);
        let colours = Regex::new("\u{1b}\\[[0-9;]*m").unwrap();
        let shown = colours.replace_all(&shown, "").into_owned();
        for line in [
            "- export PREFIX='in'",
            "+ export PREFIX='out'",
            "- echo ready",
            "+ echo \"ready at $(date)\"",
            "dlami-base-ubuntu-22.04",
            "(ami-0710693cf2ad054fc)",
        ] {
            assert!(shown.contains(line), "{line} is missing in\n{shown}");
        }
        for other in ["digest", "mkdir", "DeleteObject", "GetBucketLocation"] {
            assert!(!shown.contains(other), "{other} stands in\n{shown}");
        }
    }
}

#[test]
fn every_table_fits_the_window() {
    let folder = copy();
    let file = "blueprints/efa-training.yaml";
    screen(folder.path(), 100, &format!("apply {file} --yes"));
    for width in [60, 80, 100, 200] {
        for name in ["status", "cost"] {
            golden(name, &screen(folder.path(), width, &format!("{name} {file}")), width);
        }
    }
    let larger = read(file).replace("size: 9600 GiB", "size: 12000 GiB").replace("ttl: 72h", "ttl: 96h");
    fs::write(folder.path().join("blueprints/larger.yaml"), larger).unwrap();
    golden("larger", &screen(folder.path(), 80, "plan blueprints/larger.yaml"), 80);
    golden("drift", &screen(folder.path(), 80, &format!("drift {file}")), 80);
    golden("list", &screen(&folder.path().join("blueprints"), 80, "list"), 80);
    let destroyed = screen(folder.path(), 80, &format!("destroy {file} --yes --delete-data"));
    golden("destroy", &destroyed, 80);
}
