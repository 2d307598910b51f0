//! The command line as a person and a shell meet it: help, completion, colours, folders at any depth.

use crate::inject::{POD, told};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use std::{
    fs::{self, File, OpenOptions},
    io::Read as _,
    os::unix::{ffi::OsStrExt as _, fs::symlink},
    path::Path,
    process::{Command, Stdio},
};

/// What starts a colour.
const ESCAPE: char = '\u{1b}';

fn injector() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_datadog-sidecar-injector"));
    command.env_remove("POD_NAMESPACE").env_remove("NO_COLOR").stdin(Stdio::null());
    command
}

/// Exit code, stdout, stderr.
fn run(arguments: &[&str]) -> (i32, String, String) {
    let output = injector().args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// Every command, with what its `--help` begins with.
const COMMANDS: [(&[&str], &str); 8] = [
    (&[], "Add "),
    (&["inject"], "Inject "),
    (&["serve"], "Serve "),
    (&["config"], "Check "),
    (&["config", "check"], "Check "),
    (&["config", "schema"], "Print "),
    (&["completions"], "Print "),
    (&["probe"], "Prove "),
];

#[test]
fn every_help_says_what_to_type_and_what_comes_of_it() {
    for (command, verb) in COMMANDS {
        let (code, out, err) = run(&[command, &["--help"]].concat());
        assert_eq!((code, err.as_str()), (0, ""), "{command:?}");
        assert!(out.starts_with(verb), "{command:?}: {out}");
        let example =
            ["datadog-sidecar-injector"].iter().chain(command).copied().collect::<Vec<_>>().join(" ");
        let (_, after) = out.split_once("\nExample").unwrap_or_else(|| panic!("{command:?}: {out}"));
        assert!(after.contains(&format!("{example} ")), "{command:?}: no example: {out}");
        let (_, codes) =
            after.split_once("\nExit codes:\n  0").unwrap_or_else(|| panic!("{command:?}: {out}"));
        assert!(codes.contains("\n  2"), "{command:?}: {out}");
    }
}

#[test]
fn options_of_inject_come_in_the_order_of_their_use() {
    let (_, out, _) = run(&["inject", "--help"]);
    let options =
        ["--filename", "--recursive", "--config", "--diff", "--check", "--output", "--namespace", "--color"];
    let places: Vec<_> = options.iter().map(|option| out.find(&format!(" {option}")).unwrap()).collect();
    assert!(places.is_sorted(), "{places:?}: {out}");
}

#[test]
fn completions_for_every_shell_know_the_commands_and_options() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let (code, out, err) = run(&["completions", shell]);
        assert_eq!((code, err.as_str()), (0, ""), "{shell}");
        for word in ["inject", "serve", "config", "completions", "recursive", "self-managed"] {
            assert!(out.contains(word), "{shell}: no {word}");
        }
    }
    for arguments in [&["completions"][..], &["completions", "cmd"], &["completions", "bash", "zsh"]] {
        let (code, out, err) = run(arguments);
        assert_eq!((code, out.as_str(), err.is_empty()), (2, "", false), "{arguments:?}");
    }
}

#[test]
fn bash_completes_a_command_an_option_and_its_values() {
    let complete = |words: &str| {
        let script = format!(
            "source <(\"$INJECTOR\" completions bash) || exit\n\
             read -ra how < <(complete -p datadog-sidecar-injector)\n\
             [[ \"${{how[*]}}\" =~ ' -F '([^ ]+) ]] || exit\n\
             COMP_WORDS=({words}) COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))\n\
             ${{BASH_REMATCH[1]}} \"${{COMP_WORDS[0]}}\" \"${{COMP_WORDS[-1]}}\" \"${{COMP_WORDS[-2]}}\"\n\
             echo \"${{COMPREPLY[@]}}\""
        );
        let output = Command::new("bash")
            .args(["-c", &script])
            .env("INJECTOR", env!("CARGO_BIN_EXE_datadog-sidecar-injector"))
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{words}: {}", String::from_utf8_lossy(&output.stderr));
        text.trim().to_owned()
    };
    assert_eq!(complete("datadog-sidecar-injector inj"), "inject");
    assert_eq!(complete("datadog-sidecar-injector inject --rec"), "--recursive");
    assert_eq!(complete("datadog-sidecar-injector inject --color ''"), "auto always never");
    assert_eq!(complete("datadog-sidecar-injector config sch"), "schema");
}

