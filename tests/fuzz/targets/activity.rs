//! Any wildcard and any user agent, and the preset: a wildcard means what the slow and plain way of reading it says.
#![no_main]

use arbitrary::Arbitrary;
use http::{HeaderValue, Request, Uri};
use libfuzzer_sys::fuzz_target;
use wakegate::route::{Glob, Head, Matcher, PathPattern, Policy, PolicyRule, Verdict};

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    rules: Vec<(&'a str, Option<&'a str>, u8)>,
    preset: bool,
    user_agent: &'a [u8],
    uri: &'a [u8],
}

/// A wildcard read one character at a time, with every choice tried.
fn fits(pattern: &[u8], text: &[u8]) -> bool {
    // Row by row: which ends of the text the pattern so far can reach.
    let mut reached = vec![false; text.len() + 1];
    reached[0] = true;
    for wanted in pattern {
        let mut next = vec![false; text.len() + 1];
        for at in 0..=text.len() {
            match wanted {
                b'*' => next[at] = reached[..=at].contains(&true),
                _ if at == 0 => {}
                b'?' => next[at] = reached[at - 1],
                letter => next[at] = reached[at - 1] && text[at - 1].eq_ignore_ascii_case(letter),
            }
        }
        reached = next;
    }
    reached[text.len()]
}

fuzz_target!(|input: Input<'_>| {
    let (Ok(agent), Ok(uri)) = (HeaderValue::from_bytes(input.user_agent), Uri::try_from(input.uri)) else { return };
    let mut request = Request::new(());
    *request.uri_mut() = uri;
    request.headers_mut().insert("user-agent", agent);
    let head = Head::of(&request, [127, 0, 0, 1].into());
    let rules: Vec<PolicyRule> = input
        .rules
        .iter()
        .filter_map(|(agent, path, word)| {
            // Wildcards are of characters where they are of text; the plain way above knows bytes.
            if !agent.is_ascii() || !input.user_agent.is_ascii() {
                return None;
            }
            let paths = path.map(PathPattern::new).transpose().ok()?.into_iter().collect();
            let verdict = [Verdict::Wakes, Verdict::Counts, Verdict::ServedIfAwake][usize::from(word % 3)].clone();
            let user_agents = vec![Glob::ignoring_case(agent)];
            assert_eq!(
                user_agents[0].matches(input.user_agent),
                fits(agent.as_bytes(), input.user_agent),
                "{agent:?}"
            );
            Some(PolicyRule {
                matcher: Matcher { paths, ..Matcher::default() },
                user_agents,
                user_agent_regex: None,
                verdict,
            })
        })
        .collect();
    let expected = rules.iter().find(|rule| rule.matches(&head)).map(|rule| rule.verdict.clone());
    let policy = Policy::new(rules, input.preset);
    let verdict = policy.verdict(&head);
    match expected {
        Some(expected) => assert_eq!(*verdict, expected),
        None if !input.preset => assert_eq!(*verdict, Verdict::Wakes),
        None => assert_eq!(*verdict, *Policy::default().verdict(&head)),
    }
});
