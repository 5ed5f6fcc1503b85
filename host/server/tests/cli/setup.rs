//! init, check, tenants and users.

use std::os::unix::fs::PermissionsExt;

use crate::support::{House, easel};

#[test]
fn a_new_house_is_made_once_and_nothing_is_wrong_with_it() {
    let house = House::new();
    let data = std::fs::metadata(house.path("house/data")).unwrap();
    assert_eq!(data.permissions().mode() & 0o777, 0o700);
    let found = house.json(&["check"]);
    assert_eq!(
        (found["ok"].as_bool(), found["tenants"].as_u64(), found["users"].as_u64()),
        (Some(true), Some(1), Some(0))
    );
    assert_eq!(found["problems"].as_array().unwrap().len(), 0, "{found}");
    let again = easel(&["init", &house.text("house")], "").refused();
    assert!(again.contains("easel.toml is there already"), "{again}");
}

#[test]
fn a_self_signed_certificate_can_be_served_and_its_key_is_private() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path().join("house").display().to_string();
    let said = easel(&["init", &at, "--self-signed", "mail.example.org", "--listen", "127.0.0.1:0"], "").ok();
    assert!(said.contains("user add") && said.contains("serve") && said.contains("mail.example.org"), "{said}");
    let key = std::fs::metadata(dir.path().join("house/key.pem")).unwrap();
    assert_eq!(key.permissions().mode() & 0o777, 0o600);
    let config = format!("{at}/easel.toml");
    easel(&["--config", &config, "check"], "").ok();
    std::fs::write(dir.path().join("house/certificate.pem"), "no certificate").unwrap();
    let wrong = easel(&["--config", &config, "check"], "");
    assert!(wrong.out.contains("certificate.pem") && wrong.out.contains("cure:"), "{wrong:?}");
    assert_eq!(wrong.code, 1);
}

#[test]
fn the_cure_for_a_certificate_that_cannot_be_served_cures_it() {
    let house = House::with_tls();
    house.write("house/certificate.pem", "no certificate");
    let wrong = house.run(&["check"]);
    let cure = "`easel init DIRECTORY --self-signed localhost` makes both in another directory";
    assert!(wrong.code == 1 && wrong.out.contains(cure), "{wrong:?}");
    easel(&["init", &house.text("other"), "--self-signed", "localhost"], "").ok();
    for name in ["certificate.pem", "key.pem"] {
        std::fs::copy(house.path("other").join(name), house.path("house").join(name)).unwrap();
    }
    assert_eq!(house.json(&["check"])["problems"].as_array().unwrap().len(), 0);
}

#[test]
fn a_certificate_that_phones_refuse_for_its_dates_is_told_by_check_and_in_the_log() {
    let house = House::with_tls();
    for (from, until, said) in [
        (2020, 2021, "the certificate ended on 2021-01-01 00:00 UTC"),
        (2900, 2950, "the certificate is not good before 2900-01-01 00:00 UTC"),
    ] {
        let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        (params.not_before, params.not_after) = (rcgen::date_time_ymd(from, 1, 1), rcgen::date_time_ymd(until, 1, 1));
        let key = rcgen::KeyPair::generate().unwrap();
        house.write("house/certificate.pem", params.self_signed(&key).unwrap().pem());
        house.write("house/key.pem", key.serialize_pem());
        let found = house.json(&["check"]);
        let problem = &found["problems"][0];
        assert_eq!((found["ok"].as_bool(), problem["severity"].as_str()), (Some(true), Some("warning")), "{found}");
        assert!(problem["what"].as_str().unwrap().contains(said), "{found}");
        assert!(problem["file"].as_str().unwrap().ends_with("certificate.pem"), "{found}");
        assert!(problem["cure"].as_str().unwrap().contains("--self-signed"), "{found}");
        let serving = house.serve();
        serving.until_logged(said, 1);
        serving.stop("TERM");
    }
}

