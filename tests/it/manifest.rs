//! Manifests mean what they mean to kubectl, and come out as they went in.

use datadog_sidecar_injector::manifest::{self, Document, Syntax, to_yaml};
use proptest::prelude::*;
use serde_json::{Map, Number, Value, json};
use std::path::PathBuf;

/// `[scalar, its value as JSON, itself as a key]` as sigs.k8s.io/yaml 1.6.0 reads them, `error` where it refuses.
const SCALARS: &str = include_str!("manifest/scalars.jsonl");

fn read(text: &str) -> Vec<Document<'_>> {
    manifest::read(text).unwrap_or_else(|faults| panic!("{text:?}: {faults:?}"))
}

fn values(text: &str) -> Vec<Value> {
    read(text).into_iter().filter_map(|document| document.value).map(Value::Object).collect()
}

fn fault(text: &str) -> String {
    manifest::read(text).expect_err("this cannot be read").first().map(ToString::to_string).unwrap()
}

/// The one document of a text, written anew with the same value.
fn rewritten(text: &str) -> String {
    let documents = read(text);
    documents.iter().map(|d| d.value.as_ref().map_or(d.text.to_owned(), |value| d.rewritten(value))).collect()
}

/// The files of the corpus beside the checkout.
fn corpus() -> Vec<PathBuf> {
    crate::collection::files("yaml")
}

#[test]
fn scalars_mean_what_they_mean_to_kubectl() {
    let mut checked = 0;
    for line in SCALARS.lines() {
        let [scalar, value, key]: [String; 3] = serde_json::from_str(line).unwrap();
        let text = format!("v: {scalar}\n");
        match serde_json::from_str::<Value>(&value) {
            Err(_) => assert!(manifest::read(&text).is_err(), "{scalar}"),
            Ok(wanted) => match values(&text)[0]["v"].as_f64() {
                // Go writes floats as if they were integers, and minus zero.
                Some(number) => {
                    assert_eq!(Some(number), wanted.as_f64().map(|wanted| wanted + 0.0), "{scalar}");
                }
                None => assert_eq!(values(&text), [json!({ "v": wanted })], "{scalar}"),
            },
        }
        let text = format!("{scalar}: 1\n");
        match key.as_str() {
            "error" => assert!(manifest::read(&text).is_err(), "{scalar} as a key"),
            "-" => {}
            key => assert_eq!(values(&text), [json!({ key: 1 })], "{scalar} as a key"),
        }
        checked += 1;
    }
    assert!(checked > 100);
}

#[test]
fn merges_and_duplicates_as_kubectl_does() {
    for (text, wanted) in [
        ("a: &a {x: 1, z: 2}\nb: {<<: *a, z: 3}\n", json!({"a": {"x": 1, "z": 2}, "b": {"x": 1, "z": 3}})),
        // Where the merge comes later, it wins: go-yaml reads in order.
        ("a: &a {x: 1}\nb: {x: 3, <<: *a}\n", json!({"a": {"x": 1}, "b": {"x": 1}})),
        ("b: {<<: [{x: 1}, {x: 2, z: 2}]}\n", json!({"b": {"x": 1, "z": 2}})),
        ("b: {\"<<\": 1}\n", json!({"b": {"<<": 1}})),
        ("a: true\u{2028}\nb: x\u{85}c: \"y\u{2028}z\"\n", json!({"a": true, "b": "x", "c": "y\u{2028}z"})),
        ("a: 1\nb: 2\na: 3\n", json!({"a": 3, "b": 2})),
        ("a: &a x\nb: *a\n*a : c\n", json!({"a": "x", "b": "x", "x": "c"})),
        ("a: &a 1\nb: &a 2\nc: *a\n", json!({"a": 1, "b": 2, "c": 2})),
        ("command: [\"it\\'s\", 'c\\']\n", json!({"command": ["it's", "c\\"]})),
        ("a: \"one\ntwo\n\n three\"\nb: 1\n", json!({"a": "one two\nthree", "b": 1})),
    ] {
        assert_eq!(values(text), [wanted], "{text}");
    }
    for text in [
        "a: &a [1]\nb: {<<: *a}\n",
        "b: {<<: 1}\n",
        "b: {<<: [1]}\n",
        "b: *a\n",
        "a: &a [*a]\n",
        "? [a]\n: b\n",
    ] {
        assert!(manifest::read(text).is_err(), "{text}");
    }
    let documents = read("a: 1\nb: 2\n---\na: 1\na: 3\nb: &m {c: 1}\nd: {<<: *m, c: 2}\n");
    assert_eq!(documents[0].duplicates, []);
    let told: Vec<String> = documents[1].duplicates.iter().map(ToString::to_string).collect();
    assert_eq!(told, ["document 2, line 5, column 1: key \"a\" is given twice, the last one counts"]);
}

