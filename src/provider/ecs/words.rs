//! What ECS says, in words for people: why a task stopped, and what a service's event means.
//!
//! ECS tells both as free text, written for its console. The kind of trouble is found in it by the error's own name or
//! by a phrase that AWS documents; what is not recognised is passed on as it is. The operator's sentence always ends with
//! what ECS said; the visitor's never repeats any of it.

mod event;
mod stopped;

pub(super) use event::{Meaning, event};
pub(super) use stopped::{died, stopped};

/// How much of ECS's own words is repeated, in characters: enough for its longest sentences, and no page full of a registry's answer.
const LONGEST: usize = 400;

/// Its words as one line of bounded length, without the full stop at the end: they go into a sentence of ours.
pub(super) fn quote(text: &str) -> String {
    let mut line = String::new();
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()) {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        if line.chars().count() > LONGEST {
            line = line.chars().take(LONGEST).collect();
            line.push('…');
            break;
        }
    }
    line.trim_end_matches('.').to_owned()
}

/// Whether one of these phrases is in the text, which is in lower case as they are.
fn any(text: &str, phrases: &[&str]) -> bool {
    phrases.iter().any(|phrase| text.contains(phrase))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_is_one_line_of_bounded_length() {
        assert_eq!(quote(" a\r\n\tb \u{1b}[31mc. "), "a b [31mc");
        let long = quote(&"wörter ".repeat(1000));
        assert_eq!(long.chars().count(), LONGEST + 1);
        assert!(long.ends_with('…'));
        assert_eq!(quote(""), "");
    }
}
