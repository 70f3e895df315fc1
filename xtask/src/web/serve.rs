//! The page on a port of this machine.

use std::fs::File;
use std::path::{Component, Path, PathBuf};

use anyhow::anyhow;
use tiny_http::{Header, Method, Request, Response, Server};

/// Serves a folder on 127.0.0.1 until the program is interrupted.
///
/// # Errors
/// If the port is taken.
pub(super) fn serve(folder: &Path, port: u16) -> anyhow::Result<()> {
    let server = Server::http(("127.0.0.1", port))
        .map_err(|error| anyhow!("port {port} cannot be served: {error}; choose another with --port, or 0 for any"))?;
    println!("http://{}", server.server_addr());
    for request in server.incoming_requests() {
        // It goes on when a reader went away.
        let _ = answer(request, folder);
    }
    Ok(())
}

fn answer(request: Request, folder: &Path) -> std::io::Result<()> {
    if !matches!(request.method(), Method::Get | Method::Head) {
        return request.respond(Response::from_string("only GET is answered").with_status_code(405));
    }
    let Some(file) = file_of(request.url(), folder).and_then(|path| Some((File::open(&path).ok()?, path))) else {
        return request.respond(Response::from_string("there is no such file").with_status_code(404));
    };
    let (file, path) = file;
    let header = |name: &str, value: &str| Header::from_bytes(name, value).expect("the headers are plain text");
    let response = Response::from_file(file)
        .with_header(header("Content-Type", type_of(&path)))
        // What was built anew is to be seen.
        .with_header(header("Cache-Control", "no-cache"));
    request.respond(response)
}

/// The file of an address: one of the folder itself, nothing above or below it.
fn file_of(address: &str, folder: &Path) -> Option<PathBuf> {
    let path = address.split(['?', '#']).next()?.strip_prefix('/')?;
    let name = if path.is_empty() { "index.html" } else { path };
    let mut parts = Path::new(name).components();
    let plain = matches!(parts.next(), Some(Component::Normal(_))) && parts.next().is_none();
    Some(folder.join(name)).filter(|file| plain && file.is_file())
}

fn type_of(path: &Path) -> &'static str {
    match path.extension().and_then(|ending| ending.to_str()) {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("wasm") => "application/wasm",
        Some("safetensors") => "application/octet-stream",
        _ => "text/plain; charset=utf-8",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_of_the_folder_are_served() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        assert_eq!(file_of("/Cargo.toml?x=1", folder), Some(folder.join("Cargo.toml")));
        for address in ["/../Cargo.toml", "/src/lib.rs", "//etc/passwd", "/none", "/", "Cargo.toml"] {
            assert_eq!(file_of(address, folder), None, "{address}");
        }
        assert_eq!(type_of(Path::new("a/b.wasm")), "application/wasm");
    }
}