#[test]
fn splits_a_stream_without_losing_a_byte() {
    for (text, wanted) in [
        ("", vec![]),
        ("# only a comment\n", vec![]),
        ("---\n---\n# nothing\n", vec![]),
        ("a: 1", vec![json!({"a": 1})]),
        ("\u{feff}a: 1\n", vec![json!({"a": 1})]),
        ("\u{feff}---\na: 1\n", vec![json!({"a": 1})]),
        ("# head\n---\na: 1\n--- # second\nb: 2\n---\n", vec![json!({"a": 1}), json!({"b": 2})]),
        ("a: 1\r\n---\r\nb: |\r\n  x\r\n  y\r\n", vec![json!({"a": 1}), json!({"b": "x\ny\n"})]),
        ("--- {a: 1}\n--- {b: 2}\n...\n", vec![json!({"a": 1}), json!({"b": 2})]),
        ("%YAML 1.1\n# c\n---\na: 1\n...\n%YAML 1.1\n---\nb: 2\n", vec![json!({"a": 1}), json!({"b": 2})]),
        ("a: 1\n...\nb: 2\n", vec![json!({"a": 1}), json!({"b": 2})]),
        ("a: |\n  ---\n  b\n---x: 1\n", vec![json!({"a": "---\nb\n", "---x": 1})]),
        ("{\"a\":1}{\"b\":2}\n", vec![json!({"a": 1}), json!({"b": 2})]),
        ("{\"a\":1}\n{\"b\":2}\n\n", vec![json!({"a": 1}), json!({"b": 2})]),
        ("{\"a\": 1}\n---\nb: 2\n---\n{c: 3,}\n", vec![json!({"a": 1}), json!({"b": 2}), json!({"c": 3})]),
        ("a: |\n  x", vec![json!({"a": "x\n"})]),
        ("a: |-\n  # no comment\n", vec![json!({"a": "# no comment"})]),
    ] {
        let documents = read(text);
        assert_eq!(documents.iter().map(|d| d.text).collect::<String>(), text);
        assert_eq!(values(text), wanted, "{text:?}");
        let numbers: Vec<usize> = documents.iter().map(|d| d.number).filter(|n| *n > 0).collect();
        assert_eq!(numbers, (1..=wanted.len()).collect::<Vec<_>>(), "{text:?}");
        assert_eq!(values(&rewritten(text)), wanted, "{text:?} written anew: {:?}", rewritten(text));
    }
}

#[test]
fn keeps_what_is_around_a_changed_document() {
    for (text, wanted) in [
        ("# licence\n\n# web\na:   1 # gone\n", "# licence\n\n# web\na: 1\n"),
        ("--- # first\na: [1,2]\n", "--- # first\na:\n- 1\n- 2\n"),
        ("--- {a: 1}\n...\n", "---\na: 1\n...\n"),
        ("\u{feff}a:  1\n", "\u{feff}a: 1\n"),
        ("a:  1\r\nb: {c: x}\r\n", "a: 1\r\nb:\r\n  c: x\r\n"),
        ("  a: 1\n  b: 2", "a: 1\nb: 2\n"),
        ("{\"a\":[1,{\"b\":2}]}", "{\"a\":[1,{\"b\":2}]}"),
        (
            "{\n    \"a\": {\n        \"b\": [ 1 ]\n    }\n}\n",
            "{\n    \"a\": {\n        \"b\": [\n            1\n        ]\n    }\n}\n",
        ),
        ("---\n{\n\t\"a\": 1}\n\n", "---\n{\n\t\"a\": 1\n}\n\n"),
    ] {
        assert_eq!(rewritten(text), wanted, "{text:?}");
    }
    assert_eq!(read("{\"a\": 1}")[0].syntax, Syntax::Json);
    assert_eq!(read("{a: 1}")[0].syntax, Syntax::Yaml);
    assert!(read("a: 1 # b\n")[0].comments);
    assert!(!read("a: |\n  # b\n")[0].comments);
}

#[test]
fn writes_what_people_read() {
    let value = json!({
        "name": "web", "yes": "yes", "port": "8080", "mode": "0400", "on": true, "time": "1:30", "day": "2001-01-01",
        "args": ["--flag", "-c", "a: b", "x #y", "it's", "*", "", "{}", "7.4", "1.2.3", "a\tb"],
        "script": "#!/bin/sh\necho 1\n", "tail": "a\nb\n\n", "head": "\n x\ny", "spaces": " a\nb", "empty": {}, "none": [],
        "nested": [[1, 2], {"a": null, "b": [{"c": 1.5}]}], "big": 18_446_744_073_709_551_615_u64, "tiny": 1e-9,
    });
    let wanted = r##"name: web
"yes": "yes"
port: "8080"
mode: "0400"
"on": true
time: "1:30"
day: "2001-01-01"
args:
- --flag
- -c
- 'a: b'
- 'x #y'
- it's
- '*'
- ""
- '{}'
- "7.4"
- 1.2.3
- "a\tb"
script: |
  #!/bin/sh
  echo 1
tail: |+
  a
  b

head: "\n x\ny"
spaces: " a\nb"
empty: {}
none: []
nested:
- - 1
  - 2
- a: null
  b:
  - c: 1.5
big: 18446744073709551615
tiny: 1.0e-9
"##;
    assert_eq!(to_yaml(&value), wanted);
    assert_eq!(values(wanted), [value]);
}

