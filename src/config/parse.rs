//! Bytes to a tree with positions. Reads one YAML document and bounds what it may cost.

use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, StrInput};

use super::node::{Data, Entry, Node};
use super::problem::{Position, Problem, quoted};

/// The longest text that is read, in bytes.
pub(super) const MAX_BYTES: usize = 4 * 1024 * 1024;
/// The most values, with those that aliases repeat.
const MAX_NODES: usize = 500_000;
/// The deepest nesting. The configuration itself needs seven levels.
const MAX_DEPTH: usize = 32;

/// The text, if it is one.
pub(super) fn text(bytes: &[u8]) -> Result<&str, Problem> {
    if bytes.len() > MAX_BYTES {
        return Err(problem(None, "is larger than 4 MiB, which no configuration needs"));
    }
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(problem(None, "is UTF-16; save it as UTF-8"));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let good = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
        let line = good.rsplit('\n').next().unwrap_or_default();
        let position = Position { line: good.matches('\n').count() + 1, column: line.chars().count() + 1 };
        problem(Some(position), "is not UTF-8 from here on")
    })?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

/// The tree of the only document, and the problems that do not keep it from being read.
///
/// # Errors
/// A syntax error or a crossed bound; nothing after it is looked at.
pub(super) fn tree(text: &str) -> Result<(Node, Vec<Problem>), Problem> {
    let mut reader = Reader {
        parser: Parser::new_from_str(text),
        anchors: HashMap::new(),
        nodes: 0,
        problems: Vec::new(),
    };
    reader.document()
}

struct Reader<'t> {
    parser: Parser<'t, StrInput<'t>>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
    problems: Vec<Problem>,
}

impl<'t> Reader<'t> {
    fn document(&mut self) -> Result<(Node, Vec<Problem>), Problem> {
        let mut root = None;
        loop {
            let (event, at) = self.next()?;
            match event {
                Event::StreamStart | Event::DocumentEnd | Event::Nothing => {}
                Event::DocumentStart(_) if root.is_none() => {}
                Event::DocumentStart(_) => {
                    return Err(problem(Some(at), "a second document begins here; there may be one only"));
                }
                Event::StreamEnd => break,
                event => root = Some(self.node(event, at, 0)?),
            }
        }
        let root = root.filter(|root| !root.is_nothing());
        let root = root.ok_or_else(|| problem(Some(Position { line: 1, column: 1 }), "is empty"))?;
        Ok((root, std::mem::take(&mut self.problems)))
    }

    fn next(&mut self) -> Result<(Event<'t>, Position), Problem> {
        match self.parser.next_event() {
            Some(Ok((event, span))) => Ok((event, position(&span.start))),
            Some(Err(error)) => {
                let info = error.info();
                // `host: *.example.com` is an alias to YAML.
                let star = if info.contains("unknown anchor") {
                    "; a text that begins with `*` needs quotes"
                } else {
                    ""
                };
                Err(problem(Some(position(error.marker())), format!("is not YAML: {info}{star}")))
            }
            None => Err(problem(None, "ends unexpectedly")),
        }
    }

    fn node(&mut self, event: Event<'t>, at: Position, depth: usize) -> Result<Node, Problem> {
        self.bound(1, depth, at)?;
        let (anchor, tag, data) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                (anchor, tag, Data::Scalar { text: text.into(), plain: style == ScalarStyle::Plain })
            }
            Event::SequenceStart(anchor, tag) => (anchor, tag, Data::List(self.items(depth)?)),
            Event::MappingStart(anchor, tag) => (anchor, tag, Data::Map(self.entries(depth)?)),
            Event::Alias(id) => {
                let Some(node) = self.anchors.get(&id).cloned() else {
                    return Err(problem(Some(at), "an alias may not stand within what it names"));
                };
                let (count, deep) = node.size();
                self.bound(count, depth + deep, at)?;
                return Ok(Node { at, ..node });
            }
            _ => return Err(problem(Some(at), "is not YAML: a value was expected")),
        };
        if let Some(tag) = tag {
            let message = format!("has the tag {}; tags have no meaning here", quoted(&tag.to_string()));
            self.problems.push(problem(Some(at), message));
        }
        let node = Node { at, data };
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn items(&mut self, depth: usize) -> Result<Vec<Node>, Problem> {
        let mut items = Vec::new();
        loop {
            let (event, at) = self.next()?;
            if matches!(event, Event::SequenceEnd) {
                return Ok(items);
            }
            items.push(self.node(event, at, depth + 1)?);
        }
    }

    fn entries(&mut self, depth: usize) -> Result<Vec<Entry>, Problem> {
        let mut entries = Vec::new();
        let mut seen: HashMap<Box<str>, Position> = HashMap::new();
        loop {
            let (event, key_at) = self.next()?;
            if matches!(event, Event::MappingEnd) {
                return Ok(entries);
            }
            let key = self.node(event, key_at, depth + 1)?;
            let (event, at) = self.next()?;
            let value = self.node(event, at, depth + 1)?;
            let Data::Scalar { text: key, .. } = key.data else {
                self.problems.push(problem(Some(key_at), "a key must be one word, not a list or a map"));
                continue;
            };
            match seen.get(&key) {
                Some(first) => {
                    let message = format!(
                        "the key {} stands here a second time; the first is on line {}",
                        quoted(&key),
                        first.line
                    );
                    self.problems.push(problem(Some(key_at), message));
                }
                None => {
                    seen.insert(key.clone(), key_at);
                    entries.push(Entry { key, at: key_at, value });
                }
            }
        }
    }

    fn bound(&mut self, count: usize, depth: usize, at: Position) -> Result<(), Problem> {
        self.nodes += count;
        if depth > MAX_DEPTH {
            return Err(problem(Some(at), format!("is nested more than {MAX_DEPTH} levels deep")));
        }
        if self.nodes > MAX_NODES {
            return Err(problem(
                Some(at),
                format!("is made of more than {MAX_NODES} values, aliases written out"),
            ));
        }
        Ok(())
    }
}

fn position(marker: &Marker) -> Position {
    Position { line: marker.line().max(1), column: marker.col() + 1 }
}

fn problem(position: Option<Position>, message: impl Into<String>) -> Problem {
    Problem { position, path: String::new(), message: message.into() }
}
