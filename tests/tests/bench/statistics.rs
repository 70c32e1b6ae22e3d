//! Statistics of repeated measurements.

use std::time::Duration;

/// The median.
pub(crate) fn median(numbers: impl IntoIterator<Item = f64>) -> f64 {
    let mut numbers: Vec<_> = numbers.into_iter().collect();
    numbers.sort_by(f64::total_cmp);
    let middle = numbers.len() / 2;
    if numbers.len() % 2 == 1 { numbers[middle] } else { (numbers[middle - 1] + numbers[middle]) / 2.0 }
}

/// The median in seconds.
pub(crate) fn seconds(times: &[Duration]) -> f64 {
    median(times.iter().map(Duration::as_secs_f64))
}

/// How often each measurement is repeated.
pub(crate) fn runs() -> usize {
    std::env::var("BENCH_RUNS").map_or(10, |runs| runs.parse().expect("BENCH_RUNS"))
}
