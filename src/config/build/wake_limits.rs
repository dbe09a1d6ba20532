use super::super::file;
use super::super::node::At;
use super::Build;
use crate::model::{Rate, WakeLimits};

impl Build<'_> {
    pub(super) fn wake_limits(&mut self, limits: Option<&file::WakeLimits>, at: &At<'_>) -> WakeLimits {
        let base = WakeLimits::default();
        let Some(limits) = limits else { return base };
        let per_client = self.rate(limits.per_client.as_ref(), &at.key("per_client"));
        let total = self.rate(limits.total.as_ref(), &at.key("total"));
        WakeLimits { per_client: per_client.unwrap_or(base.per_client), total: total.unwrap_or(base.total) }
    }

    fn rate(&mut self, rate: Option<&file::Rate>, at: &At<'_>) -> Option<Rate> {
        let rate = rate?;
        let per = self.time(rate.per.as_ref(), &at.key("per"))?;
        Some(Rate { count: rate.wakes?, per })
    }
}
