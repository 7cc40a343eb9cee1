//! Floating point numbers: the shortest digits that read back as the same number, plain between 0.0001 and 1e16.

/// The smallest power of ten that is still written plain, and the first that no longer is.
const PLAIN: std::ops::Range<i32> = -4..16;

pub(super) fn write_f32(value: f32) -> String {
    special(f64::from(value)).unwrap_or_else(|| decimal(&format!("{value:e}")))
}

pub(super) fn write_f64(value: f64) -> String {
    special(value).unwrap_or_else(|| decimal(&format!("{value:e}")))
}

pub(super) fn read_f64(text: &str) -> Option<f64> {
    text.parse().ok()
}

pub(super) fn read_f32(text: &str) -> Option<f32> {
    text.parse().ok()
}

/// `true`, and what databases make of it.
pub(super) fn read_boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "t" | "true" => Some(true),
        "0" | "f" | "false" => Some(false),
        _ => None,
    }
}

/// An unscaled decimal: digits without the point, with exactly `scale` behind it.
pub(super) fn read_decimal(text: &str, scale: i8) -> Option<String> {
    let scale = usize::try_from(scale).ok()?;
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let zeros = fraction.get(scale..).unwrap_or_default();
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let is_exact = zeros.bytes().all(|byte| byte == b'0');
    if (whole.is_empty() && fraction.is_empty()) || !is_number(whole) || !is_number(fraction) {
        return None;
    }
    let fraction = fraction.get(..scale).unwrap_or(fraction);
    is_exact.then(|| format!("{sign}0{whole}{fraction:0<scale$}"))
}

fn special(value: f64) -> Option<String> {
    let text = if value.is_nan() {
        "nan"
    } else if value == f64::INFINITY {
        "inf"
    } else if value == f64::NEG_INFINITY {
        "-inf"
    } else {
        return None;
    };
    Some(text.to_owned())
}

/// From `1.25e-7`, as Rust writes it.
fn decimal(scientific: &str) -> String {
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    let (sign, mantissa) = match mantissa.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", mantissa),
    };
    if !PLAIN.contains(&exponent) {
        let direction = if exponent < 0 { '-' } else { '+' };
        return format!("{sign}{mantissa}e{direction}{:02}", exponent.abs());
    }
    let digits = mantissa.replace('.', "");
    let Ok(before) = usize::try_from(exponent) else {
        let zeros = "0".repeat(usize::try_from(-exponent - 1).unwrap_or_default());
        return format!("{sign}0.{zeros}{digits}");
    };
    let before = before + 1;
    match digits.split_at_checked(before) {
        Some((whole, "")) => format!("{sign}{whole}.0"),
        Some((whole, fraction)) => format!("{sign}{whole}.{fraction}"),
        None => format!("{sign}{digits:0<before$}.0"),
    }
}
