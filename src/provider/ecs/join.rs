use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

/// Waits for several futures at once. Answers with their outputs, in their order.
pub(super) async fn all<F: Future>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let mut all: Vec<One<F>> = futures.into_iter().map(|future| One::Waits(Box::pin(future))).collect();
    poll_fn(|context| {
        let mut ready = true;
        for one in &mut all {
            if let One::Waits(future) = one {
                match future.as_mut().poll(context) {
                    Poll::Ready(output) => *one = One::Done(output),
                    Poll::Pending => ready = false,
                }
            }
        }
        if ready { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    let output = |one| match one {
        One::Waits(_) => None,
        One::Done(output) => Some(output),
    };
    all.into_iter().filter_map(output).collect()
}

enum One<F: Future> {
    Waits(Pin<Box<F>>),
    Done(F::Output),
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::{Instant, sleep};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn all_wait_at_once_and_answer_in_order() {
        let began = Instant::now();
        let slow_first = [3_u64, 1, 2].map(|seconds| async move {
            sleep(Duration::from_secs(seconds)).await;
            seconds
        });
        assert_eq!(all(slow_first).await, [3, 1, 2]);
        assert_eq!(began.elapsed(), Duration::from_secs(3));
        assert_eq!(all(Vec::<std::future::Ready<()>>::new()).await, []);
    }
}
