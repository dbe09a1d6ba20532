use std::time::Duration;

/// How AWS is used.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The share of the account's request rate limits that may be used, from above 0 to 1.
    pub budget: f64,
    /// How long after a change of our own a contradicting answer counts as stale.
    pub settle: Duration,
    /// How long one request may take.
    pub request_timeout: Duration,
    /// Whether Application Auto Scaling is suspended while a service sleeps.
    pub auto_scaling: bool,
    /// The SQS queue that tells of changes; without one there is only polling.
    pub queue_url: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            budget: 0.5,
            settle: Duration::from_secs(5),
            request_timeout: Duration::from_secs(5),
            auto_scaling: true,
            queue_url: None,
        }
    }
}
