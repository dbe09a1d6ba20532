use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::super::state::name_of;
use super::super::trouble::Trouble;

/// How long a refusal is remembered. Policies change seldom, and take some seconds to reach all of AWS.
const REMEMBERED_FOR: Duration = Duration::from_secs(3 * 60);

/// So many are asked for at every look; with more of them, something is wrong with all, and asking each alone would cost
/// far more than the requests for ten that it replaces.
const MANY: usize = 20;

/// The services that AWS has refused to say anything about, each with its refusal.
#[derive(Debug, Default)]
pub(super) struct Refusals(Mutex<BTreeMap<(String, String), (Instant, Trouble)>>);

impl Refusals {
    /// The service was refused, asked for alone.
    pub(super) fn note(&self, cluster: &str, service: &str, trouble: &Trouble) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(key(cluster, service), (Instant::now(), trouble.clone()));
    }

    /// It was described.
    pub(super) fn forget(&self, cluster: &str, service: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&key(cluster, service));
    }

    /// How it was refused, if that was not long ago.
    pub(super) fn recall(&self, cluster: &str, service: &str) -> Option<Trouble> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.is_empty() {
            return None;
        }
        let key = key(cluster, service);
        let (at, trouble) = all.get(&key)?;
        if at.elapsed() < REMEMBERED_FOR {
            return Some(trouble.clone());
        }
        all.remove(&key);
        None
    }

    /// Whether there are too many of them to ask for each at every look.
    pub(super) fn are_many(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len() > MANY
    }
}

fn key(cluster: &str, service: &str) -> (String, String) {
    (name_of(cluster).to_owned(), name_of(service).to_owned())
}
