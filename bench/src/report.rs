//! Tables in Markdown: the spread of what was measured, and its ratio to the first row of the same rounds.

/// One measure of several subjects, a value a round.
#[derive(Debug)]
pub struct Measure<'a> {
    /// The head of the column.
    pub title: &'a str,
    /// Digits behind the point.
    pub digits: usize,
    /// By subject, then by round. The first subject is the baseline.
    pub values: Vec<Vec<f64>>,
}

/// Prints a table with a row a subject and two columns a measure: least / median / most, and the median of the rounds' ratios.
pub fn print(title: &str, subjects: &[String], measures: &[Measure<'_>]) {
    println!("\n### {title}\n");
    let head: String = measures.iter().map(|m| format!(" {} | × |", m.title)).collect();
    println!("| |{head}\n|---|{}", "---|---|".repeat(measures.len()));
    for (row, subject) in subjects.iter().enumerate() {
        let columns: String = measures.iter().map(|measure| measure.columns(row)).collect();
        println!("| {subject} |{columns}");
    }
}

impl Measure<'_> {
    fn columns(&self, row: usize) -> String {
        let (Some(own), Some(base)) = (self.values.get(row), self.values.first()) else {
            return String::new();
        };
        let digits = self.digits;
        // Round by round, so that both sides of a ratio met the same neighbours.
        let ratios = own.iter().zip(base).map(|(own, base)| own / base).collect();
        match (spread(own.clone()), spread(ratios)) {
            (Some([low, mid, high]), Some([_, ratio, _])) if low < high => {
                format!(" {low:.digits$} / **{mid:.digits$}** / {high:.digits$} | {ratio:.2} |")
            }
            (Some([_, mid, _]), Some([_, ratio, _])) => format!(" {mid:.digits$} | {ratio:.2} |"),
            _ => " – | – |".into(),
        }
    }
}

/// The least, the median and the most.
fn spread(mut values: Vec<f64>) -> Option<[f64; 3]> {
    values.sort_by(f64::total_cmp);
    Some([*values.first()?, *values.get(values.len() / 2)?, *values.last()?])
}