#[test]
fn a_reader_of_completions_who_leaves_is_no_fault() {
    let mut child = injector()
        .args(["completions", "zsh"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0));
}

/// What a command writes on a terminal, stdout and stderr as they come.
fn on_a_terminal(arguments: &[&str], no_color: Option<&str>) -> String {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap();
    let path = Path::new(std::ffi::OsStr::from_bytes(name.as_bytes()));
    let terminal = OpenOptions::new().read(true).write(true).open(path).unwrap();
    let mut command = injector();
    command.args(arguments).stdout(terminal.try_clone().unwrap()).stderr(terminal);
    if let Some(value) = no_color {
        command.env("NO_COLOR", value);
    }
    let mut child = command.spawn().unwrap();
    // Holds the other end.
    drop(command);
    let mut said = Vec::new();
    // A terminal that nobody holds open any more is an error, and not an end.
    let _ = File::from(master).read_to_end(&mut said);
    assert!(child.wait().unwrap().success());
    String::from_utf8(said).unwrap()
}

/// A pod in a file, and the arguments for its diff.
fn a_pod() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pod.yaml");
    fs::write(&file, POD).unwrap();
    let file = file.to_str().unwrap().to_owned();
    (folder, file)
}

#[test]
fn colours_are_for_terminals_unless_someone_objects() {
    let (_folder, file) = a_pod();
    let arguments = ["inject", "-f", &file, "--diff"];
    let with = |when| [&arguments[..], &["--color", when]].concat();
    for (no_color, coloured) in [(None, true), (Some(""), true), (Some("1"), false), (Some("0"), false)] {
        let said = on_a_terminal(&arguments, no_color);
        assert!(said.contains("+  - name: datadog-agent-injected"), "{said}");
        assert_eq!(said.contains(ESCAPE), coloured, "NO_COLOR {no_color:?}: {said}");
        assert_eq!(on_a_terminal(&with("auto"), no_color), said, "auto is the default");
        assert!(on_a_terminal(&with("always"), no_color).contains(ESCAPE), "who asks gets them");
        assert!(!on_a_terminal(&with("never"), no_color).contains(ESCAPE));
    }
}

#[test]
fn colours_reach_a_pipe_only_when_asked_for() {
    let (_folder, file) = a_pod();
    let diff = ["inject", "-f", &file, "--diff"];
    let (code, plain, err) = run(&diff);
    assert_eq!((code, plain.contains(ESCAPE), err.contains(ESCAPE)), (0, false, false));
    let (code, out, err) = run(&[&diff[..], &["--color=always"]].concat());
    assert_eq!(code, 0);
    assert!(out.contains("\n\u{1b}[32m+  - name: datadog-agent-injected\u{1b}[0m\n"), "{out}");
    assert!(err.ends_with("1 injected, 0 unchanged, 0 skipped\u{1b}[0m\n"), "{err}");
    let stripped = ["\u{1b}[0m", "\u{1b}[1m", "\u{1b}[31m", "\u{1b}[32m", "\u{1b}[36m"]
        .iter()
        .fold(out, |text, code| text.replace(code, ""));
    assert_eq!(stripped, plain, "nothing but the colours differs");
    let (_, out, _) = run(&["inject", "-f", &file, "--color=always"]);
    assert!(!out.contains(ESCAPE), "manifests have none: {out}");
    let (code, out, err) = run(&[&diff[..], &["--color=sometimes"]].concat());
    assert_eq!((code, out.as_str()), (2, ""), "{err}");
    assert!(err.contains("auto, always, never"), "{err}");
}

