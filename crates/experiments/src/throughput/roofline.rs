//! The roofline: operations per second against operations per byte, under the ceilings of the same run. A point on the
//! slope waits for memory, one under the flat part for arithmetic; the distance to the line is what is left to gain.

use std::path::PathBuf;

use anyhow::{Result, bail};
use druse::output::write_file;
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::kept::Kept;
use crate::plot::{COLOURS, draw_legend};

/// What the command line chooses.
#[derive(Debug, Clone, clap::Args)]
pub struct RooflineOptions {
    /// Figures of `cargo xtask bench --json`.
    pub figures: PathBuf,
    /// The SVG to write.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
}

/// Draws kept figures. Returns what the picture shows, as text.
///
/// # Errors
/// If the file holds no figures that can be drawn, or the picture cannot be written.
pub fn run(options: &RooflineOptions) -> Result<String> {
    let kept = Kept::read(&options.figures)?;
    write_file(&options.out, draw(&kept)?)?;
    let lines = Roofline::of(&kept)?.points.into_iter().map(|point| {
        let Point { name, batch, intensity, rate } = point;
        format!("{name}, batch {batch}: {intensity:.1} operations/byte, {rate:.2} TFLOP/s")
    });
    Ok(lines.collect::<Vec<_>>().join("\n"))
}

/// A stage at one size of batch.
#[derive(Debug, Clone, PartialEq)]
struct Point {
    name: String,
    batch: usize,
    /// Operations per byte.
    intensity: f64,
    /// TFLOP/s.
    rate: f64,
}

/// Ceilings and points.
#[derive(Debug, Clone, PartialEq)]
struct Roofline {
    /// GB/s.
    bandwidth: f64,
    /// TFLOP/s.
    peak: f64,
    points: Vec<Point>,
}

impl Roofline {
    /// Of the rows that have both operations and memory.
    fn of(kept: &Kept) -> Result<Self> {
        let figures = &kept.figures;
        let ceiling = |unit: &str| {
            let of_unit = figures.iter().filter(|one| one.what.starts_with("ceiling") && one.unit == unit);
            of_unit.map(|one| one.value).reduce(f64::max)
        };
        let (Some(bandwidth), Some(peak)) = (ceiling("GB/s"), ceiling("TFLOP/s")) else {
            bail!("the figures hold no ceilings in GB/s and TFLOP/s; measure them with `cargo xtask bench --json`");
        };
        let mut points = Vec::new();
        for one in figures.iter().filter(|one| one.unit == "TFLOP/s") {
            let (Some(stem), Some(batch)) = (one.what.strip_suffix("operations"), one.batch) else { continue };
            let memory = format!("{stem}memory");
            let bytes = figures.iter().find(|other| other.what == memory && other.batch == one.batch);
            if let Some(bytes) = bytes {
                let name = stem.trim_end().trim_end_matches(':').trim_end_matches('\'').to_owned();
                points.push(Point { name, batch, intensity: 1e3 * one.value / bytes.value, rate: one.value });
            }
        }
        if points.is_empty() {
            bail!("no row of the figures has both operations and memory; measure them with `cargo xtask bench --json`");
        }
        Ok(Self { bandwidth, peak, points })
    }

    /// What is reachable at this many operations per byte, TFLOP/s.
    fn roof(&self, intensity: f64) -> f64 {
        self.peak.min(self.bandwidth * intensity / 1e3)
    }
}

