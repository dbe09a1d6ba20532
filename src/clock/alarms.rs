use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use crossbeam_queue::ArrayQueue;
use tokio::time::Instant;

use super::Alarm;

/// How many are kept.
const COUNT: usize = 256;

/// Alarms that were set and have not come, for the next who waits as long: to make one and to take it back for each
/// request or connection would take the lock of all timers twice.
#[derive(Debug)]
pub(crate) struct Alarms(ArrayQueue<Alarm>);

impl Default for Alarms {
    fn default() -> Self {
        Self(ArrayQueue::new(COUNT))
    }
}

impl Alarms {
    pub(crate) fn take(&self) -> Alarm {
        self.0.pop().unwrap_or_default()
    }

    pub(crate) fn put(&self, alarm: Alarm) {
        // One too many is taken back.
        drop(self.0.push(alarm));
    }

    /// What `future` comes to, if it does so in time.
    pub(crate) async fn within<T>(&self, limit: Duration, future: impl Future<Output = T>) -> Option<T> {
        let until = Instant::now() + limit;
        self.before(|| until, pin!(future)).await
    }

    /// The same where the time may move on meanwhile.
    pub(crate) async fn before<T>(
        &self,
        until: impl Fn() -> Instant,
        mut future: Pin<&mut impl Future<Output = T>>,
    ) -> Option<T> {
        let mut alarm = self.take();
        let value = poll_fn(|cx| match future.as_mut().poll(cx) {
            Poll::Ready(value) => Poll::Ready(Some(value)),
            Poll::Pending if alarm.has_come(until(), cx) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        })
        .await;
        self.put(alarm);
        value
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use tokio::time::sleep;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_takes_too_long_is_told_so_at_the_time_whoever_waited_before() {
        let alarms = Alarms::default();
        let limit = Duration::from_secs(10);
        assert_eq!(alarms.within(limit, ready(1)).await, Some(1));
        for _ in 0..3 {
            assert!(alarms.within(limit, sleep(limit / 3)).await.is_some());
            let began = Instant::now();
            assert_eq!(alarms.within(limit, pending::<()>()).await, None);
            assert_eq!(began.elapsed(), limit);
        }
    }
}
