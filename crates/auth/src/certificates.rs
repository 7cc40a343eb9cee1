use std::{
    collections::{BTreeMap, BTreeSet},
    time::SystemTime,
};

use godwit_config::{ClientName, Tls};
use x509_cert::{
    Certificate,
    der::{
        Decode,
        asn1::{Ia5StringRef, ObjectIdentifier, PrintableStringRef, Utf8StringRef},
    },
    ext::pkix::{SubjectAltName, name::GeneralName},
};

/// The attribute `commonName` (X.520).
const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");

/// Whose a client's certificate is. That it was issued by a trusted authority is the TLS library's proof.
pub(crate) struct Certificates {
    name: ClientName,
    map: BTreeMap<String, String>,
}

impl Certificates {
    pub(crate) fn new(tls: &Tls) -> Self {
        Self {
            name: tls.client_name,
            map: tls.client_map.clone(),
        }
    }

    /// Whether certificates name users at all.
    pub(crate) fn name_users(&self) -> bool {
        self.name != ClientName::None
    }

    /// The one user that a certificate in DER form names.
    ///
    /// # Errors
    /// Why it names none.
    pub(crate) fn user(&self, der: &[u8], now: SystemTime) -> Result<String, &'static str> {
        let certificate = Certificate::from_der(der).map_err(|_| "it cannot be read")?;
        // It was valid when the connection began, which may be long ago.
        let validity = &certificate.tbs_certificate.validity;
        let (from, to) = (&validity.not_before, &validity.not_after);
        if now < from.to_system_time() || now > to.to_system_time() {
            return Err("it is not valid now");
        }
        let names = match self.name {
            ClientName::Cn => common_names(&certificate),
            kind => alternative_names(&certificate, kind)?,
        };
        let users: BTreeSet<&str> = names.iter().filter_map(|name| self.mapped(name)).collect();
        match (users.len(), users.first()) {
            (1, Some(user)) => Ok((*user).to_owned()),
            (0, _) => Err("it names no user"),
            _ => Err("it names several users"),
        }
    }

    fn mapped<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        match self.map.is_empty() {
            true => Some(name),
            false => self.map.get(name).map(String::as_str),
        }
    }
}

fn common_names(certificate: &Certificate) -> Vec<String> {
    let subject = &certificate.tbs_certificate.subject;
    let attributes = subject.0.iter().flat_map(|set| set.0.iter());
    let names = attributes.filter(|attribute| attribute.oid == COMMON_NAME);
    let text = names.filter_map(|name| {
        let value = &name.value;
        let utf8 = value.decode_as::<Utf8StringRef<'_>>().ok();
        let printable = || value.decode_as::<PrintableStringRef<'_>>().ok();
        let ia5 = || value.decode_as::<Ia5StringRef<'_>>().ok();
        utf8.map(|text| text.as_str().to_owned())
            .or_else(|| printable().map(|text| text.as_str().to_owned()))
            .or_else(|| ia5().map(|text| text.as_str().to_owned()))
    });
    text.collect()
}

fn alternative_names(
    certificate: &Certificate,
    kind: ClientName,
) -> Result<Vec<String>, &'static str> {
    let extension = certificate.tbs_certificate.get::<SubjectAltName>();
    let extension = extension.map_err(|_| "its alternative names cannot be read")?;
    let names = extension.map(|(_, names)| names.0).unwrap_or_default();
    let names = names.iter().filter_map(|name| match (kind, name) {
        (ClientName::Dns, GeneralName::DnsName(text))
        | (ClientName::Uri, GeneralName::UniformResourceIdentifier(text))
        | (ClientName::Email, GeneralName::Rfc822Name(text)) => Some(text.as_str().to_owned()),
        _ => None,
    });
    Ok(names.collect())
}
