//! Hands the pinned versions of `versions.env` to the code as environment variables of the compiler.

fn main() {
    println!("cargo::rerun-if-changed=versions.env");
    let versions = std::fs::read_to_string("versions.env").unwrap_or_default();
    for line in versions.lines().filter(|line| !line.starts_with('#')) {
        if let Some((name, value)) = line.split_once('=') {
            println!("cargo::rustc-env=PINNED_{name}={value}");
        }
    }
}
