use argon2::{
    Argon2, Params, PasswordHash, PasswordHasher, PasswordVerifier,
    password_hash::{Output, SaltString},
};

use crate::error::{Error, Result};

/// Most memory that one configured hash may ask for, in KiB.
const MAX_MEMORY: u32 = 256 * 1024;
/// Most passes over that memory.
const MAX_PASSES: u32 = 16;
/// Most lanes.
const MAX_LANES: u32 = 16;

/// The Argon2id hash of a password in PHC form, with the parameters that OWASP names as the minimum (19 MiB, two
/// passes, one lane) and a random salt. Takes tens of milliseconds.
///
/// # Errors
/// [`Error::Password`] for an empty password.
pub fn hash_password(password: &str) -> Result<String> {
    if password.is_empty() {
        return Err(Error::password("password", "must not be empty"));
    }
    let salt = salt()?;
    let hash = Argon2::default()
        .hash_password(password.as_bytes(), &salt)
        .map_err(Error::internal)?;
    Ok(hash.to_string())
}

/// Checks that a configured hash can be used: Argon2id version 19 in PHC form, with at most 256 MiB of memory, 16
/// passes and 16 lanes, so that nobody's login can exhaust the server.
///
/// # Errors
/// What is wrong with it; never a part of the hash.
pub fn check_password_hash(hash: &str) -> Result<(), String> {
    cost(hash).map(|_| ())
}

/// What checking a password against a hash costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cost {
    memory: u32,
    passes: u32,
    lanes: u32,
}

impl Cost {
    /// What hashes made by [`hash_password`] cost.
    pub(crate) const DEFAULT: Self = Self {
        memory: Params::DEFAULT_M_COST,
        passes: Params::DEFAULT_T_COST,
        lanes: Params::DEFAULT_P_COST,
    };

    /// The amount of work, to compare by.
    fn work(self) -> u64 {
        u64::from(self.memory) * u64::from(self.passes)
    }

    /// The costlier of two.
    pub(crate) fn more(one: Option<Self>, other: Self) -> Option<Self> {
        one.filter(|one| one.work() >= other.work()).or(Some(other))
    }

    /// A hash that costs as much and that no password has: its output is random.
    pub(crate) fn dummy_hash(self) -> Result<String> {
        let output = Output::new(&rand::random::<[u8; 32]>()).map_err(Error::internal)?;
        let Self {
            memory,
            passes,
            lanes,
        } = self;
        Ok(format!(
            "$argon2id$v=19$m={memory},t={passes},p={lanes}${}${output}",
            salt()?
        ))
    }
}

/// The cost of a hash, if it can be used.
pub(crate) fn cost(hash: &str) -> Result<Cost, String> {
    let parsed = PasswordHash::new(hash).map_err(|e| format!("not a hash in PHC form: {e}"))?;
    if parsed.algorithm != argon2::ARGON2ID_IDENT || parsed.version != Some(19) {
        return Err("not a hash by Argon2id version 19".to_owned());
    }
    if parsed.salt.is_none() || parsed.hash.is_none() {
        return Err("without a salt or without a hash".to_owned());
    }
    let param = |name: &str, what: &str, max: u32| match parsed.params.get_decimal(name) {
        Some(value) if (1..=max).contains(&value) => Ok(value),
        Some(value) => Err(format!("{what} ({name}) of {value}, must be 1 to {max}")),
        None => Err(format!("without {what} ({name})")),
    };
    let cost = Cost {
        memory: param("m", "memory in KiB", MAX_MEMORY)?,
        passes: param("t", "passes", MAX_PASSES)?,
        lanes: param("p", "lanes", MAX_LANES)?,
    };
    // The bounds come first: the crate's own check multiplies without them.
    Params::new(cost.memory, cost.passes, cost.lanes, None).map_err(|e| e.to_string())?;
    Ok(cost)
}

/// Checks a password against a hash; where logins learn whether a password is right.
pub(crate) trait Check: Send + Sync {
    /// Whether the hash is that of the password. Blocks for as long as the hash costs.
    fn check(&self, hash: &str, password: &str) -> bool;
}

/// The real check.
pub(crate) struct Argon2id;

