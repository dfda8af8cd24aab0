//! HTML that cannot be forgotten to be escaped: only literals of the program
//! go in as they are.

use std::time::Duration;

use jiff::Timestamp;

use crate::migration::{Name, stamp_of};
use crate::text::left;

/// A piece of HTML.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Html(String);

impl Html {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// A literal of the program, as it is.
    pub(super) fn raw(&mut self, literal: &'static str) -> &mut Self {
        self.0.push_str(literal);
        self
    }

    pub(super) fn add(&mut self, html: &Self) -> &mut Self {
        self.0.push_str(&html.0);
        self
    }

    /// Text from outside. Characters that cannot be seen are shown by their
    /// code points, because some of them turn their surroundings round.
    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        for character in text.chars() {
            if is_unseen(character) {
                self.0.push_str("<span class=\"code-point\">");
                self.0.push_str(&code_point(character));
                self.0.push_str("</span>");
            } else {
                self.push(character);
            }
        }
        self
    }

    /// Text from outside where no element may stand: as the value of an
    /// attribute, between double quotes, or as the title.
    pub(super) fn attribute(&mut self, text: &str) -> &mut Self {
        for character in text.chars() {
            if is_unseen(character) {
                self.0.push_str(&code_point(character));
            } else {
                self.push(character);
            }
        }
        self
    }

    /// A sentence of segue's, in which code stands between backticks.
    pub(super) fn prose(&mut self, text: &str) -> &mut Self {
        let pieces: Vec<&str> = text.split('`').collect();
        // An odd backtick is a backtick.
        let paired = pieces.len() - (pieces.len() + 1) % 2;
        for (index, piece) in pieces.iter().enumerate() {
            match index {
                _ if index >= paired => self.text("`").text(piece),
                _ if index % 2 == 1 => self.raw("<code>").text(piece).raw("</code>"),
                _ => self.text(piece),
            };
        }
        self
    }

    /// A file's name, isolated from the direction of what is around it.
    /// The time that it may begin with is set apart, since the rest tells
    /// more.
    pub(super) fn name(&mut self, name: &Name) -> &mut Self {
        let (stamp, rest) = split(name);
        self.raw("<bdi class=\"name\">");
        if !stamp.is_empty() {
            self.raw("<span class=\"stamp\">")
                .text(stamp)
                .raw("</span>");
        }
        self.text(rest).raw("</bdi>")
    }

    /// A file's name beside others, without the time that it may begin with,
    /// which a pointer that rests on it shows.
    pub(super) fn slug(&mut self, name: &Name) -> &mut Self {
        self.raw("<bdi class=\"name\" title=\"")
            .attribute(name.as_str())
            .raw("\">")
            .text(split(name).1)
            .raw("</bdi>")
    }

    /// A time of the ledger, and room for the script to say how long ago.
    pub(super) fn time(&mut self, at: &str) -> &mut Self {
        self.raw("<time datetime=\"")
            .attribute(at)
            .raw("\">")
            .text(&short(at))
            .raw("</time>")
    }

    /// As [`Html::time`], with room for the script to say how long ago.
    pub(super) fn since(&mut self, at: &str) -> &mut Self {
        self.time(at)
            .raw(" <span class=\"ago\" data-since=\"")
            .attribute(at)
            .raw("\"></span>")
    }

    /// A shape that says the same as the word beside it.
    pub(super) fn mark(&mut self, mark: Mark) -> &mut Self {
        self.raw("<svg class=\"mark\" data-mark=\"")
            .raw(mark.id())
            .raw("\" viewBox=\"0 0 16 16\" aria-hidden=\"true\" focusable=\"false\">")
            .raw(mark.path())
            .raw("</svg>")
    }

    pub(super) fn into_string(self) -> String {
        self.0
    }

    fn push(&mut self, character: char) {
        match character {
            '&' => self.0.push_str("&amp;"),
            '<' => self.0.push_str("&lt;"),
            '>' => self.0.push_str("&gt;"),
            '"' => self.0.push_str("&quot;"),
            '\'' => self.0.push_str("&#39;"),
            other => self.0.push(other),
        }
    }
}

