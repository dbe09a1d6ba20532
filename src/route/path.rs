use std::fmt;

use super::Glob;

/// Which paths a rule is for. Paths are compared as sent: upper is not lower case, and nothing is decoded.
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

/// A path pattern must begin with `/` or `*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidPath;

impl PathPattern {
    /// Reads a pattern: `/login` is that path alone; `/api/*` is `/api` and everything below it; any other `*`
    /// stands for any run of characters, slashes included, and `?` for any one.
    ///
    /// # Errors
    /// A pattern that begins with neither `/` nor `*` could never match.
    pub fn new(pattern: &str) -> Result<Self, InvalidPath> {
        if !pattern.starts_with(['/', '*']) {
            return Err(InvalidPath);
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
        f.write_str("a path begins with `/`")
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
        assert_eq!(PathPattern::new("api"), Err(InvalidPath));
        assert_eq!(PathPattern::new(""), Err(InvalidPath));
    }

    #[test]
    fn shows_as_it_was_written() {
        for text in ["/login", "/api/*", "/*", "/*/edit", "/v?/*"] {
            assert_eq!(PathPattern::new(text).unwrap().to_string(), text);
        }
    }
}
