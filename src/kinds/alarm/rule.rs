//! Rules over other alarms: can CloudWatch read them, and which alarms do they name?

const STATES: [&str; 3] = ["ALARM", "OK", "INSUFFICIENT_DATA"];

/// Every alarm that is named, as often as it is; or why the rule cannot be read.
pub(super) fn names(rule: &str) -> Result<Vec<&str>, String> {
    let mut reader = Reader { rest: rule.trim(), names: Vec::new() };
    reader.any()?;
    if reader.rest.is_empty() { Ok(reader.names) } else { Err(reader.unexpected()) }
}

struct Reader<'r> {
    rest: &'r str,
    names: Vec<&'r str>,
}

impl<'r> Reader<'r> {
    fn unexpected(&self) -> String {
        match self.rest.split_whitespace().next() {
            Some(word) => format!("`{word}` is not expected here"),
            None => "the rule ends too early".to_owned(),
        }
    }

    /// Takes a word or a sign, if it is next.
    fn took(&mut self, what: &str) -> bool {
        let Some(after) = self.rest.strip_prefix(what) else { return false };
        let is_word = what.starts_with(char::is_alphabetic);
        if is_word && after.starts_with(|c: char| c.is_alphanumeric() || c == '_') {
            return false;
        }
        self.rest = after.trim_start();
        true
    }

    fn any(&mut self) -> Result<(), String> {
        self.one()?;
        while self.took("OR") || self.took("AND") {
            self.one()?;
        }
        Ok(())
    }

    fn one(&mut self) -> Result<(), String> {
        while self.took("NOT") {}
        if self.took("TRUE") || self.took("FALSE") {
            return Ok(());
        }
        if self.took("(") {
            self.any()?;
            return if self.took(")") { Ok(()) } else { Err(self.unexpected()) };
        }
        if !STATES.iter().any(|state| self.took(state)) || !self.took("(") {
            return Err(self.unexpected());
        }
        let quoted = self.took("\"");
        let end = self.rest.find(if quoted { '"' } else { ')' }).ok_or("a name in the rule does not end")?;
        let (name, rest) = self.rest.split_at(end);
        self.names.push(name.trim());
        self.rest = rest.trim_start();
        if name.trim().is_empty() || quoted && !self.took("\"") || !self.took(")") {
            return Err(self.unexpected());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn rules_name_alarms() {
        assert_eq!(names("(ALARM(a-1) OR ALARM(\"b (c)\")) AND NOT OK(d) OR TRUE"), Ok(vec!["a-1", "b (c)", "d"]));
        for wrong in ["", "ALARM", "ALARM(", "ALARM()", "ALARM(a", "a AND b", "ALARM(a) ALARM(b)", "ALARM(a) OR"] {
            assert!(names(wrong).is_err(), "{wrong}");
        }
    }
}
