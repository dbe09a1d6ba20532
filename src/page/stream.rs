//! The stream that fills the page: frame after frame, until there is something better to show.
//!
//! The end of the stream *is* the signal to the browser: with `Refresh: 0` in the response's head it loads the
//! same address again as soon as the document is complete (HTML, "shared declarative refresh steps"), script or
//! not. A stream that breaks off is not complete, and the browser stays.

use std::convert::Infallible;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, SizeHint};
use tokio::sync::watch;
use tokio::time::sleep_until;

use super::Member;
use super::frame::Frame;
use super::summary::{Seen, State, Summary};
use super::template::Template;
use crate::clock::Clock;
use crate::model::{Detail, Phase, Time, View};

/// A page that is this old loads itself again.
const MAX_AGE: Duration = Duration::from_secs(10 * 60);
/// So does one that was written this many bytes.
const MAX_BYTES: usize = 1 << 20;
/// A page that has nothing to wait for lives this long, lest a browser load it in a tight circle.
const MIN_AGE: Duration = Duration::from_secs(1);
/// From a failure to the next try, where nobody says when that is.
const RETRY_AFTER: Duration = Duration::from_secs(10);
/// A service that has been asleep this long before the visitor's eyes is not being woken: loading asks again.
const ASLEEP: Duration = Duration::from_secs(3);
/// The least time between two frames, however much happens.
const SPACING: Duration = Duration::from_millis(250);
/// The times between frames are stretched for each so many bytes of a frame.
const LONG_FRAME: usize = 4096;

/// Tells a page that the gateway goes down, by `Some`; when exactly is not the page's business.
pub type Closing = watch::Receiver<Option<Time>>;

/// The body of a waiting page. It is not activity, and holds no gate.
pub struct PageBody {
    next: Option<Step>,
}

/// Waits for the next piece; gives it, and the stream back unless that was the last.
type Step = Pin<Box<dyn Future<Output = (String, Option<Stream>)> + Send + Sync>>;

impl PageBody {
    /// A body without content, for `HEAD`.
    pub(super) const fn empty() -> Self {
        Self { next: None }
    }

    /// A body that shows these members, the routed service last.
    pub(super) fn new(
        template: Arc<Template>,
        detail: Detail,
        members: Vec<Member>,
        clock: Clock,
        closing: Closing,
    ) -> Self {
        let stream = Stream::new(template, detail, members, clock, closing);
        Self { next: Some(Box::pin(stream.first())) }
    }
}

impl Body for PageBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Infallible>>> {
        let Some(step) = &mut self.next else { return Poll::Ready(None) };
        let (piece, stream) = ready!(step.as_mut().poll(context));
        self.next = stream.map(|stream| Box::pin(stream.next()) as Step);
        Poll::Ready(Some(Ok(http_body::Frame::data(piece.into()))))
    }

    fn is_end_stream(&self) -> bool {
        self.next.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        if self.next.is_none() { SizeHint::with_exact(0) } else { SizeHint::default() }
    }
}

impl fmt::Debug for PageBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PageBody").field("ended", &self.next.is_none()).finish()
    }
}

/// What a stream has to remember.
struct Stream {
    template: Arc<Template>,
    detail: Detail,
    members: Vec<Member>,
    clock: Clock,
    closing: Closing,
    /// When the page was asked for.
    began: Time,
    /// When something was last written.
    wrote: Time,
    /// How many bytes were written.
    bytes: usize,
    /// The last frame, without its announcement.
    shown: String,
    /// The last sentence that was announced.
    said: String,
    /// How far the bar has come in this attempt: it never goes back.
    percent: u8,
    /// There was something to wait for when the page was asked for.
    waited: bool,
    /// A member is not there any more: the configuration changed, or the gateway goes down.
    gone: bool,
}

impl Stream {
    fn new(
        template: Arc<Template>,
        detail: Detail,
        members: Vec<Member>,
        clock: Clock,
        closing: Closing,
    ) -> Self {
        let now = clock.now();
        let waited = members.last().is_some_and(|routed| routed.view.borrow().phase != Phase::Awake);
        Self {
            template,
            detail,
            members,
            clock,
            closing,
            began: now,
            wrote: now,
            bytes: 0,
            shown: String::new(),
            said: String::new(),
            percent: 0,
            waited,
            gone: false,
        }
    }

    /// The document's head and the first frame, at once and together.
    async fn first(mut self) -> (String, Option<Self>) {
        let mut html = String::from_utf8_lossy(&self.template.head).into_owned();
        self.push_frame(&mut html);
        self.written(html)
    }

