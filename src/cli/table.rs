//! The table of `wakegate status`.

use std::time::Duration;

use crate::admin::ServiceStatus;
use crate::model::duration;

const HEADER: [&str; 8] =
    ["SERVICE", "PHASE", "SINCE", "IN FLIGHT", "HELD", "IDLE FOR", "NEXT SLEEP", "LAST WAKE"];
/// Numbers are easier to compare when they end in one column.
const RIGHT: [bool; 8] = [false, false, true, true, true, true, false, true];

/// Writes the services as a table, with the reason under those that have one.
pub(super) fn render(services: &[ServiceStatus], colours: bool) -> String {
    if services.is_empty() {
        return "no services\n".to_owned();
    }
    let rows: Vec<[String; 8]> = services.iter().map(row).collect();
    let mut widths = HEADER.map(str::len);
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    line(&mut text, &HEADER.map(str::to_owned), &widths, |_, cell| cell);
    for (row, service) in rows.iter().zip(services) {
        line(&mut text, row, &widths, |column, cell| match column {
            1 if colours => coloured(&service.phase, &cell),
            _ => cell,
        });
        explain(&mut text, "!", "", service.fault.as_deref());
        explain(
            &mut text,
            "~",
            "waiting: ",
            service.waits_for.as_deref().filter(|_| service.phase == "waking"),
        );
        explain(&mut text, "~", "not observed: ", service.not_observed.as_deref());
        explain(&mut text, "~", "not put to sleep: it ", service.keeps.as_deref());
    }
    text
}

/// Lines below a service's own.
fn explain(text: &mut String, mark: &str, lead: &str, reason: Option<&str>) {
    let lines = reason.into_iter().flat_map(str::lines).filter(|part| !part.trim().is_empty());
    for (number, part) in lines.enumerate() {
        let lead = if number == 0 { lead } else { "" };
        text.push_str(&format!("  {mark} {lead}{}\n", printable(part.trim_end())));
    }
}

fn row(service: &ServiceStatus) -> [String; 8] {
    // How far it is says more than the word alone.
    let phase = match &*service.phase {
        "waking" => format!("waking ({})", service.stage),
        other => other.to_owned(),
    };
    [
        printable(&service.name),
        printable(&phase),
        time(service.since_seconds),
        service.in_flight.to_string(),
        service.held.to_string(),
        service.idle_for_seconds.map_or_else(dash, time),
        next_sleep(service),
        service.last_wake_seconds.map_or_else(dash, time),
    ]
}

/// When it sleeps next, or what keeps it awake; for a failed one, when it is tried again.
fn next_sleep(service: &ServiceStatus) -> String {
    if let Some(left) = service.retry_in_seconds {
        return format!("retry in {}", time(left));
    }
    if service.phase != "awake" {
        return dash();
    }
    if let Some(left) = service.lease_for_seconds {
        return format!("kept for {}", time(left));
    }
    if service.provider == "fixed" {
        return "never".to_owned();
    }
    if let [first, rest @ ..] = &service.needed_by[..] {
        let more = if rest.is_empty() { String::new() } else { format!(" +{}", rest.len()) };
        return printable(&format!("after {first}{more}"));
    }
    service.sleeps_in_seconds.map_or_else(dash, |left| format!("in {}", time(left)))
}

fn dash() -> String {
    "-".to_owned()
}

fn time(seconds: f64) -> String {
    // What an answer says is not to be trusted to be a number that a duration can have.
    Duration::try_from_secs_f64(seconds).map_or_else(|_| "?".to_owned(), duration::format)
}

fn line(
    text: &mut String,
    cells: &[String; 8],
    widths: &[usize; 8],
    paint: impl Fn(usize, String) -> String,
) {
    let start = text.len();
    for (column, cell) in cells.iter().enumerate() {
        if column > 0 {
            text.push_str("  ");
        }
        let padding = " ".repeat(widths[column].saturating_sub(cell.chars().count()));
        // The padding stays unpainted, and colours take no width.
        let cell = paint(column, cell.clone());
        if RIGHT[column] {
            text.push_str(&padding);
            text.push_str(&cell);
        } else {
            text.push_str(&cell);
            text.push_str(&padding);
        }
    }
    text.truncate(start + text[start..].trim_end().len());
    text.push('\n');
}

/// Control characters would let an answer move the cursor.
fn printable(text: &str) -> String {
    text.chars().map(|char| if char.is_control() { '\u{fffd}' } else { char }).collect()
}

fn coloured(phase: &str, cell: &str) -> String {
    let code = match phase {
        "awake" => "32",
        "waking" | "draining" | "stopping" => "33",
        "failed" => "31",
        _ => "2",
    };
    format!("\x1b[{code}m{cell}\x1b[0m")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn services() -> Vec<ServiceStatus> {
        let service = |name: &str, phase: &str| ServiceStatus {
            name: name.into(),
            phase: phase.into(),
            provider: "process".into(),
            since_seconds: 7_500.0,
            ..ServiceStatus::default()
        };
        let mut web = service("web", "awake");
        web.in_flight = 12;
        web.last_wake_seconds = Some(4.25);
        let mut api = service("api", "awake");
        api.idle_for_seconds = Some(200.0);
        api.sleeps_in_seconds = Some(700.0);
        let mut db = service("db", "awake");
        db.needed_by = vec!["api".into(), "worker".into()];
        let mut worker = service("worker", "failed");
        worker.fault = Some("exit code 1\nbind: \x1b[31maddress in use\n".into());
        worker.retry_in_seconds = Some(3.0);
        let mut mail = service("mail", "waking");
        mail.stage = "checking".into();
        mail.held = 3;
        mail.since_seconds = 0.4;
        mail.waits_for = Some("its target group: 1 initial".into());
        db.keeps = Some("is being deployed".into());
        db.not_observed = Some("no answer within 5s".into());
        vec![web, api, db, worker, mail]
    }

    #[test]
    fn the_table_is_read_at_a_glance() {
        let expected = "\
SERVICE  PHASE              SINCE  IN FLIGHT  HELD  IDLE FOR  NEXT SLEEP    LAST WAKE
web      awake              2h 5m         12     0         -  -                  4.2s
api      awake              2h 5m          0     0    3m 20s  in 11m 40s            -
db       awake              2h 5m          0     0         -  after api +1          -
  ~ not observed: no answer within 5s
  ~ not put to sleep: it is being deployed
worker   failed             2h 5m          0     0         -  retry in 3s           -
  ! exit code 1
  ! bind: \u{fffd}[31maddress in use
mail     waking (checking)  400ms          0     3         -  -                     -
  ~ waiting: its target group: 1 initial
";
        assert_eq!(render(&services(), false), expected);
    }

    #[test]
    fn colours_change_nothing_else() {
        let painted = render(&services(), true);
        assert!(painted.contains("\x1b[31mfailed\x1b[0m"));
        let mut bare = painted;
        for code in ["\x1b[0m", "\x1b[2m", "\x1b[31m", "\x1b[32m", "\x1b[33m"] {
            bare = bare.replace(code, "");
        }
        assert_eq!(bare, render(&services(), false));
    }

    #[test]
    fn times_that_are_none_do_no_harm() {
        for seconds in [-1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(time(seconds), "?");
        }
    }
}
