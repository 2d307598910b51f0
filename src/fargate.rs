//! The sizes of pods on EKS Fargate.
//!
//! Fargate runs each pod on a machine of its own, of one of a few sizes, and charges for that size: "EKS Fargate pod configuration" in
//! AWS' user guide. A pod gets the smallest size that holds its requests and 256 MiB for Kubernetes' own components.

use crate::{
    pod::{Container, Spec, Text},
    quantity::{self, Quantity},
};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::fmt;

/// The kubelet's port, at the address that it shares with the pod.
pub(crate) const KUBELET_PORT: u16 = 10250;

/// What Kubernetes' own components take of a pod's memory, in MiB.
const OVERHEAD: u32 = 256;

/// For each number of processors, in thousandths: the smallest and the largest memory and the step between, in MiB.
const SIZES: [(u32, u32, u32, u32); 7] = [
    (250, 1024, 2048, 1024),
    (500, 1024, 4096, 1024),
    (1000, 2048, 8192, 1024),
    (2000, 4096, 16384, 1024),
    (4000, 8192, 30720, 1024),
    (8000, 16384, 61440, 4096),
    (16000, 32768, 122_880, 8192),
];

/// The smallest size has half of the memory that the rule of its row would give.
const SMALLEST: Size = Size { milli_cpu: 250, mebibytes: 512 };

/// A size, such as `0.25 vCPU 0.5 GB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    milli_cpu: u32,
    mebibytes: u32,
}

/// What a pod asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Need {
    /// Processors.
    pub cpu: Quantity,
    /// Bytes, without the overhead.
    pub memory: Quantity,
}

/// What a pod and its containers state: read once, added up in several ways.
#[derive(Clone, Debug)]
pub struct Asked {
    /// What the pod states as a whole.
    cpu: Option<Quantity>,
    memory: Option<Quantity>,
    /// How many of the parts are init containers.
    steps: usize,
    /// What a container asks for, and whether it runs on.
    parts: Vec<(Need, bool)>,
}

/// How native sidecars count. AWS' documentation does not mention them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// As in Kubernetes: with the containers, and beside each later init step.
    LongRunning,
    /// As any other init container: alone.
    InitStep,
}

/// A sidecar to be added.
#[derive(Clone, Copy, Debug)]
pub struct Added {
    /// What it asks for.
    pub need: Need,
    /// Whether it is an init container that goes on, and the first of them.
    pub native: bool,
}

impl Size {
    /// The smallest size that holds a need; `None`: there is none so large.
    pub fn of(need: Need) -> Option<Self> {
        let memory = need.memory + mebibytes(OVERHEAD);
        let holds = |milli_cpu: u32, memory_size: u32| {
            need.cpu <= milli(milli_cpu) && memory <= mebibytes(memory_size)
        };
        if holds(SMALLEST.milli_cpu, SMALLEST.mebibytes) {
            return Some(SMALLEST);
        }
        SIZES.iter().find_map(|&(milli_cpu, least, most, step)| {
            let sizes = (least..=most).step_by(step as usize);
            sizes
                .into_iter()
                .find(|&size| holds(milli_cpu, size))
                .map(|mebibytes| Self { milli_cpu, mebibytes })
        })
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (cpu, memory) = (f64::from(self.milli_cpu) / 1000.0, f64::from(self.mebibytes) / 1024.0);
        write!(f, "{cpu} vCPU {memory} GB")
    }
}

impl Asked {
    /// Reads what a pod and its containers state.
    pub fn read(spec: &Spec<'_>) -> Self {
        let whole = Stated::read(spec.resources);
        let init = spec.init_containers().iter().map(|c| (c, c.is_native_sidecar()));
        let containers = init.chain(spec.containers().iter().map(|c| (c, true)));
        Self {
            cpu: whole.cpu(),
            memory: whole.memory(),
            steps: spec.init_containers().len(),
            parts: containers.map(|(container, runs_on)| (Need::of(container), runs_on)).collect(),
        }
    }

    /// What the pod asks for, with a sidecar or without.
    pub fn together(&self, added: Option<Added>, reading: Reading) -> Need {
        Need {
            cpu: self.cpu.unwrap_or_else(|| self.sum(added, reading, |n| n.cpu)),
            memory: self.memory.unwrap_or_else(|| self.sum(added, reading, |n| n.memory)),
        }
    }

    /// What each container asks for, init containers first.
    pub fn each(&self) -> impl Iterator<Item = Need> {
        self.parts.iter().map(|(need, _)| *need)
    }

    /// The largest init step, with what runs beside it, or all that runs on, whichever is more.
    fn sum(&self, added: Option<Added>, reading: Reading, of: fn(&Need) -> Quantity) -> Quantity {
        let own = added.map(|a| of(&a.need)).unwrap_or_default();
        let native = added.is_some_and(|a| a.native);
        let (mut running, mut largest_step) = (Quantity::default(), Quantity::default());
        let mut start = |amount: Quantity, runs_on: bool| {
            if runs_on && reading == Reading::LongRunning {
                running = running + amount;
            } else {
                largest_step = largest_step.max(running + amount);
            }
        };
        if native {
            start(own, true);
        }
        let (init, containers) = self.parts.split_at(self.steps);
        for (need, runs_on) in init {
            start(of(need), *runs_on);
        }
        let containers = containers.iter().fold(running, |sum, (need, _)| sum + of(need));
        largest_step.max(if native { containers } else { containers + own })
    }
}

