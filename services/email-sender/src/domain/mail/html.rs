//! What is done to a rendered page: tracked links, the pixel, the preheader, the unsubscribe footer.

use std::ops::Range;

use crate::domain::template::escape_html;

/// Links of one message that are tracked; further ones stay as they are.
const MAX_LINKS: usize = 1_000;

/// Schemes that are tracked; `mailto:` and the like are not.
const TRACKED: [&str; 2] = ["http://", "https://"];

/// Replaces the target of every `<a href="http…">` by what `tracked` makes of its index, but for `untouched` and tags
/// with `data-chappe-notrack`. Answers the page and the targets by index.
pub(super) fn track_links(html: &str, untouched: &str, tracked: impl Fn(u16) -> String) -> (String, Vec<String>) {
    let mut out = String::with_capacity(html.len() + 1024);
    let mut links = Vec::new();
    let mut copied = 0;
    for tag in Tags::of(html).filter(|tag| tag.name.eq_ignore_ascii_case("a")) {
        let attributes = tag.attributes();
        if attributes
            .iter()
            .any(|it| it.name.eq_ignore_ascii_case("data-chappe-notrack"))
        {
            continue;
        }
        let Some(href) = attributes.into_iter().find(|it| it.name.eq_ignore_ascii_case("href")) else {
            continue;
        };
        let target = decode(html[href.value.clone()].trim());
        let is_web = TRACKED.iter().any(|scheme| {
            target
                .get(..scheme.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(scheme))
                && target.len() > scheme.len()
        });
        let Some(index) = u16::try_from(links.len()).ok().filter(|_| links.len() < MAX_LINKS) else {
            break;
        };
        if !is_web || target == untouched || target.contains(char::is_control) {
            continue;
        }
        out.push_str(&html[copied..href.value.start]);
        let url = tracked(index);
        if href.quoted {
            out.push_str(&url);
        } else {
            out.extend(["\"", &url, "\""]);
        }
        copied = href.value.end;
        links.push(target);
    }
    out.push_str(&html[copied..]);
    (out, links)
}

/// Puts `markup` before the last `</body>`, or at the end of a page without one.
pub(super) fn before_end(html: &mut String, markup: &str) {
    let at = html.to_ascii_lowercase().rfind("</body").unwrap_or(html.len());
    html.insert_str(at, markup);
}

/// Puts the preheader, which mail programs show beside the subject, at the beginning of the page.
pub(super) fn with_preheader(html: &mut String, preheader: &str) {
    let at = Tags::of(html)
        .find(|tag| tag.name.eq_ignore_ascii_case("body"))
        .map_or(0, |tag| tag.end);
    let hidden = "display:none;max-height:0;overflow:hidden;mso-hide:all";
    html.insert_str(at, &format!("<div style=\"{hidden}\">{}</div>", escape_html(preheader)));
}

/// The start tags of a page. Comments, styles and scripts are passed over.
struct Tags<'a> {
    html: &'a str,
    at: usize,
}

struct Tag<'a> {
    html: &'a str,
    name: &'a str,
    /// Behind the name.
    inside: usize,
    /// Behind the `>`.
    end: usize,
}

struct Attribute<'a> {
    name: &'a str,
    value: Range<usize>,
    quoted: bool,
}

impl<'a> Tags<'a> {
    fn of(html: &'a str) -> Self {
        Self { html, at: 0 }
    }

    fn skip_past(&mut self, mark: &str) {
        let rest = &self.html[self.at..];
        let found = rest
            .as_bytes()
            .windows(mark.len())
            .position(|it| it.eq_ignore_ascii_case(mark.as_bytes()));
        self.at = found.map_or(self.html.len(), |found| self.at + found + mark.len());
    }
}

impl<'a> Iterator for Tags<'a> {
    type Item = Tag<'a>;

    fn next(&mut self) -> Option<Tag<'a>> {
        loop {
            self.at += self.html[self.at..].find('<')?;
            let rest = &self.html[self.at + 1..];
            if rest.starts_with("!--") {
                self.skip_past("-->");
                continue;
            }
            let length = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
            if length == 0 {
                self.at += 1;
                continue;
            }
            let inside = self.at + 1 + length;
            let tag = Tag {
                html: self.html,
                name: &rest[..length],
                inside,
                end: end_of_tag(self.html, inside),
            };
            self.at = tag.end;
            for raw in ["style", "script"] {
                if tag.name.eq_ignore_ascii_case(raw) {
                    self.skip_past(&format!("</{raw}"));
                }
            }
            return Some(tag);
        }
    }
}