/// A file's name in two: the time that it may begin with, and the rest.
fn split(name: &Name) -> (&str, &str) {
    const STAMP_BYTES: usize = "2026-01-31-10-00-00-".len();
    let name = name.as_str();
    let split = stamp_of(name).and_then(|_| name.split_at_checked(STAMP_BYTES));
    split.unwrap_or(("", name))
}

/// Identifier of the element that is about this migration; a URL's fragment
/// can name it.
pub(super) fn id(name: &Name) -> String {
    use std::fmt::Write as _;
    let mut id = "m-".to_owned();
    for byte in name.as_str().bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' => id.push(char::from(byte)),
            // Writing into a string cannot fail.
            _ => {
                let _ = write!(id, "_{byte:02x}");
            }
        }
    }
    id
}

/// Controls, and what changes the direction of text or takes no room.
fn is_unseen(character: char) -> bool {
    match character {
        '\n' | '\t' => false,
        '\u{61c}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}' => true,
        other => other.is_control(),
    }
}

fn code_point(character: char) -> String {
    format!("U+{:04X}", u32::from(character))
}

/// `2026-01-31 10:00:00 UTC` of `2026-01-31T10:00:00.123456Z`; another form
/// as it is.
pub(super) fn short(at: &str) -> String {
    match at.parse::<Timestamp>() {
        Ok(at) => at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
        Err(_) => at.to_owned(),
    }
}

/// How long it took: `240 ms`, `2.1 s`, `5m 20s`.
pub(super) fn took(from: &str, to: &str) -> Option<String> {
    let (from, to): (Timestamp, Timestamp) = (from.parse().ok()?, to.parse().ok()?);
    let took = Duration::try_from(to.duration_since(from)).ok()?;
    Some(match took.as_secs() {
        0 => format!("{} ms", took.as_millis()),
        1..60 => format!("{:.1} s", took.as_secs_f64()),
        _ => left(took),
    })
}

/// Reasons begin in lower case and end without a period, like messages.
pub(super) fn sentence(reason: &str) -> String {
    let mut characters = reason.chars();
    let Some(first) = characters.next() else {
        return String::new();
    };
    let end = if reason.ends_with('.') { "" } else { "." };
    format!("{}{}{end}", first.to_uppercase(), characters.as_str())
}

/// Shapes, different without colour too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// A disc with a tick.
    Done,
    /// A ring, half filled.
    Working,
    /// A ring.
    Open,
    /// An octagon with a cross.
    Failed,
    /// A ring with two bars.
    Stopped,
    /// A triangle with a stroke.
    Attention,
    /// A ring with hands.
    Waiting,
    /// A ring with a stroke through it.
    GivenUp,
    /// A ring with a tick.
    Besides,
}

