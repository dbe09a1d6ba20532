use aws_config::{AppName, BehaviorVersion, SdkConfig};

use crate::model::Fault;

/// Finds region, credentials and endpoints the way every AWS tool does: environment, profile, task or instance role.
/// <https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html>
///
/// # Errors
///
/// There is no region anywhere. Credentials are looked for only when they are first needed.
pub async fn connect() -> Result<SdkConfig, Fault> {
    let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12());
    if let Ok(name) = AppName::new(env!("CARGO_PKG_NAME")) {
        loader = loader.app_name(name);
    }
    let config = Box::pin(loader.load()).await;
    if config.region().is_none() {
        return Err(Fault::terminal(
            "no AWS region is set: set AWS_REGION, or `region` in the profile that AWS_PROFILE names",
        ));
    }
    Ok(config)
}
