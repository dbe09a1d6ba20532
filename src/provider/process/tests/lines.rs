//! The lines that children write, taken from the log.

use std::fmt;

use tokio::sync::mpsc;
use tracing::field::{Field, Visit};
use tracing::span;
use tracing::subscriber::DefaultGuard;

/// One line of a child's output.
#[derive(Debug, Default)]
pub(super) struct Line {
    pub(super) service: String,
    pub(super) stream: String,
    pub(super) text: String,
}

/// Takes what this thread logs for the target `service`, until the guard is dropped.
pub(super) fn capture() -> (DefaultGuard, mpsc::UnboundedReceiver<Line>) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (tracing::subscriber::set_default(Capture(sender)), receiver)
}

struct Capture(mpsc::UnboundedSender<Line>);

impl tracing::Subscriber for Capture {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target() == "service"
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        drop(self.0.send(line));
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "service" => self.service = value.to_owned(),
            "stream" => self.stream = value.to_owned(),
            _ => {}
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.text = format!("{value:?}");
        }
    }
}
