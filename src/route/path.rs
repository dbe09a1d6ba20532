use std::fmt;

use super::{Glob, reading};

/// Which paths a rule is for. Paths are compared as [`Head::path`](super::Head::path) has them: decoded, with single
/// slashes and without dot segments. Upper is not lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathPattern(Kind);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    /// `/*`.
    Any,
    Exact(Box<str>),
    /// The text before the final `/*`, without that slash.
    Under(Box<str>),
    Wild(Glob),
}

/// Why a text is no [`PathPattern`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidPath {
    /// It begins with neither `/` nor `*`.
    Start,
    /// It has an escape, a `//`, a `\\`, a `;` or a dot segment: no path that it is compared to has one, or not for all
    /// servers.
    Spelling,
}

impl PathPattern {
    /// Reads a pattern: `/login` is that path alone; `/api/*` is `/api` and everything below it; any other `*`
    /// stands for any run of characters, slashes included, and `?` for any one.
    ///
    /// # Errors
    /// A pattern that no path could match.
    pub fn new(pattern: &str) -> Result<Self, InvalidPath> {
        if !pattern.starts_with(['/', '*']) {
            return Err(InvalidPath::Start);
        }
        let is_escape = |(at, _): (usize, &str)| reading::escaped(&pattern.as_bytes()[at..]).is_some();
        if pattern.contains("//")
            || pattern.contains(['\\', ';'])
            || pattern.split('/').any(|segment| matches!(segment, "." | ".."))
            || pattern.match_indices('%').any(is_escape)
        {
            return Err(InvalidPath::Spelling);
        }
        let wild = |text: &str| text.contains(['*', '?']);
        Ok(Self(match pattern.strip_suffix("/*") {
            Some("") => Kind::Any,
            Some(prefix) if !wild(prefix) => Kind::Under(prefix.into()),
            _ if wild(pattern) => Kind::Wild(Glob::new(pattern)),
            _ => Kind::Exact(pattern.into()),
        }))
    }

    /// Whether the path is one of these.
    pub fn matches(&self, path: &str) -> bool {
        match &self.0 {
            Kind::Any => true,
            Kind::Exact(exact) => **exact == *path,
            Kind::Under(prefix) => {
                path.strip_prefix(&**prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            }
            Kind::Wild(glob) => glob.matches(path.as_bytes()),
        }
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Any => f.write_str("/*"),
            Kind::Exact(path) => f.write_str(path),
            Kind::Under(prefix) => write!(f, "{prefix}/*"),
            Kind::Wild(glob) => f.write_str(glob.as_str()),
        }
    }
}

impl fmt::Display for InvalidPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Start => "a path begins with `/`",
            Self::Spelling => {
                "paths are compared decoded, with single slashes, and without `.`, `..`, `;` and `\\`: write `/a b`, not \
                 `/a%20b`"
            }
        })
    }
}

impl std::error::Error for InvalidPath {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_prefix_and_wildcards() {
        for (pattern, path, fits) in [
            ("/login", "/login", true),
            ("/login", "/login/", false),
            ("/login", "/Login", false),
            ("/api/*", "/api", true),
            ("/api/*", "/api/", true),
            ("/api/*", "/api/v1/carts", true),
            ("/api/*", "/apis", false),
            ("/*", "/", true),
            ("/*", "*", true),
            ("/*/edit", "/posts/7/edit", true),
            ("/*.png", "/img/a.png", true),
            ("/v?/x", "/v1/x", true),
            ("/v?/x", "/v10/x", false),
            ("/v?/*", "/v1/x", true),
            ("/v?/*", "/v1", false),
            ("*.php", "/a.php", true),
        ] {
            let pattern = PathPattern::new(pattern).unwrap();
            assert_eq!(pattern.matches(path), fits, "{pattern} against {path}");
        }
        for text in ["api", "", "../x"] {
            assert_eq!(PathPattern::new(text), Err(InvalidPath::Start), "{text}");
        }
        for text in ["/a%20b", "/a//b", "/a/../b", "/a/.", "/a;b", "/a\\b", "/%2f/*"] {
            assert_eq!(PathPattern::new(text), Err(InvalidPath::Spelling), "{text}");
        }
        for text in ["/a b", "/100%", "/%zz", "/.hidden", "/a../b"] {
            assert!(PathPattern::new(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn shows_as_it_was_written() {
        for text in ["/login", "/api/*", "/*", "/*/edit", "/v?/*"] {
            assert_eq!(PathPattern::new(text).unwrap().to_string(), text);
        }
    }
}
