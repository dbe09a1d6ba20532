//! Locks: what they become, and what is wrong with them; no message repeats a secret.

use super::*;

const AROUND: &str = "listeners: [{ address: 127.0.0.1:0 }]\n";
const HASH: &str = "$2b$05$OcLpe2yKp.pKAOQiGFBJqu0VGX1UFRAdgYIbcOUr0hRBLBzYA5NLq";

/// What is said of a lock `a`, written on line 3, and a route that names it on line 2.
#[track_caller]
fn says(lock: &str, expected: &[&str]) {
    let text = format!("{AROUND}routes: [{{ lock: a, respond: {{}} }}]\nlocks: {{ a: {{ {lock} }} }}");
    let shown = load(&text).map(|_| "accepted".to_owned()).unwrap_or_else(|problems| problems.to_string());
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines[..lines.len() - 1], *expected, "in\n{text}");
}

#[test]
fn what_is_wrong_with_a_lock_is_told_without_its_secrets() {
    says("", &["t:3:10: locks.a: has none of `basic`, `bearer` and `link`: nobody could open it"]);
    says("baerer: x", &["t:3:15: locks.a.baerer: unknown key; did you mean `bearer`?"]);
    says("basic: {}", &["t:3:15: locks.a.basic: has no users; give it `users` or a `users_file`"]);
    says(
        "basic: { users: { bob: hunter2 } }",
        &["t:3:38: locks.a.basic.users.bob: is no bcrypt hash; `htpasswd -nB NAME` makes one"],
    );
    says(
        "bearer: [hunter2]",
        &["t:3:24: locks.a.bearer[0]: is too short; a token has 16 characters or more"],
    );
    says(
        "bearer: sha256:hunter2",
        &["t:3:23: locks.a.bearer: has no SHA-256 after `sha256:`, which is 64 hexadecimal digits"],
    );
    says("bearer: []", &["t:3:15: locks.a.bearer: must not be empty; leave the key out instead"]);
    says(
        "link: { key: hunter2 }",
        &[
            "t:3:28: locks.a.link.key: is too short; a key has 32 characters or more, as `openssl rand -hex 32` makes it",
        ],
    );
    says("link: {}", &["t:3:15: locks.a.link: the key `key` is missing"]);
    says(
        "link: { key: 0123456789abcdef0123456789abcdef, cookie_for: 0s }",
        &["t:3:74: locks.a.link.cookie_for: must be more than nothing"],
    );
    says(
        "basic: { users_file: /nowhere/at/all }",
        &[
            "t:3:36: locks.a.basic.users_file: `/nowhere/at/all` cannot be read: No such file or directory (os error 2)",
        ],
    );
}

#[test]
fn a_lock_has_a_name_that_cookies_can_have_and_routes_name_it() {
    let lock = format!("bearer: '{TOKEN}'");
    let text = format!("{AROUND}routes: [{{ lock: taem, respond: {{}} }}]\nlocks: {{ team: {{ {lock} }} }}");
    let expected = "t:2:18: routes[0].lock: there is no lock `taem`; did you mean `team`?\n1 problem";
    assert_eq!(load(&text).unwrap_err().to_string(), expected);
    let text = format!("{AROUND}routes: [{{ respond: {{}} }}]\nlocks: {{ 'a b': {{ {lock} }} }}");
    let expected = "t:3:10: locks.\"a b\": a lock's name has 1 to 60 letters, digits, `-` and `_`\n1 problem";
    assert_eq!(load(&text).unwrap_err().to_string(), expected);
}

#[test]
fn users_come_from_a_file_too_which_is_watched() {
    let directory = tempfile::tempdir().unwrap();
    let users = directory.path().join("users");
    let text = format!(
        "{AROUND}routes: [{{ lock: team, respond: {{}} }}, {{ respond: {{}} }}]\n\
         locks: {{ team: {{ basic: {{ users_file: users }}, bearer: '${{TOKEN}}' }} }}"
    );
    let config = directory.path().join("c.yaml");
    std::fs::write(&config, text).unwrap();
    std::fs::write(&users, format!("# the team\n\nalice:{HASH}\r\n bob:{HASH}\n")).unwrap();
    let variables = |_: &str| Some(TOKEN.to_owned());
    let config = Config::file(config).with_variables(Arc::new(variables));
    let plan = config.load().unwrap();
    assert!(plan.files.contains(&users));
    let lock = plan.rules[0].lock.as_ref().unwrap();
    assert_eq!(lock.keys(), ["a password", "a bearer token"]);
    assert!(Arc::ptr_eq(lock, &plan.locks[0]) && plan.rules[1].lock.is_none());
    let shown = format!("{plan:?} {:?}", plan.rules);
    assert!(shown.contains("2 users") && !shown.contains("alice") && !shown.contains(TOKEN), "{shown}");

    std::fs::write(&users, format!("alice:{HASH}\nbob\ncarol:hunter2\n")).unwrap();
    let shown = config.load().unwrap_err().to_string();
    assert!(shown.contains("line 2 of `users` is not `NAME:HASH`") && shown.contains("line 3 of"), "{shown}");
    assert!(!shown.contains("hunter2"), "{shown}");
}
