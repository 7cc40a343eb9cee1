use std::time::Duration;

/// The longest of the flags `--timeout`, in seconds.
const LONGEST: f64 = 600.0;

/// What the flag `--timeout` says, in seconds.
///
/// # Errors
/// A message that says what is allowed.
pub(crate) fn timeout(seconds: f64) -> Result<Duration, String> {
    if seconds > 0.0 && seconds <= LONGEST {
        Ok(Duration::from_secs_f64(seconds))
    } else {
        Err(format!(
            "--timeout {seconds} is out of range; it is more than 0 and at most {LONGEST} seconds"
        ))
    }
}
