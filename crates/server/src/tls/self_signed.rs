use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose};

use super::Pair;
use crate::data_dir::{read_private, write_private};
use crate::error::{Error, Result};

const CERT: &str = "cert.pem";
const KEY: &str = "key.pem";

/// The pair in the directory `tls` of the data directory; the first start makes it, so that clients can go on trusting it.
pub(super) fn open(data_dir: &Path) -> Result<Pair> {
    let dir = data_dir.join("tls");
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&dir)
        .map_err(|why| Error::data_dir(&dir, why))?;
    let (cert_path, key_path) = (dir.join(CERT), dir.join(KEY));
    let has_cert = cert_path
        .try_exists()
        .map_err(|why| Error::data_dir(&cert_path, why))?;
    // The certificate is written last: a key alone is what an interrupted start leaves.
    if !has_cert {
        let (cert, key) = generate(&names()).map_err(Error::internal)?;
        write_private(&key_path, key.as_bytes())?;
        write_private(&cert_path, cert.as_bytes())?;
    }
    let Some(key) = read_private(&key_path)? else {
        let why =
            format!("missing, while there is {CERT}; remove that too to have a new pair made");
        return Err(Error::data_dir(&key_path, why));
    };
    let cert = fs::read(&cert_path).map_err(|why| Error::data_dir(&cert_path, why))?;
    Pair::new(&cert_path, cert, &key_path, key)
}

fn generate(names: &[String]) -> std::result::Result<(String, String), rcgen::Error> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(names)?;
    params
        .distinguished_name
        .push(DnType::CommonName, "Godwit self-signed");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let certificate = params.self_signed(&key)?;
    Ok((certificate.pem(), key.serialize_pem()))
}

/// What the certificate is for: this machine, under the names that it has for itself.
fn names() -> Vec<String> {
    let mut names = ["localhost", "127.0.0.1", "::1"]
        .map(str::to_owned)
        .to_vec();
    names.extend(host_name().filter(|name| name != "localhost"));
    names
}

/// The machine's name, where the system keeps it in a file and it can stand in a certificate.
fn host_name() -> Option<String> {
    let text = ["/proc/sys/kernel/hostname", "/etc/hostname"]
        .iter()
        .find_map(|path| fs::read_to_string(path).ok())?;
    let name = text.trim();
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    (name.len() <= 253 && name.split('.').all(label)).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_pair_is_made_once_and_kept() {
        let root = tempfile::tempdir().unwrap();
        let first = open(root.path()).unwrap();
        let second = open(root.path()).unwrap();
        assert_eq!(first.fingerprint(), second.fingerprint());
        assert_eq!(first.fingerprint().len(), 32 * 3 - 1);
        let key = fs::metadata(root.path().join("tls/key.pem")).unwrap();
        assert_eq!(key.permissions().mode() & 0o7777, 0o600);
    }

    #[test]
    fn an_interrupted_start_is_repaired_and_a_lost_key_reported() {
        let root = tempfile::tempdir().unwrap();
        let first = open(root.path()).unwrap().fingerprint();
        fs::remove_file(root.path().join("tls/cert.pem")).unwrap();
        assert_ne!(open(root.path()).unwrap().fingerprint(), first);
        fs::remove_file(root.path().join("tls/key.pem")).unwrap();
        let why = open(root.path()).err().unwrap().to_string();
        assert!(why.contains("tls/key.pem: missing"), "{why}");
    }

    #[test]
    fn a_wrong_pair_is_refused_with_its_path() {
        let root = tempfile::tempdir().unwrap();
        let path = |name: &str| root.path().join(name);
        let names = ["localhost".to_owned()];
        let (cert, _) = generate(&names).unwrap();
        let (_, key) = generate(&names).unwrap();
        fs::write(path("cert.pem"), cert).unwrap();
        fs::write(path("key.pem"), key).unwrap();
        fs::write(path("text"), "hello").unwrap();
        let why = |cert: &str, key: &str| {
            let pair = Pair::read(&path(cert), &path(key));
            pair.err().unwrap().to_string()
        };
        assert!(why("cert.pem", "key.pem").contains("cert.pem: cannot be used with the key"));
        assert!(why("text", "key.pem").contains("text: holds no certificate"));
        assert!(why("cert.pem", "text").contains("text: not a private key"));
        assert!(why("none", "key.pem").contains("none: "));
    }
}
