use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal};
use tokio::io::AsyncReadExt;
use tokio::process::{ChildStderr, Command};
use tokio::time;

use super::ProbeError;
use crate::model::{Address, own_variables};

/// How much of what a failed command said is told.
const TOLD: usize = 512;
/// How long its errors may still come in once it has exited: something it started may hold the pipe.
const STILL_OPEN: Duration = Duration::from_millis(20);

/// Runs a command that gets the target's address as `HOST` and `PORT`; exit code 0 is healthy.
///
/// Dropped, it kills the command and all that it started.
pub(super) async fn check(command: &[String], address: &Address) -> Result<(), ProbeError> {
    let (host, port) = match address {
        Address::Socket(address) => (address.ip().to_string(), address.port()),
        Address::Name(name, port) => (name.to_string(), *port),
    };
    let mut words = command.iter();
    let program = words.next().map_or("", String::as_str);
    let failed = |why: String| ProbeError::Command(format!("`{program}` {why}"));
    let mut command = Command::new(program);
    for name in own_variables() {
        command.env_remove(name);
    }
    let mut child = command
        .args(words)
        .env("HOST", host)
        .env("PORT", port.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| failed(format!("cannot be run: {error}")))?;
    let _group = Group(child.id().and_then(|id| Pid::from_raw(id.cast_signed())));
    let mut stderr = child.stderr.take();
    let mut said = Vec::new();
    let status = tokio::select! {
        status = child.wait() => status,
        never = read_all(&mut stderr, &mut said) => never,
    };
    let status = status.map_err(|error| failed(format!("is lost: {error}")))?;
    if status.success() {
        return Ok(());
    }
    drop(time::timeout(STILL_OPEN, read_rest(&mut stderr, &mut said)).await);
    let said = String::from_utf8_lossy(&said);
    let last = said.lines().rfind(|line| !line.trim().is_empty()).map(str::trim);
    Err(failed(last.map_or_else(|| status.to_string(), |last| format!("{status}: {last}"))))
}

/// Keeps the pipe from filling up, and never ends.
async fn read_all<T>(stderr: &mut Option<ChildStderr>, said: &mut Vec<u8>) -> T {
    read_rest(stderr, said).await;
    std::future::pending().await
}

/// Reads to the end; keeps the last bytes.
async fn read_rest(stderr: &mut Option<ChildStderr>, said: &mut Vec<u8>) {
    let Some(stream) = stderr else { return };
    while let Ok(1..) = stream.read_buf(said).await {
        said.drain(..said.len().saturating_sub(TOLD));
    }
    *stderr = None;
}

/// Kills what is left of a process group when it goes out of scope.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // Nothing left to kill is the usual case.
            let _ = rustix::process::kill_process_group(group, Signal::KILL);
        }
    }
}
