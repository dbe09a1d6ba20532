use super::*;

fn is_denied(message: &str) -> (String, String) {
    match kind("AccessDenied", message, 403, "ecs:ListTasks") {
        Kind::Denied { action, resource } => (action, resource),
        other => panic!("{other:?}"),
    }
}

#[test]
fn action_and_resource_are_read_from_a_denial() {
    let (action, resource) = is_denied(
        "User: arn:aws:sts::1:assumed-role/r/s is not authorized to perform: \
         elasticloadbalancing:DescribeTargetHealth because no identity-based policy allows it",
    );
    assert_eq!((action.as_str(), resource.as_str()), ("elasticloadbalancing:DescribeTargetHealth", "*"));
    let (action, resource) = is_denied(
        "User: u is not authorized to perform: ecs:TagResource on resource: arn:aws:ecs:r:1:service/demo/web",
    );
    assert_eq!((action.as_str(), resource.as_str()), ("ecs:TagResource", "arn:aws:ecs:r:1:service/demo/web"));
    let (action, _) =
        is_denied("User: u is not authorized to perform: sqs:receivemessage, with an explicit deny");
    assert_eq!(action, "sqs:receivemessage", "another than the one that was asked for");
    let (action, _) = is_denied("User: u is not authorized to perform: ecs:listtasks");
    assert_eq!(action, "ecs:ListTasks", "the same in lower case");
    let (_, resource) = is_denied(&format!("not authorized to perform: a on resource: {}", "x".repeat(5000)));
    assert!(resource.len() < 500, "{}", resource.len());
    assert_eq!(is_denied("no"), ("ecs:ListTasks".to_owned(), "*".to_owned()));
}

#[test]
fn codes_are_told_apart() {
    let kind = |code, message, status| kind(code, message, status, "ecs:ListTasks");
    assert_eq!(kind("RequestLimitExceeded", "", 503), Kind::Throttled);
    assert_eq!(kind("ClientException", "Rate exceeded", 400), Kind::Throttled);
    assert_eq!(kind("ClientException", "Tasks cannot be empty.", 400), Kind::Invalid);
    assert!(matches!(kind("ClientException", "You are not authorized to perform", 400), Kind::Denied { .. }));
    assert_eq!(kind("", "", 429), Kind::Throttled);
    assert_eq!(kind("SomethingNew", "", 503), Kind::Server);
    assert_eq!(kind("SomethingNew", "", 400), Kind::Other);
}

#[test]
fn only_the_first_sentence_is_taken() {
    assert_eq!(
        first_sentence("The signature does not match. Check your key.\n\nPOST"),
        "The signature does not match"
    );
    assert_eq!(first_sentence("\nThe signature\nPOST /"), "The signature");
    assert_eq!(first_sentence("Expired."), "Expired.");
    assert_eq!(first_sentence(""), "");
}
