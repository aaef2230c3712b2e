//! Modules: inputs, outputs, nesting, where they are found, and files beside them.

use dlinfra::blueprint::{Inputs, MemoryFiles, RealFiles, compile};
use serde_json::json;

use crate::support::*;

fn with(files: MemoryFiles, rest: &str) -> Result<dlinfra::blueprint::Compiled, dlinfra::diagnostic::Diagnostics> {
    try_with(&inputs(), files, &blueprint(rest))
}

fn lines(files: MemoryFiles, rest: &str) -> Vec<String> {
    with(files, rest).unwrap_err().iter().map(ToString::to_string).collect()
}

#[test]
fn outputs_are_substituted_and_addresses_nest() {
    let files = MemoryFiles::new()
        .with(
            "modules/pair.yaml",
            "module: pair
inputs:
  vpc: { type: ref(vpc) }
  cidrs: { type: map(cidr) }
  note: { type: string, optional: true }
resources:
  side:
    for_each: ${var.cidrs}
    kind: subnet
    vpc: ${var.vpc}
    cidr: ${each.value}
outputs:
  left: { value: '${side[\"left\"]}', type: ref(subnet) }
  all: ${side[*].arn}
  note: ${var.note}
  count: ${length(side)}
",
        )
        .with(
            "modules/outer.yaml",
            "module: outer
inputs: { vpc: { type: ref(vpc) } }
resources:
  pair: { use: pair, for_each: [a, b], vpc: '${var.vpc}', cidrs: { left: 10.0.1.0/24, right: 10.0.2.0/24 } }
outputs:
  first: ${pair[\"a\"].left}
  lefts: '${[for p in pair : p.left]}'
  notes: ${pair[*].note}
",
        );
    let c = with(
        files,
        "resources:
  v: { kind: vpc, cidr: 10.0.0.0/16 }
  o: { use: outer, vpc: '${v}', protect: data, depends_on: [b] }
  b: { kind: bucket }
  f: { kind: fsx-lustre, subnet: '${o.first}', size: 1200 GiB, depends_on: [o] }
  g: { kind: instance-group, instance_type: x, subnet: '${o.lefts[1]}', subnets: '${o.lefts}' }
outputs:
  count: ${length(o.lefts)}
  whole: ${length(o)}
  notes: ${o.notes}
",
    )
    .unwrap();
    assert_eq!(
        addresses(&c),
        ["v", "o.pair/a.side/left", "o.pair/a.side/right", "o.pair/b.side/left", "o.pair/b.side/right", "b", "f", "g"]
    );
    assert_eq!(resource(&c, "f").spec["subnet"], json!({ "$ref": "o.pair/a.side/left" }));
    assert_eq!(resource(&c, "f").depends_on.len(), 4);
    assert_eq!(
        resource(&c, "g").spec["subnets"],
        json!([{ "$ref": "o.pair/a.side/left" }, { "$ref": "o.pair/b.side/left" }])
    );
    let side = resource(&c, "o.pair/b.side/right");
    assert_eq!((side.spec["vpc"].clone(), side.module_path.as_str()), (json!({ "$ref": "v" }), "o.pair/b"));
    assert_eq!(side.protect, Some(dlinfra::blueprint::Protect::Data));
    assert_eq!(side.depends_on, ["b"]);
    assert_eq!(c.outputs["count"].value, json!(2));
    assert_eq!(c.outputs["whole"].value, json!(3));
}

#[test]
fn inputs_and_outputs_of_two_modules_may_cross() {
    let files = MemoryFiles::new().with(
        "modules/echo.yaml",
        "module: echo
inputs: { a: { type: string }, b: { type: string, default: x } }
outputs: { a: '${var.a}!', b: '${var.b}?', fixed: f }
",
    );
    let c = with(
        files,
        "resources:
  one: { use: echo, a: '${two.fixed}', b: '${two.a}' }
  two: { use: echo, a: '${one.fixed}', b: '${one.a}' }
outputs: { x: '${one.b} ${two.b}' }
",
    )
    .unwrap();
    assert_eq!(c.outputs["x"].value, json!("f!? f!?"));
    let files = MemoryFiles::new()
        .with("modules/echo.yaml", "module: echo\ninputs: { a: { type: string } }\noutputs: { a: '${var.a}' }\n");
    let ring = lines(files, "resources:\n  one: { use: echo, a: '${two.a}' }\n  two: { use: echo, a: '${one.a}' }\n");
    assert_eq!(ring.len(), 1, "{ring:?}");
    assert!(ring[0].contains("error[DL0119]"), "{ring:?}");
}

#[test]
fn a_module_that_is_left_out_is_null_with_its_outputs() {
    let c = good(
        "resources:
  n: { use: network, cidr: 10.0.0.0/16, when: false }
outputs:
  a: ${n == null}
  b: '${try(n.vpc, \"none\")}'
",
    );
    assert_eq!((c.outputs["a"].value.clone(), c.outputs["b"].value.clone()), (json!(true), json!("none")));
    let text = bad(
        "resources:\n  n: { use: network, cidr: 10.0.0.0/16, when: false }\n  s: { kind: subnet, vpc: '${n.vpc}', cidr: 10.0.0.0/24 }\n",
    );
    assert!(
        text.contains("null has no `vpc`") && text.contains("`n` does not exist, because `when` is false"),
        "{text}"
    );
}

#[test]
fn structures_go_in_and_come_out_typed() {
    let files = MemoryFiles::new().with(
        "modules/m.yaml",
        "module: m
inputs:
  disks: { type: 'list(object({name = string, size = size, tier = optional(string)}))' }
resources:
  disk:
    for_each: ${var.disks}
    key: name
    kind: fsx-lustre
    subnet: subnet-1
    size: ${each.value.size * 2}
outputs:
  tiers: '${[for d in var.disks : coalesce(d.tier, \"none\")]}'
  total: { value: '${sum(var.disks[*].size)}', type: size }
",
    );
    let text = "resources:\n  m: { use: m, disks: [{ name: a, size: 1200 GiB }, { name: b, size: '${size(\"1 TiB\")}', tier: x }] }\noutputs: { t: '${m.tiers}', s: '${m.total}' }\n";
    let c = with(files.clone(), text).unwrap();
    assert_eq!(resource(&c, "m.disk/b").spec["size"], json!("2048 GiB"));
    assert_eq!((c.outputs["t"].value.clone(), c.outputs["s"].value.clone()), (json!(["none", "x"]), json!("2224 GiB")));
    assert_eq!(
        lines(files, "resources:\n  m: { use: m, disks: [{ name: a, size: 5 }, { nme: b, size: 1 GiB }] }\n"),
        [
            "main.yaml:4:41: error[DL0123]: `5` is not a size: the unit is missing",
            "main.yaml:4:46: error[DL0121]: the key `name` is missing in `disks[1]`",
            "main.yaml:4:48: error[DL0120]: there is no key `nme` in `disks[1]`",
        ]
    );
}

#[test]
fn null_for_a_required_input_names_its_origin() {
    let text =
        bad("variables: { c: { type: cidr, optional: true } }\nresources:\n  n: { use: network, cidr: '${var.c}' }\n");
    assert!(text.contains("the input `cidr` must not be null"), "{text}");
    assert!(text.contains("`c` is optional and not set") && text.contains("declared here, not optional"), "{text}");
}

#[test]
fn inside_only_its_own_names_exist() {
    let files = MemoryFiles::new()
        .with("modules/m.yaml", "module: m\nresources: { b: { kind: bucket, name: '${outside.id}' } }\n");
    let all = lines(files, "resources:\n  outside: { kind: bucket }\n  m: { use: m }\n");
    assert_eq!(all, ["modules/m.yaml:2:42: error[DL0112]: there is no `outside` here"]);
    assert!(
        lines(
            MemoryFiles::new(),
            "resources:\n  n: { use: network, cidr: 10.0.0.0/16 }\noutputs: { x: '${n.private_subnets}' }\n"
        )[0]
        .contains("the module `n` has no output `private_subnets`")
    );
}

#[test]
fn files_are_found_beside_their_own_file() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write(
        "main.yaml",
        &blueprint(
            "resources:\n  m: { use: node, name: x }\n  n: { use: ./lib/other, name: y }\noutputs: { motd: '${file(\"motd.txt\")}' }\n",
        ),
    );
    write("motd.txt", "hello ${not} an expression\n");
    write(
        "modules/node/module.yaml",
        "module: node
inputs: { name: { type: string } }
resources:
  g:
    kind: instance-group
    instance_type: x
    subnet: subnet-1
    boot: { script: scripts/boot.sh }
outputs: { text: '${templatefile(\"motd.tpl\", { name = var.name })}' }
",
    );
    write("modules/node/scripts/boot.sh", "echo ${HOME}\n");
    write("modules/node/motd.tpl", "I am ${name}, $${not}\n");
    write(
        "lib/other.yaml",
        "module: other\ninputs: { name: { type: string } }\nresources: { n: { use: node, name: '${var.name}' } }\n",
    );
    let inputs = Inputs { file: dir.path().join("main.yaml"), ..Inputs::default() };
    let c = compile(&dialect(), &inputs, &RealFiles).unwrap();
    assert_eq!(addresses(&c), ["m.g", "n.n.g"]);
    assert_eq!(resource(&c, "m.g").spec["boot"]["script"]["text"], "echo ${HOME}\n");
    assert_eq!(resource(&c, "m.g").spec["boot"]["script"]["name"], "boot.sh");
    assert_eq!(c.outputs["motd"].value, json!("hello ${not} an expression\n"));
    assert_eq!(c.files.len(), 6);
}

#[cfg(unix)]
#[test]
fn links_and_ways_out_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("secret"), "x").unwrap();
    let root = dir.path().join("stack");
    std::fs::create_dir_all(root.join("folder")).unwrap();
    std::os::unix::fs::symlink(dir.path(), root.join("link")).unwrap();
    std::os::unix::fs::symlink("../secret", root.join("file-link")).unwrap();
    std::fs::write(root.join("large"), vec![b'x'; (1 << 20) + 1]).unwrap();
    std::fs::write(root.join("binary"), [0xff, 0xfe]).unwrap();
    std::fs::write(
        root.join("main.yaml"),
        blueprint("outputs:\n  a: ${file(\"link/secret\")}\n  b: ${file(\"file-link\")}\n  c: ${file(\"folder\")}\n  d: ${file(\"large\")}\n  e: ${file(\"binary\")}\n  f: ${file(\"folder/../../secret\")}\n"),
    )
    .unwrap();
    let inputs = Inputs { file: root.join("main.yaml"), ..Inputs::default() };
    let problems = compile(&dialect(), &inputs, &RealFiles).unwrap_err();
    let summaries: Vec<&str> = problems.iter().map(|d| d.summary.as_str()).collect();
    assert_eq!(
        summaries,
        [
            "`link/secret` goes through a symbolic link",
            "`file-link` goes through a symbolic link",
            "`folder` is not a regular file",
            "`large` cannot be read: it has more than 1048576 bytes",
            "`binary` is not UTF-8 text",
            "`folder/../../secret` leads out of the folder",
        ]
    );
}

