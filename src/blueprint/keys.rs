//! The table of keys: what may stand at the top level, on a resource, in a module. Docs and JSON Schema come from it.

/// One key of the language.
#[derive(Clone, Copy, Debug)]
pub struct KeyDoc {
    /// Its name.
    pub name: &'static str,
    /// What it holds, as a type of the language or in words.
    pub holds: &'static str,
    /// One line for people.
    pub doc: &'static str,
    /// Whether it must be there.
    pub required: bool,
}

const fn key(name: &'static str, holds: &'static str, doc: &'static str) -> KeyDoc {
    KeyDoc { name, holds, doc, required: false }
}

const fn must(name: &'static str, holds: &'static str, doc: &'static str) -> KeyDoc {
    KeyDoc { name, holds, doc, required: true }
}

/// The keys of a blueprint.
pub static TOP_LEVEL: &[KeyDoc] = &[
    must("blueprint", "name", "The name of the blueprint, and of its stack"),
    key("environment", "string", "The stack is then called BLUEPRINT-ENVIRONMENT"),
    key("account", "string", "Commands stop when the caller belongs to another AWS account"),
    must("region", "string", "The AWS region of everything in the blueprint"),
    key("owner", "string", "Who answers for the stack; becomes a tag"),
    key("description", "string", "One line for people"),
    key("tags", "map(string)", "Tags of everything that the stack makes"),
    key("ttl", "duration", "After this time the reaper of the account removes the stack"),
    key("ttl_data", "string", "What becomes of data then: `keep` (default) leaves what holds some, `delete` does not"),
    key("idle", "idle", "When GPU machines of the shipped modules end themselves because they are idle"),
    key("budget", "budget", "Limits that a plan must stay below"),
    key(
        "backend",
        "string",
        "Where the journal lives: `local` or `s3://bucket/prefix`; default: a bucket of the account",
    ),
    key("dlinfra", "string", "The oldest version of dlinfra that understands the blueprint"),
    key("variables", "variables", "What may differ from run to run"),
    key("locals", "locals", "Names for values that are used more than once"),
    key("resources", "resources", "What should exist"),
    key("outputs", "outputs", "What the stack tells others"),
    key("software", "any", "Pins of images, drivers and libraries; read as `software.NAME`"),
    key("usage", "any", "Assumptions that prices need, such as hours per day"),
    key(
        "policies",
        "policies",
        "Rules of your own, checked with every plan: each has `rule` and `message`, or is a file of rules (`from`)",
    ),
    key("allow", "allow", "Rules that are silenced, each with a reason"),
    key("moved", "moved", "Old addresses of resources that got new ones"),
];

/// The keys that every resource and module call takes beside its own fields.
pub static RESOURCE: &[KeyDoc] = &[
    key("kind", "kind", "The kind of AWS resource"),
    key("use", "module", "The module to use in place of a kind"),
    key("existing", "existing", "An id, `{ name: … }` or `{ tags: … }` of something that is only read"),
    key("for_each", "any", "One instance for each element"),
    key("key", "any", "The key of an instance, when `for_each` goes over objects"),
    key("when", "bool", "Whether the resource exists at all"),
    key("depends_on", "list(string)", "Resources that must be ready before, although nothing refers to them"),
    key("protect", "protect", "never, data or off: what may be deleted"),
    key("moved", "moved", "The old address of this resource"),
    key("allow", "allow", "Rules that are silenced here, each with a reason"),
    key("usage", "any", "Assumptions that the price of this resource needs"),
];

/// The keys of a module.
pub static MODULE: &[KeyDoc] = &[
    must("module", "name", "The name of the module"),
    key("description", "string", "One line for people"),
    key("inputs", "variables", "What a user of the module gives"),
    key("locals", "locals", "Names for values that are used more than once"),
    key("resources", "resources", "What the module is made of"),
    key("outputs", "outputs", "What a user of the module sees"),
    key("checks", "checks", "What must hold of the inputs, with what to say where it does not"),
];

/// The keys of a check of a module.
pub static CHECK: &[KeyDoc] = &[
    must("rule", "bool", "An expression over inputs and locals that is true when the module can be used so"),
    must("message", "string", "What is wrong, and what to do instead"),
    key("input", "name", "The input that is to blame: the message points at it"),
    key("level", "level", "`error`, or `warning` for what may be meant"),
];

/// The keys of a variable or an input.
pub static VARIABLE: &[KeyDoc] = &[
    must("type", "type", "string, int, number, bool, size, duration, ref(subnet), list(string), …"),
    key("default", "any", "What holds when nothing is given"),
    key("optional", "bool", "Without a default: null when nothing is given"),
    key("one_of", "list(any)", "The allowed values"),
    key("min", "any", "The smallest value"),
    key("max", "any", "The largest value"),
    key("description", "string", "One line for people"),
];

/// The keys of an output in its long form.
pub static OUTPUT: &[KeyDoc] = &[
    must("value", "any", "The value"),
    key("type", "type", "What the value must be"),
    key("description", "string", "One line for people"),
];

/// The names of a table.
pub(crate) fn names(table: &'static [KeyDoc]) -> impl Iterator<Item = &'static str> {
    table.iter().map(|k| k.name)
}

/// Whether a name is one of the keys that every resource takes.
pub(crate) fn is_resource_key(name: &str) -> bool {
    names(RESOURCE).any(|n| n == name)
}
