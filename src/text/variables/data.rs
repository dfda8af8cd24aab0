//! Values in data that comes in chunks.

use super::Variables;

/// Fills values into the data of a COPY, cut anywhere; as [`Variables::fill`],
/// in bytes, because data need not be UTF-8.
#[derive(Clone, Debug)]
pub struct DataFiller {
    variables: Variables,
    /// Length of the longest `${NAME}`.
    longest: usize,
    /// The beginning of what may be a `${NAME}`.
    held: Vec<u8>,
}

impl DataFiller {
    /// At the beginning of the data; `None` if there is nothing to fill in.
    #[must_use]
    pub fn new(variables: &Variables) -> Option<Self> {
        let longest = variables.names().map(str::len).max()?;
        Some(Self {
            variables: variables.clone(),
            longest: longest + "${}".len(),
            held: Vec::new(),
        })
    }

    /// The next chunk, filled; perhaps empty.
    pub fn push(&mut self, chunk: &[u8]) -> Vec<u8> {
        let mut data = std::mem::take(&mut self.held);
        data.extend_from_slice(chunk);
        let mut filled = Vec::with_capacity(data.len());
        let mut at = 0;
        while let Some(next) = memchr::memchr(b'$', &data[at..]) {
            let begin = at + next;
            filled.extend_from_slice(&data[at..begin]);
            let rest = &data[begin..];
            let end = rest
                .iter()
                .take(self.longest)
                .position(|byte| *byte == b'}');
            let is_open = rest.len() == 1 || rest.starts_with(b"${");
            if is_open && end.is_none() && rest.len() < self.longest {
                self.held = rest.to_vec();
                return filled;
            }
            let value = end
                .filter(|_| is_open)
                .and_then(|end| std::str::from_utf8(&rest["${".len()..end]).ok())
                .and_then(|name| self.variables.get(name));
            if let (Some(value), Some(end)) = (value, end) {
                filled.extend_from_slice(value.as_bytes());
                at = begin + end + "}".len();
            } else {
                filled.push(b'$');
                at = begin + 1;
            }
        }
        filled.extend_from_slice(&data[at..]);
        filled
    }

    /// What is left when the data ends.
    pub fn finish(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.held)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_cut_gives_the_same() {
        let values = [("A", "one"), ("LONGER", "")];
        let owned = values.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let variables = Variables::new(owned.into_iter().collect());
        let text = b"x\t${A}${LONGER}$\t${B}$${A}\xff${A\n${LONGERR}${";
        let expected = b"x\tone$\t${B}$one\xff${A\n${LONGERR}${";
        for first in 0..=text.len() {
            for second in first..=text.len() {
                let mut data = DataFiller::new(&variables).expect("variables");
                let mut filled = data.push(&text[..first]);
                filled.extend(data.push(&text[first..second]));
                filled.extend(data.push(&text[second..]));
                filled.extend(data.finish());
                assert_eq!(
                    filled.escape_ascii().to_string(),
                    expected.escape_ascii().to_string()
                );
            }
        }
        assert!(DataFiller::new(&Variables::default()).is_none());
    }
}
