//! The phase diagram of three elements: the hull seen from above, in a triangle.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

use super::canvas::{INK, Labels, Point, SOFT, draw_point, drawing, heading, legend, picture, pixel, write_text};
use super::{PlacedMark, with_subscripts};
use crate::{Fractions, Hull, Phase, StabilityError};

const SIZE: (u32, u32) = (900, 800);
/// Corners of the first, the second and the third element, pixels.
const CORNERS: [(f64, f64); 3] = [(100.0, 730.0), (800.0, 730.0), (450.0, 123.8)];
/// Shares of an element that have a line.
const GRID: [f64; 4] = [0.2, 0.4, 0.6, 0.8];
/// Colour of these lines, fainter than any phase.
const GRID_COLOUR: RGBColor = RGBColor(232, 235, 239);

pub(super) fn svg(hull: &Hull, marks: &[PlacedMark<'_>], caption: &str) -> Result<String, StabilityError> {
    let [first, second, third] = hull.elements() else {
        return Err(StabilityError::Dimension { system: hull.system(), n_elements: hull.elements().len() });
    };
    let elements = [*first, *second, *third];
    let place = |fractions: &Fractions| {
        let shares = elements.map(|element| fractions.of_element(element));
        at(shares)
    };
    let of_phase = |phase: &Phase| Fractions::of(phase.composition()).map(|fractions| place(&fractions));
    let stable: Vec<&Phase> = hull.stable()?.map(AsRef::as_ref).collect();
    picture(SIZE, |area| {
        heading(area, &format!("{first}–{second}–{third}"), caption)?;
        let line = |points: Vec<(i32, i32)>, colour: RGBColor, width| {
            area.draw(&PathElement::new(points, colour.stroke_width(width))).map_err(drawing)
        };
        for share in GRID {
            let rest = 1.0 - share;
            line(vec![at([share, rest, 0.0]), at([share, 0.0, rest])], GRID_COLOUR, 1)?;
            line(vec![at([rest, share, 0.0]), at([0.0, share, rest])], GRID_COLOUR, 1)?;
            line(vec![at([rest, 0.0, share]), at([0.0, rest, share])], GRID_COLOUR, 1)?;
        }
        let mut lines = Vec::new();
        for facet in hull.facets()? {
            let mut outline = facet.corners.iter().map(|phase| of_phase(phase)).collect::<Result<Vec<_>, _>>()?;
            outline.extend(outline.first().copied());
            line(outline.clone(), SOFT, 1)?;
            lines.push(outline);
        }
        let corners = [at([1.0, 0.0, 0.0]), at([0.0, 1.0, 0.0]), at([0.0, 0.0, 1.0])];
        line(vec![corners[0], corners[1], corners[2], corners[0]], INK, 2)?;
        let mut points = Vec::new();
        for phase in hull.phases() {
            draw_point(area, of_phase(phase)?, Point::AboveHull)?;
        }
        for phase in &stable {
            points.push(of_phase(phase)?);
            draw_point(area, of_phase(phase)?, Point::OnHull)?;
        }
        // The best candidates last, on top.
        let mut by_height: Vec<&PlacedMark<'_>> = marks.iter().collect();
        by_height.sort_by(|a, b| b.placement.energy_above_hull.total_cmp(&a.placement.energy_above_hull));
        for mark in &by_height {
            points.push(place(&mark.fractions));
            draw_point(area, place(&mark.fractions), Point::Candidate(mark.placement.energy_above_hull))?;
        }
        legend(area, (650, 28), !marks.is_empty())?;
        let mut labels = Labels::new(SIZE, points);
        lines.iter().for_each(|line| labels.avoid_line(line));
        labels.keep_free([634, 0, 900, if marks.is_empty() { 60 } else { 124 }]);
        labels.keep_free([0, 0, 600, 64]);
        let anchors = [(HPos::Right, VPos::Top), (HPos::Left, VPos::Top), (HPos::Center, VPos::Bottom)];
        let shifts = [(-4, 10), (4, 10), (0, -12)];
        for (((element, corner), anchor), shift) in elements.iter().zip(corners).zip(anchors).zip(shifts) {
            write_text(area, element.symbol(), (corner.0 + shift.0, corner.1 + shift.1), 20, INK, anchor)?;
            labels.keep_free([corner.0 - 34, corner.1 - 34, corner.0 + 34, corner.1 + 34]);
        }
        for phase in stable.iter().filter(|phase| phase.composition().n_elements() > 1) {
            labels.write(area, &with_subscripts(&phase.formula()), of_phase(phase)?, INK)?;
        }
        for mark in by_height.iter().rev() {
            labels.write(area, &with_subscripts(&mark.mark.label), place(&mark.fractions), SOFT)?;
        }
        Ok(())
    })
}

/// The pixel of shares that sum to 1.
fn at(shares: [f64; 3]) -> (i32, i32) {
    let sum = |coordinate: fn(&(f64, f64)) -> f64| {
        shares.iter().zip(&CORNERS).map(|(share, corner)| share * coordinate(corner)).sum::<f64>()
    };
    (pixel(sum(|corner| corner.0)), pixel(sum(|corner| corner.1)))
}
