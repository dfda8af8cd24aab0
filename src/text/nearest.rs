//! "Did you mean": the known name that a wrong one was probably meant to be.

/// Digits and dashes before a name that are a time stamp: `20260102`.
const STAMP_MIN: usize = 8;

/// The candidate most like `name`, if one is like enough: equal but for case,
/// different by few letters, or the only one that ends with `name`, as a file
/// name without its time stamp does.
///
/// Equally good candidates: the first one.
#[must_use]
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_lowercase();
    // Time stamps before them are alike in names that have nothing in common.
    let rest = name.trim_start_matches(|one: char| one.is_ascii_digit() || one == '-');
    let is_stamped = name.len() - rest.len() >= STAMP_MIN;
    let told = if is_stamped { rest } else { &name };
    let distance_max = (told.chars().count() / 3).max(1);
    let mut best: Option<(usize, &str)> = None;
    let mut endings: Vec<&str> = Vec::new();
    for candidate in candidates {
        let lower = candidate.to_lowercase();
        // Names of very different length cannot be near, and the distance of
        // long names is the expensive part.
        if lower.len().abs_diff(name.len()) <= 4 * distance_max {
            let distance = strsim::osa_distance(&name, &lower);
            if distance <= distance_max && best.is_none_or(|(least, _)| distance < least) {
                best = Some((distance, candidate));
            }
        }
        if name.chars().count() >= 4 && lower.ends_with(&name) {
            endings.push(candidate);
        }
    }
    match (best, endings.as_slice()) {
        (Some((_, candidate)), _) | (None, &[candidate]) => Some(candidate),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, candidates: &[&str], expected: Option<&str>) {
        assert_eq!(nearest(name, candidates.iter().copied()), expected);
    }

    #[test]
    fn few_letters_may_differ() {
        check("no-tnx", &["in-txn", "no-txn"], Some("no-txn"));
        check("NO-TXN", &["in-txn", "no-txn"], Some("no-txn"));
        check("backfil", &["rerunnable", "backfill"], Some("backfill"));
        check("vacuum", &["in-txn", "no-txn"], None);
        check("", &["no-txn"], None);
    }

    #[test]
    fn a_time_stamp_may_be_missing() {
        let files = [
            "2026-01-01-00-00-00-add-users.sql",
            "2026-01-02-00-00-00-add-orders.sql",
        ];
        check("add-orders.sql", &files, Some(files[1]));
        check(".sql", &files, None);
        check("2026-01-02-00-00-07-drop-it.sql", &files, None);
    }
}
