//! User data: the author's script behind quoted exports of its environment.
//!
//! A script goes to the machines byte for byte, but for what an editor of Windows adds: a byte order mark, and line ends
//! of which the first line has one. cloud-init takes those out by itself where the script is alone, and not where exports
//! stand before it. The digest that decides about replacement is that of the file as it is: taking them out here changes
//! no machine that runs.
use crate::{aws::Error, field::Field};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};
use std::{borrow::Cow, collections::BTreeMap};

/// EC2 takes this much user data, before base64.
pub(super) const MAX_BYTES: usize = 16 * 1024;

/// What runs at the first start, as root.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Boot {
    /// A script file beside this one; shipped as it is, never a template.
    pub script: Script,
    /// Environment of the script, exported before its first line.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, Field<String>>,
}

/// The text of a script. The language gives its name and digest too; they are dropped, so that a renamed file is no
/// change.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Script(pub String);

impl<'de> Deserialize<'de> for Script {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Text(String),
            File { text: String },
        }
        match Form::deserialize(deserializer)? {
            Form::Text(text) | Form::File { text } => Ok(Self(text)),
        }
    }
}

impl JsonSchema for Script {
    fn schema_name() -> Cow<'static, str> {
        "Script".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string", "x-dlinfra": "script", "description": "A script file", "examples": ["bootstrap.sh"]
        })
    }
}

impl Script {
    /// As it is sent.
    pub(super) fn text(&self) -> Cow<'_, str> {
        let plain = self.0.strip_prefix('\u{feff}').unwrap_or(&self.0);
        match plain.lines().next().is_some_and(|first| plain[first.len()..].starts_with("\r\n")) {
            true => plain.replace("\r\n", "\n").into(),
            false => plain.into(),
        }
    }

    /// Would cloud-init know what to do with it?
    pub(super) fn is_known(&self) -> bool {
        let text = self.text();
        text.strip_prefix("#!").is_some_and(|rest| rest.trim_start_matches([' ', '\t']).starts_with('/'))
            || FORMATS.iter().any(|format| text.starts_with(format))
    }
}

/// How user data of other kinds than scripts begins: cloud-init's own formats, MIME, and the settings of Bottlerocket.
const FORMATS: &[&str] = &[
    "#cloud-config",
    "#cloud-boothook",
    "#include",
    "#part-handler",
    "#upstart-job",
    "## template:",
    "Content-Type:",
    "MIME-Version:",
    "[settings",
    "{",
];

impl Boot {
    /// The interpreter of the script's first line, without `#!`.
    fn interpreter(&self) -> Option<&str> {
        let plain = self.script.0.strip_prefix('\u{feff}').unwrap_or(&self.script.0);
        plain.lines().next().and_then(|line| line.strip_prefix("#!")).map(str::trim)
    }

    /// Is it something that understands `export`?
    pub(super) fn is_shell(&self) -> bool {
        self.interpreter().is_some_and(|line| {
            let mut words = line.split_whitespace().map(|w| w.rsplit('/').next().unwrap_or(w));
            let first = words.next().unwrap_or("");
            let shell = if first == "env" { words.next().unwrap_or("") } else { first };
            matches!(shell, "sh" | "bash" | "dash" | "zsh" | "ksh")
        })
    }

    /// The bytes that need no resource yet, to measure what is known of the user data.
    pub(super) fn known_bytes(&self) -> usize {
        let values = self.env.iter().map(|(key, value)| export(key, value.known().map_or("", |v| v)).len());
        self.head().len() + values.sum::<usize>() + self.script.text().len()
    }

    /// cloud-init wants the interpreter first, so it is repeated before the exports.
    fn head(&self) -> String {
        match self.interpreter() {
            Some(line) if !self.env.is_empty() => format!("#!{line}\n"),
            _ => String::new(),
        }
    }

    /// The user data as far as it is known, for people.
    pub(super) fn shown(&self) -> String {
        let mut out = self.head();
        for (key, value) in &self.env {
            out.push_str(&match value.known() {
                Some(value) => export(key, value),
                None => format!("export {key}=(known after apply)\n"),
            });
        }
        out.push_str(&self.script.text());
        out
    }

    /// The user data.
    pub(super) fn user_data(&self) -> Result<String, Error> {
        let mut out = self.head();
        for (key, value) in &self.env {
            out.push_str(&export(key, value.get()?));
        }
        out.push_str(&self.script.text());
        Ok(out)
    }
}

/// `export KEY='value'`: single quotes keep every byte, a quote itself is written `'\''`.
fn export(key: &str, value: &str) -> String {
    format!("export {key}='{}'\n", value.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boot(script: &str, env: &[(&str, &str)]) -> Boot {
        let env = env.iter().map(|(k, v)| ((*k).to_owned(), Field::Known((*v).to_owned()))).collect();
        Boot { script: Script(script.to_owned()), env }
    }

    #[test]
    fn exports_stand_before_the_script_which_stays_as_it_is() {
        let boot = boot("#!/usr/bin/env bash\necho \"$A\"\t\r\n\n", &[("A", "it's $HOME\n`x`"), ("B", "")]);
        assert_eq!(
            boot.user_data().unwrap(),
            "#!/usr/bin/env bash\nexport A='it'\\''s $HOME\n`x`'\nexport B=''\n#!/usr/bin/env bash\necho \"$A\"\t\r\n\n"
        );
        assert_eq!(boot.known_bytes(), boot.user_data().unwrap().len());
        assert!(boot.is_shell());
    }

    #[test]
    fn what_windows_adds_is_taken_out() {
        let (plain, windows) = ("#!/bin/bash\nset -euo pipefail\n", "#!/bin/bash\r\nset -euo pipefail\r\n");
        for env in [&[][..], &[("BUCKET", "corpus")]] {
            let wanted = boot(plain, env).user_data().unwrap();
            for script in [windows.to_owned(), format!("\u{feff}{plain}"), format!("\u{feff}{windows}")] {
                let from = boot(&script, env);
                assert_eq!(from.user_data().unwrap(), wanted);
                assert_eq!(from.known_bytes(), wanted.len());
                assert!(from.is_shell() && from.script.is_known());
            }
        }
    }

    #[test]
    fn what_no_machine_would_run_is_known() {
        let known = |text: &str| Script(text.to_owned()).is_known();
        for good in ["#!/bin/sh\n", "#!/usr/bin/python3", "#cloud-config\n", "MIME-Version: 1.0\n"] {
            assert!(known(good), "{good}");
        }
        for bad in [
            "",
            "echo hello\n",
            "\n#!/bin/bash\n",
            " #!/bin/bash\n",
            "#!\n",
            "#! \r\necho\r\n",
            "set -e\n#!/bin/bash\n",
        ] {
            assert!(!known(bad), "{bad:?}");
        }
    }

    #[test]
    fn a_script_without_environment_is_shipped_alone() {
        let cloud_config = boot("#cloud-config\npackages: [htop]\n", &[]);
        assert_eq!(cloud_config.user_data().unwrap(), "#cloud-config\npackages: [htop]\n");
        assert!(!cloud_config.is_shell());
        assert!(!boot("#!/usr/bin/python3\n", &[]).is_shell());
    }

    #[test]
    fn the_shell_reads_back_every_byte() {
        let nasty = "a'b\"c\\d$e`f\n\tg!h #i";
        let script = boot("#!/bin/sh\nprintf %s \"$X\"\n", &[("X", nasty)]).user_data().unwrap();
        let out = std::process::Command::new("sh").arg("-c").arg(script).output().unwrap();
        assert_eq!(String::from_utf8(out.stdout).unwrap(), nasty);
    }
}
