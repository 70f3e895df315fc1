//! Elements from type symbols and labels.
//!
//! The rule: an element symbol is followed by a digit, a charge, a sign, a bracket or the end. Whatever follows an
//! element symbol as a letter is part of another word: `Wat` is not tungsten, `NH3` not nihonium. Where the rule leaves
//! a doubt the formula of the file decides, else the file is refused.

use std::collections::BTreeSet;

use super::super::text::{LAST_IN_CRYSTALS, isotope_note};
use crate::Species;

/// What the symbols of a file are read with.
#[derive(Debug, Default)]
pub(super) struct Symbols {
    /// Elements of `_chemical_formula_sum`, as it writes them (D and T too).
    formula: BTreeSet<String>,
    /// A label or type symbol writes a second letter in lower case: then two capitals are two letters.
    mixed_case: bool,
    /// Elements of one letter that stand alone somewhere.
    single: BTreeSet<String>,
}

/// An element, and what is to be said of how it was found.
#[derive(Debug, PartialEq)]
pub(super) struct Found {
    pub species: Species,
    pub note: Option<String>,
}

impl Symbols {
    /// `written` are all labels and type symbols of the file, `formula` the element symbols of its formula.
    pub(super) fn new<'a>(written: impl Iterator<Item = &'a str>, formula: BTreeSet<String>) -> Self {
        let mut symbols = Self { formula, ..Self::default() };
        for text in written {
            let run = letters(text);
            symbols.mixed_case |= run.len() == 2 && run.as_bytes()[1].is_ascii_lowercase() && species(run).is_some();
            if run.len() == 1 && species(run).is_some() {
                symbols.single.insert(run.to_ascii_uppercase());
            }
        }
        symbols
    }

    /// The element of a type symbol, which may carry a charge: `Fe3+`, `O2-`, `FE`, `Fe(III)`.
    ///
    /// # Errors
    /// Why it is not one element, and what to do.
    pub(super) fn of_type(&self, symbol: &str) -> Result<Found, String> {
        let cure = "write the symbol of one element, and give every atom its own site";
        if matches!(symbol, "Cval" | "Siva") {
            // The tables of scattering factors name valence states of these two.
            return Ok(Found {
                species: species(&symbol[..symbol.len() - 2].replace('v', "")).ok_or(cure)?,
                note: None,
            });
        }
        if let Some(found) = self.special(symbol) {
            return found;
        }
        let run = letters(symbol);
        let rest = &symbol[run.len()..];
        if self.is_class_of_elements(run) {
            return Err(self.unknown(symbol, "type symbol", cure));
        }
        let Some(species) = species(run) else { return Err(self.unknown(symbol, "type symbol", cure)) };
        if !is_charge(rest) {
            return Err(format!("the type symbol '{symbol}' is not one element with a charge; {cure}"));
        }
        // 'ND3' and 'CD3' are ammonia and methyl of deuterium, where 'ND' may be neodymium.
        let is_alone = |c: char| c.is_ascii_uppercase() && (is_element(&c.to_string()) || matches!(run, "CD" | "ND"));
        let two_elements = run.len() == 2 && run.chars().all(is_alone);
        // 'OG', 'Ts', 'Mc': letters of a scheme of names, or elements of which a few atoms were made.
        if is_superheavy(species) && !self.formula.contains(species.symbol()) {
            return Err(self.superheavy(symbol, species, cure));
        }
        if two_elements && !self.formula.contains(species.symbol()) {
            let has_digits_only = !rest.is_empty() && rest.chars().all(|c| c.is_ascii_digit());
            if has_digits_only || self.mixed_case || !self.formula.is_empty() {
                return Err(format!("the type symbol '{symbol}' may be a group of atoms or {species}; {cure}"));
            }
        }
        Ok(Found { species, note: None })
    }

    /// The element with which a label such as `Fe1` or `O2a` begins.
    ///
    /// # Errors
    /// Why it is not known, and what to do.
    pub(super) fn of_label(&self, label: &str) -> Result<Found, String> {
        let cure = "add the column _atom_site_type_symbol";
        if let Some(found) = self.special(label) {
            return found;
        }
        let run = letters(label);
        let rest = &label[run.len()..];
        if self.is_class_of_elements(run) {
            return Err(self.unknown(label, "label", cure));
        }
        if let Some(found) = species(run)
            && ends_symbol(rest)
            && !goes_on_as_formula(run, rest)
        {
            let first = &run[..1].to_ascii_uppercase();
            let in_capitals = run.len() == 2 && run.as_bytes()[1].is_ascii_uppercase();
            let one = in_capitals.then(|| species(first)).flatten();
            return match one {
                None if is_superheavy(found) && !self.formula.contains(found.symbol()) => {
                    Err(self.unknown(label, "label", cure))
                }
                None => Ok(Found { species: found, note: None }),
                Some(one) => self.one_of_two(label, one, found, cure),
            };
        }
        // More letters than a symbol has: only a formula tells that the first ones are the element.
        let is_list = label.contains([',', '/', '&', '+']);
        let of_formula = |n: usize| {
            let start = run.get(..n).and_then(species)?;
            (!is_list && self.formula.contains(start.symbol())).then_some(start)
        };
        match (of_formula(1), of_formula(2)) {
            (Some(species), None) | (None, Some(species)) => Ok(Found {
                species,
                note: Some(format!("the label '{label}' is read as {species}, which stands in the formula")),
            }),
            (Some(one), Some(two)) if run.as_bytes()[1].is_ascii_lowercase() => {
                Ok(Found { species: two, note: Some(format!("the label '{label}' is read as {two}, not {one}")) })
            }
            _ => Err(self.unknown(label, "label", cure)),
        }
    }

    /// The element of a label that is nothing but its symbol as tables write it, and a number: `Fe1`.
    pub(super) fn plain(&self, label: &str) -> Option<Species> {
        let run = letters(label);
        let is_number = label[run.len()..].chars().all(|c| c.is_ascii_digit());
        run.parse().ok().filter(|_| is_number && !matches!(run, "D" | "T"))
    }

    /// Two capitals that may be one element or an element and a letter: `CA1`.
    fn one_of_two(&self, label: &str, one: Species, two: Species, cure: &str) -> Result<Found, String> {
        let note = |species: Species| Some(format!("the label '{label}' is read as {species}; if it is not, {cure}"));
        let doubt = || format!("the label '{label}' may mean {one} or {two}; {cure}");
        if is_superheavy(two) && !self.formula.contains(two.symbol()) {
            return Err(self.unknown(label, "label", cure));
        }
        match (self.formula.contains(one.symbol()), self.formula.contains(two.symbol())) {
            (true, false) => Ok(Found { species: one, note: None }),
            (false, true) => Ok(Found { species: two, note: None }),
            (true, true) => Err(doubt()),
            (false, false) if self.mixed_case || self.single.contains(one.symbol()) => Err(doubt()),
            (false, false) => Ok(Found { species: two, note: note(two) }),
        }
    }

    /// Words that mean something although no element symbol is in them, or another one than it seems.
    fn special(&self, written: &str) -> Option<Result<Found, String>> {
        let stem = written.trim_end_matches(|c: char| !c.is_ascii_alphabetic());
        let isotope = |symbol: &str| {
            let species = species("H").expect("hydrogen is an element");
            Some(Ok(Found { species, note: Some(isotope_note(symbol)) }))
        };
        let water = |symbol: &str, what: &str| {
            let species = species(symbol).expect("oxygen and hydrogen are elements");
            Some(Ok(Found { species, note: Some(format!("'{written}' ({what} of water) is read as {symbol}")) }))
        };
        let run = letters(written);
        let heavy = written.starts_with("D2O") && !self.formula.contains("D");
        if heavy || (written.starts_with("H2O") && !self.formula.contains("H")) {
            return Some(Err(format!(
                "'{written}' names water, not an element; give each of its atoms a site, and its element in _atom_site_type_symbol"
            )));
        }
        match run {
            "D" if ends_symbol(&written[1..]) => isotope("D"),
            // In zeolites and feldspars T is the tetrahedral site; tritium stands in the formula where it is meant.
            "T" if ends_symbol(&written[1..]) && self.formula.contains("T") => isotope("T"),
            "T" if ends_symbol(&written[1..]) => Some(Err(format!(
                "'{written}' may be a tetrahedral site or tritium; write the element (3H for tritium) into _atom_site_type_symbol"
            ))),
            "" if matches!(stem, "2H" | "3H") => isotope(stem),
            _ if matches!(stem, "Wat" | "wat" | "WAT" | "Ow" | "OW") => water("O", "the oxygen"),
            _ if matches!(stem, "Hw" | "HW") => water("H", "a hydrogen"),
            _ => None,
        }
    }

    /// RE for rare earth and TM for transition metal, unless the formula has rhenium or thulium.
    fn is_class_of_elements(&self, run: &str) -> bool {
        matches!(run, "RE" | "TM") && !species(run).is_some_and(|species| self.formula.contains(species.symbol()))
    }

    /// A type symbol that only the formula can make an element of.
    fn superheavy(&self, symbol: &str, species: Species, cure: &str) -> String {
        let run = letters(symbol).to_ascii_lowercase();
        if NON_ELEMENTS.iter().any(|(words, _)| words.contains(&run.as_str())) {
            return self.unknown(symbol, "type symbol", cure);
        }
        format!(
            "the type symbol '{symbol}' would be element {}, of which nobody has a crystal; write the element that is \
             meant, or name {species} in _chemical_formula_sum if it is that one",
            species.atomic_number()
        )
    }

    fn unknown(&self, written: &str, what: &str, cure: &str) -> String {
        let run = letters(written).to_ascii_lowercase();
        let known = NON_ELEMENTS.iter().find(|(words, _)| words.contains(&run.as_str()));
        match known {
            Some((_, meaning)) => format!("the {what} '{written}' names {meaning}, not an element; {cure}"),
            None => format!("the {what} '{written}' does not begin with the symbol of a chemical element; {cure}"),
        }
    }
}

