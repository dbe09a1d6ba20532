use aws_sdk_ecs::types;

use super::{Nonsense, needed};

/// A task definition, as far as the gateway has to do with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::provider::ecs) struct Definition {
    /// Its ARN, with the revision.
    pub(in crate::provider::ecs) arn: String,
    /// `awsvpc`, `bridge`, `host` or `none`; `bridge` is what ECS takes on Linux where none is given.
    pub(in crate::provider::ecs) network_mode: String,
    /// The ports that its containers publish.
    pub(in crate::provider::ecs) ports: Vec<Port>,
}

/// A port that a container publishes, or a range of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::provider::ecs) struct Port {
    /// The container.
    pub(in crate::provider::ecs) container: String,
    /// The first port.
    pub(in crate::provider::ecs) first: u16,
    /// The last port; the first again where it is only one.
    pub(in crate::provider::ecs) last: u16,
    /// Its name, which Service Connect uses.
    pub(in crate::provider::ecs) name: Option<String>,
}

impl Definition {
    /// Reads a task definition.
    pub(in crate::provider::ecs) fn read(definition: types::TaskDefinition) -> Result<Self, Nonsense> {
        let mut ports = Vec::new();
        for container in definition.container_definitions.unwrap_or_default() {
            let name = container.name.unwrap_or_default();
            for mapping in container.port_mappings.unwrap_or_default() {
                ports.push(Port::read(&name, mapping)?);
            }
        }
        Ok(Self {
            arn: needed(definition.task_definition_arn, "taskDefinitionArn")?,
            network_mode: definition
                .network_mode
                .map_or_else(|| "bridge".to_owned(), |mode| mode.as_str().to_owned()),
            ports,
        })
    }

    /// Whether a container publishes this port.
    pub(in crate::provider::ecs) fn publishes(&self, port: u16) -> bool {
        self.ports.iter().any(|published| (published.first..=published.last).contains(&port))
    }
}

impl Port {
    fn read(container: &str, mapping: types::PortMapping) -> Result<Self, Nonsense> {
        let wrong = || Nonsense(format!("a port of container {container:?} is no port"));
        let (first, last) = match (mapping.container_port, mapping.container_port_range.as_deref()) {
            (Some(port), _) => {
                let port = u16::try_from(port).map_err(|_| wrong())?;
                (port, port)
            }
            (None, Some(range)) => {
                let (first, last) = range.split_once('-').ok_or_else(wrong)?;
                (first.trim().parse().map_err(|_| wrong())?, last.trim().parse().map_err(|_| wrong())?)
            }
            (None, None) => return Err(wrong()),
        };
        Ok(Self { container: container.to_owned(), first, last, name: mapping.name })
    }
}