/// The picture as SVG text.
///
/// # Errors
/// If ceilings or rows are missing.
pub(super) fn draw(kept: &Kept) -> Result<String> {
    let roofline = Roofline::of(kept)?;
    let Roofline { bandwidth, peak, points } = &roofline;
    let ridge = 1e3 * peak / bandwidth;
    let over =
        |value: fn(&Point) -> f64, start: f64, pick: fn(f64, f64) -> f64| points.iter().map(value).fold(start, pick);
    let (left, right) = (over(|p| p.intensity, ridge, f64::min) / 4.0, over(|p| p.intensity, ridge, f64::max) * 4.0);
    let low = over(|p| p.rate, roofline.roof(left), f64::min) / 2.0;
    let names = names_from_left(points);
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (900, 520)).into_drawing_area();
        area.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&area)
            .caption(format!("Ceilings: {bandwidth:.0} GB/s, {peak:.1} TFLOP/s"), ("sans-serif", 20))
            .margin(16)
            .x_label_area_size(44)
            .y_label_area_size(64)
            .build_cartesian_2d((left..right).log_scale(), (low..peak * 2.0).log_scale())?;
        chart
            .configure_mesh()
            .x_desc("operations per byte")
            .y_desc("TFLOP/s")
            .light_line_style(WHITE)
            .x_label_formatter(&|x| short(*x))
            .y_label_formatter(&|y| short(*y))
            .draw()?;
        let roof = [left, ridge, right].map(|x| (x, roofline.roof(x)));
        chart.draw_series(LineSeries::new(roof, BLACK.stroke_width(2)))?;
        let mut labels: [Vec<Label>; 2] = Default::default();
        for (index, (name, colour)) in names.iter().zip(COLOURS.into_iter().cycle()).enumerate() {
            let of_name = || points.iter().filter(|point| point.name == *name);
            chart
                .draw_series(of_name().map(|p| Circle::new((p.intensity, p.rate), 4, colour.filled())))?
                .label(*name)
                .legend(move |(x, y)| Circle::new((x + 10, y), 4, colour.filled()));
            // Series that may stand above each other have their labels on either side.
            let side = usize::from(2 * index + 1 >= names.len());
            let label = |p: &Point| Label { point: chart.backend_coord(&(p.intensity, p.rate)), batch: p.batch };
            labels[side].extend(of_name().map(label));
        }
        for (side, labels) in [Side::Left, Side::Right].into_iter().zip(labels) {
            draw_labels(&area, side, labels)?;
        }
        draw_legend(&mut chart, SeriesLabelPosition::LowerRight)?;
        area.present()?;
    }
    Ok(svg)
}

/// Names of the stages, those with the fewest operations per byte first.
fn names_from_left(points: &[Point]) -> Vec<&str> {
    let mut names: Vec<(&str, f64)> = Vec::new();
    for Point { name, intensity, .. } in points {
        match names.iter_mut().find(|(known, _)| known == name) {
            Some((_, least)) => *least = least.min(*intensity),
            None => names.push((name, *intensity)),
        }
    }
    names.sort_by(|a, b| a.1.total_cmp(&b.1));
    names.into_iter().map(|(name, _)| name).collect()
}

/// The size of a batch, beside its point (pixels of the picture).
struct Label {
    point: (i32, i32),
    batch: usize,
}

/// Where labels stand from their points.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Left,
    Right,
}

/// Pixels from one label to the next below it.
const LINE: i32 = 14;
/// Pixels between a point and its label, and those that a label may be moved before a line joins the two.
const GAP: i32 = 12;
const JOINED_FROM: i32 = 6;

/// Labels of one side, none on another; a label that had to go down is joined with its point by a line.
fn draw_labels(area: &DrawingArea<SVGBackend<'_>, Shift>, side: Side, mut labels: Vec<Label>) -> Result<()> {
    labels.sort_by_key(|label| label.point.1);
    let heights: Vec<i32> = labels.iter().map(|label| label.point.1).collect();
    for (Label { point: (x, y), batch }, height) in labels.into_iter().zip(apart(&heights, LINE)) {
        let (start, anchor) = match side {
            Side::Left => (x - GAP, HPos::Right),
            Side::Right => (x + GAP, HPos::Left),
        };
        if height - y >= JOINED_FROM {
            area.draw(&PathElement::new([(x, y), (start, height)], BLACK.mix(0.4)))?;
        }
        let style = ("sans-serif", 12).into_font().into_text_style(area).pos(Pos::new(anchor, VPos::Center));
        area.draw(&Text::new(format!("batch {batch}"), (start, height), style))?;
    }
    Ok(())
}

