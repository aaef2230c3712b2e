//! Rules of composite alarms: which states of other alarms make them go off.

/// What a rule says.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Rule {
    Constant(bool),
    /// An alarm, by its name, is in this state.
    Is(&'static str, String),
    Not(Box<Rule>),
    All(Vec<Rule>),
    Any(Vec<Rule>),
}

const STATES: [&str; 3] = ["ALARM", "OK", "INSUFFICIENT_DATA"];

impl Rule {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut rest = text;
        let rule = Self::any(&mut rest)?;
        if rest.trim().is_empty() { Ok(rule) } else { Err(format!("unexpected `{}`", rest.trim())) }
    }

    fn any(rest: &mut &str) -> Result<Self, String> {
        Self::several(rest, "OR", Self::all, Self::Any)
    }

    fn all(rest: &mut &str) -> Result<Self, String> {
        Self::several(rest, "AND", Self::one, Self::All)
    }

    fn several(
        rest: &mut &str,
        word: &str,
        part: fn(&mut &str) -> Result<Self, String>,
        of: fn(Vec<Self>) -> Self,
    ) -> Result<Self, String> {
        let mut parts = vec![part(rest)?];
        while took(rest, word) {
            parts.push(part(rest)?);
        }
        Ok(if parts.len() == 1 { parts.swap_remove(0) } else { of(parts) })
    }

    fn one(rest: &mut &str) -> Result<Self, String> {
        if took(rest, "NOT") {
            return Ok(Self::Not(Box::new(Self::one(rest)?)));
        }
        if took(rest, "(") {
            let inside = Self::any(rest)?;
            return if took(rest, ")") { Ok(inside) } else { Err("a closing bracket is missing".to_owned()) };
        }
        for (word, is) in [("TRUE", true), ("FALSE", false)] {
            if took(rest, word) {
                return Ok(Self::Constant(is));
            }
        }
        let state = STATES.into_iter().find(|state| took(rest, state));
        let state = state.ok_or_else(|| format!("unexpected `{}`", rest.trim()))?;
        if !took(rest, "(") {
            return Err(format!("{state} needs the name of an alarm"));
        }
        let trimmed = rest.trim_start();
        let (name, after) = match trimmed.strip_prefix('"') {
            Some(quoted) => {
                let (name, after) = quoted.split_once('"').ok_or("a closing quote is missing")?;
                (name, after.trim_start().strip_prefix(')'))
            }
            None => trimmed.split_once(')').map_or((trimmed, None), |(name, after)| (name.trim(), Some(after))),
        };
        *rest = after.ok_or("a closing bracket is missing")?;
        let name = name.split_once(":alarm:").map_or(name, |(_, name)| name);
        Ok(Self::Is(state, name.to_owned()))
    }

    /// The names of the alarms that it looks at.
    pub(super) fn names(&self) -> Vec<&str> {
        match self {
            Self::Constant(_) => Vec::new(),
            Self::Is(_, name) => vec![name],
            Self::Not(of) => of.names(),
            Self::All(parts) | Self::Any(parts) => parts.iter().flat_map(Self::names).collect(),
        }
    }

    pub(super) fn holds(&self, is: &dyn Fn(&str, &str) -> bool) -> bool {
        match self {
            Self::Constant(value) => *value,
            Self::Is(state, name) => is(name, state),
            Self::Not(of) => !of.holds(is),
            Self::All(parts) => parts.iter().all(|part| part.holds(is)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(is)),
        }
    }
}

fn took(rest: &mut &str, word: &str) -> bool {
    let Some(after) = rest.trim_start().strip_prefix(word) else { return false };
    if word.starts_with(char::is_alphabetic) && after.starts_with(|c: char| c.is_alphanumeric() || c == '_') {
        return false;
    }
    *rest = after;
    true
}

#[cfg(test)]
mod tests {
    use super::Rule;

    #[test]
    fn rules_are_read_and_hold() {
        let rule = Rule::parse("(ALARM(a-1) OR ALARM(\"b c\")) AND NOT OK(arn:aws:cloudwatch:x:1:alarm:d)").unwrap();
        assert_eq!(rule.names(), ["a-1", "b c", "d"]);
        assert!(rule.holds(&|name, state| (name, state) == ("b c", "ALARM")));
        assert!(!rule.holds(&|name, state| (name, state) == ("d", "OK") || name == "a-1"));
        for wrong in ["", "ALARM", "ALARM(a", "a AND b", "ALARM(a) ALARM(b)"] {
            assert!(Rule::parse(wrong).is_err(), "{wrong}");
        }
    }
}
