//! The commands of the documents: every one in an `sh` block is run by a test, and what it prints is in the document's transcript, a file
//! beside this one. Those that need no cluster are run by `tests/it`, the others by `tests/e2e`.

use std::{
    env, fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    process::Command,
};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Who runs a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Runner {
    /// `tests/it`.
    Offline,
    /// `tests/e2e`, against a real API server.
    Cluster,
}

/// What no test runs, and why.
const NOT_RUN: [(&str, &str); 3] = [
    ("make test", "it is what runs this test"),
    ("make bench", "it measures for minutes, and what it prints is different each time"),
    (
        "helm upgrade datadog datadog/datadog --namespace datadog-agent --values datadog-values.yaml --values deploy/datadog/injection-off.yaml",
        "Datadog's chart is not here; the file is read by another test",
    ),
];

/// An `sh` block.
pub struct Block {
    /// The document, from the root of the repository, and the line.
    pub place: String,
    /// Its commands, without comments.
    pub commands: Vec<String>,
    /// What the document shows of their output: the `text` block after it.
    pub shown: Option<String>,
}

/// Who runs a command; none where it is not to be run.
///
/// # Panics
///
/// Where nobody knows how to run it.
pub fn runner(command: &str) -> Option<Runner> {
    let word = |word: &str| command.split_whitespace().any(|other| other == word);
    if NOT_RUN.iter().any(|(other, _)| *other == command) {
        None
    } else if word("kubectl") || command.starts_with("helm install ") {
        Some(Runner::Cluster)
    } else if command.starts_with("cargo run ") {
        Some(Runner::Offline)
    } else {
        panic!("no test runs {command:?}: have one of tests/docs/blocks.rs run it, or say there why none can")
    }
}

/// The documents that may have commands.
pub fn documents() -> Vec<String> {
    let pages = fs::read_dir(Path::new(ROOT).join("docs")).unwrap();
    let pages = pages.map(|entry| format!("docs/{}", entry.unwrap().file_name().into_string().unwrap()));
    let mut documents: Vec<String> = pages.chain(["README.md".to_owned()]).collect();
    documents.sort();
    documents
}

/// The `sh` blocks of a document.
pub fn blocks(document: &str) -> Vec<Block> {
    let text = fs::read_to_string(Path::new(ROOT).join(document)).unwrap();
    let mut lines = text.lines().enumerate().peekable();
    let mut blocks: Vec<Block> = Vec::new();
    // Only a `text` block that comes next belongs to the one before.
    let mut before_shown = false;
    while let Some((number, line)) = lines.next() {
        let Some(language) = line.trim_start().strip_prefix("```") else {
            before_shown &= line.trim().is_empty();
            continue;
        };
        let inside: Vec<&str> =
            lines.by_ref().map(|(_, line)| line).take_while(|line| line.trim_start() != "```").collect();
        match (language, blocks.last_mut()) {
            ("sh", _) => {
                let place = format!("{document}:{}", number + 1);
                blocks.push(Block { place, commands: commands(&inside), shown: None });
            }
            ("text", Some(block)) if before_shown => block.shown = Some(inside.join("\n")),
            _ => {}
        }
        before_shown = language == "sh";
    }
    blocks
}

fn commands(lines: &[&str]) -> Vec<String> {
    let joined = lines.join("\n").replace("\\\n", " ");
    let lines = joined.lines().map(|line| line.split(" # ").next().unwrap_or_default());
    let lines = lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    lines.filter(|line| !line.is_empty()).collect()
}

/// Commands and what each prints.
pub struct Transcript {
    path: PathBuf,
    entries: Vec<(String, String)>,
}

impl Transcript {
    /// That of a document; empty where there is none.
    pub fn of(document: &str) -> Self {
        let name = Path::new(document).with_extension("txt");
        let path = Path::new(ROOT).join("tests/docs").join(name.file_name().unwrap());
        let text = format!("\n{}", fs::read_to_string(&path).unwrap_or_default());
        let entries = text.split("\n$ ").skip(1).map(|entry| {
            let (command, output) = entry.split_once('\n').unwrap_or((entry, ""));
            (command.to_owned(), output.trim_end().to_owned())
        });
        Self { entries: entries.collect(), path }
    }

    /// The commands, in order.
    pub fn commands(&self) -> Vec<&str> {
        self.entries.iter().map(|(command, _)| command.as_str()).collect()
    }

