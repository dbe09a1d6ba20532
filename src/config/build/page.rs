use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::super::file::{self, Detail};
use super::super::node::At;
use super::super::problem::quoted;
use super::Build;
use crate::model::{self, PageSpec};

/// A logo is part of every waiting page.
const MAX_LOGO: u64 = 256 * 1024;
const MAX_TEMPLATE: u64 = 1024 * 1024;

impl Build<'_> {
    pub(super) fn page(&mut self, page: Option<&file::Page>, at: &At<'_>) -> PageSpec {
        let Some(page) = page else { return PageSpec::default() };
        if at.has("template") && at.has("template_file") {
            self.report(
                at.key("template_file").key_problem("one template is enough; `template` stands here too"),
            );
        }
        let template_file = page.template_file.as_deref().and_then(|path| {
            let at = at.key("template_file");
            let bytes = self.file(path, MAX_TEMPLATE, &at)?;
            self.take(String::from_utf8(bytes).map_err(|_| format!("{} is not UTF-8", quoted(path))), &at)
        });
        PageSpec {
            name: page.name.clone(),
            logo: page.logo.as_deref().and_then(|logo| self.logo(logo, &at.key("logo"))),
            text: page.text.clone(),
            detail: match page.detail {
                Some(Detail::Services) => model::Detail::Services,
                Some(Detail::Progress) | None => model::Detail::Progress,
                Some(Detail::None) => model::Detail::None,
            },
            template: page.template.clone().or(template_file),
        }
    }

    fn logo(&mut self, logo: &str, at: &At<'_>) -> Option<String> {
        if logo.starts_with("data:") {
            let fits = logo.starts_with("data:image/") && logo.len() as u64 <= MAX_LOGO * 4 / 3 + 100;
            if !fits {
                self.report(at.problem("a `data:` URI of a logo has an image, of 256 KiB at most"));
            }
            return Some(logo.to_owned());
        }
        let extension = Path::new(logo).extension().map(|it| it.to_string_lossy().to_ascii_lowercase());
        let kind = match extension.as_deref() {
            Some("svg") => "svg+xml",
            Some("png") => "png",
            Some("jpg" | "jpeg") => "jpeg",
            Some("webp") => "webp",
            Some("gif") => "gif",
            _ => {
                self.report(at.problem("a logo is a svg, png, jpg, webp or gif file, or a `data:` URI"));
                return None;
            }
        };
        let bytes = self.file(logo, MAX_LOGO, at)?;
        Some(format!("data:image/{kind};base64,{}", base64(&bytes)))
    }

    /// What a file holds, if it holds no more than `most` bytes.
    pub(super) fn file(&mut self, path: &str, most: u64, at: &At<'_>) -> Option<Vec<u8>> {
        let full = self.path(path);
        self.files.push(full.clone());
        let mut bytes = Vec::new();
        let read = File::open(&full).and_then(|file| file.take(most + 1).read_to_end(&mut bytes));
        self.take(read.map_err(|error| format!("{} cannot be read: {error}", quoted(path))), at)?;
        if bytes.len() as u64 > most {
            self.report(at.problem(format!("{} is larger than {} KiB", quoted(path), most / 1024)));
            return None;
        }
        Some(bytes)
    }
}

/// RFC 4648 section 4.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |index| u32::from(chunk.get(index).copied().unwrap_or_default());
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            let digit = ALPHABET[(bits >> (18 - 6 * place)) as usize & 63];
            text.push(if place <= chunk.len() { digit.into() } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_as_in_rfc_4648_section_10() {
        let all = [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")];
        for (plain, encoded) in all {
            assert_eq!(base64(plain.as_bytes()), encoded);
        }
        assert_eq!(base64(&[0xfb, 0xff]), "+/8=");
    }
}
