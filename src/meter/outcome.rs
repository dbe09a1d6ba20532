/// What became of a request. Every request is counted once, under exactly one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Answered by its service, whether or not it was held before.
    Served,
    /// Got the waiting page.
    Page,
    /// Held for `hold_timeout`, then 503.
    HoldTimeout,
    /// 503: as many as may wait were waiting already.
    Full,
    /// 429 or 503: its client, or all together, have woken services too often. The service sleeps on.
    WakeLimited,
    /// The wake failed, and with it the wait.
    WakeFailed,
    /// The activity policy answered while the service sleeps.
    AnsweredAsleep,
    /// The client went away before there was an answer.
    Left,
    /// The service is awake, but no answer could be had from it.
    Upstream,
    /// No route matched.
    NotFound,
    /// Not a request that can be passed on.
    BadRequest,
    /// Its route has a lock, and it brought no key that fits.
    Locked,
    /// Answered by the route itself with a redirect.
    Redirect,
    /// Answered by the route itself with a fixed response.
    Fixed,
    /// The gateway is going down.
    GoingDown,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 15] = [
        Self::Served,
        Self::Page,
        Self::HoldTimeout,
        Self::Full,
        Self::WakeLimited,
        Self::WakeFailed,
        Self::AnsweredAsleep,
        Self::Left,
        Self::Upstream,
        Self::NotFound,
        Self::BadRequest,
        Self::Locked,
        Self::Redirect,
        Self::Fixed,
        Self::GoingDown,
    ];

    /// The word for it, as the `outcome` label has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Served => "served",
            Self::Page => "page",
            Self::HoldTimeout => "hold_timeout",
            Self::Full => "full",
            Self::WakeLimited => "wake_limited",
            Self::WakeFailed => "wake_failed",
            Self::AnsweredAsleep => "answered_asleep",
            Self::Left => "left",
            Self::Upstream => "upstream",
            Self::NotFound => "not_found",
            Self::BadRequest => "bad_request",
            Self::Locked => "locked",
            Self::Redirect => "redirect",
            Self::Fixed => "fixed",
            Self::GoingDown => "going_down",
        }
    }
}
