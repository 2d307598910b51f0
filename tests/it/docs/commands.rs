//! The commands of the documents that need no cluster are run, and what they print is as it is told.

#[path = "../../docs/blocks.rs"]
#[allow(dead_code, reason = "some of it is for the tests with a cluster")]
mod blocks;

use self::blocks::{Runner, Transcript, Workshop};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    io::{BufRead, BufReader},
    process::Stdio,
};

#[test]
fn commands_print_what_the_transcripts_say() {
    let workshop = Workshop::new(&[]);
    blocks::hold(Runner::Offline, |commands| {
        let run = |command: &&str| {
            if command.contains(" serve ") {
                serve(&workshop, command)
            } else {
                workshop.run(&mut workshop.command(command))
            }
        };
        commands.iter().map(run).collect()
    });
}

/// Starts the webhook on free ports, waits until it listens and ends it: the messages of its log.
fn serve(workshop: &Workshop, command: &str) -> String {
    let tls = workshop.folder().join("tls");
    let free = command
        .replace("/tmp/injector-tls", tls.to_str().unwrap())
        .replace("127.0.0.1:8443", "127.0.0.1:0")
        .replace("127.0.0.1:8080", "127.0.0.1:0");
    assert_ne!(free, command, "it would write to places that are not the test's");
    let mut child = workshop.command(&format!("exec {free}")).stdout(Stdio::piped()).spawn().unwrap();
    let mut said = String::new();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line: serde_json::Value = serde_json::from_str(&line.unwrap()).unwrap();
        let message = line["message"].as_str().unwrap();
        if message == "Listening" {
            let pid = Pid::from_raw(child.id().try_into().unwrap()).unwrap();
            kill_process(pid, Signal::TERM).unwrap();
        }
        said += &format!("{message}\n");
    }
    assert!(child.wait().unwrap().success(), "{said}");
    assert!(tls.join("ca.crt").exists());
    said
}

/// Those of the cluster as well, which `tests/e2e` runs.
#[test]
fn every_command_is_run_by_a_test_and_no_other_is_in_a_transcript() {
    let mut count = 0;
    for document in blocks::documents() {
        let blocks = blocks::blocks(&document);
        let run: Vec<&String> = blocks
            .iter()
            .flat_map(|block| &block.commands)
            .filter(|command| blocks::runner(command).is_some())
            .collect();
        assert_eq!(Transcript::of(&document).commands(), run, "{document}: left: the transcript");
        count += run.len();
    }
    assert!(count >= 11, "{count}");
    blocks::assert_all_left_out_are_there();
}

/// Whether lines are what is shown of them, in which a line `…` stands for any number of lines.
fn shows(shown: &[&str], lines: &[&str]) -> bool {
    match shown {
        [] => lines.is_empty(),
        ["…", rest @ ..] => (0..=lines.len()).any(|skipped| shows(rest, &lines[skipped..])),
        [first, rest @ ..] => lines.first() == Some(first) && shows(rest, &lines[1..]),
    }
}

#[test]
fn outputs_in_the_documents_are_those_of_the_transcripts() {
    let mut count = 0;
    for document in blocks::documents() {
        let transcript = Transcript::of(&document);
        for block in blocks::blocks(&document) {
            let Some(shown) = block.shown else { continue };
            let outputs = block.commands.iter().filter_map(|command| transcript.output(command));
            let outputs: Vec<&str> = outputs.flat_map(str::lines).collect();
            let shown: Vec<&str> = shown.lines().collect();
            assert!(shows(&shown, &outputs), "{}: shown: {shown:#?}, printed: {outputs:#?}", block.place);
            count += 1;
        }
    }
    assert!(count >= 3, "{count}");
}
