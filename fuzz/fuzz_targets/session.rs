#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| socketkit::__fuzz::session(data));
