//! A throwaway server lives exactly as long as it is wanted.

use std::fs::{self, Permissions};
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, User, geteuid};
use segue::postgres::throwaway::{Error, Options, Throwaway, find_servers};
use tempfile::TempDir;

use crate::support::{SEGUE, TestSession, assert_text, server_options, wait_for, wait_until};

/// What is promised for the end of a server.
const STOP_MAX: Duration = Duration::from_secs(2);

/// A folder for one test, with `tmp` and `cache`. Short enough for a socket,
/// and open to the user that stands in for root.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("segue-place-")
            .tempdir_in("/tmp");
        let place = Self(folder.expect("a folder"));
        open_to_all(place.0.path());
        place.folder("tmp");
        place
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn folder(&self, name: &str) -> PathBuf {
        let folder = self.path().join(name);
        fs::create_dir_all(&folder).expect("a folder");
        open_to_all(&folder);
        folder
    }

    fn options(&self) -> Options {
        Options {
            temp_dir: Some(self.path().join("tmp")),
            cache_dir: Some(self.path().join("cache")),
            ..server_options()
        }
    }

    fn start(&self) -> Throwaway {
        Throwaway::start(&self.options()).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Server folders that are there.
    fn servers(&self) -> Vec<PathBuf> {
        entries(&self.path().join("tmp"))
    }

    fn templates(&self) -> Vec<PathBuf> {
        entries(&self.path().join("cache/postgres"))
    }
}

fn open_to_all(folder: &Path) {
    fs::set_permissions(folder, Permissions::from_mode(0o777)).expect("its owner");
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut paths: Vec<_> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    paths
}

/// Whether a process runs; one that has ended and waits to be read does not.
fn is_running(pid: u32) -> bool {
    let output = Command::new("ps")
        .args(["-o", "stat=", "-p", &pid.to_string()])
        .output();
    let state = output.expect("ps").stdout;
    !state.is_empty() && !state.starts_with(b"Z")
}

fn kill_9(pid: u32) {
    let pid = i32::try_from(pid).expect("a pid");
    kill(Pid::from_raw(pid), Signal::SIGKILL).expect("a process of ours");
}

fn query(server: &Throwaway, sql: &str) -> String {
    TestSession::connect(&server.url("postgres")).query(sql)
}

/// Of the cluster: `initdb` makes it, a copy has it too.
fn identifier(server: &Throwaway) -> String {
    query(server, "SELECT system_identifier FROM pg_control_system()")
}

/// Another process with a server, which a test can kill. It is this test
/// program, running [`holder`].
struct Holder {
    process: Child,
    url: String,
    postmaster: u32,
    supervisor: u32,
}

