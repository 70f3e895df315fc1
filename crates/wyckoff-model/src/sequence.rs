//! A crystal as a sequence of tokens, and what each token is to foretell.

use crystal_core::whole;
use crystal_core::{SpaceGroup, SpaceGroupNumber, Species};
use wyckoff_assignment::{AssignmentError, SiteChoices, Walk, WyckoffAssignment};

use crate::features::{N_ELEMENTS, PLACES};

/// Most atoms in a primitive cell that the network knows: what MP-20 has.
pub const MOST_ATOMS: u32 = 20;
/// Numbers that a token can tell: 0 to one less; larger ones are told as the largest.
pub(crate) const N_NUMBERS: usize = 33;
/// Kinds of tokens, padding among them.
pub(crate) const N_KINDS: usize = 6;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Kind {
    /// Behind the end of a sequence.
    #[default]
    Padding,
    /// The start, with what is told of elements and group.
    Start,
    /// An element of the cell and its count.
    Count,
    /// The composition is complete.
    End,
    /// The space group.
    Group,
    /// A site.
    Site,
}

/// One token.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    /// Atomic number of what it says, 0 for nothing.
    pub(crate) element: u8,
    /// Atomic number of the element whose site is next, 0 for nothing.
    pub(crate) next: u8,
    /// Two numbers.
    pub(crate) numbers: [u8; 2],
    /// Row of the table of places; `None` for nowhere.
    pub(crate) place: Option<u32>,
}

fn number(count: u32) -> u8 {
    u8::try_from(count).map_or(whole::byte(N_NUMBERS - 1), |count| count.min(whole::byte(N_NUMBERS - 1)))
}

impl Token {
    pub(crate) fn start(group: Option<u8>) -> Self {
        Self { kind: Kind::Start, place: group.map(|group| PLACES.group(group)), ..Self::default() }
    }

    /// An element with its count; `total` atoms so far, these included.
    pub(crate) fn count(element: u8, count: u32, total: u32) -> Self {
        Self { kind: Kind::Count, element, numbers: [number(count), number(total)], ..Self::default() }
    }

    pub(crate) fn end(n_elements: usize, total: u32) -> Self {
        Self { kind: Kind::End, numbers: [number(whole::compact(n_elements)), number(total)], ..Self::default() }
    }

    /// The group; then comes the first of `left` atoms of `next`.
    pub(crate) fn group(group: u8, next: (Species, u32), total: u32) -> Self {
        let place = Some(PLACES.group(group));
        let numbers = [number(next.1), number(total)];
        Self { kind: Kind::Group, next: next.0.atomic_number(), numbers, place, ..Self::default() }
    }

    /// A site of an element; then comes one of `left` atoms of `next`.
    pub(crate) fn site(group: u8, position: u8, element: Species, next: (Species, u32), total_left: u32) -> Self {
        Self {
            kind: Kind::Site,
            element: element.atomic_number(),
            next: next.0.atomic_number(),
            numbers: [number(next.1), number(total_left)],
            place: Some(PLACES.position(group, position)),
        }
    }
}

/// Index of a group, from 0.
pub(crate) fn group_index(number: SpaceGroupNumber) -> u8 {
    number.get() - 1
}

/// The group of an index.
pub(crate) fn group_at(index: u8) -> &'static SpaceGroup {
    SpaceGroup::from_number(i64::from(index) + 1).expect("an index of a group")
}

/// The tokens of a composition: start, elements, end.
pub(crate) fn composition_tokens(counts: &[(Species, u32)], group: Option<u8>) -> Vec<Token> {
    let mut tokens = vec![Token::start(group)];
    let mut total = 0;
    for (species, count) in counts {
        total += count;
        tokens.push(Token::count(species.atomic_number(), *count, total));
    }
    tokens.push(Token::end(counts.len(), total));
    tokens
}

/// Whether the network has a row for an element.
pub(crate) fn is_describable(species: Species) -> bool {
    usize::from(species.atomic_number()) < N_ELEMENTS
}

/// One choice of a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Choice {
    /// Index of the position that was chosen.
    pub(crate) position: u8,
    /// What could have been, a bit for each index.
    pub(crate) admissible: u32,
}

/// A crystal with its elements in one order.
#[derive(Debug, Clone)]
pub(crate) struct Sequence {
    pub(crate) counts: Vec<(Species, u32)>,
    pub(crate) group: u8,
    pub(crate) choices: Vec<Choice>,
    /// Tokens of the group and of all sites but the last, which foretell the choices.
    site_tokens: Vec<Token>,
}

