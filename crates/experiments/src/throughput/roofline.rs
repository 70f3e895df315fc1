//! The roofline: operations per second against operations per byte, under the ceilings of the same run. A point on the
//! slope waits for memory, one under the flat part for arithmetic; the distance to the line is what is left to gain.

use std::path::PathBuf;

use anyhow::{Result, bail};
use druse::output::write_file;
use plotters::prelude::*;

use super::kept::Kept;

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
    let mut names: Vec<&str> = points.iter().map(|point| point.name.as_str()).collect();
    names.dedup();
    names.sort_unstable();
    names.dedup();
    let colours = [RGBColor(31, 119, 180), RGBColor(214, 96, 39), RGBColor(44, 130, 60), RGBColor(120, 80, 160)];
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
        for (name, colour) in names.iter().zip(colours.iter().copied().cycle()) {
            let of_name: Vec<&Point> = points.iter().filter(|point| point.name == *name).collect();
            chart
                .draw_series(of_name.iter().map(|p| Circle::new((p.intensity, p.rate), 4, colour.filled())))?
                .label(*name)
                .legend(move |(x, y)| Circle::new((x + 10, y), 4, colour.filled()));
            chart.draw_series(of_name.iter().map(|p| {
                let text = format!("batch {}", p.batch);
                EmptyElement::at((p.intensity, p.rate)) + Text::new(text, (8, -6), ("sans-serif", 12))
            }))?;
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::LowerRight)
            .background_style(WHITE)
            .border_style(BLACK.mix(0.4))
            .draw()?;
        area.present()?;
    }
    Ok(svg)
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
