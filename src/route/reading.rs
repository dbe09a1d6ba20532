//! How a service may read a path. Servers do not agree on it: whether `%2F` is a slash, `//` is `/`, `/a/../b` is `/b`,
//! `;x` belongs to its segment and `%00` ends it all. So that nobody gets around a rule (a lock, above all) by writing a path in another
//! way, rules compare one reading, and a request that another reading would send elsewhere is refused.

use std::borrow::Cow;

/// What a server may do to a path before it looks at it. All of them decode the other `%XX`, once (RFC 3986 section
/// 2.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Reading {
    /// `%2F`, `%5C` and `\` are slashes.
    slashes: bool,
    /// What follows a `;` in a segment is cut off (a parameter, RFC 3986 section 3.3; Java servers do).
    parameters: bool,
    /// Several slashes are one.
    merged: bool,
    /// `.` and `..` are resolved (RFC 3986 section 5.2.4).
    dots: bool,
}

/// That of nginx, in which paths are compared.
const NORMAL: Reading = Reading { slashes: true, parameters: false, merged: true, dots: true };

/// The path in its normal reading: decoded, with single slashes and without dot segments. Itself where it has nothing
/// that could be read in another way.
pub(super) fn normal(path: &str) -> Cow<'_, str> {
    if is_plain(path) { Cow::Borrowed(path) } else { Cow::Owned(NORMAL.read(path)) }
}

/// The readings that differ from the normal one; most paths have none.
pub(super) fn others<'a>(path: &'a str, normal: &'a str) -> impl Iterator<Item = String> + 'a {
    let all = if has_other_readings(path) { 0..16_u8 } else { 0..0 };
    let reading = |bits: u8| {
        let bit = |at: u8| bits & (1 << at) != 0;
        Reading { slashes: bit(0), parameters: bit(1), merged: bit(2), dots: bit(3) }
    };
    let read = all.flat_map(move |bits| {
        let whole = reading(bits).read(path);
        // To programs in C a text ends where there is a NUL.
        let cut = whole.split_once('\0').map(|(before, _)| before.to_owned());
        [Some(whole), cut]
    });
    read.flatten().filter(move |read| read != normal)
}

/// What follows a prefix that the path begins with, however its letters are spelled; its slashes are to stand there as such, for
/// not every server takes another spelling for one.
pub(super) fn after<'a>(path: &'a str, prefix: &str) -> Option<&'a str> {
    let mut rest = path.as_bytes();
    for wanted in prefix.bytes() {
        let length = match escaped(rest) {
            Some(byte) if byte == wanted && byte != b'/' => 3,
            _ if rest.first() == Some(&wanted) => 1,
            _ => return None,
        };
        rest = &rest[length..];
    }
    path.get(path.len() - rest.len()..)
}

/// Whether a server might find a `..` in it. Behind something that is put before the path, that would lead out of it again.
pub(super) fn climbs(path: &str) -> bool {
    let climbs_as = |bits: u8| {
        let reading =
            Reading { slashes: bits & 1 != 0, parameters: bits & 2 != 0, merged: false, dots: false };
        reading.read(path).split('/').any(|segment| segment == "..")
    };
    !is_plain(path) && (0..4).any(climbs_as)
}

/// Whether it is its own normal reading and has no other; true for almost every path, so this is quick. May be false
/// for a path that is.
fn is_plain(path: &str) -> bool {
    let bytes = path.as_bytes();
    !bytes.iter().any(|byte| matches!(byte, b'%' | b';' | b'\\'))
        && !bytes.windows(2).any(|pair| matches!(pair, [b'/', b'/' | b'.']))
}

fn has_other_readings(path: &str) -> bool {
    if is_plain(path) {
        return false;
    }
    let raw = Reading { slashes: false, parameters: false, merged: false, dots: false }.read(path);
    let full = Reading { parameters: true, ..NORMAL }.read(path);
    raw != full || raw.contains('\0')
}

