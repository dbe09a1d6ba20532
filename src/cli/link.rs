use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use http::{Request, Uri};

use super::{Failure, load, output};
use crate::clock::Clock;
use crate::config::{Config, Plan};
use crate::model::duration;
use crate::route::{Head, Router};

/// Longer ones are good for ever in all but name.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// Make a link that opens a lock, until its time is up, for everybody who has it
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Example:\n  wakegate link team https://shop.demo.example.com/cart --for 2h --config wakegate.yaml"
)]
pub(super) struct Args {
    /// The lock, as the configuration calls it
    lock: String,
    /// Where the link leads to
    #[arg(value_name = "URL", value_parser = url)]
    url: String,
    /// How long from now it opens the lock, such as 90s, 15m or 2h
    #[arg(long = "for", value_name = "TIME", value_parser = time)]
    for_: Duration,
}

impl Args {
    pub(super) fn run(&self, config: &Config) -> Result<(), Failure> {
        let plan = load(config)?;
        let lock = plan.locks.iter().find(|lock| **lock.name() == *self.lock);
        let lock = lock.ok_or_else(|| {
            let names: Vec<&str> = plan.locks.iter().map(|lock| &**lock.name()).collect();
            let there = if names.is_empty() { "there is none".to_owned() } else { names.join(", ") };
            Failure::usage(format!("{} has no lock of this name", config.name()))
                .hint(format!("locks: {there}"))
        })?;
        let until = Clock::start().unix().saturating_add(self.for_.as_secs().max(1));
        let link = lock.link(&self.url, until).ok_or_else(|| {
            Failure::usage(format!("the lock {} is not opened by links", self.lock))
                .hint("give it `link: { key: … }` in the configuration")
        })?;
        if !self.leads_to_it(&plan) {
            eprintln!("note: by its URL alone, this leads to no route with that lock");
        }
        output::print(&format!("{link}\n"))
    }

    fn leads_to_it(&self, plan: &Plan) -> bool {
        let Ok(request) = Request::get(&self.url).body(()) else { return false };
        let router = Router::of_rules(plan.rules.iter().cloned());
        let rule = router.find(&Head::of(&request, IpAddr::V4(Ipv4Addr::LOCALHOST))).ok().flatten();
        let lock = rule.and_then(|rule| rule.lock.as_ref());
        lock.is_some_and(|lock| **lock.name() == *self.lock)
    }
}

fn url(text: &str) -> Result<String, String> {
    let uri = text.parse::<Uri>().ok();
    let uri = uri.filter(|uri| matches!(uri.scheme_str(), Some("http" | "https")));
    let host = uri.and_then(|uri| uri.host().map(|host| !host.is_empty()));
    if host == Some(true) {
        Ok(text.to_owned())
    } else {
        Err("is no `http://` or `https://` URL with a host".to_owned())
    }
}

fn time(text: &str) -> Result<Duration, String> {
    match duration::parse(text) {
        Ok(Duration::ZERO) => Err("is zero: a link is good for some time".to_owned()),
        Ok(time) if time > LONGEST => Err("is more than a year".to_owned()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_web_addresses_are_linked_to() {
        assert!(url("https://shop.example.com:8443/a?b=1#c").is_ok());
        for wrong in ["", "/a", "shop.example.com", "ftp://h/", "javascript:alert(1)", "http:///a"] {
            assert!(url(wrong).is_err(), "{wrong}");
        }
        assert!(time("0s").is_err() && time("2").is_err() && time("367d").is_err() && time("2h").is_ok());
    }
}
