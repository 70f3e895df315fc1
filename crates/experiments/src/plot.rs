//! The loss curve and quality against network evaluations as pictures, and what other pictures have in common with
//! them.

use anyhow::{Result, anyhow};
use crystal_core::whole;
use plotters::prelude::*;
use score_model::{LATTICE_LOSS, POSITION_LOSS};
use training::LossPoint;

use crate::published::Figures;
use crate::table::Measured;

/// Colours of series, in their order.
pub(crate) const COLOURS: [RGBColor; 4] =
    [RGBColor(31, 119, 180), RGBColor(214, 96, 39), RGBColor(44, 130, 60), RGBColor(120, 80, 160)];

/// Draws the legend of the series that have a label.
///
/// # Errors
/// If it cannot be drawn.
pub(crate) fn draw_legend<'a, DB, CT>(chart: &mut ChartContext<'a, DB, CT>, position: SeriesLabelPosition) -> Result<()>
where
    DB: DrawingBackend + 'a,
    DB::ErrorType: 'static,
    CT: CoordTranslate,
{
    let mut legend = chart.configure_series_labels();
    legend.position(position).background_style(WHITE).border_style(BLACK.mix(0.4)).draw()?;
    Ok(())
}

/// Points on either side that a running mean takes in, as a share of the curve.
const SMOOTHING: f64 = 0.02;

/// Position and lattice loss against the step, each with its running mean, as SVG text.
///
/// # Errors
/// If the curve is empty or cannot be drawn.
pub fn loss_curve(curve: &[LossPoint]) -> Result<String> {
    let last = curve.last().ok_or_else(|| anyhow!("there is no loss to draw"))?.step + 1;
    let top = curve
        .iter()
        .map(|point| point.parts[POSITION_LOSS].max(point.parts[LATTICE_LOSS]))
        .fold(0.0_f32, f32::max)
        .min(2.0);
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (900, 520)).into_drawing_area();
        area.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&area)
            .caption("Training loss (mean squared error of the noise)", ("sans-serif", 20))
            .margin(16)
            .x_label_area_size(44)
            .y_label_area_size(56)
            .build_cartesian_2d(0..last, 0.0_f32..top)?;
        chart.configure_mesh().x_desc("step").y_desc("loss").light_line_style(WHITE).draw()?;
        for (name, colour, value) in [
            ("position", COLOURS[0], (|point| point.parts[POSITION_LOSS]) as fn(&LossPoint) -> f32),
            ("lattice", COLOURS[1], |point| point.parts[LATTICE_LOSS]),
        ] {
            chart.draw_series(LineSeries::new(
                curve.iter().map(|point| (point.step, value(point).min(top))),
                colour.mix(0.25),
            ))?;
            let smooth = running_mean(curve, value);
            chart
                .draw_series(LineSeries::new(smooth, colour.stroke_width(2)))?
                .label(name)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], colour.stroke_width(2)));
        }
        draw_legend(&mut chart, SeriesLabelPosition::LowerLeft)?;
        area.present()?;
    }
    Ok(svg)
}

/// What one sampler reached.
#[derive(Debug, Clone)]
pub struct QualityPoint {
    /// What its point is joined with, and its name.
    pub series: &'static str,
    /// Network evaluations per structure.
    pub evaluations: usize,
    /// Its figures.
    pub figures: Figures<Option<Measured>>,
}

