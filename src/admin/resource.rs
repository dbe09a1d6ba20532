use http::Method;

use super::problem::Problem;

/// What a path names.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Resource {
    Health,
    Ready,
    Document,
    Metrics,
    Services,
    Service(String),
    Wake(String),
    Sleep(String),
    Lease(String),
    Events,
}

impl Resource {
    /// How many kinds there are.
    #[cfg(test)]
    pub(super) const COUNT: usize = 10;

    pub(super) fn of(path: &str) -> Option<Self> {
        match path {
            "/healthz" => return Some(Self::Health),
            "/readyz" => return Some(Self::Ready),
            "/openapi.json" => return Some(Self::Document),
            "/metrics" => return Some(Self::Metrics),
            "/api/services" => return Some(Self::Services),
            "/api/events" => return Some(Self::Events),
            _ => {}
        }
        let mut parts = path.strip_prefix("/api/services/")?.split('/');
        let name = decoded(parts.next()?).filter(|name| !name.is_empty())?;
        let resource = match parts.next() {
            None => Self::Service(name),
            Some("wake") => Self::Wake(name),
            Some("sleep") => Self::Sleep(name),
            Some("lease") => Self::Lease(name),
            Some(_) => return None,
        };
        parts.next().is_none().then_some(resource)
    }

    /// Whether it is there for everybody.
    pub(super) const fn is_open(&self) -> bool {
        matches!(self, Self::Health | Self::Ready | Self::Document)
    }

    pub(super) fn check_method(&self, method: &Method) -> Result<(), Problem> {
        let allow = match self {
            Self::Wake(_) | Self::Sleep(_) => "POST",
            Self::Lease(_) => "PUT, DELETE",
            _ => "GET, HEAD",
        };
        if allow.split(", ").any(|allowed| allowed == method.as_str()) {
            Ok(())
        } else {
            Err(Problem::method_not_allowed(allow))
        }
    }
}

/// Undoes percent-encoding (RFC 3986 section 2.1); `None` where it is broken, or not UTF-8.
fn decoded(part: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let mut digit = || rest.next().and_then(|byte| char::from(byte).to_digit(16));
            bytes.push(u8::try_from(digit()? * 16 + digit()?).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_name_resources() {
        assert_eq!(Resource::of("/healthz"), Some(Resource::Health));
        assert_eq!(Resource::of("/api/services"), Some(Resource::Services));
        assert_eq!(Resource::of("/api/services/web"), Some(Resource::Service("web".into())));
        assert_eq!(Resource::of("/api/services/a%2fb%20c/wake"), Some(Resource::Wake("a/b c".into())));
        assert_eq!(Resource::of("/api/services/web/lease"), Some(Resource::Lease("web".into())));
    }

    #[test]
    fn other_paths_name_nothing() {
        for path in [
            "/",
            "/api",
            "/healthz/",
            "/api/services/",
            "/api/services//wake",
            "/api/services/web/",
            "/api/services/web/wake/now",
            "/api/services/web/restart",
            "/api/services/%",
            "/api/services/%4",
            "/api/services/%zz",
            "/api/services/%ff",
            "/API/services",
            "*",
        ] {
            assert_eq!(Resource::of(path), None, "{path}");
        }
    }
}
