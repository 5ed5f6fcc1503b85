//! Who is calling: identities, and the pack that serves them.

use easel_devices_tests::House;
use easel_protocol::Version;
use easel_test_support::Identity;

#[test]
fn tc01_an_iphone_without_hardware_in_its_name_is_one_of_iphone_os_3() {
    let house = House::shared();
    let user = house.user("Europe/Berlin");
    let identity = Identity { user_agent: "Apple-iPhone/704.11", ..Identity::iphone_3gs() };
    let phone = user.ready(identity);
    assert_eq!(phone.version, Version::V12_1);
    let (pack, family) = user.served(&phone.identity.device_id);
    assert_eq!((pack.as_str(), family.as_str()), ("iphone-os-2-3", ""));
}
