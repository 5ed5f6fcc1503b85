//! Any text is an id, a key, a version or a date, or an error; what is read is written as it stood.
#![no_main]

use easel_protocol::{
    CollectionId, FileReference, LongId, ServerId, SyncKey, Version, compact, normal_device_id, parse_date_time,
    punctuated,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(id) = CollectionId::parse(text) {
        assert_eq!(id.to_string(), text);
    }
    if let Ok(id) = ServerId::parse(text) {
        assert_eq!(id.to_string(), text);
    }
    if let Ok(id) = LongId::parse(text) {
        assert_eq!(id.to_string(), text);
    }
    if let Ok(reference) = FileReference::parse(text) {
        assert_eq!(reference.to_string(), text);
    }
    if let Ok(key) = SyncKey::parse(text) {
        assert_eq!(key.to_string(), text.trim());
    }
    if let Ok(version) = Version::parse(text) {
        assert_eq!(Version::parse(&version.to_string()), Ok(version));
    }
    if let Ok(at) = parse_date_time(text) {
        assert_eq!(parse_date_time(&punctuated(at)), Ok(at));
        assert!(parse_date_time(&compact(at)).is_ok());
    }
    let normal = normal_device_id(text);
    assert_eq!(normal_device_id(&normal), normal);
});
