//! What both pictures share: colours, texts and labels that keep clear of each other.

use plotters::backend::{DrawingBackend, SVGBackend};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::{METASTABLE_LIMIT, StabilityError};

/// Soft black of texts and of phases on the hull.
pub(super) const INK: RGBColor = RGBColor(38, 42, 48);
/// Grey of explanations and of tie lines.
pub(super) const SOFT: RGBColor = RGBColor(96, 102, 112);
/// Phases above the hull.
pub(super) const FAINT: RGBColor = RGBColor(176, 182, 190);
/// Candidates on or below the hull, at most 0.1 eV/atom above it, and higher. Told apart by shape as well.
const BELOW: RGBColor = RGBColor(0, 128, 96);
const NEAR: RGBColor = RGBColor(222, 130, 20);
const HIGH: RGBColor = RGBColor(186, 54, 70);

pub(super) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Width of a letter in pixels at size 1; rather too wide than too narrow.
const LETTER: f64 = 0.6;
/// Room around a label, pixels.
const GAP: i32 = 2;
/// Size of labels, pixels.
const LABEL_SIZE: u32 = 13;

pub(super) fn drawing(error: impl std::fmt::Display) -> StabilityError {
    StabilityError::Drawing { reason: error.to_string() }
}

/// Text whose anchor is `place`.
pub(super) fn write_text(
    area: &Area<'_>,
    text: &str,
    place: (i32, i32),
    size: u32,
    colour: RGBColor,
    anchor: (HPos, VPos),
) -> Result<(), StabilityError> {
    let style = ("sans-serif", size).into_text_style(area).color(&colour).pos(Pos::new(anchor.0, anchor.1));
    area.draw_text(text, &style, place).map_err(drawing)
}

/// Title and caption in the upper left corner.
pub(super) fn heading(area: &Area<'_>, title: &str, caption: &str) -> Result<(), StabilityError> {
    area.fill(&WHITE).map_err(drawing)?;
    write_text(area, title, (18, 14), 21, INK, (HPos::Left, VPos::Top))?;
    write_text(area, caption, (18, 44), 13, SOFT, (HPos::Left, VPos::Top))
}

/// The kinds of points, as the legend names them.
#[derive(Clone, Copy)]
pub(super) enum Point {
    OnHull,
    AboveHull,
    /// A candidate with its energy above the hull, eV/atom.
    Candidate(f64),
}

/// Draws a point.
pub(super) fn draw_point(area: &Area<'_>, place: (i32, i32), point: Point) -> Result<(), StabilityError> {
    let (x, y) = place;
    let outline = |points: Vec<(i32, i32)>, colour: RGBColor| {
        area.draw(&Polygon::new(points.clone(), colour.filled())).map_err(drawing)?;
        let closed: Vec<_> = points.iter().chain(points.first()).copied().collect();
        area.draw(&PathElement::new(closed, WHITE.stroke_width(1))).map_err(drawing)
    };
    match point {
        Point::OnHull => area.draw(&Circle::new(place, 5, INK.filled())).map_err(drawing),
        Point::AboveHull => area.draw(&Circle::new(place, 3, FAINT.filled())).map_err(drawing),
        Point::Candidate(above) if above <= 0.0 => outline(vec![(x, y - 8), (x + 8, y), (x, y + 8), (x - 8, y)], BELOW),
        Point::Candidate(above) if above <= METASTABLE_LIMIT => {
            outline(vec![(x, y - 7), (x + 7, y + 5), (x - 7, y + 5)], NEAR)
        }
        Point::Candidate(_) => outline(vec![(x - 5, y - 5), (x + 5, y - 5), (x + 5, y + 5), (x - 5, y + 5)], HIGH),
    }
}

/// Explains the points, one below the other from `place` on.
pub(super) fn legend(area: &Area<'_>, place: (i32, i32), with_candidates: bool) -> Result<(), StabilityError> {
    let phases = [(Point::OnHull, "on the hull"), (Point::AboveHull, "known, above the hull")];
    let candidates = [
        (Point::Candidate(0.0), "candidate on or below the hull"),
        (Point::Candidate(METASTABLE_LIMIT), "candidate within 0.1 eV/atom"),
        (Point::Candidate(1.0), "candidate higher up"),
    ];
    let shown = phases.into_iter().chain(candidates.into_iter().filter(|_| with_candidates));
    for (row, (point, text)) in (0..).zip(shown) {
        let y = place.1 + 20 * row;
        draw_point(area, (place.0, y), point)?;
        write_text(area, text, (place.0 + 16, y), 13, INK, (HPos::Left, VPos::Center))?;
    }
    Ok(())
}

