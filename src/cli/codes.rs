//! The command line's own codes, with what `dlinfra explain` says about them.
use crate::diagnostic::Code;

/// What `dlinfra explain` says about the command line's own codes.
pub static CODES: &[Code] = &[
    Code {
        code: "DL0523",
        title: "The stack has live objects",
        explain: "`recover --forget` begins a journal again without any object, for a stack whose objects were all removed by hand. Objects of this stack are live, so it would forget what there is.",
    },
    Code {
        code: "DL0534",
        title: "The plan would destroy data",
        explain: "A resource that holds data (a bucket, a persistent file system) would be deleted or replaced. `--yes` never covers that. Undo the change, or name the resource with `--allow-destroy ADDRESS` when its data may be lost. If it is not empty, `--delete-data` is needed as well; both are asked for before anything changes.",
    },
    Code {
        code: "DL0535",
        title: "What holds data was kept",
        explain: "`destroy` removes everything but what still holds data, and says what that is and that it still costs money. With `--delete-data` it is emptied and removed too.",
    },
    Code {
        code: "DL0701",
        title: "The command line cannot be read",
        explain: "A command or a flag does not exist, a value is missing, or `--var` is not of the form `--var NAME=VALUE` (the value is read as the variable's declared type). `dlinfra COMMAND --help` lists the flags of a command.",
    },
    Code {
        code: "DL0702",
        title: "No blueprint",
        explain: "Without a file dlinfra takes ./dlinfra.yaml and nothing else. Name a file, or write a first one with `dlinfra init`.",
    },
    Code {
        code: "DL0703",
        title: "Not a valid speed",
        explain: "The sandbox runs a whole number of times faster than real time, or at `max`, where time jumps whenever everybody waits.",
    },
    Code {
        code: "DL0704",
        title: "The sandbox cannot be opened",
        explain: "The sandbox's folder is used by another command, cannot be written, or holds what this version cannot read: it is damaged, or another version kept it. One process at a time uses a sandbox. What lies in it is a rehearsal; `dlinfra sandbox reset` forgets it.",
    },
    Code {
        code: "DL0705",
        title: "A folder cannot be written",
        explain: "dlinfra keeps its journal and the sandbox in `.dlinfra` beside the blueprint. Run it where you may write.",
    },
    Code {
        code: "DL0706",
        title: "An unknown region",
        explain: "The catalog has no such region. Names look like `us-east-1`.",
    },
    Code {
        code: "DL0707",
        title: "No such resource",
        explain: "An address on the command line does not stand in the blueprint. Addresses are printed by `dlinfra plan --full`.",
    },
    Code {
        code: "DL0708",
        title: "No terminal to ask on",
        explain: "The command asks before it changes anything, and there is no terminal to ask on. In scripts use `--yes`; destroyed data needs `--allow-destroy` or `--delete-data` as well.",
    },
    Code {
        code: "DL0709",
        title: "No region",
        explain: "Without a blueprint the region comes from `--region`, AWS_REGION or AWS_DEFAULT_REGION.",
    },
    Code {
        code: "DL0710",
        title: "No such output",
        explain: "The blueprint declares no output of this name, or the resource that it comes from does not exist now, so that there is no value to print.",
    },
    Code { code: "DL0711", title: "No such kind", explain: "`dlinfra kinds` lists the kinds of resources." },
    Code {
        code: "DL0712",
        title: "No such module",
        explain: "`dlinfra modules` lists the modules in the program; others are files in `modules/` beside the blueprint.",
    },
    Code {
        code: "DL0713",
        title: "No such function",
        explain: "`dlinfra functions` lists the functions of the expression language.",
    },
    Code { code: "DL0714", title: "No such code", explain: "`dlinfra explain` lists the codes." },
    Code {
        code: "DL0715",
        title: "Unknown instance type",
        explain: "The catalog has no such instance type, so nothing is known about its network cards and price.",
    },
    Code { code: "DL0716", title: "No such template", explain: "`dlinfra init --help` lists the templates." },
    Code { code: "DL0717", title: "The blueprint was not written", explain: "`init` never overwrites a file." },
    Code {
        code: "DL0718",
        title: "A served sandbox cannot jump in time",
        explain: "Clients of a served sandbox have clocks of their own, so it runs at a fixed speed.",
    },
    Code {
        code: "DL0719",
        title: "The sandbox's behaviour cannot be read",
        explain: "The file with faults, quotas, capacity and delays is JSON; docs/sandbox.md lists its fields.",
    },
    Code {
        code: "DL0720",
        title: "The port cannot be used",
        explain: "Another program listens on it, or you lack permission to use it.",
    },
    Code {
        code: "DL0721",
        title: "No requests recorded",
        explain: "Every command that uses the sandbox leaves its requests in the sandbox's folder; none has used this one.",
    },
    Code {
        code: "DL0575",
        title: "The output could not be written",
        explain: "What a command prints to stdout did not arrive whole: the device is full, or the file cannot be written. A command that would have ended with 0 ends with 1 then, so that no script takes half an answer for a whole one. What it changed in AWS is changed, and is in the journal. A closed pipe (`| head`) is not an error.",
    },
    Code {
        code: "DL0741",
        title: "Unsupported output format",
        explain: "Every command prints text or JSON. CSV, Markdown and HTML are formats of reports: `dlinfra cost --format html -o cost.html`.",
    },
    Code {
        code: "DL0742",
        title: "The report was not written",
        explain: "The folder of the file does not exist, or you may not write it.",
    },
    Code {
        code: "DL0743",
        title: "Git cannot be used",
        explain: "`cost --compare` reads a blueprint as it was at a commit through the `git` program, which is not installed or failed. Nothing is checked out, and nothing is fetched.",
    },
    Code {
        code: "DL0744",
        title: "Nothing to compare with",
        explain: "`--compare` takes a blueprint, a saved plan, or a branch, tag or commit of the repository that the blueprint lies in. A file goes before a commit of the same name.",
    },
];
