//! What people who work here rely on is so: targets of `make` name tests that are there, files are as `.editorconfig` says.

use std::{fs, path::Path, process::Command};

fn read(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// One that has another name now would run no test, and write nothing.
#[test]
fn make_generate_runs_every_test_that_writes() {
    let makefile = read("Makefile");
    let (_, line) = makefile.split_once("\nWRITERS := ").unwrap();
    let writers: Vec<&str> = line.lines().next().unwrap().split_whitespace().collect();
    for (writer, file) in
        writers.iter().zip(["tests/it/chart.rs", "tests/it/config/good.rs", "tests/it/docs/commands.rs"])
    {
        assert!(read(file).contains(&format!("fn {writer}()")), "{file} has no test {writer}");
    }
    assert_eq!(writers.len(), 3);
}

#[test]
fn every_target_of_make_has_its_line_of_help() {
    let makefile = read("Makefile");
    let phony = makefile.lines().find_map(|line| line.strip_prefix(".PHONY: ")).unwrap();
    for target in phony.split_whitespace() {
        assert!(makefile.contains(&format!("\n{target}: ## ")), "{target} has no help");
    }
}

#[test]
fn the_forge_runs_what_everyone_runs() {
    let workflow = read(".github/workflows/ci.yaml");
    let commands: Vec<&str> =
        workflow.lines().filter_map(|line| line.trim().strip_prefix("- run: ")).collect();
    assert_eq!(commands, [".ci/run"]);
}

/// Those that git knows; without git there is nothing to look at.
#[test]
fn files_are_as_editors_are_told() {
    let root = env!("CARGO_MANIFEST_DIR");
    let Ok(listed) = Command::new("git").args(["ls-files", "-z"]).current_dir(root).output() else { return };
    for name in String::from_utf8(listed.stdout).unwrap().split_terminator('\0') {
        if name.starts_with("tests/golden/") || name.starts_with("tests/docs/") {
            continue;
        }
        let Ok(text) = fs::read_to_string(Path::new(root).join(name)) else { continue };
        assert!(text.is_empty() || text.ends_with('\n'), "{name} does not end with a line's end");
        for (number, line) in (1..).zip(text.split('\n')) {
            assert!(!line.ends_with([' ', '\t', '\r']), "{name}:{number} ends with a space");
            assert!(name == "Makefile" || !line.starts_with('\t'), "{name}:{number} begins with a tab");
        }
    }
}