impl Sequence {
    /// The sequence of an assignment with the elements in this order, which must be all of its elements.
    ///
    /// # Errors
    /// [`AssignmentError::TooLarge`].
    pub(crate) fn new(assignment: &WyckoffAssignment, order: &[Species]) -> Result<Self, AssignmentError> {
        let atoms = assignment.primitive_composition();
        let count_of = |species: &Species| {
            let count = atoms.iter().find(|(of, _)| of == species).map_or(0, |(_, count)| count);
            (*species, count)
        };
        let counts: Vec<(Species, u32)> = order.iter().map(count_of).collect();
        let group = assignment.space_group();
        let wrong = || AssignmentError::NotChoices { space_group: group.number() };
        let choices = SiteChoices::new(group, &counts)?.ok_or_else(wrong)?;
        let sites = choices.sites_of(assignment).ok_or_else(wrong)?;
        let group = group_index(group.number());
        let mut sequence = Self { counts, group, choices: vec![], site_tokens: vec![] };
        let mut walk = choices.start();
        sequence.site_tokens.push(sequence.group_token(&choices, &walk));
        for site in sites {
            let position = whole::byte(site.position);
            sequence.choices.push(Choice { position, admissible: choices.admissible(&walk) });
            walk = choices.place(&walk, site.position).ok_or_else(wrong)?;
            if let Some(token) = site_token(&choices, &walk, position, site.species) {
                sequence.site_tokens.push(token);
            }
        }
        Ok(sequence)
    }

    fn group_token(&self, choices: &SiteChoices, walk: &Walk) -> Token {
        let next = choices.next_element(walk).expect("there is an atom");
        Token::group(self.group, next, self.n_atoms())
    }

    pub(crate) fn n_atoms(&self) -> u32 {
        self.counts.iter().map(|(_, count)| count).sum()
    }

    /// Index of the token that foretells the group.
    pub(crate) fn end_index(&self) -> usize {
        self.counts.len() + 1
    }

    /// All tokens; the start tells the group if `group_told`.
    pub(crate) fn tokens(&self, group_told: bool) -> Vec<Token> {
        let mut tokens = composition_tokens(&self.counts, group_told.then_some(self.group));
        tokens.extend_from_slice(&self.site_tokens);
        tokens
    }
}

/// The token of a site that was just placed; `None` behind the last one.
pub(crate) fn site_token(choices: &SiteChoices, walk: &Walk, position: u8, species: Species) -> Option<Token> {
    let next = choices.next_element(walk)?;
    let later = choices.counts().iter().skip_while(|(of, _)| *of != next.0).skip(1).map(|(_, count)| count);
    let total_left = next.1 + later.sum::<u32>();
    Some(Token::site(group_index(choices.space_group().number()), position, species, next, total_left))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crystal_is_a_sequence() {
        let group = SpaceGroup::from_number(221).expect("a group");
        let perovskite = WyckoffAssignment::parse(group, "Sr@1a Ti@1b O@3c").expect("an assignment");
        let species = |symbol: &str| symbol.parse::<Species>().expect("an element");
        let order = [species("Ti"), species("O"), species("Sr")];
        let sequence = Sequence::new(&perovskite, &order).expect("a sequence");
        let letters = |choice: &Choice| group.wyckoff_positions()[usize::from(choice.position)].letter();
        assert_eq!(sequence.choices.iter().map(letters).collect::<String>(), "bca");
        // Titanium on 1a or 1b; oxygen on 3c, 3d or with one atom on what is left, 1a, and no position for the others;
        // strontium on 1a alone, the only single position left.
        let open = sequence.choices.iter().map(|choice| choice.admissible.count_ones()).collect::<Vec<_>>();
        assert_eq!((open[0], open[2]), (2, 1));
        let tokens = sequence.tokens(false);
        assert_eq!(tokens.len(), 8);
        let kinds: Vec<Kind> = tokens.iter().map(|token| token.kind).collect();
        use Kind::{Count, End, Group, Site, Start};
        assert_eq!(kinds, [Start, Count, Count, Count, End, Group, Site, Site]);
        assert_eq!(tokens[sequence.end_index()].kind, End);
        assert_eq!(tokens[6].numbers, [3, 4], "three of four atoms are oxygen");
        assert!(tokens[0].place.is_none() && sequence.tokens(true)[0].place.is_some());
        assert!(Sequence::new(&perovskite, &order[1..]).is_err(), "an element is missing");
    }
}
