//! How many wakes a client may begin, and all of them together.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use dashmap::DashMap;
use dashmap::mapref::entry::Entry;

use crate::model::{Rate, Time, WakeLimits, network};

/// How many clients are remembered. An entry is made by a wake alone, so that the limit on all of them bounds these too; this is
/// for those who have set that one very high. Whoever finds no room is held to it alone.
const MOST_CLIENTS: usize = 65_536;

/// The pause between two log lines, and between two times that forgotten clients are looked for.
const PAUSE: Duration = Duration::from_secs(60);

/// Counts wakes. Only requests that would begin one come here.
#[derive(Debug)]
pub(super) struct Limiter {
    limits: ArcSwap<WakeLimits>,
    /// A bucket each. One that has filled up again is as good as none.
    clients: DashMap<IpAddr, Bucket>,
    total: AtomicU64,
    swept: Pause,
    told: Pause,
    refused: AtomicU64,
}

/// Why no wake is begun, and when the next one may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Limited {
    Client(Duration),
    Total(Duration),
}

/// When a bucket will be full again, in nanoseconds since the start: the generic cell rate algorithm (ITU-T I.371, annex A) in
/// its form with one number, the "theoretical arrival time".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Bucket(u64);

impl Bucket {
    /// The bucket with one taken out; how long it takes until there is one, where there is none.
    fn take(self, rate: Rate, now: u64) -> Result<Self, Duration> {
        let per = nanos(rate.per);
        let after = self.0.max(now).saturating_add(per / u64::from(rate.count.max(1)));
        match after.saturating_sub(now).checked_sub(per) {
            None | Some(0) => Ok(Self(after)),
            Some(wait) => Err(Duration::from_nanos(wait)),
        }
    }

    fn is_full(self, now: u64) -> bool {
        self.0 <= now
    }
}

impl Limiter {
    pub(super) fn new(limits: WakeLimits) -> Self {
        Self {
            limits: ArcSwap::from_pointee(limits),
            clients: DashMap::new(),
            total: AtomicU64::new(0),
            swept: Pause::default(),
            told: Pause::default(),
            refused: AtomicU64::new(0),
        }
    }

    /// Other limits count anew: how full a bucket is means something else then.
    pub(super) fn set(&self, limits: WakeLimits) {
        if **self.limits.load() != limits {
            self.limits.store(limits.into());
            self.clients.clear();
            self.total.store(0, Ordering::Relaxed);
        }
    }

    /// Counts a wake that this client is about to begin, or says why it must not.
    pub(super) fn begin(&self, client: IpAddr, now: Time) -> Result<(), Limited> {
        let (limits, now) = (**self.limits.load(), since_start(now));
        let client = network(client);
        let has_room = self.clients.len() < MOST_CLIENTS || self.swept.is_over(now) && self.sweep(now);
        let counted = match self.clients.entry(client) {
            Entry::Occupied(mut entry) => {
                let bucket = entry.get().take(limits.per_client, now).map_err(Limited::Client);
                // The client's own counts only if there is one of all.
                bucket.and_then(|bucket| {
                    self.take_of_all(limits.total, now)?;
                    *entry.get_mut() = bucket;
                    Ok(())
                })
            }
            Entry::Vacant(entry) => self.take_of_all(limits.total, now).map(|()| {
                if has_room && let Ok(bucket) = Bucket::default().take(limits.per_client, now) {
                    entry.insert(bucket);
                }
            }),
        };
        if let Err(limited) = counted {
            self.refused(client, limited, now);
        }
        counted
    }

    fn take_of_all(&self, rate: Rate, now: u64) -> Result<(), Limited> {
        let mut wait = Duration::ZERO;
        let taken = self.total.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |total| {
            Bucket(total).take(rate, now).map_err(|error| wait = error).ok().map(|bucket| bucket.0)
        });
        taken.map(drop).map_err(|_| Limited::Total(wait))
    }

    /// Forgets the clients that have all their wakes again. Whether there is room now.
    fn sweep(&self, now: u64) -> bool {
        self.clients.retain(|_, bucket| !bucket.is_full(now));
        self.clients.len() < MOST_CLIENTS
    }

    /// Tells of it once in a while, however many there are.
    fn refused(&self, client: IpAddr, limited: Limited, now: u64) {
        self.refused.fetch_add(1, Ordering::Relaxed);
        if self.told.is_over(now) {
            let refused = self.refused.swap(0, Ordering::Relaxed);
            let limit = match limited {
                Limited::Client(_) => "per_client",
                Limited::Total(_) => "total",
            };
            tracing::warn!(
                %client, limit, refused,
                "a request may not wake its service: over the limit of wakes (is the client a proxy? then name it in \
                 trusted_proxies)"
            );
        }
    }
}