impl Reading {
    fn read(self, path: &str) -> String {
        // `*` is no path, and an authority has none.
        if !path.starts_with('/') {
            return path.to_owned();
        }
        let path = self.without_parameters(path);
        let decoded = String::from_utf8_lossy(&self.decode(path.as_bytes())).into_owned();
        self.resolve(&decoded)
    }

    /// Before they are decoded: `%3B` is no separator.
    fn without_parameters(self, path: &str) -> Cow<'_, str> {
        if !self.parameters || !path.contains(';') {
            return Cow::Borrowed(path);
        }
        let mut left = String::with_capacity(path.len());
        let mut cut = false;
        for (at, char) in path.char_indices() {
            cut = char != '/' && !(self.slashes && is_slash(&path.as_bytes()[at..])) && (cut || char == ';');
            if !cut {
                left.push(char);
            }
        }
        Cow::Owned(left)
    }

    fn decode(self, path: &[u8]) -> Vec<u8> {
        let mut decoded = Vec::with_capacity(path.len());
        let mut rest = path;
        while let Some((&byte, after)) = rest.split_first() {
            let (byte, length) = match escaped(rest) {
                // An escape that is left is spelled in one way.
                Some(b'/') if !self.slashes => {
                    decoded.extend_from_slice(b"%2F");
                    rest = &rest[3..];
                    continue;
                }
                Some(b'/' | b'\\') if self.slashes => (b'/', 3),
                Some(byte) => (byte, 3),
                None if byte == b'\\' && self.slashes => (b'/', 1),
                None => (byte, 1),
            };
            decoded.push(byte);
            rest = if length == 1 { after } else { &rest[length..] };
        }
        decoded
    }

    fn resolve(self, path: &str) -> String {
        let mut segments: Vec<&str> = Vec::new();
        let mut all = path.split('/').skip(1).peekable();
        while let Some(segment) = all.next() {
            let is_last = all.peek().is_none();
            match segment {
                "" if self.merged && !is_last => {}
                "." | ".." if self.dots => {
                    if segment == ".." {
                        segments.pop();
                    }
                    if is_last {
                        segments.push("");
                    }
                }
                _ => segments.push(segment),
            }
        }
        let mut resolved = String::with_capacity(path.len());
        for segment in segments {
            resolved.push('/');
            resolved.push_str(segment);
        }
        resolved
    }
}

fn is_slash(text: &[u8]) -> bool {
    matches!(escaped(text), Some(b'/' | b'\\')) || text.first() == Some(&b'\\')
}

