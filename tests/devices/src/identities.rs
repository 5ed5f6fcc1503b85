//! Phones of the manual and of the catalogue, as they name themselves.

use easel_protocol::Class::{Calendar, Contacts, Email, Notes, Tasks};
use easel_protocol::Version;
use easel_test_support::Identity;

/// A Pocket PC with Windows Mobile 6.1.
pub fn windows_mobile() -> Identity {
    Identity {
        name: "Windows Mobile 6.1",
        version: Version::V12_1,
        device_type: "PocketPC",
        device_id: "6F24CAD599A5BF1A690246B8C68FAE8D".into(),
        user_agent: "MSFT-PPC/5.2.1603",
        headers: &[],
        base64: false,
        classes: &[Email, Calendar, Contacts, Tasks],
    }
}

/// An iPhone with iPhone OS 3.1.2, which does not say what hardware it is.
pub fn iphone_os_3() -> Identity {
    Identity { user_agent: "Apple-iPhone/704.11", ..Identity::iphone_3gs() }
}

/// A Nokia N97 with Mail for Exchange 3, which speaks 12.1.
pub fn nokia_mfe_3() -> Identity {
    Identity { version: Version::V12_1, user_agent: "NokiaN97/3.00(73)MailforExchange", ..Identity::nokia_n97() }
}

/// A Nokia N8 with Symbian Anna.
pub fn nokia_symbian_anna() -> Identity {
    Identity { user_agent: "NokiaN800/3.00(0)MailforExchange 3gpp-gba", ..nokia_mfe_3() }
}

/// A Nokia N9 with MeeGo, which speaks 14.0.
pub fn meego() -> Identity {
    Identity {
        name: "Nokia N9",
        version: Version::V14_0,
        device_type: "meego",
        device_id: "IMEI004402131234569".into(),
        user_agent: "MeeGo-MfE/1.2",
        headers: &[],
        base64: true,
        classes: &[Email, Calendar, Contacts, Tasks],
    }
}

/// An iPhone with a build of iOS, such as `Apple-iPhone9C4/1703.54`.
pub fn ios(user_agent: &'static str, version: Version) -> Identity {
    Identity { user_agent, version, ..Identity::iphone_today() }
}

/// Gmail on a Pixel.
pub fn gmail() -> Identity {
    Identity { user_agent: "Android-Mail/2025.11.02.833426455.Release", ..Identity::android() }
}

/// A device of that type and User-Agent that no pack knows but the one for everybody.
pub fn other(device_type: &'static str, user_agent: &'static str, version: Version) -> Identity {
    Identity {
        name: "something else",
        version,
        device_type,
        device_id: "ELSE1234567890".into(),
        user_agent,
        headers: &[],
        base64: false,
        classes: &[Email, Calendar, Contacts, Tasks, Notes],
    }
}
