//! `wakegate graph`: the services and what they depend on, to look at.

use std::fmt::Write as _;

use super::{Failure, load, output};
use crate::config::Config;
use crate::model::{Condition, Edge, Graph, ServiceId};

/// Print the services and what they depend on
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  wakegate graph --config wakegate.yaml --format mermaid")]
pub(super) struct Args {
    /// How it is written
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Args {
    pub(super) fn run(self, config: &Config) -> Result<(), Failure> {
        output::print(&render(&load(config)?.graph, self.format))
    }
}

/// How the graph is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// A tree for the terminal
    #[default]
    Text,
    /// For Mermaid, as GitHub and GitLab draw it
    Mermaid,
    /// For Graphviz
    Dot,
}

/// Writes the graph.
pub fn render(graph: &Graph, format: Format) -> String {
    match format {
        Format::Text => text(graph),
        Format::Mermaid => mermaid(graph),
        Format::Dot => dot(graph),
    }
}

/// A tree from every service that nothing depends on. What has been written out once is only named again.
fn text(graph: &Graph) -> String {
    let mut text = String::new();
    let mut written = vec![false; graph.len()];
    for root in graph.ids().filter(|id| graph.dependents(*id).is_empty()) {
        // An explicit stack: a long chain must not overflow the program's. Each entry: the prefix of its line, whether
        // it is the last of its siblings, and the edge; the root has none.
        let mut stack: Vec<(String, bool, Option<Edge>, ServiceId)> = vec![(String::new(), true, None, root)];
        while let Some((prefix, last, edge, id)) = stack.pop() {
            let name = shown(&graph.spec(id).name);
            let below = match edge {
                None => {
                    let _ = write!(text, "{name} ({})", graph.spec(id).kind.provider());
                    String::new()
                }
                Some(edge) => {
                    let branch = if last { "└── " } else { "├── " };
                    let _ = write!(text, "{prefix}{branch}{name}: {}", words(edge));
                    format!("{prefix}{}", if last { "    " } else { "│   " })
                }
            };
            let dependencies = graph.dependencies(id);
            let again = std::mem::replace(&mut written[id.index()], true) && !dependencies.is_empty();
            text.push_str(if again { " (see above)\n" } else { "\n" });
            if !again {
                let last = dependencies.len().saturating_sub(1);
                stack.extend(
                    dependencies
                        .iter()
                        .enumerate()
                        .rev()
                        .map(|(index, edge)| (below.clone(), index == last, Some(*edge), edge.to)),
                );
            }
        }
    }
    text
}

fn mermaid(graph: &Graph) -> String {
    let mut text = "flowchart TD\n".to_owned();
    for id in graph.ids() {
        // Mermaid's own escapes: entities with `#` for `&`.
        let name: String = shown(&graph.spec(id).name)
            .chars()
            .map(|char| match char {
                '"' => "#quot;".to_owned(),
                '#' => "#35;".to_owned(),
                '<' => "#lt;".to_owned(),
                '>' => "#gt;".to_owned(),
                '&' => "#amp;".to_owned(),
                '`' => "#96;".to_owned(),
                char => char.to_string(),
            })
            .collect();
        let _ = writeln!(text, "    s{}[\"{name}\"]", id.index());
    }
    for_each_edge(graph, |from, edge| {
        let arrow = if edge.holds_door() { "-->" } else { "-.->" };
        let _ = writeln!(text, "    s{} {arrow}|{}| s{}", from.index(), words(edge), edge.to.index());
    });
    text
}

fn dot(graph: &Graph) -> String {
    let mut text = "digraph wakegate {\n    rankdir=LR;\n    node [shape=box];\n".to_owned();
    for id in graph.ids() {
        let name = shown(&graph.spec(id).name).replace('\\', "\\\\").replace('"', "\\\"");
        let _ = writeln!(text, "    s{} [label=\"{name}\"];", id.index());
    }
    for_each_edge(graph, |from, edge| {
        let style = if edge.holds_door() { "solid" } else { "dashed" };
        let _ = writeln!(
            text,
            "    s{} -> s{} [label=\"{}\", style={style}];",
            from.index(),
            edge.to.index(),
            words(edge)
        );
    });
    text.push_str("}\n");
    text
}

