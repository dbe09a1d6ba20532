//! The log: on standard error, text for people and JSON for everything else.

use std::io::{self, IsTerminal};

use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tracing::{info, warn};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt;

use super::{Failure, environment};
use crate::driver::Notice;
use crate::model::{Phase, duration};

/// The variable that says what is logged: a level, or `module=level` separated by commas.
const FILTER: &str = "WAKEGATE_LOG";

/// Starts the log for the whole program.
///
/// # Errors
/// `WAKEGATE_LOG` is no filter, or something else has started a log already.
pub fn start() -> Result<(), Failure> {
    let filter = filter(environment(FILTER).as_deref())?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    let started = if io::stderr().is_terminal() {
        let no_color = environment("NO_COLOR").is_some_and(|value| !value.is_empty());
        builder.with_target(false).with_ansi(!no_color).finish().try_init()
    } else {
        builder.json().flatten_event(true).with_current_span(false).with_span_list(false).finish().try_init()
    };
    started.map_err(|error| Failure::other(format!("the log cannot be started: {error}")))
}

fn filter(text: Option<&str>) -> Result<EnvFilter, Failure> {
    let text = text.map(str::trim).filter(|text| !text.is_empty()).unwrap_or("info");
    EnvFilter::try_new(text).map_err(|error| {
        Failure::usage(format!("{FILTER} is not a log filter: {error}"))
            .hint("write a level (error, warn, info, debug, trace), or such as `info,wakegate::driver=debug`")
    })
}

/// Logs one line for every change of a phase, with its cause, until the driver is gone.
pub async fn log_notices(mut notices: broadcast::Receiver<Notice>) {
    loop {
        match notices.recv().await {
            Ok(notice) => log(&notice),
            Err(RecvError::Lagged(missed)) => warn!(missed, "events came faster than they could be logged"),
            Err(RecvError::Closed) => return,
        }
    }
}

fn log(notice: &Notice) {
    let Notice::Phase { service, from, to, cause, fault, after, .. } = notice else { return };
    let (cause, after) = (cause.as_str(), duration::format(*after));
    // A failure on the way down, or one that is only outlived, is told with its reason as well.
    let error = fault.as_ref().map(|fault| &*fault.reason);
    if error.is_some() || *to == Phase::Failed {
        warn!(
            service = &**service,
            from = from.as_str(),
            to = to.as_str(),
            cause,
            after,
            error,
            "{service}: {from} -> {to} ({cause})"
        );
    } else {
        info!(
            service = &**service,
            from = from.as_str(),
            to = to.as_str(),
            cause,
            after,
            "{service}: {from} -> {to} ({cause})"
        );
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use super::*;
    use crate::model::{Cause, Fault, Time};

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn phase(to: Phase, cause: Cause, fault: Option<Fault>) -> Notice {
        Notice::Phase {
            service: "web".into(),
            from: Phase::Asleep,
            to,
            cause,
            fault,
            at: Time::ZERO,
            after: Duration::from_secs(3_900),
        }
    }

    #[tokio::test]
    async fn one_line_for_each_phase_and_none_for_the_rest() {
        let sink = Sink::default();
        let writer = sink.clone();
        let log = tracing_subscriber::fmt().json().flatten_event(true).with_writer(move || writer.clone());
        let guard = log.finish().set_default();
        let (sender, receiver) = broadcast::channel(8);
        sender.send(phase(Phase::Waking, Cause::Demand, None)).unwrap();
        sender.send(phase(Phase::Failed, Cause::Fault, Some(Fault::new("exit \x1b[1mcode 1")))).unwrap();
        let call = Notice::Call { provider: "p".into(), verb: "observe", ok: true, took: Duration::ZERO };
        sender.send(call).unwrap();
        drop(sender);
        log_notices(receiver).await;
        drop(guard);

        let written = String::from_utf8(sink.0.lock().unwrap().clone()).unwrap();
        let lines: Vec<serde_json::Value> =
            written.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0]["message"], "web: asleep -> waking (demand)");
        assert_eq!((&lines[0]["level"], &lines[0]["after"]), (&"INFO".into(), &"1h 5m".into()));
        assert_eq!((&lines[1]["level"], &lines[1]["to"]), (&"WARN".into(), &"failed".into()));
        assert_eq!(lines[1]["error"], "exit \x1b[1mcode 1", "escaped by JSON");
    }

    #[test]
    fn a_wrong_filter_is_wrong_use() {
        assert!(filter(None).is_ok());
        assert!(filter(Some(" ")).is_ok());
        assert!(filter(Some("info,wakegate::driver=debug")).is_ok());
        assert!(filter(Some("wakegate=loud")).is_err());
    }
}
