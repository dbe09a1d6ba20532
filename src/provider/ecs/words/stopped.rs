use super::super::state::{Container, Task};
use super::{any, quote};
use crate::model::Fault;

const NOT_FETCHED: &str = "The service's software could not be fetched.";
const STOPPED: &str = "The service stopped while it was starting.";
const NO_ROOM: &str = "There is no room to run the service at the moment.";
const MISCONFIGURED: &str = "The service is not set up correctly.";

/// One kind of trouble, told by phrases in ECS's words.
struct Kind {
    /// One of these is in the text (lower case).
    phrases: &'static [&'static str],
    /// A clause about the task.
    words: &'static str,
    public: &'static str,
    /// Whether the next task will fare no better: nothing but a person's change mends it.
    lasting: bool,
}

const fn kind(
    phrases: &'static [&'static str],
    words: &'static str,
    public: &'static str,
    lasting: bool,
) -> Kind {
    Kind { phrases, words, public, lasting }
}

/// An image that cannot be pulled; the first that fits.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_cannot_pull_image.html>
const PULLS: &[Kind] = &[
    kind(
        &["toomanyrequests", "too many requests", "rate limit"],
        "may not pull its image now: the registry limits how often",
        NOT_FETCHED,
        true,
    ),
    kind(&["no space left"], "has no space left on its disk for its image", NOT_FETCHED, true),
    kind(
        &["matching platform", "no matching manifest", "platform mismatch"],
        "has an image for another processor or system",
        NOT_FETCHED,
        true,
    ),
    kind(
        &[
            "denied",
            "not authorized",
            "unauthorized",
            "authorization",
            "no basic auth",
            "forbidden",
            "the role has the permissions",
        ],
        "may not pull its image, or there is no such image",
        NOT_FETCHED,
        true,
    ),
    kind(
        &["not found", "manifest unknown", "does not exist", "name unknown"],
        "has an image that does not exist",
        NOT_FETCHED,
        true,
    ),
    kind(PASSING, "cannot reach the registry of its image", NOT_FETCHED, false),
    kind(
        &["network configuration", "connection issue"],
        "cannot reach the registry of its image",
        NOT_FETCHED,
        true,
    ),
    kind(&[""], "cannot pull its image", NOT_FETCHED, true),
];

/// Something that the task needs before its containers start; the first that fits.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/resource-initialization-error.html>
const RESOURCES: &[Kind] = &[
    kind(PASSING, "cannot reach what it needs before it starts", MISCONFIGURED, false),
    kind(&["efs", "volume"], "cannot mount its file system", MISCONFIGURED, true),
    kind(&["log group", "logging driver", "logger"], "cannot write to its log", MISCONFIGURED, true),
    kind(
        &["environment variable file", "env file"],
        "cannot read its environment files",
        MISCONFIGURED,
        true,
    ),
    kind(
        &["secret", "registry auth", "parameter store", "ssm"],
        "cannot fetch its secrets or the registry's credentials",
        MISCONFIGURED,
        true,
    ),
    kind(&[""], "cannot get what it needs before it starts", MISCONFIGURED, true),
];

/// Signs of a network that failed this once.
const PASSING: &[&str] = &[
    "i/o timeout",
    "tls handshake timeout",
    "connection timed out",
    "connection reset",
    "client.timeout",
    "deadline exceeded",
    "request canceled",
    "context canceled",
    "unexpected status code",
    "temporary failure",
];

/// Everything else; the first that fits.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html>
const OTHERS: &[Kind] = &[
    kind(&["outofmemory", "out of memory"], "ran out of memory", STOPPED, false),
    kind(&["cannotcreatevolume"], "cannot mount its volume", MISCONFIGURED, true),
    kind(
        &["cannotstartcontainer", "cannotcreatecontainer", "exec format error", "executable file not found"],
        "cannot start its container",
        MISCONFIGURED,
        true,
    ),
    kind(
        &["failed elb health checks", "is unhealthy in (target-group", "not healthy in target-group"],
        "failed its load balancer's health checks",
        STOPPED,
        false,
    ),
    kind(&["failed container health checks"], "failed its container's health checks", STOPPED, false),
    kind(
        &["unable to assume the role", "unable to assume role", "assume the service linked role"],
        "may not take on its role",
        MISCONFIGURED,
        true,
    ),
    kind(
        &["not compatible with the selected compute"],
        "has a task definition that does not fit its capacity",
        MISCONFIGURED,
        true,
    ),
    kind(
        &["insufficientfreeaddresses", "free addresses"],
        "found no free address in its subnet",
        NO_ROOM,
        false,
    ),
    kind(
        &["create network interface", "network interface provisioning", "attach network interface"],
        "got no network interface",
        NO_ROOM,
        false,
    ),
    kind(
        &["spot task was interrupted", "spot instance", "spot interruption"],
        "was on Spot capacity, which was taken back",
        STOPPED,
        false,
    ),
    kind(
        &["no active instances", "empty capacity provider"],
        "found no instance in its capacity provider",
        NO_ROOM,
        false,
    ),
    kind(
        &["placement constraint", "taskfailedtostart: attribute"],
        "found no instance that meets its requirements",
        NO_ROOM,
        false,
    ),
    kind(
        &["taskfailedtostart: agent"],
        "was sent to an instance whose agent does not answer",
        NO_ROOM,
        false,
    ),
    kind(&["capacity is unavailable", "resource:"], "found no capacity", NO_ROOM, false),
    kind(
        &["host ec2", "maintenance", "underlying infrastructure"],
        "lost the machine under it",
        STOPPED,
        false,
    ),
    kind(
        &[
            "cannotinspectcontainer",
            "containerruntime",
            "dockertimeout",
            "internalerror",
            "timed out waiting",
        ],
        "was not started by the container runtime",
        STOPPED,
        false,
    ),
];

