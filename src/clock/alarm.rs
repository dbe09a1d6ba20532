use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::time::{Instant, Sleep, sleep_until};

/// Wakes its task at a time that mostly moves on before it comes. The timer behind it is set anew only when it has run out
/// or would be too late, not each time.
#[derive(Debug, Default)]
pub(crate) struct Alarm {
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Alarm {
    /// Whether it was never set.
    pub(crate) fn is_unset(&self) -> bool {
        self.sleep.is_none()
    }

    /// Whether it is set, and to no later than this.
    pub(crate) fn comes_by(&self, at: Instant) -> bool {
        self.sleep.as_ref().is_some_and(|sleep| sleep.deadline() <= at)
    }

    /// Whether this time has come; if not, the task is woken when it has.
    pub(crate) fn has_come(&mut self, at: Instant, cx: &mut Context<'_>) -> bool {
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(at)));
        if sleep.deadline() > at {
            sleep.as_mut().reset(at);
        }
        while let Poll::Ready(()) = sleep.as_mut().poll(cx) {
            if sleep.deadline() >= at {
                return true;
            }
            sleep.as_mut().reset(at);
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_comes_when_it_was_last_set_to() {
        let mut alarm = Alarm::default();
        let began = Instant::now();
        let mut polls = 0;
        poll_fn(|cx| {
            polls += 1;
            // Put off at the first look, and brought forward at the third.
            let after = [10, 50, 30].get(polls - 1).copied().unwrap_or(30);
            match alarm.has_come(began + Duration::from_secs(after), cx) {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        })
        .await;
        assert_eq!((began.elapsed().as_secs(), polls), (50, 3));
    }
}
