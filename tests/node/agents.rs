//! Injected pods, beside one another, with one release of the chart.

mod cws;
mod ending;
mod ordering;
mod read_only_root;