/// Words for what is not an element, in lower case.
const NON_ELEMENTS: [(&[&str], &str); 8] = [
    (&["wat", "aq"], "water"),
    (&["oh", "ho"], "a hydroxyl group"),
    (&["vac", "va", "vacancy", "empty"], "a vacancy"),
    (
        &["du", "dum", "dummy", "x", "xx", "q", "cen", "cent", "uk", "un", "uh"],
        "a place without an atom, or an unknown one",
    ),
    (&["re", "ree", "ln", "r", "lan"], "any rare earth"),
    (&["tm"], "any transition metal"),
    (&["t", "tet", "oct", "m", "a", "me", "cat", "an", "hal"], "a kind of site"),
    (&["nh", "co", "po", "so", "no", "bh", "cn", "cd", "ch", "sio", "alo", "pf", "bf", "clo"], "a group of atoms"),
];

/// The letters at the beginning.
fn letters(text: &str) -> &str {
    &text[..text.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(text.len())]
}

fn is_element(symbol: &str) -> bool {
    symbol.parse::<Species>().is_ok()
}

/// The element of one or two letters in any case, but for a capital behind a small letter.
fn species(letters: &str) -> Option<Species> {
    if letters.starts_with(|c: char| c.is_ascii_lowercase()) && letters.contains(|c: char| c.is_ascii_uppercase()) {
        return None;
    }
    let mut capitalised = letters.to_ascii_lowercase();
    capitalised.get_mut(..1)?.make_ascii_uppercase();
    capitalised.parse().ok()
}

