use std::time::Duration;

use tokio::time;

use super::say;

const PACE: Duration = Duration::from_secs(5);

/// Says that it is there, for good.
pub(super) async fn run() {
    say(format_args!("at work"));
    let mut beats = time::interval(PACE);
    // The first one is due at once, and was the line above.
    beats.tick().await;
    for beat in 1_u64.. {
        beats.tick().await;
        say(format_args!("heartbeat {beat}"));
    }
}
