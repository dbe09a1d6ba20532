//! Which module may name which, held to. Tests are left out: they may look at anything.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

struct Row {
    module: &'static str,
    /// Modules of this crate that it may name.
    may: &'static str,
    /// Crates and types that it never names; a final `*` stands for any ending. `dependencies`: none that
    /// Cargo.toml lists.
    never: &'static str,
}

const fn row(module: &'static str, may: &'static str, never: &'static str) -> Row {
    Row { module, may, never }
}

/// From the bottom to the top: a module may name only modules above its own row.
const TABLE: &[Row] = &[
    row("model", "", "dependencies Instant SystemTime"),
    row("engine", "model", "dependencies Instant SystemTime"),
    row("clock", "model", "hyper aws_*"),
    row("net", "model", "hyper http aws_*"),
    row("peer", "net", "hyper TcpStream aws_*"),
    row("lock", "model", "tokio hyper tracing aws_*"),
    row("route", "lock", "tokio hyper tracing aws_*"),
    row("answer", "", "tokio hyper aws_*"),
    row("meter", "", "hyper http aws_*"),
    row("gate", "model", "hyper http aws_*"),
    // `ecs` alone will name the AWS crates, and only there.
    row("provider", "model clock net", "hyper http"),
    row("probe", "model clock net", "TcpStream aws_*"),
    row("page", "model clock answer", "hyper aws_*"),
    row("config", "model lock route", "tokio hyper aws_*"),
    row("body", "gate page", "hyper aws_*"),
    row("layer", "model clock net peer lock route answer meter gate page body", "hyper TcpStream aws_*"),
    row("driver", "model engine clock net gate provider probe", "http http_body hyper TcpStream aws_*"),
    row("metrics", "model meter gate driver", "hyper http aws_*"),
    row("proxy", "model clock net peer answer gate", "TcpStream aws_*"),
    row(
        "admin",
        "model engine clock net peer lock route answer meter gate provider probe page config body layer driver metrics proxy",
        "TcpListener TcpStream aws_*",
    ),
    // The provider of cryptography is `aws_lc_rs`.
    row(
        "gateway",
        "model engine clock net peer lock route answer meter gate provider probe page config body layer driver metrics proxy admin",
        "TcpListener TcpStream aws_config aws_credential_types aws_sdk_* aws_smithy_*",
    ),
    row(
        "cli",
        "model engine clock net peer lock route answer meter gate provider probe page config body layer driver metrics proxy admin \
         gateway",
        "aws_*",
    ),
];

#[test]
fn the_code_holds_to_the_table() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let dependencies = dependencies(&fs::read_to_string(root.join("Cargo.toml")).unwrap());
    let mut wrong = Vec::new();
    let mut seen = BTreeSet::new();
    for file in sources(&root.join("src")) {
        let path = file.strip_prefix(root.join("src")).unwrap().to_str().unwrap().replace('\\', "/");
        let module = path.split(['/', '.']).next().unwrap();
        if module == "lib" || module == "main" {
            continue;
        }
        let Some(row) = TABLE.iter().find(|row| row.module == module) else {
            wrong.push(format!("{path}: `{module}` has no row in the table"));
            continue;
        };
        seen.insert(row.module);
        let code = code(&fs::read_to_string(&file).unwrap());
        let depth = path.split('/').count();
        for named in own_modules(&code, depth).into_iter().filter(|named| named != module) {
            if !row.may.split(' ').any(|may| may == named) {
                wrong.push(format!("{path} names crate::{named}"));
            }
        }
        for never in forbidden(row, &dependencies) {
            // The one place for the AWS crates.
            if !(path.starts_with("provider/ecs") && never == "aws_*") && names(&code, &never) {
                wrong.push(format!("{path} names {never}"));
            }
        }
    }
    assert!(wrong.is_empty(), "against the table in {}:\n{}", file!(), wrong.join("\n"));
    let rows: BTreeSet<&str> = TABLE.iter().map(|row| row.module).collect();
    assert_eq!(seen, rows, "rows without a module");
}

#[test]
fn the_table_has_no_circle() {
    for (at, row) in TABLE.iter().enumerate() {
        for may in row.may.split_whitespace() {
            let above = TABLE[..at].iter().any(|other| other.module == may);
            assert!(above, "{} may name {may}, which has no row above", row.module);
        }
    }
}

