use http::{HeaderMap, HeaderName, HeaderValue};

/// Changes to headers: first removed, then set, then added.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeaderChanges {
    /// Taken out, every value.
    pub remove: Vec<HeaderName>,
    /// Put in place of every value there was.
    pub set: Vec<(HeaderName, HeaderValue)>,
    /// Put beside the values there are.
    pub add: Vec<(HeaderName, HeaderValue)>,
}

impl HeaderChanges {
    /// Whether nothing is changed.
    pub fn is_empty(&self) -> bool {
        self.remove.is_empty() && self.set.is_empty() && self.add.is_empty()
    }

    /// Takes out fields that are spelled like one that is removed or set but for a `_`: servers that make variables of
    /// fields (CGI, RFC 3875 section 4.1.18) cannot tell them apart, and a client's `X_Tenant` would be our `X-Tenant`.
    pub(super) fn drop_twins(&self, headers: &mut HeaderMap) {
        let ours = || self.remove.iter().chain(self.set.iter().map(|(name, _)| name));
        let dashed = |byte: u8| if byte == b'_' { b'-' } else { byte };
        let is_like = |a: &HeaderName, b: &HeaderName| {
            a != b
                && b.as_str().contains('_')
                && a.as_str().bytes().map(dashed).eq(b.as_str().bytes().map(dashed))
        };
        // Told by their lengths alone, most are none.
        let lengths = ours().fold(0, |lengths, name| lengths | length_bit(name));
        let is_twin =
            |name: &&HeaderName| lengths & length_bit(name) != 0 && ours().any(|ours| is_like(ours, name));
        while let Some(twin) = headers.keys().find(is_twin).cloned() {
            headers.remove(twin);
        }
    }

    /// Makes the changes.
    pub fn apply(&self, headers: &mut HeaderMap) {
        for name in &self.remove {
            headers.remove(name);
        }
        for (name, value) in &self.set {
            headers.insert(name, value.clone());
        }
        for (name, value) in &self.add {
            headers.append(name, value.clone());
        }
    }
}

/// A bit for the length of a name. A few lengths share one.
fn length_bit(name: &HeaderName) -> u64 {
    1 << (name.as_str().len() % 64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_change_of_any_sort_is_a_change() {
        let name = HeaderName::from_static("x");
        let pair = (name.clone(), HeaderValue::from_static("1"));
        assert!(HeaderChanges::default().is_empty());
        for changes in [
            HeaderChanges { remove: vec![name], ..HeaderChanges::default() },
            HeaderChanges { set: vec![pair.clone()], ..HeaderChanges::default() },
            HeaderChanges { add: vec![pair], ..HeaderChanges::default() },
        ] {
            assert!(!changes.is_empty(), "{changes:?}");
        }
    }
}