#[test]
fn a_check_is_a_list_of_rules_with_messages() {
    let wrong = |checks: &str| {
        let files = MemoryFiles::new().with("modules/m.yaml", format!("module: m\nchecks: {checks}\n"));
        lines(files, "resources:\n  a: { use: m }\n")
    };
    let fine = MemoryFiles::new().with("modules/m.yaml", "module: m\nchecks: [{ rule: '${1 < 2}', message: fine }]\n");
    assert!(with(fine, "resources:\n  a: { use: m }\n").unwrap().warnings.is_empty());
    for checks in [
        "x",
        "[{ rule: '${1 < 2}' }]",
        "[{ rule: true, message: x, level: loud }]",
        "[{ rule: true, message: x, help: y }]",
    ] {
        assert!(
            wrong(checks)[0].contains("DL0132") || wrong(checks)[0].contains("DL0120"),
            "{checks}: {:?}",
            wrong(checks)
        );
    }
    let files = MemoryFiles::new().with(
        "modules/m.yaml",
        "module: m\ninputs: { n: { type: int } }\nresources: { b: { kind: bucket } }\nchecks: [{ rule: '${var.n < 3}', message: 'not ${var.n}', level: warning }]\n",
    );
    let loud = with(files, "resources:\n  a: { use: m, n: 5 }\n").unwrap().warnings;
    assert_eq!(loud.iter().map(|d| d.summary.clone()).collect::<Vec<_>>(), ["not 5"]);
}
