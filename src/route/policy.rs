use std::sync::Arc;

use regex::Regex;

use super::{Answer, Glob, Head, Matcher, preset};

/// Which requests wake a service and which merely use it while it is awake: rules tried in order, then the
/// [`preset`], then [`Verdict::Wakes`].
#[derive(Clone, Debug)]
pub struct Policy {
    rules: Arc<[PolicyRule]>,
    preset: bool,
}

/// One rule of a [`Policy`].
#[derive(Clone, Debug)]
pub struct PolicyRule {
    /// Which requests it is for.
    pub matcher: Matcher,
    /// And by whom: the `User-Agent` must fit one of these wildcards, where there are some.
    pub user_agents: Vec<Glob>,
    /// And by whom: it must match this expression, where there is one. Slower than wildcards.
    pub user_agent_regex: Option<Regex>,
    /// What follows.
    pub verdict: Verdict,
}

/// What a request may do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Verdict {
    /// It wakes its service, and keeps it awake.
    #[default]
    Wakes,
    /// It does not wake its service, but keeps it awake.
    Counts,
    /// It neither wakes its service nor keeps it awake; while the service is awake it is served.
    ServedIfAwake,
    /// As [`Verdict::ServedIfAwake`], and while the service sleeps it is given this answer.
    AnsweredAsleep(Arc<Answer>),
}

impl Verdict {
    /// Whether it wakes a sleeping service.
    pub fn wakes(&self) -> bool {
        matches!(self, Self::Wakes)
    }

    /// Whether it keeps an awake service awake.
    pub fn counts(&self) -> bool {
        matches!(self, Self::Wakes | Self::Counts)
    }

    /// The answer while the service sleeps, where the policy has one.
    pub fn answer(&self) -> Option<&Answer> {
        match self {
            Self::AnsweredAsleep(answer) => Some(answer),
            Self::Wakes | Self::Counts | Self::ServedIfAwake => None,
        }
    }

    /// The word for it in the configuration and in `explain`.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Wakes => "wakes",
            Self::Counts => "counts",
            Self::ServedIfAwake => "served_if_awake",
            Self::AnsweredAsleep(_) => "answered_while_asleep",
        }
    }
}

impl Policy {
    /// A policy of these rules, with or without the preset after them.
    pub fn new(rules: impl Into<Arc<[PolicyRule]>>, preset: bool) -> Self {
        Self { rules: rules.into(), preset }
    }

    /// What the request may do.
    pub fn verdict(&self, head: &Head<'_>) -> &Verdict {
        if let Some(rule) = self.rules.iter().find(|rule| rule.matches(head)) {
            return &rule.verdict;
        }
        if self.preset { preset::verdict(head) } else { &Verdict::Wakes }
    }
}

impl Default for Policy {
    /// The preset alone.
    fn default() -> Self {
        Self::new([], true)
    }
}

impl PolicyRule {
    /// Whether the request meets every condition.
    pub fn matches(&self, head: &Head<'_>) -> bool {
        self.matcher.matches(head) && self.matches_user_agent(preset::user_agent(head))
    }

    fn matches_user_agent(&self, sent: &[u8]) -> bool {
        (self.user_agents.is_empty() || self.user_agents.iter().any(|glob| glob.matches(sent)))
            && self
                .user_agent_regex
                .as_ref()
                .is_none_or(|regex| std::str::from_utf8(sent).is_ok_and(|sent| regex.is_match(sent)))
    }
}

#[cfg(test)]
mod tests {
    use http::{Request, StatusCode};

    use super::super::PathPattern;
    use super::*;

    fn verdict(policy: &Policy, path: &str, user_agent: &str) -> Verdict {
        let request = Request::get(path).header("user-agent", user_agent).body(()).unwrap();
        policy.verdict(&Head::of(&request, [127, 0, 0, 1].into())).clone()
    }

    fn rule(path: &str, user_agents: &[&str], regex: Option<&str>, verdict: Verdict) -> PolicyRule {
        PolicyRule {
            matcher: Matcher { paths: vec![PathPattern::new(path).unwrap()], ..Matcher::default() },
            user_agents: user_agents.iter().map(|pattern| Glob::ignoring_case(pattern)).collect(),
            user_agent_regex: regex.map(|regex| Regex::new(regex).unwrap()),
            verdict,
        }
    }

    #[test]
    fn own_rules_go_first_then_the_preset_then_it_wakes() {
        let answer = Verdict::AnsweredAsleep(Answer::new(StatusCode::NO_CONTENT).into());
        let policy = Policy::new(
            [
                rule("/wake-me/*", &[], None, Verdict::Wakes),
                rule("/ping", &["*monitor*", "Poller/?"], None, answer.clone()),
                rule("/poll", &[], Some("^poller/[0-9]+$"), Verdict::Counts),
            ],
            true,
        );
        assert_eq!(verdict(&policy, "/wake-me/x", "Googlebot/2.1"), Verdict::Wakes);
        assert_eq!(verdict(&policy, "/x", "Googlebot/2.1"), Verdict::ServedIfAwake);
        assert_eq!(verdict(&policy, "/ping", "my MONITOR 1"), answer);
        assert_eq!(verdict(&policy, "/ping", "poller/1"), answer);
        assert_eq!(verdict(&policy, "/ping", "poller/10"), Verdict::Wakes);
        assert_eq!(verdict(&policy, "/poll", "poller/10"), Verdict::Counts);
        assert_eq!(verdict(&policy, "/poll", "a poller/10"), Verdict::Wakes);
        assert_eq!(verdict(&Policy::new([], false), "/x", "Googlebot/2.1"), Verdict::Wakes);
        assert_eq!(verdict(&Policy::default(), "/x", "Googlebot/2.1"), Verdict::ServedIfAwake);
    }

    #[test]
    fn only_two_verdicts_keep_a_service_awake() {
        let answer = Verdict::AnsweredAsleep(Answer::new(StatusCode::OK).into());
        let of = |verdict: &Verdict| (verdict.wakes(), verdict.counts());
        assert_eq!(of(&Verdict::Wakes), (true, true));
        assert_eq!(of(&Verdict::Counts), (false, true));
        assert_eq!(of(&Verdict::ServedIfAwake), (false, false));
        assert_eq!(of(&answer), (false, false));
    }
}
