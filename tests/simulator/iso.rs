//! Wall time in words: ISO 8601 in UTC, as events and XML have it. JSON APIs of AWS have numbers instead.

use std::time::Duration;

/// `2026-11-23T13:04:11.250Z`, of a time since 1970.
pub(crate) fn iso(wall: Duration) -> String {
    format!("{}.{:03}Z", to_seconds(wall), wall.subsec_millis())
}

/// `2026-11-23T13:04:11Z`, of a time since 1970.
pub(crate) fn iso_seconds(wall: Duration) -> String {
    format!("{}Z", to_seconds(wall))
}

fn to_seconds(wall: Duration) -> String {
    let (days, seconds) = (wall.as_secs() / 86_400, wall.as_secs() % 86_400);
    let (year, month, day) = date(days);
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")
}

/// Year, month and day of a day since 1970, in the Gregorian calendar. It counts in years that begin in March, so that
/// the leap day is a year's last.
fn date(days: u64) -> (u64, u64, u64) {
    let since_year_0 = days + 719_468;
    let (era, of_era) = (since_year_0 / 146_097, since_year_0 % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_known_by_their_dates() {
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_750_000_000, "2025-06-15T15:06:40Z"),
            (1_767_225_599, "2025-12-31T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(iso_seconds(Duration::from_secs(seconds)), expected);
        }
        assert_eq!(iso(Duration::from_millis(1_750_000_000_045)), "2025-06-15T15:06:40.045Z");
    }
}
