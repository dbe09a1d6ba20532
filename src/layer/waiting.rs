//! What a request does while it is held. There may be ten thousand of these, so it is written out, and small.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tokio::sync::futures::OwnedNotified;
use tokio::time::{Instant, Sleep, sleep_until};

use super::Class;
use super::hold::{Arrival, End, Place, Waited};
use crate::net::BoxFuture;
use crate::peer::PeerGone;

pin_project! {
    /// Ends with the first of: the door opens, the wake fails, the client leaves, the gateway goes down, patience runs
    /// out.
    pub(super) struct Waiting {
        // Until it has ended.
        arrival: Option<Arrival>,
        place: Place,
        class: Class,
        gone: Option<BoxFuture<'static, ()>>,
        since: Instant,
        // It is held no longer than this, whatever else the timer has run out for.
        last: Instant,
        #[pin]
        closes: OwnedNotified,
        #[pin]
        timer: Sleep,
    }

    impl PinnedDrop for Waiting {
        // A client that leaves may do so by dropping.
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            if let Some(arrival) = this.arrival {
                arrival.was_held(*this.since);
            }
        }
    }
}

impl Waiting {
    pub(super) fn new(arrival: Arrival, place: Place, class: Class, gone: Option<PeerGone>) -> Self {
        let limits = arrival.gate.spec().limits.clone();
        let since = Instant::now();
        Self {
            since,
            closes: arrival.shared.closes.clone().notified_owned(),
            arrival: Some(arrival),
            place,
            class,
            gone: gone.map(|gone| gone.gone()),
            last: since + limits.hold_timeout,
            timer: sleep_until(since + class.patience(&limits)),
        }
    }

    fn poll_end(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<End> {
        let mut this = self.project();
        let Some(arrival) = this.arrival else { return Poll::Pending };
        if let Poll::Ready(admitted) = Pin::new(&mut this.place.hold).poll(cx) {
            return Poll::Ready(admitted.map_or_else(End::Failed, End::Admitted));
        }
        if this.gone.as_mut().is_some_and(|gone| gone.as_mut().poll(cx).is_ready()) {
            return Poll::Ready(End::Left);
        }
        // First in line for the news, then a look at whether it is old.
        let _: Poll<()> = this.closes.poll(cx);
        // When the gateway has no more time for it.
        let closing = arrival.shared.closing.borrow().map(|at| arrival.shared.clock.instant(at));
        if let Some(at) = closing.filter(|at| *at < this.timer.deadline()) {
            this.timer.as_mut().reset(at);
        }
        while this.timer.as_mut().poll(cx).is_ready() {
            let now = this.timer.deadline();
            if closing.is_some_and(|at| at <= now) {
                return Poll::Ready(End::GoingDown);
            }
            let is_navigation = matches!(this.class, Class::Navigation { .. });
            if !is_navigation || now >= *this.last || !arrival.gate.is_open() {
                return Poll::Ready(End::OutOfPatience);
            }
            // Before an open door there is no page to show: its targets have all that they may have, and it will not be
            // long.
            let until = closing.map_or(*this.last, |at| at.min(*this.last));
            this.timer.as_mut().reset(until);
        }
        Poll::Pending
    }
}

impl Future for Waiting {
    type Output = Waited;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Waited> {
        let end = ready!(self.as_mut().poll_end(cx));
        let this = self.project();
        // Polled after it was ready.
        let Some(arrival) = this.arrival.take() else { return Poll::Pending };
        arrival.was_held(*this.since);
        Poll::Ready(Waited { arrival, class: *this.class, end })
    }
}