/// Why a task stopped. Terminal where the next task will fare no better until a person changes something.
pub(in crate::provider::ecs) fn stopped(task: &Task) -> Fault {
    let culprit = culprit(task);
    let said = said(task, culprit);
    let text = said.to_lowercase();
    let code = task.stop_code.as_deref().unwrap_or_default();
    let fault = |kind: &Kind| {
        let reason = format!("task {} {}: {}", short(&task.arn), kind.words, quote(&said));
        if kind.lasting { Fault::terminal(reason) } else { Fault::new(reason) }.told_as(kind.public)
    };
    let first = |kinds: &'static [Kind]| kinds.iter().find(|kind| any(&text, kind.phrases));
    // Before the others: what a registry answers may hold any phrase.
    let of_pulls =
        ["cannotpull", "pull image", "pull the image", "can’t pull the image", "pull command failed: panic"];
    if any(&text, &of_pulls)
        && let Some(kind) = first(PULLS)
    {
        return fault(kind);
    }
    let of_resources =
        ["resourceinitializationerror", "pull secrets", "pull the secret", "registry authentication"];
    if any(&text, &of_resources)
        && let Some(kind) = first(RESOURCES)
    {
        return fault(kind);
    }
    if matches!(code, "SpotInterruption" | "TerminationNotice") {
        return fault(&kind(&[], "was on Spot capacity, which was taken back", STOPPED, false));
    }
    if let Some(kind) = first(OTHERS) {
        return fault(kind);
    }
    if let Some((container, exit)) = culprit.and_then(|container| Some((container, container.exit_code?))) {
        let reason = format!(
            "task {} ended: its container `{}` exited with code {exit}{}",
            short(&task.arn),
            container.name,
            exit_meaning(exit)
        );
        return Fault::new(with(reason, &said)).told_as(STOPPED);
    }
    if code == "InfrastructureHealth" {
        return fault(&kind(&[], "lost the machine under it", STOPPED, false));
    }
    Fault::new(with(format!("task {} stopped", short(&task.arn)), &said)).told_as(STOPPED)
}

/// Whether this was a death, and not the scheduler or a person taking away what is no longer wanted.
///
/// A task that failed a health check is stopped by the scheduler too: that is a death.
pub(in crate::provider::ecs) fn died(task: &Task) -> bool {
    let reason = task.stopped_reason.as_deref().unwrap_or_default().to_lowercase();
    match task.stop_code.as_deref() {
        Some("ServiceSchedulerInitiated") => any(&reason, &["health check", "unhealthy", "not healthy"]),
        Some("UserInitiated") => false,
        Some(_) => true,
        // Without a code, the reason decides: these two are how an ordinary end begins.
        None => !any(&reason, &["scaling activity initiated", "task stopped by user", "user initiated"]),
    }
}

/// The container that ended the task: one with words of its own, else one that failed, else one that ended.
fn culprit(task: &Task) -> Option<&Container> {
    let has_words =
        |container: &&Container| container.reason.as_ref().is_some_and(|reason| !reason.is_empty());
    // 137 and 143 are also what the others get when the task is taken down.
    let failed =
        |container: &&Container| container.exit_code.is_some_and(|code| !matches!(code, 0 | 137 | 143));
    let ended = |container: &&Container| container.exit_code.is_some();
    let mut containers = task.containers.iter();
    containers
        .find(has_words)
        .or_else(|| task.containers.iter().find(failed))
        .or_else(|| task.containers.iter().find(ended))
}

/// The task's reason, and the container's where it says more.
fn said(task: &Task, culprit: Option<&Container>) -> String {
    let reason = task.stopped_reason.as_deref().unwrap_or_default().trim();
    let more = culprit.and_then(|container| container.reason.as_deref()).unwrap_or_default().trim();
    match (reason.is_empty(), more.is_empty() || reason.contains(more)) {
        (false, true) => reason.to_owned(),
        (true, _) => more.to_owned(),
        (false, false) => format!("{}: {more}", reason.trim_end_matches('.')),
    }
}

fn with(reason: String, said: &str) -> String {
    let said = quote(said);
    if said.is_empty() { reason } else { format!("{reason}: {said}") }
}

/// The ID at the end of a task's ARN, cut to what tells it from others.
fn short(arn: &str) -> &str {
    let id = arn.rsplit('/').next().unwrap_or(arn);
    id.char_indices().nth(8).map_or(id, |(end, _)| &id[..end])
}

/// What shells and container runtimes mean by an exit code.
fn exit_meaning(code: i32) -> &'static str {
    match code {
        0 => " (no error: a service's program must not end)",
        126 => " (its command cannot be run)",
        127 => " (its command was not found)",
        134 => " (SIGABRT)",
        137 => " (SIGKILL: out of memory, or too slow to stop)",
        139 => " (SIGSEGV)",
        143 => " (SIGTERM)",
        _ => "",
    }
}

#[cfg(test)]
mod tests;
