//! Holds the tree against the schema: unknown and missing keys, wrong types, wrong words, all at once.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::fill::fill;
use super::node::{At, Data, Node};
use super::problem::{Problem, quoted};

/// What a walk found.
pub(super) struct Walked {
    /// What was right, with variables filled in; fits [`File`](super::file::File).
    pub(super) value: Value,
    /// What was not.
    pub(super) problems: Vec<Problem>,
    /// Paths of keys that an unknown key is probably meant to be: they are not missing, but mistyped.
    pub(super) mistyped: HashSet<String>,
}

/// Walks along the tree.
pub(super) fn walk(root: &Node, schema: &Value, variable: &dyn Fn(&str) -> Option<String>) -> Walked {
    let mut walk = Walk { schema, variable, problems: Vec::new(), mistyped: HashSet::new() };
    let value = walk.value(schema, &At::root(root));
    let value = value.unwrap_or_else(|| Value::Object(Map::new()));
    Walked { value, problems: walk.problems, mistyped: walk.mistyped }
}

struct Walk<'w> {
    schema: &'w Value,
    variable: &'w dyn Fn(&str) -> Option<String>,
    problems: Vec<Problem>,
    mistyped: HashSet<String>,
}

impl<'w> Walk<'w> {
    /// The value at a place as its schema wants it; `None` where that is not to be had, which was then reported.
    fn value(&mut self, schema: &'w Value, at: &At<'_>) -> Option<Value> {
        let node = at.node()?;
        if node.is_nothing() {
            self.problems.push(at.key_problem("has no value; give it one, or leave the key out"));
            return None;
        }
        let forms = self.forms(schema);
        match &node.data {
            Data::Map(_) => match forms.iter().copied().find(|form| has_type(form, "object")) {
                Some(form) => Some(self.map(form, at)),
                None => self.unexpected(&forms, "a map", at),
            },
            Data::List(items) => match forms.iter().copied().find(|form| has_type(form, "array")) {
                Some(form) => self.list(form, items.len(), at),
                None => self.unexpected(&forms, "a list", at),
            },
            Data::Scalar { text, plain } => self.scalar(&forms, text, *plain, at),
        }
    }

