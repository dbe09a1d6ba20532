use std::sync::Arc;
use std::time::SystemTime;

use aws_sdk_ecs::types::DesiredStatus;

use super::super::budget::Bucket;
use super::super::state::{Nonsense, Task, Wanted, moment, name_of};
use super::super::trouble::Trouble;
use super::{Action, Api, Urgency};

const LIST: Action = Action::new("ecs:ListTasks", Bucket::ClusterRead);
const DESCRIBE: Action = Action::new("ecs:DescribeTasks", Bucket::ClusterRead);
const PROTECTION: Action = Action::new("ecs:GetTaskProtection", Bucket::TaskProtection);

/// How many tasks one request may ask for, and one page of a list holds.
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTasks.html>
const TASKS_PER_REQUEST: usize = 100;
/// A service may have 5,000 tasks; a list with more pages than that takes does not end.
const PAGES: usize = 64;

impl Api {
    /// The ARNs of a service's tasks that shall run, or of those that were told to stop; all pages.
    pub(in crate::provider::ecs) async fn list_tasks(
        &self,
        cluster: &str,
        service: &str,
        desired: Wanted,
        urgency: Urgency,
    ) -> Result<Vec<Arc<str>>, Trouble> {
        let about = format!("service {} in cluster {}", name_of(service), name_of(cluster));
        let status = match desired {
            Wanted::Running => DesiredStatus::Running,
            Wanted::Stopped => DesiredStatus::Stopped,
        };
        let mut arns = Vec::new();
        let mut next: Option<String> = None;
        for _ in 0..PAGES {
            let page = self
                .call(LIST, urgency, &about, |clients| {
                    clients
                        .ecs
                        .list_tasks()
                        .cluster(cluster)
                        .service_name(service)
                        .desired_status(status.clone())
                        .max_results(100)
                        .set_next_token(next.clone())
                        .send()
                })
                .await?;
            arns.extend(page.task_arns.unwrap_or_default().into_iter().map(Arc::from));
            next = page.next_token;
            if next.is_none() {
                return Ok(arns);
            }
        }
        Err(self.nonsense(LIST, &about, &Nonsense(format!("the list has more than {PAGES} pages"))))
    }

    /// Describes tasks of one cluster, any number, of any services. Answers those that ECS knows, and the ARNs of
    /// those that it does not; a task of which the answer makes no sense is in neither.
    pub(in crate::provider::ecs) async fn tasks(
        &self,
        cluster: &str,
        arns: &[Arc<str>],
        urgency: Urgency,
    ) -> Result<(Vec<Task>, Vec<Arc<str>>), Trouble> {
        let about = format!("tasks of cluster {}", name_of(cluster));
        let (mut tasks, mut missing) = (Vec::new(), Vec::new());
        for arns in arns.chunks(TASKS_PER_REQUEST) {
            let answer = self
                .call(DESCRIBE, urgency, &about, |clients| {
                    let arns = arns.iter().map(|arn| arn.to_string()).collect();
                    clients.ecs.describe_tasks().cluster(cluster).set_tasks(Some(arns)).send()
                })
                .await?;
            for task in answer.tasks.unwrap_or_default() {
                let group = task.group.clone().unwrap_or_default();
                match Task::read(task) {
                    Ok(task) => tasks.push(task),
                    Err(nonsense) => {
                        self.complain(DESCRIBE, &format!("a task of {group} in {about}"), &nonsense)
                    }
                }
            }
            for failure in answer.failures.unwrap_or_default() {
                match (failure.arn, failure.reason.as_deref()) {
                    (Some(arn), Some("MISSING")) => missing.push(arn.into()),
                    (arn, reason) => {
                        let words = format!(
                            "{:?} failed for the reason {:?}",
                            arn.as_deref().map(name_of).unwrap_or_default(),
                            reason.unwrap_or_default()
                        );
                        self.complain(DESCRIBE, &about, &Nonsense(words));
                    }
                }
            }
        }
        Ok((tasks, missing))
    }

    /// Which of these tasks are under scale-in protection, and until when; those that are not are left out.
    /// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-scale-in-protection.html>
    pub(in crate::provider::ecs) async fn protected(
        &self,
        cluster: &str,
        arns: &[Arc<str>],
    ) -> Result<Vec<(Arc<str>, Option<SystemTime>)>, Trouble> {
        let about = format!("tasks of cluster {}", name_of(cluster));
        let wrong = |nonsense: Nonsense| self.nonsense(PROTECTION, &about, &nonsense);
        let mut protected = Vec::new();
        for arns in arns.chunks(TASKS_PER_REQUEST) {
            let answer = self
                .call(PROTECTION, Urgency::Watch, &about, |clients| {
                    let arns = arns.iter().map(|arn| arn.to_string()).collect();
                    clients.ecs.get_task_protection().cluster(cluster).set_tasks(Some(arns)).send()
                })
                .await?;
            for task in answer.protected_tasks.unwrap_or_default() {
                if let (true, Some(arn)) = (task.protection_enabled, task.task_arn) {
                    let until = moment(task.expiration_date, "expirationDate").map_err(wrong)?;
                    protected.push((arn.into(), until));
                }
            }
            for failure in answer.failures.unwrap_or_default() {
                // A task that is gone is protected no more, one of no service never was. Any other failure leaves open
                // whether it is.
                if !matches!(failure.reason.as_deref(), Some("MISSING" | "TASK_NOT_VALID")) {
                    let reason = failure.reason.unwrap_or_default();
                    return Err(wrong(Nonsense(format!("it failed for the reason {reason:?}"))));
                }
            }
        }
        Ok(protected)
    }
}
