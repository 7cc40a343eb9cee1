use std::fmt::{self, Display, Formatter};
use std::path::PathBuf;

/// A query whose result says something and fits a screen.
const QUERY: &str =
    "SELECT l_returnflag, count(*) AS lines FROM tpch.lineitem GROUP BY 1 ORDER BY 1";
/// What stands where a password is that the operator chose.
const PLACEHOLDER: &str = "YOUR-PASSWORD";

/// How to log in.
#[derive(Debug)]
pub(super) enum Credentials {
    /// Not at all.
    None,
    /// With a password that was made for the demo, of letters and digits.
    Known { user: String, password: String },
    /// With a password that the operator configured.
    Configured { user: String },
}

/// How a client comes to trust the server.
#[derive(Debug)]
pub(super) enum Trust {
    /// There is no encryption.
    Plain,
    /// With the certificate in this file.
    SelfSigned(PathBuf),
    /// With the certificates of its system.
    System,
}

/// What a person needs to connect: address, credentials, and three texts to paste.
pub(super) struct Snippets<'a> {
    /// As Flight clients take it.
    pub(super) url: &'a str,
    /// Host and port.
    pub(super) host: &'a str,
    pub(super) credentials: &'a Credentials,
    pub(super) trust: &'a Trust,
}

impl Display for Snippets<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n  address   {}", self.url)?;
        if let Some((user, password)) = self.login() {
            writeln!(f, "  user      {user}")?;
            writeln!(f, "  password  {password}")?;
        }
        writeln!(
            f,
            "  data      schema tpch: customer, lineitem, nation, orders, part, partsupp, region, supplier"
        )?;
        writeln!(
            f,
            "\nPython, ADBC (pip install adbc-driver-flightsql pyarrow):\n"
        )?;
        self.adbc(f)?;
        writeln!(f, "\nPython, pyarrow (pip install pyarrow):\n")?;
        self.pyarrow(f)?;
        writeln!(f, "\nJDBC (org.apache.arrow:flight-sql-jdbc-driver):\n")?;
        self.jdbc(f)?;
        writeln!(f, "\nCtrl-C stops the server.")
    }
}

impl Snippets<'_> {
    fn adbc(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut options = Vec::new();
        if let Some((user, password)) = self.login() {
            options.push(format!(
                "\"username\": {user:?}, \"password\": {password:?}"
            ));
        }
        if let Trust::SelfSigned(path) = self.trust {
            options.push(format!(
                "\"adbc.flight.sql.client_option.tls_root_certs\": open({path:?}).read()"
            ));
        }
        let url = self.url;
        let options = options.join(", ");
        writeln!(
            f,
            "import adbc_driver_flightsql.dbapi as flightsql\n\
             connection = flightsql.connect(\"{url}\", db_kwargs={{{options}}}, autocommit=True)\n\
             cursor = connection.cursor()\n\
             cursor.execute(\"{QUERY}\")\n\
             print(cursor.fetch_arrow_table())\n\
             cursor.close()\n\
             connection.close()"
        )
    }

    fn pyarrow(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let url = self.url;
        let trust = match self.trust {
            Trust::SelfSigned(path) => format!(", tls_root_certs=open({path:?}).read()"),
            Trust::Plain | Trust::System => String::new(),
        };
        writeln!(
            f,
            "import pyarrow.flight as flight\n\
             client = flight.connect(\"{url}\"{trust})"
        )?;
        match self.login() {
            Some((user, password)) => writeln!(
                f,
                "token = client.authenticate_basic_token({user:?}, {password:?})\n\
                 options = flight.FlightCallOptions(headers=[token])"
            )?,
            None => writeln!(f, "options = flight.FlightCallOptions()")?,
        }
        writeln!(
            f,
            "info = client.get_flight_info(flight.FlightDescriptor.for_command(\"{QUERY}\"), options)\n\
             print(client.do_get(info.endpoints[0].ticket, options).read_all())"
        )
    }

    fn jdbc(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut properties = vec![match self.trust {
            Trust::Plain => "useEncryption=false".to_owned(),
            Trust::System => "useEncryption=true".to_owned(),
            Trust::SelfSigned(path) => {
                let path = escape(&path.display().to_string());
                format!("useEncryption=true&useSystemTrustStore=false&tlsRootCerts={path}")
            }
        }];
        if let Some((user, password)) = self.login() {
            properties.push(format!(
                "user={}&password={}",
                escape(user),
                escape(password)
            ));
        }
        let host = self.host;
        writeln!(
            f,
            "jdbc:arrow-flight-sql://{host}/?{}",
            properties.join("&")
        )
    }

    fn login(&self) -> Option<(&str, &str)> {
        match self.credentials {
            Credentials::None => None,
            Credentials::Known { user, password } => Some((user, password)),
            Credentials::Configured { user } => Some((user, PLACEHOLDER)),
        }
    }
}

/// A value as it stands in the query of a URL.
fn escape(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                char::from(byte).to_string()
            }
            byte => format!("%{byte:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(credentials: &Credentials, trust: &Trust) -> String {
        let encrypted = !matches!(trust, Trust::Plain);
        Snippets {
            url: if encrypted {
                "grpc+tls://127.0.0.1:8815"
            } else {
                "grpc://127.0.0.1:8815"
            },
            host: "127.0.0.1:8815",
            credentials,
            trust,
        }
        .to_string()
    }

    fn known() -> Credentials {
        Credentials::Known {
            user: "ad min".to_owned(),
            password: "s3cret".to_owned(),
        }
    }

    #[test]
    fn all_three_name_address_user_and_password() {
        let text = text(&known(), &Trust::Plain);
        assert!(text.contains(
            r#"connect("grpc://127.0.0.1:8815", db_kwargs={"username": "ad min", "password": "s3cret"}"#
        ));
        assert!(text.contains(r#"flight.connect("grpc://127.0.0.1:8815")"#));
        assert!(text.contains(r#"authenticate_basic_token("ad min", "s3cret")"#));
        assert!(text.contains(
            "jdbc:arrow-flight-sql://127.0.0.1:8815/?useEncryption=false&user=ad%20min&password=s3cret"
        ));
        assert_eq!(text.matches("tpch.lineitem").count(), 2);
    }

    #[test]
    fn without_login_there_are_no_credentials() {
        let text = text(&Credentials::None, &Trust::Plain);
        assert!(!text.contains("password"), "{text}");
        assert!(text.contains("db_kwargs={}"));
        assert!(text.contains("flight.FlightCallOptions()"));
        assert!(text.contains("/?useEncryption=false\n"));
    }

    #[test]
    fn a_self_signed_certificate_is_named_to_all_three() {
        let trust = Trust::SelfSigned("/d/tls/cert.pem".into());
        let text = text(&known(), &trust);
        assert_eq!(text.matches(r#"open("/d/tls/cert.pem").read()"#).count(), 2);
        assert!(text.contains(
            "useEncryption=true&useSystemTrustStore=false&tlsRootCerts=/d/tls/cert.pem&user="
        ));
    }

    #[test]
    fn a_configured_password_is_not_shown() {
        let user = "ada".to_owned();
        let text = text(&Credentials::Configured { user }, &Trust::System);
        assert!(text.contains(PLACEHOLDER));
        assert!(text.contains("useEncryption=true&user=ada"));
    }
}
