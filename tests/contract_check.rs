//! The example that says in CI whom a new version of a protocol breaks.

use serde_json::{Value, json};
use std::{fs, process::Command};
use tests::process::build;

/// A folder with contracts, and the program.
struct Check(tempfile::TempDir);

impl Check {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, contract: &Value) {
        fs::write(self.0.path().join(name), contract.to_string()).unwrap();
    }

    /// Its exit code, and what it says.
    fn run(&self, args: &[&str]) -> (Option<i32>, String, String) {
        let output =
            Command::new(build("contract")).args(args).current_dir(self.0.path()).output().unwrap();
        let [out, errors] =
            [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
        (output.status.code(), out, errors)
    }

    /// The contract of the forum.
    fn forum(&self) -> Value {
        let (code, out, _) = self.run(&["show"]);
        assert_eq!(code, Some(0));
        serde_json::from_str(&out).unwrap()
    }
}

#[test]
fn a_change_that_breaks_somebody_fails_the_check() {
    let check = Check::new();
    let old = check.forum();
    let mut new = old.clone();
    new["write"]["Post"]["properties"]["id"] = json!({ "type": "string" });
    new["client"]["typing"]["payload"]["properties"]["color"] = json!({ "type": "string" });
    new["client"]["shout"] = json!({ "fingerprint": "" });
    check.write("old.json", &old);
    check.write("new.json", &new);
    let (code, out, _) = check.run(&["check", "old.json", "new.json"]);
    let expected = "\
breaks old clients, and new ones at old servers:
  client event `watch`, reply[].id: was integer (uint64), is string
  server event `history`, data[].id: was integer (uint64), is string
  server event `post_update`, data.id: was integer (uint64), is string
  server event `thread_update`, data.reply.id: was integer (uint64), is string
breaks new clients at old servers:
  client event `shout`: is new: a client that sends it to an old server is answered `unknown_event`
breaks nobody:
  client event `typing`, data.color: is a new field, optional
";
    assert_eq!((out.as_str(), code), (expected, Some(1)));
}

#[test]
fn what_breaks_nobody_passes_and_what_breaks_old_servers_may_be_let_pass() {
    let check = Check::new();
    let old = check.forum();
    let mut new = old.clone();
    check.write("old.json", &old);
    check.write("new.json", &new);
    let (code, out, _) = check.run(&["check", "old.json", "new.json"]);
    assert_eq!((code, out.as_str()), (Some(0), "no change\n"));
    new["client"]["shout"] = json!({ "fingerprint": "" });
    check.write("new.json", &new);
    assert_eq!(check.run(&["check", "old.json", "new.json"]).0, Some(1));
    let lenient = ["check", "--fail-on", "old-clients", "old.json", "new.json"];
    assert_eq!(check.run(&lenient).0, Some(0));
    let backwards = ["check", "--fail-on", "old-clients", "new.json", "old.json"];
    assert_eq!(check.run(&backwards).0, Some(1));
}

#[test]
fn a_file_that_is_no_contract_is_named() {
    let check = Check::new();
    check.write("old.json", &check.forum());
    check.write("other.json", &json!({ "hash": "" }));
    for (new, said) in [
        ("none.json", "error: none.json: No such file"),
        ("other.json", "error: other.json: missing field `client`"),
    ] {
        let (code, out, errors) = check.run(&["check", "old.json", new]);
        assert_eq!((code, out.as_str()), (Some(2), ""));
        assert!(errors.starts_with(said), "{errors}");
    }
}
