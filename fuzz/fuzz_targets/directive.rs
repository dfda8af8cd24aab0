//! The laws of headers over arbitrary text.
//!
//! The first byte says how many of the next ones are sizes of chunks; the rest
//! is the file.

#![no_main]

#[path = "../../tests/offline/directive_laws.rs"]
mod directive_laws;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let Some((&count, rest)) = input.split_first() else {
        return;
    };
    let (sizes, file) = rest.split_at(usize::from(count % 5).min(rest.len()));
    directive_laws::check(&String::from_utf8_lossy(file), sizes);
});
