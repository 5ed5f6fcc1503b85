//! Somebody with a mailbox and devices.

use std::fs;

use easel_protocol::FolderType;
use easel_test_support::{Identity, Phone, Socket};
use serde_json::Value;

use crate::House;
use crate::house::PASSWORD;

/// Somebody with a mailbox.
#[derive(Debug)]
pub struct User<'a> {
    /// Where.
    pub house: &'a House,
    /// The login.
    pub login: String,
    /// The mail address.
    pub address: String,
}

impl User<'_> {
    /// Brings in a file: a name that ends in `.eml`, `.mbox`, `.ics` or `.vcf`, and what is in it. Everything must be new.
    ///
    /// # Panics
    /// When something is left out.
    #[track_caller]
    pub fn import(&self, name: &str, content: &str) {
        self.import_into(&[], name, content);
    }

    /// The same into a folder, made where it is missing; or with other options.
    #[track_caller]
    pub fn import_into(&self, options: &[&str], name: &str, content: &str) {
        let file = self.house.file(name, content);
        let report = self.house.easel.json(&[&["import", &self.login, &file], options].concat());
        assert!(report["skipped"] == 0 && report["added"] != 0, "{report:#}");
    }

    /// All files of an export: paths and contents.
    ///
    /// # Panics
    /// When it cannot be read.
    pub fn exported(&self) -> Vec<(String, String)> {
        let out = self.house.place("out");
        self.house.easel.run(&["export", &self.login, &out.display().to_string()]).ok();
        let (mut found, mut open) = (Vec::new(), vec![out.clone()]);
        while let Some(dir) = open.pop() {
            for path in fs::read_dir(dir).expect("a folder").flatten().map(|entry| entry.path()) {
                if path.is_dir() {
                    open.push(path);
                    continue;
                }
                let name = path.strip_prefix(&out).expect("it lies in it").display().to_string();
                let content = fs::read(&path).expect("it was just written");
                found.push((name, String::from_utf8_lossy(&content).into_owned()));
            }
        }
        found.sort();
        found
    }

    /// Everything stored whose file in an export has this ending, lines unfolded.
    pub fn stored(&self, ending: &str) -> String {
        let files = self.exported().into_iter().filter(|(name, _)| name.ends_with(ending));
        let all: String = files.map(|(_, content)| content).collect();
        all.replace("\r\n ", "").replace("\r\n\t", "")
    }

    /// A connection of this user's.
    pub fn socket(&self) -> Socket {
        Socket::new(self.house.address(), &self.login, PASSWORD)
    }

    /// A connection with another login, and the right password.
    pub fn socket_as(&self, login: &[u8]) -> Socket {
        let credentials = [login, b":", PASSWORD.as_bytes()].concat();
        Socket::with_credentials(self.house.address(), &credentials)
    }

    /// A phone fresh from the shop.
    pub fn phone(&self, identity: Identity) -> Phone<Socket> {
        Phone::new(self.socket(), identity, &self.login)
    }

    /// A phone that went through everything up to the tree of folders.
    ///
    /// # Panics
    /// When the server answers otherwise than it must.
    #[track_caller]
    pub fn ready(&self, identity: Identity) -> Phone<Socket> {
        let mut phone = self.phone(identity);
        phone.options().expect("OPTIONS");
        phone.provision().expect("Provision");
        phone.folder_sync().expect("FolderSync");
        phone
    }

    /// A phone that holds a folder, and the folder's id.
    ///
    /// # Panics
    /// When the server answers otherwise than it must.
    #[track_caller]
    pub fn begun(&self, identity: Identity, kind: FolderType) -> (Phone<Socket>, String) {
        let mut phone = self.ready(identity);
        let folder = phone.folder(kind).expect("the folder");
        phone.sync_folder(&folder, 100).expect("Sync");
        (phone, folder)
    }

    /// What `easel device list` says of this user's devices.
    pub fn devices(&self) -> Vec<Value> {
        let list = self.house.easel.json(&["device", "list", &self.login]);
        list.as_array().cloned().unwrap_or_default()
    }

    /// What `easel device show` says.
    pub fn device(&self, id: &str) -> Value {
        self.house.easel.json(&["device", "show", &self.login, id])
    }

    /// The pack that serves a device, and the family it sees in it; `none` without one.
    pub fn served(&self, id: &str) -> (String, String) {
        let shown = self.device(id);
        let text = |at: usize| shown["pack"][at].as_str().unwrap_or("none").to_owned();
        (text(0), text(2))
    }
}