/// Made atom by atom, and in no crystal: in a label `Mt1` is some metal and `NH3` ammonia.
fn is_superheavy(species: Species) -> bool {
    species.atomic_number() > LAST_IN_CRYSTALS
}

/// What may follow the element in a type symbol: nothing, digits, or a charge (`3+`, `+3`, `+`, `2.67+`, `(III)`,
/// `3+.`).
fn is_charge(rest: &str) -> bool {
    let rest = rest.trim().trim_end_matches('.');
    let rest = rest.strip_prefix('(').and_then(|inner| inner.strip_suffix(')')).unwrap_or(rest);
    if rest.chars().all(|c| matches!(c, 'I' | 'V' | 'X')) {
        return true;
    }
    let signs = rest.matches(['+', '-']).count();
    let digits = rest.trim_matches(['+', '-']);
    let is_number = digits.is_empty() || digits.parse::<f64>().is_ok_and(|x| x.is_finite());
    let is_whole = digits.chars().all(|c| c.is_ascii_digit());
    is_number && (signs > 0 || is_whole)
}

/// What may follow the element in a label: the end, a digit, a sign, a bracket, an apostrophe; behind a sign no further
/// letters.
fn ends_symbol(rest: &str) -> bool {
    let mut signs = rest.chars();
    match signs.next() {
        None => true,
        Some(c) if c.is_ascii_digit() || matches!(c, '(' | '[' | '{' | '\'' | '"' | '*' | '#') => {
            no_second_element(rest)
        }
        Some('+' | '-' | '_' | '.' | ':') => {
            !signs.as_str().starts_with(|c: char| c.is_ascii_alphabetic()) && no_second_element(rest)
        }
        Some(_) => false,
    }
}

