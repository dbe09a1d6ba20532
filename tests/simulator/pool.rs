//! Addresses of tasks: where they come from, and to whom they go next.

use std::collections::VecDeque;
use std::net::Ipv4Addr;

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
    source: Source,
    freed: VecDeque<Ipv4Addr>,
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
        Self { reuse: Reuse::default(), source: Source::Loopback(start), freed: VecDeque::new() }
    }

    /// The addresses of a list, in its order.
    pub(crate) fn list(addresses: impl IntoIterator<Item = Ipv4Addr>) -> Self {
        let source = Source::List(addresses.into_iter().collect());
        Self { reuse: Reuse::default(), source, freed: VecDeque::new() }
    }

    /// The same, with another rule for giving an address again.
    pub(crate) fn reusing(mut self, reuse: Reuse) -> Self {
        self.reuse = reuse;
        self
    }

    /// Takes an address; `None` when all are in use.
    pub(super) fn take(&mut self) -> Option<Ipv4Addr> {
        let latest = if self.reuse == Reuse::AtOnce { self.freed.pop_back() } else { None };
        if latest.is_some() {
            return latest;
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
        fresh.or_else(|| self.freed.pop_front())
    }

    /// Gives an address back.
    pub(super) fn give_back(&mut self, address: Ipv4Addr) {
        if self.reuse != Reuse::Never {
            self.freed.push_back(address);
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
            let first = pool.take().expect("three are there");
            pool.give_back(first);
            (0..3).map(|_| pool.take()).collect::<Vec<_>>()
        };
        let some = |last| Some(address(last));
        assert_eq!(given_after(Reuse::AtOnce), [some(1), some(2), some(3)]);
        assert_eq!(given_after(Reuse::AfterDeprovisioning), [some(2), some(3), some(1)]);
        assert_eq!(given_after(Reuse::Never), [some(2), some(3), None]);
    }
}
