/// The name at the end of an ARN; a bare name is its own. `arn:aws:ecs:eu-west-1:1:service/demo/web` gives `web`.
pub(in crate::provider::ecs) fn name_of(arn: &str) -> &str {
    resource_of(arn).rsplit('/').next().unwrap_or(arn)
}

/// The last of the six parts of an ARN, which names the resource: `service/demo/web`. A bare name is its own.
pub(in crate::provider::ecs) fn resource_of(arn: &str) -> &str {
    if arn.starts_with("arn:") { arn.splitn(6, ':').nth(5).unwrap_or(arn) } else { arn }
}

/// Partition, service, region and account of an ARN: `arn:aws:ecs:eu-west-1:123456789012`. A bare name has none.
pub(in crate::provider::ecs) fn scope_of(arn: &str) -> Option<&str> {
    let (end, _) = arn.match_indices(':').nth(4)?;
    arn.starts_with("arn:").then(|| &arn[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found() {
        assert_eq!(name_of("arn:aws:ecs:eu-west-1:123456789012:service/demo/web"), "web");
        assert_eq!(name_of("arn:aws:ecs:eu-west-1:123456789012:service/web"), "web", "the short form of old");
        assert_eq!(name_of("arn:aws-cn:ecs:cn-north-1:123456789012:cluster/demo"), "demo");
        assert_eq!(name_of("demo"), "demo");
        assert_eq!(name_of("arn:cut"), "arn:cut");
        assert_eq!(scope_of("arn:aws:ecs:eu-west-1:1:task/demo/a:b"), Some("arn:aws:ecs:eu-west-1:1"));
        assert_eq!([scope_of("demo"), scope_of("arn:cut"), scope_of("a:b:c:d:e:f")], [None; 3]);
        assert_eq!(resource_of("arn:aws:ecs:r:1:task-definition/web:7"), "task-definition/web:7");
    }
}
