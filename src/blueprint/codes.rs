//! The codes of the language, each with what `dlinfra explain` says about it.

use crate::diagnostic::Code;

pub(crate) const UNREADABLE: &str = "DL0101";
pub(crate) const NOT_TEXT: &str = "DL0102";
pub(crate) const EMPTY: &str = "DL0103";
pub(crate) const SYNTAX: &str = "DL0104";
pub(crate) const DOCUMENTS: &str = "DL0105";
pub(crate) const DUPLICATE_KEY: &str = "DL0106";
pub(crate) const UNSUPPORTED: &str = "DL0107";
pub(crate) const TOO_LARGE: &str = "DL0108";
pub(crate) const LOOKS_LIKE_EXPRESSION: &str = "DL0109";
pub(crate) const EXPRESSION: &str = "DL0110";
pub(crate) const OLD_FORM: &str = "DL0111";
pub(crate) const UNKNOWN_NAME: &str = "DL0112";
pub(crate) const UNKNOWN_FUNCTION: &str = "DL0113";
pub(crate) const ARGUMENTS: &str = "DL0114";
pub(crate) const TYPE: &str = "DL0115";
pub(crate) const NO_ATTRIBUTE: &str = "DL0116";
pub(crate) const LIMIT: &str = "DL0117";
pub(crate) const UNKNOWN: &str = "DL0118";
pub(crate) const CYCLE: &str = "DL0119";
pub(crate) const UNKNOWN_KEY: &str = "DL0120";
pub(crate) const MISSING: &str = "DL0121";
pub(crate) const FIELD_TYPE: &str = "DL0122";
pub(crate) const UNIT: &str = "DL0123";
pub(crate) const NULL: &str = "DL0124";
pub(crate) const REFERENCE: &str = "DL0125";
pub(crate) const ONE_OF: &str = "DL0126";
pub(crate) const RANGE: &str = "DL0127";
pub(crate) const BAD_NAME: &str = "DL0128";
pub(crate) const RESERVED: &str = "DL0129";
pub(crate) const NOT_SET: &str = "DL0130";
pub(crate) const UNKNOWN_VARIABLE: &str = "DL0131";
pub(crate) const DECLARATION: &str = "DL0132";
pub(crate) const UNKNOWN_KIND: &str = "DL0133";
pub(crate) const MODULE: &str = "DL0134";
pub(crate) const MODULE_RING: &str = "DL0135";
pub(crate) const KIND_OR_USE: &str = "DL0136";
pub(crate) const FOR_EACH: &str = "DL0137";
pub(crate) const KEYS: &str = "DL0138";
pub(crate) const ADDRESS: &str = "DL0139";
pub(crate) const EXISTING: &str = "DL0141";
pub(crate) const DEPENDS_ON: &str = "DL0142";
pub(crate) const FILE: &str = "DL0143";
pub(crate) const VERSION: &str = "DL0144";
pub(crate) const TOP_LEVEL: &str = "DL0145";
pub(crate) const AMBIGUOUS: &str = "DL0146";
pub(crate) const DEPRECATED: &str = "DL0147";
pub(crate) const SECRET: &str = "DL0149";
pub(crate) const RULES: &str = "DL0150";
pub(crate) const REGION: &str = "DL0151";