/// A folder with these files, each a document that tells its name.
fn folder_of(names: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in names {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, format!("at: {name}\n")).unwrap();
    }
    folder
}

#[test]
fn folders_are_read_at_any_depth_in_the_order_of_their_paths() {
    let names = [
        "a/b/c/d/e.json.yaml",
        "a/z.yml",
        "a.yaml",
        ".hidden/.also.yaml",
        "b/1.json",
        "b/notes.txt",
        "b/yaml",
    ];
    let folder = folder_of(&names);
    fs::create_dir(folder.path().join("b/empty.yaml")).unwrap();
    let root = folder.path().to_str().unwrap();
    let (code, out, err) = told(&["-R", "-f", root], "");
    let order = [".hidden/.also.yaml", "a/b/c/d/e.json.yaml", "a/z.yml", "a.yaml", "b/1.json"];
    let wanted: Vec<String> = order.iter().map(|name| format!("at: {name}\n")).collect();
    assert_eq!((code, out), (0, wanted.join("---\n")), "{err}");
    let (code, out, _) = told(&["-f", root], "");
    assert_eq!((code, out.as_str()), (0, "at: a.yaml\n"), "without it those below are left out");
    let (code, out, err) = told(&["-f", &format!("{root}/a/b")], "");
    assert_eq!((code, out.as_str()), (3, ""));
    assert!(err.ends_with("in this directory; those below it are read with -R\n"), "{err}");
    let (code, out, err) = told(&["--recursive", "-f", &format!("{root}/b/empty.yaml")], "");
    assert_eq!((code, out.as_str()), (3, ""));
    assert!(err.ends_with("no *.yaml, *.yml or *.json in this directory or below it\n"), "{err}");
}

#[test]
fn links_of_folders_are_not_followed_and_links_of_files_are() {
    let folder = folder_of(&["real/one.yaml", "elsewhere/two.yaml"]);
    let root = folder.path().join("real");
    symlink(&root, root.join("loop")).unwrap();
    symlink("..", root.join("up.yaml")).unwrap();
    symlink("itself.yaml", root.join("itself.yaml")).unwrap();
    symlink("nowhere.yaml", root.join("broken.yaml")).unwrap();
    symlink("../elsewhere/two.yaml", root.join("two.yaml")).unwrap();
    let wanted = "at: real/one.yaml\n---\nat: elsewhere/two.yaml\n";
    let (code, out, err) = told(&["-R", "-f", root.to_str().unwrap()], "");
    assert_eq!((code, out.as_str()), (0, wanted), "{err}");
    let through = format!("{}/loop", root.display());
    let (code, out, err) = told(&["-R", "-f", &through], "");
    assert_eq!((code, out.as_str()), (0, wanted), "who names a link means where it leads: {err}");
}

#[test]
fn ten_thousand_files_are_one_stream() {
    let folder = tempfile::tempdir().unwrap();
    for directory in 0..100 {
        let path = folder.path().join(format!("{directory:02}"));
        fs::create_dir(&path).unwrap();
        for file in 0..100 {
            fs::write(path.join(format!("{file:02}.yaml")), format!("at: {}\n", directory * 100 + file))
                .unwrap();
        }
    }
    fs::write(folder.path().join("99/99.yaml"), POD).unwrap();
    let (code, out, err) = told(&["-R", "-f", folder.path().to_str().unwrap()], "");
    assert_eq!(code, 0, "{err}");
    assert!(err.ends_with("10000 documents read, 1 workload: 1 injected, 0 unchanged, 0 skipped\n"), "{err}");
    let found: Vec<usize> = out
        .lines()
        .filter_map(|line| line.strip_prefix("at: "))
        .map(|number| number.parse().unwrap())
        .collect();
    assert_eq!(found, (0..9999).collect::<Vec<_>>());
}
