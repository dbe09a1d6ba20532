//! The part of an activity policy that everybody needs, on unless `preset: false`: programs that ask again and
//! again, or that follow every link, would keep everything awake for nobody.
//!
//! | who | how it is told | what it may do |
//! |---|---|---|
//! | load balancer checks ([`BALANCERS`]) | `User-Agent` | answered 200 while asleep: the gateway, which is what they check, is well |
//! | uptime monitors ([`MONITORS`]) | `User-Agent` | served if awake; a sleeping service is a 503 to them |
//! | crawlers and link previews ([`CRAWLERS`], [`PREVIEWS`]) | `User-Agent` | served if awake |
//! | what browsers and crawlers fetch unasked ([`UNASKED`]) | path | served if awake |
//! | what scanners look for ([`SCANNED`], [`SCANNED_BELOW`], [`SCANNED_HIDDEN`]) | path | served if awake |
//!
//! A `User-Agent` is compared by substring, upper or lower case alike. Only names that belong to one program stand
//! in the lists, no `bot` by itself: it would turn away people (a make of phone is called CUBOT) and API clients.
//! Whoever claims to be one of these is not let in anywhere by it; it only stops waking things.
//!
//! Where this is wrong for an application (a sleeping WordPress does want its `/wp-login.php`), a rule of one's own
//! goes before it.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, USER_AGENT};
use http::{HeaderValue, StatusCode};

use super::{Answer, Head, Verdict};

/// Health checks of load balancers and of DNS in front of them.
pub const BALANCERS: &[&str] = &[
    "ELB-HealthChecker/",
    "Amazon-Route53-Health-Check-Service",
    "GoogleHC/",
    "GoogleStackdriverMonitoring-UptimeChecks",
    "kube-probe/",
    "Consul Health Check",
    "Envoy/HC",
    "Edge Health Probe",
    "Load Balancer Agent",
    "DigitalOcean Load Balancer",
    "Cloudflare-Traffic-Manager",
    "NS1 Monitoring",
];

/// Programs that look whether a site is up.
pub const MONITORS: &[&str] = &[
    "UptimeRobot",
    "Pingdom",
    "StatusCake",
    "Better Uptime",
    "BetterStack",
    "Better Stack",
    "Uptime-Kuma",
    "Datadog/Synthetics",
    "DatadogSynthetics",
    "CloudWatchSynthetics",
    "Site24x7",
    "updown.io",
    "HetrixTools",
    "Checkly",
    "NewRelicPinger",
    "NewRelicSynthetics",
    "FreshpingBot",
    "Freshping",
    "Uptime.com",
    "UptimeBot",
    "Uptimia",
    "Zabbix",
    "check_http/",
    "Blackbox Exporter",
    "Blackbox-Exporter",
    "jetmon/",
    "Hyperping",
    "OhDear",
    "Oh Dear",
    "montastic",
    "Gatus/",
];

/// Search engines, archives and collectors of training data.
pub const CRAWLERS: &[&str] = &[
    "Googlebot",
    "Google-InspectionTool",
    "GoogleOther",
    "Google-Read-Aloud",
    "AdsBot-Google",
    "Mediapartners-Google",
    "APIs-Google",
    "bingbot",
    "adidxbot",
    "BingPreview",
    "DuckDuckBot",
    "DuckAssistBot",
    "YandexBot",
    "YandexImages",
    "Baiduspider",
    "Sogou web spider",
    "Yahoo! Slurp",
    "Applebot",
    "SeznamBot",
    "PetalBot",
    "Qwantify",
    "Qwantbot",
    "MojeekBot",
    "AhrefsBot",
    "AhrefsSiteAudit",
    "SemrushBot",
    "MJ12bot",
    "DotBot",
    "BLEXBot",
    "DataForSeoBot",
    "Screaming Frog SEO",
    "GPTBot",
    "ChatGPT-User",
    "OAI-SearchBot",
    "ClaudeBot",
    "Claude-User",
    "Claude-SearchBot",
    "anthropic-ai",
    "PerplexityBot",
    "Perplexity-User",
    "CCBot",
    "Bytespider",
    "Amazonbot",
    "meta-externalagent",
    "meta-externalfetcher",
    "cohere-ai",
    "YouBot",
    "Diffbot",
    "ia_archiver",
    "archive.org_bot",
    "special_archiver",
    "CensysInspect",
    "Expanse, a Palo Alto Networks company",
    "InternetMeasurement",
    "NetcraftSurveyAgent",
    "zgrab/",
    "masscan/",
    "Nuclei - Open-source project",
    "Odin; https://docs.getodin.com",
];