impl Mark {
    pub(super) fn id(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Working => "working",
            Self::Open => "open",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
            Self::Attention => "attention",
            Self::Waiting => "waiting",
            Self::GivenUp => "given-up",
            Self::Besides => "besides",
        }
    }

    fn path(self) -> &'static str {
        match self {
            Self::Done => {
                r#"<circle cx="8" cy="8" r="7.25" fill="currentColor"/><path class="cut" d="M4.6 8.3l2.3 2.3 4.5-4.9"/>"#
            }
            Self::Working => {
                r#"<circle class="stroke" cx="8" cy="8" r="6.25"/><path fill="currentColor" d="M8 4a4 4 0 0 1 0 8z"/>"#
            }
            Self::Open => r#"<circle class="stroke" cx="8" cy="8" r="6.25"/>"#,
            Self::Failed => {
                r#"<path fill="currentColor" d="M5 .75h6L15.25 5v6L11 15.25H5L.75 11V5z"/><path class="cut" d="M5.4 5.4l5.2 5.2M10.6 5.4l-5.2 5.2"/>"#
            }
            Self::Stopped => {
                r#"<circle class="stroke" cx="8" cy="8" r="6.25"/><path class="stroke" d="M6.25 5.5v5M9.75 5.5v5"/>"#
            }
            Self::Attention => {
                r#"<path fill="currentColor" d="M8 .9L15.6 14.6H.4z"/><path class="cut" d="M8 5.6v4M8 11.9v.4"/>"#
            }
            Self::Waiting => {
                r#"<circle class="stroke" cx="8" cy="8" r="6.25"/><path class="stroke" d="M8 4.5V8l2.4 1.6"/>"#
            }
            Self::GivenUp => {
                r#"<circle class="stroke" cx="8" cy="8" r="6.25"/><path class="stroke" d="M3.8 12.2l8.4-8.4"/>"#
            }
            Self::Besides => {
                r#"<circle class="stroke" cx="8" cy="8" r="6.25"/><path class="stroke" d="M4.9 8.3l2.1 2.1 4.1-4.5"/>"#
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(write: impl Fn(&mut Html) -> &mut Html, expected: &str) {
        let mut html = Html::new();
        write(&mut html);
        assert_eq!(html.into_string(), expected);
    }

    #[test]
    fn text_stays_text() {
        check(
            |html| html.text("<script>alert(\"1\" & '2')</script>"),
            "&lt;script&gt;alert(&quot;1&quot; &amp; &#39;2&#39;)&lt;/script&gt;",
        );
        check(|html| html.text("Ünï cödé\n"), "Ünï cödé\n");
    }

    #[test]
    fn what_cannot_be_seen_is_shown() {
        check(
            |html| html.text("a\u{202e}lqs.b\u{0}"),
            "a<span class=\"code-point\">U+202E</span>lqs.b<span class=\"code-point\">U+0000</span>",
        );
        check(|html| html.attribute("a\u{202e}\"b"), "aU+202E&quot;b");
    }

    #[test]
    fn code_stands_between_backticks() {
        check(
            |html| html.prose("`segue up` starts `a<b`"),
            "<code>segue up</code> starts <code>a&lt;b</code>",
        );
        check(|html| html.prose("an odd ` one"), "an odd ` one");
        check(
            |html| html.prose("`a` and ` one"),
            "<code>a</code> and ` one",
        );
        check(|html| html.prose("none"), "none");
        check(|html| html.prose(""), "");
    }

    #[test]
    fn times_are_shown_to_the_second_and_kept_to_the_microsecond() {
        check(
            |html| html.time("2026-01-31T10:00:00.123456Z"),
            "<time datetime=\"2026-01-31T10:00:00.123456Z\">2026-01-31 10:00:00 UTC</time>",
        );
        assert_eq!(short("infinity"), "infinity");
        assert_eq!(
            took("2026-01-31T10:00:00Z", "2026-01-31T10:00:00.24Z").as_deref(),
            Some("240 ms")
        );
        assert_eq!(
            took("2026-01-31T10:00:00Z", "2026-01-31T10:05:20Z").as_deref(),
            Some("5m 20s")
        );
        assert_eq!(took("2026-01-31T10:00:01Z", "2026-01-31T10:00:00Z"), None);
    }

    #[test]
    fn identifiers_are_plain_and_differ() {
        assert_eq!(id(&Name::new("2026-01-01-a.sql")), "m-2026-01-01-a.sql");
        assert_eq!(id(&Name::new("a b_\"<.sql")), "m-a_20b_5f_22_3c.sql");
    }

    #[test]
    fn reasons_become_sentences() {
        assert_eq!(sentence("nobody works on it"), "Nobody works on it.");
        assert_eq!(sentence("2 pending: `a.sql`"), "2 pending: `a.sql`.");
        assert_eq!(sentence("Done."), "Done.");
        assert_eq!(sentence(""), "");
    }
}
