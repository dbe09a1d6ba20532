//! Elastic Load Balancing, version 2, as a form with XML answers: what there is, and who is healthy.
//! See <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_Operations.html>.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::error::ApiError;
use super::groups::{Address, Health, Settings, TargetGroups};
use super::wire::{ACCOUNT, REGION, number, text, texts};

/// Where the load balancers stand.
const VPC: &str = "vpc-0a5eedecaf0000001";

/// Answers a call.
pub(crate) fn answer(groups: &TargetGroups, action: &str, params: &Value) -> Result<Value, ApiError> {
    match action {
        "DescribeTargetHealth" => target_health(groups, params),
        "DescribeTargetGroups" => target_groups(groups, params),
        "DescribeLoadBalancers" => load_balancers(groups, params),
        other => {
            let words = format!("Could not find operation {other} for version 2015-12-01");
            Err(ApiError::new("InvalidAction", words))
        }
    }
}

fn target_health(groups: &TargetGroups, params: &Value) -> Result<Value, ApiError> {
    let arn = text(params, "TargetGroupArn")
        .map_err(|_| ApiError::new("ValidationError", "A target group ARN must be specified"))?;
    let found = groups.health(arn).ok_or_else(no_group)?;
    let settings = groups.settings(arn).ok_or_else(no_group)?;
    let described: Vec<Value> = match params["Targets"].as_array() {
        None => found
            .iter()
            .map(|(address, health)| description(&address.0.to_string(), address.1, health))
            .collect(),
        Some(wanted) => {
            let found: BTreeMap<Address, Health> = found.into_iter().collect();
            wanted.iter().map(|target| one_target(target, settings, &found)).collect::<Result<_, _>>()?
        }
    };
    Ok(json!({ "TargetHealthDescriptions": described }))
}

fn one_target(
    target: &Value,
    settings: &Settings,
    found: &BTreeMap<Address, Health>,
) -> Result<Value, ApiError> {
    let id = text(target, "Id").map_err(|_| ApiError::new("ValidationError", "A target must have an Id"))?;
    let port = number(target, "Port").and_then(|port| u16::try_from(port).ok()).unwrap_or(settings.port);
    let health = id.parse().ok().and_then(|ip| found.get(&(ip, port)).cloned());
    Ok(description(id, port, &health.unwrap_or_else(Health::not_registered)))
}

fn description(id: &str, port: u16, health: &Health) -> Value {
    json!({
        "Target": { "Id": id, "Port": port, "AvailabilityZone": format!("{REGION}a") },
        "HealthCheckPort": port.to_string(),
        "TargetHealth": { "State": health.state, "Reason": health.reason, "Description": health.description },
        "AdministrativeOverride": {
            "State": "no_override",
            "Reason": "AdministrativeOverride.NoOverride",
            "Description": "No override is currently active on target",
        },
    })
}

fn target_groups(groups: &TargetGroups, params: &Value) -> Result<Value, ApiError> {
    let (arns, names) = (texts(params, "TargetGroupArns"), texts(params, "Names"));
    if arns.iter().any(|arn| groups.settings(arn).is_none())
        || names.iter().any(|name| groups.all().all(|it| it.name != *name))
    {
        return Err(no_group());
    }
    let balancer = params["LoadBalancerArn"].as_str();
    let wanted: Vec<&Settings> = groups
        .all()
        .filter(|it| arns.is_empty() || arns.contains(&it.arn))
        .filter(|it| names.is_empty() || names.contains(&it.name))
        .filter(|it| balancer.is_none() || it.load_balancer.as_deref() == balancer)
        .collect();
    page("TargetGroups", wanted.into_iter().map(|it| (it.arn.clone(), target_group(it))).collect(), params)
}

fn target_group(settings: &Settings) -> Value {
    let (from, to) = settings.matcher;
    let matcher = if from == to { from.to_string() } else { format!("{from}-{to}") };
    json!({
        "TargetGroupArn": settings.arn,
        "TargetGroupName": settings.name,
        "Protocol": "HTTP",
        "ProtocolVersion": "HTTP1",
        "Port": settings.port,
        "VpcId": VPC,
        "HealthCheckProtocol": "HTTP",
        "HealthCheckPort": "traffic-port",
        "HealthCheckEnabled": true,
        "HealthCheckIntervalSeconds": settings.interval.as_secs(),
        "HealthCheckTimeoutSeconds": settings.timeout.as_secs(),
        "HealthyThresholdCount": settings.healthy,
        "UnhealthyThresholdCount": settings.unhealthy,
        "HealthCheckPath": settings.path,
        "Matcher": { "HttpCode": matcher },
        "LoadBalancerArns": settings.load_balancer.iter().collect::<Vec<_>>(),
        "TargetType": "ip",
        "IpAddressType": "ipv4",
    })
}