/// COV-P, COV-R and FD CrystalNN against network evaluations per structure, on a logarithmic axis, as SVG text. Bars
/// are one standard deviation. The points of a series are joined if no two of them took as many evaluations.
///
/// # Errors
/// If there are no points or they cannot be drawn.
pub fn quality_against_evaluations(points: &[QualityPoint]) -> Result<String> {
    let evaluations = points.iter().map(|point| point.evaluations as f64);
    let most = evaluations.clone().reduce(f64::max).ok_or_else(|| anyhow!("there is no sampler to draw"))? * 1.4;
    let least = evaluations.fold(most, f64::min) / 1.4;
    let mut series: Vec<&str> = points.iter().map(|point| point.series).collect();
    series.dedup();
    let mut seen = Vec::new();
    series.retain(|name| {
        !seen.contains(name) && {
            seen.push(name);
            true
        }
    });
    let panels = [
        ("COV-P", (|figures| figures.cov_p) as fn(&Figures<Option<Measured>>) -> Option<Measured>),
        ("COV-R", |figures| figures.cov_r),
        ("FD CrystalNN", |figures| figures.fd_crystalnn),
    ];
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (1200, 420)).into_drawing_area();
        area.fill(&WHITE)?;
        for (panel, (title, figure)) in area.split_evenly((1, 3)).iter().zip(panels) {
            let measured =
                |point: &QualityPoint| figure(&point.figures).map(|measured| (point.evaluations as f64, measured));
            let highest = points
                .iter()
                .filter_map(measured)
                .map(|(_, measured)| measured.value + measured.std)
                .fold(0.0, f64::max);
            let mut chart = ChartBuilder::on(panel)
                .caption(title, ("sans-serif", 20))
                .margin(12)
                .x_label_area_size(40)
                .y_label_area_size(48)
                .build_cartesian_2d((least..most).log_scale(), 0.0..(highest * 1.05).max(1e-3))?;
            let label = |evaluations: &f64| format!("{evaluations:.0}");
            chart
                .configure_mesh()
                .x_desc("evaluations per structure")
                .x_label_formatter(&label)
                .light_line_style(WHITE)
                .draw()?;
            for (&name, &colour) in series.iter().zip(COLOURS.iter().cycle()) {
                let mut of_series: Vec<_> =
                    points.iter().filter(|point| point.series == name).filter_map(measured).collect();
                of_series.sort_by(|a, b| a.0.total_cmp(&b.0));
                let bars = of_series.iter().map(|(x, m)| {
                    PathElement::new([(*x, m.value - m.std), (*x, m.value + m.std)], colour.stroke_width(1))
                });
                chart.draw_series(bars)?;
                if of_series.windows(2).all(|pair| pair[0].0 < pair[1].0) {
                    chart
                        .draw_series(LineSeries::new(of_series.iter().map(|(x, m)| (*x, m.value)), colour.mix(0.5)))?;
                }
                chart
                    .draw_series(of_series.iter().map(|(x, m)| Circle::new((*x, m.value), 4, colour.filled())))?
                    .label(name)
                    .legend(move |(x, y)| Circle::new((x + 10, y), 4, colour.filled()));
            }
            draw_legend(&mut chart, SeriesLabelPosition::LowerRight)?;
        }
        area.present()?;
    }
    Ok(svg)
}

fn running_mean(curve: &[LossPoint], value: fn(&LossPoint) -> f32) -> Vec<(u64, f32)> {
    let reach = whole::count(curve.len() as f64 * SMOOTHING).max(1);
    (0..curve.len())
        .map(|centre| {
            let window = &curve[centre.saturating_sub(reach)..(centre + reach + 1).min(curve.len())];
            (curve[centre].step, window.iter().map(value).sum::<f32>() / window.len() as f32)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_both_losses() {
        let curve: Vec<LossPoint> =
            (0..50).map(|step| LossPoint { step, parts: vec![1.0 / (1.0 + step as f32), 1.2] }).collect();
        let svg = loss_curve(&curve).expect("a plot");
        assert!(svg.starts_with("<svg") && svg.contains("position") && svg.contains("lattice"));
        assert!(loss_curve(&[]).is_err());
    }

    #[test]
    fn running_mean_of_a_constant() {
        let curve: Vec<LossPoint> = (0..200).map(|step| LossPoint { step, parts: vec![0.5, 0.0] }).collect();
        assert!(
            running_mean(&curve, |point| point.parts[POSITION_LOSS]).iter().all(|(_, mean)| (mean - 0.5).abs() < 1e-6)
        );
    }
}
