//! Any template, and any words in the built-in one: nothing that is put in can become markup.
#![no_main]

use std::sync::Arc;

use arbitrary::Arbitrary;
use http_body_util::BodyExt;
use libfuzzer_sys::fuzz_target;
use wakegate::clock::Clock;
use wakegate::model::{Detail, PageSpec, View};
use wakegate::page::{Member, Page};

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    template: Option<&'a str>,
    name: &'a str,
    text: &'a str,
    service: &'a str,
    details: bool,
}

/// The beginning of the page, up to its first frame.
fn begin(spec: &PageSpec, service: &str) -> Option<String> {
    let page = Page::new(spec).ok()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().ok()?;
    runtime.block_on(async {
        let (_view, view) = tokio::sync::watch::channel(Arc::new(View::default()));
        let (_closing, closing) = tokio::sync::watch::channel(None);
        let member = Member { name: service.into(), view, needed_for_door: true };
        let mut body = page.response(vec![member], Clock::start(), closing).into_body();
        // What stands before the frames, and the first of them, come in one piece.
        let first = body.frame().await?.ok()?.into_data().ok()?;
        String::from_utf8(first.to_vec()).ok()
    })
}

/// The characters that markup is made of, in their order.
fn markup(html: &str) -> Vec<char> {
    html.chars().filter(|character| matches!(character, '<' | '>' | '"' | '\'')).collect()
}

fuzz_target!(|input: Input<'_>| {
    // What is empty may be left out, with all around it.
    if [input.name, input.text, input.service].iter().any(|words| words.trim().is_empty()) {
        return;
    }
    let spec = |name: &str, text: &str| PageSpec {
        name: Some(name.to_owned()),
        text: Some(text.to_owned()),
        detail: if input.details { Detail::Services } else { Detail::Progress },
        template: input.template.map(Into::into),
        ..PageSpec::default()
    };
    let Some(hostile) = begin(&spec(input.name, input.text), input.service) else { return };
    let plain = begin(&spec("name", "text"), "service").expect("the template is one");
    assert_eq!(markup(&hostile), markup(&plain));
});
