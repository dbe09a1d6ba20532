use std::net::SocketAddr;

use super::super::file;
use super::super::node::At;
use super::super::plan::{Admin, Certificate, Listener, Pem, Tls};
use super::super::problem::quoted;
use super::Build;
use crate::lock::check_token;

impl Build<'_> {
    /// `trusts`: there are trusted proxies.
    pub(super) fn listeners(
        &mut self,
        listeners: &[file::Listener],
        trusts: bool,
        at: &At<'_>,
    ) -> Vec<Listener> {
        let mut all: Vec<Listener> = Vec::new();
        for (index, listener) in listeners.iter().enumerate() {
            let at = at.item(index);
            let tls = listener.tls.as_ref().and_then(|tls| self.tls(tls.as_slice(), &at.key("tls")));
            let place = at.key("address");
            let Some(address) = listener.address.as_deref().and_then(|text| self.take(socket(text), &place))
            else {
                continue;
            };
            if address.port() != 0 && all.iter().any(|other| other.address == address) {
                self.report(place.problem(format!("`{address}` is listened at twice")));
            }
            let redirect_to_https = listener.redirect_to_https;
            if redirect_to_https.is_some() {
                let place = at.key("redirect_to_https");
                if tls.is_some() {
                    self.report(place.key_problem("goes without `tls`: this listener is for plain HTTP"));
                } else if !listeners.iter().any(|other| other.tls.is_some()) {
                    self.report(place.key_problem("needs a listener with `tls`, for whose hosts it is"));
                }
                if redirect_to_https == Some(0) {
                    self.report(place.problem("is the port that clients reach HTTPS by, as 443"));
                }
            }
            let proxy_protocol = listener.proxy_protocol.unwrap_or(false);
            if proxy_protocol && !trusts {
                let message = "needs `trusted_proxies`: nobody else may connect here";
                self.report(at.key("proxy_protocol").key_problem(message));
            }
            all.push(Listener { address, tls, redirect_to_https, proxy_protocol });
        }
        all
    }

    fn tls(&mut self, tls: &[file::Tls], at: &At<'_>) -> Option<Tls> {
        if tls.is_empty() {
            self.report(at.key_problem("must not be empty; leave the key out for plain HTTP"));
        }
        let mut certificates = Vec::new();
        for one in tls {
            let chain = self.pem(one.certificate.as_deref()?);
            certificates.push(Certificate { chain, key: self.pem(one.key.as_deref()?) });
        }
        Some(Tls { certificates })
    }

    /// PEM itself, or the file that it is in.
    fn pem(&mut self, text: &str) -> Pem {
        if text.trim_start().starts_with("-----BEGIN ") {
            return Pem::Text(text.into());
        }
        let path = self.path(text);
        if !self.files.contains(&path) {
            self.files.push(path.clone());
        }
        Pem::File(path)
    }

    pub(super) fn admin(
        &mut self,
        admin: &file::Admin,
        at: &At<'_>,
        listeners: &[Listener],
    ) -> Option<Admin> {
        let place = at.key("token");
        if let Some(Err(wrong)) = admin.token.as_deref().map(check_token) {
            self.report(place.problem(wrong));
        }
        let place = at.key("address");
        let address = self.take(socket(admin.address.as_deref()?), &place)?;
        if address.port() != 0 && listeners.iter().any(|listener| listener.address == address) {
            self.report(place.problem(format!("`{address}` is a listener's address already")));
        }
        if !address.ip().is_loopback() && self.lacks(at, "token") {
            self.report(
                at.key_problem(format!("`{address}` is not loopback; the key `token` is needed there")),
            );
        }
        let hosts = admin.hosts.clone().unwrap_or_default();
        Some(Admin { address, token: admin.token.clone(), hosts })
    }
}

fn socket(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        let form = "write an IP address and a port, as `127.0.0.1:8080`, `0.0.0.0:8080` or `[::]:8080`";
        format!("{} is no address; {form}", quoted(text))
    })
}
