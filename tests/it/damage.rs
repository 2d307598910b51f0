//! Whole files with some damage, through every door.

use crate::doors;
use datadog_sidecar_injector::certs::Pair;
use proptest::{
    collection::vec,
    prelude::*,
    sample::{Index, select},
};
use std::{env, fs, path::Path};

/// What files of this kind are made of.
const PIECES: [&str; 40] = [
    "{",
    "}",
    "[",
    "]",
    ":",
    ": ",
    ",",
    "- ",
    "\n",
    "\n  ",
    "\n---\n",
    "\"",
    "'",
    "|\n",
    "&a ",
    "*a",
    "<<: ",
    "# ",
    "null",
    "true",
    "0",
    "-1",
    "1e999",
    "9999999999999999999",
    "\\u0000",
    "\u{feff}",
    "é",
    "\0",
    "\t",
    "spec",
    "containers",
    "metadata",
    "labels",
    "name",
    "env",
    "volumes",
    "agent.datadoghq.com/sidecar",
    "fargate",
    "datadog-agent-injected",
    "kind: List\nitems:\n",
];

fn files(name: &str) -> Vec<Vec<u8>> {
    let folders = |folder: &Path| {
        fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).filter(|p| p.is_dir()).collect::<Vec<_>>()
    };
    let mut rows = folders(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden"));
    rows.sort();
    let cases = rows.iter().flat_map(|row| folders(row));
    cases.filter_map(|case| fs::read(case.join(name)).ok()).collect()
}

/// One of the files, with pieces put in place of others.
fn damaged(files: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    assert!(!files.is_empty());
    let cuts = vec((any::<Index>(), 0..12_usize, select(&PIECES[..])), 1..5);
    (select(files), cuts).prop_map(|(mut bytes, cuts)| {
        for (at, length, piece) in cuts {
            let at = at.index(bytes.len() + 1);
            bytes.splice(at..(at + length).min(bytes.len()), piece.bytes());
        }
        bytes
    })
}

/// The pods of golden cases as JSON, each in a review.
fn reviews() -> Vec<Vec<u8>> {
    let review = |pod: serde_json::Value| {
        format!(
            r#"{{"apiVersion":"admission.k8s.io/v1","request":{{"uid":"1","kind":{{"group":"","kind":"Pod"}},"namespace":"shop","operation":"CREATE","object":{pod}}}}}"#
        )
        .into_bytes()
    };
    files("in.yaml").iter().map(|file| review(serde_saphyr::from_slice(file).unwrap())).collect()
}

fn certificates() -> Vec<Vec<u8>> {
    let issued = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    vec![(issued.cert.pem() + &issued.signing_key.serialize_pem()).into_bytes()]
}

/// Also where the fuzzers begin: `FUZZ_CORPUS` is the folder that gets them.
#[test]
fn what_is_damaged_passes_whole() {
    type Door = fn(&[u8]);
    let kinds: [(&str, Door, Vec<Vec<u8>>); 4] = [
        ("review", doors::review, reviews()),
        ("configuration", doors::configuration, files("config.yaml")),
        ("manifest", doors::manifest, files("in.yaml")),
        ("certificate", doors::certificate, certificates()),
    ];
    for (kind, door, files) in kinds {
        assert!(files.len() > 50 || kind == "certificate", "only {} of {kind}", files.len());
        files.iter().for_each(|file| door(file));
        let Some(corpus) = env::var_os("FUZZ_CORPUS") else { continue };
        let folder = Path::new(&corpus).join(kind);
        fs::create_dir_all(&folder).unwrap();
        for (number, file) in files.iter().enumerate() {
            fs::write(folder.join(format!("golden-{number}")), file).unwrap();
        }
    }
    for file in certificates() {
        Pair::from_pem(&file, &file).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn a_damaged_review_is_answered_or_refused(body in damaged(reviews())) {
        doors::review(&body);
    }

    #[test]
    fn a_damaged_values_file_configures_or_is_refused(file in damaged(files("config.yaml"))) {
        doors::configuration(&file);
    }

    #[test]
    fn a_damaged_manifest_is_injected_or_refused(file in damaged(files("in.yaml"))) {
        doors::manifest(&file);
    }

    #[test]
    fn a_damaged_certificate_is_refused_or_works(file in damaged(certificates())) {
        doors::certificate(&file);
    }
}