/// Programs that fetch a page to show a preview of a link to it.
pub const PREVIEWS: &[&str] = &[
    "Slackbot",
    "Slack-ImgProxy",
    "Twitterbot",
    "facebookexternalhit",
    "facebookcatalog",
    "Facebot",
    "WhatsApp/",
    "Discordbot",
    "LinkedInBot",
    "TelegramBot",
    "SkypeUriPreview",
    "MicrosoftPreview",
    "Microsoft Office Existence Discovery",
    "Pinterestbot",
    "Pinterest/0.",
    "redditbot",
    "vkShare",
    "Viber/",
    "Iframely/",
    "Embedly/",
    "Mattermost-Bot",
    "Mastodon/",
    "Bluesky Cardyb",
    "Google-PageRenderer",
    "Google-Safety",
    "Snap URL Preview",
    "Notionbot",
    "Trello-ImgProxy",
    "XING-contenttabreceiver",
];

/// Files that browsers and crawlers fetch without anybody having asked for them.
pub const UNASKED: &[&str] = &[
    "/.well-known/appspecific/com.chrome.devtools.json",
    "/.well-known/security.txt",
    "/ads.txt",
    "/app-ads.txt",
    "/apple-touch-icon-precomposed.png",
    "/apple-touch-icon.png",
    "/browserconfig.xml",
    "/favicon.ico",
    "/humans.txt",
    "/robots.txt",
    "/security.txt",
    "/sitemap.xml",
];

/// Paths that hardly anybody but a scanner asks for; upper and lower case are alike.
pub const SCANNED: &[&str] = &[
    "/HNAP1",
    "/adminer.php",
    "/backup.sql",
    "/backup.zip",
    "/config.php",
    "/docker-compose.yml",
    "/dump.sql",
    "/etc/passwd",
    "/id_rsa",
    "/info.php",
    "/manager/html",
    "/phpinfo.php",
    "/proc/self/environ",
    "/remote/login",
    "/server-info",
    "/server-status",
    "/setup.cgi",
    "/sftp-config.json",
    "/shell",
    "/test.php",
    "/wp-login.php",
    "/xmlrpc.php",
];

/// Beginnings of such paths.
pub const SCANNED_BELOW: &[&str] = &[
    "/+CSCOE+/",
    "/GponForm/",
    "/HNAP1/",
    "/_ignition/",
    "/actuator/",
    "/boaform/",
    "/cgi-bin/",
    "/dana-na/",
    "/global-protect/",
    "/goform/",
    "/phpmyadmin/",
    "/phpunit/",
    "/pma/",
    "/solr/admin/",
    "/vendor/phpunit/",
    "/wp-admin/",
    "/wp-config",
    "/wp-includes/",
];

/// Beginnings of hidden files and folders that scanners look for, wherever in a path: `.env` is `/app/.env.local` too.
pub const SCANNED_HIDDEN: &[&str] = &[
    ".aws/",
    ".bash_history",
    ".circleci/",
    ".config/",
    ".docker/",
    ".ds_store",
    ".env",
    ".git",
    ".hg/",
    ".htaccess",
    ".htpasswd",
    ".idea/",
    ".kube/",
    ".npmrc",
    ".ssh/",
    ".svn/",
    ".vscode/",
];

