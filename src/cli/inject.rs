//! `inject`: manifests in, injected manifests out.

mod files;

use super::{Exit, colour::Colour, parse::namespace};
use crate::{
    cluster::version,
    config::{self, Config},
    decide,
    inject::{self, Assumptions},
    rules::{Namespaces, Rules, Setting},
};
use anyhow::Context as _;
use clap::{ValueEnum, ValueHint};
use std::{
    fs,
    io::{self, Write as _},
    str::FromStr,
};

/// The style of the last line.
const BOLD: &str = "\u{1b}[1m";
/// What ends it.
const PLAIN: &str = "\u{1b}[0m";

/// What `--help` ends with.
const AFTER_HELP: &str = "\
Examples:
  helm template . | datadog-sidecar-injector inject -f - --config values.yaml > injected.yaml
  datadog-sidecar-injector inject -R -f manifests/ --config values.yaml --diff

Messages and a last line with counts go to stderr.

Exit codes:
  0  done
  1  --check found something that would change
  2  usage or configuration
  3  unreadable or empty input, or a values file in place of manifests; nothing is printed on stdout";

/// Inject manifests offline, with the same decisions as the webhook's.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Inject {
    /// Manifests: a file, a directory (its *.yaml, *.yml and *.json) or - for stdin; may be repeated.
    #[arg(short = 'f', long = "filename", value_name = "FILE|DIR|-", required = true, value_hint = ValueHint::AnyPath)]
    files: Vec<String>,
    /// Read directories at any depth, as kubectl does: hidden ones as well, links to directories not.
    #[arg(short = 'R', long)]
    recursive: bool,
    /// The configuration, in the shape of the Helm chart's values; by default pods with the label
    /// agent.datadoghq.com/sidecar: fargate are injected.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    config: Option<String>,
    /// Print how each document changes, and not the documents.
    #[arg(long, conflicts_with_all = ["output", "check"])]
    diff: bool,
    /// Print only the names of what would change, and exit with 1 if there is any.
    #[arg(long, conflicts_with = "output")]
    check: bool,
    /// What to print: the documents, each document as a line of JSON, or each document's RFC 6902 operations.
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value_t = Format::Yaml)]
    output: Format,
    /// The namespace of objects that name none.
    #[arg(short, long, value_name = "NAMESPACE", default_value = "default", value_parser = namespace)]
    namespace: String,
    /// A label of a namespace, besides those of Namespace documents in the input; may be repeated.
    #[arg(long = "namespace-label", value_name = "NAMESPACE:KEY=VALUE")]
    namespace_labels: Vec<NamespaceLabel>,
    /// The version of the cluster the manifests are for: from 1.29 on pods that end get a native sidecar.
    #[arg(long, env, value_name = "VERSION", default_value = env!("PINNED_KUBERNETES_VERSION"),
          value_parser = version::minor)]
    kubernetes_version: u32,
    /// The injector's own namespace: never injected, and where the Cluster Agent is.
    #[arg(long, value_name = "NAMESPACE", env = "POD_NAMESPACE", default_value = "datadog-agent", value_parser = namespace)]
    own_namespace: String,
    /// When to colour the diff and the last line.
    #[arg(long = "color", value_name = "WHEN", value_enum, default_value_t = Colour::Auto)]
    colour: Colour,
    /// Files without -f, of which the shell makes several out of one pattern.
    #[arg(hide = true)]
    stray: Vec<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Yaml,
    Json,
    Patch,
}

/// `NAMESPACE:KEY=VALUE`.
#[derive(Clone, Debug)]
struct NamespaceLabel {
    namespace: String,
    key: String,
    value: String,
}

impl FromStr for NamespaceLabel {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts =
            text.split_once(':').and_then(|(namespace, label)| Some((namespace, label.split_once('=')?)));
        match parts {
            Some((namespace, (key, value))) if !namespace.is_empty() && !key.is_empty() => {
                Ok(Self { namespace: namespace.into(), key: key.into(), value: value.into() })
            }
            _ => Err("expected NAMESPACE:KEY=VALUE, such as team-a:env=prod"),
        }
    }
}

