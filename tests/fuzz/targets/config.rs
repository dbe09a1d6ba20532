//! Any text as a configuration: it is one, or every problem has a place and a sentence.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use wakegate::Config;

fuzz_target!(|text: &str| {
    // What a file would be read from is not this target's business.
    if ["logo", "_file", "certificate", "key"].iter().any(|name| text.contains(name)) {
        return;
    }
    let variables = Arc::new(|name: &str| name.starts_with('A').then(|| format!("${{{name}}}")));
    match Config::text("fuzz", text).with_variables(variables).load() {
        Ok(plan) => {
            assert!(!plan.listeners.is_empty() && !plan.rules.is_empty());
            assert!(format!("{plan:?}").contains("Plan"));
        }
        Err(problems) => {
            assert!(!problems.all().is_empty());
            let text = problems.to_string();
            assert!(text.starts_with("fuzz"), "{text}");
        }
    }
});
