//! Input that means harm, or is no configuration at all: answered with a problem, in time, without a panic.

use super::*;

fn check(bytes: &[u8]) -> Result<Plan, Problems> {
    Config::text("t", "").with_variables(Arc::new(|_| None)).check("t", bytes, Path::new("/nowhere"))
}

fn only(bytes: &[u8]) -> String {
    let problems = check(bytes).unwrap_err();
    assert_eq!(problems.all().len(), 1, "{problems}");
    problems.to_string().lines().next().unwrap().to_owned()
}

#[test]
fn encodings() {
    assert_eq!(only(b"a: b\n\xc3\xa9x: \xff"), "t:2:5: is not UTF-8 from here on");
    assert_eq!(only(b"\xff\xfea\0"), "t: is UTF-16; save it as UTF-8");
    let with_mark = [b"\xef\xbb\xbf", EXAMPLE.replace("${WAKEGATE_ADMIN_TOKEN}", TOKEN).as_bytes()].concat();
    assert!(check(&with_mark).is_ok());
    assert!(
        check(EXAMPLE.replace("${WAKEGATE_ADMIN_TOKEN}", TOKEN).replace('\n', "\r\n").as_bytes()).is_ok()
    );
    assert!(check(b"\0\0\0").is_err());
}

#[test]
fn size_depth_and_aliases_are_bounded() {
    assert_eq!(
        only(&vec![b'#'; parse::MAX_BYTES + 1]),
        "t: is larger than 4 MiB, which no configuration needs"
    );
    assert_eq!(only("[".repeat(200).as_bytes()), "t:1:34: is nested more than 32 levels deep");
    assert_eq!(only("- ".repeat(200_000).as_bytes()), "t:1:67: is nested more than 32 levels deep");
    assert_eq!(only("{a: ".repeat(200).as_bytes()), "t:1:130: is nested more than 32 levels deep");
    let laughs: String =
        (1..30).map(|n| format!("a{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 9].join(", "))).collect();
    let laughs = format!("a0: &a0 [lol]\n{laughs}");
    assert!(only(laughs.as_bytes()).ends_with("values, aliases written out"), "{}", only(laughs.as_bytes()));
    assert!(only(b"a: &a [*a]").contains("alias"), "{}", only(b"a: &a [*a]"));
    assert!(only("- 1\n".repeat(600_000).as_bytes()).ends_with("values, aliases written out"));
}

#[test]
fn the_number_of_problems_is_bounded() {
    let many: String = (0..5_000).map(|n| format!("key{n}: 1\n")).collect();
    let problems = check(many.as_bytes()).unwrap_err();
    assert_eq!(problems.all().len(), 1000);
    assert!(problems.to_string().ends_with("\n5002 problems, the first 1000 shown"), "{problems}");
}

#[test]
fn ten_thousand_services_and_routes_are_checked_in_time() {
    let services: String = (0..10_000)
        .map(|n| format!("  s{n}: {{ upstream: http://s{n}, depends_on: [s{}] }}\n", n + 1))
        .collect();
    let routes: String =
        (0..10_000).map(|n| format!("  - {{ host: h{n}.example, service: s{n} }}\n")).collect();
    let text = format!(
        "listeners: [{{ address: 127.0.0.1:0 }}]\nservices:\n{services}  s10000: {{ upstream: http://x }}\nroutes:\n{routes}"
    );
    let plan = check(text.as_bytes()).unwrap();
    assert_eq!((plan.graph.len(), plan.rules.len()), (10_001, 10_000));
}

/// Any key with a letter changed is reported; nothing that is cut, doubled or overwritten makes it panic.
#[test]
fn mutations_are_reported_and_never_panic() {
    let text = include_str!("../../../examples/complete.yaml");
    assert!(check(text.as_bytes()).is_ok());
    let mut random = fastrand::Rng::with_seed(23);

    // Keys, with where they begin; those of maps of one's own making may be anything.
    let free = ["env", "headers", "query", "set", "add", "services", "locks", "users"];
    let (tree, _) = parse::tree(text).unwrap();
    let mut keys = Vec::new();
    let mut todo = vec![(&tree, true)];
    while let Some((node, known)) = todo.pop() {
        match &node.data {
            node::Data::Map(entries) => {
                for entry in entries {
                    if known {
                        keys.push((entry.at, entry.key.clone()));
                    }
                    let inner = !free.contains(&&*entry.key) || !known;
                    let edges = &*entry.key == "depends_on";
                    todo.push((&entry.value, inner && !edges));
                }
            }
            node::Data::List(items) => todo.extend(items.iter().map(|item| (item, known))),
            node::Data::Scalar { .. } => {}
        }
    }
    assert!(keys.len() > 100, "{} keys", keys.len());
    let starts: Vec<usize> =
        std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
    for (position, key) in &keys {
        let at = starts[position.line - 1] + position.column - 1;
        let changed = format!("{}{key}q{}", &text[..at], &text[at + key.len()..]);
        let problems = check(changed.as_bytes()).unwrap_err();
        let here = |problem: &Problem| {
            problem.position == Some(*position) && problem.message.contains("unknown key")
        };
        assert!(problems.all().iter().any(here), "{key} at {position:?}: {problems}");
    }

    let mut refused = 0;
    for _ in 0..1_000 {
        let mut bytes = text.as_bytes().to_vec();
        for _ in 0..random.usize(1..4) {
            let at = random.usize(..bytes.len());
            let length = random.usize(..40).min(bytes.len() - at);
            match random.u8(..4) {
                0 => drop(bytes.drain(at..at + length)),
                1 => {
                    let copy = bytes[at..at + length].to_vec();
                    bytes.splice(at..at, copy);
                }
                2 => bytes[at] = random.u8(..),
                _ => bytes[at] = *random.choice(b"{}[]:,&*#?|->!%@`'\"$\n\t ").unwrap(),
            }
        }
        if let Err(problems) = check(&bytes) {
            refused += 1;
            assert!(!problems.all().is_empty());
            let lines = bytes.split(|byte| *byte == b'\n').count() + 1;
            let within =
                |problem: &Problem| problem.position.is_none_or(|at| at.line <= lines && at.column > 0);
            assert!(problems.all().iter().all(within), "{problems}");
        }
    }
    assert!(refused > 300, "{refused} were refused");
}
