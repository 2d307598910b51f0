//! The decision alone: time, instructions and allocations of a review, without a network.

use anyhow::{Context, Result, ensure};
use clap::Parser;
use datadog_sidecar_injector::{
    admission, config,
    rules::{Rules, Setting},
    seen::{Objects, Seen},
};
use injector_bench::{
    body::Size,
    echo,
    process::{CACHEGRIND, MEMCHECK, counted, has_valgrind},
    report::{self, Measure},
    values::{EVERY_FEATURE, Matching, values},
};
use std::{hint::black_box, process::Command, time::Instant};

/// So many selectors and profiles.
type Many = (usize, usize, Matching);

/// What a review is decided by.
enum By {
    /// Nothing: all that is read is the uid.
    Nothing,
    /// A number of selectors and profiles.
    Many(Many),
    /// One profile with all that a profile can state.
    EveryFeature,
}

const CASES: [(&str, By); 7] = [
    ("echo", By::Nothing),
    ("injected", By::Many((1, 1, Matching::Last))),
    ("injected, every feature on", By::EveryFeature),
    ("no selector matches", By::Many((1, 1, Matching::None))),
    ("1,000 selectors, the last matches", By::Many((1000, 1, Matching::Last))),
    ("1,000 selectors, none matches", By::Many((1000, 1, Matching::None))),
    ("1,000 selectors and profiles, the last matches", By::Many((1000, 1000, Matching::Last))),
];

/// What runs under valgrind, twice, so that the difference leaves the start out.
const FEW: usize = 5;
const MANY: usize = 25;

/// Measures the decision of small, typical and large reviews and prints tables.
#[derive(Parser)]
struct Arguments {
    /// How often each is measured; the cases take turns.
    #[arg(long, default_value_t = 9)]
    rounds: usize,
    /// How many reviews a measurement takes.
    #[arg(long, default_value_t = 400)]
    reviews: usize,
    /// Only this size of review.
    #[arg(long)]
    size: Option<String>,
    /// Only this case, by its number from 0, in a loop: for a profiler.
    #[arg(long)]
    only: Option<usize>,
}

struct Case {
    name: String,
    rules: Option<Rules>,
    /// As in a cluster where every namespace has its Secrets.
    seen: Seen,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    ensure!(arguments.rounds > 0 && arguments.reviews > 0, "rounds and reviews must be above 0");
    let size = arguments.size.as_ref().map(|name| Size::of(name).context("no such size")).transpose()?;
    if let Some(number) = arguments.only {
        let case = Case::new(number)?;
        let body = size.unwrap_or(Size::Typical).review();
        for _ in 0..arguments.reviews {
            black_box(case.decide(black_box(&body))?);
        }
        return Ok(());
    }
    let counting = has_valgrind();
    if !counting {
        eprintln!("valgrind is not installed: neither instructions nor allocations are counted");
    }
    let cases: Vec<_> = (0..CASES.len()).map(Case::new).collect::<Result<_>>()?;
    for size in size.map_or(Size::ALL.to_vec(), |size| vec![size]) {
        table(size, &cases, &arguments, counting)?;
    }
    Ok(())
}

fn table(size: Size, cases: &[Case], arguments: &Arguments, counting: bool) -> Result<()> {
    let body = size.review();
    let mut times = vec![Vec::new(); cases.len()];
    for _ in 0..arguments.rounds {
        for (case, times) in cases.iter().zip(&mut times) {
            times.push(case.median_nanoseconds(&body, arguments.reviews)? / 1e3);
        }
    }
    let time = Measure { title: "µs", digits: 1, values: times };
    let mut measures = vec![time];
    if counting {
        let count = |tool: &[&str], unit: f64| -> Result<Vec<Vec<f64>>> {
            (0..cases.len()).map(|case| Ok(vec![of_one(tool, case, size)? / unit])).collect()
        };
        let values = count(&CACHEGRIND, 1e3)?;
        measures.push(Measure { title: "1,000 instructions", digits: 1, values });
        let values = count(&MEMCHECK, 1.0)?;
        measures.push(Measure { title: "allocations", digits: 0, values });
    }
    let names: Vec<_> = cases.iter().map(|case| case.name.clone()).collect();
    report::print(&format!("the decision, {} ({} bytes)", size.name(), body.len()), &names, &measures);
    Ok(())
}

impl Case {
    fn new(number: usize) -> Result<Self> {
        let (name, by) = CASES.get(number).context("no such case")?;
        let yaml = match by {
            By::Nothing => None,
            By::Many((selectors, profiles, matching)) => Some(values(*selectors, *profiles, *matching)),
            By::EveryFeature => Some(EVERY_FEATURE.to_owned()),
        };
        let rules = |yaml: String| -> Result<Rules> {
            let config = config::load(&yaml, "values.yaml")?;
            let setting = Setting { own_namespace: "datadog-agent".into(), kubernetes_minor: 35, offline: false };
            Ok(Rules::compile(config, setting))
        };
        let rules = yaml.map(rules).transpose()?;
        let mut objects = Objects::default();
        for object in rules.iter().flat_map(Rules::objects) {
            objects.insert(object.clone(), [("shop-prod".into(), ["api-key".into(), "token".into()].into())].into());
        }
        let seen = Seen { objects: objects.into(), ..Seen::default() };
        Ok(Self { name: (*name).to_owned(), rules, seen })
    }

    fn decide(&self, body: &[u8]) -> Result<Vec<u8>> {
        match &self.rules {
            None => echo::review(body),
            Some(rules) => Ok(admission::review(body, rules, &self.seen, 0)?.body),
        }
    }

    fn median_nanoseconds(&self, body: &[u8], reviews: usize) -> Result<f64> {
        let mut times = Vec::with_capacity(reviews);
        for _ in 0..reviews {
            let start = Instant::now();
            black_box(self.decide(black_box(body))?);
            times.push(start.elapsed().as_nanos() as f64);
        }
        times.sort_by(f64::total_cmp);
        Ok(times[reviews / 2])
    }
}

/// What valgrind counts of one decision.
fn of_one(tool: &[&str], case: usize, size: Size) -> Result<f64> {
    let of = |reviews: usize| -> Result<u64> {
        let output = Command::new(tool[0])
            .args(&tool[1..])
            .arg(std::env::current_exe()?)
            .args(["--only", &case.to_string(), "--size", size.name(), "--reviews", &reviews.to_string()])
            .output()?;
        let report = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{report}");
        counted(&report)
    };
    Ok((of(MANY)? as f64 - of(FEW)? as f64) / (MANY - FEW) as f64)
}
