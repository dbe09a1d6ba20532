use super::api::Visit;

const HEAD: &str = r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Wakegate demo</title>
<link rel="icon" href="data:,">
<style>
:root { color-scheme: light dark; --ink: #1d2430; --soft: #566074; --paper: #f6f4ef; --card: #ffffff;
  --line: #dcd8ce; --accent: #0b6b57; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8e6e0; --soft: #a3abba; --paper: #14171c; --card: #1d2128; --line: #323843; --accent: #5fd0b3; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", sans-serif; }
main { max-width: 44rem; margin: 0 auto; padding: 3rem 1.25rem; }
h1 { margin: 0 0 .4rem; font-size: clamp(1.7rem, 5vw, 2.4rem); line-height: 1.15; letter-spacing: -.02em; }
h2 { margin: 0; font-size: 1rem; font-family: ui-monospace, "SF Mono", Menlo, monospace; color: var(--accent); }
p { margin: .4rem 0 0; }
.soft { color: var(--soft); }
.count { font-size: 1.15rem; }
ol { list-style: none; margin: 2rem 0; padding: 0; display: grid; gap: .9rem; }
li { background: var(--card); border: 1px solid var(--line); border-radius: .8rem; padding: 1rem 1.2rem; }
li.in1 { margin-left: clamp(.5rem, 4vw, 1.6rem); }
li.in2 { margin-left: clamp(1rem, 8vw, 3.2rem); }
a { color: var(--accent); }
code { font-family: ui-monospace, "SF Mono", Menlo, monospace; font-size: .92em; }
</style>
</head>
<body>
<main>
"#;

const FOOT: &str = "</main>\n</body>\n</html>\n";

/// The page of a visit. `took_us` is the API's time as `web` saw it, in microseconds.
pub(super) fn visit(visit: &Visit, took_us: u64, web_up_ms: u64) -> String {
    let visits = &visit.visits;
    let count = visits.count;
    let earlier = match visits.ago_ms.get(1) {
        Some(ago) => format!("The one before it came {} ago.", duration(*ago)),
        None => "It forgets everything when it sleeps, so you are the first since it woke.".to_owned(),
    };
    let (web, api, db) = (duration(web_up_ms), duration(visit.api_up_ms), duration(visits.db_up_ms));
    let (api_took, db_took) = (millis(took_us), millis(visit.db_took_us));
    format!(
        r#"{HEAD}<h1>Everything is awake</h1>
<p class="soft">A moment ago some of these programs may not have been running. Your visit started them.</p>
<ol>
<li><h2>web</h2>
<p>Made this page, and asked <code>api</code> for what is on it. Up for {web}.</p></li>
<li class="in1"><h2>api</h2>
<p>Answered <code>web</code> in {api_took}, once it had asked <code>db</code>. Up for {api}.</p></li>
<li class="in2"><h2>db</h2>
<p class="count">Logged visit number <strong>{count}</strong> in {db_took}.</p>
<p>{earlier} Up for {db}.</p></li>
<li class="in1"><h2>worker</h2>
<p>Listens on nothing; it was started along with <code>web</code> and beats in the log.</p></li>
</ol>
<p>Leave them alone for 20 seconds and they go back to sleep, <code>web</code> first, <code>db</code> after
those that need it. Then <a href="/">come again</a>.</p>
{FOOT}"#
    )
}

/// The page for when the API has no answer.
pub(super) fn failure(reason: &str) -> String {
    let reason = escape(reason);
    format!(
        "{HEAD}<h1>The API has no answer</h1>\n<p>{reason}</p>\n<p><a href=\"/\">Try again</a>.</p>\n{FOOT}"
    )
}

fn millis(micros: u64) -> String {
    format!("{}.{} ms", micros / 1000, micros % 1000 / 100)
}

fn duration(millis: u64) -> String {
    match millis / 1000 {
        0 => format!("{millis} ms"),
        seconds @ 1..60 => format!("{seconds} s"),
        seconds => format!("{} min {} s", seconds / 60, seconds % 60),
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_well() {
        assert_eq!([duration(999), duration(1999), duration(61_000)], ["999 ms", "1 s", "1 min 1 s"]);
        assert_eq!([millis(999), millis(12_345)], ["0.9 ms", "12.3 ms"]);
    }

    #[test]
    fn a_reason_cannot_break_the_page() {
        assert!(failure("<script>&").contains("<p>&lt;script&gt;&amp;</p>"));
    }
}
