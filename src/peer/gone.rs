//! The request's own eye on its client.

use std::sync::Arc;

use crate::net::{Accepted, BoxFuture, PeerWatch};

/// Sees a client go, whatever of its request is still unread. Each HTTP/1 request carries one as an extension; over
/// HTTP/2 a client that leaves ends its requests by itself.
#[derive(Clone, Debug)]
pub struct PeerGone(Arc<dyn PeerWatch>);

impl PeerGone {
    /// Sees whoever made this connection go.
    pub fn of(io: &dyn Accepted) -> Self {
        Self(io.peer())
    }

    /// The eye itself.
    #[cfg(feature = "server")]
    pub(crate) fn into_watch(self) -> Arc<dyn PeerWatch> {
        self.0
    }

    /// Resolves when the client has closed its connection or at least its sending half: a client that half-closes
    /// after its request counts as gone, as it does for hyper.
    pub fn gone(&self) -> BoxFuture<'static, ()> {
        self.0.clone().gone()
    }
}
