//! What is known about a device.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Version;

/// Everything a device, its requests and its owner's administrator have told about it. Remembered with the
/// partnership and refreshed, never taken from one request alone: many requests carry no User-Agent. Empty text means
/// not told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceFacts {
    /// The device id as it first came.
    pub device_id: String,
    /// The device type as it came last.
    pub device_type: String,
    /// The last User-Agent that was not empty.
    pub user_agent: String,
    /// The version of the last request.
    pub version: Option<Version>,
    /// Whether the last request had a base64 query.
    pub base64_query: bool,
    /// Headers that a pack asked for, names in lower case.
    pub headers: BTreeMap<String, String>,
    /// What the device says of itself: MS-ASCMD 2.2.3.45 "DeviceInformation", by element name.
    pub information: BTreeMap<String, String>,
}