    /// The next frame, when it is time for one, or the end of the document.
    async fn next(mut self) -> (String, Option<Self>) {
        self.wait().await;
        let mut html = String::new();
        let ends = self.gone || self.clock.now() >= self.ends_at() || self.bytes >= MAX_BYTES;
        self.push_frame(&mut html);
        if ends {
            html.push_str(&String::from_utf8_lossy(&self.template.tail));
            return (html, None);
        }
        if html.is_empty() {
            // Nothing to show, but a client that has left is only noticed by writing.
            html.push('\n');
        }
        self.written(html)
    }

    fn written(mut self, html: String) -> (String, Option<Self>) {
        self.wrote = self.clock.now();
        self.bytes += html.len();
        (html, Some(self))
    }

    /// Appends a frame, if it differs from the last.
    fn push_frame(&mut self, html: &mut String) {
        let now = self.clock.now();
        let seen: Vec<Seen> = self.members.iter().map(Member::seen).collect();
        let mut summary = Summary::of(&seen, now);
        if let State::Failed(_) = summary.state {
            self.percent = 0;
        } else if let Some(percent) = &mut summary.percent {
            self.percent = self.percent.max(*percent);
            *percent = self.percent;
        }
        let retry_in = self.routed().map_or(Duration::ZERO, |view| retry_at(&view).since(now));
        let frame = Frame { detail: self.detail, seen: &seen, summary: &summary, retry_in, now };
        let plain = frame.html(false);
        if plain == self.shown {
            return;
        }
        let sentence = frame.sentence();
        if sentence == self.said {
            html.push_str(&plain);
        } else {
            html.push_str(&frame.html(true));
            self.said = sentence;
        }
        self.shown = plain;
    }

    /// Waits until something is worth writing.
    async fn wait(&mut self) {
        let mut until = self.heartbeat_at().min(self.ends_at());
        loop {
            let timer = sleep_until(self.clock.instant(until));
            match changed(&mut self.members, &mut self.closing, timer).await {
                Woken::Timer => return,
                Woken::Gone => {
                    self.gone = true;
                    return;
                }
                // Ready is told at once, everything else in good order.
                Woken::Change if self.clock.now() >= self.ends_at() => return,
                Woken::Change => until = (self.wrote + SPACING * self.stretch()).min(self.ends_at()),
            }
        }
    }

    /// When the document ends, as things stand.
    fn ends_at(&self) -> Time {
        let Some(view) = self.routed() else { return self.began + MIN_AGE };
        let reload = match view.phase {
            Phase::Awake if self.waited => return Time::ZERO,
            Phase::Awake => Time::ZERO,
            Phase::Failed => retry_at(&view),
            Phase::Asleep => view.since.max(self.began) + ASLEEP,
            Phase::Unknown | Phase::Waking | Phase::Draining | Phase::Stopping => Time::MAX,
        };
        reload.clamp(self.began + MIN_AGE, self.began + MAX_AGE)
    }

    /// When something is written though nothing changes: as another second is full, later on a few of them.
    fn heartbeat_at(&self) -> Time {
        let seconds = match self.wrote.since(self.began).as_secs() {
            0..60 => 1,
            60..180 => 2,
            _ => 5,
        };
        let pause = u64::from(self.stretch()) * seconds;
        let from = self.routed().and_then(|view| view.waking_since).unwrap_or(self.began);
        from + Duration::from_secs((self.wrote.since(from).as_secs() / pause + 1) * pause)
    }

    fn stretch(&self) -> u32 {
        u32::try_from(self.shown.len().div_ceil(LONG_FRAME)).unwrap_or(u32::MAX).max(1)
    }

    fn routed(&self) -> Option<Arc<View>> {
        self.members.last().map(|member| member.view.borrow().clone())
    }
}

/// When a wake that failed is tried again.
pub(super) fn retry_at(view: &View) -> Time {
    view.retry_at.unwrap_or(view.since + RETRY_AFTER)
}

/// Why a wait ended.
enum Woken {
    Change,
    Gone,
    Timer,
}

/// Waits until a member changes or the timer runs out.
async fn changed(members: &mut [Member], closing: &mut Closing, timer: tokio::time::Sleep) -> Woken {
    let mut timer = std::pin::pin!(timer);
    let mut closes = std::pin::pin!(async {
        if closing.wait_for(Option::is_some).await.is_err() {
            // Nobody is left who could say so.
            std::future::pending::<()>().await;
        }
    });
    // A member's `changed` is safe to drop and call again; they are few, and this happens about once a second.
    let mut changes: Vec<_> = members.iter_mut().map(|member| Box::pin(member.view.changed())).collect();
    poll_fn(|context| {
        for change in &mut changes {
            if let Poll::Ready(result) = change.as_mut().poll(context) {
                return Poll::Ready(if result.is_ok() { Woken::Change } else { Woken::Gone });
            }
        }
        if let Poll::Ready(()) = closes.as_mut().poll(context) {
            return Poll::Ready(Woken::Gone);
        }
        timer.as_mut().poll(context).map(|()| Woken::Timer)
    })
    .await
}

#[cfg(test)]
mod tests;
