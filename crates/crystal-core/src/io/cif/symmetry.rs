//! The symmetry of a CIF: what its lists, symbols and number say, and which of it holds where they disagree.

use nalgebra::Matrix3;

use super::super::text::{Fault, Notes};
use super::claims::{Claim, Reading, claims, unusable_names};
use super::document::Block;
use super::evidence::{Crystal, Doubt, Evidence, Statement};
use super::expand::{ListedSite, Orbit, expand};
use crate::setting::same_operations;
use crate::{Lattice, SpaceGroupNumber, SymmetryOperation};

/// The sites of a block with the symmetry that was taken.
pub(super) struct Symmetric {
    /// All operations of the cell, the identity first.
    pub operations: Vec<SymmetryOperation>,
    /// The group's number, where a name or the operations tell.
    pub number: Option<SpaceGroupNumber>,
    /// One orbit for each site.
    pub orbits: Vec<Orbit>,
}

/// Takes the symmetry that the block states and expands its sites. A block without any word on symmetry is taken as
/// P 1.
///
/// A list of operations goes before a Hall symbol, that before a Hermann–Mauguin symbol, and that before a number.
/// Where these name different groups, and where a name leaves the origin open, formula, Z, density, multiplicities and
/// distances decide; where they do not, the file is refused, as is a symmetry stated once that those contradict.
pub(super) fn symmetric_sites(
    block: &Block<'_>,
    lattice: &Lattice,
    sites: &[ListedSite],
    merge: f64,
    notes: &mut Notes,
) -> Result<Symmetric, Fault> {
    let evidence = Evidence::read(block)?;
    let claims = claims(block, lattice, notes)?;
    let mut context = Context { lattice, sites, merge, evidence: &evidence, notes };
    let Some(first) = claims.first() else {
        if let Some((name, line)) = unusable_names(block) {
            let reason = format!(
                "_{name} names a symmetry that cannot be used; add the operations (_space_group_symop_operation_xyz), or the symbol (_space_group_name_H-M_alt, 'P 1' if all atoms are listed)"
            );
            return Err(Fault::at(line, reason));
        }
        let found = context.symmetric(vec![SymmetryOperation::identity()], None);
        let crystal = context.crystal(&found);
        for statement in evidence.statements(&crystal) {
            if let Some(Doubt { reason, .. }) = statement.doubt {
                let text = format!("the file says nothing on symmetry and is read as P 1, but {reason}");
                context.notes.add(statement.line, text);
            }
        }
        return Ok(found);
    };
    let line = first.line;
    let common = common_number(&claims);
    let readings: Vec<&Reading> = match common {
        Common::Number(number) => {
            first.readings.iter().filter(|reading| reading.number.is_none_or(|own| own == number)).collect()
        }
        Common::NotTold => first.readings.iter().collect(),
        Common::Contradiction => {
            let all: Vec<&Reading> = claims.iter().flat_map(|claim| &claim.readings).collect();
            let heading = contradiction(&claims);
            return context.choose(line, &all, &heading, "correct or remove the one that is wrong", false);
        }
    };
    let distinct = distinct(&readings);
    if let [only] = distinct[..] {
        let found = context.symmetric(only.operations.clone(), only.number.or(common.number()));
        let crystal = context.crystal(&found);
        let statements = evidence.statements(&crystal);
        refuse_outvoted(&claims, &statements, sites)?;
        for Statement { line, doubt, .. } in statements {
            if let Some(Doubt { reason, .. }) = doubt {
                context.notes.add(line, format!("{reason} (read with the symmetry of {})", first.source));
            }
        }
        return Ok(found);
    }
    let several_groups = distinct.iter().any(|reading| reading.number != distinct[0].number);
    let heading = format!("{} leaves the {} open", first.source, if several_groups { "group" } else { "origin" });
    let cure = "name it (_space_group_name_H-M_alt '… :1' or '… :2'), or add the operations, _atom_site_symmetry_multiplicity or _cell_formula_units_Z with _chemical_formula_sum";
    context.choose(line, &distinct, &heading, cure, true)
}

/// A symmetry that is stated once, and that Z, multiplicities or a density contradict, is one word against another: the
/// file is refused. What speaks for it is a list of operations beside a name, and each of those three that agrees.
fn refuse_outvoted(claims: &[Claim], statements: &[Statement], sites: &[ListedSite]) -> Result<(), Fault> {
    // What is partly occupied is not read as a structure anyway, and its counts are rounded.
    if sites.iter().any(ListedSite::is_partial) {
        return Ok(());
    }
    let (has_list, has_name) = (claims.iter().any(|claim| claim.is_list), claims.iter().any(|claim| !claim.is_list));
    let agree = statements.iter().filter(|statement| statement.doubt.is_none()).count();
    let against = statements.iter().filter_map(|statement| {
        let doubt = statement.doubt.as_ref().filter(|doubt| doubt.is_grave)?;
        Some((statement, doubt))
    });
    let against: Vec<(&Statement, &Doubt)> = against.collect();
    let ([(first, _), ..], Some(claim)) = (&against[..], claims.first()) else { return Ok(()) };
    if against.len() < usize::from(has_list) + usize::from(has_name) + agree {
        return Ok(());
    }
    let reasons: Vec<&str> = against.iter().map(|(_, doubt)| doubt.reason.as_str()).collect();
    let items: Vec<String> = against.iter().map(|(statement, _)| format!("_{}", statement.item)).collect();
    let reason = format!(
        "{} and {} contradict each other: {}; correct what is wrong, or remove {} if the symmetry is right",
        claim.source,
        items.join(" and "),
        reasons.join("; "),
        items.join(" and "),
    );
    Err(Fault::at(first.line, reason))
}

