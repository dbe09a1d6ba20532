//! Text into HTML, and nothing but text.

/// Appends `text` so that it is text, in an element's content or in a quoted attribute, whatever it holds.
pub(super) fn push(html: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            // Control characters are parse errors in HTML, and U+0000 is even replaced.
            '\t' | '\n' => html.push(character),
            control if control.is_control() => html.push(char::REPLACEMENT_CHARACTER),
            other => html.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(text: &str) -> String {
        let mut html = String::new();
        push(&mut html, text);
        html
    }

    #[test]
    fn nothing_gets_out_of_text_or_of_an_attribute() {
        let hostile = "</p><svg onload='alert(1)'>\" x=`&lt;`";
        let safe = escaped(hostile);
        assert!(!safe.contains(['<', '>', '"', '\'']), "{safe}");
        assert!(safe.contains("&amp;lt;"), "what is escaped already is text too: {safe}");
    }

    #[test]
    fn control_characters_are_replaced() {
        assert_eq!(escaped("a\0b\r\u{1b}[1m\nc"), "a\u{fffd}b\u{fffd}\u{fffd}[1m\nc");
    }

    #[test]
    fn plain_text_stays_as_it_is() {
        assert_eq!(escaped("Grüße, 東京 ☕"), "Grüße, 東京 ☕");
    }
}