/// The byte that a `%XX` at the front stands for.
pub(super) fn escaped(text: &[u8]) -> Option<u8> {
    let [b'%', high, low, ..] = text else { return None };
    let digit = |hex: u8| char::from(hex).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some(digit(*high)? << 4 | digit(*low)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_normal_reading_is_decoded_once_merged_and_resolved() {
        for (path, read) in [
            ("/", "/"),
            ("*", "*"),
            ("", ""),
            ("/a/b/", "/a/b/"),
            ("/.well-known/x", "/.well-known/x"),
            ("/...", "/..."),
            ("/caf%C3%A9%20x", "/café x"),
            ("/%61dmin", "/admin"),
            ("/%2561dmin", "/%61dmin"),
            ("/%zz%4", "/%zz%4"),
            ("//admin", "/admin"),
            ("/a//", "/a/"),
            ("/a///b", "/a/b"),
            ("//", "/"),
            ("/public/../admin", "/admin"),
            ("/public/%2e%2E/admin", "/admin"),
            ("/public/..%2fadmin", "/admin"),
            ("/public\\..%5Cadmin", "/admin"),
            ("/../../admin", "/admin"),
            ("/a/..", "/"),
            ("/a/.", "/a/"),
            ("/a/./b", "/a/b"),
            ("/a;x=1/b", "/a;x=1/b"),
            ("/a%3Bx", "/a;x"),
            ("/%ff", "/\u{fffd}"),
        ] {
            assert_eq!(normal(path), read, "{path}");
        }
    }

    #[test]
    fn most_paths_have_one_reading() {
        for path in [
            "/",
            "*",
            "/a/b/",
            "/.well-known/x",
            "/caf%C3%A9",
            "/%61dmin",
            "/a%20b",
            "/v1.2/x..y",
            "/%252F",
            "/a%3Bb",
        ] {
            assert_eq!(others(path, &normal(path)).count(), 0, "{path}");
        }
    }

    #[test]
    fn what_servers_take_for_something_else_is_among_the_others() {
        for (path, read) in [
            ("/public/../admin", "/public/../admin"),
            ("/admin/../public", "/admin/../public"),
            ("/a//../admin", "/a/admin"),
            ("/a%2f../../admin", "/admin"),
            ("/a%2F../../admin", "/a%2F../../admin"),
            ("/admin;x/y", "/admin/y"),
            ("/public/..;/admin", "/admin"),
            ("/public/..;a=b%2fadmin", "/admin"),
            ("//admin", "//admin"),
            ("/a\\..\\admin", "/a\\..\\admin"),
            ("/a%5c..%5cadmin", "/a\\..\\admin"),
            ("/admin%00", "/admin"),
            ("/admin/x%00/../../y", "/admin/x"),
            ("/public/../admin%00.png", "/admin"),
        ] {
            let normal = normal(path);
            let all: Vec<String> = others(path, &normal).collect();
            assert!(normal == read || all.iter().any(|other| other == read), "{path}: {normal} and {all:?}");
        }
    }

    #[test]
    fn a_prefix_is_found_however_its_letters_are_spelled() {
        for (path, prefix, rest) in [
            ("/api/x", "/api", Some("/x")),
            ("/%61p%69/%78", "/api", Some("/%78")),
            ("/%61%70%69", "/api", Some("")),
            ("/caf%C3%A9/x", "/café", Some("/x")),
            ("/a%2Fb/x", "/a/b", None),
            ("/%2561pi/x", "/api", None),
            ("/ap", "/api", None),
            ("/ap%6", "/api", None),
            ("/x/api", "/api", None),
            ("/100%/x", "/100%", Some("/x")),
            ("/100%25/x", "/100%", Some("/x")),
            ("/x", "", Some("/x")),
        ] {
            assert_eq!(after(path, prefix), rest, "{path} {prefix}");
        }
    }

    #[test]
    fn a_path_that_climbs_is_seen_to_climb() {
        for path in [
            "/..",
            "/../x",
            "/a/../b",
            "/a/%2e%2E/b",
            "/a/.%2e",
            "/..;x/b",
            "/a;/..;y=1/b",
            "/..%2fb",
            "/a%2F..%5cb",
            "/a\\..\\b",
            "/a;x\\..",
            "//..//b",
        ] {
            assert!(climbs(path), "{path}");
        }
        for path in ["/", "*", "/a/./b", "/a//b", "/...", "/..a/b..", "/a;..", "/%252e%252e/x", "/a;x=..;y/b"]
        {
            assert!(!climbs(path), "{path}");
        }
    }

    #[test]
    fn a_plain_path_is_its_own_reading_whatever_it_is_made_of() {
        let mut random = fastrand::Rng::with_seed(5);
        let mut plain = 0;
        for _ in 0..20_000 {
            let pieces = ["a", "/", ".", "..", "%2e", "%2F", ";", "\\", "%41", "-"];
            let path: String = (0..random.usize(0..6)).map(|_| *random.choice(&pieces).unwrap()).collect();
            let path = format!("/{path}");
            if is_plain(&path) {
                plain += 1;
                assert_eq!(NORMAL.read(&path), path);
            }
            let read = normal(&path);
            assert!(
                !read.contains("//") && !read.split('/').any(|part| matches!(part, "." | "..")),
                "{path}: {read}"
            );
        }
        assert!((1_000..19_000).contains(&plain), "{plain} of them were plain");
    }
}