struct Context<'a> {
    lattice: &'a Lattice,
    sites: &'a [ListedSite],
    merge: f64,
    evidence: &'a Evidence,
    notes: &'a mut Notes,
}

impl Context<'_> {
    fn symmetric(&self, operations: Vec<SymmetryOperation>, number: Option<SpaceGroupNumber>) -> Symmetric {
        let orbits = expand(self.lattice, self.sites, &operations, self.merge);
        Symmetric { operations, number, orbits }
    }

    fn crystal<'b>(&'b self, symmetric: &'b Symmetric) -> Crystal<'b> {
        Crystal {
            lattice: self.lattice,
            sites: self.sites,
            orbits: &symmetric.orbits,
            n_operations: symmetric.operations.len(),
            number: symmetric.number,
        }
    }

    /// The one reading that nothing in the file contradicts.
    fn choose(
        &mut self,
        line: usize,
        readings: &[&Reading],
        heading: &str,
        cure: &str,
        with_bonds: bool,
    ) -> Result<Symmetric, Fault> {
        let mut fitting: Vec<(&Reading, Symmetric)> = Vec::new();
        let mut refused = Vec::new();
        for reading in distinct(readings) {
            if let Some(operation) = reading.operations.iter().find(|operation| !keeps_metric(operation, self.lattice))
            {
                refused.push(format!("{}: {operation} does not fit the cell", reading.name));
                continue;
            }
            let found = self.symmetric(reading.operations.clone(), reading.number);
            match self.evidence.against(&self.crystal(&found), with_bonds) {
                Some(reason) => refused.push(format!("{}: {reason}", reading.name)),
                None => fitting.push((reading, found)),
            }
        }
        if fitting.len() == 1 {
            let (reading, found) = fitting.remove(0);
            self.notes.add(
                line,
                format!("{heading}; {} is taken, the others do not fit ({})", reading.name, refused.join("; ")),
            );
            return Ok(found);
        }
        let why = if fitting.is_empty() {
            format!("and each reading contradicts the file ({})", refused.join("; "))
        } else {
            let names: Vec<&str> = fitting.iter().map(|(reading, _)| reading.name.as_str()).collect();
            format!("and nothing else in the file tells which holds ({})", names.join(", "))
        };
        Err(Fault::at(line, format!("{heading}, {why}; {cure}")))
    }
}

/// Readings with different operations.
fn distinct<'a>(readings: &[&'a Reading]) -> Vec<&'a Reading> {
    let mut distinct: Vec<&Reading> = Vec::new();
    for reading in readings {
        if !distinct.iter().any(|known| same_operations(&known.operations, &reading.operations)) {
            distinct.push(reading);
        }
    }
    distinct
}

#[derive(Clone, Copy)]
enum Common {
    /// All claims name this group.
    Number(SpaceGroupNumber),
    /// One claim that does not say its number.
    NotTold,
    /// Two claims name no common group.
    Contradiction,
}

impl Common {
    fn number(self) -> Option<SpaceGroupNumber> {
        match self {
            Self::Number(number) => Some(number),
            _ => None,
        }
    }
}

fn common_number(claims: &[Claim]) -> Common {
    let mut common: Option<Vec<SpaceGroupNumber>> = None;
    let mut lists = Vec::new();
    for claim in claims {
        if claim.is_list {
            lists.extend(claim.readings.iter());
        }
        let numbers: Vec<SpaceGroupNumber> = claim.readings.iter().filter_map(|reading| reading.number).collect();
        if numbers.is_empty() {
            continue;
        }
        let kept = match common {
            None => numbers,
            Some(known) => known.into_iter().filter(|number| numbers.contains(number)).collect(),
        };
        common = Some(kept);
    }
    // Two lists of one group in different settings disagree as well.
    if distinct(&lists).len() > 1 {
        return Common::Contradiction;
    }
    match common.as_deref() {
        None => Common::NotTold,
        Some([]) => Common::Contradiction,
        // A shortened symbol may leave several groups; the caller's evidence decides among them.
        Some([first, rest @ ..]) if rest.iter().all(|number| number == first) => Common::Number(*first),
        Some(_) => Common::NotTold,
    }
}

fn contradiction(claims: &[Claim]) -> String {
    let said: Vec<String> = claims
        .iter()
        .map(|claim| {
            let mut numbers: Vec<u8> =
                claim.readings.iter().filter_map(|reading| reading.number).map(SpaceGroupNumber::get).collect();
            numbers.dedup();
            let numbers: Vec<String> = numbers.iter().map(u8::to_string).collect();
            match numbers.len() {
                0 => format!("{} (line {})", claim.source, claim.line),
                _ => format!("{} (line {}: group {})", claim.source, claim.line, numbers.join(" or ")),
            }
        })
        .collect();
    format!("these contradict each other: {}", said.join(", "))
}

/// Whether `WᵀGW = G` to 2 %, with `G` the metric of the cell: enough to tell a wrong setting from a rounded cell.
pub(super) fn keeps_metric(operation: &SymmetryOperation, lattice: &Lattice) -> bool {
    let metric = lattice.matrix() * lattice.matrix().transpose();
    let rotation = operation.rotation.map(f64::from);
    let change: Matrix3<f64> = rotation.transpose() * metric * rotation - metric;
    (0..3).all(|i| (0..3).all(|j| change[(i, j)].abs() <= 0.02 * (metric[(i, i)] * metric[(j, j)]).sqrt()))
}
