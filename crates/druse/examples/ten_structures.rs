//! Ten structures of SrTiO3 in ten lines: `cargo run --release --example ten_structures`.

use druse::{DeviceName, Druse, DruseError, Request};

fn main() -> Result<(), DruseError> {
    let druse = Druse::bundled(DeviceName::Cpu)?;
    let few = druse::langevin::Method::FewStep(druse::langevin::FewStep::default());
    for grown in druse.sample(&Request::formula("SrTiO3")?.count(10).seed(1).method(few))? {
        let volume = grown.structure().lattice().volume();
        println!("{} in space group {}, {volume:.1} Å³", grown.formula(), grown.space_group());
    }
    Ok(())
}
