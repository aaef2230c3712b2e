//! The codes of blueprints, each with what `dlinfra explain` says about it; those of expressions are theirs.

use crate::diagnostic::codes;

pub(crate) use crate::expression::codes::{
    ARGUMENTS, FIELD_TYPE, FILE, LIMIT, MISSING, NO_ATTRIBUTE, ONE_OF, RANGE, REFERENCE, RESERVED, TYPE, UNIT, UNKNOWN,
    UNKNOWN_KEY, UNKNOWN_NAME,
};

codes! {
    /// All codes of blueprints that are not those of expressions.
    pub CODES:
    UNREADABLE = "DL0101", "A file cannot be read",
        "The file does not exist, is a folder, or cannot be opened. Paths on the command line are relative to the current folder; module paths are relative to the file that names them.";
    NOT_TEXT = "DL0102", "A file is not text",
        "Blueprints, modules and files read by `file()` are UTF-8 text. Binary files and other encodings are refused instead of being guessed.";
    EMPTY = "DL0103", "A file is empty",
        "A blueprint needs at least `blueprint`, `region` and `resources`.";
    SYNTAX = "DL0104", "The text is not YAML",
        "The YAML parser stops at this place. The usual cause is an expression without quotes: a value that starts with `[` or `{`, or that has `: ` or ` #` in it, needs single quotes around it.";
    DOCUMENTS = "DL0105", "Several YAML documents in one file",
        "`---` starts a second document. One file is one blueprint or one module.";
    DUPLICATE_KEY = "DL0106", "A key is written twice",
        "YAML readers disagree on which of the two counts, so neither does.";
    UNSUPPORTED = "DL0107", "YAML that the language does not use",
        "Merge keys (`<<`), tags (`!Ref`), directives, collections as keys and aliases inside their own anchor are refused. Locals and modules do what merge keys do, with positions in messages.";
    TOO_LARGE = "DL0108", "A file is too large or too deep",
        "Files have up to 5 MB, collections nest up to 64 deep, and aliases may repeat only as much as the file's size allows.";
    LOOKS_LIKE_EXPRESSION = "DL0109", "A list looks like an expression",
        "`[for x in list : f(x)]` without `${…}` is valid YAML for a list of one mapping, which is never meant.";
    CYCLE = "DL0119", "Values form a dependency cycle",
        "Each value of the cycle needs the next one first. Break the cycle at one of the marked places.";
    BAD_NAME = "DL0128", "A name that is not allowed",
        "Blueprints and resources are named `[a-z][a-z0-9-]*` (up to 40 characters), variables, locals, inputs and outputs `[a-z][a-z0-9_]*`.";
    NOT_SET = "DL0130", "A variable has no value",
        "A variable without default must be set: `--var NAME=VALUE`, a file of `--var-file`, or `DLINFRA_VAR_NAME`.";
    UNKNOWN_VARIABLE = "DL0131", "A variable that the blueprint does not declare",
        "A value was given for a variable that does not exist. Usually the name is misspelt.";
    DECLARATION = "DL0132", "A wrong declaration",
        "Variables, inputs and outputs are declared with `type`, `default`, `optional`, `one_of`, `min`, `max` and `description`.";
    UNKNOWN_KIND = "DL0133", "An unknown kind of resource",
        "`kind:` names a kind of AWS resource. `dlinfra kinds` lists all of them; modules are named by `use:`.";
    MODULE = "DL0134", "A module cannot be used",
        "A module is found in `modules/` beside the blueprint, in the program, or by a path that starts with `./` or `../`. Its file starts with `module: NAME`.";
    MODULE_RING = "DL0135", "A module that uses itself",
        "Modules nest up to 16 deep and never use themselves, directly or through others.";
    KIND_OR_USE = "DL0136", "Neither or both of kind and use",
        "A resource has either `kind:` (a kind of AWS resource) or `use:` (a module).";
    FOR_EACH = "DL0137", "A for_each that cannot be expanded",
        "`for_each` takes a list of texts, a list of whole numbers, a mapping, or a list of objects together with `key:`. Use `${range(3)}` for three of something.";
    KEYS = "DL0138", "Keys of for_each that are not unique or not legal",
        "Each instance has its own key, made of letters, digits, `-`, `_`, `.`, `:`, `=`, `@` and `+`.";
    ADDRESS = "DL0139", "An address that is too long",
        "Addresses have up to 200 characters, because they become tags and names in AWS.";
    EXISTING = "DL0141", "A wrong existing",
        "`existing:` takes an id, `{ name: … }` or `{ tags: { … } }`. An existing resource is only read, so fields beside it mean nothing.";
    DEPENDS_ON = "DL0142", "A wrong depends_on",
        "`depends_on` lists names of resources or modules of the same file.";
    VERSION = "DL0144", "The blueprint wants another version of dlinfra",
        "`dlinfra:` names the oldest version that understands the blueprint.";
    TOP_LEVEL = "DL0145", "A wrong value at the top level",
        "Names, region, account, tags, budget, backend and so on have fixed forms.";
    AMBIGUOUS = "DL0146", "Text that YAML would change",
        "In untyped places numbers are read as YAML 1.2 does. Text such as `1.10`, `012` or `1e5` would not come back as it was written: quote it, or write the plain number.";
    DEPRECATED = "DL0147", "A deprecated field",
        "The field still works and will be removed.";
    RULES = "DL0150", "A wrong allow, moved or protect",
        "`allow` takes `{ rule: CODE, reason: WORDS }`; `moved` takes the old address; `protect` is never, data or off.";
    REGION = "DL0151", "An unknown region",
        "The catalog of this version has no such region, so neither zones nor prices are known there. Usually it is a typo. A region that AWS has opened since needs a newer dlinfra.";
    CHECK = "DL0153", "A module cannot be used like this",
        "A module says under `checks` what must hold of its inputs, which no type can say: a rule that is false, and its message. A rule about values that are known only after apply is not judged.";
}
