//! What the figures were measured on.

use crate::stage::Stage;

/// The page's heading, with machine, versions and date.
pub fn heading(stage: &Stage) -> String {
    let cpu = field("/proc/cpuinfo", "model name").unwrap_or_else(|| "not known".to_owned());
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let memory = field("/proc/meminfo", "MemTotal")
        .and_then(|text| text.strip_suffix(" kB")?.parse::<u64>().ok())
        .map_or_else(
            || "not known".to_owned(),
            |kilobytes| format!("{} MiB", kilobytes / 1024),
        );
    let load = std::fs::read_to_string("/proc/loadavg")
        .ok()
        .and_then(|text| Some(text.split_whitespace().next()?.to_owned()))
        .unwrap_or_else(|| "not known".to_owned());
    let server = stage.open("postgres").sql("SHOW server_version");
    let version = env!("CARGO_PKG_VERSION");
    let date = jiff::Timestamp::now().strftime("%Y-%m-%d");
    format!(
        "# Figures

Written by `make bench`, which measures them again; do not edit. Each time is that of a whole
process from start to end: the median, then the least and the most. segue and psql take turns on
one server and one machine. The server is PostgreSQL's default but for `fsync = off` and
`full_page_writes = off`, which both sides share: the disk's mood is left out, so the share of the
client is larger than in production.

| | |
|---|---|
| processor | {cpu}, {cores} cores |
| memory | {memory} |
| load before | {load} |
| system | {} {} |
| PostgreSQL | {server}, Unix socket |
| segue | {version}, release build |
| date | {date} |
",
        std::env::consts::OS,
        std::env::consts::ARCH,
    )
}

/// Value of `name : value` in a file of `/proc`.
fn field(path: &str, name: &str) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    let (_, value) = text
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(key, _)| key.trim() == name)?;
    Some(value.trim().to_owned())
}
