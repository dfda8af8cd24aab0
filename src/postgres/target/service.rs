//! The connection service file (manual, "The Connection Service File").

use std::path::{Path, PathBuf};

use super::error::TargetError;
use super::file;
use super::parameter::{self, Parameter};

/// The parameters of `service`, in the order of the file; as in libpq the first
/// of two equal ones counts, and the first section of that name alone.
///
/// `files` are tried in order, each may be missing, `required` says that the
/// first one must not be.
pub(crate) fn read(
    service: &str,
    files: Vec<PathBuf>,
    required: bool,
) -> Result<Vec<(&'static Parameter, String, PathBuf)>, TargetError> {
    for path in &files {
        let bytes = file::read_if_there(path).map_err(|error| TargetError::ServiceFile {
            file: path.clone(),
            line: None,
            reason: error.to_string(),
        })?;
        let Some(bytes) = bytes else {
            if required {
                return Err(TargetError::ServiceFile {
                    file: path.clone(),
                    line: None,
                    reason: "there is no such file".to_owned(),
                });
            }
            continue;
        };
        if let Some(found) = section(service, path, &String::from_utf8_lossy(&bytes))? {
            return Ok(found
                .into_iter()
                .map(|(parameter, value)| (parameter, value, path.clone()))
                .collect());
        }
    }
    Err(TargetError::ServiceNotFound {
        service: service.to_owned(),
        files,
    })
}

fn section(
    service: &str,
    path: &Path,
    text: &str,
) -> Result<Option<Vec<(&'static Parameter, String)>>, TargetError> {
    let broken = |line: usize, reason: String| TargetError::ServiceFile {
        file: path.to_owned(),
        line: Some(line),
        reason,
    };
    let mut found: Option<Vec<(&'static Parameter, String)>> = None;
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(name) = line.strip_prefix('[') {
            if found.is_some() {
                break;
            }
            if name
                .split_once(']')
                .is_some_and(|(name, _)| name == service)
            {
                found = Some(Vec::new());
            }
            continue;
        }
        let Some(pairs) = &mut found else { continue };
        if line.starts_with("ldap") {
            return Err(broken(
                index + 1,
                "segue does not look services up by LDAP".to_owned(),
            ));
        }
        let Some((keyword, value)) = line.split_once('=') else {
            return Err(broken(
                index + 1,
                "the line is not keyword=value".to_owned(),
            ));
        };
        if keyword == "service" || keyword == "servicefile" {
            return Err(broken(
                index + 1,
                "a service cannot name another service".to_owned(),
            ));
        }
        if keyword.ends_with(|c: char| c.is_ascii_whitespace()) {
            return Err(broken(
                index + 1,
                "no blanks may stand around `=`".to_owned(),
            ));
        }
        let parameter = parameter::find(keyword, &format!("service file `{}`", path.display()))?;
        if pairs
            .iter()
            .all(|(earlier, _)| earlier.keyword != parameter.keyword)
        {
            pairs.push((parameter, value.to_owned()));
        }
    }
    Ok(found)
}
