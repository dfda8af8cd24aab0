//! An object ↔ the place of its file.

use std::path::PathBuf;

use super::escape::{escape, is_cut, unescape};
use super::form::{self, Cut};
use crate::schema::{Attributes, Kind, ObjectId};

/// Folder of the objects that are in no namespace; no escaped name begins with
/// `@`.
const DATABASE: &str = "@database";

/// Ends the names of segue's files.
pub(super) const EXTENSION: &str = ".json";

/// `<namespace>/<kind>/<object>.json`, escaped.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ObjectPath {
    namespace: String,
    kind: Kind,
    /// Without the extension.
    name: String,
}

impl ObjectPath {
    /// Where an object is kept.
    pub(super) fn new(id: &ObjectId) -> Self {
        let namespace = id.namespace.as_deref();
        Self {
            namespace: namespace.map_or_else(|| DATABASE.to_owned(), escape),
            kind: id.kind,
            name: escape(&id.name),
        }
    }

    /// From the parts of a path.
    ///
    /// # Errors
    /// Why segue writes no such file, for people.
    pub(super) fn parse(path: &[&str]) -> Result<Self, String> {
        let [namespace, kind, file] = path else {
            return Err(
                "files of objects are at `<namespace>/<kind>/<object>.json` below `pgNN`"
                    .to_owned(),
            );
        };
        let name = file.strip_suffix(EXTENSION).unwrap_or(file);
        let is_name = |name: &str| is_cut(name) || unescape(name).is_some();
        let namespaces = [*namespace].into_iter().filter(|name| *name != DATABASE);
        if let Some(wrong) = namespaces.chain([name]).find(|name| !is_name(name)) {
            return Err(format!(
                "`{wrong}` is not how segue writes a name: was it renamed, or made by hand?"
            ));
        }
        let kind = kind.parse().map_err(|()| {
            format!("`{kind}` is no kind of object that this version of segue knows")
        })?;
        Ok(Self {
            namespace: (*namespace).to_owned(),
            kind,
            name: name.to_owned(),
        })
    }

    /// Below `pgNN`.
    pub(super) fn relative(&self) -> PathBuf {
        let mut path = self.folder();
        path.push(format!("{}{EXTENSION}", self.name));
        path
    }

    /// The folder of the file, below `pgNN`.
    pub(super) fn folder(&self) -> PathBuf {
        [&self.namespace, self.kind.as_str()].iter().collect()
    }

    /// Which names it does not hold.
    pub(super) fn cut(&self) -> Cut {
        Cut {
            name: is_cut(&self.name),
            namespace: is_cut(&self.namespace),
        }
    }

    /// The object, from the text of the file.
    ///
    /// # Errors
    /// What is wrong and where, for people.
    pub(super) fn object(&self, text: &[u8]) -> Result<(ObjectId, Attributes), String> {
        let content = form::parse(text)?;
        let namespace = match (self.namespace.as_str(), content.namespace) {
            (DATABASE, None) => None,
            (escaped, inside) => Some(whole(escaped, inside, form::NAMESPACE)?),
        };
        let id = ObjectId {
            namespace,
            kind: self.kind,
            name: whole(&self.name, content.name, form::NAME)?,
        };
        Ok((id, content.attributes))
    }
}

/// A name from its escaped form, or from inside the file if that is cut.
fn whole(escaped: &str, inside: Option<String>, key: &str) -> Result<String, String> {
    match (inside, unescape(escaped)) {
        (None, Some(name)) => Ok(name),
        (Some(name), None) if escape(&name) == escaped => Ok(name),
        (None, None) => Err(format!(
            "`{escaped}` is a cut name, and there is no `{key}`"
        )),
        (Some(_), _) => Err(format!("`{key}` is not the name in the path")),
    }
}
