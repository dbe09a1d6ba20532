//! Times and stages, in a visitor's words.

use std::time::Duration;

use crate::model::Stage;

/// What a visitor reads for a stage.
pub(super) const fn stage(stage: Stage) -> &'static str {
    match stage {
        Stage::Idle => "asleep",
        Stage::Waiting => "waiting",
        Stage::Starting => "starting",
        Stage::Checking => "checking",
        Stage::Ready => "ready",
        Stage::Failed => "failed",
    }
}

/// A time that has passed, in whole seconds: `12 s`, `1 min 05 s`.
pub(super) fn passed(time: Duration) -> String {
    spelled(time.as_secs())
}

/// A time until something happens, rounded up so that it is never "in 0 s" while it is still to come.
pub(super) fn until(time: Duration) -> String {
    spelled(time.as_secs() + u64::from(time.subsec_nanos() > 0))
}

/// A time as one knows it from experience, no more precise than that: `5 s`, `25 s`, `3 min`.
pub(super) fn roughly(time: Duration) -> String {
    let seconds = time.as_millis().div_ceil(1000);
    match seconds {
        0..10 => format!("{} s", seconds.max(1)),
        10..90 => format!("{} s", seconds.div_ceil(5) * 5),
        _ => format!("{} min", seconds.div_ceil(60)),
    }
}

fn spelled(seconds: u64) -> String {
    if seconds < 60 { format!("{seconds} s") } else { format!("{} min {:02} s", seconds / 60, seconds % 60) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn what_has_passed_is_cut_and_what_comes_is_rounded_up() {
        assert_eq!(passed(Duration::from_millis(1999)), "1 s");
        assert_eq!(passed(s(65)), "1 min 05 s");
        assert_eq!(until(Duration::from_millis(1001)), "2 s");
        assert_eq!(until(s(60)), "1 min 00 s");
    }

    #[test]
    fn experience_is_not_told_to_the_second() {
        let told: Vec<String> =
            [s(0), s(7), s(11), s(20), s(86), s(90), s(130)].into_iter().map(roughly).collect();
        assert_eq!(told, ["1 s", "7 s", "15 s", "20 s", "90 s", "2 min", "3 min"]);
    }
}
