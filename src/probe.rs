//! Is this target serving?
/// x
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// x
    Waking,
    /// x
    Awake,
}
/// x
pub async fn run(
    _: std::sync::Arc<dyn crate::net::Net>,
    _: std::sync::Arc<crate::model::Spec>,
    _: crate::model::Target,
    _: tokio::sync::watch::Receiver<Pace>,
    _: impl FnMut(Result<(), String>),
) {
}
