//! Asking for formulas, Wyckoff positions, templates and chemical systems; the commands of the documentation's page
//! about it.

use crystal_core::{Composition, Finder, SpaceGroup, Structure, find_symmetry, io};

use crate::support::Folder;

/// The page whose commands are run.
const PAGE: &str = include_str!("../../../../docs/src/formula.md");
const FAST: [&str; 4] = ["--sampler", "few-step", "--evaluations", "8"];

/// The commands in the shell blocks of a page.
fn commands(page: &str) -> Vec<&str> {
    let blocks = page.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    blocks.flat_map(str::lines).map(str::trim).filter(|line| line.starts_with("druse ")).collect()
}

/// Words as a shell takes them: quotes group, and one `*` represents the only file that fits.
fn words(folder: &Folder, line: &str) -> Vec<String> {
    let quoted = line.split('"').enumerate().flat_map(|(index, part)| match index % 2 {
        0 => part.split_whitespace().map(str::to_owned).collect::<Vec<_>>(),
        _ => vec![part.to_owned()],
    });
    let expanded = quoted.map(|word| match word.strip_suffix("/*.cif") {
        Some(below) => {
            let files = folder.files();
            files.into_iter().find(|file| file.starts_with(below)).unwrap_or_else(|| panic!("no file below {below}"))
        }
        None => word,
    });
    expanded.skip(1).collect()
}

#[test]
fn the_commands_of_the_page_give_what_it_says() {
    let folder = Folder::new();
    let lines = commands(PAGE);
    assert!(lines.len() >= 7, "{lines:?}");
    for line in lines {
        let words = words(&folder, line);
        folder.druse(&words.iter().map(String::as_str).collect::<Vec<_>>()).status(0);
    }
    let grown = |name: &str| {
        let files = folder.files().into_iter().filter(|file| file.starts_with(name) && file.ends_with(".cif"));
        files.map(|file| io::read(&folder.path().join(file)).expect("a structure")).collect::<Vec<_>>()
    };
    let formulas = |name: &str| {
        grown(name).iter().map(|structure| Composition::of(structure).reduced()).collect::<Vec<Composition>>()
    };
    let formula = |text: &str| Composition::from_formula(text).expect("a formula");
    assert_eq!(formulas("cu2ksi/"), vec![formula("Cu2KSi"); 3]);
    assert_eq!(formulas("chosen/"), vec![formula("Cu2KSi"); 2]);
    assert_eq!(formulas("best/"), vec![formula("Cu2KSi")]);
    assert_eq!(formulas("srtio3/"), vec![formula("SrTiO3"); 5]);
    assert_eq!([formulas("perovskite/").len(), formulas("near/").len(), formulas("relaxed/").len()], [1, 2, 1]);
    assert_eq!(formulas("system/").len(), 16);
    // The group asked for or a supergroup, whose point group holds that of the group.
    let order = |number| SpaceGroup::get(number).primitive_operations().len();
    for structure in grown("cu2ksi/").iter().chain(&grown("chosen/")) {
        let found = find_symmetry(structure, 1e-3, Finder::Moyo).expect("a space group").number;
        assert_eq!(order(found) % 8, 0, "{found} found, 62 asked for");
    }
    let perovskite = &grown("perovskite/")[0];
    assert_eq!(find_symmetry(perovskite, 1e-3, Finder::Moyo).expect("a space group").number.get(), 221);
}

#[test]
fn candidates_are_compared_and_the_best_is_told() {
    let folder = Folder::new();
    let error = |candidates: &str| {
        let words = [
            "sample",
            "--wyckoff",
            "Cu@8d Si@4c K@4c",
            "--space-group",
            "62",
            "--out",
            "grown",
            "--json",
            "--candidates",
            candidates,
        ];
        let document = folder.druse(&[&words[..], &FAST].concat()).status(0).document();
        assert_eq!(document["structures"].as_array().map(Vec::len), Some(1));
        // 8 evaluations a draw, and 5 levels with 4 noises on positions, and on positions and lattice.
        let evaluations = candidates.parse::<u64>().expect("a number") * (8 + 2 * 5 * 4);
        assert_eq!(document["evaluations_per_structure"].as_u64(), Some(evaluations));
        document["structures"][0]["denoising_error"].as_f64().expect("a number")
    };
    let (one, four) = (error("1"), error("4"));
    assert!(0.0 < four && four <= one, "{four} {one}");
    let many = ["sample", "--formula", "NaCl", "--out", "many", "--candidates", "1000000000000"];
    let said = folder.druse(&[&many[..], &FAST].concat()).status(2).stderr();
    assert!(said.contains("1 to 1000"), "{said}");
    let plain = ["sample", "--wyckoff", "Na@4a Cl@4b", "--space-group", "225", "--out", "plain", "--json"];
    assert!(
        folder.druse(&[&plain[..], &FAST].concat()).status(0).document()["structures"][0]
            .get("denoising_error")
            .is_none()
    );
}

