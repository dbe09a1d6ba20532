//! The page around its frames: the built-in one, or the operator's own.

use std::fmt;

use bytes::Bytes;

use super::{escape, policy};
use crate::model::PageSpec;

const BUILT_IN: &str = include_str!("waiting.html");
const FRAMES_CSS: &str = include_str!("frames.css");
const MARK: &str = include_str!("mark.svg");

const NAME: &str = "The application";
const TEXT: &str =
    "It was asleep, and your visit is waking it up. It opens here by itself as soon as it is ready.";

/// Opens what [`FRAMES_CLOSE`] closes. A frame as a whole is not announced; its sentence is, when it is news.
const FRAMES_OPEN: &str = "<div class=\"frames\" aria-live=\"polite\" aria-relevant=\"additions\">\n";
const FRAMES_CLOSE: &str = "</div>";

/// A template that was found good, with everything filled in but the frames.
#[derive(Clone, Debug)]
pub(super) struct Template {
    /// What goes before the first frame.
    pub(super) head: Bytes,
    /// What goes after the last.
    pub(super) tail: Bytes,
    /// The `Content-Security-Policy` that fits.
    pub(super) policy: String,
}

/// Why a template, or what is to be filled into it, is of no use.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TemplateError {
    /// `{{frames}}` or `{{style}}`, of which there must be exactly one, is there this many times.
    Count {
        /// The placeholder.
        placeholder: &'static str,
        /// How many there are.
        found: usize,
    },
    /// A placeholder that does not exist.
    Unknown(String),
    /// It has a `<script>`, which the page's content security policy never lets run.
    Script,
    /// The logo is not a `data:` URI of an image: the page loads nothing from anywhere.
    Logo,
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count { placeholder, found: 0 } => {
                let place = if *placeholder == "style" { "in its head" } else { "where the progress goes" };
                write!(f, "the page template has no {{{{{placeholder}}}}}: it needs one {place}")
            }
            Self::Count { placeholder, found } => {
                write!(f, "the page template has {{{{{placeholder}}}}} {found} times: one is needed")
            }
            Self::Unknown(name) => write!(
                f,
                "the page template has {{{{{name}}}}}, which does not exist; there are {{{{name}}}}, {{{{text}}}}, \
                 {{{{logo}}}}, {{{{style}}}} and {{{{frames}}}}"
            ),
            Self::Script => f.write_str("the page template has a <script>, which would never run"),
            Self::Logo => {
                f.write_str("the page's logo is not a `data:image/…` URI, and the page loads nothing else")
            }
        }
    }
}

impl std::error::Error for TemplateError {}

impl Template {
    /// Checks the template of `spec`, or takes the built-in one, and fills it in.
    ///
    /// # Errors
    /// [`TemplateError`]: the first thing that is wrong.
    pub(super) fn new(spec: &PageSpec) -> Result<Self, TemplateError> {
        let logo = match spec.logo.as_deref().map(str::trim) {
            Some(logo) if policy::find(logo, "data:image/") != Some(0) => return Err(TemplateError::Logo),
            Some(logo) => logo.to_owned(),
            None => data_uri(MARK.trim_end()),
        };
        // As an HTML parser does (section 13.2.3.5), or the hash of a style would not be the browser's.
        let template = spec.template.as_deref().unwrap_or(BUILT_IN).replace("\r\n", "\n").replace('\r', "\n");
        if policy::find(&template, "<script").is_some() {
            return Err(TemplateError::Script);
        }
        let (mut head, mut tail) = (String::new(), String::new());
        let (mut styles, mut frames) = (0, 0);
        for part in parts(&template) {
            let html = if frames == 0 { &mut head } else { &mut tail };
            match part {
                Part::Text(text) => html.push_str(text),
                Part::Placeholder("name") => escape::push(html, spec.name.as_deref().unwrap_or(NAME)),
                Part::Placeholder("text") => escape::push(html, spec.text.as_deref().unwrap_or(TEXT)),
                Part::Placeholder("logo") => escape::push(html, &logo),
                Part::Placeholder("style") => {
                    styles += 1;
                    html.push_str(&format!("<style>\n{FRAMES_CSS}</style>"));
                }
                Part::Placeholder("frames") => {
                    frames += 1;
                    head.push_str(if frames == 1 { FRAMES_OPEN } else { "" });
                    tail.push_str(if frames == 1 { FRAMES_CLOSE } else { "" });
                }
                Part::Placeholder(unknown) => return Err(TemplateError::Unknown(unknown.to_owned())),
            }
        }
        for (placeholder, found) in [("frames", frames), ("style", styles)] {
            if found != 1 {
                return Err(TemplateError::Count { placeholder, found });
            }
        }
        let policy = policy::for_document(&format!("{head}{tail}"));
        Ok(Self { head: head.into(), tail: tail.into(), policy })
    }
}

