//! Rules of what is easy to forget: secrets in plain text, stacks that nobody ends, tags that AWS refuses.
use super::{Findings, Rule, Stack};
use crate::{
    aws::tags,
    diagnostic::{Code, Severity},
    kinds::IamRole,
    spec::{self, Node},
};
use regex_lite::Regex;
use serde_json::Value;
use std::{collections::BTreeMap, sync::LazyLock};

/// Tags on one object; dlinfra sets up to ten of its own.
const MOST_TAGS: usize = 40;

pub(super) const RULES: &[Rule] = &[
    Rule { code: SECRET, severity: Severity::Error, check: secrets },
    Rule {
        code: Code {
            code: "DL0232",
            title: "Accelerators without an end",
            explain: "Machines with accelerators cost by the hour, whether they train or not. `ttl: 72h` says how long \
                      the stack is meant to live, so that one that was forgotten can be found and ended.",
        },
        severity: Severity::Warning,
        check: no_end,
    },
    Rule {
        code: Code {
            code: "DL0233",
            title: "Tags that AWS refuses",
            explain: "An object has at most 50 tags, of which dlinfra needs ten. A key has at most 128 characters, a \
                      value 256, out of letters, digits, spaces and `_.:/=+-@`. Keys that start with `aws:` belong to \
                      AWS, those that start with `dlinfra:` to dlinfra. The `owner` is the value of a tag too.",
        },
        severity: Severity::Error,
        check: tag_limits,
    },
    Rule {
        code: Code {
            code: "DL0245",
            title: "Tags that differ in case only",
            explain: "EC2, S3 and FSx take `Environment` and `environment` as two tags. IAM takes them as one and refuses \
                      a role that has both, so a stack with a role cannot have such tags. Keep one of them.",
        },
        severity: Severity::Error,
        check: tag_case,
    },
];

/// The rule against secrets in plain text.
pub const SECRET: Code = Code {
    code: "DL0231",
    title: "Secret in plain text",
    explain: "Something in the blueprint looks like a key, a token or a password. User data, tags and policies \
              can be read by everybody who may describe the resource, and the blueprint is in your version \
              control. Store it in Secrets Manager or Parameter Store, let the machine's role read it, and \
              write its name here. If it is no secret, allow this rule and say why. If it was one, replace it.",
};

/// A pattern that is made when something is held against it for the first time.
type Shape = LazyLock<Option<Regex>>;

macro_rules! shape {
    ($shape:literal) => {
        LazyLock::new(|| Regex::new($shape).ok())
    };
}