/// Rising places moved up as far as needed for `least` between neighbours.
fn apart(places: &[i32], least: i32) -> Vec<i32> {
    let mut last: Option<i32> = None;
    let place = |place: &i32| {
        let moved = last.map_or(*place, |last| (*place).max(last + least));
        last = Some(moved);
        moved
    };
    places.iter().map(place).collect()
}

/// A number of an axis.
fn short(value: f64) -> String {
    if value >= 1.0 { format!("{value:.0}") } else { format!("{value}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::throughput::kept::tests::kept;

    #[test]
    fn labels_do_not_lie_on_each_other() {
        assert_eq!(apart(&[10, 12, 13, 60, 100], 14), [10, 24, 38, 60, 100]);
        assert!(apart(&[], 14).is_empty());
        let rows = [4000, 1600, 400].map(|batch| {
            let rate = 8.0 + 1e-4 * batch as f64;
            [
                ("full cells: operations", Some(batch), rate, "TFLOP/s"),
                ("full cells: memory", Some(batch), 640.0, "GB/s"),
                ("symmetric: operations", Some(batch), rate, "TFLOP/s"),
                ("symmetric: memory", Some(batch), 650.0, "GB/s"),
            ]
        });
        let ceilings = [("ceiling: copy", None, 4000.0, "GB/s"), ("ceiling: product", None, 48.0, "TFLOP/s")];
        let svg = draw(&kept(&[&ceilings[..], rows.as_flattened()].concat())).expect("a picture");
        // Left and right of the points, three each.
        for anchor in ["end", "start"] {
            let labels = svg.split("<text ").filter(|text| text.contains("batch ") && text.contains(anchor));
            let height = |text: &str| -> Option<i32> { text.split_once(" y=\"")?.1.split_once('"')?.0.parse().ok() };
            let mut heights: Vec<i32> = labels.filter_map(height).collect();
            heights.sort_unstable();
            assert_eq!(heights.len(), 3, "{anchor}: {svg}");
            assert!(heights.windows(2).all(|pair| pair[1] - pair[0] >= LINE), "{heights:?}");
        }
    }

    #[test]
    fn points_lie_under_the_ceilings_of_their_run() {
        let measured = kept(&[
            ("ceiling: read and write a vector", None, 1000.0, "GB/s"),
            ("ceiling: own product", None, 20.0, "TFLOP/s"),
            ("ceiling: the tensor library's product", None, 15.0, "TFLOP/s"),
            ("evaluation: dense layers' operations", Some(8), 5.0, "TFLOP/s"),
            ("evaluation: dense layers' memory", Some(8), 250.0, "GB/s"),
            ("both passes: of these, messages", Some(8), 4.0, "TFLOP/s"),
        ]);
        let roofline = Roofline::of(&measured).expect("a roofline");
        assert_eq!((roofline.bandwidth, roofline.peak), (1000.0, 20.0));
        let point = Point { name: "evaluation: dense layers".to_owned(), batch: 8, intensity: 20.0, rate: 5.0 };
        assert_eq!(roofline.points, [point]);
        assert_eq!((roofline.roof(5.0), roofline.roof(20.0), roofline.roof(80.0)), (5.0, 20.0, 20.0));
        let svg = draw(&measured).expect("a picture");
        assert!(svg.starts_with("<svg") && svg.contains("batch 8") && svg.contains("1000 GB/s"), "{svg}");
        let without = |unit: &str| {
            let figures = measured.figures.iter().filter(|one| one.unit != unit).cloned().collect();
            draw(&Kept { figures, ..measured.clone() }).expect_err("too little").to_string()
        };
        assert!(without("GB/s").contains("no ceilings"));
        let mut lacking = measured.clone();
        lacking.figures.retain(|one| !one.what.ends_with("memory"));
        assert!(draw(&lacking).expect_err("too little").to_string().contains("no row"));
    }
}