#[test]
fn what_a_file_names_is_found() {
    let text = "//! [`crate::driver`] in words only\n\
                use crate::{gate::{Gate, Pass}, route};\n\
                use super::super::config::Plan; // crate::admin\n\
                const LINK: &str = \"http://x\"; fn f() -> crate::page::Page { tokio::spawn(::hyper::x()) }\n\
                use tracing;\n\
                #[cfg(test)]\nmod tests {\n    use crate::engine;\n}\n";
    let code = code(text);
    let found: Vec<String> = own_modules(&code, 2).into_iter().collect();
    assert_eq!(found, ["config", "gate", "page", "route"]);
    assert!(!own_modules(&code, 3).contains("config"), "two steps up from there is not the root");
    for (name, expected) in [
        ("tokio", true),
        ("hyper", true),
        ("tracing", true),
        ("tok*", true),
        ("http", false),
        ("okio", false),
    ] {
        assert_eq!(names(&code, name), expected, "{name}");
    }
    let cargo = "[dependencies]\narc-swap = \"1\"\n# a comment\ntokio = { version = \"1\" }\n\n[dev-dependencies]\naxum = \"0\"\n";
    assert_eq!(dependencies(cargo), ["arc_swap", "tokio"]);
}

/// Every source file that is not a test.
fn sources(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.file_stem().is_some_and(|stem| stem == "tests") {
            continue;
        }
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// A file without its comments and without the tests at its end.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    text.lines().map(|line| line_of_code(line).to_owned() + "\n").collect()
}

/// A line up to its comment. The slashes of a URL do not begin one.
fn line_of_code(line: &str) -> &str {
    let begins = |at: &usize| !line[..*at].ends_with(':');
    line.match_indices("//").map(|(at, _)| at).find(begins).map_or(line, |at| &line[..at])
}

/// The modules of this crate that are named: after `crate::`, and after as many `super::` as lead to its root.
fn own_modules(code: &str, depth: usize) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for prefix in ["crate::".to_owned(), "super::".repeat(depth)] {
        for (at, _) in code.match_indices(&prefix) {
            let is_whole = !code[..at].ends_with(|before: char| is_word(before) || before == ':');
            let rest = &code[at + prefix.len()..];
            if is_whole {
                found.extend(heads(rest).into_iter().filter(|name| !name.is_empty()).map(str::to_owned));
            }
        }
    }
    found
}

/// The first words of the paths that begin here: one, or those of a group in braces.
fn heads(rest: &str) -> Vec<&str> {
    let word = |text: &str| text.trim_start().find(|c| !is_word(c)).unwrap_or(text.trim_start().len());
    let Some(group) = rest.strip_prefix('{') else { return vec![&rest[..word(rest)]] };
    let (mut depth, mut begins, mut heads) = (0, true, Vec::new());
    for (at, character) in group.char_indices() {
        match character {
            '}' if depth == 0 => break,
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => begins = true,
            first if begins && is_word(first) => {
                heads.push(&group[at..at + word(&group[at..])]);
                begins = false;
            }
            _ => {}
        }
    }
    heads
}

/// Whether the code names this crate or type: as a whole word, at the head of a path, in a `use`, or as a type.
fn names(code: &str, name: &str) -> bool {
    let (stem, open) = name.strip_suffix('*').map_or((name, false), |stem| (stem, true));
    code.match_indices(stem).any(|(at, _)| {
        let (before, after) = (&code[..at], &code[at + stem.len()..]);
        let starts = !before.ends_with(is_word);
        let tail = after.trim_start_matches(|c| open && is_word(c));
        let ends = open || !after.starts_with(is_word);
        let is_type = stem.starts_with(char::is_uppercase);
        let is_head = tail.starts_with("::") || (before.ends_with("use ") && tail.starts_with(';'));
        starts && ends && (is_type || is_head)
    })
}

fn forbidden(row: &Row, dependencies: &[String]) -> Vec<String> {
    let words = row.never.split_whitespace();
    words
        .flat_map(|word| match word {
            "dependencies" => dependencies.to_vec(),
            word => vec![word.to_owned()],
        })
        .collect()
}

/// The crates under `[dependencies]`, as code names them.
fn dependencies(cargo: &str) -> Vec<String> {
    let section = cargo.split("[dependencies]\n").nth(1).unwrap();
    let lines = section.lines().take_while(|line| !line.starts_with('['));
    lines
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once(" = "))
        .map(|(name, _)| name.replace('-', "_"))
        .collect()
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}