fn load_balancers(groups: &TargetGroups, params: &Value) -> Result<Value, ApiError> {
    let all: BTreeMap<&str, Value> = groups
        .all()
        .filter_map(|it| it.load_balancer.as_deref())
        .map(|arn| (arn, load_balancer(arn)))
        .collect();
    let (arns, names) = (texts(params, "LoadBalancerArns"), texts(params, "Names"));
    let unknown = arns.iter().any(|arn| !all.contains_key(arn.as_str()))
        || names.iter().any(|name| all.values().all(|it| it["LoadBalancerName"] != name.as_str()));
    if unknown {
        return Err(ApiError::new("LoadBalancerNotFound", "One or more load balancers not found"));
    }
    let wanted = all
        .into_iter()
        .filter(|(arn, _)| arns.is_empty() || arns.iter().any(|it| it == arn))
        .filter(|(_, it)| {
            names.is_empty() || names.iter().any(|name| it["LoadBalancerName"] == name.as_str())
        })
        .map(|(arn, it)| (arn.to_owned(), it))
        .collect();
    page("LoadBalancers", wanted, params)
}

/// A load balancer is known by its ARN alone: `…:loadbalancer/app/NAME/ID`.
fn load_balancer(arn: &str) -> Value {
    let name = arn.rsplit('/').nth(1).unwrap_or(arn);
    json!({
        "LoadBalancerArn": arn,
        "LoadBalancerName": name,
        "DNSName": format!("internal-{name}.{REGION}.elb.amazonaws.com"),
        "CanonicalHostedZoneId": "Z215JYRZR1TBD5",
        "CreatedTime": "2026-01-01T00:00:00Z",
        "Scheme": "internal",
        "State": { "Code": "active" },
        "Type": "application",
        "VpcId": VPC,
        "AvailabilityZones": [{ "ZoneName": format!("{REGION}a"), "SubnetId": "subnet-0a5eedecaf0000001" }],
        "SecurityGroups": ["sg-0a5eedecaf0000001"],
        "IpAddressType": "ipv4",
    })
}

/// One page, of at most 400; the marker is the ARN that the next one begins with.
fn page(name: &str, all: Vec<(String, Value)>, params: &Value) -> Result<Value, ApiError> {
    let size = number(params, "PageSize").unwrap_or(400);
    let size = usize::try_from(size).ok().filter(|size| (1..=400).contains(size));
    let size = size.ok_or_else(|| ApiError::new("ValidationError", "PageSize must be between 1 and 400"))?;
    let start = params["Marker"].as_str().unwrap_or_default();
    let mut rest = all.into_iter().filter(|(arn, _)| arn.as_str() >= start);
    let page: Vec<Value> = rest.by_ref().take(size).map(|(_, value)| value).collect();
    Ok(json!({ name: page, "NextMarker": rest.next().map(|(arn, _)| arn) }))
}

fn no_group() -> ApiError {
    ApiError::new("TargetGroupNotFound", "One or more target groups not found")
}

/// The ARN of a target group of this name.
pub(crate) fn group_arn(name: &str) -> String {
    format!("arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:targetgroup/{name}/0a5eedecaf000001")
}

/// The ARN of an application load balancer of this name.
pub(crate) fn load_balancer_arn(name: &str) -> String {
    format!("arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:loadbalancer/app/{name}/0a5eedecaf000002")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn groups() -> TargetGroups {
        let mut groups = TargetGroups::default();
        for name in ["api", "web"] {
            let load_balancer = Some(load_balancer_arn("edge"));
            groups.set(Settings { load_balancer, ..Settings::new(group_arn(name), name, 80) });
        }
        groups.register(&group_arn("web"), ([127, 1, 0, 1].into(), 80), 0.0, Duration::ZERO);
        groups
    }

    #[test]
    fn a_target_that_nobody_registered_is_unused() {
        let targets = json!([{ "Id": "127.1.0.1" }, { "Id": "127.1.0.2", "Port": "81" }]);
        let params = json!({ "TargetGroupArn": group_arn("web"), "Targets": targets });
        let answer = answer(&groups(), "DescribeTargetHealth", &params).expect("an answer");
        let found = &answer["TargetHealthDescriptions"];
        assert_eq!(found[0]["TargetHealth"]["State"], "initial");
        assert_eq!(found[1]["TargetHealth"]["Reason"], "Target.NotRegistered");
        assert_eq!(found[1]["Target"]["Port"], 81);
    }

    #[test]
    fn groups_come_in_pages_and_unknown_ones_are_an_error() {
        let first = answer(&groups(), "DescribeTargetGroups", &json!({ "PageSize": "1" })).expect("a page");
        let next = json!({ "PageSize": "1", "Marker": first["NextMarker"] });
        let second = answer(&groups(), "DescribeTargetGroups", &next).expect("a page");
        assert_eq!(second["TargetGroups"][0]["TargetGroupName"], "web");
        assert!(second["NextMarker"].is_null());
        let unknown = json!({ "TargetGroupArns": ["arn:nobody"] });
        let error = answer(&groups(), "DescribeTargetGroups", &unknown).expect_err("unknown");
        assert_eq!(error.code, "TargetGroupNotFound");
    }
}
