//! Addresses of tasks: where they come from, and to whom they go next.

use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::time::Duration;

/// When the address of a task may be given to another one, of whatever service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Reuse {
    /// Never.
    Never,
    /// When its interface has been given back; the longest unused address comes first.
    #[default]
    AfterDeprovisioning,
    /// As soon as its task is STOPPING, and before any other address: the worst that can happen.
    AtOnce,
}

/// The addresses.
#[derive(Debug)]
pub(crate) struct Pool {
    /// When one may be given again.
    pub(crate) reuse: Reuse,
    /// How long the address of a task that ended without a call of UpdateService is given to nobody after its
    /// interface was given back. The gateway could not know.
    pub(crate) rest: Duration,
    /// The same for that of a task that a call of UpdateService ended: there are others who call than who could know.
    pub(crate) rest_for_all: bool,
    source: Source,
    /// Addresses that were used, each with the time before which it is given to nobody.
    freed: VecDeque<(Ipv4Addr, Duration)>,
}

#[derive(Debug)]
enum Source {
    /// 127.64.0.0 to 127.127.255.255, from this one on.
    Loopback(u32),
    /// What is left of a list.
    List(VecDeque<Ipv4Addr>),
}

/// How many addresses 127.64.0.0/10 has.
const LOOPBACK: u32 = 1 << 22;

impl Pool {
    /// Addresses of the loopback network. Simulators of one machine that were given different numbers (their process
    /// ids will do) start far apart.
    pub(crate) fn loopback(number: u32) -> Self {
        let start = number.wrapping_mul(1_021) % LOOPBACK;
        Self::new(Source::Loopback(start))
    }

    /// The addresses of a list, in its order.
    pub(crate) fn list(addresses: impl IntoIterator<Item = Ipv4Addr>) -> Self {
        Self::new(Source::List(addresses.into_iter().collect()))
    }

    fn new(source: Source) -> Self {
        Self {
            reuse: Reuse::default(),
            rest: Duration::ZERO,
            rest_for_all: false,
            source,
            freed: VecDeque::new(),
        }
    }

    /// The same, with another rule for giving an address again.
    pub(crate) fn reusing(mut self, reuse: Reuse) -> Self {
        self.reuse = reuse;
        self
    }

    /// The same, with a rest for addresses that come back without a call of UpdateService, or for all.
    pub(crate) fn resting(mut self, rest: Duration, for_all: bool) -> Self {
        (self.rest, self.rest_for_all) = (rest, for_all);
        self
    }

    /// Takes an address; `None` when all are in use.
    pub(super) fn take(&mut self, now: Duration) -> Option<Ipv4Addr> {
        let rested = |(_, until): &(Ipv4Addr, Duration)| *until <= now;
        let latest = if self.reuse == Reuse::AtOnce { self.freed.iter().rposition(rested) } else { None };
        if let Some(latest) = latest {
            return self.freed.remove(latest).map(|(address, _)| address);
        }
        let fresh = match &mut self.source {
            Source::List(list) => list.pop_front(),
            Source::Loopback(next) => {
                // Not the first nor the last of its 256: nothing forbids them, but people stumble over them.
                *next = (*next + 1) % LOOPBACK;
                while matches!(*next % 256, 0 | 255) {
                    *next = (*next + 1) % LOOPBACK;
                }
                Some(Ipv4Addr::from(u32::from(Ipv4Addr::new(127, 64, 0, 0)) + *next))
            }
        };
        fresh.or_else(|| {
            let longest = self.freed.iter().position(rested)?;
            self.freed.remove(longest).map(|(address, _)| address)
        })
    }

    /// Gives an address back, to be taken again not before a time.
    pub(super) fn give_back(&mut self, address: Ipv4Addr, until: Duration) {
        if self.reuse != Reuse::Never {
            self.freed.push_back((address, until));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> Ipv4Addr {
        Ipv4Addr::new(10, 0, 0, last)
    }

    #[test]
    fn an_address_comes_back_last_or_first_or_never() {
        let given_after = |reuse| {
            let mut pool = Pool::list((1..=3).map(address)).reusing(reuse);
            let first = pool.take(Duration::ZERO).expect("three are there");
            pool.give_back(first, Duration::ZERO);
            (0..3).map(|_| pool.take(Duration::ZERO)).collect::<Vec<_>>()
        };
        let some = |last| Some(address(last));
        assert_eq!(given_after(Reuse::AtOnce), [some(1), some(2), some(3)]);
        assert_eq!(given_after(Reuse::AfterDeprovisioning), [some(2), some(3), some(1)]);
        assert_eq!(given_after(Reuse::Never), [some(2), some(3), None]);
    }

    #[test]
    fn an_address_that_rests_is_given_to_nobody() {
        for reuse in [Reuse::AtOnce, Reuse::AfterDeprovisioning] {
            let mut pool = Pool::list([address(1)]).reusing(reuse);
            let rested = Duration::from_secs(20);
            let first = pool.take(Duration::ZERO).expect("it is there");
            pool.give_back(first, rested);
            assert_eq!(pool.take(rested - Duration::from_millis(1)), None);
            assert_eq!(pool.take(rested), Some(first));
        }
    }
}
