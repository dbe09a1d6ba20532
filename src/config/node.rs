use super::problem::{Position, Problem, quoted};

/// A value in the configuration's text.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) at: Position,
    pub(super) data: Data,
}

#[derive(Clone, Debug)]
pub(super) enum Data {
    /// `plain`: without quotes, so that it may be a number, a truth value or nothing.
    Scalar {
        text: Box<str>,
        plain: bool,
    },
    List(Vec<Node>),
    Map(Vec<Entry>),
}

#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: Box<str>,
    pub(super) at: Position,
    pub(super) value: Node,
}

impl Node {
    /// Whether it is YAML's null: an empty value, `~` or `null`.
    pub(super) fn is_nothing(&self) -> bool {
        matches!(&self.data, Data::Scalar { text, plain: true }
            if matches!(&**text, "" | "~" | "null" | "Null" | "NULL"))
    }

    pub(super) fn entry(&self, key: &str) -> Option<&Entry> {
        match &self.data {
            Data::Map(entries) => entries.iter().find(|entry| *entry.key == *key),
            Data::List(_) | Data::Scalar { .. } => None,
        }
    }

    /// How many values it is made of, and how deeply they are nested.
    pub(super) fn size(&self) -> (usize, usize) {
        let inner: Vec<(usize, usize)> = match &self.data {
            Data::Scalar { .. } => return (1, 0),
            Data::List(items) => items.iter().map(Self::size).collect(),
            Data::Map(entries) => entries.iter().map(|entry| entry.value.size()).collect(),
        };
        inner.iter().fold((1, 1), |(count, depth), (more, deep)| (count + more, depth.max(deep + 1)))
    }
}

/// A place in the tree, as a path from its root: what a problem is reported at.
#[derive(Clone, Debug)]
pub(super) struct At<'n> {
    path: String,
    /// Of the key, or of the item.
    start: Position,
    node: Option<&'n Node>,
}

impl<'n> At<'n> {
    pub(super) fn root(node: &'n Node) -> Self {
        Self { path: String::new(), start: node.at, node: Some(node) }
    }

    pub(super) fn node(&self) -> Option<&'n Node> {
        self.node
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// The value of a key. It need not be there: a problem with it is then one of the map.
    pub(super) fn key(&self, key: &str) -> Self {
        let path = self.path_to(key);
        match self.node.and_then(|node| node.entry(key)) {
            Some(entry) => Self { path, start: entry.at, node: Some(&entry.value) },
            None => Self { path, start: self.start, node: None },
        }
    }

    pub(super) fn item(&self, index: usize) -> Self {
        let path = format!("{}[{index}]", self.path);
        let node = match self.node.map(|node| &node.data) {
            Some(Data::List(items)) => items.get(index),
            // One value in place of a list of one.
            _ => return Self { path: self.path.clone(), ..self.clone() },
        };
        Self { path, start: node.map_or(self.start, |node| node.at), node }
    }

    /// The entries of a map, in their order.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&'n str, Self)> + use<'n, '_> {
        let entries: &'n [Entry] = match self.node.map(|node| &node.data) {
            Some(Data::Map(entries)) => entries,
            _ => &[],
        };
        entries.iter().map(|entry| {
            let at = Self { path: self.path_to(&entry.key), start: entry.at, node: Some(&entry.value) };
            (&*entry.key, at)
        })
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.node.is_some_and(|node| node.entry(key).is_some())
    }

    pub(super) fn is_map(&self) -> bool {
        self.node.is_some_and(|node| matches!(node.data, Data::Map(_)))
    }

    /// A problem with the value: shown at the value where that is one word, at its key otherwise.
    pub(super) fn problem(&self, message: impl Into<String>) -> Problem {
        let position = match self.node {
            Some(Node { at, data: Data::Scalar { .. } }) => *at,
            _ => self.start,
        };
        Problem { position: Some(position), path: self.path.clone(), message: message.into() }
    }

    /// A problem with the key.
    pub(super) fn key_problem(&self, message: impl Into<String>) -> Problem {
        Problem { position: Some(self.start), path: self.path.clone(), message: message.into() }
    }

    fn path_to(&self, key: &str) -> String {
        let plain =
            !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-/".contains(&byte));
        let key = if plain && key.len() <= 60 { key.to_owned() } else { quoted(key).replace('`', "\"") };
        if self.path.is_empty() { key } else { format!("{}.{key}", self.path) }
    }
}