/// Texts that are secrets whatever they are called, each with what every such text contains: most texts of a blueprint
/// contain none of that, and a search for a word is much cheaper than a pattern.
static SHAPES: [(&str, &[&str], Shape); 17] = [
    ("an AWS access key", &["AKIA", "ASIA"], shape!(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b")),
    ("a private key", &["PRIVATE KEY"], shape!(r"-----BEGIN [A-Z ]*PRIVATE KEY")),
    ("a GitHub token", &["gh", "github_pat_"], shape!(r"(?:gh[pousr]_[A-Za-z0-9]{30}|github_pat_[A-Za-z0-9_]{30})")),
    ("a Hugging Face token", &["hf_"], shape!(r"\bhf_[A-Za-z0-9]{30}")),
    ("an OpenAI or Anthropic key", &["sk-"], shape!(r"\bsk-(?:ant-|proj-)?[A-Za-z0-9_-]{32}")),
    ("a Slack token", &["xox", "xapp-"], shape!(r"\b(?:xox[abeoprs]|xapp)-[0-9A-Za-z-]{10}")),
    ("a Slack webhook", &["hooks.slack.com"], shape!(r"hooks\.slack\.com/services/[A-Z0-9]+/[A-Z0-9]+/[A-Za-z0-9]+")),
    ("a GitLab token", &["glpat-"], shape!(r"\bglpat-[A-Za-z0-9_-]{20}")),
    ("an NGC key", &["nvapi-"], shape!(r"\bnvapi-[A-Za-z0-9_-]{40}")),
    ("an npm token", &["npm_"], shape!(r"\bnpm_[A-Za-z0-9]{30}")),
    ("a PyPI token", &["pypi-"], shape!(r"\bpypi-[A-Za-z0-9_-]{32}")),
    ("a Docker token", &["dckr_pat_"], shape!(r"\bdckr_pat_[A-Za-z0-9_-]{20}")),
    ("a Stripe key", &["k_live_", "k_test_", "whsec_"], shape!(r"\b(?:[srp]k_(?:live|test)|whsec)_[A-Za-z0-9]{16}")),
    (
        "a Google key",
        &["AIza", "GOCSPX-", "ya29."],
        shape!(r"\b(?:AIza[A-Za-z0-9_-]{35}|GOCSPX-[A-Za-z0-9_-]{20}|ya29\.[A-Za-z0-9_-]{20})"),
    ),
    ("a Replicate token", &["r8_"], shape!(r"\br8_[A-Za-z0-9]{32}")),
    ("a signed token", &["eyJ"], shape!(r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}")),
    ("a password in a URL", &["://"], shape!(r"[a-z]+://[^/\s:@]+:[^/\s:@$]{6,}@")),
];

/// The shortest text that any of these shapes has.
const SHORTEST: usize = 12;

/// Names whose value is a secret, whatever it looks like.
static PASSWORDS: Shape = LazyLock::new(|| {
    Regex::new(
        r"(?i)(?:password|passwd|passphrase|secret_?access_?key|private_?key|client_?secret|(?:^|[_-])(?:pass|pwd))$",
    )
    .ok()
});
/// How all of them end.
const ENDINGS: [&str; 7] = ["password", "passwd", "passphrase", "key", "secret", "pass", "pwd"];
/// Names whose value is a secret, unless it is a setting or the name of one.
static NAMES: Shape = LazyLock::new(|| {
    Regex::new(r"(?i)(?:(?:^|[_-])(?:secret|token|credentials?)|api_?key|auth_?token|secret_?key|access_?key)$").ok()
});
/// What tokenizers of language models call their tokens.
static VOCABULARY: Shape = LazyLock::new(|| {
    Regex::new(r"(?i)(?:^|[_-])(?:pad|eos|bos|mask|sep|unk|cls|stop|image|special|start|end)_?token$").ok()
});
/// Values of settings.
const SETTINGS: [&str; 14] = [
    "true", "false", "yes", "no", "on", "off", "none", "null", "required", "optional", "enabled", "disabled",
    "default", "prompt",
];

/// What a text looks like, if it looks like a secret.
pub fn looks_like(name: &str, text: &str) -> Option<&'static str> {
    let is = |shape: &Shape, text: &str| shape.as_ref().is_some_and(|shape| shape.is_match(text));
    let shaped = |(_, marks, shape): &&(_, &[&str], Shape)| marks.iter().any(|m| text.contains(m)) && is(shape, text);
    if text.len() >= SHORTEST
        && let Some((what, ..)) = SHAPES.iter().find(shaped)
    {
        return Some(what);
    }
    // It leads to the secret, or says that one is to be put there.
    let reference = text.starts_with("arn:")
        || text.starts_with(['/', '$', '<', '[', '{'])
        || text.contains("${")
        || text.contains("://")
        || SETTINGS.iter().any(|setting| text.eq_ignore_ascii_case(setting));
    if reference || text.trim().is_empty() {
        return None;
    }
    if ends(name) && is(&PASSWORDS, name) {
        return Some("a secret, by its name");
    }
    // Words with dashes are names (`team/hf-token`); a token is one word, or has digits or letters of both cases.
    let any = |test: fn(&u8) -> bool| text.bytes().any(|b| test(&b));
    let dense = text.bytes().all(|b| b.is_ascii_alphanumeric())
        || any(u8::is_ascii_digit) && any(u8::is_ascii_alphabetic) && text.len() >= 16
        || any(u8::is_ascii_lowercase) && any(u8::is_ascii_uppercase);
    let token = text.len() >= 8 && dense && !text.contains([' ', '/']);
    (token && is(&NAMES, name) && !is(&VOCABULARY, name)).then_some("a secret, by its name")
}

/// Does the name end like a password's? Few do, and asking the pattern takes much longer.
fn ends(name: &str) -> bool {
    let end = |length: usize| name.as_bytes().get(name.len().checked_sub(length)?..);
    ENDINGS.iter().any(|word| end(word.len()).is_some_and(|end| end.eq_ignore_ascii_case(word.as_bytes())))
}

fn secrets(stack: &Stack<'_>, found: &mut Findings<'_>) {
    for resource in stack.input.resources.iter().filter(|r| r.fields.is_some()) {
        let mut places = Vec::new();
        walk(resource.spec, "", &mut Vec::new(), &mut places);
        for (path, what) in places {
            let summary = format!("`{path}` of {} looks like {what}", resource.address);
            found.at(resource, &path, summary, "store it in Secrets Manager and let the role of the machines read it");
        }
    }
    for (key, value) in stack.input.tags {
        if let Some(what) = looks_like(key, value) {
            found.on_stack("tags", format!("the tag `{key}` looks like {what}"), "tags can be read by everybody");
        }
    }
}

/// A step from a value to one inside it.
enum Step<'v> {
    Key(&'v str),
    Item(usize),
}

/// Where the steps lead: `env.TOKEN`, `list[2]`.
fn written(steps: &[Step<'_>]) -> String {
    let mut out = String::new();
    for step in steps {
        match step {
            Step::Key(key) if out.is_empty() => out.push_str(key),
            Step::Key(key) => out.extend([".", key]),
            Step::Item(place) => out.push_str(&format!("[{place}]")),
        }
    }
    out
}

fn walk<'v>(value: &'v Value, name: &'v str, steps: &mut Vec<Step<'v>>, out: &mut Vec<(String, &'static str)>) {
    if !matches!(spec::node(value), Node::Plain) {
        return;
    }
    match value {
        Value::String(text) => out.extend(looks_like(name, text).map(|what| (written(steps), what))),
        Value::Object(map) => {
            for (key, inner) in map {
                steps.push(Step::Key(key));
                walk(inner, key, steps, out);
                steps.pop();
            }
        }
        Value::Array(items) => {
            for (place, inner) in items.iter().enumerate() {
                steps.push(Step::Item(place));
                walk(inner, name, steps, out);
                steps.pop();
            }
        }
        _ => {}
    }
}

fn no_end(stack: &Stack<'_>, found: &mut Findings<'_>) {
    if stack.input.has_ttl {
        return;
    }
    if let Some(m) = stack.machines().find(|m| m.facts.accelerator.is_some()) {
        let summary = format!("{} x {} may run indefinitely: the stack has no `ttl`", m.group.count, m.facts.name);
        found.at(m.group.resource, "", summary, "write for example `ttl: 72h` at the top of the blueprint");
    }
}

fn tag_limits(stack: &Stack<'_>, found: &mut Findings<'_>) {
    let user = stack.input.tags;
    if user.len() > MOST_TAGS {
        let summary = format!("{} tags are too many: AWS takes 50, and dlinfra needs ten", user.len());
        found.on_stack("tags", summary, format!("keep {MOST_TAGS} at most"));
    }
    if let Some(owner) = stack.input.owner.filter(|o| !legal(o) || o.is_empty() || o.chars().count() > 256) {
        let summary = format!("the owner `{owner}` cannot be the value of a tag");
        found.on_stack("owner", summary, "use 1 to 256 letters, digits, spaces and _.:/=+-@");
    }
    for (key, value) in user {
        let place = format!("tags.{key}");
        let wrong = match () {
            () if is_reserved(key) => Some(format!("the tag `{key}` has a prefix that is not yours")),
            () if key.is_empty() || key.chars().count() > 128 => Some("a tag's key has 1 to 128 characters".to_owned()),
            () if value.chars().count() > 256 => {
                Some(format!("the value of the tag `{key}` is longer than 256 characters"))
            }
            () if !legal(key) || !legal(value) => Some(format!("the tag `{key}` has characters that AWS refuses")),
            () => None,
        };
        if let Some(summary) = wrong {
            found.on_stack(&place, summary, "use letters, digits, spaces and _.:/=+-@");
        }
    }
    // Fields of kinds that are tags of the author too.
    for resource in stack.input.resources.iter().filter(|r| r.fields.is_some()) {
        let own = resource.spec.get("tags").and_then(Value::as_object);
        for tag in own.into_iter().flat_map(|tags| tags.keys()) {
            if is_reserved(tag) {
                let summary = format!("the tag `{tag}` has a prefix that is not yours");
                found.at(resource, &format!("tags.{tag}"), summary, "choose another key");
            }
        }
    }
}

fn legal(text: &str) -> bool {
    text.chars().all(|c| c.is_alphanumeric() || " _.:/=+-@".contains(c))
}

/// IAM looks at no case, so neither does this.
fn is_reserved(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    key.starts_with("aws:") || key.starts_with(tags::PREFIX)
}

fn tag_case(stack: &Stack<'_>, found: &mut Findings<'_>) {
    let Some(role) = stack.all::<IamRole>().next() else { return };
    let mut seen: BTreeMap<String, &str> = BTreeMap::new();
    for key in stack.input.tags.keys() {
        if let Some(first) = seen.insert(key.to_lowercase(), key) {
            let summary = format!("the tags `{first}` and `{key}` are one for IAM, which {} is of", role.address());
            found.on_stack(&format!("tags.{key}"), summary, "keep one of them");
        }
    }
}
