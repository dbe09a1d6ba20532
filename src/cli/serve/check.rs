//! Says in the log what is wrong with the services on AWS. The gateway serves what is sound.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

use super::super::providers;
use crate::gateway::Handle;
use crate::net::BoxFuture;
use crate::provider::ecs::{Ecs, Finding, Report, Weight};

/// The pause after a check that could not find out everything …
const FIRST_PAUSE: Duration = Duration::from_secs(10);
/// … doubles with each, up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(10 * 60);

/// A check of the plan that is in force.
pub(super) fn of_plan(ecs: Arc<Ecs>, handle: Handle) -> impl Fn() -> BoxFuture<'static, Report> + Send {
    move || {
        let (ecs, specs) = (ecs.clone(), providers::on_ecs(&handle.plan()));
        Box::pin(async move { ecs.check(&specs).await })
    }
}

/// Checks until everything is known, and anew after each reload.
pub(super) async fn keep_checking(
    check: impl Fn() -> BoxFuture<'static, Report> + Send,
    mut reloads: watch::Receiver<()>,
) {
    let (mut told, mut pause) = (BTreeSet::new(), FIRST_PAUSE);
    loop {
        let Report { findings, is_whole } = check().await;
        for finding in &findings {
            if told.insert(finding.to_string()) {
                tell(finding);
            }
        }
        if is_whole && pause > FIRST_PAUSE {
            tracing::info!("what the configuration names on AWS could be checked now");
        }
        let again = async { if is_whole { std::future::pending().await } else { sleep(pause).await } };
        tokio::select! {
            () = again => pause = (pause * 2).min(LONGEST_PAUSE),
            changed = reloads.changed() => {
                if changed.is_err() {
                    // The gateway is on its way down.
                    return;
                }
                (told, pause) = (BTreeSet::new(), FIRST_PAUSE);
            }
        }
    }
}

fn tell(finding: &Finding) {
    let service = finding.service.as_deref();
    match finding.weight {
        Weight::Wrong => tracing::error!(service, "{finding}"),
        Weight::Unknown => tracing::warn!(service, "not known yet: {finding}"),
        Weight::Note => tracing::info!(service, "{finding}"),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tokio::time::Instant;

    use super::*;

    /// Checks that find out as much as is said, one after the other; then everything. Answers with when each was made.
    fn script(
        whole: &'static [bool],
    ) -> (impl Fn() -> BoxFuture<'static, Report> + Send, Arc<Mutex<Vec<u64>>>) {
        let (start, times) = (Instant::now(), Arc::new(Mutex::new(Vec::new())));
        let noted = times.clone();
        let check = move || -> BoxFuture<'static, Report> {
            let mut times = noted.lock().unwrap();
            let is_whole = whole.get(times.len()).copied().unwrap_or(true);
            times.push(start.elapsed().as_secs());
            Box::pin(async move { Report { findings: Vec::new(), is_whole } })
        };
        (check, times)
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_not_known_is_asked_again_with_growing_pauses() {
        let (check, times) = script(&[false; 9]);
        let (_reloaded, reloads) = watch::channel(());
        let checking = tokio::spawn(keep_checking(check, reloads));
        sleep(Duration::from_secs(3 * 60 * 60)).await;
        let times = times.lock().unwrap().clone();
        assert_eq!(times, [0, 10, 30, 70, 150, 310, 630, 1230, 1830, 2430], "and then it is over");
        checking.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn each_reload_is_checked_anew() {
        let (check, times) = script(&[true, false]);
        let (reloaded, reloads) = watch::channel(());
        let checking = tokio::spawn(keep_checking(check, reloads));
        sleep(Duration::from_secs(100)).await;
        reloaded.send_replace(());
        sleep(Duration::from_secs(100)).await;
        assert_eq!(*times.lock().unwrap(), [0, 100, 110]);
        drop(reloaded);
        assert!(checking.await.is_ok(), "it ends with the gateway");
    }
}
