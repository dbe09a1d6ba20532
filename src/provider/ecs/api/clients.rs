use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_ecs::config::IdentityCache;

/// How long a connection to AWS may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(3_100);

/// The SDK's clients, with one cache of credentials among them.
pub(super) struct Clients {
    pub(super) ecs: aws_sdk_ecs::Client,
    pub(super) balancers: aws_sdk_elasticloadbalancingv2::Client,
    pub(super) scaling: aws_sdk_applicationautoscaling::Client,
    pub(super) queue: aws_sdk_sqs::Client,
}

impl Clients {
    /// New clients, which know no credentials yet.
    pub(super) fn new(config: &SdkConfig) -> Self {
        // Attempts are bounded from outside, with their bodies: the SDK needs no watch over slow ones.
        let config = config
            .to_builder()
            .retry_config(RetryConfig::disabled())
            .timeout_config(TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).build())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .identity_cache(IdentityCache::lazy().build())
            .build();
        Self {
            ecs: aws_sdk_ecs::Client::new(&config),
            balancers: aws_sdk_elasticloadbalancingv2::Client::new(&config),
            scaling: aws_sdk_applicationautoscaling::Client::new(&config),
            queue: aws_sdk_sqs::Client::new(&config),
        }
    }
}
