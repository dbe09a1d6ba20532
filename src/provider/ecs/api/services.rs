use std::collections::BTreeMap;

use aws_sdk_ecs::error::SdkError;
use aws_sdk_ecs::types::{ServiceField, Tag};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use super::super::budget::Bucket;
use super::super::join;
use super::super::state::{Definition, NoState, Nonsense, ServiceState, name_of, needed};
use super::super::trouble::Trouble;
use super::{Action, Api, Urgency};

const DESCRIBE: Action = Action::new("ecs:DescribeServices", Bucket::ServiceRead);
pub(super) const UPDATE: Action =
    Action { once: true, ..Action::new("ecs:UpdateService", Bucket::ServiceModify) };
pub(super) const TAG: Action = Action::new("ecs:TagResource", Bucket::TagModify);
pub(super) const UNTAG: Action = Action::new("ecs:UntagResource", Bucket::TagModify);
const DEFINITION: Action = Action::new("ecs:DescribeTaskDefinition", Bucket::DefinitionRead);

/// How many services one request may ask for.
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeServices.html>
pub(in crate::provider::ecs) const SERVICES_PER_REQUEST: usize = 10;

/// What became of each service that was asked for, by the name or ARN it was asked for with.
pub(in crate::provider::ecs) type Services = BTreeMap<String, Result<ServiceState, NoState>>;

impl Api {
    /// Describes services of one cluster, any number, by name or ARN, with their tags. Each of `names` is in the answer.
    ///
    /// AWS refuses a request as a whole for one service that the policy leaves out, or whose name is none. Then each
    /// is asked for alone, and whoever is refused is kept apart from the others for a while. Where there are many of those,
    /// who only watches gets the refusal without a request meanwhile.
    pub(in crate::provider::ecs) async fn services(
        &self,
        cluster: &str,
        names: &[&str],
        urgency: Urgency,
    ) -> Result<Services, Trouble> {
        let mut found = Services::new();
        let (mut together, mut alone) = (Vec::new(), Vec::new());
        for name in names {
            match self.refusals.recall(cluster, name) {
                None => together.push(*name),
                Some(trouble) if urgency == Urgency::Watch && self.refusals.are_many() => {
                    found.insert((*name).to_owned(), Err(NoState::Refused(trouble)));
                }
                Some(_) => alone.push(*name),
            }
        }
        for names in together.chunks(SERVICES_PER_REQUEST) {
            match self.describe(cluster, names, urgency).await {
                Ok(states) => found.extend(states),
                Err(trouble) if !trouble.is_refusal() => return Err(trouble),
                Err(trouble) => match names {
                    [name] => {
                        self.refusals.note(cluster, name, &trouble);
                        found.insert((*name).to_owned(), Err(NoState::Refused(trouble)));
                    }
                    _ => alone.extend(names),
                },
            }
        }
        let answers = alone.iter().map(|name| async move {
            let answer = self.describe(cluster, &[*name], urgency).await;
            match &answer {
                Ok(_) => self.refusals.forget(cluster, name),
                Err(trouble) if trouble.is_refusal() => self.refusals.note(cluster, name, trouble),
                Err(_) => {}
            }
            answer
        });
        for (name, answer) in alone.iter().zip(join::all(answers).await) {
            match answer {
                Ok(states) => found.extend(states),
                Err(trouble) if trouble.is_refusal() => {
                    found.insert((*name).to_owned(), Err(NoState::Refused(trouble)));
                }
                Err(trouble) => return Err(trouble),
            }
        }
        Ok(found)
    }

    /// One request about as many services as it may ask for.
    async fn describe(&self, cluster: &str, names: &[&str], urgency: Urgency) -> Result<Services, Trouble> {
        let about = match names {
            [name] => about(cluster, name),
            _ => format!("services of cluster {}", name_of(cluster)),
        };
        let answer = self
            .call(DESCRIBE, urgency, &about, |clients| {
                let request = clients
                    .ecs
                    .describe_services()
                    .cluster(cluster)
                    .set_services(Some(names.iter().map(|name| (*name).to_owned()).collect()))
                    .include(ServiceField::Tags);
                request.send()
            })
            .await?;
        let mut states: BTreeMap<String, Result<ServiceState, NoState>> = BTreeMap::new();
        for service in answer.services.unwrap_or_default() {
            // Nonsense of a service without a name belongs to nobody; who asked for it finds it left out.
            let Some(name) = service.service_name.clone() else { continue };
            let about = self::about(cluster, &name);
            let state = ServiceState::read(service, |odd| self.complain(DESCRIBE, &about, &odd));
            states.insert(name, state.map_err(NoState::Nonsense));
        }
        for failure in answer.failures.unwrap_or_default() {
            let Some(arn) = failure.arn else { continue };
            let state = match failure.reason.as_deref() {
                Some("MISSING") => NoState::Missing,
                reason => NoState::Nonsense(Nonsense(format!(
                    "it failed for the reason {:?}, {:?}",
                    reason.unwrap_or_default(),
                    failure.detail.as_deref().unwrap_or_default()
                ))),
            };
            states.entry(name_of(&arn).to_owned()).or_insert(Err(state));
        }
        let found = names.iter().map(|asked| {
            let state = states
                .get(name_of(asked))
                .cloned()
                .unwrap_or_else(|| Err(NoState::Nonsense(Nonsense("the answer leaves it out".to_owned()))));
            if let Err(NoState::Nonsense(nonsense)) = &state {
                self.complain(DESCRIBE, &self::about(cluster, asked), nonsense);
            }
            ((*asked).to_owned(), state)
        });
        Ok(found.collect())
    }

