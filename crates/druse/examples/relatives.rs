//! Relatives of the structures in a folder: each is noised a little and sampled again in its own space group.
//! `cargo run --release --example relatives -- FOLDER`.

use std::path::Path;

use druse::crystal_core::io;
use druse::langevin::{FewStep, Method};
use druse::{DeviceName, Druse, Request};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1).ok_or("name a folder of structures")?;
    let druse = Druse::bundled(DeviceName::Cpu)?;
    for entry in std::fs::read_dir(Path::new(&folder))? {
        let path = entry?.path();
        let request = Request::template(io::read(&path)?).noise(3).count(2).method(Method::FewStep(FewStep::default()));
        for (number, grown) in druse.sample(&request)?.iter().enumerate() {
            let name = format!("{}-{number}.cif", path.file_stem().unwrap_or_default().to_string_lossy());
            io::write(Path::new(&name), grown.structure())?;
            println!("{name}: {} in space group {}", grown.formula(), grown.space_group());
        }
    }
    Ok(())
}
