//! Downloads against a local HTTP server.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use datasets::DatasetError;
use datasets::fetch::{FetchOptions, Outcome, SUMS_FILE, fetch};
use sha2::{Digest, Sha256};
use tiny_http::{Header, Response, Server};

/// How the server behaves.
#[derive(Clone, Copy, PartialEq)]
enum Manner {
    /// Knows byte ranges.
    Ranges,
    /// Sends the whole file whatever is asked.
    Whole,
    /// Promises the whole file, sends half of it and falls silent.
    Stalls,
    /// Answers with this status.
    Status(u16),
}

/// A server on a free local port; stops when dropped.
struct LocalServer {
    server: Arc<Server>,
    url: String,
    manner: Arc<Mutex<Manner>>,
    requests: Arc<AtomicUsize>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl LocalServer {
    fn new(files: BTreeMap<String, Vec<u8>>, manner: Manner) -> Self {
        let server = Arc::new(Server::http("127.0.0.1:0").expect("a free port"));
        let url = format!("http://{}/mp_20", server.server_addr());
        let (manner, requests) = (Arc::new(Mutex::new(manner)), Arc::new(AtomicUsize::new(0)));
        let thread = {
            let (server, manner, requests) = (server.clone(), manner.clone(), requests.clone());
            std::thread::spawn(move || {
                for request in server.incoming_requests() {
                    requests.fetch_add(1, Ordering::SeqCst);
                    let manner = *manner.lock().expect("no thread panicked");
                    answer(request, &files, manner);
                }
            })
        };
        Self { server, url, manner, requests, thread: Some(thread) }
    }

    fn behave(&self, manner: Manner) {
        *self.manner.lock().expect("no thread panicked") = manner;
    }

    fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

impl Drop for LocalServer {
    fn drop(&mut self) {
        self.server.unblock();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn answer(request: tiny_http::Request, files: &BTreeMap<String, Vec<u8>>, manner: Manner) {
    let body = request.url().strip_prefix("/mp_20/").and_then(|name| files.get(name));
    let (Some(body), false) = (body, matches!(manner, Manner::Status(_))) else {
        let status = if let Manner::Status(status) = manner { status } else { 404 };
        let _ = request.respond(Response::from_string("no").with_status_code(status));
        return;
    };
    if manner == Manner::Stalls {
        let mut stream = request.into_writer();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
        let _ = stream
            .write_all(head.as_bytes())
            .and_then(|()| stream.write_all(&body[..body.len() / 2]))
            .and_then(|()| stream.flush());
        return;
    }
    let range = request
        .headers()
        .iter()
        .find(|header| header.field.equiv("Range"))
        .map(|header| header.value.as_str().to_owned());
    let start = range.and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse::<usize>().ok());
    let header = |text: String| Header::from_bytes("Content-Range", text).expect("a header");
    let response = match (manner, start) {
        (Manner::Ranges, Some(start)) if start >= body.len() => {
            Response::from_data(vec![]).with_status_code(416).with_header(header(format!("bytes */{}", body.len())))
        }
        (Manner::Ranges, Some(start)) => Response::from_data(&body[start..])
            .with_status_code(206)
            .with_header(header(format!("bytes {start}-{}/{}", body.len() - 1, body.len()))),
        _ => Response::from_data(body.as_slice()),
    };
    // Without a length the client could not tell a short body.
    let _ = request.respond(response.with_chunked_threshold(usize::MAX));
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Larger than any buffer between client and server, and different in every place.
fn long_text() -> Vec<u8> {
    (0..200_000).flat_map(|i| format!("{i},").into_bytes()).collect()
}

fn files() -> BTreeMap<String, Vec<u8>> {
    BTreeMap::from([
        ("train.csv".to_owned(), long_text()),
        ("val.csv".to_owned(), b"val".to_vec()),
        ("test.csv".to_owned(), b"test".to_vec()),
    ])
}

fn options(server: &LocalServer, out: &Path) -> FetchOptions {
    FetchOptions {
        base_url: server.url.clone(),
        silence: Duration::from_secs(3),
        ..FetchOptions::mp_20_into(out.to_owned())
    }
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .expect("a folder")
        .map(|item| item.expect("an item").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn downloads_all_and_verifies_the_next_time() {
    let server = LocalServer::new(files(), Manner::Ranges);
    let out = tempfile::tempdir().expect("a temporary folder");
    let folder = out.path().join("new/folder");
    let done = fetch(&options(&server, &folder)).expect("a download");
    assert!(done.iter().all(|(_, _, outcome)| *outcome == Outcome::Downloaded { resumed_at: 0 }));
    for (name, body) in files() {
        assert_eq!(fs::read(folder.join(&name)).expect("a file"), body);
        assert!(done.iter().any(|(done, hash, _)| *done == name && *hash == sha256(&body)));
    }
    assert_eq!(names(&folder), [SUMS_FILE, "test.csv", "train.csv", "val.csv"]);
    let sums = fs::read_to_string(folder.join(SUMS_FILE)).expect("a file");
    assert!(sums.contains(&format!("{}  val.csv\n", sha256(b"val"))), "{sums}");
    let requests = server.requests();
    assert!(
        fetch(&options(&server, &folder))
            .expect("all there")
            .iter()
            .all(|(_, _, outcome)| *outcome == Outcome::Present)
    );
    assert_eq!(server.requests(), requests, "what is there is not asked for");
    fs::write(folder.join("val.csv"), "vel").expect("a file");
    let error = fetch(&options(&server, &folder)).expect_err("a changed file");
    assert!(matches!(&error, DatasetError::HashMismatch { expected, .. } if *expected == sha256(b"val")), "{error}");
}

#[test]
fn an_interrupted_download_is_resumed() {
    let server = LocalServer::new(files(), Manner::Stalls);
    let out = tempfile::tempdir().expect("a temporary folder");
    let error = fetch(&options(&server, out.path())).expect_err("a broken connection");
    assert!(matches!(error, DatasetError::Download { .. }), "{error}");
    assert_eq!(names(out.path()), ["train.csv.part"], "nothing that looks whole is left");
    let left = fs::metadata(out.path().join("train.csv.part")).expect("a part").len();
    assert!(left > 0 && left < long_text().len() as u64);
    server.behave(Manner::Ranges);
    let done = fetch(&options(&server, out.path())).expect("a resumed download");
    assert_eq!(done[0].2, Outcome::Downloaded { resumed_at: left });
    assert_eq!(fs::read(out.path().join("train.csv")).expect("a file"), long_text());
    assert!(!out.path().join("train.csv.part").exists());
}

#[test]
fn a_server_without_ranges_starts_anew() {
    let server = LocalServer::new(files(), Manner::Whole);
    let out = tempfile::tempdir().expect("a temporary folder");
    fs::write(out.path().join("train.csv.part"), "something else").expect("a file");
    let done = fetch(&options(&server, out.path())).expect("a download");
    assert_eq!(done[0].2, Outcome::Downloaded { resumed_at: 0 });
    assert_eq!(fs::read(out.path().join("train.csv")).expect("a file"), long_text());
}

#[test]
fn a_part_that_is_whole_or_too_long_is_handled() {
    let server = LocalServer::new(files(), Manner::Ranges);
    let out = tempfile::tempdir().expect("a temporary folder");
    fs::write(out.path().join("train.csv.part"), long_text()).expect("a file");
    fs::write(out.path().join("val.csv.part"), "more than val").expect("a file");
    let done = fetch(&options(&server, out.path())).expect("a download");
    assert_eq!(done[0].2, Outcome::Downloaded { resumed_at: long_text().len() as u64 });
    assert_eq!(done[1].2, Outcome::Downloaded { resumed_at: 0 });
    assert_eq!(fs::read(out.path().join("val.csv")).expect("a file"), b"val");
}

#[test]
fn a_wrong_hash_leaves_nothing_behind() {
    let server = LocalServer::new(files(), Manner::Ranges);
    let out = tempfile::tempdir().expect("a temporary folder");
    let mut pinned = options(&server, out.path());
    pinned.pinned.insert("train.csv".to_owned(), sha256(b"another"));
    let error = fetch(&pinned).expect_err("a wrong hash").to_string();
    assert!(
        error.contains("train.csv") && error.contains(&sha256(b"another")) && error.contains(&sha256(&long_text())),
        "{error}"
    );
    assert!(names(out.path()).is_empty());
    pinned.pinned.insert("train.csv".to_owned(), sha256(&long_text()).to_uppercase());
    fetch(&pinned).expect("the right hash");
}

#[test]
fn errors_of_the_server_are_clear() {
    let server = LocalServer::new(BTreeMap::new(), Manner::Ranges);
    let out = tempfile::tempdir().expect("a temporary folder");
    let error = fetch(&options(&server, out.path())).expect_err("no such file").to_string();
    assert!(
        error.contains(&format!("{}/train.csv", server.url)) && error.contains("404") && error.contains("--base-url"),
        "{error}"
    );
    server.behave(Manner::Status(503));
    let error = fetch(&options(&server, out.path())).expect_err("no service").to_string();
    assert!(error.contains("503") && error.contains("try again later"), "{error}");
    assert!(names(out.path()).is_empty());
    let url = server.url.clone();
    drop(server);
    let closed = FetchOptions { base_url: url, ..FetchOptions::mp_20_into(out.path().to_owned()) };
    assert!(matches!(fetch(&closed), Err(DatasetError::Download { .. })));
}

/// A table that loads.
fn table(id: &str) -> Vec<u8> {
    format!("material_id,space_group_0.1,lattice,species,frac_coords\n{id},225,0 2.8 2.8 2.8 0 2.8 2.8 2.8 0,Na Cl,0 0 0 0.5 0.5 0.5\n").into_bytes()
}

fn command(server: &LocalServer, cache: &Path) -> Command {
    let mut command = Command::new(PathBuf::from(env!("CARGO_BIN_EXE_fetch-data")));
    command.args(["mp-20", "--base-url", &server.url]).env("DRUSE_CACHE", cache);
    command
}

#[test]
fn the_command_fills_the_cache_and_loads_it() {
    let files = BTreeMap::from(["train", "val", "test"].map(|name| (format!("{name}.csv"), table(name))));
    let server = LocalServer::new(files, Manner::Ranges);
    let cache = tempfile::tempdir().expect("a temporary folder");
    let output = command(&server, cache.path()).output().expect("the command runs");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("loaded: train 1, val 1, test 1"), "{text}");
    assert_eq!(names(&cache.path().join("mp_20")), [SUMS_FILE, "test.csv", "train.csv", "val.csv"]);
    let pin = format!("val.csv={}", sha256(b"another"));
    let output = command(&server, cache.path()).args(["--sha256", &pin]).output().expect("the command runs");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains(&sha256(b"another")));
    for wrong in ["val.csv=12", "other.csv=", &format!("other.csv={}", sha256(b""))] {
        let output = command(&server, cache.path()).args(["--sha256", wrong]).output().expect("the command runs");
        assert_eq!(output.status.code(), Some(2), "{wrong}");
    }
}

#[test]
fn the_command_says_what_does_not_parse() {
    let files =
        BTreeMap::from(["train", "val", "test"].map(|name| (format!("{name}.csv"), b"no,table\n1,2\n".to_vec())));
    let server = LocalServer::new(files, Manner::Ranges);
    let cache = tempfile::tempdir().expect("a temporary folder");
    let output = command(&server, cache.path()).output().expect("the command runs");
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("material_id") && text.contains("train.csv:1"), "{text}");
}
