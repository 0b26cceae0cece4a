//! Secrets out of URLs: query values by key, and credentials of an authority.
//!
//! The keys are those of the OpenTelemetry attribute `url.full`, of its current and its earlier text, and the
//! operator's own. Keys are compared case-sensitively and as sent, as the convention says; values are not searched
//! for things that look secret.

use std::borrow::Cow;

/// What stands for a value that was taken out.
pub const REDACTED: &str = "REDACTED";

/// Keys whose values are always redacted (OpenTelemetry registry, `url.full`; the last two were in earlier versions).
pub const SENSITIVE_KEYS: [&str; 7] = [
    "X-Amz-Signature",
    "X-Amz-Credential",
    "X-Amz-Security-Token",
    "sig",
    "X-Goog-Signature",
    "AWSAccessKeyId",
    "Signature",
];

/// The query (without `?`) with the values of sensitive keys replaced; borrowed when there is none.
#[must_use]
pub fn query<'a>(query: &'a str, extra: &[String]) -> Cow<'a, str> {
    if !query.split('&').any(|pair| is_secret(pair, extra)) {
        return Cow::Borrowed(query);
    }
    let mut out = String::with_capacity(query.len() + REDACTED.len());
    for (index, pair) in query.split('&').enumerate() {
        if index > 0 {
            out.push('&');
        }
        match pair.split_once('=') {
            Some((key, _)) if is_sensitive(key, extra) => {
                out.push_str(key);
                out.push('=');
                out.push_str(REDACTED);
            }
            _ => out.push_str(pair),
        }
    }
    Cow::Owned(out)
}

/// Host and port of an authority, without its user information (RFC 3986 section 3.2.1).
#[must_use]
pub fn without_credentials(authority: &str) -> &str {
    authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host)
}

/// The authority as `url.full` shows it: `REDACTED:REDACTED@host` where it had credentials.
#[must_use]
pub fn authority(authority: &str) -> Cow<'_, str> {
    match authority.rsplit_once('@') {
        Some((_, host)) => Cow::Owned(format!("{REDACTED}:{REDACTED}@{host}")),
        None => Cow::Borrowed(authority),
    }
}

fn is_secret(pair: &str, extra: &[String]) -> bool {
    pair.split_once('=')
        .is_some_and(|(key, value)| value != REDACTED && is_sensitive(key, extra))
}

fn is_sensitive(key: &str, extra: &[String]) -> bool {
    SENSITIVE_KEYS.contains(&key) || extra.iter().any(|name| name == key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn values_of_sensitive_keys_are_replaced() {
        let extra = ["token".to_owned()];
        for (input, expected) in [
            ("", ""),
            ("a=1&b", "a=1&b"),
            ("a=1&sig=x=y&b=2", "a=1&sig=REDACTED&b=2"),
            ("Sig=x", "Sig=x"),
            ("token=&sig", "token=REDACTED&sig"),
            (
                "AWSAccessKeyId=k&Signature=s",
                "AWSAccessKeyId=REDACTED&Signature=REDACTED",
            ),
            (
                "X-Amz-Credential=c&&X-Goog-Signature=g",
                "X-Amz-Credential=REDACTED&&X-Goog-Signature=REDACTED",
            ),
        ] {
            assert_eq!(query(input, &extra), expected, "{input}");
        }
        assert_eq!(authority("u:p@h:1"), "REDACTED:REDACTED@h:1");
        assert_eq!(without_credentials("a@b@h"), "h");
    }

    proptest! {
        #[test]
        fn redaction_is_idempotent(text in "(sig|a|token)?[=&a-z%]{0,40}(&sig=[^&]{0,9})?") {
            let once = query(&text, &[]).into_owned();
            prop_assert_eq!(query(&once, &[]), once.as_str());
        }
    }
}
