//! Assignments as text, such as `Si@4c K@4c Cu@8d*2`.

use std::fmt;

use crystal_core::{SpaceGroup, Species};

use crate::assignment::{AssignedSite, position_with_letter};
use crate::{AssignmentError, WyckoffAssignment};

/// The most sites that one part of a text may ask for: a slip of the finger must not fill the memory.
const MAX_REPEATS: usize = 10_000;

impl fmt::Display for WyckoffAssignment {
    /// Canonical order, multiplicities of the CONVENTIONAL cell, `*n` behind a position that holds n sites of one
    /// element.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (site, count)) in self.counts().into_iter().enumerate() {
            let position = &self.space_group().wyckoff_positions()[site.position];
            let gap = if index == 0 { "" } else { " " };
            write!(f, "{gap}{}@{}{}", site.species, position.multiplicity(), position.letter())?;
            if count > 1 {
                write!(f, "*{count}")?;
            }
        }
        Ok(())
    }
}

impl WyckoffAssignment {
    /// Reads `Cu@8d Si@4c K@4c`: sites in any order, apart by spaces or commas. Each is an element, `@`, the
    /// multiplicity in the CONVENTIONAL cell (which may be left out) and the Wyckoff letter. An element that stands on
    /// several sites of one position is written several times, or once with `*n` behind it.
    ///
    /// # Errors
    /// [`AssignmentError::Syntax`], [`AssignmentError::UnknownLetter`], [`AssignmentError::WrongMultiplicity`], and
    /// those of [`Self::new`].
    pub fn parse(space_group: &'static SpaceGroup, text: &str) -> Result<Self, AssignmentError> {
        let mut sites = Vec::new();
        for part in text.split(|c: char| c.is_whitespace() || c == ',').filter(|part| !part.is_empty()) {
            let (site, count) = parse_site(space_group, part)?;
            sites.extend(std::iter::repeat_n(site, count));
        }
        Self::new(space_group, sites)
    }
}

fn parse_site(space_group: &SpaceGroup, part: &str) -> Result<(AssignedSite, usize), AssignmentError> {
    let bad = |reason: String| AssignmentError::Syntax { text: part.to_owned(), reason };
    let (symbol, rest) =
        part.split_once('@').ok_or_else(|| bad("there is no '@' between element and position".to_owned()))?;
    let species: Species = symbol.parse().map_err(|error: crystal_core::CrystalError| bad(error.to_string()))?;
    let (rest, count) = match rest.split_once('*') {
        None => (rest, 1),
        Some((rest, count)) => {
            let number = count.parse::<usize>().ok().filter(|number| (1..=MAX_REPEATS).contains(number));
            (rest, number.ok_or_else(|| bad(format!("'{count}' is not a number of sites from 1 to {MAX_REPEATS}")))?)
        }
    };
    let (multiplicity, letter) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len()));
    let mut letters = letter.chars();
    let letter = match (letters.next(), letters.next()) {
        (Some(letter), None) if letter.is_ascii_alphabetic() => letter,
        _ => return Err(bad(format!("'{rest}' is not a Wyckoff position"))),
    };
    let position = position_with_letter(space_group, letter)?;
    if !multiplicity.is_empty() {
        let expected = space_group.wyckoff_positions()[position].multiplicity();
        let found =
            multiplicity.parse::<usize>().map_err(|_| bad(format!("'{multiplicity}' is not a multiplicity")))?;
        if found != expected {
            return Err(AssignmentError::WrongMultiplicity {
                space_group: space_group.number(),
                letter,
                expected,
                found,
            });
        }
    }
    Ok((AssignedSite { species, position }, count))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(number: i64) -> &'static SpaceGroup {
        SpaceGroup::from_number(number).expect("a group")
    }

    #[test]
    fn reads_any_order_and_writes_the_canonical_one() {
        let assignment = WyckoffAssignment::parse(group(62), "Cu@8d, K@c Cu@d  Si@4c").expect("an assignment");
        assert_eq!(assignment.to_string(), "Si@4c K@4c Cu@8d*2");
        assert_eq!(WyckoffAssignment::parse(group(62), "Cu@8d*2 Si@c K@4c").expect("an assignment"), assignment);
        assert_eq!(assignment.n_atoms_conventional(), 24);
        assert_eq!(assignment.n_free(), 10);
        assert_eq!(assignment.reduced_formula(), "KCu4Si");
        assert_eq!(assignment.sites_per_element().to_string(), "Si:1,K:1,Cu:2");
    }

    #[test]
    fn both_cells() {
        let salt = WyckoffAssignment::parse(group(225), "Na@a Cl@b").expect("an assignment");
        assert_eq!(salt.conventional_composition().to_string(), "Na:4,Cl:4");
        assert_eq!(salt.primitive_composition().to_string(), "Na:1,Cl:1");
        assert_eq!((salt.n_atoms_conventional(), salt.n_atoms_primitive(), salt.n_free()), (8, 2, 0));
    }

    #[test]
    fn the_27th_letter() {
        let assignment = WyckoffAssignment::parse(group(47), "Fe@A Fe@z Fe@8A").expect("an assignment");
        assert_eq!(assignment.to_string(), "Fe@4z Fe@8A*2");
    }

    #[test]
    fn refuses_what_is_not_there() {
        let message =
            |number, text: &str| WyckoffAssignment::parse(group(number), text).expect_err("no assignment").to_string();
        assert_eq!(message(62, "Cu@q"), "space group 62 has no Wyckoff position 'q'; it has 4a, 4b, 4c, 8d");
        assert!(message(62, "Cu@4d").contains("has multiplicity 8 in the conventional cell, not 4; write 8d or d"));
        let taken = message(62, "Cu@a Fe@a");
        assert!(
            taken.starts_with("position 4a of space group 62 is a fixed point") && taken.contains("Cu and Fe"),
            "{taken}"
        );
        assert!(message(62, "Cu@a*2").contains("Cu and Cu"));
        for text in [
            "Cu",
            "Cu@",
            "Cu@8",
            "Cu@8dd",
            "Xx@a",
            "@a",
            "Cu@a*0",
            "Cu@a*x",
            "Cu@a*99999999",
            "Cu@99999999999999999999a",
        ] {
            assert!(message(62, text).contains("is not a site"), "{text}");
        }
        assert!(message(62, " , ").contains("no sites are given"));
    }
}