    /// Sets the desired count of a service. Nothing else of it changes, and no deployment begins. Answers with the
    /// service as it is then; none where AWS took the order and what it says of the service cannot be read.
    /// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateService.html>
    pub(in crate::provider::ecs) async fn set_desired(
        &self,
        cluster: &str,
        service: &str,
        count: u32,
        urgency: Urgency,
    ) -> Result<Option<ServiceState>, Trouble> {
        self.set_desired_telling(cluster, service, count, urgency, &|| {}).await
    }

    /// The same; `departs` is called right before each attempt: until then it is certain that nothing changes.
    pub(in crate::provider::ecs) async fn set_desired_telling(
        &self,
        cluster: &str,
        service: &str,
        count: u32,
        urgency: Urgency,
        departs: &(dyn Fn() + Sync),
    ) -> Result<Option<ServiceState>, Trouble> {
        let about = about(cluster, service);
        let number = i32::try_from(count)
            .map_err(|_| self.nonsense(UPDATE, &about, &Nonsense(format!("a desired count of {count}"))))?;
        let answer = self
            .call(UPDATE, urgency, &about, |clients| {
                departs();
                let request =
                    clients.ecs.update_service().cluster(cluster).service(service).desired_count(number);
                async move {
                    match request.send().await {
                        Err(SdkError::ResponseError(answer)) if is_success_of_aws(answer.raw()) => Ok(None),
                        answer => answer.map(Some),
                    }
                }
            })
            .await?;
        let read = answer
            .ok_or_else(|| Nonsense("it is not of the form that AWS promises".to_owned()))
            .and_then(|answer| needed(answer.service, "service"))
            .and_then(|service| ServiceState::read(service, |odd| self.complain(UPDATE, &about, &odd)));
        Ok(read.inspect_err(|nonsense| self.complain(UPDATE, &about, nonsense)).ok())
    }

    /// Sets tags of a service; others stay.
    pub(in crate::provider::ecs) async fn tag(
        &self,
        service_arn: &str,
        tags: &[(&str, String)],
        urgency: Urgency,
    ) -> Result<(), Trouble> {
        let tags: Vec<Tag> =
            tags.iter().map(|(key, value)| Tag::builder().key(*key).value(value).build()).collect();
        self.call(TAG, urgency, service_arn, |clients| {
            clients.ecs.tag_resource().resource_arn(service_arn).set_tags(Some(tags.clone())).send()
        })
        .await
        .map(drop)
    }

    /// Takes tags from a service. One that it does not have is no error.
    pub(in crate::provider::ecs) async fn untag(
        &self,
        service_arn: &str,
        keys: &[&str],
        urgency: Urgency,
    ) -> Result<(), Trouble> {
        let keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
        self.call(UNTAG, urgency, service_arn, |clients| {
            clients.ecs.untag_resource().resource_arn(service_arn).set_tag_keys(Some(keys.clone())).send()
        })
        .await
        .map(drop)
    }

    /// Describes a task definition, by ARN or `family:revision`.
    pub(in crate::provider::ecs) async fn task_definition(&self, name: &str) -> Result<Definition, Trouble> {
        let about = format!("task definition {}", name_of(name));
        let answer = self
            .call(DEFINITION, Urgency::Watch, &about, |clients| {
                clients.ecs.describe_task_definition().task_definition(name).send()
            })
            .await?;
        needed(answer.task_definition, "taskDefinition")
            .and_then(Definition::read)
            .map_err(|nonsense| self.nonsense(DEFINITION, &about, &nonsense))
    }
}

pub(super) fn about(cluster: &str, service: &str) -> String {
    format!("service {} in cluster {}", name_of(service), name_of(cluster))
}

/// Whether AWS itself, and nobody in between, says that it has done what it was asked for, whatever it says besides.
fn is_success_of_aws(answer: &HttpResponse) -> bool {
    answer.status().is_success() && answer.headers().contains_key("x-amzn-requestid")
}
