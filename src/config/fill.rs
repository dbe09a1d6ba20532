//! `${NAME}` and `${NAME:-default}` in values, filled from the environment after the text was parsed: what a
//! variable holds can never become a key or a list.

use std::borrow::Cow;

/// The text with its variables filled in; `$$` is a `$`, and a `$` before anything but `{` stays.
///
/// # Errors
/// What is wrong, as a message: a variable that is not set, or a reference that is none.
pub(super) fn fill<'t>(
    text: &'t str,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<Cow<'t, str>, String> {
    if !text.contains('$') {
        return Ok(Cow::Borrowed(text));
    }
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        filled.push_str(before);
        rest = if let Some(after) = after.strip_prefix('$') {
            filled.push('$');
            after
        } else if let Some(after) = after.strip_prefix('{') {
            let (reference, after) =
                after.split_once('}').ok_or("`${` without its `}`; write `$$` for a `$`")?;
            let (name, default) = match reference.split_once(":-") {
                Some((name, default)) => (name, Some(default)),
                None => (reference, None),
            };
            if !is_name(name) {
                return Err(format!(
                    "`${{{}}}` names no variable; write `$${{` for a `${{` that is meant as such",
                    reference.chars().take(60).flat_map(char::escape_debug).collect::<String>()
                ));
            }
            // As in a shell, `:-` stands in for an empty value too.
            match (variable(name), default) {
                (Some(value), None) => filled.push_str(&value),
                (Some(value), Some(_)) if !value.is_empty() => filled.push_str(&value),
                (_, Some(default)) => filled.push_str(default),
                (None, None) => {
                    return Err(format!(
                        "the variable `{name}` is not set; `${{{name}:-…}}` gives it a default"
                    ));
                }
            }
            after
        } else {
            filled.push('$');
            after
        };
    }
    filled.push_str(rest);
    Ok(Cow::Owned(filled))
}

/// POSIX's names of variables.
fn is_name(name: &str) -> bool {
    !name.starts_with(|first: char| first.is_ascii_digit())
        && !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &str) -> Result<String, String> {
        let variable = |name: &str| match name {
            "A" => Some("1".to_owned()),
            "_B2" => Some("${A}".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        fill(text, &variable).map(Cow::into_owned)
    }

    #[test]
    fn variables_defaults_and_dollars() {
        for (text, expected) in [
            ("plain", "plain"),
            ("${A}", "1"),
            ("x${A}y${A}", "x1y1"),
            ("${_B2}", "${A}"),
            ("${NO:-d}", "d"),
            ("${NO:-}", ""),
            ("${NO:-a:-b}", "a:-b"),
            ("${EMPTY}", ""),
            ("${EMPTY:-d}", "d"),
            ("$${A}", "${A}"),
            ("$$$${A}", "$${A}"),
            ("$1 costs $", "$1 costs $"),
            ("^/x$", "^/x$"),
        ] {
            assert_eq!(filled(text).as_deref(), Ok(expected), "{text}");
        }
        for text in ["${NO}", "${A", "${}", "${1}", "${a b}", "${A:x}"] {
            assert!(filled(text).is_err(), "{text}");
        }
    }
}
