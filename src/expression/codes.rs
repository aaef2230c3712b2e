//! The codes of expressions, values and types, each with what `dlinfra explain` says about it.

use crate::diagnostic::codes;

codes! {
    /// All codes of expressions, values and types.
    pub CODES:
    EXPRESSION = "DL0110", "An expression cannot be read",
        "What stands between `${` and `}` is not an expression. Expressions are those of HCL: text takes double quotes, comparison is `==`, and `$${` is the text `${`.";
    OLD_FORM = "DL0111", "An old form of expression",
        "`.0`, `.*`, heredocs and `%{…}` directives are refused; indexes, `[*]`, YAML block scalars and `for` expressions say the same.";
    UNKNOWN_NAME = "DL0112", "An unknown name",
        "A name in an expression is a resource of this file, a `for` variable, or starts with `var.`, `local.`, `each.`, `blueprint.`, `software.`, `path.` or `dlinfra.`. Inside a module only its own names exist.";
    UNKNOWN_FUNCTION = "DL0113", "An unknown function",
        "The name after `${` and before `(` is not a function of the language. `dlinfra functions` lists all of them.";
    ARGUMENTS = "DL0114", "Wrong arguments of a function",
        "The number or the types of the arguments do not fit the function.";
    TYPE = "DL0115", "Values that do not go together",
        "An operator, a condition, a template or an index got a value of the wrong type. Values with a unit go with values of the same unit, and with plain numbers under `*` and `/`.";
    NO_ATTRIBUTE = "DL0116", "There is no such attribute or element",
        "The value has no attribute, key or element of this name. Resources have the output attributes that `dlinfra kinds KIND` lists; the fields that you write are not among them.";
    LIMIT = "DL0117", "A limit of the language",
        "Values, texts, ranges and steps are limited, so that a mistake ends in a message and not in a full memory.";
    UNKNOWN = "DL0118", "Something must be known before apply",
        "`when`, `for_each`, `key`, counts, conditions, keys of mappings, `existing` and file names decide the shape of the stack. They cannot depend on an attribute that AWS decides during apply.";
    UNKNOWN_KEY = "DL0120", "An unknown key",
        "The mapping has no such key here. Most often it is misspelt or indented by one level too few or too many.";
    MISSING = "DL0121", "A required key is missing",
        "The kind, the module or the file needs this key.";
    FIELD_TYPE = "DL0122", "A value of the wrong type",
        "The type of the field decides how its text is read; this text or structure is not of that type.";
    UNIT = "DL0123", "A value with a wrong unit",
        "Values of unit types are written with their unit: `9600 GiB`, `72h`, `60 USD/h`, `500 MB/s/TiB`, `125 MiB/s`, `10.20.0.0/16`.";
    NULL = "DL0124", "Null where a value is needed",
        "Null comes from an optional input or variable that is not set, from a resource that `when` left out, or from an expression. In a field it means `not written`; here a value is required.";
    REFERENCE = "DL0125", "A reference that does not fit",
        "A field that points to a resource takes `${name}` of the right kind, a module output of that kind, or an id. A text field takes an attribute: `${name.id}`.";
    ONE_OF = "DL0126", "Not one of the allowed values",
        "The field takes one of a few words, which the message lists.";
    RANGE = "DL0127", "A value out of its range",
        "The value is smaller than the smallest or larger than the largest that is allowed.";
    RESERVED = "DL0129", "A reserved name",
        "Keys that start with `$`, and the names var, local, each, blueprint, software, self, path and dlinfra, have a meaning of their own.";
    FILE = "DL0143", "A file beside the blueprint cannot be used",
        "`file()`, `templatefile()` and scripts read regular files of up to 1 MB below the folder of the file that names them: no symbolic links, no hidden files, no way out with `..`.";
    SECRET = "DL0149", "A wrong pointer to a secret",
        "Secrets are never values: write `{ secret: ARN }` for Secrets Manager or `{ parameter: /path }` for the Parameter Store.";
}
