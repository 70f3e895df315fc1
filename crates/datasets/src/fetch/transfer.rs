//! One file over HTTP, with resume.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use ureq::http::Response;
use ureq::{Agent, Body};

use super::FetchOptions;
use crate::{DatasetError, hashing};

const OK: u16 = 200;
const PARTIAL_CONTENT: u16 = 206;
const NOT_FOUND: u16 = 404;
const RANGE_NOT_SATISFIABLE: u16 = 416;

/// Downloads to `NAME.part` and renames; returns the hash and how many bytes an earlier run had left.
pub(super) fn download(
    url: &str,
    path: &Path,
    pinned: Option<&str>,
    options: &FetchOptions,
) -> Result<(String, u64), DatasetError> {
    let part = part_of(path);
    let left = fs::metadata(&part).map_or(0, |metadata| metadata.len());
    let resumed_at = transfer(url, &part, left, options)?;
    let found = hashing::sha256_of_files([&part])?;
    if let Some(expected) = pinned.filter(|expected| *expected != found) {
        // What is whole and wrong cannot be resumed.
        fs::remove_file(&part).map_err(DatasetError::io(&part))?;
        let cure = "nothing was kept; check the pinned hash and the address";
        return Err(DatasetError::HashMismatch { path: path.to_owned(), expected: expected.to_owned(), found, cure });
    }
    fs::rename(&part, path).map_err(DatasetError::io(path))?;
    Ok((found, resumed_at))
}

fn part_of(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    path.with_file_name(name)
}

/// Brings the part file to its full length; returns where the transfer began.
fn transfer(url: &str, part: &Path, left: u64, options: &FetchOptions) -> Result<u64, DatasetError> {
    let response = request(url, left, options.silence)?;
    match response.status().as_u16() {
        PARTIAL_CONTENT => {
            let (start, total) =
                content_range(&response).ok_or_else(|| broken(url, "the server's Content-Range cannot be read"))?;
            if start != left {
                return Err(broken(url, &format!("the server went on at byte {start} instead of {left}")));
            }
            let file = OpenOptions::new().append(true).open(part).map_err(DatasetError::io(part))?;
            receive(url, response, file, part, left, total, options.progress)?;
            Ok(left)
        }
        OK => {
            // The whole file, whether or not a part was there: the server knows no ranges.
            let file = File::create(part).map_err(DatasetError::io(part))?;
            let total = response.body().content_length();
            receive(url, response, file, part, 0, total, options.progress)?;
            Ok(0)
        }
        // Nothing lies beyond what is there: either it is whole, or it belongs to another version of the file.
        RANGE_NOT_SATISFIABLE if left > 0 => {
            if total_of_unsatisfied(&response) == Some(left) {
                return Ok(left);
            }
            fs::remove_file(part).map_err(DatasetError::io(part))?;
            transfer(url, part, 0, options)
        }
        status => Err(DatasetError::HttpStatus {
            url: url.to_owned(),
            status,
            cure: match status {
                NOT_FOUND => "there is no such file: check --base-url",
                500.. => "try again later",
                _ => "check --base-url",
            },
        }),
    }
}

fn request(url: &str, left: u64, silence: Duration) -> Result<Response<Body>, DatasetError> {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .timeout_connect(Some(silence))
        .timeout_recv_response(Some(silence))
        .timeout_per_read(Some(silence))
        .build();
    let mut request = config.new_agent().get(url);
    if left > 0 {
        request = request.header("Range", format!("bytes={left}-"));
    }
    // A compressed body would make byte ranges and lengths mean something else.
    request.header("Accept-Encoding", "identity").call().map_err(|error| broken(url, &error.to_string()))
}

/// `bytes START-END/TOTAL`, the total perhaps `*`.
fn content_range(response: &Response<Body>) -> Option<(u64, Option<u64>)> {
    let (range, total) = header(response)?.strip_prefix("bytes ")?.split_once('/')?;
    Some((range.split_once('-')?.0.trim().parse().ok()?, total.trim().parse().ok()))
}

/// `bytes */TOTAL`.
fn total_of_unsatisfied(response: &Response<Body>) -> Option<u64> {
    header(response)?.strip_prefix("bytes */")?.trim().parse().ok()
}

fn header(response: &Response<Body>) -> Option<&str> {
    response.headers().get("Content-Range")?.to_str().ok()
}

fn receive(
    url: &str,
    response: Response<Body>,
    mut file: File,
    part: &Path,
    start: u64,
    total: Option<u64>,
    progress: bool,
) -> Result<(), DatasetError> {
    let bar = bar(url, start, total, progress);
    let mut reader = response.into_body().into_reader();
    let mut buffer = vec![0; 1 << 16];
    let mut length = start;
    loop {
        let n = reader
            .read(&mut buffer)
            .map_err(|error| broken(url, &format!("the connection broke after {length} bytes ({error})")))?;
        if n == 0 {
            break;
        }
        file.write_all(&buffer[..n]).map_err(DatasetError::io(part))?;
        length += n as u64;
        bar.set_position(length);
    }
    file.sync_all().map_err(DatasetError::io(part))?;
    bar.finish_and_clear();
    match total {
        Some(total) if total != length => Err(broken(url, &format!("{length} of {total} bytes came"))),
        _ => Ok(()),
    }
}

fn bar(url: &str, start: u64, total: Option<u64>, progress: bool) -> ProgressBar {
    if !progress {
        return ProgressBar::hidden();
    }
    let bar = total.map_or_else(ProgressBar::no_length, ProgressBar::new);
    let style = ProgressStyle::with_template("{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}");
    bar.set_style(style.expect("the template is well formed"));
    bar.set_message(url.rsplit('/').next().unwrap_or_default().to_owned());
    bar.set_position(start);
    bar
}

fn broken(url: &str, reason: &str) -> DatasetError {
    DatasetError::Download { url: url.to_owned(), reason: reason.to_owned() }
}