/// Behind the `>` that ends the tag, which may also stand in a quoted value.
fn end_of_tag(html: &str, from: usize) -> usize {
    let mut quote = None;
    let mut after_equals = false;
    for (index, byte) in html.bytes().enumerate().skip(from) {
        match (quote, byte) {
            (Some(open), _) if open == byte => quote = None,
            (None, b'"' | b'\'') if after_equals => quote = Some(byte),
            (None, b'>') => return index + 1,
            _ => {}
        }
        after_equals = byte == b'=' || (after_equals && byte.is_ascii_whitespace());
    }
    html.len()
}

impl<'a> Tag<'a> {
    fn attributes(&self) -> Vec<Attribute<'a>> {
        let bytes = self.html.as_bytes();
        let last = self.end.saturating_sub(1).max(self.inside);
        let skip = |mut at: usize, skipped: fn(u8) -> bool| {
            while at < last && skipped(bytes[at]) {
                at += 1;
            }
            at
        };
        let space = |byte: u8| byte.is_ascii_whitespace();
        let mut attributes = Vec::new();
        let mut at = self.inside;
        loop {
            let start = skip(at, |byte| byte.is_ascii_whitespace() || byte == b'/');
            if start >= last {
                return attributes;
            }
            let end = skip(start + 1, |byte| {
                !byte.is_ascii_whitespace() && !matches!(byte, b'=' | b'/')
            });
            let equals = skip(end, space);
            let (value, quoted, next) = if equals < last && bytes[equals] == b'=' {
                let from = skip(equals + 1, space);
                let quote = bytes
                    .get(from)
                    .copied()
                    .filter(|byte| from < last && matches!(byte, b'"' | b'\''));
                if let Some(quote) = quote {
                    let length = bytes[from + 1..last].iter().position(|byte| *byte == quote);
                    let to = length.map_or(last, |length| from + 1 + length);
                    (from + 1..to, true, (to + 1).min(last))
                } else {
                    let to = skip(from, |byte| !byte.is_ascii_whitespace());
                    (from..to, false, to)
                }
            } else {
                (end..end, true, equals)
            };
            // A name may end inside a character of several octets only if the page is broken there.
            let Some(name) = self.html.get(start..end) else {
                return attributes;
            };
            attributes.push(Attribute { name, value, quoted });
            at = next;
        }
    }
}

/// The entities that stand in URLs.
fn decode(text: &str) -> String {
    text.replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn track(html: &str) -> (String, Vec<String>) {
        track_links(html, "https://c.example/u/x", |index| format!("T{index}"))
    }

    #[test]
    fn web_links_are_tracked_in_any_spelling() {
        let (html, links) = track(
            "<a href=\"https://a.example/?x=1&amp;y=2\">1</a><A class=x\nHREF = 'http://b.example'>2</A><a href=https://c.example>3</a>",
        );
        assert_eq!(
            links,
            ["https://a.example/?x=1&y=2", "http://b.example", "https://c.example"]
        );
        assert_eq!(
            html,
            "<a href=\"T0\">1</a><A class=x\nHREF = 'T1'>2</A><a href=\"T2\">3</a>"
        );
    }

    #[test]
    fn other_links_are_left_alone() {
        for html in [
            "<a href=\"mailto:a@b.example\">x</a>",
            "<a href=\"tel:+33\">x</a>",
            "<a href=\"#top\">x</a>",
            "<a href=\"https://c.example/u/x\">x</a>",
            "<a data-chappe-notrack href=\"https://a.example\">x</a>",
            "<link href=\"https://a.example\">",
            "<abbr href=\"https://a.example\">",
            "<!-- <a href=\"https://a.example\"> -->",
            "<style>a:before{content:'<a href=https://a.example>'}</style>",
            "<a title='<a href=\"https://a.example\">'>x</a>",
            "<a href",
            "a < b",
            "",
        ] {
            assert_eq!(track(html), (html.to_owned(), Vec::new()), "{html}");
        }
    }

    #[test]
    fn the_end_of_the_body_is_found_in_any_case() {
        let mut html = "<BODY>x</BODY></html>".to_owned();
        before_end(&mut html, "!");
        assert_eq!(html, "<BODY>x!</BODY></html>");
        let mut html = "x".to_owned();
        before_end(&mut html, "!");
        assert_eq!(html, "x!");
    }

    #[test]
    fn the_preheader_stands_first_and_is_escaped() {
        let mut html = "<html><body class=\"a>b\">x".to_owned();
        with_preheader(&mut html, "1 < 2");
        assert!(html.starts_with("<html><body class=\"a>b\"><div style="), "{html}");
        assert!(html.contains(">1 &lt; 2</div>x"), "{html}");
    }

    proptest! {
        #[test]
        fn no_page_makes_it_panic(html in "[<>a /=\"'!h\\-é]{0,60}") {
            track(&html);
        }
    }
}
