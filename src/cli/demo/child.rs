//! The demo's programs: each boots for a while, in which it does not listen, and then does very little.

mod api;
mod db;
mod http;
mod page;
#[cfg(test)]
mod tests;
mod web;
mod worker;

use std::fmt;
use std::io::{self, Write};
use std::str::FromStr;
use std::time::Duration;

use tokio::time;

/// Which of the demo's programs to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Counts visits, in memory.
    Db,
    /// Answers in JSON what the database says.
    Api,
    /// Shows the page.
    Web,
    /// Listens on nothing; says now and then that it is there.
    Worker,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Db, Self::Api, Self::Web, Self::Worker];

    /// Its name, which is its service's too.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Db => "db",
            Self::Api => "api",
            Self::Web => "web",
            Self::Worker => "worker",
        }
    }
}

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(name: &str) -> Result<Self, UnknownRole> {
        Self::ALL.into_iter().find(|role| role.as_str() == name).ok_or(UnknownRole)
    }
}

/// No program of the demo has this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownRole;

impl fmt::Display for UnknownRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a program of the demo: they are ")?;
        f.write_str(&Role::ALL.map(Role::as_str).join(", "))
    }
}

impl std::error::Error for UnknownRole {}

/// Why a program of the demo cannot run.
#[derive(Debug)]
#[non_exhaustive]
pub enum ChildError {
    /// A variable that it needs is missing or makes no sense.
    Variable(&'static str),
    /// It cannot listen.
    Io(io::Error),
}

impl fmt::Display for ChildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(name) => write!(f, "{name} is not set as the demo sets it"),
            Self::Io(error) => write!(f, "cannot listen: {error}"),
        }
    }
}

impl std::error::Error for ChildError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Variable(_) => None,
            Self::Io(error) => Some(error),
        }
    }
}

impl From<io::Error> for ChildError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Is one of the demo's programs, until the process is told to stop. `env` looks a variable up: `BOOT_MS`, the
/// milliseconds its boot takes, `PORT`, and the addresses of those it needs (`DB`, `API`).
///
/// # Errors
/// A missing variable, a port in use.
pub async fn run(role: Role, env: impl Fn(&str) -> Option<String>) -> Result<(), ChildError> {
    let boot = Duration::from_millis(number(&env, "BOOT_MS")?);
    say(format_args!("booting, for {boot:?}"));
    time::sleep(boot).await;
    match role {
        Role::Worker => worker::run().await,
        Role::Db => db::run(number(&env, "PORT")?).await?,
        Role::Api => api::run(number(&env, "PORT")?, address(&env, "DB")?).await?,
        Role::Web => web::run(number(&env, "PORT")?, address(&env, "API")?).await?,
    }
    Ok(())
}

fn number<T: FromStr>(env: impl Fn(&str) -> Option<String>, name: &'static str) -> Result<T, ChildError> {
    env(name).and_then(|value| value.parse().ok()).ok_or(ChildError::Variable(name))
}

fn address(
    env: impl Fn(&str) -> Option<String>,
    name: &'static str,
) -> Result<std::net::SocketAddr, ChildError> {
    number(env, name)
}

/// A line for the log; with nobody left to read it, none.
fn say(line: fmt::Arguments<'_>) {
    drop(writeln!(io::stdout(), "{line}"));
}