impl Holder {
    fn command(place: &Place, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .args(["throwaway::holder", "--exact", "--ignored", "--nocapture"])
            .env("SEGUE_TEST_HOLDER", place.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        command
    }

    fn start(place: &Place) -> Self {
        let program = std::env::current_exe().expect("this program");
        Self::spawn(&mut Self::command(place, &program))
    }

    fn spawn(command: &mut Command) -> Self {
        let mut process = command.spawn().expect("this program");
        let lines = BufReader::new(process.stdout.take().expect("piped")).lines();
        let held = lines.map_while(Result::ok).find_map(|line| {
            let (_, held) = line.split_once("held ")?;
            Some(held.split(' ').map(str::to_owned).collect::<Vec<_>>())
        });
        let held = held.expect("the holder says what it holds");
        Self {
            process,
            url: held[0].clone(),
            postmaster: held[1].parse().expect("a pid"),
            supervisor: held[2].parse().expect("a pid"),
        }
    }

    fn kill_9(&mut self) {
        self.process.kill().expect("a process of ours");
        self.process.wait().expect("its status");
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        // Fails if it has ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
#[ignore = "other tests run it, as the process that they kill"]
#[expect(clippy::print_stdout, reason = "those tests read it")]
fn holder() {
    let Some(place) = std::env::var_os("SEGUE_TEST_HOLDER").map(PathBuf::from) else {
        return;
    };
    let options = Options {
        temp_dir: Some(place.join("tmp")),
        cache_dir: Some(place.join("cache")),
        program: std::env::var_os("SEGUE_TEST_PROGRAM")
            .map_or(server_options().program, |program| Some(program.into())),
        ..server_options()
    };
    let server = Throwaway::start(&options).unwrap_or_else(|error| panic!("{error}"));
    println!(
        "held {} {} {}",
        server.url("postgres"),
        server.pid(),
        server.supervisor_pid()
    );
    // Until it is killed, or the test that started it ends.
    let _ = std::io::stdin().read_line(&mut String::new());
}

#[test]
fn it_listens_on_a_private_socket_alone() {
    let place = Place::new();
    let server = place.start();
    let sql = "SELECT current_user, current_setting('listen_addresses'), current_setting('fsync'), \
               current_setting('TimeZone'), current_setting('server_version_num')::int / 10000";
    assert_eq!(
        query(&server, sql),
        format!("postgres||off|UTC|{}", server.major())
    );
    let socket_dir = fs::metadata(server.socket_dir()).expect("a folder");
    assert_eq!(socket_dir.mode() & 0o777, 0o700);
    let owner = if geteuid().is_root() {
        let user = ["postgres", "nobody"]
            .into_iter()
            .find_map(|name| User::from_name(name).ok()?);
        user.expect("somebody to run the server as").uid
    } else {
        geteuid()
    };
    assert_eq!(socket_dir.uid(), owner.as_raw());
}

#[test]
fn the_second_start_copies_the_first_ones_template() {
    let place = Place::new();
    let (first, second) = (place.start(), place.start());
    assert_eq!(identifier(&first), identifier(&second));
    assert_eq!(place.templates().len(), 1);
}

#[test]
fn a_template_that_is_not_whole_is_made_anew() {
    let place = Place::new();
    let first = identifier(&place.start());
    let template = place.templates().remove(0);
    fs::remove_file(template.join("data/base/1/PG_VERSION")).expect("a file of the template");
    let second = identifier(&place.start());
    assert_ne!(first, second);
    assert_eq!(identifier(&place.start()), second);
    // As killed while it was made: without its last file.
    fs::remove_file(template.join("complete")).expect("its mark");
    assert_ne!(identifier(&place.start()), second);
    assert_eq!(place.templates(), [template]);
}

#[test]
fn two_first_starts_at_once_both_end_well() {
    let place = Place::new();
    let servers = std::thread::scope(|scope| {
        let threads = [0; 2].map(|_| scope.spawn(|| place.start()));
        threads.map(|thread| thread.join().expect("a server"))
    });
    for server in &servers {
        assert_eq!(query(server, "SELECT 1"), "1");
    }
    assert_eq!(place.templates().len(), 1);
    assert_eq!(place.servers().len(), 2);
}

#[test]
fn a_cache_that_cannot_be_written_does_not_matter() {
    let place = Place::new();
    fs::write(place.path().join("cache"), "a file").expect("a file");
    assert_eq!(query(&place.start(), "SELECT 1"), "1");
    let options = Options {
        cache_dir: None,
        ..place.options()
    };
    let server = Throwaway::start(&options).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(query(&server, "SELECT 1"), "1");
}

#[test]
fn dropping_it_stops_it() {
    let place = Place::new();
    let server = place.start();
    let (pid, supervisor) = (server.pid(), server.supervisor_pid());
    // A transaction that is open does not hold it up.
    let session = TestSession::connect(&server.url("postgres"));
    session.run("BEGIN");
    let start = Instant::now();
    drop(server);
    assert!(start.elapsed() < STOP_MAX, "{:?}", start.elapsed());
    assert!(!is_running(pid));
    assert!(!is_running(supervisor));
    assert_eq!(place.servers(), [] as [PathBuf; 0]);
}

#[test]
fn it_ends_with_a_user_that_is_killed() {
    let place = Place::new();
    let mut holder = Holder::start(&place);
    assert_eq!(TestSession::connect(&holder.url).query("SELECT 1"), "1");
    holder.kill_9();
    let start = Instant::now();
    wait_until("the server's end", || {
        !is_running(holder.postmaster) && !is_running(holder.supervisor)
    });
    assert!(start.elapsed() < STOP_MAX, "{:?}", start.elapsed());
    assert_eq!(place.servers(), [] as [PathBuf; 0]);
}

#[test]
fn nothing_is_left_of_a_start_that_is_killed() {
    let place = Place::new();
    let program = std::env::current_exe().expect("this program");
    let mut process = Holder::command(&place, &program)
        .spawn()
        .expect("this program");
    // `initdb` has begun.
    let folder = wait_for("the cluster", || {
        let folder = place.servers().pop()?;
        folder.join("data/base").exists().then_some(folder)
    });
    process.kill().expect("a process of ours");
    process.wait().expect("its status");
    let start = Instant::now();
    wait_until("the folder's end", || !folder.exists());
    assert!(start.elapsed() < STOP_MAX, "{:?}", start.elapsed());
    assert_eq!(place.templates(), [] as [PathBuf; 0]);
}

#[test]
fn a_supervisor_that_is_told_to_end_stops_its_server() {
    let place = Place::new();
    let server = place.start();
    let supervisor = i32::try_from(server.supervisor_pid()).expect("a pid");
    kill(Pid::from_raw(supervisor), Signal::SIGTERM).expect("a process of ours");
    wait_until("the server's end", || !is_running(server.pid()));
    wait_until("the folder's end", || place.servers().is_empty());
}

#[test]
fn a_server_in_use_outlives_its_supervisor_and_ends_with_its_user() {
    let place = Place::new();
    let server = place.start();
    kill_9(server.supervisor_pid());
    // Another start sweeps what is not in use.
    drop(place.start());
    assert_eq!(query(&server, "SELECT 1"), "1");
    let pid = server.pid();
    drop(server);
    assert!(!is_running(pid));
    assert_eq!(place.servers(), [] as [PathBuf; 0]);
}

#[test]
fn a_later_start_sweeps_what_dead_ones_left_and_nothing_else() {
    let place = Place::new();
    let in_use = Holder::start(&place);
    let mut dead = Holder::start(&place);
    kill_9(dead.supervisor);
    dead.kill_9();
    // Named alike, but not what a server leaves.
    let foreign = place.folder("tmp/segue-pg-notaserv");
    fs::write(foreign.join("thesis.txt"), "").expect("a file");
    fs::write(foreign.join("lock"), "").expect("a file");
    assert!(is_running(dead.postmaster));

    let server = place.start();
    assert!(!is_running(dead.postmaster));
    assert!(foreign.join("thesis.txt").exists());
    assert_eq!(TestSession::connect(&in_use.url).query("SELECT 1"), "1");
    assert_eq!(query(&server, "SELECT 1"), "1");
    // In use, this one, and the foreign one.
    assert_eq!(place.servers().len(), 3);
}

#[test]
fn a_sweep_stops_no_other_process() {
    let place = Place::new();
    let server = place.start();
    let mut bystander = Command::new("sleep").arg("60").spawn().expect("sleep");
    // A leftover whose pid now is another process's.
    let leftover = place.folder("tmp/segue-pg-leftover");
    fs::create_dir(leftover.join("data")).expect("a folder");
    fs::write(leftover.join("lock"), "").expect("a file");
    let pid_file = leftover.join("data/postmaster.pid");
    fs::write(&pid_file, format!("{}\n", bystander.id())).expect("a file");
    drop(place.start());
    assert!(!leftover.exists());
    assert!(is_running(bystander.id()));
    assert!(is_running(server.pid()));
    bystander.kill().expect("a process of ours");
    bystander.wait().expect("its status");
}

#[test]
fn an_ordinary_user_can_start_one() {
    if !geteuid().is_root() {
        // Then all the other tests are run by one.
        return;
    }
    let nobody = User::from_name("nobody")
        .ok()
        .flatten()
        .expect("user nobody");
    let place = Place::new();
    // Where the programs are may be out of reach.
    let (test, segue) = (place.path().join("test"), place.path().join("segue"));
    fs::copy(std::env::current_exe().expect("this program"), &test).expect("a copy");
    fs::copy(SEGUE, &segue).expect("a copy");
    let mut command = Holder::command(&place, &test);
    command.current_dir("/").env("SEGUE_TEST_PROGRAM", &segue);
    let holder = Holder::spawn(command.uid(nobody.uid.as_raw()).gid(nobody.gid.as_raw()));
    assert_eq!(
        TestSession::connect(&holder.url).query("SELECT current_user"),
        "postgres"
    );
    for made in [place.servers(), place.templates()].concat() {
        assert_eq!(
            fs::metadata(made).expect("a folder").uid(),
            nobody.uid.as_raw()
        );
    }
}

/// Starts a server with this temporary folder, and gives the one it is in.
fn base(place: &Place, temp_dir: &Path) -> PathBuf {
    let options = Options {
        temp_dir: Some(temp_dir.to_owned()),
        ..place.options()
    };
    let server = Throwaway::start(&options).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(query(&server, "SELECT 1"), "1");
    let base = server.socket_dir();
    base.ancestors()
        .nth(2)
        .expect("below the folder")
        .to_owned()
}

#[test]
fn odd_temporary_folders() {
    let place = Place::new();
    for name in ["with space", "a,\"b\"'c'%20$@:?#", "größe-и-大"] {
        let temp_dir = place.folder(name);
        assert_eq!(base(&place, &temp_dir), temp_dir);
    }
    // A socket's path is limited, so `/tmp` has to do.
    let long = place.folder(&"long".repeat(20));
    assert_eq!(base(&place, &long), Path::new("/tmp"));
    if geteuid().is_root() {
        let private = place.folder("private");
        fs::set_permissions(&private, Permissions::from_mode(0o700)).expect("its owner");
        assert_eq!(base(&place, &private), Path::new("/tmp"));
    }
}

/// The error of a start, with the place's folder as `[place]`.
fn error(place: &Place, change: impl FnOnce(&mut Options)) -> String {
    let mut options = place.options();
    change(&mut options);
    let error = Throwaway::start(&options)
        .expect_err("an error")
        .to_string();
    error.replace(&*place.path().to_string_lossy(), "[place]")
}

#[test]
fn a_wrong_folder_of_binaries_is_named() {
    let place = Place::new();
    place.folder("empty");
    let broken = place.folder("broken");
    for name in ["initdb", "postgres"] {
        fs::write(broken.join(name), "#!/bin/sh\necho not today >&2\n").expect("a file");
        fs::set_permissions(broken.join(name), Permissions::from_mode(0o755)).expect("its mode");
    }
    let of = |name: &str| {
        let bin = place.path().join(name);
        error(&place, |options| options.bins = vec![bin])
    };
    assert_eq!(
        of("absent"),
        "no PostgreSQL server in `[place]/absent` (SEGUE_PG_BIN): No such file or directory"
    );
    assert_eq!(
        of("empty"),
        "no PostgreSQL server in `[place]/empty` (SEGUE_PG_BIN): it has no `initdb`"
    );
    assert_eq!(
        of("broken"),
        "no PostgreSQL server in `[place]/broken` (SEGUE_PG_BIN): \
         `postgres --version` says `not today`"
    );
}

#[test]
fn a_major_version_that_is_not_there_is_told() {
    let place = Place::new();
    let installed: Vec<_> = find_servers(&place.options())
        .iter()
        .map(|server| format!("{} in {}", server.version, server.bin.display()))
        .collect();
    assert_eq!(
        error(&place, |options| options.major = Some(9)),
        format!(
            "no server of PostgreSQL 9 found; found {}",
            installed.join(", ")
        )
    );
}

#[test]
fn settings_are_applied_and_wrong_ones_are_told() {
    let place = Place::new();
    let set = |options: &mut Options, name: &str, value: &str| {
        options.settings.insert(name.to_owned(), value.to_owned());
    };
    let mut options = place.options();
    set(&mut options, "work_mem", "7MB");
    set(&mut options, "search_path", "\"odd name\", public");
    let server = Throwaway::start(&options).unwrap_or_else(|error| panic!("{error}"));
    let sql = "SELECT current_setting('work_mem'), current_setting('search_path')";
    assert_eq!(query(&server, sql), "7MB|\"odd name\", public");

    assert_eq!(
        error(&place, |options| set(options, "Listen_Addresses", "*")),
        "`Listen_Addresses` cannot be set for a throwaway server: segue chooses it"
    );
    let unknown = error(&place, |options| set(options, "no_such_setting", "1"));
    let (text, log) = unknown.split_once('\n').expect("the log's end");
    assert_text(
        "error",
        text,
        &format!(
            "PostgreSQL {} did not start (exit status: 1); its log ends:",
            server.version()
        ),
    );
    assert!(
        log.ends_with("FATAL:  unrecognized configuration parameter \"no_such_setting\""),
        "{log}"
    );
    drop(server);
    assert_eq!(place.servers(), [] as [PathBuf; 0]);
}

#[test]
fn a_supervisor_that_cannot_run_is_told() {
    let place = Place::new();
    let mut options = place.options();
    options.program = Some(place.path().join("absent"));
    let error = Throwaway::start(&options).expect_err("an error");
    assert!(matches!(error, Error::Supervisor { .. }), "{error}");
    options.program = Some("/bin/false".into());
    let error = Throwaway::start(&options).expect_err("an error");
    assert_eq!(
        error.to_string(),
        "the supervisor of the server ended early (exit status: 1)"
    );
}
