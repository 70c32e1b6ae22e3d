//! A tenant's id: exactly twelve decimal digits.

use crate::checked_text;
use crate::error::{Error, Result};

const DIGITS: usize = 12;

checked_text! {
    /// A tenant's id. It is part of the name of each of the tenant's resources.
    TenantId, check
}

impl TenantId {
    /// A new id from the operating system's random source. It does not begin with 0, because spreadsheets and shells
    /// drop leading zeros.
    ///
    /// # Errors
    /// `Internal` when the operating system has no random bytes.
    pub fn generate() -> Result<Self> {
        let random = getrandom::u64().map_err(|error| Error::internal("drawing a tenant id").with_source(error))?;
        let lowest = 10_u64.pow(DIGITS as u32 - 1);
        Ok(Self((lowest + random % (9 * lowest)).to_string()))
    }
}

fn check(id: &str) -> Result<(), String> {
    if id.len() == DIGITS && id.bytes().all(|byte| byte.is_ascii_digit()) {
        Ok(())
    } else {
        Err(format!("{id:?} is not a tenant id: allowed are exactly {DIGITS} digits, as in \"123456789012\""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_twelve_ascii_digits_are_an_id() {
        for good in ["123456789012", "000000000000"] {
            assert!(TenantId::try_from(good.to_owned()).is_ok(), "{good}");
        }
        for bad in ["", "12345678901", "1234567890123", "12345678901a", "-12345678901", "١٢٣٤٥٦٧٨٩٠١٢", "123456789012 "]
        {
            let message = TenantId::try_from(bad.to_owned()).unwrap_err();
            assert!(message.contains("exactly 12 digits"), "{message}");
        }
    }

    #[test]
    fn generated_ids_are_valid_and_differ() {
        let ids: std::collections::HashSet<_> = (0..100).map(|_| TenantId::generate().unwrap()).collect();
        assert_eq!(ids.len(), 100);
        assert!(ids.iter().all(|id| TenantId::try_from(id.to_string()).is_ok() && !id.as_str().starts_with('0')));
    }
}
