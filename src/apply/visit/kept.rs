//! Which servers are alike, so that what one has left is of use to another.

use std::collections::BTreeSet;

use super::{Place, Stage, VisitError};
use crate::files;
use crate::postgres::throwaway::{Installation, Options, Throwaway};
use crate::visit::Fingerprint;

/// Changes with what is put away and how, where the version of segue does not.
const FORM: u32 = 1;

/// Of all that a server's databases depend on besides the migrations: its
/// version, settings and the file that is run first, and segue itself.
///
/// # Errors
/// No server; a file that cannot be read.
pub(super) fn seed(stage: &Stage) -> Result<Fingerprint, VisitError> {
    let own = format!("segue {} {FORM}", env!("CARGO_PKG_VERSION"));
    let own = Fingerprint::of(own.as_bytes());
    let Place::Throwaway {
        options, before, ..
    } = &stage.place
    else {
        return Ok(own);
    };
    let server = Throwaway::choose(options)?;
    let seed = own.with(version(&server, options).as_bytes());
    Ok(match before {
        None => seed,
        Some(path) => {
            let checksum = files::script(path)?.map(|script| script.checksum);
            seed.with(format!("{checksum:?}").as_bytes())
        }
    })
}

fn version(server: &Installation, options: &Options) -> String {
    format!(
        "{} {} {:?}",
        server.version,
        server.bin.display(),
        options.settings
    )
}

/// The file name under which data is kept: that of the version for people, and
/// of all it depends on.
///
/// # Errors
/// No server.
pub(super) fn key(
    options: &Options,
    seed: Fingerprint,
    own: Option<Fingerprint>,
) -> Result<String, VisitError> {
    let server = Throwaway::choose(options)?;
    let all = own.map_or(seed, |own| seed.with(own.bytes()));
    Ok(format!("{}-{:.16}", server.version, all.to_string()))
}

/// Roles that a visitor has left: what is to be dropped so that `now` is
/// `noted` again. Names as SQL has them.
pub(super) fn strange_roles(noted: &[String], now: &[String]) -> Vec<String> {
    let noted: BTreeSet<&String> = noted.iter().collect();
    let names = |facts: &mut dyn Iterator<Item = &String>| -> BTreeSet<String> {
        facts.filter_map(|fact| role_of(fact)).collect()
    };
    let known = names(&mut noted.iter().copied());
    let there = names(&mut now.iter());
    there.difference(&known).cloned().collect()
}

/// Settings of roles that a visitor has left: statements after which `now` is
/// `noted` again, if nothing else was set for the same role.
pub(super) fn strange_settings(noted: &[String], now: &[String]) -> Vec<String> {
    let strange = now.iter().filter(|fact| !noted.contains(fact));
    let names = strange.filter_map(|fact| fact.strip_prefix("setting ")?.split_once(" {"));
    names
        .map(|(name, _)| {
            let name = if name == "-" { "ALL" } else { name };
            format!("ALTER ROLE {name} RESET ALL")
        })
        .collect()
}

/// The name, quoted where needed, of `role NAME t f f f t f f`: seven words
/// follow it.
fn role_of(fact: &str) -> Option<String> {
    let rest = fact.strip_prefix("role ")?;
    let mut words = rest.rsplitn(8, ' ');
    words.nth(7).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_that_is_left_is_found_whatever_its_name() {
        let lines = |text: &str| -> Vec<String> { text.lines().map(str::to_owned).collect() };
        let noted = lines("member a b\nrole postgres t t t t t t t\ntablespace pg_default");
        let now = lines(
            "member a b\nrole \"left \"\"it\"\"\" f t f f f f f\nrole reader f t f f t f f\nrole postgres t t t t t t t\nsetting reader {work_mem=1MB}",
        );
        assert_eq!(
            strange_roles(&noted, &now),
            ["\"left \"\"it\"\"\"", "reader"]
        );
        assert_eq!(strange_roles(&now, &now), [""; 0]);
        assert_eq!(strange_settings(&now, &now), [""; 0]);
        assert_eq!(
            strange_settings(&noted, &now),
            ["ALTER ROLE reader RESET ALL"]
        );
        assert_eq!(
            strange_settings(&[], &lines("setting - {work_mem=1MB}")),
            ["ALTER ROLE ALL RESET ALL"]
        );
        // One that is another one now is not strange, and cannot be put right.
        let other = lines("role postgres t t t t f t t");
        assert_eq!(strange_roles(&noted, &other), [""; 0]);
    }
}
