#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| injector_fuzz::doors::manifest(bytes));