    /// The alternatives of a schema, references followed.
    fn forms(&self, schema: &'w Value) -> Vec<&'w Value> {
        if let Some(name) = schema["$ref"].as_str().and_then(|name| name.strip_prefix("#/$defs/")) {
            return self.forms(&self.schema["$defs"][name]);
        }
        match schema["anyOf"].as_array().or_else(|| schema["oneOf"].as_array()) {
            Some(branches) => branches.iter().flat_map(|branch| self.forms(branch)).collect(),
            None => vec![schema],
        }
    }

    fn map(&mut self, form: &'w Value, at: &At<'_>) -> Value {
        let known = form["properties"].as_object();
        let other = form.get("additionalProperties").filter(|other| other.is_object());
        let mut map = Map::new();
        for (key, at) in at.entries() {
            match known.and_then(|known| known.get(key)).or(other) {
                Some(schema) => map.extend(self.value(schema, &at).map(|value| (key.to_owned(), value))),
                None => self.unknown(key, known, &at),
            }
        }
        for key in form["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            let path = at.key(key);
            if !at.has(key) && !self.mistyped.contains(path.path()) {
                self.problems.push(at.key_problem(format!("the key `{key}` is missing")));
            }
        }
        Value::Object(map)
    }

    fn unknown(&mut self, key: &str, known: Option<&Map<String, Value>>, at: &At<'_>) {
        let known: Vec<&str> = known.into_iter().flatten().map(|(name, _)| &**name).collect();
        let message = match nearest(key, known.iter().copied()) {
            _ if key == "<<" => "merge keys are not understood; use `defaults`".to_owned(),
            Some(name) => {
                // The place of the key that was meant.
                let path = at.path();
                let parent = path.rsplit_once('.').map_or(String::new(), |(parent, _)| format!("{parent}."));
                self.mistyped.insert(format!("{parent}{name}"));
                format!("unknown key; did you mean `{name}`?")
            }
            None if known.len() <= 20 => format!("unknown key; there are {}", listed(&known)),
            None => "unknown key".to_owned(),
        };
        self.problems.push(at.key_problem(message));
    }

    fn list(&mut self, form: &'w Value, length: usize, at: &At<'_>) -> Option<Value> {
        let items = &form["items"];
        if (length as u64) < form["minItems"].as_u64().unwrap_or(0) {
            self.problems.push(at.key_problem("must not be empty"));
            return None;
        }
        let of_maps = self.forms(items).iter().all(|form| has_type(form, "object"));
        let mut list = Vec::with_capacity(length);
        let mut whole = true;
        for index in 0..length {
            let item = self.value(items, &at.item(index));
            whole &= item.is_some();
            // An empty map keeps the place of one that is none, so that those after it keep their numbers.
            list.push(item.unwrap_or_else(|| Value::Object(Map::new())));
        }
        (whole || of_maps).then_some(Value::Array(list))
    }

    fn scalar(&mut self, forms: &[&'w Value], text: &str, plain: bool, at: &At<'_>) -> Option<Value> {
        let filled = match fill(text, self.variable) {
            Ok(filled) => filled,
            Err(message) => {
                self.problems.push(at.problem(message));
                return None;
            }
        };
        // In JSON a reference to a variable has quotes around it, whatever it stands for.
        let may_be_number = plain || text.contains("${");
        let words = words(forms);
        if !words.is_empty() {
            if words.contains(&&*filled) {
                return Some(Value::String(filled.into_owned()));
            }
            let message = match nearest(&filled, words.iter().copied()) {
                Some(word) => format!("{} is no word for this; did you mean `{word}`?", quoted(&filled)),
                None => format!("{} is no word for this; there are {}", quoted(&filled), listed(&words)),
            };
            self.problems.push(at.problem(message));
            return None;
        }
        let is = |name| forms.iter().copied().find(|form| has_type(form, name));
        if let Some(form) = is("integer")
            && may_be_number
            && let Ok(number) = filled.trim().parse::<i64>()
        {
            let (low, high) = range(form);
            if (low..=high).contains(&number) {
                return Some(number.into());
            }
            let message = if high == i64::MAX {
                format!("{number} is too small; {low} is the least")
            } else {
                format!("{number} is out of range; it goes from {low} to {high}")
            };
            self.problems.push(at.problem(message));
            return None;
        }
        if is("boolean").is_some() && may_be_number {
            match &*filled {
                "true" | "True" | "TRUE" => return Some(true.into()),
                "false" | "False" | "FALSE" => return Some(false.into()),
                _ => {}
            }
        }
        if is("string").is_some() {
            return Some(Value::String(filled.into_owned()));
        }
        let number = filled.parse::<f64>().is_ok_and(f64::is_finite);
        let found = match &*filled {
            "" => "an empty text",
            "true" | "false" if may_be_number => "a truth value",
            _ if number && may_be_number => "a number",
            _ if number => "a number in quotes",
            _ => "text",
        };
        self.unexpected(forms, found, at)
    }

    fn unexpected(&mut self, forms: &[&Value], found: &str, at: &At<'_>) -> Option<Value> {
        let words = words(forms);
        let expected = if words.is_empty() {
            let all = ["object", "array", "string", "integer", "boolean"];
            let names = ["a map", "a list", "text", "a whole number", "`true` or `false`"];
            let kinds =
                all.iter().zip(names).filter(|(kind, _)| forms.iter().any(|form| has_type(form, kind)));
            kinds.map(|(_, name)| name).collect::<Vec<_>>().join(" or ")
        } else {
            listed(&words)
        };
        self.problems.push(at.problem(format!("expected {expected}, found {found}")));
        None
    }
}

fn has_type(form: &Value, name: &str) -> bool {
    form["type"] == *name
}

/// The words of an enumeration; none where it is something else.
fn words<'v>(forms: &[&'v Value]) -> Vec<&'v str> {
    let of = |form: &&'v Value| -> Vec<&'v Value> {
        form.get("const").into_iter().chain(form["enum"].as_array().into_iter().flatten()).collect()
    };
    forms.iter().flat_map(of).filter_map(Value::as_str).collect()
}

fn range(form: &Value) -> (i64, i64) {
    let high = form["maximum"].as_i64().unwrap_or(match form["format"].as_str() {
        Some("uint32") => u32::MAX.into(),
        _ => i64::MAX,
    });
    (form["minimum"].as_i64().unwrap_or(i64::MIN), high)
}

/// The word that was probably meant: the nearest, if few of its letters are wrong.
pub(super) fn nearest<'n>(word: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    // Longer ones are nobody's typing, and would take long to compare.
    if word.len() > 60 {
        return None;
    }
    let folded = word.to_ascii_lowercase().replace('-', "_");
    names
        .map(|name| {
            (strsim::damerau_levenshtein(&folded, &name.to_ascii_lowercase().replace('-', "_")), name)
        })
        .filter(|(distance, name)| *distance <= (name.chars().count().max(3) / 3).min(3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// Names in a sentence.
pub(super) fn listed(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match &*quoted {
        [] => "none".to_owned(),
        [only] => only.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}
