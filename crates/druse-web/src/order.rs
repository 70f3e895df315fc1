//! What the page's form says.

use std::path::Path;

use druse::crystal_core::io::{self, Format};
use druse::langevin::{FewStep, Method};
use druse::{Proposing, Request};
use serde::Deserialize;

use crate::WebError;

/// Most structures of one order: the page shows each of them.
pub const MOST: usize = 100;

/// What to grow; the fields that are left empty are not asked for.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Order {
    /// A formula, such as `SrTiO3`.
    pub formula: String,
    /// Number of the space group.
    pub space_group: Option<i64>,
    /// Elements on Wyckoff positions, such as `Na@4a Cl@4b`, in place of a formula.
    pub wyckoff: String,
    /// The text of a CIF, in place of both: structures like this one.
    pub template: String,
    /// Noise level that is put on the template.
    pub noise: Option<usize>,
    /// How many structures.
    pub count: usize,
    /// Seed of all random numbers.
    pub seed: u64,
    /// Whether the paper's many steps are made, in place of a few large ones.
    pub annealed: bool,
}

impl Order {
    /// The order as the library takes it.
    ///
    /// # Errors
    /// [`WebError`] says which field is wrong, and what to write there.
    pub fn request(&self) -> Result<Request, WebError> {
        let (formula, wyckoff) = (self.formula.trim(), self.wyckoff.trim());
        let request = match (formula, wyckoff, self.template.trim()) {
            ("", "", "") => return Err(WebError::Nothing),
            ("", "", template) => Request::template(read_cif(template)?),
            (formula, "", "") => Request::formula(formula)?.proposing(Proposing::Prior),
            ("", wyckoff, "") => Request::wyckoff(self.space_group.ok_or(WebError::NoGroup)?, wyckoff)?,
            _ => return Err(WebError::TooMuch),
        };
        if !(1..=MOST).contains(&self.count) {
            return Err(WebError::Count { count: self.count });
        }
        let mut request = request.count(self.count).seed(self.seed);
        match (self.space_group, self.template.trim()) {
            (Some(number), "") => request = request.space_group(number)?,
            (Some(_), _) => return Err(WebError::GroupOfTemplate),
            (None, _) => {}
        }
        match self.noise {
            Some(level) if !self.template.trim().is_empty() => request = request.noise(level),
            Some(_) => return Err(WebError::NoiseWithoutTemplate),
            None => {}
        }
        Ok(if self.annealed { request } else { request.method(Method::FewStep(FewStep::default())) })
    }
}

/// The one structure of a CIF.
fn read_cif(text: &str) -> Result<druse::crystal_core::Structure, WebError> {
    let mut entries = io::read_bytes(text.as_bytes(), Format::Cif, Path::new("template.cif"));
    match entries.len() {
        1 => Ok(entries.remove(0).structure?),
        count => Err(WebError::Template { count }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(json: &str) -> Order {
        serde_json::from_str(json).expect("an order")
    }

    fn refusal(json: &str) -> String {
        order(json).request().map(|_| String::new()).unwrap_or_else(|error| error.to_string())
    }

    #[test]
    fn one_way_to_ask_is_taken_and_two_are_refused() {
        assert_eq!(refusal(r#"{"formula": " NaCl ", "count": 1}"#), "");
        assert_eq!(refusal(r#"{"wyckoff": "Na@4a Cl@4b", "space_group": 225, "count": 1}"#), "");
        assert!(refusal(r#"{"count": 1}"#).contains("formula"));
        assert!(refusal(r#"{"formula": "NaCl", "wyckoff": "Na@4a", "space_group": 225, "count": 1}"#).contains("one"));
        assert!(refusal(r#"{"wyckoff": "Na@4a Cl@4b", "count": 1}"#).contains("space group"));
        assert!(refusal(r#"{"formula": "NaCl", "noise": 3, "count": 1}"#).contains("template"));
        assert!(refusal(r#"{"formula": "NaCl", "count": 0}"#).contains("1 to 100"));
        assert!(refusal(r#"{"formula": "Na?l", "count": 1}"#).contains("Na?l"));
        assert!(refusal(r#"{"formula": "NaCl", "space_group": 231, "count": 1}"#).contains("231"));
        assert!(serde_json::from_str::<Order>(r#"{"formulas": "NaCl"}"#).is_err());
    }

    #[test]
    fn a_template_is_one_structure() {
        assert!(refusal(r#"{"template": "no CIF", "count": 1}"#).contains("template.cif"));
        let cell = "_cell_length_a 4\n_cell_length_b 4\n_cell_length_c 4\n_cell_angle_alpha 90\n_cell_angle_beta 90\n\
                    _cell_angle_gamma 90\nloop_\n_atom_site_type_symbol\n_atom_site_fract_x\n_atom_site_fract_y\n\
                    _atom_site_fract_z\nCs 0 0 0\nCl 0.5 0.5 0.5\n";
        let of = |template: String| Order { template, count: 1, ..Order::default() };
        assert!(of(format!("data_a\n{cell}")).request().is_ok());
        let two = of(format!("data_a\n{cell}data_b\n{cell}")).request().map(|_| ());
        assert!(matches!(two, Err(WebError::Template { count: 2 })), "{two:?}");
        let grouped = Order { space_group: Some(221), ..of(format!("data_a\n{cell}")) };
        assert!(matches!(grouped.request(), Err(WebError::GroupOfTemplate)));
    }
}