/// All codes of the language.
pub static CODES: &[Code] = &[
    Code {
        code: UNREADABLE,
        title: "A file cannot be read",
        explain: "The file does not exist, is a folder, or cannot be opened. Paths on the command line are relative to the current folder; module paths are relative to the file that names them.",
    },
    Code {
        code: NOT_TEXT,
        title: "A file is not text",
        explain: "Blueprints, modules and files read by `file()` are UTF-8 text. Binary files and other encodings are refused instead of being guessed.",
    },
    Code {
        code: EMPTY,
        title: "A file is empty",
        explain: "A blueprint needs at least `blueprint`, `region` and `resources`.",
    },
    Code {
        code: SYNTAX,
        title: "The text is not YAML",
        explain: "The YAML parser stops at this place. The usual cause is an expression without quotes: a value that starts with `[` or `{`, or that has `: ` or ` #` in it, needs single quotes around it.",
    },
    Code {
        code: DOCUMENTS,
        title: "Several YAML documents in one file",
        explain: "`---` starts a second document. One file is one blueprint or one module.",
    },
    Code {
        code: DUPLICATE_KEY,
        title: "A key is written twice",
        explain: "YAML readers disagree on which of the two counts, so neither does.",
    },
    Code {
        code: UNSUPPORTED,
        title: "YAML that the language does not use",
        explain: "Merge keys (`<<`), tags (`!Ref`), directives, collections as keys and aliases inside their own anchor are refused. Locals and modules do what merge keys do, with positions in messages.",
    },
    Code {
        code: TOO_LARGE,
        title: "A file is too large or too deep",
        explain: "Files have up to 5 MB, collections nest up to 64 deep, and aliases may repeat only as much as the file's size allows.",
    },
    Code {
        code: LOOKS_LIKE_EXPRESSION,
        title: "A list looks like an expression",
        explain: "`[for x in list : f(x)]` without `${…}` is valid YAML for a list of one mapping, which is never meant.",
    },
    Code {
        code: EXPRESSION,
        title: "An expression cannot be read",
        explain: "What stands between `${` and `}` is not an expression. Expressions are those of HCL: text takes double quotes, comparison is `==`, and `$${` is the text `${`.",
    },
    Code {
        code: OLD_FORM,
        title: "An old form of expression",
        explain: "`.0`, `.*`, heredocs and `%{…}` directives are refused; indexes, `[*]`, YAML block scalars and `for` expressions say the same.",
    },
    Code {
        code: UNKNOWN_NAME,
        title: "An unknown name",
        explain: "A name in an expression is a resource of this file, a `for` variable, or starts with `var.`, `local.`, `each.`, `blueprint.`, `software.`, `path.` or `dlinfra.`. Inside a module only its own names exist.",
    },
    Code {
        code: UNKNOWN_FUNCTION,
        title: "An unknown function",
        explain: "The name after `${` and before `(` is not a function of the language. `dlinfra functions` lists all of them.",
    },
    Code {
        code: ARGUMENTS,
        title: "Wrong arguments of a function",
        explain: "The number or the types of the arguments do not fit the function.",
    },
    Code {
        code: TYPE,
        title: "Values that do not go together",
        explain: "An operator, a condition, a template or an index got a value of the wrong type. Values with a unit go with values of the same unit, and with plain numbers under `*` and `/`.",
    },
    Code {
        code: NO_ATTRIBUTE,
        title: "There is no such attribute or element",
        explain: "The value has no attribute, key or element of this name. Resources have the output attributes that `dlinfra kinds KIND` lists; the fields that you write are not among them.",
    },
    Code {
        code: LIMIT,
        title: "A limit of the language",
        explain: "Values, texts, ranges and steps are limited, so that a mistake ends in a message and not in a full memory.",
    },
    Code {
        code: UNKNOWN,
        title: "Something must be known before apply",
        explain: "`when`, `for_each`, `key`, counts, conditions, keys of mappings, `existing` and file names decide the shape of the stack. They cannot depend on an attribute that AWS decides during apply.",
    },
    Code {
        code: CYCLE,
        title: "Values depend on each other in a ring",
        explain: "Each value of the ring needs the next one first. Break the ring at one of the marked places.",
    },
    Code {
        code: UNKNOWN_KEY,
        title: "An unknown key",
        explain: "The mapping has no such key here. Most often it is misspelt or indented by one level too few or too many.",
    },
    Code {
        code: MISSING,
        title: "A required key is missing",
        explain: "The kind, the module or the file needs this key.",
    },
    Code {
        code: FIELD_TYPE,
        title: "A value of the wrong type",
        explain: "The type of the field decides how its text is read; this text or structure is not of that type.",
    },
    Code {
        code: UNIT,
        title: "A value with a wrong unit",
        explain: "Values of unit types are written with their unit: `9600 GiB`, `72h`, `60 USD/h`, `500 MB/s/TiB`, `125 MiB/s`, `10.20.0.0/16`.",
    },
    Code {
        code: NULL,
        title: "Null where a value is needed",
        explain: "Null comes from an optional input or variable that is not set, from a resource that `when` left out, or from an expression. In a field it means `not written`; here a value is required.",
    },
    Code {
        code: REFERENCE,
        title: "A reference that does not fit",
        explain: "A field that points to a resource takes `${name}` of the right kind, a module output of that kind, or an id. A text field takes an attribute: `${name.id}`.",
    },
    Code {
        code: ONE_OF,
        title: "Not one of the allowed values",
        explain: "The field takes one of a few words, which the message lists.",
    },
    Code {
        code: RANGE,
        title: "A value out of its range",
        explain: "The value is smaller than the smallest or larger than the largest that is allowed.",
    },
    Code {
        code: BAD_NAME,
        title: "A name that is not allowed",
        explain: "Blueprints and resources are named `[a-z][a-z0-9-]*` (up to 40 characters), variables, locals, inputs and outputs `[a-z][a-z0-9_]*`.",
    },
    Code {
        code: RESERVED,
        title: "A reserved name",
        explain: "Keys that start with `$`, and the names var, local, each, blueprint, software, self, path and dlinfra, have a meaning of their own.",
    },
    Code {
        code: NOT_SET,
        title: "A variable has no value",
        explain: "A variable without default must be set: `--var NAME=VALUE`, a file of `--var-file`, or `DLINFRA_VAR_NAME`.",
    },
    Code {
        code: UNKNOWN_VARIABLE,
        title: "A variable that the blueprint does not declare",
        explain: "A value was given for a variable that does not exist. Usually the name is misspelt.",
    },
    Code {
        code: DECLARATION,
        title: "A wrong declaration",
        explain: "Variables, inputs and outputs are declared with `type`, `default`, `optional`, `one_of`, `min`, `max` and `description`.",
    },
    Code {
        code: UNKNOWN_KIND,
        title: "An unknown kind of resource",
        explain: "`kind:` names a kind of AWS resource. `dlinfra kinds` lists all of them; modules are named by `use:`.",
    },
    Code {
        code: MODULE,
        title: "A module cannot be used",
        explain: "A module is found in `modules/` beside the blueprint, in the program, or by a path that starts with `./` or `../`. Its file starts with `module: NAME`.",
    },
    Code {
        code: MODULE_RING,
        title: "A module that uses itself",
        explain: "Modules nest up to 16 deep and never use themselves, directly or through others.",
    },
    Code {
        code: KIND_OR_USE,
        title: "Neither or both of kind and use",
        explain: "A resource has either `kind:` (a kind of AWS resource) or `use:` (a module).",
    },
    Code {
        code: FOR_EACH,
        title: "A for_each that cannot be expanded",
        explain: "`for_each` takes a list of texts, a list of whole numbers, a mapping, or a list of objects together with `key:`. Use `${range(3)}` for three of something.",
    },
    Code {
        code: KEYS,
        title: "Keys of for_each that are not unique or not legal",
        explain: "Each instance has its own key, made of letters, digits, `-`, `_`, `.`, `:`, `=`, `@` and `+`.",
    },
    Code {
        code: ADDRESS,
        title: "An address that is too long",
        explain: "Addresses have up to 200 characters, because they become tags and names in AWS.",
    },
    Code {
        code: EXISTING,
        title: "A wrong existing",
        explain: "`existing:` takes an id, `{ name: … }` or `{ tags: { … } }`. An existing resource is only read, so fields beside it mean nothing.",
    },
    Code {
        code: DEPENDS_ON,
        title: "A wrong depends_on",
        explain: "`depends_on` lists names of resources or modules of the same file.",
    },
    Code {
        code: FILE,
        title: "A file beside the blueprint cannot be used",
        explain: "`file()`, `templatefile()` and scripts read regular files of up to 1 MB below the folder of the file that names them: no symbolic links, no hidden files, no way out with `..`.",
    },
    Code {
        code: VERSION,
        title: "The blueprint wants another version of dlinfra",
        explain: "`dlinfra:` names the oldest version that understands the blueprint.",
    },
    Code {
        code: TOP_LEVEL,
        title: "A wrong value at the top level",
        explain: "Names, region, account, tags, budget, backend and so on have fixed forms.",
    },
    Code {
        code: AMBIGUOUS,
        title: "Text that YAML would change",
        explain: "In untyped places numbers are read as YAML 1.2 does. Text such as `1.10`, `012` or `1e5` would not come back as it was written: quote it, or write the plain number.",
    },
    Code { code: DEPRECATED, title: "A deprecated field", explain: "The field still works and will be removed." },
    Code {
        code: SECRET,
        title: "A wrong pointer to a secret",
        explain: "Secrets are never values: write `{ secret: ARN }` for Secrets Manager or `{ parameter: /path }` for the Parameter Store.",
    },
    Code {
        code: RULES,
        title: "A wrong allow, moved or protect",
        explain: "`allow` takes `{ rule: CODE, reason: WORDS }`; `moved` takes the old address; `protect` is never, data or off.",
    },
    Code {
        code: REGION,
        title: "An unknown region",
        explain: "The catalog of this version has no such region, so neither zones nor prices are known there. Usually it is a typo. A region that AWS has opened since needs a newer dlinfra.",
    },
];
