//! Any query with any headers, one a line, is a request line within its bounds or an error.
#![no_main]

use easel_protocol::{RequestLine, is_endpoint, normal_device_id};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let mut lines = text.splitn(4, '\n');
    let query = lines.next().unwrap_or_default();
    is_endpoint(query);
    if let Ok(line) = RequestLine::parse(query, lines.next(), lines.next(), lines.next()) {
        assert!(!line.device_id.is_empty() && line.device_id.chars().count() <= 64);
        assert!(line.device_type.chars().count() <= 64);
        let normal = normal_device_id(&line.device_id);
        assert_eq!(normal_device_id(&normal), normal);
    }
});
