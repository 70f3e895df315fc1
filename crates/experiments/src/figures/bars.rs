//! Bars over an axis, with every text placed by hand: the library's own axis labels overlap on axes of names.

use anyhow::{Result, anyhow};
use crystal_core::whole;
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// Soft black of texts.
const INK: RGBColor = RGBColor(38, 42, 48);
/// Grey of explanations.
const SOFT: RGBColor = RGBColor(96, 102, 112);
/// Room for the title in front of the first panel, pixels.
const HEADING: u32 = 64;
/// Room below the axis for its texts, pixels.
const BELOW: u32 = 62;
/// Width of a letter of the legend, pixels; rather too wide than too narrow.
const LETTER: i32 = 7;
/// Room for the texts of the ordinate, pixels.
const LEFT: u32 = 78;

/// A bar from `bottom` to `top` over `from` to `to`.
pub(super) struct Bar {
    pub from: f64,
    pub to: f64,
    pub bottom: f64,
    pub top: f64,
    pub colour: RGBColor,
}

/// Text above a point of the panel.
pub(super) struct Label {
    pub x: f64,
    pub y: f64,
    /// Pixels that the text stands above the point.
    pub lift: i32,
    pub text: String,
    pub size: u32,
}

/// Text below the axis.
pub(super) struct Tick {
    pub x: f64,
    /// Pixels below the axis.
    pub drop: i32,
    pub text: String,
    pub size: u32,
}

/// Bars over one axis.
pub(super) struct Panel {
    pub x: std::ops::Range<f64>,
    /// Height of the axis; the bars must stay below it.
    pub top: f64,
    pub x_name: String,
    pub y_name: String,
    pub bars: Vec<Bar>,
    pub labels: Vec<Label>,
    pub ticks: Vec<Tick>,
}

/// A picture of one or more panels below each other, as SVG text. The legend explains colours, in the line of the
/// title.
pub(super) fn picture(
    size: (u32, u32),
    title: &str,
    caption: &str,
    legend: &[(String, RGBColor)],
    panels: &[Panel],
) -> Result<String> {
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        root.fill(&WHITE)?;
        write_text(&root, title, (18, 14), 21, INK, HPos::Left, VPos::Top)?;
        write_text(&root, caption, (18, 42), 13, SOFT, HPos::Left, VPos::Top)?;
        let mut left = size.0 as i32 - 10;
        for (text, colour) in legend.iter().rev() {
            left -= LETTER * whole::compact_signed(text.chars().count()) + 36;
            root.draw(&Rectangle::new([(left, 20), (left + 12, 32)], colour.filled()))?;
            write_text(&root, text, (left + 18, 26), 13, INK, HPos::Left, VPos::Center)?;
        }
        let (_, rest) = root.split_vertically(HEADING);
        for (area, panel) in rest.split_evenly((panels.len(), 1)).iter().zip(panels) {
            panel.draw(&root, area)?;
        }
        root.present()?;
    }
    Ok(svg)
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

impl Panel {
    fn draw(&self, root: &Area<'_>, area: &Area<'_>) -> Result<()> {
        let mut chart = ChartBuilder::on(area)
            .margin_right(18)
            .margin_left(10)
            .margin_top(8)
            .x_label_area_size(BELOW)
            .y_label_area_size(LEFT)
            .build_cartesian_2d(self.x.clone(), 0.0..self.top)?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .x_labels(0)
            .y_labels(7)
            .light_line_style(WHITE)
            .bold_line_style(INK.mix(0.12))
            .axis_style(INK.mix(0.5))
            .label_style(("sans-serif", 13).into_font().color(&INK))
            .y_label_formatter(&|value| grouped(whole::count(value.round())))
            .y_desc(&self.y_name)
            .axis_desc_style(("sans-serif", 14).into_font().color(&SOFT))
            .draw()?;
        let rectangles = self.bars.iter().filter(|bar| bar.top > bar.bottom);
        chart.draw_series(
            rectangles.map(|bar| Rectangle::new([(bar.from, bar.bottom), (bar.to, bar.top)], bar.colour.filled())),
        )?;
        let coordinates = chart.as_coord_spec();
        for label in &self.labels {
            let (x, y) = coordinates.translate(&(label.x, label.y));
            write_text(root, &label.text, (x, y - label.lift), label.size, INK, HPos::Center, VPos::Bottom)?;
        }
        for tick in &self.ticks {
            let (x, y) = coordinates.translate(&(tick.x, 0.0));
            write_text(root, &tick.text, (x, y + tick.drop), tick.size, INK, HPos::Center, VPos::Top)?;
        }
        let (middle, axis) = coordinates.translate(&((self.x.start + self.x.end) / 2.0, 0.0));
        write_text(root, &self.x_name, (middle, axis + BELOW as i32 - 20), 14, SOFT, HPos::Center, VPos::Top)?;
        Ok(())
    }
}

fn write_text(
    area: &Area<'_>,
    text: &str,
    place: (i32, i32),
    size: u32,
    colour: RGBColor,
    horizontal: HPos,
    vertical: VPos,
) -> Result<()> {
    let style = ("sans-serif", size).into_font().color(&colour).pos(Pos::new(horizontal, vertical));
    area.draw_text(text, &style, place).map_err(|error| anyhow!("the text '{text}' cannot be drawn: {error}"))
}

/// A whole number with its digits in groups of three.
pub(super) fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let groups = digits.as_bytes().rchunks(3).rev().map(|group| String::from_utf8_lossy(group).into_owned());
    groups.collect::<Vec<_>>().join("\u{202f}")
}

/// The height of an axis over bars up to `highest`, with room for a text above them.
pub(super) fn headroom(highest: usize) -> f64 {
    (highest as f64 * 1.12).max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_in_groups() {
        assert_eq!([0, 999, 1000, 1_234_567].map(grouped), ["0", "999", "1\u{202f}000", "1\u{202f}234\u{202f}567"]);
    }
}
