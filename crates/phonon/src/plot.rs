//! Band structure and density of states as a picture.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::{BandStructure, DensityOfStates, PhononError};

const SIZE: (u32, u32) = (1000, 520);
/// Pixels of the panel of the density of states.
const DENSITY_WIDTH: u32 = 230;
const BAND: RGBColor = RGBColor(31, 119, 180);
const IMAGINARY: RGBColor = RGBColor(200, 40, 40);

/// Bands on the left with the labels of the special points, density of states on the right on the same axis of
/// frequencies, as SVG text. Imaginary frequencies are drawn below zero and in red.
///
/// # Errors
/// [`PhononError::Plot`].
pub fn bands_and_density(title: &str, bands: &BandStructure, density: &DensityOfStates) -> Result<String, PhononError> {
    draw(title, bands, density).map_err(|error| PhononError::Plot { reason: error.to_string() })
}

fn draw(title: &str, bands: &BandStructure, density: &DensityOfStates) -> Result<String, Box<dyn std::error::Error>> {
    let all = || bands.segments.iter().flat_map(|segment| segment.frequencies_thz.iter().flatten().copied());
    let (least, most) =
        all().fold((0.0_f64, 0.0_f64), |(least, most), frequency| (least.min(frequency), most.max(frequency)));
    let margin = 0.04 * (most - least).max(0.1);
    // Rounding alone does not open a range below zero.
    let bottom = if least < -1e-2 { least - margin } else { 0.0 };
    let range = bottom..most + margin;
    let end = bands.segments.last().and_then(|segment| segment.distances.last()).copied().ok_or("the path is empty")?;
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        area.fill(&WHITE)?;
        let area = area.titled(title, ("sans-serif", 20))?;
        let (left, right) = area.split_horizontally(SIZE.0 - DENSITY_WIDTH);
        let mut chart = ChartBuilder::on(&left)
            .margin(12)
            .x_label_area_size(36)
            .y_label_area_size(56)
            .build_cartesian_2d(0.0..end, range.clone())?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .disable_x_axis()
            .y_desc("frequency (THz)")
            .light_line_style(WHITE)
            .draw()?;
        for segment in &bands.segments {
            let n_bands = segment.frequencies_thz.first().map_or(0, Vec::len);
            for band in 0..n_bands {
                let line = segment.distances.iter().zip(&segment.frequencies_thz).map(|(x, values)| (*x, values[band]));
                for (stroke, points) in runs(line, bottom < 0.0) {
                    chart.draw_series(LineSeries::new(points, stroke.stroke_width(1)))?;
                }
            }
        }
        for (at, label) in ticks(bands) {
            chart.draw_series(LineSeries::new([(at, range.start), (at, range.end)], BLACK.mix(0.35)))?;
            let style = ("sans-serif", 15).into_text_style(&left).pos(Pos::new(HPos::Center, VPos::Top));
            let (x, y) = chart.backend_coord(&(at, range.start));
            let (left_edge, top_edge) = left.get_base_pixel();
            left.draw(&Text::new(label, (x - left_edge, y - top_edge + 6), style))?;
        }
        if bottom < 0.0 {
            chart.draw_series(LineSeries::new([(0.0, 0.0), (end, 0.0)], BLACK.mix(0.5)))?;
        }
        let highest = density.density.iter().copied().fold(0.0, f64::max) * 1.05;
        let mut chart = ChartBuilder::on(&right)
            .margin(12)
            .x_label_area_size(36)
            .y_label_area_size(8)
            .build_cartesian_2d(0.0..highest.max(1e-9), range)?;
        chart
            .configure_mesh()
            .disable_mesh()
            .x_labels(3)
            .y_labels(0)
            .x_desc("density of states (1/THz)")
            .light_line_style(WHITE)
            .draw()?;
        let line =
            density.density.iter().zip(&density.frequencies_thz).map(|(density, frequency)| (*density, *frequency));
        chart.draw_series(LineSeries::new(line.filter(|(_, frequency)| *frequency >= bottom), BAND.stroke_width(1)))?;
        area.present()?;
    }
    Ok(svg)
}

/// A line cut where it crosses zero, each piece with its colour.
fn runs(line: impl Iterator<Item = (f64, f64)>, with_imaginary: bool) -> Vec<(RGBColor, Vec<(f64, f64)>)> {
    let mut pieces: Vec<(RGBColor, Vec<(f64, f64)>)> = Vec::new();
    for (x, y) in line {
        let colour = if with_imaginary && y < 0.0 { IMAGINARY } else { BAND };
        match pieces.last_mut() {
            Some((same, points)) if *same == colour => points.push((x, y)),
            _ => {
                let joint = pieces.last().and_then(|(_, points)| points.last()).copied();
                pieces.push((colour, joint.into_iter().chain([(x, y)]).collect()));
            }
        }
    }
    pieces
}

/// Labels along the path: both where it is interrupted.
fn ticks(bands: &BandStructure) -> Vec<(f64, String)> {
    let mut ticks: Vec<(f64, String)> = Vec::new();
    for segment in &bands.segments {
        let (Some(start), Some(end)) = (segment.distances.first(), segment.distances.last()) else { continue };
        let from = pretty(&segment.from.label);
        match ticks.last_mut() {
            Some((_, label)) if *label == from => {}
            Some((_, label)) => *label = format!("{label}|{from}"),
            None => ticks.push((*start, from)),
        }
        ticks.push((*end, pretty(&segment.to.label)));
    }
    ticks
}

/// `Σ_0` with its number as a subscript.
fn pretty(label: &str) -> String {
    match label.split_once('_') {
        Some((letter, index)) => {
            let subscript =
                |digit: char| digit.to_digit(10).and_then(|digit| char::from_u32(0x2080 + digit)).unwrap_or(digit);
            letter.chars().chain(index.chars().map(subscript)).collect()
        }
        None => label.to_owned(),
    }
}