#[test]
fn every_verb_explains_itself_with_examples() {
    for verb in ["", "init", "serve", "check", "import", "export"] {
        let said =
            easel(&[verb, "--help"].iter().copied().filter(|word| !word.is_empty()).collect::<Vec<_>>(), "").ok();
        assert!(said.contains("Example"), "{verb}: {said}");
    }
    for (verb, inner) in [
        ("user", "add"),
        ("user", "set"),
        ("user", "passwd"),
        ("user", "remove"),
        ("tenant", "add"),
        ("device", "wipe"),
    ] {
        let said = easel(&[verb, inner, "--help"], "").ok();
        assert!(said.contains("Example"), "{verb} {inner}: {said}");
    }
    for verb in ["add", "revoke"] {
        let said = easel(&["user", "app-password", verb, "--help"], "").ok();
        assert!(said.contains("Example"), "{verb}: {said}");
    }
}

#[test]
fn a_mistake_in_the_configuration_is_named_with_file_line_and_cure() {
    let house = House::new();
    let file = house.text("house/easel.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("secs_min = 60", "sec_min = 60\nsecs_max = -1")).unwrap();
    let line = text.lines().position(|line| line == "secs_min = 60").unwrap() + 1;
    for verb in [&["check"][..], &["serve"], &["user", "list"]] {
        let said = house.run(verb);
        assert_eq!(said.code, 1);
        let all = said.out + &said.err;
        assert!(all.contains(&format!("{file}:{line}: there is no key \"sec_min\"")), "{all}");
        assert!(all.contains("did you mean \"secs_min\"?"), "{all}");
    }
}

#[test]
fn data_of_a_newer_version_is_refused_and_left_alone() {
    let house = House::with_anna();
    // The header of an SQLite file keeps the version of its content at byte 60.
    let file = house.path("house/data/easel.db");
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[60..64].copy_from_slice(&7777_u32.to_be_bytes());
    std::fs::write(&file, &bytes).unwrap();
    for verb in [&["check"][..], &["serve"], &["user", "list"]] {
        let said = house.run(verb);
        assert_eq!(said.code, 1);
        let all = said.out + &said.err;
        assert!(all.contains("schema 7777") && all.contains("newer") && all.contains("house/data"), "{all}");
    }
    assert!(std::fs::read(&file).unwrap() == bytes);
}

#[test]
fn a_file_that_is_no_database_is_named() {
    let house = House::new();
    std::fs::write(house.path("house/data/easel.db"), "no database").unwrap();
    let said = house.run(&["user", "list"]).refused();
    assert!(said.contains("easel.db"), "{said}");
}

#[test]
fn a_missing_data_directory_is_named_with_the_cure() {
    let house = House::new();
    std::fs::remove_dir_all(house.path("house/data")).unwrap();
    let said = house.run(&["user", "list"]).refused();
    assert!(said.contains("house/data") && said.contains("easel init"), "{said}");
}

#[test]
fn users_are_added_listed_changed_and_removed() {
    let house = House::with_anna();
    house.json(&["tenant", "add", "ox.io"]);
    let photo = house.write("photo.png", b"\x89PNG\r\n\x1a\n...");
    let added = house.run_with(
        &[
            "user",
            "add",
            "zoe@ox.io",
            "--name",
            "Zoë Martin",
            "--phone",
            "+33 1",
            "--photo",
            &photo,
            "--zone",
            "Europe/Paris",
        ],
        "secret\n",
    );
    assert_eq!(added.ok(), "added zoe@ox.io\n");
    let users = house.json(&["user", "list"]);
    let zoe = &users[1];
    assert_eq!(zoe["login"], "zoe@ox.io");
    assert_eq!(zoe["addresses"][0], "zoe@ox.io", "a tenant that is a domain makes the address");
    assert_eq!((&zoe["display_name"], &zoe["zone"]), (&"Zoë Martin".into(), &"Europe/Paris".into()));
    assert_eq!(zoe["photo_bytes"], 11);
    let of_default = house.json(&["user", "list", "--tenant", "defaultcontext"]);
    assert_eq!(of_default.as_array().unwrap().len(), 1);
    house
        .run(&["user", "set", "zoe@ox.io", "--disable", "--no-photo", "--address", "z@ox.io", "--address", "zoe@ox.io"])
        .ok();
    let zoe = &house.json(&["user", "list", "--tenant", "ox.io"])[0];
    assert_eq!((zoe["enabled"].as_bool(), zoe["photo_bytes"].as_u64()), (Some(false), Some(0)));
    assert_eq!(zoe["addresses"].as_array().unwrap().len(), 2);
    assert!(house.run(&["user", "list"]).ok().contains("disabled"));
    assert_eq!((zoe["bytes"].as_u64(), zoe["quota_bytes"].as_u64()), (Some(0), None));
    let quota = |value: &str| {
        house.run(&["user", "set", "zoe@ox.io", "--quota", value]).ok();
        house.json(&["user", "list", "--tenant", "ox.io"])[0]["quota_bytes"].as_u64()
    };
    assert_eq!(["2048", "none", "1", "default"].map(quota), [Some(2 << 30), None, Some(1 << 20), None]);
    quota("7");
    assert!(house.run(&["user", "list", "--tenant", "ox.io"]).ok().contains("0 of 7"));
    let said = house.run(&["user", "set", "zoe@ox.io", "--quota=0"]).refused();
    assert!(said.contains("MiB") && said.contains("\"default\""), "{said}");
    let unconfirmed = house.run(&["user", "remove", "zoe@ox.io"]).refused();
    assert!(unconfirmed.contains("confirm with zoe@ox.io"), "{unconfirmed}");
    house.run(&["user", "remove", "zoe@ox.io", "--confirm", "zoe@ox.io"]).ok();
    assert_eq!(house.json(&["user", "list"]).as_array().unwrap().len(), 1);
}

#[test]
fn what_cannot_be_a_user_is_refused_with_the_cure() {
    let house = House::with_anna();
    let refused = [
        (&["user", "add", "anna", "--address", "other@example.org"][..], "there is a user anna@defaultcontext already"),
        (&["user", "add", "berta"], "--address anna@example.org"),
        (&["user", "add", "berta", "--address", "ANNA@example.org"], "belongs to a user already"),
        (&["user", "add", "berta", "--address", "nobody"], "no mail address"),
        (&["user", "add", "berta@ox.io"], "there is no tenant \"ox.io\""),
        (&["user", "add", "berta", "--address", "b@x.org", "--zone", "Mars"], "Europe/Paris"),
        (&["user", "passwd", "ana"], "did you mean \"anna@defaultcontext\"?"),
        (&["user", "set", "anna"], "nothing to change"),
        (&["tenant", "add", "a b"], "no tenant name"),
        (&["tenant", "add", "defaultcontext"], "already"),
    ];
    for (verb, reason) in refused {
        let said = house.run_with(verb, "secret\n").refused();
        assert!(said.contains(reason), "{verb:?}: {said}");
        assert!(said.starts_with("easel: "), "{said}");
    }
    let said = house.run_with(&["user", "add", "a b"], "secret\n");
    assert!(said.code == 2 && said.err.contains("user name"), "{said:?}");
    let long = house.run_with(&["user", "passwd", "anna"], &format!("{}\n", "x".repeat(257))).refused();
    assert!(long.contains("1 to 256 bytes"), "{long}");
    let empty = house.run(&["user", "passwd", "anna"]).refused();
    assert!(empty.contains("--random"), "{empty}");
    let error: serde_json::Value = serde_json::from_str(
        &house.run(&["user", "remove", "nobody", "--confirm", "nobody@defaultcontext", "--json"]).refused(),
    )
    .unwrap();
    assert!(error["error"].as_str().unwrap().contains("there is no user"));
}

#[test]
fn a_random_password_is_printed_once_and_nowhere_kept() {
    let house = House::new();
    let made = house.json(&["user", "add", "anna", "--address", "anna@example.org", "--random"]);
    let password = made["password"].as_str().unwrap();
    assert_eq!(password.len(), 19);
    for (name, bytes) in crate::support::files(&house.path("house")) {
        let found = bytes.windows(password.len()).any(|window| window == password.as_bytes());
        assert!(!found, "the password stands in {name}");
    }
    let again = house.json(&["user", "passwd", "anna", "--random"]);
    assert_ne!(again["password"], made["password"]);
}

#[test]
fn devices_are_listed_and_unknown_ones_are_refused() {
    let house = House::with_anna();
    assert_eq!(house.run(&["device", "list"]).ok(), "no devices\n");
    let said = house.run(&["device", "block", "anna", "SEC1"]).refused();
    assert!(said.contains("there is no device of anna@defaultcontext \"SEC1\""), "{said}");
    let said = house.run(&["device", "wipe", "anna", "SEC1", "--whole-device"]).refused();
    assert!(said.contains("will be erased") && said.contains("confirm with SEC1"), "{said}");
}
