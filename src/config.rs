//! Text in, a checked plan out; all problems at once, each with its line.
//!
//! The text is YAML (JSON is YAML too). It is parsed into a tree that knows its lines, held against the JSON schema
//! that [`schema`] prints, and what is right by that is checked for all that a schema cannot say. What was found
//! wrong is left out in the later steps, so that one mistake does not hide another.
//!
//! ```
//! use wakegate::config::Config;
//!
//! let text = "
//! listeners: [{ address: 127.0.0.1:8080 }]
//! services:
//!   web: { upstream: http://localhost:3000, idle_afer: 15m }
//! routes: [{ path: /*, service: wbe }]
//! ";
//! let problems = Config::text("example.yaml", text).load().unwrap_err();
//! assert_eq!(problems.to_string(), "\
//! example.yaml:4:43: services.web.idle_afer: unknown key; did you mean `idle_after`?
//! example.yaml:5:31: routes[0].service: there is no service `wbe`; did you mean `web`?
//! 2 problems");
//! ```

mod build;
mod file;
mod fill;
mod node;
mod parse;
mod plan;
mod problem;
mod schema;
mod value;
mod walk;

use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;

pub use plan::{Admin, Aws, Certificate, Listener, Pem, Plan, Tls};
pub use problem::{Position, Problem, Problems};
pub use schema::schema;

/// Looks up a variable of the environment.
pub type Variables = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// Where a configuration comes from. It can be loaded again and again.
#[derive(Clone)]
pub struct Config {
    origin: Origin,
    variables: Variables,
}

#[derive(Clone)]
enum Origin {
    File(PathBuf),
    Text { name: String, text: String },
}

impl Config {
    /// The configuration in a file.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self { origin: Origin::File(path.into()), variables: Arc::new(process_variable) }
    }

    /// A configuration that is at hand; `name` is what problems call it. Relative paths in it are relative to the
    /// working directory.
    pub fn text(name: impl Into<String>, text: impl Into<String>) -> Self {
        let origin = Origin::Text { name: name.into(), text: text.into() };
        Self { origin, variables: Arc::new(process_variable) }
    }

    /// The configuration that the command line or the environment names: the file of `--config`, else that of
    /// `WAKEGATE_CONFIG_FILE`, else the text in `WAKEGATE_CONFIG`. Empty variables are as if not set.
    ///
    /// # Errors
    /// None of the three is given.
    pub fn find(flag: Option<PathBuf>, variables: Variables) -> Result<Self, Problems> {
        let set = |name| variables(name).filter(|value| !value.is_empty());
        let origin = if let Some(path) = flag.or_else(|| set("WAKEGATE_CONFIG_FILE").map(PathBuf::from)) {
            Origin::File(path)
        } else if let Some(text) = set("WAKEGATE_CONFIG") {
            Origin::Text { name: "WAKEGATE_CONFIG".to_owned(), text }
        } else {
            let message =
                "none is given; use --config FILE, or the variable WAKEGATE_CONFIG_FILE or WAKEGATE_CONFIG";
            return Err(Problems::whole("configuration", message));
        };
        Ok(Self { origin, variables })
    }

    /// The same configuration, with variables from elsewhere than the process's environment.
    #[must_use]
    pub fn with_variables(mut self, variables: Variables) -> Self {
        self.variables = variables;
        self
    }

    /// What problems call it: the file's path, or the name of the text.
    pub fn name(&self) -> String {
        match &self.origin {
            Origin::File(path) => path.display().to_string(),
            Origin::Text { name, .. } => name.clone(),
        }
    }

    /// Reads and checks it. Reads the files that it names for the waiting page, but opens no certificate. Blocks
    /// while it reads.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn load(&self) -> Result<Plan, Problems> {
        let name = self.name();
        match &self.origin {
            Origin::File(path) => {
                let bytes =
                    read(path).map_err(|error| Problems::whole(&name, format!("cannot be read: {error}")))?;
                let directory = path.parent().unwrap_or(Path::new(""));
                let mut plan = self.check(&name, &bytes, directory)?;
                plan.files.insert(0, path.clone());
                Ok(plan)
            }
            Origin::Text { text, .. } => self.check(&name, text.as_bytes(), Path::new("")),
        }
    }

    fn check(&self, name: &str, bytes: &[u8], directory: &Path) -> Result<Plan, Problems> {
        let failed = |problem| Problems::new(name, vec![problem]);
        let text = parse::text(bytes).map_err(failed)?;
        let (tree, mut problems) = parse::tree(text).map_err(failed)?;
        let walked = walk::walk(&tree, &schema::SCHEMA, &*self.variables);
        problems.extend(walked.problems);
        // What is done with goes at once: of a large configuration each form takes more than the gateway will.
        let file = match file::File::deserialize(walked.value) {
            Ok(file) => file,
            // The walk lets nothing through that does not fit; if it ever does, that must not go unseen.
            Err(error) => {
                problems.push(Problem { position: None, path: String::new(), message: error.to_string() });
                return Err(Problems::new(name, problems));
            }
        };
        let mut build = build::Build { problems, mistyped: walked.mistyped, directory, files: Vec::new() };
        let plan = build.plan(&file, &node::At::root(&tree));
        match plan {
            Some(plan) if build.problems.is_empty() => Ok(plan),
            _ => Err(Problems::new(name, build.problems)),
        }
    }
}

impl fmt::Debug for Config {
    /// Without the text, which may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Config").field(&self.name()).finish()
    }
}

fn process_variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// What a file holds, a byte more than is allowed at most: the bound is for what is checked later.
fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(parse::MAX_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
