//! Networks, potential and a reference of three phases.

use std::ops::ControlFlow;

use burn::tensor::Device;
use crystal_core::{Composition, SiteMode, Species};
use druse::wyckoff_model::Proposer;
use druse::{Checkpoint, DeviceName, Proposing, checkpoint};
use potential::{Nequix, Potential};
use relax::Crystal;
use search::{Settings, Tools, UnitRecord};
use stability::{CorrectionScheme, ReferenceBuilder, ReferenceSet, Source};

/// Everything that a search needs.
pub struct Equipment {
    device: Device,
    checkpoint: Checkpoint,
    potential: Nequix,
    proposer: Proposer,
    pub reference: ReferenceSet,
}

impl Equipment {
    pub fn new() -> Self {
        Self::with(|source| source)
    }

    /// With a reference whose energies are those of another potential.
    pub fn of_another_potential() -> Self {
        Self::with(|_| Source { name: "another".to_owned(), sha256: "0".repeat(64) })
    }

    fn with(source: impl Fn(Source) -> Source) -> Self {
        let device = DeviceName::Cpu.open().expect("a processor");
        let checkpoint = checkpoint::shipped(SiteMode::Wyckoff, &device).expect("compiled in");
        let potential = Nequix::bundled(&device).expect("compiled in");
        let identity = potential.identity();
        let own = Source { name: identity.name.clone(), sha256: identity.sha256.clone() };
        let reference = reference(&potential, source(own));
        let proposer = Proposing::Network.open().expect("compiled in").expect("a network");
        Self { device, checkpoint, potential, proposer, reference }
    }

    pub fn tools(&self) -> Tools<'_> {
        Tools {
            checkpoint: &self.checkpoint,
            proposer: Some(&self.proposer),
            device: &self.device,
            device_name: DeviceName::Cpu,
            potential: &self.potential,
            reference: &self.reference,
            reference_name: "three phases",
            known: None,
        }
    }
}

/// Sodium, chlorine in a made-up structure, and rock salt, relaxed.
fn reference(potential: &Nequix, source: Source) -> ReferenceSet {
    let data = Source { name: "three phases".to_owned(), sha256: "0".to_owned() };
    let scheme = CorrectionScheme::MaterialsProject2020;
    let mut builder = ReferenceBuilder::new(source, data, scheme, "symmetric");
    let phases = [
        ("sodium", 229, 4.2, vec![("Na", 'a', 0.0)]),
        ("chlorine", 225, 5.0, vec![("Cl", 'a', 0.0)]),
        ("salt", 225, 5.65, vec![("Na", 'a', 0.0), ("Cl", 'b', 0.5)]),
    ];
    let options = Settings::new(salt("NaCl").elements).refinement.options();
    for (id, space_group, a, sites) in phases {
        let site = |(symbol, letter, x): (&str, char, f64)| (species(symbol), letter, [x; 3]);
        let lattice = [[a, 0.0, 0.0], [0.0, a, 0.0], [0.0, 0.0, a]];
        let unit = UnitRecord { space_group, lattice, sites: sites.into_iter().map(site).collect() };
        let crystal = Crystal::Unit(unit.unit().expect("a unit"));
        relax::relax(potential, &options, [(0, crystal)], |_, result| {
            let relaxed = result.expect("relaxed");
            let group = relaxed.space_group.expect("a group");
            let raw = relaxed.energy_per_atom * relaxed.structure.n_sites() as f64;
            builder.push(id, &relaxed.structure, raw, group).expect("a phase");
            ControlFlow::Continue(())
        })
        .expect("a device");
    }
    builder.finish().expect("a reference")
}

fn species(symbol: &str) -> Species {
    symbol.parse().expect("an element")
}

/// A search of one formula of sodium and chlorine.
pub fn salt(formula: &str) -> Settings {
    let formula = Composition::from_formula(formula).expect("a formula");
    let elements = ["Na", "Cl"].map(species).into();
    Settings::new(elements).with_formula(&formula).expect("of the system")
}
