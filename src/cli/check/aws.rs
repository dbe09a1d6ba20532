//! `wakegate check --aws`.

use super::super::{Failure, block_on, output, providers};
use crate::config::Plan;
use crate::provider::ecs::{self, Finding, Weight};

/// Prints what is wrong on AWS with the services of a plan.
///
/// # Errors
/// Something is, or it could not be found out.
pub(super) fn check(plan: &Plan) -> Result<(), Failure> {
    let specs = providers::on_ecs(plan);
    if specs.is_empty() {
        return output::print("AWS: no service of the configuration is on ECS\n");
    }
    let settings = providers::settings(plan);
    let findings = block_on(async {
        let config = ecs::connect().await.map_err(|fault| Failure::usage(fault.to_string()))?;
        Ok(ecs::check(&config, &settings, &specs, providers::seed()).await)
    })?;
    output::print(&text(&findings, specs.len()))?;
    verdict(&findings)
}

/// One line a finding; one in any case.
fn text(findings: &[Finding], services: usize) -> String {
    let lines: String =
        findings.iter().map(|finding| format!("{}{finding}\n", word(finding.weight))).collect();
    let services = if services == 1 { "1 service".to_owned() } else { format!("{services} services") };
    if findings.iter().any(|finding| finding.weight != Weight::Note) {
        return format!("{lines}{TRIED}");
    }
    format!("{lines}{TRIED}AWS: {services}: no problem found\n")
}

/// How sure it is.
const TRIED: &str = "note: permissions to change something were tried with impossible requests: one that is missing shows \
                     only where AWS looks at permissions before it looks at a request's sense\n";

const fn word(weight: Weight) -> &'static str {
    match weight {
        Weight::Wrong => "wrong: ",
        Weight::Unknown => "not known: ",
        Weight::Note => "note: ",
    }
}

fn verdict(findings: &[Finding]) -> Result<(), Failure> {
    let count = |weight| findings.iter().filter(|finding| finding.weight == weight).count();
    match (count(Weight::Wrong), count(Weight::Unknown)) {
        (0, 0) => Ok(()),
        (0, _) => Err(Failure::other("not everything could be checked on AWS")),
        (1, _) => Err(Failure::usage("one thing is wrong on AWS")),
        (wrong, _) => Err(Failure::usage(format!("{wrong} things are wrong on AWS"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(service: Option<&str>, weight: Weight) -> Finding {
        Finding { service: service.map(Into::into), weight, words: "something".to_owned() }
    }

    #[test]
    fn the_worst_finding_decides() {
        use Weight::{Note, Unknown, Wrong};
        for (weights, expected) in [
            (&[][..], Ok(())),
            (&[Note], Ok(())),
            (&[Note, Unknown], Err(Failure::other("not everything could be checked on AWS"))),
            (&[Unknown, Wrong], Err(Failure::usage("one thing is wrong on AWS"))),
            (&[Wrong, Wrong, Note], Err(Failure::usage("2 things are wrong on AWS"))),
        ] {
            let findings: Vec<Finding> = weights.iter().map(|weight| finding(None, *weight)).collect();
            assert_eq!(verdict(&findings), expected, "{weights:?}");
        }
    }

    #[test]
    fn every_finding_is_a_line() {
        assert_eq!(text(&[], 1), format!("{TRIED}AWS: 1 service: no problem found\n"));
        let note = finding(Some("web"), Weight::Note);
        assert_eq!(
            text(std::slice::from_ref(&note), 2),
            format!("note: web: something\n{TRIED}AWS: 2 services: no problem found\n")
        );
        let wrong = [finding(None, Weight::Wrong), finding(Some("db"), Weight::Unknown), note];
        assert_eq!(
            text(&wrong, 2),
            format!("wrong: something\nnot known: db: something\nnote: web: something\n{TRIED}")
        );
    }
}
