//! What a phone says it is.

use easel_protocol::Version;

/// A phone's identity, as real ones of that family send it.
#[derive(Clone, Debug)]
pub struct Identity {
    /// What people call it.
    pub name: &'static str,
    /// The version it would like to speak.
    pub version: Version,
    /// DeviceType.
    pub device_type: &'static str,
    /// DeviceId.
    pub device_id: String,
    /// User-Agent; empty for a phone that sends none.
    pub user_agent: &'static str,
    /// Headers that it sends besides, with every request.
    pub headers: &'static [(&'static str, &'static str)],
    /// Whether it uses the base64 query.
    pub base64: bool,
    /// The classes its owner switched on.
    pub classes: &'static [easel_protocol::Class],
}

use easel_protocol::Class::{Calendar, Contacts, Email, Notes, Tasks};

impl Identity {
    /// A Nokia N97 with Mail for Exchange, which speaks 2.5.
    pub fn nokia_n97() -> Self {
        Self {
            name: "Nokia N97",
            version: Version::V2_5,
            device_type: "IMEI357000031234560",
            device_id: "IMEI357000031234560".into(),
            user_agent: "NokiaN97/2.09(206)MailforExchange",
            headers: &[],
            base64: false,
            classes: &[Email, Calendar, Contacts, Tasks],
        }
    }

    /// An iPhone 3GS with iPhone OS 3, which speaks 12.1 and has no tasks.
    pub fn iphone_3gs() -> Self {
        Self {
            name: "iPhone 3GS",
            version: Version::V12_1,
            device_type: "iPhone",
            device_id: "Appl880123ABCDE".into(),
            user_agent: "Apple-iPhone2C1/704.11",
            headers: &[],
            base64: false,
            classes: &[Email, Calendar, Contacts],
        }
    }

    /// An Android phone that speaks 14.1.
    pub fn android() -> Self {
        Self {
            name: "Android 5.1",
            version: Version::V14_1,
            device_type: "Android",
            device_id: "androidc1234567890".into(),
            user_agent: "Android/5.1.1-EAS-2.0",
            headers: &[],
            base64: true,
            classes: &[Email, Calendar, Contacts, Tasks],
        }
    }

    /// An iPhone of today, which speaks 16.1.
    pub fn iphone_today() -> Self {
        Self {
            name: "iPhone 15 Pro",
            version: Version::V16_1,
            device_type: "iPhone",
            device_id: "KC28F3E3O53NHDUJ5RMQK1SGE4".into(),
            user_agent: "Apple-iPhone15C4/2301.355",
            headers: &[],
            base64: true,
            classes: &[Email, Calendar, Contacts, Tasks, Notes],
        }
    }
}