#[test]
fn says_where_it_cannot_read() {
    for (text, wanted) in [
        ("a: 1\n---\nb: [1\nc: 2\n", "document 2, line 4, column"),
        ("# c\n---\nhello\n", "document 1, line 3, column 1: a manifest is an object, this is a string"),
        ("[1]\n", "document 1, line 1, column 1: a manifest is an object, this is a list"),
        ("{\"a\": 1}\n{\"b\": }\n", "document 2, line 2, column 7: expected value"),
        ("---\n{\"a\": 1\n", "document 1, line 3, column 1: EOF while parsing an object"),
        ("a: .inf\n", "document 1, line 1, column 4: JSON has no infinity"),
        ("a: 1\nb:\n\t- c\n", "document 1, line 3, column"),
        ("null: 1\n", "document 1, line 1, column 1: null cannot be a key"),
    ] {
        let told = fault(text);
        assert!(told.starts_with(wanted), "{text:?}: {told}");
    }
    let told = manifest::text(b"a: 1\n---\nb: \xff\n").unwrap_err().to_string();
    assert_eq!(told, "document 2, line 3, column 4: this is not UTF-8");
    let all = manifest::read("a: [\n---\nb: 1\n---\n- x\n").unwrap_err();
    assert_eq!(all.iter().map(|fault| fault.document).collect::<Vec<_>>(), [1, 3]);
}

#[test]
fn bounds_what_a_document_may_cost() {
    let bomb: String = (1..12).fold("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".into(), |text, i| {
        let aliases = vec![format!("*a{}", i - 1); 10].join(", ");
        format!("{text}a{i}: &a{i} [{aliases}]\n")
    });
    assert!(fault(&bomb).contains("excessive aliasing"), "{}", fault(&bomb));
    let long = format!("a: &a {}\nb: [{}]\n", "x".repeat(1 << 20), vec!["*a"; 1000].join(", "));
    assert!(fault(&long).contains("excessive aliasing"));
    let deep = [
        format!("a: {}{}", "[".repeat(100_000), "]".repeat(100_000)),
        format!("a: {}", "{a: ".repeat(100_000)),
        format!("a:\n{}", "- ".repeat(100_000)),
        (0..2000).map(|i| format!("{}a:\n", " ".repeat(i))).collect(),
        format!("{{\"a\": {}{}}}", "[".repeat(100_000), "]".repeat(100_000)),
    ];
    for text in deep {
        assert!(manifest::read(&text).is_err(), "{}", &text[..20]);
    }
}

#[test]
fn real_files_survive() {
    for path in corpus() {
        let text = std::fs::read_to_string(&path).unwrap();
        let documents = read(&text);
        assert_eq!(documents.iter().map(|d| d.text).collect::<String>(), text, "{}", path.display());
        assert_eq!(values(&rewritten(&text)), values(&text), "{}", path.display());
    }
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~]{0,12}",
        "[-+.0-9_xobeEinfaTZ:, ]{1,8}",
        "(yes|No|on|OFF|y|n|null|~|<<|=|true|False|\\.inf|\\.NaN|---|\\.\\.\\.)[ :#]?",
        "[\n\t\r a#:'\"|>-]{0,10}",
        any::<String>(),
        Just("x".repeat(1200)),
    ]
}

fn any_value() -> impl Strategy<Value = Value> {
    let number = prop_oneof![
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        // Whole numbers are integers for the API server.
        any::<f64>()
            .prop_filter("no integer", |v| v.is_finite() && (v.fract() != 0.0 || v.abs() > 1e19))
            .prop_map(|v| Value::Number(Number::from_f64(v).unwrap())),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        number,
        any_text().prop_map(Value::from)
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((any_text(), inner), 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_value_written_is_read_back(value in any_value()) {
        let map = Map::from_iter([("v".to_owned(), value)]);
        let wanted = Value::Object(map);
        let text = to_yaml(&wanted);
        prop_assert_eq!(values(&text), vec![wanted], "{}", text);
    }

    #[test]
    fn any_text_is_split_without_loss(text in "([a-z:{}\\[\\]\"',&*!|>%#@ \t\r-]|\n|---|\\.\\.\\.|: |- |\u{85}|\u{2028}|\u{feff}){0,60}") {
        if let Ok(documents) = manifest::read(&text) {
            prop_assert_eq!(documents.iter().map(|d| d.text).collect::<String>(), text.clone());
            prop_assert_eq!(values(&rewritten(&text)), values(&text), "{:?}", rewritten(&text));
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(text) = manifest::text(&bytes) {
            let _ = manifest::read(text);
        }
    }
}
