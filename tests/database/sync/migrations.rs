//! The functions in migrations: `up`, `add`, `check`, `verify`.
