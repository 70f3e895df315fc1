//! The loss curve as a picture.

use anyhow::{Result, anyhow};
use plotters::prelude::*;
use score_model::LossPoint;

/// Points on either side that a running mean takes in, as a share of the curve.
const SMOOTHING: f64 = 0.02;

/// Position and lattice loss against the step, each with its running mean, as SVG text.
///
/// # Errors
/// If the curve is empty or cannot be drawn.
pub fn loss_curve(curve: &[LossPoint]) -> Result<String> {
    let last = curve.last().ok_or_else(|| anyhow!("there is no loss to draw"))?.step + 1;
    let top = curve.iter().map(|point| point.position.max(point.lattice)).fold(0.0_f32, f32::max).min(2.0);
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
            ("position", RGBColor(31, 119, 180), (|point| point.position) as fn(&LossPoint) -> f32),
            ("lattice", RGBColor(214, 96, 39), |point| point.lattice),
        ] {
            chart
                .draw_series(LineSeries::new(curve.iter().map(|point| (point.step, value(point).min(top))), colour.mix(0.25)))?;
            let smooth = running_mean(curve, value);
            chart
                .draw_series(LineSeries::new(smooth, colour.stroke_width(2)))?
                .label(name)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], colour.stroke_width(2)));
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::LowerLeft)
            .background_style(WHITE)
            .border_style(BLACK.mix(0.4))
            .draw()?;
        area.present()?;
    }
    Ok(svg)
}

fn running_mean(curve: &[LossPoint], value: fn(&LossPoint) -> f32) -> Vec<(u64, f32)> {
    let reach = ((curve.len() as f64 * SMOOTHING) as usize).max(1);
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
            (0..50).map(|step| LossPoint { step, position: 1.0 / (1.0 + step as f32), lattice: 1.2 }).collect();
        let svg = loss_curve(&curve).expect("a plot");
        assert!(svg.starts_with("<svg") && svg.contains("position") && svg.contains("lattice"));
        assert!(loss_curve(&[]).is_err());
    }

    #[test]
    fn running_mean_of_a_constant() {
        let curve: Vec<LossPoint> = (0..200).map(|step| LossPoint { step, position: 0.5, lattice: 0.0 }).collect();
        assert!(running_mean(&curve, |point| point.position).iter().all(|(_, mean)| (mean - 0.5).abs() < 1e-6));
    }
}