/// Runs the command. Nothing is printed on stdout unless everything could be read.
pub(super) fn run(args: &Inject) -> anyhow::Result<Exit> {
    if let Some(stray) = args.stray.first() {
        return Ok(fail(
            Exit::Configuration,
            &[format!("unexpected argument {stray}: repeat -f for each file")],
        ));
    }
    let rules = match load_rules(args) {
        Ok(rules) => rules,
        Err(problems) => return Ok(fail(Exit::Configuration, &problems)),
    };
    say(&rules.config.notices);
    let inputs = match files::read_all(&args.files, args.recursive) {
        Ok(inputs) => inputs,
        Err(problems) => return Ok(fail(Exit::Unreadable, &problems)),
    };
    let sheets = inject::inject(&inputs, &assumptions(args, &rules), |pod, subject| {
        decide::decide(pod, subject, &rules)
    });
    let sheets = match sheets {
        Ok(sheets) => sheets,
        Err(unread) => return Ok(fail(Exit::Unreadable, &unread)),
    };
    let unusable = inject::unusable(&sheets);
    if !unusable.is_empty() {
        return Ok(fail(Exit::Unreadable, &unusable));
    }
    for page in sheets.iter().flat_map(|sheet| &sheet.pages) {
        say(&page.notes);
    }
    say(&inject::unmatched(&sheets));
    let text = match args.output {
        _ if args.check => inject::names(&sheets),
        _ if args.diff => inject::diff(&sheets, args.colour.on(&io::stdout())),
        Format::Yaml => inject::yaml(&sheets),
        Format::Json => inject::json(&sheets),
        Format::Patch => inject::patches(&sheets),
    };
    print(&text).context("stdout")?;
    let summary = inject::summary(&sheets);
    say(&[if args.colour.on(&io::stderr()) { format!("{BOLD}{summary}{PLAIN}") } else { summary }]);
    Ok(if args.check && !text.is_empty() { Exit::WouldChange } else { Exit::Done })
}

fn load_rules(args: &Inject) -> Result<Rules, Vec<String>> {
    let config = load_config(args.config.as_deref())?;
    let setting = Setting {
        own_namespace: args.own_namespace.clone(),
        kubernetes_minor: args.kubernetes_version,
        offline: true,
    };
    Ok(Rules::compile(config, setting))
}

/// The configuration of a file; without one, what an empty file means.
fn load_config(file: Option<&str>) -> Result<Config, Vec<String>> {
    let (name, bytes) = match file {
        Some(file) => (file, fs::read(file).map_err(|error| vec![format!("{file}: {error}")])?),
        None => ("", Vec::new()),
    };
    config::load_bytes(&bytes, name).map_err(|problems| vec![problems.to_string()])
}

fn assumptions(args: &Inject, rules: &Rules) -> Assumptions {
    let mut namespace_labels = Namespaces::new();
    for NamespaceLabel { namespace, key, value } in args.namespace_labels.iter().cloned() {
        namespace_labels.entry(namespace).or_default().insert(key, value);
    }
    Assumptions {
        namespace: Some(args.namespace.clone()),
        namespace_labels,
        selectors: rules.config.selectors.clone(),
        off: !rules.config.enabled,
    }
}

/// Prints on stdout; a reader who has gone away has seen enough.
fn print(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        done => done,
    }
}

fn fail(exit: Exit, problems: &[impl ToString]) -> Exit {
    say(problems);
    exit
}

/// A line each on stderr.
fn say(lines: &[impl ToString]) {
    let mut stderr = io::stderr().lock();
    for line in lines {
        // There is nobody left to tell where this fails.
        let _ = writeln!(stderr, "{}", line.to_string());
    }
}
