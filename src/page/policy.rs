//! The page's content security policy: no script at all, and only the stylesheets the page itself brings.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};

/// The policy for a document. Each of its `<style>` elements is allowed by the hash of its content (CSP level 3,
/// section 2.3.1), so one header serves every visitor and nothing has to be random.
pub(super) fn for_document(html: &str) -> String {
    let mut hashes: Vec<String> = styles(html).map(hash).collect();
    hashes.sort_unstable();
    hashes.dedup();
    let styles = if hashes.is_empty() { "'none'".to_owned() } else { hashes.join(" ") };
    format!(
        "default-src 'none'; style-src {styles}; img-src data:; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'"
    )
}

/// The content of every `<style>` element, byte for byte.
fn styles(html: &str) -> impl Iterator<Item = &str> {
    let mut rest = html;
    std::iter::from_fn(move || {
        loop {
            let tag = &rest[find(rest, "<style")? + "<style".len()..];
            rest = tag;
            // Not `<styled-…>`.
            if !tag.starts_with(|next: char| next == '>' || next.is_ascii_whitespace()) {
                continue;
            }
            let content = &tag[tag.find('>')? + 1..];
            let end = find(content, "</style")?;
            rest = &content[end..];
            return Some(&content[..end]);
        }
    })
}

/// Where `needle`, in lower-case ASCII, first stands in `text`, in whatever case.
pub(super) fn find(text: &str, needle: &str) -> Option<usize> {
    text.as_bytes().windows(needle.len()).position(|part| part.eq_ignore_ascii_case(needle.as_bytes()))
}

/// `'sha256-…'`, as a policy names it.
fn hash(style: &str) -> String {
    format!("'sha256-{}'", BASE64_STANDARD.encode(Sha256::digest(style)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_style_is_allowed_by_its_hash() {
        let policy = for_document(
            "<STYLE media='all'>a{}</STYLE><styled>x</styled><style>\n</style><style>a{}</style>",
        );
        // printf 'a{}' | openssl dgst -sha256 -binary | base64
        assert!(policy.contains("'sha256-X1RutGBrXCt9KkSaXMK7tHftWiRscFHOhxsS8tv8hBk='"), "{policy}");
        assert_eq!(policy.matches("sha256-").count(), 2, "{policy}");
    }

    #[test]
    fn without_a_style_none_is_allowed() {
        assert!(for_document("<p>x</p>").contains("style-src 'none';"));
    }

    #[test]
    fn no_script_source_is_ever_named() {
        let policy = for_document("<style>a{}</style>");
        assert!(policy.starts_with("default-src 'none'"));
        assert!(!policy.contains("script") && !policy.contains("unsafe"), "{policy}");
    }
}