/// An SVG document as a `data:` URI (RFC 2397).
fn data_uri(svg: &str) -> String {
    let mut uri = String::from("data:image/svg+xml,");
    for byte in svg.bytes() {
        match byte {
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'.' | b'/' | b':' | b'=' => {
                uri.push(char::from(byte))
            }
            other => uri.push_str(&format!("%{other:02X}")),
        }
    }
    uri
}

/// A piece of a template.
enum Part<'a> {
    Text(&'a str),
    /// The word between the braces.
    Placeholder(&'a str),
}

/// Cuts a template at its placeholders. Braces around anything but one lower-case word are text.
fn parts(template: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let (mut text, mut from) = (0, 0);
    while let Some(open) = template[from..].find("{{").map(|at| from + at) {
        from = open + 2;
        let Some(length) = template[from..].find("}}") else { break };
        let word = template[from..from + length].trim();
        if !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') {
            parts.push(Part::Text(&template[text..open]));
            parts.push(Part::Placeholder(word));
            from += length + 2;
            text = from;
        }
    }
    parts.push(Part::Text(&template[text..]));
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(template: &str) -> PageSpec {
        PageSpec { template: Some(template.into()), ..PageSpec::default() }
    }

    fn document(spec: &PageSpec) -> String {
        let template = Template::new(spec).unwrap();
        format!("{}{}", str::from_utf8(&template.head).unwrap(), str::from_utf8(&template.tail).unwrap())
    }

    #[test]
    fn the_built_in_template_is_whole() {
        let html = document(&PageSpec::default());
        assert!(
            !html.contains("{{") && html.contains(NAME) && html.trim_end().ends_with("</html>"),
            "{html}"
        );
        assert_eq!(Template::new(&PageSpec::default()).unwrap().policy.matches("sha256-").count(), 2);
    }

    #[test]
    fn an_own_template_is_filled_in() {
        let spec = PageSpec {
            name: Some("A <b> & Co".into()),
            text: Some("\"Hello\"".into()),
            logo: Some("data:image/png;base64,AA==".into()),
            ..with(
                "<a>{{name}}</a>{{ text }}<img src=\"{{logo}}\">{{style}}\r\n{{ not one }}{{frames}}end {{name}}",
            )
        };
        let template = Template::new(&spec).unwrap();
        let head = str::from_utf8(&template.head).unwrap();
        assert!(head.starts_with(
            "<a>A &lt;b&gt; &amp; Co</a>&quot;Hello&quot;<img src=\"data:image/png;base64,AA==\"><style>"
        ));
        assert!(head.ends_with(&format!("</style>\n{{{{ not one }}}}{FRAMES_OPEN}")), "{head}");
        assert_eq!(&template.tail[..], format!("{FRAMES_CLOSE}end A &lt;b&gt; &amp; Co").as_bytes());
    }

    #[test]
    fn what_is_wrong_is_said() {
        let wrong = |template: &str| Template::new(&with(template)).unwrap_err();
        let count = |placeholder, found| TemplateError::Count { placeholder, found };
        assert_eq!(wrong("{{style}}"), count("frames", 0));
        assert_eq!(wrong("{{frames}}"), count("style", 0));
        assert_eq!(wrong("{{style}}{{frames}}{{frames}}"), count("frames", 2));
        assert_eq!(wrong("{{style}}{{frames}}{{colour}}"), TemplateError::Unknown("colour".into()));
        assert_eq!(wrong("<SCRIPT src=x></SCRIPT>{{style}}{{frames}}"), TemplateError::Script);
        assert!(wrong("{{style}}").to_string().contains("{{frames}}"));
        let logo = PageSpec { logo: Some("https://example.com/logo.png".into()), ..PageSpec::default() };
        assert_eq!(Template::new(&logo).unwrap_err(), TemplateError::Logo);
    }

    #[test]
    fn a_name_cannot_become_a_placeholder_or_a_tag() {
        let spec = PageSpec { name: Some("{{frames}}</title><script>".into()), ..PageSpec::default() };
        let html = document(&spec);
        assert!(!html.contains("<script"), "{html}");
        assert_eq!(html.matches(FRAMES_OPEN).count(), 1);
    }
}