/// What the preset says of a request. One pass over its `User-Agent`, a few comparisons of its path.
pub fn verdict(head: &Head<'_>) -> &'static Verdict {
    static SERVED_IF_AWAKE: Verdict = Verdict::ServedIfAwake;
    static WAKES: Verdict = Verdict::Wakes;
    match AGENTS.find(user_agent(head)) {
        Some(Agent::Balancer) => &BALANCER,
        Some(Agent::Other) => &SERVED_IF_AWAKE,
        None if is_noise(head) => &SERVED_IF_AWAKE,
        None => &WAKES,
    }
}

/// The `User-Agent` of a request, empty where it names none.
pub(super) fn user_agent<'a>(head: &Head<'a>) -> &'a [u8] {
    head.headers.get(USER_AGENT).map(HeaderValue::as_bytes).unwrap_or_default()
}

fn is_noise(head: &Head<'_>) -> bool {
    is_listed(&head.path) || has_hidden(&head.path) || hides_a_dot(head.sent_path)
}

fn is_listed(path: &str) -> bool {
    // The first byte is a slash; with the second, hardly any path begins like one of these.
    if !path.as_bytes().get(1).is_some_and(|&second| SECOND[usize::from(second)]) {
        return false;
    }
    UNASKED.contains(&path)
        || SCANNED.iter().any(|scanned| scanned.len() == path.len() && begins(path, scanned))
        || SCANNED_BELOW.iter().any(|below| begins(path, below))
}

fn has_hidden(path: &str) -> bool {
    has(path, b'.') && path.match_indices("/.").any(|(at, _)| is_hidden(&path[at + 1..]))
}

/// A dot that needs no encoding and has one nevertheless is there to get past somebody.
fn hides_a_dot(path: &str) -> bool {
    has(path, b'%')
        && path.match_indices("/%2").any(|(at, _)| matches!(path.as_bytes().get(at + 3), Some(b'e' | b'E')))
}

/// Most paths are short, and have none: this takes less time than to begin a search.
fn has(path: &str, byte: u8) -> bool {
    path.bytes().any(|other| other == byte)
}

fn is_hidden(name: &str) -> bool {
    SCANNED_HIDDEN.iter().any(|hidden| begins(name, hidden))
}

/// Whether a path begins like this, in whatever case.
fn begins(path: &str, with: &str) -> bool {
    let (path, with) = (path.as_bytes(), with.as_bytes());
    // Most differ in the second byte; the first is the slash or the dot.
    path.len() >= with.len()
        && path.get(1).map(u8::to_ascii_lowercase) == with.get(1).map(u8::to_ascii_lowercase)
        && path[..with.len()].eq_ignore_ascii_case(with)
}

/// Which bytes, in either case, are the second of a path in the lists.
const SECOND: [bool; 256] = {
    let mut second = [false; 256];
    let lists = [UNASKED, SCANNED, SCANNED_BELOW];
    let mut list = 0;
    while list < lists.len() {
        let mut path = 0;
        while path < lists[list].len() {
            let byte = lists[list][path].as_bytes()[1];
            second[byte.to_ascii_lowercase() as usize] = true;
            second[byte.to_ascii_uppercase() as usize] = true;
            path += 1;
        }
        list += 1;
    }
    second
};

static BALANCER: LazyLock<Verdict> = LazyLock::new(|| {
    let mut answer = Answer::new(StatusCode::OK);
    answer.headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    answer.headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer.body = Bytes::from_static(b"asleep; the gateway is well\n");
    Verdict::AnsweredAsleep(answer.into())
});

static AGENTS: LazyLock<Agents> = LazyLock::new(Agents::new);

/// All the names in one automaton. It is read in one pass and, unlike a regular expression, needs no scratch memory
/// that threads would share.
struct Agents {
    automaton: Option<AhoCorasick>,
    balancers: usize,
}

enum Agent {
    Balancer,
    Other,
}