/// Puts labels beside points so that they cover neither each other nor points, and no lines where that can be avoided.
pub(super) struct Labels {
    taken: Vec<Box4>,
    lines: Vec<Box4>,
    size: (i32, i32),
}

/// Left, top, right, bottom in pixels.
type Box4 = [i32; 4];

impl Labels {
    /// For a picture of `size` whose points are known.
    pub(super) fn new(size: (u32, u32), points: impl IntoIterator<Item = (i32, i32)>) -> Self {
        let taken = points.into_iter().map(|(x, y)| [x - 5, y - 5, x + 5, y + 5]).collect();
        let pixels = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
        Self { taken, lines: Vec::new(), size: (pixels(size.0), pixels(size.1)) }
    }

    /// Keeps a box free of labels.
    pub(super) fn keep_free(&mut self, taken: Box4) {
        self.taken.push(taken);
    }

    /// Keeps labels off a line through some points, if there is room elsewhere.
    pub(super) fn avoid_line(&mut self, points: &[(i32, i32)]) {
        for pair in points.windows(2) {
            let (from, to) = (pair[0], pair[1]);
            let steps = (to.0 - from.0).abs().max((to.1 - from.1).abs()).max(1);
            let along = |step: i32| [from.0 + (to.0 - from.0) * step / steps, from.1 + (to.1 - from.1) * step / steps];
            self.lines.extend((0..=steps).step_by(3).map(along).map(|[x, y]| [x, y, x + 1, y + 1]));
        }
    }

    /// Writes a label near its point, or nowhere if there is no room: a diagram with fewer labels reads better than one
    /// with labels on top of each other.
    pub(super) fn write(
        &mut self,
        area: &Area<'_>,
        text: &str,
        point: (i32, i32),
        colour: RGBColor,
    ) -> Result<(), StabilityError> {
        let height = i32::try_from(LABEL_SIZE).unwrap_or_default() + 2;
        let letters = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
        let width = pixel((f64::from(letters) * LETTER * f64::from(LABEL_SIZE)).ceil());
        let around = |(cx, cy): (i32, i32)| {
            [cx - width / 2 - GAP, cy - height / 2 - GAP, cx + width / 2 + GAP, cy + height / 2 + GAP]
        };
        let free = |wanted: &Box4, boxes: &[Box4]| !boxes.iter().any(|taken| overlap(taken, wanted));
        let fits = |centre: &(i32, i32)| {
            let wanted = around(*centre);
            let inside = wanted[0] >= 0 && wanted[1] >= 0 && wanted[2] <= self.size.0 && wanted[3] <= self.size.1;
            inside && free(&wanted, &self.taken)
        };
        let centres: Vec<(i32, i32)> = centres(point, (width, height)).filter(fits).collect();
        let off_lines = centres.iter().find(|centre| free(&around(**centre), &self.lines));
        if let Some(&centre) = off_lines.or(centres.first()) {
            self.taken.push(around(centre));
            write_text(area, text, centre, LABEL_SIZE, colour, (HPos::Center, VPos::Center))?;
        }
        Ok(())
    }
}

/// Where the centre of a label of some size may lie, the best place first.
fn centres((x, y): (i32, i32), (width, height): (i32, i32)) -> impl Iterator<Item = (i32, i32)> {
    [9, 16, 26].into_iter().flat_map(move |distance| {
        let diagonal = distance * 7 / 10;
        let (beside, over) = (distance + width / 2, distance + height / 2);
        let (across, up) = (diagonal + width / 2, diagonal + height / 2);
        [
            (x + beside, y),
            (x - beside, y),
            (x, y - over),
            (x, y + over),
            (x + across, y - up),
            (x - across, y - up),
            (x + across, y + up),
            (x - across, y + up),
        ]
    })
}

fn overlap(a: &Box4, b: &Box4) -> bool {
    a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3]
}

/// Draws a picture and finishes it.
pub(super) fn picture(
    size: (u32, u32),
    draw: impl FnOnce(&Area<'_>) -> Result<(), StabilityError>,
) -> Result<String, StabilityError> {
    let mut svg = String::new();
    {
        let mut backend = SVGBackend::with_string(&mut svg, size);
        backend.ensure_prepared().map_err(drawing)?;
        let area = backend.into_drawing_area();
        draw(&area)?;
        area.present().map_err(drawing)?;
    }
    Ok(svg)
}

/// The nearest pixel.
pub(super) fn pixel(x: f64) -> i32 {
    #[expect(clippy::cast_possible_truncation, reason = "rounded, and pictures are small")]
    let pixel = x.round().clamp(-1e6, 1e6) as i32;
    pixel
}
