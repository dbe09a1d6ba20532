use super::super::file;
use super::super::node::At;
use super::super::plan::Aws;
use super::Build;

impl Build<'_> {
    /// How AWS is used; `at` is the place of the whole file.
    pub(super) fn aws(&mut self, file: &file::File, at: &At<'_>) -> Aws {
        let defaults = Aws::default();
        let none = file::Aws::default();
        let (written, place) = (file.aws.as_ref().unwrap_or(&none), at.key("aws"));
        let mut time = |duration: &Option<file::Duration>, key| self.time(duration.as_ref(), &place.key(key));
        let poll_every = time(&written.poll_every, "poll_every");
        let reconcile_every = time(&written.reconcile_every, "reconcile_every");
        let request_timeout = time(&written.request_timeout, "request_timeout");
        let settle = self.duration(written.settle.as_ref(), &place.key("settle"));
        let queue_url = file.events.as_ref().and_then(|events| events.queue_url.clone());
        if let Some(url) = &queue_url {
            let sound = url.parse::<http::Uri>().is_ok_and(|url| {
                url.host().is_some()
                    && matches!(url.scheme_str(), Some("http" | "https"))
                    && url.path().len() > 1
            });
            if !sound {
                let at = at.key("events").key("queue_url");
                self.report(at.problem(
                    "is no URL of a queue; such a one is `https://sqs.REGION.amazonaws.com/ACCOUNT/NAME`",
                ));
            }
        }
        Aws {
            budget: written.budget_percent.map_or(defaults.budget, |percent| f64::from(percent) / 100.0),
            poll_every: poll_every.unwrap_or(defaults.poll_every),
            reconcile_every: reconcile_every.unwrap_or(defaults.reconcile_every),
            settle: settle.unwrap_or(defaults.settle),
            request_timeout: request_timeout.unwrap_or(defaults.request_timeout),
            auto_scaling: written.auto_scaling.unwrap_or(defaults.auto_scaling),
            queue_url,
        }
    }
}