impl Agents {
    fn new() -> Self {
        let names = [BALANCERS, MONITORS, CRAWLERS, PREVIEWS].concat();
        // A full table, one lookup a byte; it fails only for lists far larger than these, which a test shows.
        let automaton = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            // Letters of the names are everywhere in a browser's; looking ahead for them costs more than it skips.
            .prefilter(false)
            .kind(Some(AhoCorasickKind::DFA))
            .build(names);
        Self { automaton: automaton.ok(), balancers: BALANCERS.len() }
    }

    fn find(&self, user_agent: &[u8]) -> Option<Agent> {
        let found = self.automaton.as_ref()?.find(user_agent)?;
        Some(if found.pattern().as_usize() < self.balancers { Agent::Balancer } else { Agent::Other })
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn said(path: &str, user_agent: Option<&str>) -> &'static str {
        let mut request = Request::get(path);
        if let Some(user_agent) = user_agent {
            request = request.header("user-agent", user_agent);
        }
        verdict(&Head::of(&request.body(()).unwrap(), [127, 0, 0, 1].into())).as_str()
    }

    #[test]
    fn people_and_programs_wake() {
        for user_agent in [
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
            "Mozilla/5.0 (iPhone; CPU iPhone OS 26_0 like Mac OS X) AppleWebKit/605.1.15 Version/26.0 Mobile/15E148 Safari/604.1",
            "Mozilla/5.0 (Linux; Android 12; CUBOT X50) AppleWebKit/537.36 Chrome/120.0 Mobile Safari/537.36",
            "curl/8.14.1",
            "Go-http-client/2.0",
            "grpc-go/1.75.0",
            "",
        ] {
            assert_eq!(said("/", Some(user_agent)), "wakes", "{user_agent}");
        }
        assert_eq!(said("/", None), "wakes");
    }

    #[test]
    fn balancers_are_answered_and_the_rest_is_served_if_awake() {
        for user_agent in ["ELB-HealthChecker/2.0", "GoogleHC/1.0", "kube-probe/1.33", "envoy/hc"] {
            assert_eq!(said("/", Some(user_agent)), "answered_while_asleep", "{user_agent}");
        }
        for user_agent in [
            "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
            "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
            "WhatsApp/2.23.20.0",
            "Mozilla/5.0+(compatible; UptimeRobot/2.0; http://www.uptimerobot.com/)",
            "Pingdom.com_bot_version_1.4_(http://www.pingdom.com/)",
        ] {
            assert_eq!(said("/", Some(user_agent)), "served_if_awake", "{user_agent}");
        }
    }

    #[test]
    fn every_name_in_the_lists_is_found() {
        for name in [BALANCERS, MONITORS, CRAWLERS, PREVIEWS].concat() {
            assert_ne!(said("/", Some(&format!("x {} y", name.to_lowercase()))), "wakes", "{name}");
        }
    }

    #[test]
    fn noise_is_told_by_path() {
        for path in [
            "/favicon.ico",
            "/robots.txt",
            "/.env",
            "/.env.local",
            "/.git/config",
            "/wp-login.php",
            "/.ENV",
            "/app/.env",
            "/api/v1/.git/HEAD",
            "/%2eenv",
            "/x/%2E%2e/.git",
            "/x/%2e%2E/admin",
            "/%2Ewell-known/acme-challenge/x",
            "/phpMyAdmin/index.php",
            "/WP-Login.php",
            "/actuator/heapdump",
            "/.DS_Store",
            "/cgi-bin/luci",
            "/wp-config.php.bak",
        ] {
            assert_eq!(said(path, Some("Mozilla/5.0")), "served_if_awake", "{path}");
        }
        for path in [
            "/",
            "/environment",
            "/.well-known/acme-challenge/x",
            "/blog/wp-login.php.html",
            "/shellfish",
            "/my.env",
            "/a%2eb",
            "/actuator",
        ] {
            assert_eq!(said(path, Some("Mozilla/5.0")), "wakes", "{path}");
        }
    }

    #[test]
    fn the_answer_is_a_plain_200() {
        let answer = BALANCER.answer().unwrap();
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.headers[CACHE_CONTROL], "no-store");
    }
}