impl Check for Argon2id {
    fn check(&self, hash: &str, password: &str) -> bool {
        PasswordHash::new(hash).is_ok_and(|hash| {
            Argon2::default()
                .verify_password(password.as_bytes(), &hash)
                .is_ok()
        })
    }
}

fn salt() -> Result<SaltString> {
    SaltString::encode_b64(&rand::random::<[u8; 16]>()).map_err(Error::internal)
}

#[cfg(test)]
pub(crate) mod tests {
    use argon2::{Algorithm, Version};

    use super::*;

    /// A hash that is cheap to check.
    pub(crate) fn cheap_hash(password: &str) -> String {
        let params = Params::new(8, 1, 1, None).unwrap();
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        argon2
            .hash_password(password.as_bytes(), &salt().unwrap())
            .unwrap()
            .to_string()
    }

    #[test]
    fn a_new_hash_has_the_owasp_parameters_and_its_own_salt() {
        let hash = hash_password("correct horse").unwrap();
        assert!(
            hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{hash}"
        );
        assert_eq!(check_password_hash(&hash), Ok(()));
        assert_eq!(cost(&hash), Ok(Cost::DEFAULT));
        assert_ne!(hash, hash_password("correct horse").unwrap());
        assert!(Argon2id.check(&hash, "correct horse"));
        assert!(!Argon2id.check(&hash, "correct horse "));
        assert!(!Argon2id.check(&hash, ""));
    }

    #[test]
    fn an_empty_password_has_no_hash() {
        assert!(matches!(hash_password(""), Err(Error::Password { .. })));
    }

    #[test]
    fn hashes_of_other_costs_are_accepted_within_bounds() {
        const TAIL: &str = "$c29tZSBzYWx0IDE2Qg$PZtICKp4kOGR8vd21ACm1sHZlvT3zSeeZoFTx5oXZPk";
        for (head, accepted) in [
            ("$argon2id$v=19$m=8,t=1,p=1", true),
            ("$argon2id$v=19$m=65536,t=3,p=4", true),
            ("$argon2id$v=19$m=262144,t=16,p=16", true),
            ("$argon2id$v=19$m=262145,t=1,p=1", false),
            ("$argon2id$v=19$m=4294967295,t=1,p=1", false),
            ("$argon2id$v=19$m=19456,t=17,p=1", false),
            ("$argon2id$v=19$m=19456,t=2,p=17", false),
            ("$argon2id$v=19$m=19456,t=2,p=4294967295", false),
            ("$argon2id$v=19$m=15,t=2,p=2", false),
            ("$argon2id$v=19$m=0,t=2,p=1", false),
            ("$argon2id$v=19$m=19456,t=0,p=1", false),
            ("$argon2id$v=19$m=19456,t=2", false),
            ("$argon2id$v=16$m=19456,t=2,p=1", false),
            ("$argon2id$m=19456,t=2,p=1", false),
            ("$argon2i$v=19$m=19456,t=2,p=1", false),
            ("$argon2d$v=19$m=19456,t=2,p=1", false),
            ("$scrypt$v=19$m=19456,t=2,p=1", false),
            ("plain text", false),
            ("", false),
        ] {
            let checked = check_password_hash(&format!("{head}{TAIL}"));
            assert_eq!(checked.is_ok(), accepted, "{head}: {checked:?}");
            let shown = format!("{checked:?}");
            assert!(!shown.contains("PZtICKp4"), "{shown}");
        }
        assert!(check_password_hash("$argon2id$v=19$m=8,t=1,p=1").is_err());
        assert!(check_password_hash("$argon2id$v=19$m=8,t=1,p=1$c29tZSBzYWx0IDE2Qg").is_err());
    }

    #[test]
    fn a_dummy_costs_as_much_and_has_no_password() {
        let real = cheap_hash("x");
        let cost_of_real = cost(&real).unwrap();
        let dummy = cost_of_real.dummy_hash().unwrap();
        assert_eq!(cost(&dummy), Ok(cost_of_real));
        assert_eq!(dummy.len(), real.len());
        assert!(!Argon2id.check(&dummy, "x") && !Argon2id.check(&dummy, ""));
    }
}
