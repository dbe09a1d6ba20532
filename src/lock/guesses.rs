use std::net::IpAddr;
use std::time::Duration;

use dashmap::DashMap;

use crate::model::{Time, network};

/// So many wrong passwords may come from one address...
const MOST: u32 = 20;
/// ...in this time.
const WINDOW: Duration = Duration::from_secs(60);
/// How many addresses are kept in mind. Those beyond are not slowed down each by each; what all of them together may
/// cost is bounded elsewhere.
const ADDRESSES: usize = 10_000;

/// Who has tried how many wrong passwords of late.
#[derive(Debug, Default)]
pub struct Guesses {
    /// When the first came, and how many since.
    by_address: DashMap<IpAddr, (Time, u32)>,
}

impl Guesses {
    /// How long nobody at this address may try a password.
    pub fn pause(&self, address: IpAddr, now: Time) -> Option<Duration> {
        let (began, count) = *self.by_address.get(&network(address))?;
        let left = (began + WINDOW).since(now);
        (count >= MOST && !left.is_zero()).then_some(left)
    }

    /// A wrong one came from there.
    pub fn wrong(&self, address: IpAddr, now: Time) {
        let address = network(address);
        if self.by_address.len() >= ADDRESSES && !self.by_address.contains_key(&address) {
            self.by_address.retain(|_, (began, _)| !(*began + WINDOW).since(now).is_zero());
            if self.by_address.len() >= ADDRESSES {
                return;
            }
        }
        let mut entry = self.by_address.entry(address).or_insert((now, 0));
        let (began, count) = entry.value_mut();
        if (*began + WINDOW).since(now).is_zero() {
            (*began, *count) = (now, 0);
        }
        *count = count.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Time {
        Time::from_millis(seconds * 1_000)
    }

    #[test]
    fn twenty_in_a_minute_are_enough() {
        let guesses = Guesses::default();
        let address: IpAddr = "192.0.2.1".parse().unwrap();
        for second in 0..20 {
            assert_eq!(guesses.pause(address, at(second)), None);
            guesses.wrong(address, at(second));
        }
        assert_eq!(guesses.pause(address, at(20)), Some(Duration::from_secs(40)));
        assert_eq!(guesses.pause("192.0.2.2".parse().unwrap(), at(20)), None);
        assert_eq!(guesses.pause("::ffff:192.0.2.1".parse().unwrap(), at(59)), Some(Duration::from_secs(1)));
        assert_eq!(guesses.pause(address, at(60)), None);
        guesses.wrong(address, at(61));
        assert_eq!(guesses.pause(address, at(61)), None, "a new minute begins with none");
    }

    #[test]
    fn a_network_of_ip_v6_is_one_client() {
        let guesses = Guesses::default();
        for host in 0..20 {
            guesses.wrong(format!("2001:db8::{host:x}").parse().unwrap(), at(0));
        }
        assert!(guesses.pause("2001:db8::ffff".parse().unwrap(), at(1)).is_some());
        assert!(guesses.pause("2001:db8:0:1::1".parse().unwrap(), at(1)).is_none());
    }

    #[test]
    fn no_more_addresses_are_kept_than_fit() {
        let guesses = Guesses::default();
        let address = |index: u32| IpAddr::from(index.to_be_bytes());
        for index in 0..=ADDRESSES as u32 {
            guesses.wrong(address(index), at(0));
        }
        assert_eq!(guesses.by_address.len(), ADDRESSES);
        guesses.wrong(address(u32::MAX), at(60));
        assert_eq!(guesses.by_address.len(), 1, "a minute later all of them are forgotten");
    }
}