    /// What a command prints.
    pub fn output(&self, command: &str) -> Option<&str> {
        self.entries.iter().find(|(other, _)| other == command).map(|(_, output)| output.as_str())
    }

    fn write(&self) {
        let entries = self.entries.iter().map(|(command, output)| format!("\n$ {command}\n{output}\n"));
        let opening = "What the commands of the document print. After a change: make generate,\nwith CLUSTER=1 where a command of a cluster is among them.\n";
        fs::write(&self.path, entries.fold(opening.to_owned(), |text, entry| text + &entry)).unwrap();
    }
}

/// Has a runner run what is its own, block by block, and compares what comes out with the transcripts; with `UPDATE_DOCS` it writes them.
pub fn hold(runner_here: Runner, mut run: impl FnMut(&[&str]) -> Vec<String>) {
    for document in documents() {
        let mut transcript = Transcript::of(&document);
        let mut entries = Vec::new();
        for block in blocks(&document) {
            let ours = |command: &&str| runner(command) == Some(runner_here);
            let ours: Vec<&str> = block.commands.iter().map(String::as_str).filter(ours).collect();
            let mut fresh = if ours.is_empty() { vec![] } else { run(&ours) }.into_iter();
            for command in block.commands.iter().filter(|command| runner(command).is_some()) {
                let known = transcript.output(command).map(str::to_owned);
                let output = match ours.contains(&command.as_str()) {
                    true => fresh.next().unwrap().trim_end().to_owned(),
                    false => known.clone().unwrap_or_default(),
                };
                if env::var_os("UPDATE_DOCS").is_none() {
                    assert_eq!(
                        known.as_ref(),
                        Some(&output),
                        "{}: {command}: left: the transcript",
                        block.place
                    );
                }
                entries.push((command.clone(), output));
            }
        }
        if env::var_os("UPDATE_DOCS").is_some() && !entries.is_empty() {
            transcript.entries = entries;
            transcript.write();
        }
    }
}

/// A folder as a reader has it: the repository's own files, files of theirs, and the programs that the documents call.
pub struct Workshop(tempfile::TempDir);

impl Workshop {
    /// Makes it; `programs` are the paths of others than the injector.
    pub fn new(programs: &[(&str, PathBuf)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for (name, target) in [
            ("charts", "charts"),
            ("deploy", "deploy"),
            ("examples", "examples"),
            ("values.yaml", "examples/values.yaml"),
            ("datadog-values.yaml", "examples/minimal.yaml"),
        ] {
            symlink(Path::new(ROOT).join(target), at(name)).unwrap();
        }
        fs::write(at("ca.crt"), "a certificate\n").unwrap();
        fs::create_dir(at("bin")).unwrap();
        let injector = env!("CARGO_BIN_EXE_datadog-sidecar-injector");
        symlink(injector, at("bin/datadog-sidecar-injector")).unwrap();
        for (name, path) in programs {
            symlink(path, at("bin").join(name)).unwrap();
        }
        // What has been built need not be built again.
        let cargo = format!(
            "#!/bin/sh\n[ \"$1\" = run ] && shift || exit 64\n[ \"$1\" = -q ] && shift\n[ \"$1\" = -- ] && shift || exit 64\nexec {injector} \"$@\"\n"
        );
        fs::write(at("bin/cargo"), cargo).unwrap();
        fs::set_permissions(at("bin/cargo"), fs::Permissions::from_mode(0o755)).unwrap();
        Self(folder)
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        self.0.path()
    }

    /// A command as a shell runs it here.
    pub fn command(&self, command: &str) -> Command {
        let path = format!("{}:/usr/bin:/bin", self.folder().join("bin").display());
        let mut shell = Command::new("bash");
        shell.args(["-o", "pipefail", "-c", &format!("exec 2>&1\n{command}")]);
        shell.env_clear().env("PATH", path).env("HOME", self.folder()).current_dir(self.folder());
        shell
    }

    /// What a command prints on both streams; panics where it fails.
    pub fn run(&self, shell: &mut Command) -> String {
        let output = shell.output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{shell:?}: {}: {said}", output.status);
        said
    }
}

/// What nobody runs must be in a document: a line that stays behind would hide the next command of that name.
pub fn assert_all_left_out_are_there() {
    let commands: Vec<String> =
        documents().iter().flat_map(|document| blocks(document)).flat_map(|block| block.commands).collect();
    for (command, why) in NOT_RUN {
        assert!(commands.iter().any(|other| other == command), "no document says {command:?} ({why})");
    }
}
