//! The phase diagram of two elements: formation energy against composition.

use crystal_core::Species;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

use super::canvas::{
    FAINT, INK, Labels, Point, SOFT, draw_point, drawing, heading, legend, picture, pixel, write_text,
};
use super::{PlacedMark, with_subscripts};
use crate::{Fractions, Hull, Phase, StabilityError};

const SIZE: (u32, u32) = (900, 600);
/// Left, top, right, bottom of the frame, pixels.
const FRAME: [i32; 4] = [84, 134, 876, 540];
/// Phases this far above zero or higher are left out, eV/atom: they say nothing and flatten the rest.
const HIGHEST: f64 = 0.3;

pub(super) fn svg(hull: &Hull, marks: &[PlacedMark<'_>], caption: &str) -> Result<String, StabilityError> {
    let [first, second] = hull.elements() else {
        return Err(StabilityError::Dimension { system: hull.system(), n_elements: hull.elements().len() });
    };
    let stable: Vec<(f64, f64, &Phase)> = points(hull, *second, hull.stable()?.map(AsRef::as_ref))?;
    let known: Vec<(f64, f64, &Phase)> = points(hull, *second, hull.phases().iter().map(AsRef::as_ref))?;
    let of_marks = marks.iter().map(|mark| mark.placement.formation_energy_per_atom.min(HIGHEST));
    let lowest = stable.iter().map(|(_, energy, _)| *energy).chain(of_marks.clone()).fold(-0.01, f64::min);
    let highest = known
        .iter()
        .map(|(_, energy, _)| *energy)
        .filter(|energy| *energy <= HIGHEST)
        .chain(of_marks)
        .fold(0.0, f64::max);
    let step = tick_step(highest - lowest);
    let (bottom, top) = ((lowest / step - 0.5).floor() * step, (highest / step + 0.2).ceil() * step);
    let place = |x: f64, energy: f64| {
        let [left, up, right, down] = FRAME.map(f64::from);
        (pixel(left + x * (right - left)), pixel(down - (energy - bottom) / (top - bottom) * (down - up)))
    };
    picture(SIZE, |area| {
        heading(area, &format!("{first}–{second}"), caption)?;
        let [left, up, right, down] = FRAME;
        let line = |from, to, colour: RGBColor, width| {
            area.draw(&PathElement::new(vec![from, to], colour.stroke_width(width))).map_err(drawing)
        };
        area.draw(&Rectangle::new([(left, up), (right, down)], SOFT.stroke_width(1))).map_err(drawing)?;
        for index in 0..=10 {
            let x = f64::from(index) / 10.0;
            let at = place(x, bottom);
            line(at, (at.0, at.1 + 5), SOFT, 1)?;
            write_text(area, &format!("{x}"), (at.0, at.1 + 8), 13, INK, (HPos::Center, VPos::Top))?;
        }
        for index in 0..=pixel((top - bottom) / step) {
            let energy = bottom + f64::from(index) * step;
            let at = place(0.0, energy);
            line(at, (at.0 - 5, at.1), SOFT, 1)?;
            write_text(area, &tick(energy, step), (at.0 - 9, at.1), 13, INK, (HPos::Right, VPos::Center))?;
        }
        line(place(0.0, 0.0), place(1.0, 0.0), FAINT, 1)?;
        let middle = (left + right) / 2;
        let x_name = format!("share of {second} in {first}₁₋ₓ{second}ₓ, x");
        write_text(area, &x_name, (middle, down + 30), 14, INK, (HPos::Center, VPos::Top))?;
        write_text(area, "formation energy, eV/atom", (left, up - 8), 14, INK, (HPos::Left, VPos::Bottom))?;

        let shown: Vec<_> = known.iter().filter(|(_, energy, _)| *energy <= HIGHEST).collect();
        for (x, energy, _) in &shown {
            draw_point(area, place(*x, *energy), Point::AboveHull)?;
        }
        let mut lines = vec![vec![place(0.0, 0.0), place(1.0, 0.0)]];
        for facet in hull.facets()? {
            let ends = points(hull, *second, facet.corners.iter().map(AsRef::as_ref))?;
            let ends = ends.iter().map(|(x, energy, _)| place(*x, *energy)).collect::<Vec<_>>();
            area.draw(&PathElement::new(ends.clone(), INK.stroke_width(2))).map_err(drawing)?;
            lines.push(ends);
        }
        for (x, energy, _) in &stable {
            draw_point(area, place(*x, *energy), Point::OnHull)?;
        }
        let of_mark = |mark: &PlacedMark<'_>| {
            place(mark.fractions.of_element(*second), mark.placement.formation_energy_per_atom.min(HIGHEST))
        };
        for mark in marks {
            draw_point(area, of_mark(mark), Point::Candidate(mark.placement.energy_above_hull))?;
        }
        legend(area, (right - 200, 24), !marks.is_empty())?;
        let all = stable.iter().map(|(x, energy, _)| place(*x, *energy)).chain(marks.iter().map(of_mark));
        let mut labels = Labels::new(SIZE, all);
        lines.iter().for_each(|line| labels.avoid_line(line));
        labels.avoid_line(&[(left, up), (right, up), (right, down), (left, down), (left, up)]);
        // Axes and their texts, and the legend.
        labels.keep_free([0, down - 2, right + 24, down + 60]);
        labels.keep_free([0, up, left, down]);
        labels.keep_free([right - 216, 0, right + 24, if marks.is_empty() { 54 } else { 114 }]);
        labels.keep_free([0, 0, left + 190, up]);
        for (x, energy, phase) in &stable {
            labels.write(area, &with_subscripts(&phase.formula()), place(*x, *energy), INK)?;
        }
        for mark in marks {
            labels.write(area, &with_subscripts(&mark.mark.label), of_mark(mark), SOFT)?;
        }
        Ok(())
    })
}

/// Share of the second element, formation energy and phase.
fn points<'a>(
    hull: &Hull,
    second: Species,
    phases: impl Iterator<Item = &'a Phase>,
) -> Result<Vec<(f64, f64, &'a Phase)>, StabilityError> {
    let point = |phase: &'a Phase| {
        let fractions = Fractions::of(phase.composition())?;
        let energy = hull.formation_energy_per_atom(&fractions, phase.energy_per_atom())?;
        Ok((fractions.of_element(second), energy, phase))
    };
    phases.map(point).collect()
}

/// A step of 1, 2 or 5 times a power of ten that gives five to ten ticks.
fn tick_step(range: f64) -> f64 {
    let rough = range / 6.0;
    let power = 10.0_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0].into_iter().find(|step| step * power >= rough).unwrap_or(10.0);
    step * power
}

/// A number on the axis with as many digits as the step needs.
fn tick(energy: f64, step: f64) -> String {
    let digits = usize::try_from(pixel(-step.log10().floor()).max(0)).unwrap_or(0);
    // Not −0.
    let rounded = (energy / step).round() * step + 0.0;
    format!("{rounded:.digits$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks() {
        for (range, step) in [(0.6, 0.1), (1.3, 0.5), (0.031, 0.01), (12.0, 2.0)] {
            assert!((tick_step(range) - step).abs() < 1e-9, "{range}");
        }
        assert_eq!(
            (tick(-0.1, 0.05).as_str(), tick(-1e-17, 0.5).as_str(), tick(-2.0, 2.0).as_str()),
            ("-0.10", "0.0", "-2")
        );
    }
}
