//! Where a `${` ends: the closing brace, not counting braces in strings and in nested templates.

/// The byte of the `}` that closes the `${` whose inside starts at `from`.
pub(crate) fn find_close(text: &str, from: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    // What is open inside: `{` braces, and `"` strings, whose own `${` are braces again.
    let mut open: Vec<u8> = Vec::new();
    let mut at = from;
    while let Some(&byte) = bytes.get(at) {
        let in_string = open.last() == Some(&b'"');
        match byte {
            b'\\' if in_string => at += 1,
            b'"' if in_string => {
                open.pop();
            }
            b'"' => open.push(b'"'),
            b'$' | b'%' if in_string => {
                if bytes.get(at + 1) == Some(&byte) && bytes.get(at + 2) == Some(&b'{') {
                    at += 2;
                } else if bytes.get(at + 1) == Some(&b'{') {
                    open.push(b'{');
                    at += 1;
                }
            }
            b'{' if !in_string => open.push(b'{'),
            b'}' if !in_string && open.pop().is_none() => {
                return Some(at);
            }
            _ => {}
        }
        at += 1;
    }
    None
}

/// Line breaks outside of brackets as spaces: an expression in a block scalar may go over lines.
pub(super) fn join_lines(expression: &str) -> std::borrow::Cow<'_, str> {
    if !expression.contains(['\n', '\r']) {
        return expression.into();
    }
    let mut depth = 0_usize;
    let mut in_string = false;
    let mut escaped = false;
    expression
        .chars()
        .map(|c| {
            match c {
                _ if escaped => escaped = false,
                '\\' if in_string => escaped = true,
                '"' => in_string = !in_string,
                '(' | '[' | '{' if !in_string => depth += 1,
                ')' | ']' | '}' if !in_string => depth = depth.saturating_sub(1),
                _ => {}
            }
            if matches!(c, '\n' | '\r') && depth == 0 { ' ' } else { c }
        })
        .collect::<String>()
        .into()
}