fn for_each_edge(graph: &Graph, mut each: impl FnMut(ServiceId, Edge)) {
    for id in graph.ids() {
        for edge in graph.dependencies(id) {
            each(id, *edge);
        }
    }
}

/// What the edge asks for, in compose's words.
pub(super) fn words(edge: Edge) -> &'static str {
    match (edge.condition, edge.holds_start()) {
        (Condition::Started, false) => "started",
        (Condition::Started, true) => "started, before its start",
        (Condition::Healthy, false) => "healthy",
        (Condition::Healthy, true) => "healthy, before its start",
        // It always holds the start.
        (Condition::Completed, _) => "completed",
    }
}

/// A name on one line.
pub(super) fn shown(name: &str) -> String {
    name.chars().map(|char| if char.is_control() { '\u{fffd}' } else { char }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Dependency, Kind, Spec, StartOrder};

    fn spec(name: &str, needs: &[(&str, Condition, StartOrder)]) -> Spec {
        let mut spec = Spec::new(name, Kind::External("fake".into()));
        spec.depends_on = needs
            .iter()
            .map(|(on, condition, start)| Dependency {
                on: (*on).into(),
                condition: *condition,
                start: *start,
            })
            .collect();
        spec
    }

    fn graph() -> Graph {
        use Condition::{Completed, Healthy, Started};
        use StartOrder::{After, Together};
        Graph::new([
            spec(
                "web",
                &[("api", Healthy, Together), ("worker", Started, Together), ("seed", Completed, Together)],
            ),
            spec("api", &[("db", Healthy, After)]),
            spec("worker", &[("api", Healthy, Together)]),
            spec("db", &[]),
            spec("seed", &[("db", Healthy, Together)]),
            spec("lone \"#<\\", &[]),
        ])
        .unwrap()
    }

    #[test]
    fn the_tree_names_each_service_and_what_is_asked_of_it() {
        let expected = "\
web (fake)
├── api: healthy
│   └── db: healthy, before its start
├── worker: started
│   └── api: healthy (see above)
└── seed: completed
    └── db: healthy
lone \"#<\\ (fake)
";
        assert_eq!(render(&graph(), Format::Text), expected);
    }

    #[test]
    fn mermaid_has_every_node_and_edge() {
        let expected = "\
flowchart TD
    s0[\"web\"]
    s1[\"api\"]
    s2[\"worker\"]
    s3[\"db\"]
    s4[\"seed\"]
    s5[\"lone #quot;#35;#lt;\\\"]
    s0 -->|healthy| s1
    s0 -.->|started| s2
    s0 -->|completed| s4
    s1 -->|healthy, before its start| s3
    s2 -->|healthy| s1
    s4 -->|healthy| s3
";
        assert_eq!(render(&graph(), Format::Mermaid), expected);
    }

    #[test]
    fn dot_quotes_what_it_must() {
        let dot = render(&graph(), Format::Dot);
        assert!(dot.contains("    s5 [label=\"lone \\\"#<\\\\\"];\n"), "{dot}");
        assert!(dot.contains("    s0 -> s2 [label=\"started\", style=dashed];\n"), "{dot}");
        assert!(dot.starts_with("digraph wakegate {\n") && dot.ends_with("}\n"));
    }

    #[test]
    fn a_long_chain_is_no_trouble() {
        let name = |index: usize| format!("s{index}");
        let chain = (0..2_000).map(|index| {
            let on = name(index + 1);
            let needs = [(on.as_str(), Condition::Healthy, StartOrder::Together)];
            spec(&name(index), if index < 1_999 { &needs } else { &[] })
        });
        assert_eq!(render(&Graph::new(chain).unwrap(), Format::Text).lines().count(), 2_000);
    }
}