impl Need {
    fn of(container: &Container<'_>) -> Self {
        let stated = Stated::read(container.resources);
        Self { cpu: stated.cpu().unwrap_or_default(), memory: stated.memory().unwrap_or_default() }
    }
}

/// Requests and limits of processors and memory, as far as they are stated.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Stated<'a> {
    #[serde(borrow)]
    requests: Option<Amounts<'a>>,
    #[serde(borrow)]
    limits: Option<Amounts<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Amounts<'a> {
    #[serde(borrow)]
    cpu: Text<'a>,
    #[serde(borrow)]
    memory: Text<'a>,
}

impl<'a> Stated<'a> {
    fn read(raw: Option<&'a RawValue>) -> Self {
        raw.and_then(|raw| serde_json::from_str::<Option<_>>(raw.get()).ok().flatten()).unwrap_or_default()
    }

    /// What is requested; where nothing is, the limit counts, as the API server defaults it.
    fn cpu(&self) -> Option<Quantity> {
        self.sides().find_map(|amounts| quantity::parse(&amounts.cpu).ok())
    }

    fn memory(&self) -> Option<Quantity> {
        self.sides().find_map(|amounts| quantity::parse(&amounts.memory).ok())
    }

    fn sides(&self) -> impl Iterator<Item = &Amounts<'a>> {
        [&self.requests, &self.limits].into_iter().flatten()
    }
}

fn milli(thousandths: u32) -> Quantity {
    Quantity::from_nanos(i128::from(thousandths) * 1_000_000)
}

fn mebibytes(amount: u32) -> Quantity {
    Quantity::from_nanos(i128::from(amount) * 1024 * 1024 * 1_000_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn need(cpu: &str, memory: &str) -> Need {
        Need { cpu: quantity::parse(cpu).unwrap(), memory: quantity::parse(memory).unwrap() }
    }

    fn size(cpu: &str, memory: &str) -> String {
        Size::of(need(cpu, memory)).map_or("none".into(), |size| size.to_string())
    }

    #[test]
    fn the_documented_examples() {
        assert_eq!(size("0", "0"), "0.25 vCPU 0.5 GB");
        assert_eq!(size("1", "8Gi"), "2 vCPU 9 GB");
    }

    #[test]
    fn every_boundary() {
        for (cpu, memory, expected) in [
            ("250m", "256Mi", "0.25 vCPU 0.5 GB"),
            ("250m", "257Mi", "0.25 vCPU 1 GB"),
            ("251m", "256Mi", "0.5 vCPU 1 GB"),
            ("250m", "1792Mi", "0.25 vCPU 2 GB"),
            ("250m", "1793Mi", "0.5 vCPU 3 GB"),
            ("500m", "3840Mi", "0.5 vCPU 4 GB"),
            ("500m", "3841Mi", "1 vCPU 5 GB"),
            ("1", "0", "1 vCPU 2 GB"),
            ("1", "7936Mi", "1 vCPU 8 GB"),
            ("1001m", "0", "2 vCPU 4 GB"),
            ("2", "16128Mi", "2 vCPU 16 GB"),
            ("2", "16129Mi", "4 vCPU 17 GB"),
            ("4", "30464Mi", "4 vCPU 30 GB"),
            ("4", "30465Mi", "8 vCPU 32 GB"),
            ("4001m", "0", "8 vCPU 16 GB"),
            ("8", "16129Mi", "8 vCPU 20 GB"),
            ("8", "61184Mi", "8 vCPU 60 GB"),
            ("8", "61185Mi", "16 vCPU 64 GB"),
            ("16", "122624Mi", "16 vCPU 120 GB"),
            ("16", "122625Mi", "none"),
            ("16001m", "0", "none"),
        ] {
            assert_eq!(size(cpu, memory), expected, "{cpu} {memory}");
        }
    }

    fn of(spec: &str, native: bool, reading: Reading) -> Need {
        let added = Added { need: need("200m", "256Mi"), native };
        Asked::read(&serde_json::from_str(spec).unwrap()).together(Some(added), reading)
    }

    #[test]
    fn init_steps_native_sidecars_and_containers() {
        let spec = r#"{"initContainers":[
                {"resources":{"requests":{"cpu":"1"}}},
                {"restartPolicy":"Always","resources":{"limits":{"cpu":"100m","memory":"1Gi"}}},
                {"resources":{"requests":{"cpu":"2","memory":"64Mi"}}}],
            "containers":[{"resources":{"requests":{"cpu":"500m","memory":"1Gi"}}},{}]}"#;
        assert_eq!(of(spec, false, Reading::LongRunning), need("2.1", "2304Mi"));
        assert_eq!(of(spec, true, Reading::LongRunning), need("2.3", "2304Mi"));
        assert_eq!(of(spec, false, Reading::InitStep), need("2", "1280Mi"));
        assert_eq!(of(spec, true, Reading::InitStep), need("2", "1Gi"));
    }

    #[test]
    fn quantities_may_be_numbers() {
        let spec = r#"{"containers":[{"resources":{"requests":{"cpu":2,"memory":1073741824}}},{"resources":{"limits":{"cpu":0.5}}}]}"#;
        assert_eq!(of(spec, false, Reading::LongRunning), need("2.7", "1280Mi"));
    }

    #[test]
    fn what_the_pod_states_as_a_whole_counts() {
        let spec = r#"{"resources":{"requests":{"cpu":"4"}},"containers":[{"resources":{"requests":{"memory":"1Gi"}}}]}"#;
        assert_eq!(of(spec, false, Reading::LongRunning), need("4", "1280Mi"));
    }
}