/// `Nb1Zr1`, `Fe2O3`: behind the digits stands another element, so the label names several. Behind the elements of
/// organic chemistry a letter is part of the name of the atom (`C1B`, `H2C1`), but for counted hydrogen: `C6H6`.
fn goes_on_as_formula(run: &str, rest: &str) -> bool {
    let after = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    let second = letters(after);
    if after.len() == rest.len() || !second.starts_with(|c: char| c.is_ascii_uppercase()) {
        return false;
    }
    let names_element = is_element(second);
    let is_counted = after[second.len()..].starts_with(|c: char| c.is_ascii_digit());
    let is_organic = matches!(run, "H" | "D" | "C" | "N" | "O");
    let with_hydrogen = !matches!(run, "H" | "D") && second == "H";
    names_element && (second.len() == 2 || (is_counted && (!is_organic || with_hydrogen)))
}

/// A list such as `Fe0.5Mn0.5`, `Nb1,Zr1` or `Si1/Al1` is not the label of one atom.
fn no_second_element(rest: &str) -> bool {
    // 'Na0.5' states an occupancy, as far as anybody can tell.
    if rest.starts_with("0.") {
        return false;
    }
    if rest.contains([',', '/', '&', '+']) && rest.contains(|c: char| c.is_ascii_alphabetic()) {
        return false;
    }
    // 'Si(Al)' is a mixed site, 'O(H)' a hydroxyl group; 'Fe(A)' is not told from them where A is an element.
    let bracketed = rest.split_once(['(', '[', '{']).and_then(|(_, inner)| inner.split_once([')', ']', '}']));
    if bracketed.is_some_and(|(inner, _)| species(inner).is_some()) {
        return false;
    }
    // 'Ca1-Sr1', 'Ca1_Sr': behind a sign stands another element of two letters. One letter counts copies: 'O1_B'.
    let is_named = |part: &str| letters(part).len() == 2 && is_element(letters(part));
    if rest.split(['_', '-', '.', ':']).skip(1).any(is_named) {
        return false;
    }
    // 'Si.5Al.5': shares without their zeros.
    if let Some((first, second)) = rest.strip_prefix('.').and_then(|rest| rest.split_once(char::is_alphabetic))
        && first.chars().all(|c| c.is_ascii_digit())
        && second.contains('.')
    {
        return false;
    }
    let after_decimal = rest.split_once('.').is_some_and(|(before, after)| {
        before.chars().all(|c| c.is_ascii_digit())
            && !before.is_empty()
            && after.starts_with(|c: char| c.is_ascii_digit())
            && after.contains(|c: char| c.is_ascii_alphabetic())
    });
    !after_decimal
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(formula: &[&str], written: &[&str]) -> Symbols {
        Symbols::new(written.iter().copied(), formula.iter().map(|symbol| (*symbol).to_owned()).collect())
    }

    fn symbol(found: Result<Found, String>) -> Option<&'static str> {
        found.ok().map(|found| found.species.symbol())
    }

    #[test]
    fn type_symbols() {
        let symbols = with(&[], &["Na1"]);
        for (text, expected) in [
            ("Fe3+", "Fe"),
            ("Fe+3", "Fe"),
            ("Fe+++", "Fe"),
            ("Fe(III)", "Fe"),
            ("Fe(3+)", "Fe"),
            ("Fe2.67+", "Fe"),
            ("O2-", "O"),
            ("O1-.", "O"),
            ("FE", "Fe"),
            ("na1+", "Na"),
            ("D", "H"),
            ("2H", "H"),
            ("3H", "H"),
            ("Cl", "Cl"),
            ("Cval", "C"),
            ("Siva", "Si"),
            ("Co2", "Co"),
            ("Wat", "O"),
            ("Ow", "O"),
        ] {
            assert_eq!(symbol(symbols.of_type(text)), Some(expected), "{text}");
        }
        for text in [
            "NH3",
            "NH4",
            "CO3",
            "CO",
            "PO4",
            "BH4",
            "H2O",
            "OH",
            "OH2",
            "NO3",
            "SO4",
            "CN",
            "Si/Al",
            "Si,Al",
            "Fe+Mg",
            "Fe0.5Mn0.5",
            "Fe0.5",
            "FeMn",
            "T",
            "M",
            "X",
            "Vac",
            "Du",
            "RE",
            "Ln",
            "Q",
            "",
            "1",
            "Fe-Mn",
            "Fe Mn",
            "(Fe,Mn)",
            "Fe3+Mn2+",
            "NO",
            "MC",
            "OG",
            "ND3",
            "CD3",
            "CD",
            "cO",
        ] {
            assert_eq!(symbol(symbols.of_type(text)), None, "{text}");
        }
        let capitals = with(&[], &["NA1", "CO1"]);
        assert_eq!(symbol(capitals.of_type("CO")), Some("Co"));
        assert_eq!(symbol(capitals.of_type("CO3")), None);
        assert_eq!(symbol(capitals.of_type("PD1")), Some("Pd"));
        assert_eq!(symbol(capitals.of_type("CD")), Some("Cd"));
        assert_eq!(symbol(with(&["Nd", "O"], &["Na"]).of_type("ND3+")), Some("Nd"));
        assert_eq!(symbol(with(&["Co", "O"], &["Na"]).of_type("CO2+")), Some("Co"));
        for text in ["Og", "Ts", "Lv", "Mc", "Nh", "Cn", "Mt", "Og2+"] {
            assert_eq!(symbol(symbols.of_type(text)), None, "{text}");
        }
        assert_eq!(symbol(with(&["Og"], &["Na"]).of_type("Og")), Some("Og"));
        assert_eq!(symbol(with(&["C", "O"], &[]).of_type("CO")), None);
        assert_eq!(symbol(with(&["T", "O"], &[]).of_type("T")), Some("H"));
    }

    #[test]
    fn labels() {
        let symbols = with(&[], &["Na1"]);
        for (text, expected) in [
            ("Fe1", "Fe"),
            ("O2a", "O"),
            ("Na", "Na"),
            ("XE1", "Xe"),
            ("TI1", "Ti"),
            ("DY1", "Dy"),
            ("C1A", "C"),
            ("D3", "H"),
            ("O1'", "O"),
            ("O'", "O"),
            ("Fe(1)", "Fe"),
            ("O(1A)", "O"),
            ("Fe(A)", "Fe"),
            ("Fe3+", "Fe"),
            ("Fe_1", "Fe"),
            ("O1_2", "O"),
            ("Wat1", "O"),
            ("Ow2", "O"),
            ("OW2", "O"),
            ("Hw1", "H"),
            ("fe1", "Fe"),
            ("O1_B", "O"),
            ("O1-W", "O"),
            ("Fe.1", "Fe"),
            ("H3O1", "H"),
            ("C1H", "C"),
        ] {
            assert_eq!(symbol(symbols.of_label(text)), Some(expected), "{text}");
        }
        for text in [
            "T1",
            "Tet1",
            "Du1",
            "Vac1",
            "Va1",
            "RE1",
            "Ln1",
            "X1",
            "M1",
            "Q1",
            "Nb,Zr",
            "Nb1,Zr1",
            "Si/Al",
            "Si1/Al1",
            "OH1",
            "OH",
            "NH3",
            "Fe_Mg",
            "Fe+Mg",
            "Fe0.5Mn0.5",
            "CA1",
            "FeMn1",
            "Oct1",
            "Cat1",
            "Uk1",
            "",
            "1",
            "O-H",
            "Hal1",
            "Me1",
            "H2O1",
            "H2O",
            "Si(Al)",
            "O(H)",
            "O(W)",
            "Mt1",
            "Nh1",
            "Na0.5",
            "Ca1-Sr1",
            "Ca1_Sr",
            "Si.5Al.5",
            "C6H6",
            "N1H1",
            "fE1",
        ] {
            assert_eq!(symbol(symbols.of_label(text)), None, "{text}");
        }
        // In a file of capitals two letters that are an element are one, unless the first is there by itself.
        let capitals = with(&[], &["TI1", "CL1"]);
        assert_eq!(symbol(capitals.of_label("CL1")), Some("Cl"));
        assert_eq!(symbol(capitals.of_label("FE1")), Some("Fe"));
        assert_eq!(symbol(capitals.of_label("NH3")), None);
        assert_eq!(symbol(with(&["O", "H", "Fe"], &[]).of_label("H2O1")), Some("H"));
        assert_eq!(symbol(with(&["Si", "Al", "O"], &[]).of_label("Si/Al")), None);
        assert_eq!(symbol(with(&["O", "C"], &[]).of_label("O(B)")), Some("O"));
        assert_eq!(symbol(with(&[], &["C1", "CL1"]).of_label("CL1")), None);
        // The formula decides.
        assert_eq!(symbol(with(&["C", "O"], &[]).of_label("CA1")), Some("C"));
        assert_eq!(symbol(with(&["Ca", "O"], &["Na"]).of_label("CA1")), Some("Ca"));
        assert_eq!(symbol(with(&["C", "Ca"], &[]).of_label("CA1")), None);
        assert_eq!(symbol(with(&["Si", "O"], &[]).of_label("OA1")), Some("O"));
        assert_eq!(symbol(with(&["Si", "O"], &[]).of_label("SiT1")), Some("Si"));
        assert_eq!(symbol(with(&["Si", "O"], &[]).of_label("T1")), None);
        assert_eq!(symbol(with(&["T", "O"], &[]).of_label("T1")), Some("H"));
    }
}