#[test]
fn a_fixed_cell_stays_and_positions_do_not() {
    let folder = Folder::new();
    let first = ["sample", "--wyckoff", "Cu@8d Si@4c K@4c", "--space-group", "62", "--out", "first"];
    folder.druse(&[&first[..], &FAST].concat()).status(0);
    let file = folder.files().into_iter().find(|file| file.starts_with("first/")).expect("a structure");
    let fixed = ["sample", "--template", &file, "--noise", "4", "--fix", "lattice", "--out", "fixed"];
    folder.druse(&[&fixed[..], &FAST].concat()).status(0);
    let other = folder.files().into_iter().find(|file| file.starts_with("fixed/")).expect("a structure");
    let [before, after] = [&file, &other].map(|file| io::read(&folder.path().join(file)).expect("a structure"));
    let [a, b] = [&before, &after].map(|structure| structure.lattice().parameters());
    assert!((a.a - b.a).abs() < 1e-4 && (a.b - b.b).abs() < 1e-4 && (a.c - b.c).abs() < 1e-4, "{a:?} {b:?}");
    assert_eq!(Composition::of(&before), Composition::of(&after));
    let moved = |a: &Structure, b: &Structure| {
        let pairs = a.sites().iter().zip(b.sites());
        pairs.map(|(x, y)| (x.frac_coords - y.frac_coords).map(|x| x - x.round()).amax()).fold(0.0, f64::max)
    };
    assert!(moved(&before, &after) > 1e-4);
    // And the other way round: two seeds give two cells, and the same positions in them.
    let still = |seed: &str| {
        let words =
            ["sample", "--template", "fixed", "--noise", "8", "--fix", "positions", "--seed", seed, "--out", seed];
        let words = words.map(|word| if word == "fixed" { other.as_str() } else { word });
        folder.druse(&[&words[..], &FAST].concat()).status(0);
        let file = folder.files().into_iter().find(|file| file.starts_with(&format!("{seed}/"))).expect("a structure");
        io::read(&folder.path().join(file)).expect("a structure")
    };
    let [one, two] = ["1", "2"].map(still);
    assert!(moved(&one, &two) < 1e-6, "{}", moved(&one, &two));
    assert!((one.lattice().parameters().a - two.lattice().parameters().a).abs() > 1e-4);
}

#[test]
fn what_cannot_be_is_refused_with_a_cure() {
    let folder = Folder::new();
    let sample = |words: &[&str]| folder.druse(&[&["sample", "--out", "grown"], words].concat());
    sample(&[]).refused(&["--formula", "--wyckoff", "--sites-per-element"]);
    sample(&["--formula", "Xx2"]).refused(&["Xx", "chemical element"]);
    sample(&["--formula", "Na5Cl7", "--space-group", "225"]).refused(&["225", "Na5Cl7", "Na6Cl7", "217"]);
    sample(&["--formula", "NaCl", "--atoms", "1"]).refused(&["NaCl", "one formula unit has 2", "widen"]);
    sample(&["--formula", "NaCl", "--atoms", "9-4"]).refused(&["9-4", "range"]);
    sample(&["--wyckoff", "Na@4a", "--space-group", "225", "--noise", "3"]).refused(&["--noise is for --template"]);
    sample(&["--formula", "NaCl", "--fix", "lattice"]).refused(&["--fix is for --template"]);
    sample(&["--wyckoff", "Na@4a Cl@4a", "--space-group", "225"]).refused(&["4a", "fixed point", "Na", "Cl"]);
    sample(&["--wyckoff", "Na@4q", "--space-group", "225"]).refused(&["'q'", "4a", "192l"]);
    sample(&["--wyckoff", "Na@8a", "--space-group", "225"]).refused(&["multiplicity 4", "4a"]);
    sample(&["--wyckoff", "Na", "--space-group", "225"]).refused(&["Cu@8d"]);
    sample(&["--elements", "Na,Cl", "--sites", "1-200"]).refused(&["narrow --sites"]);
    sample(&["--template", "nowhere.cif"]).refused(&["nowhere.cif"]);
    assert!(folder.files().is_empty());
}