/// Is over once in a while. The first time is at once.
#[derive(Debug, Default)]
struct Pause(AtomicU64);

impl Pause {
    fn is_over(&self, now: u64) -> bool {
        let until = self.0.load(Ordering::Relaxed);
        let next = now.saturating_add(nanos(PAUSE));
        now >= until && self.0.compare_exchange(until, next, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

fn since_start(time: Time) -> u64 {
    nanos(time.elapsed_since_start())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 60 * 60 * 1000;

    fn limiter(per_client: u32, total: u32) -> Limiter {
        let rate = |count| Rate { count, per: Duration::from_millis(HOUR) };
        Limiter::new(WakeLimits { per_client: rate(per_client), total: rate(total) })
    }

    fn begin(limiter: &Limiter, client: &str, at: u64) -> Result<(), Limited> {
        limiter.begin(client.parse().unwrap(), Time::from_millis(at))
    }

    #[test]
    fn a_client_has_so_many_at_once_and_as_many_an_hour() {
        let limiter = limiter(4, 100);
        for _ in 0..4 {
            assert_eq!(begin(&limiter, "192.0.2.1", 5), Ok(()));
        }
        let quarter = Duration::from_millis(HOUR / 4);
        assert_eq!(begin(&limiter, "192.0.2.1", 5), Err(Limited::Client(quarter)));
        assert_eq!(begin(&limiter, "::ffff:192.0.2.1", 5), Err(Limited::Client(quarter)));
        assert_eq!(begin(&limiter, "192.0.2.2", 5), Ok(()), "another");
        assert_eq!(begin(&limiter, "192.0.2.1", 5 + HOUR / 4), Ok(()), "one has come back");
        assert_eq!(begin(&limiter, "192.0.2.1", 5 + HOUR / 4), Err(Limited::Client(quarter)));
        for _ in 0..4 {
            assert_eq!(begin(&limiter, "192.0.2.1", 3 * HOUR), Ok(()), "never more than these");
        }
        assert!(begin(&limiter, "192.0.2.1", 3 * HOUR).is_err());
    }

    #[test]
    fn of_ipv6_a_client_is_a_network() {
        let limiter = limiter(1, 100);
        assert_eq!(begin(&limiter, "2001:db8:0:1::1", 0), Ok(()));
        assert!(begin(&limiter, "2001:db8:0:1:ffff::9", 0).is_err());
        assert_eq!(begin(&limiter, "2001:db8:0:2::1", 0), Ok(()));
    }

    #[test]
    fn all_together_have_so_many() {
        let limiter = limiter(2, 3);
        for client in ["192.0.2.1", "192.0.2.2", "192.0.2.3"] {
            assert_eq!(begin(&limiter, client, 0), Ok(()));
        }
        let wait = Duration::from_millis(HOUR / 3);
        for client in ["192.0.2.1", "192.0.2.4"] {
            assert_eq!(begin(&limiter, client, 0), Err(Limited::Total(wait)), "{client}");
        }
        assert_eq!(limiter.clients.len(), 3, "who begins nothing takes up nothing");
        // What was refused was not counted as the client's.
        assert_eq!(begin(&limiter, "192.0.2.1", HOUR / 3), Ok(()));
    }

    #[test]
    fn no_more_clients_are_remembered_than_there_is_room_for() {
        let limiter = limiter(1, u32::MAX);
        let client = |number: usize| IpAddr::from(u32::try_from(number).unwrap().to_be_bytes());
        for number in 0..MOST_CLIENTS + 10 {
            assert_eq!(limiter.begin(client(number), Time::ZERO), Ok(()));
        }
        assert_eq!(limiter.clients.len(), MOST_CLIENTS);
        assert!(limiter.begin(client(0), Time::ZERO).is_err(), "who was there first is held to it");
        let later = Time::from_millis(HOUR);
        assert_eq!(limiter.begin(client(MOST_CLIENTS + 20), later), Ok(()));
        assert_eq!(limiter.clients.len(), 1, "those who have all again are forgotten");
    }

    #[test]
    fn other_limits_count_anew() {
        let limiter = limiter(1, 100);
        assert_eq!(begin(&limiter, "192.0.2.1", 0), Ok(()));
        let same = **limiter.limits.load();
        limiter.set(same);
        assert!(begin(&limiter, "192.0.2.1", 0).is_err());
        let per_client = Rate { count: 2, ..same.per_client };
        limiter.set(WakeLimits { per_client, ..same });
        assert_eq!(begin(&limiter, "192.0.2.1", 0), Ok(()));
        assert_eq!(begin(&limiter, "192.0.2.1", 0), Ok(()));
        assert!(begin(&limiter, "192.0.2.1", 0).is_err());
    }
}
