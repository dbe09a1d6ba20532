//! What a configuration says of clients: whom it trusts, how often they may wake what sleeps.

use super::*;
use crate::model::{Rate, WakeLimits};

/// A configuration that is right, with this on line 3.
fn with(text: &str) -> Result<Plan, String> {
    let text = format!("listeners: [{{ address: 127.0.0.1:0 }}]\nroutes: [{{ respond: {{}} }}]\n{text}");
    load(&text).map_err(|problems| problems.to_string())
}

#[track_caller]
fn says(text: &str, expected: &str) {
    let shown = with(text).unwrap_err();
    assert_eq!(shown, format!("{expected}\n1 problem"), "in {text}");
}

#[test]
fn trusted_proxies_are_ranges_or_addresses() {
    let plan = with("trusted_proxies: [10.0.0.0/8, '2001:db8::1']").unwrap();
    let shown: Vec<_> = plan.trusted_proxies.iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["10.0.0.0/8", "2001:db8::1/128"]);
    assert_eq!(with("trusted_proxies: 10.0.0.1").unwrap().trusted_proxies.len(), 1);
    assert!(with("").unwrap().trusted_proxies.is_empty());
    says(
        "trusted_proxies: [10.0.0.1/8]",
        "t:3:19: trusted_proxies[0]: `10.0.0.1/8` has bits beyond its prefix; is `10.0.0.0/8` meant?",
    );
    says("trusted_proxies: []", "t:3:1: trusted_proxies: must not be empty; leave the key out instead");
}

#[test]
fn the_proxy_protocol_needs_somebody_to_speak_it() {
    let text = |more: &str| {
        format!(
            "listeners: [{{ address: 127.0.0.1:0, proxy_protocol: true }}]\nroutes: [{{ respond: {{}} }}]\n{more}"
        )
    };
    let plan = load(&text("trusted_proxies: 127.0.0.1")).unwrap();
    assert!(plan.listeners[0].proxy_protocol);
    let shown = load(&text("")).unwrap_err().to_string();
    let expected =
        "t:1:37: listeners[0].proxy_protocol: needs `trusted_proxies`: nobody else may connect here";
    assert_eq!(shown, format!("{expected}\n1 problem"));
}

#[test]
fn wake_limits_are_so_many_in_a_time() {
    let plan = with("wake_limits: { per_client: { wakes: 5, per: 10m } }").unwrap();
    let expected = Rate { count: 5, per: std::time::Duration::from_secs(600) };
    assert_eq!(plan.wake_limits, WakeLimits { per_client: expected, ..WakeLimits::default() });
    assert_eq!(with("").unwrap().wake_limits, WakeLimits::default());
    says(
        "wake_limits: { total: { wakes: 0, per: 1h } }",
        "t:3:32: wake_limits.total.wakes: 0 is out of range; it goes from 1 to 1000000000",
    );
    says(
        "wake_limits: { total: { wakes: 1, per: 0s } }",
        "t:3:40: wake_limits.total.per: must be more than nothing",
    );
    says("wake_limits: { total: { wakes: 1 } }", "t:3:16: wake_limits.total: the key `per` is missing");
}

#[test]
fn trace_headers_are_made_unless_they_are_not_to_be() {
    assert!(with("").unwrap().makes_traces);
    assert!(with("trace_headers: make").unwrap().makes_traces);
    assert!(!with("trace_headers: keep").unwrap().makes_traces);
}
