//! Plots.

use std::path::Path;

use plotters::prelude::*;

/// Draws named lines through points.
pub(crate) fn lines(file: &Path, title: &str, across: &str, lines: &[(&str, Vec<(f64, f64)>)]) {
    let points = || lines.iter().flat_map(|(_, points)| points);
    let largest = |number: fn(&(f64, f64)) -> f64| points().map(number).fold(0.0, f64::max);
    let area = SVGBackend::new(file, (800, 500)).into_drawing_area();
    area.fill(&WHITE).expect("a background");
    let mut chart = ChartBuilder::on(&area)
        .caption(title, ("sans-serif", 20))
        .margin(20)
        .x_label_area_size(40)
        .y_label_area_size(50)
        .build_cartesian_2d(0.0..largest(|point| point.0), 0.0..largest(|point| point.1) * 1.1)
        .expect("a chart");
    chart.configure_mesh().x_desc(across).y_desc("s").draw().expect("axes");
    for (index, (name, points)) in lines.iter().enumerate() {
        let color = Palette99::pick(index).to_rgba();
        let line = LineSeries::new(points.iter().copied(), color.stroke_width(2)).point_size(4);
        let drawn = chart.draw_series(line).expect("a line").label(*name);
        drawn.legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], color.stroke_width(2)));
    }
    chart.configure_series_labels().background_style(WHITE.mix(0.8)).border_style(BLACK).draw().expect("a legend");
    area.present().expect("a file");
}
