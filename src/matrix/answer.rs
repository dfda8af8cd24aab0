//! What a program that keeps its sessions says of a state: a line of its
//! standard output.

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// `ok`, `ok STATE`
    Ok,
    /// `not ok`, `not ok WHY`
    NotOk(Option<String>),
    /// `ok` about something that was not asked.
    Other(String),
}

impl Answer {
    /// Reads a line, without its end, that comes after `state` was asked;
    /// `None` if it is none and has only been printed.
    #[must_use]
    pub fn parse(line: &str, state: &str) -> Option<Self> {
        let line = line.trim_end();
        if let Some(rest) = line.strip_prefix("not ok") {
            if !rest.is_empty() && !rest.starts_with(char::is_whitespace) {
                return None;
            }
            let why = rest.trim_start();
            return Some(Self::NotOk((!why.is_empty()).then(|| why.to_owned())));
        }
        let rest = line.strip_prefix("ok")?;
        if rest.is_empty() {
            return Some(Self::Ok);
        }
        if !rest.starts_with(char::is_whitespace) {
            return None;
        }
        let about = rest.trim_start();
        Some(if about == state {
            Self::Ok
        } else {
            Self::Other(about.to_owned())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expected: Option<&Answer>) {
        let answer = Answer::parse(line, "a.sql@ready");
        assert_eq!(answer.as_ref(), expected, "{line}");
    }

    #[test]
    fn answers_are_ok_or_not_ok() {
        check("ok", Some(&Answer::Ok));
        check("ok \r", Some(&Answer::Ok));
        check("ok a.sql@ready", Some(&Answer::Ok));
        check("not ok", Some(&Answer::NotOk(None)));
        let why = "ERROR:  cached plan must not change result type";
        check(
            &format!("not ok {why}"),
            Some(&Answer::NotOk(Some(why.to_owned()))),
        );
    }

    #[test]
    fn other_lines_are_only_printed() {
        for line in ["", "okay", "not okay", "# ok", "1..4", " ok", "OK", "oko"] {
            check(line, None);
        }
    }

    #[test]
    fn an_answer_to_something_else_is_noticed() {
        check(
            "ok 1 - defers",
            Some(&Answer::Other("1 - defers".to_owned())),
        );
        check("ok a.sql", Some(&Answer::Other("a.sql".to_owned())));
    }
}
