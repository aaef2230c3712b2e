//! The command line's own codes, with what `dlinfra explain` says about them.
use dlinfra::diagnostic::codes;

codes! {
    /// What `dlinfra explain` says about the command line's own codes.
    pub CODES:
    STILL_LIVE = "DL0523", "The stack has live objects",
        "`recover --forget` begins a journal again without any object, for a stack whose objects were all removed by hand. Objects of this stack are live, so it would forget what there is.";
    DATA_KEPT = "DL0535", "What holds data was kept",
        "`destroy` removes everything but what still holds data, and says what that is and that it still costs money. With `--delete-data` it is emptied and removed too.";
    COMMAND_LINE = "DL0701", "The command line cannot be read",
        "A command or a flag does not exist, a value is missing, or `--var` is not of the form `--var NAME=VALUE` (the value is read as the variable's declared type). `dlinfra COMMAND --help` lists the flags of a command.";
    PENDING = "DL0747", "AWS still works on something",
        "What was asked for takes longer than it usually does. It is no failure: the next `apply` or `destroy` waits again.";
    NO_BLUEPRINT = "DL0702", "No blueprint",
        "Without a file dlinfra takes ./dlinfra.yaml and nothing else. Name a file, or write a first one with `dlinfra init`.";
    SPEED = "DL0703", "Not a valid speed",
        "The sandbox runs a whole number of times faster than real time, or at `max`, where time jumps whenever everybody waits.";
    SANDBOX_NOT_OPENED = "DL0704", "The sandbox cannot be opened",
        "The sandbox's folder is used by another command, cannot be written, or holds what this version cannot read: it is damaged, or another version kept it. One process at a time uses a sandbox. What lies in it is a rehearsal; `dlinfra sandbox reset` forgets it.";
    FOLDER_NOT_WRITTEN = "DL0705", "A folder cannot be written",
        "dlinfra keeps its journal and the sandbox in `.dlinfra` beside the blueprint. Run it where you may write.";
    UNKNOWN_REGION = "DL0706", "An unknown region",
        "The catalog has no such region. Names look like `us-east-1`.";
    NO_RESOURCE = "DL0707", "No such resource",
        "An address on the command line does not stand in the blueprint. Addresses are printed by `dlinfra plan --full`.";
    NO_TERMINAL = "DL0708", "No terminal to ask on",
        "The command asks before it changes anything, and there is no terminal to ask on. In scripts use `--yes`; destroyed data needs `--allow-destroy` or `--delete-data` as well.";
    NO_REGION = "DL0709", "No region",
        "Without a blueprint the region comes from `--region`, AWS_REGION or AWS_DEFAULT_REGION.";
    NO_OUTPUT = "DL0710", "No such output",
        "The blueprint declares no output of this name, or the resource that it comes from does not exist now, so that there is no value to print.";
    NO_KIND = "DL0711", "No such kind",
        "`dlinfra kinds` lists the kinds of resources.";
    NO_MODULE = "DL0712", "No such module",
        "`dlinfra modules` lists the modules in the program; others are files in `modules/` beside the blueprint.";
    NO_FUNCTION = "DL0713", "No such function",
        "`dlinfra functions` lists the functions of the expression language.";
    NO_CODE = "DL0714", "No such code",
        "`dlinfra explain` lists the codes.";
    UNKNOWN_TYPE = "DL0715", "Unknown instance type",
        "The catalog has no such instance type, so nothing is known about its network cards and price.";
    NO_TEMPLATE = "DL0716", "No such template",
        "`dlinfra init --help` lists the templates.";
    BLUEPRINT_NOT_WRITTEN = "DL0717", "The blueprint was not written",
        "`init` never overwrites a file.";
    SERVED_TIME = "DL0718", "A served sandbox cannot jump in time",
        "Clients of a served sandbox have clocks of their own, so it runs at a fixed speed.";
    BEHAVIOUR = "DL0719", "The sandbox's behaviour cannot be read",
        "The file with faults, quotas, capacity and delays is JSON; docs/sandbox.md lists its fields.";
    PORT = "DL0720", "The port cannot be used",
        "Another program listens on it, or you lack permission to use it.";
    NO_REQUESTS = "DL0721", "No requests recorded",
        "Every command that uses the sandbox leaves its requests in the sandbox's folder; none has used this one.";
    NOT_LIVE = "DL0722", "Nothing of this address is live",
        "`dlinfra status` shows the addresses of what is live. The address of a module stands for the one resource in it that can do what was asked.";
    CANNOT = "DL0723", "This resource cannot do that",
        "`dlinfra logs` shows the logs of endpoints and log groups; `dlinfra invoke` sends requests to endpoints; `dlinfra ssh` opens a shell on machines of EC2.";
    WAITED = "DL0725", "The wait ended without success",
        "`dlinfra wait` ends with code 3 when the time of `--timeout` is over, and at once when AWS says that something has failed. The message names what was not ready, or not gone.";
    NO_SESSION = "DL0726", "No session could be started",
        "`dlinfra ssh` runs `aws ssm start-session`. The AWS CLI and the Session Manager plugin must be on the path; the Systems Manager user guide says how each is installed. No port is opened and no key is needed; the machine needs a way to Systems Manager, by NAT or by interface endpoints.";
    REHEARSAL_SANDBOX = "DL0727", "A rehearsal does not use a sandbox",
        "`dlinfra rehearse` makes a simulated AWS in memory and discards it at its end. A sandbox of yours is neither used nor changed.";
    WOULD_FAIL = "DL0729", "A rehearsal failed",
        "In the simulated AWS, with the quotas and offers of the account, something could not be made or removed, or no stand-in for an `existing:` object could be made. The message is the one that AWS would give.";
    TOO_SLOW = "DL0730", "An apply would take too long",
        "`dlinfra rehearse --max-time` refuses a blueprint whose apply takes longer. The path in the report shows what it waits for.";
    TOO_DEAR = "DL0731", "A run would cost too much",
        "`dlinfra rehearse --max-cost` refuses a blueprint whose run costs more. What is spent while it is made and removed counts.";
    BODY = "DL0724", "The body of the request cannot be read",
        "`--body FILE` names a file, `--body -` the standard input.";
    OUTPUT_NOT_WRITTEN = "DL0575", "The output could not be written",
        "What a command prints to stdout did not arrive whole: the device is full, or the file cannot be written. A command that would have ended with 0 ends with 1 then, so that no script takes half an answer for a whole one. What it changed in AWS is changed, and is in the journal. A closed pipe (`| head`) is not an error.";
    FORMAT = "DL0741", "Unsupported output format",
        "Every command prints text or JSON. CSV, Markdown and HTML are formats of reports: `dlinfra cost --format html -o cost.html`.";
    REPORT_NOT_WRITTEN = "DL0742", "The report was not written",
        "The folder of the file does not exist, or you may not write it.";
    GIT = "DL0743", "Git cannot be used",
        "`cost --compare` reads a blueprint as it was at a commit through the `git` program, which is not installed or failed. Nothing is checked out, and nothing is fetched.";
    NOTHING_TO_COMPARE = "DL0744", "Nothing to compare with",
        "`--compare` takes a blueprint, a saved plan, or a branch, tag or commit of the repository that the blueprint lies in. A file goes before a commit of the same name.";
}
