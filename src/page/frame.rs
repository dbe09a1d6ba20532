//! One frame: what the page shows at one moment.
//!
//! The page is written to but never changed: every update is a whole new frame after the last, and the
//! stylesheet shows the last only. A browser without styles shows them as a log.

use std::time::Duration;

use super::escape;
use super::summary::{Left, Seen, State, Summary};
use super::words;
use crate::model::{Detail, Phase, Stage, Time, View};

/// A frame before it is HTML.
#[derive(Debug)]
pub(super) struct Frame<'a> {
    pub(super) detail: Detail,
    pub(super) seen: &'a [Seen],
    pub(super) summary: &'a Summary,
    /// How long until a failed wake is tried again.
    pub(super) retry_in: Duration,
    pub(super) now: Time,
}

impl Frame<'_> {
    /// The sentence that is read out when it changes. It holds no time, or it would be read out every second.
    pub(super) fn sentence(&self) -> String {
        let Summary { state, total, ready, .. } = self.summary;
        match state {
            State::Ready => "Ready. Opening it now.".into(),
            State::Failed(public) => (*public).into(),
            State::Waking if let Some(trouble) = self.summary.trouble => trouble.into(),
            State::Waking if *total < 2 => "Starting.".into(),
            State::Waking => match self.detail {
                Detail::None => "Starting.".into(),
                Detail::Progress => format!("Starting: {ready} of {total} parts are ready."),
                Detail::Services => format!("Starting: {ready} of {total} services are ready."),
            },
        }
    }

    /// The frame as HTML. Only a `news`worthy sentence is announced to those who listen to the page.
    pub(super) fn html(&self, news: bool) -> String {
        let mut html = String::with_capacity(512);
        let state = match self.summary.state {
            State::Waking => "waking",
            State::Ready => "ready",
            State::Failed(_) => "failed",
        };
        html.push_str(&format!("<div class=\"frame {state}\" aria-live=\"off\">\n<p class=\"say\""));
        if news {
            html.push_str(" aria-live=\"polite\"");
        }
        html.push('>');
        escape::push(&mut html, &self.sentence());
        html.push_str("</p>\n");
        match (self.summary.state, self.detail) {
            (State::Failed(_), _) => self.push_retry(&mut html),
            (_, Detail::None) => {}
            (_, Detail::Progress | Detail::Services) => self.push_progress(&mut html),
        }
        if self.detail == Detail::Services {
            self.push_services(&mut html);
        }
        html.push_str("</div>\n");
        html
    }

    fn push_retry(&self, html: &mut String) {
        let when = match words::until(self.retry_in) {
            _ if self.retry_in.is_zero() => "now".to_owned(),
            time => format!("in {time}"),
        };
        html.push_str(&format!("<p class=\"time\"><span>It will be tried again {when}.</span></p>\n"));
    }

    fn push_progress(&self, html: &mut String) {
        html.push_str("<progress class=\"bar\" aria-label=\"Progress\" max=\"100\"");
        if let Some(percent) = self.summary.percent {
            html.push_str(&format!(" value=\"{percent}\""));
        }
        html.push_str("></progress>\n");
        let elapsed = words::passed(self.summary.elapsed);
        html.push_str(&format!("<p class=\"time\"><span>{elapsed} so far</span>"));
        match self.summary.left {
            _ if self.summary.state == State::Ready => {}
            Left::Unknown => {}
            Left::About(time) if time < Duration::from_secs(1) => {
                html.push_str(" <span>any moment now</span>")
            }
            Left::About(time) => html.push_str(&format!(" <span>about {} more</span>", words::roughly(time))),
            Left::Overdue => html.push_str(" <span>taking longer than usual</span>"),
        }
        html.push_str("</p>\n");
    }

    fn push_services(&self, html: &mut String) {
        html.push_str(
            "<table class=\"services\">\n<thead><tr><th scope=\"col\">Service</th><th scope=\"col\">Stage</th>\
             <th scope=\"col\">Time</th></tr></thead>\n<tbody>\n",
        );
        for member in self.seen {
            let stage = if member.is_ready() { Stage::Ready } else { member.view.stage };
            html.push_str(&format!("<tr class=\"{}\"><th scope=\"row\">", stage.as_str()));
            escape::push(html, &member.name);
            let time = self.time_of(&member.view, stage);
            html.push_str(&format!(
                "</th><td class=\"stage\">{}</td><td>{time}</td></tr>\n",
                words::stage(stage)
            ));
        }
        html.push_str("</tbody>\n</table>\n");
    }

    /// The time column of one service: what its wake has taken so far, and takes usually.
    fn time_of(&self, view: &View, stage: Stage) -> String {
        let in_this_wake = |since: Time| self.now.since(since) <= self.summary.elapsed;
        match (stage, view.waking_since) {
            (Stage::Ready, _) => match view.last_wake {
                Some(took) if view.phase == Phase::Awake && in_this_wake(view.since) => {
                    format!("took {}", words::until(took))
                }
                _ => String::new(),
            },
            (Stage::Idle | Stage::Failed, _) | (_, None) => match view.expected {
                Some(expected) if stage != Stage::Failed => {
                    format!("takes {}", words::roughly(expected))
                }
                _ => String::new(),
            },
            (_, Some(since)) => {
                let elapsed = words::passed(self.now.since(since));
                match view.expected {
                    Some(expected) => format!("{elapsed} of {}", words::roughly(expected)),
                    None => elapsed,
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::Fault;

    const NOW: Time = Time::from_millis(14_000);

    fn views() -> [View; 3] {
        let waking = |stage| View {
            phase: Phase::Waking,
            stage,
            waking_since: Some(Time::from_millis(2000)),
            expected: Some(Duration::from_secs(30)),
            ..View::default()
        };
        let ready = View {
            phase: Phase::Awake,
            since: Time::from_millis(6000),
            last_wake: Some(Duration::from_secs(4)),
            waking_since: None,
            ..waking(Stage::Ready)
        };
        [ready, waking(Stage::Checking), waking(Stage::Waiting)]
    }

    fn html(detail: Detail, views: [View; 3], names: [&str; 3]) -> String {
        let seen: Vec<Seen> = names
            .into_iter()
            .zip(views)
            .map(|(name, view)| Seen { name: name.into(), view: Arc::new(view), needed: true })
            .collect();
        let summary = Summary::of(&seen, NOW);
        Frame { detail, seen: &seen, summary: &summary, retry_in: Duration::from_secs(7), now: NOW }
            .html(true)
    }

    #[test]
    fn services_are_listed_with_stage_and_times() {
        let html = html(Detail::Services, views(), ["db", "api", "web"]);
        assert!(html.contains("1 of 3 services"), "{html}");
        assert!(
            html.contains(r#"<th scope="row">db</th><td class="stage">ready</td><td>took 4 s</td>"#),
            "{html}"
        );
        assert!(html.contains(r#">api</th><td class="stage">checking</td><td>12 s of 30 s</td>"#), "{html}");
        assert!(html.contains(r#"value="40""#) && html.contains("about 20 s more"), "{html}");
    }

    #[test]
    fn progress_names_nobody_and_none_tells_nothing() {
        let progress = html(Detail::Progress, views(), ["secret-db", "secret-api", "secret-web"]);
        assert!(!progress.contains("secret") && progress.contains("1 of 3 parts"), "{progress}");
        let none = html(Detail::None, views(), ["secret-db", "secret-api", "secret-web"]);
        assert!(none.contains("Starting.") && !none.contains(|c: char| c.is_ascii_digit()), "{none}");
    }

    #[test]
    fn a_failure_shows_the_public_sentence_only() {
        let [db, api, web] = views();
        let fault = Some(Fault::new("exec format error in /srv/secret").told_as("It cannot be started."));
        for detail in [Detail::Services, Detail::Progress, Detail::None] {
            let web =
                View { phase: Phase::Failed, stage: Stage::Failed, fault: fault.clone(), ..web.clone() };
            let html = html(detail, [db.clone(), api.clone(), web], ["db", "api", "web"]);
            assert!(html.contains("It cannot be started.") && html.contains("tried again in 7 s"), "{html}");
            assert!(!html.contains("secret") && !html.contains("<progress"), "{html}");
        }
    }

    #[test]
    fn trouble_is_told_in_the_public_sentence_until_it_has_passed() {
        let [db, api, mut web] = views();
        web.trouble = Some(Fault::new("AccessDenied for secret").told_as("It is asked again."));
        for detail in [Detail::Services, Detail::Progress, Detail::None] {
            let html = html(detail, [db.clone(), api.clone(), web.clone()], ["db", "api", "web"]);
            assert!(html.contains("It is asked again.") && !html.contains("secret"), "{html}");
        }
        (web.phase, web.stage) = (Phase::Awake, Stage::Ready);
        let html = html(Detail::Progress, [db.clone(), db, web], ["db", "api", "web"]);
        assert!(html.contains("Ready.") && !html.contains("asked again"), "{html}");
        drop(api);
    }

    #[test]
    fn hostile_names_stay_text() {
        let html = html(Detail::Services, views(), ["<svg onload=alert(1)>", "\"><script>", "</table>"]);
        assert!(!html.contains("<svg") && !html.contains("<script"), "{html}");
        assert_eq!(html.matches("</table>").count(), 1, "{html}");
    }
}
