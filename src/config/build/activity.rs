use super::super::file::{self, VerdictWord};
use super::super::node::At;
use super::Build;
use super::routes::Conditions;
use crate::route::{Answer, Glob, Policy, PolicyRule, Verdict};

/// What the file says of activity at its top.
pub(super) struct GatewayPolicy {
    rules: Vec<PolicyRule>,
    preset: bool,
}

impl GatewayPolicy {
    pub(super) fn policy(&self) -> Policy {
        Policy::new(self.rules.clone(), self.preset)
    }
}

impl Build<'_> {
    pub(super) fn gateway_policy(&mut self, activity: Option<&file::Activity>, at: &At<'_>) -> GatewayPolicy {
        let rules = activity.map(|activity| self.policy_rules(activity, at)).unwrap_or_default();
        GatewayPolicy { rules, preset: activity.and_then(|activity| activity.preset).unwrap_or(true) }
    }

    /// A route's own policy: its rules, then the gateway's, then the preset, as the route or else the gateway says.
    pub(super) fn route_policy(
        &mut self,
        activity: &file::Activity,
        at: &At<'_>,
        gateway: &GatewayPolicy,
    ) -> Policy {
        let mut rules = self.policy_rules(activity, at);
        rules.extend_from_slice(&gateway.rules);
        Policy::new(rules, activity.preset.unwrap_or(gateway.preset))
    }

    fn policy_rules(&mut self, activity: &file::Activity, at: &At<'_>) -> Vec<PolicyRule> {
        let rules = activity.rules.as_deref().unwrap_or_default();
        let at = at.key("rules");
        let mut all = Vec::with_capacity(rules.len());
        for (index, rule) in rules.iter().enumerate() {
            all.extend(self.policy_rule(rule, &at.item(index)));
        }
        all
    }

    fn policy_rule(&mut self, rule: &file::ActivityRule, at: &At<'_>) -> Option<PolicyRule> {
        let conditions = Conditions {
            path: rule.path.as_ref(),
            headers: rule.headers.as_ref(),
            methods: rule.methods.as_ref(),
            source: rule.source.as_ref(),
        };
        let matcher = self.conditions(&conditions, at);
        let user_agents = self.each(rule.user_agent.as_ref(), &at.key("user_agent"), |text| {
            Ok::<_, String>(Glob::ignoring_case(text))
        });
        let regex = rule.user_agent_regex.as_deref();
        let user_agent_regex = regex.and_then(|text| self.regex(text, &at.key("user_agent_regex")));
        let answer = rule.answer.as_ref().map(|answer| self.answer(answer, &at.key("answer")));
        let verdict = match rule.action? {
            VerdictWord::AnsweredWhileAsleep => {
                Verdict::AnsweredAsleep(answer.unwrap_or_else(|| Answer::new(http::StatusCode::OK)).into())
            }
            other => {
                if at.has("answer") {
                    self.report(
                        at.key("answer").key_problem("goes with `action: answered_while_asleep` only"),
                    );
                }
                match other {
                    VerdictWord::Counts => Verdict::Counts,
                    VerdictWord::ServedIfAwake => Verdict::ServedIfAwake,
                    VerdictWord::Wakes | VerdictWord::AnsweredWhileAsleep => Verdict::Wakes,
                }
            }
        };
        Some(PolicyRule { matcher, user_agents, user_agent_regex, verdict })
    }
}
