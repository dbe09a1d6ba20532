//! Durations as people write and read them: `250ms`, `15m`, `1h30m`.

use std::time::Duration;

/// Each unit with its length in milliseconds, longest first.
const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Reads a duration: whole numbers, each with a unit (`ms`, `s`, `m`, `h`, `d`), longer units first. Spaces between
/// the parts are allowed, so that what [`format()`] writes for whole seconds can be read back.
///
/// ```
/// use std::time::Duration;
/// use wakegate::model::duration;
///
/// assert_eq!(duration::parse("1h30m"), Ok(Duration::from_secs(5400)));
/// assert!(duration::parse("90").is_err(), "a number alone says nothing");
/// ```
///
/// # Errors
/// What is wrong with it, as a clause that can follow the text itself.
pub fn parse(text: &str) -> Result<Duration, String> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err("is empty: write a number and a unit, such as `90s`, `15m` or `2h`".to_owned());
    }
    let mut millis = 0_u64;
    // Where in `UNITS` the next unit may be: each only once, and shorter than the one before.
    let mut next_unit = 0;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, after) = rest.split_at(digits);
        let letters = after.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (unit, after) = after.split_at(letters);
        if number.is_empty() {
            return Err(NOT_A_DURATION.to_owned());
        }
        if unit.is_empty() {
            return Err(if after.is_empty() {
                format!("has no unit: write `{number}s`, `{number}m` or `{number}ms`")
            } else {
                NOT_A_DURATION.to_owned()
            });
        }
        let Some(place) = UNITS.iter().position(|(name, _)| *name == unit) else {
            return Err(format!("has an unknown unit `{unit}`: the units are `ms`, `s`, `m`, `h` and `d`"));
        };
        if place < next_unit {
            return Err("has its units out of order: longer ones come first, each once".to_owned());
        }
        next_unit = place + 1;
        millis = number
            .parse::<u64>()
            .ok()
            .and_then(|number| number.checked_mul(UNITS[place].1))
            .and_then(|more| millis.checked_add(more))
            .ok_or("is too long")?;
        rest = after.trim_start();
    }
    Ok(Duration::from_millis(millis))
}

const NOT_A_DURATION: &str =
    "is not a duration: write whole numbers with units, such as `250ms`, `15m` or `1h30m`";

/// Writes a duration to be read at a glance: its two largest units (`2d 3h`, `1h 5m`, `2m 3s`), tenths of a second
/// below ten seconds (`4.2s`), milliseconds below one.
pub fn format(duration: Duration) -> String {
    let millis = duration.as_millis();
    if millis < 1_000 {
        return format!("{millis}ms");
    }
    // Cut off, not rounded: a countdown must not show more than there is, nor `60s`.
    if millis < 10_000 {
        let (seconds, tenths) = (millis / 1_000, millis % 1_000 / 100);
        return if tenths == 0 { format!("{seconds}s") } else { format!("{seconds}.{tenths}s") };
    }
    let seconds = duration.as_secs();
    let parts =
        [(seconds / 86_400, 'd'), (seconds / 3_600 % 24, 'h'), (seconds / 60 % 60, 'm'), (seconds % 60, 's')];
    let largest = parts.iter().position(|(count, _)| *count > 0).unwrap_or(3);
    let (count, unit) = parts[largest];
    match parts.get(largest + 1) {
        Some((more, small)) if *more > 0 => format!("{count}{unit} {more}{small}"),
        _ => format!("{count}{unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write() {
        let read = |text| parse(text).map(|duration| duration.as_millis());
        assert_eq!(read("250ms"), Ok(250));
        assert_eq!(read("15m"), Ok(900_000));
        assert_eq!(read(" 2h "), Ok(7_200_000));
        assert_eq!(read("1d 2h3m 4s5ms"), Ok(93_784_005));
        assert_eq!(read("0s"), Ok(0));
    }

    #[test]
    fn says_what_is_wrong() {
        let wrong = |text| parse(text).unwrap_err();
        assert!(wrong("").contains("is empty"));
        assert!(wrong("90").contains("no unit"));
        assert!(wrong("2 h").contains("not a duration"));
        assert!(wrong("-1s").contains("not a duration"));
        assert!(wrong("1.5h").contains("not a duration"));
        assert!(wrong("h").contains("not a duration"));
        assert!(wrong("2 weeks").contains("not a duration"));
        assert!(wrong("2weeks").contains("`weeks`"));
        assert!(wrong("1s2h").contains("out of order"));
        assert!(wrong("1s1s").contains("out of order"));
        assert!(wrong("99999999999999999999d").contains("too long"));
        assert!(wrong("9999999999999999d").contains("too long"));
        assert!(wrong("1µs").contains("not a duration"));
    }

    #[test]
    fn writes_what_people_read() {
        let written = |millis| format(Duration::from_millis(millis));
        assert_eq!(written(0), "0ms");
        assert_eq!(written(999), "999ms");
        assert_eq!(written(4_270), "4.2s");
        assert_eq!(written(9_999), "9.9s");
        assert_eq!(written(59_999), "59s");
        assert_eq!(written(60_000), "1m");
        assert_eq!(written(123_000), "2m 3s");
        assert_eq!(written(3_900_000), "1h 5m");
        assert_eq!(written(86_400_000 + 5_000), "1d");
    }
}
