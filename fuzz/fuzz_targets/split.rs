//! The splitter's laws over arbitrary bytes.
//!
//! The first byte says how many of the next ones are sizes of chunks; the rest
//! is the file.

#![no_main]

#[path = "../../tests/offline/laws.rs"]
mod laws;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let Some((&count, rest)) = input.split_first() else {
        return;
    };
    let (sizes, file) = rest.split_at(usize::from(count % 5).min(rest.len()));
    laws::check(file, sizes);
});
