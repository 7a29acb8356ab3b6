//! Service extensions that a server offers in its reply to EHLO (RFC 5321 §4.1.1.1).

use super::reply::Reply;

/// The extensions that matter here. Keywords are compared without case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Extensions {
    pub(super) starttls: bool,
    pub(super) eight_bit: bool,
    pub(super) smtputf8: bool,
    pub(super) plain: bool,
    pub(super) login: bool,
    /// The mechanisms as the server names them, when it offers any.
    pub(super) auth: Option<String>,
}

impl Extensions {
    pub(super) fn in_reply(reply: &Reply) -> Self {
        let mut extensions = Self::default();
        // The first line is the server's name.
        for line in reply.lines.iter().skip(1) {
            // `AUTH=PLAIN` is how some wrote it before there was a standard.
            let mut words = line.split([' ', '=']).filter(|word| !word.is_empty());
            let keyword = words.next().unwrap_or_default().to_ascii_uppercase();
            match keyword.as_str() {
                "STARTTLS" => extensions.starttls = true,
                "8BITMIME" => extensions.eight_bit = true,
                "SMTPUTF8" => extensions.smtputf8 = true,
                "AUTH" => {
                    let mechanisms: Vec<_> = words.map(str::to_ascii_uppercase).collect();
                    extensions.plain |= mechanisms.iter().any(|mechanism| mechanism == "PLAIN");
                    extensions.login |= mechanisms.iter().any(|mechanism| mechanism == "LOGIN");
                    extensions.auth = Some(mechanisms.join(" ").chars().take(100).collect());
                }
                _ => {}
            }
        }
        extensions
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extensions(lines: &[&str]) -> Extensions {
        Extensions::in_reply(&Reply {
            code: 250,
            lines: lines.iter().map(ToString::to_string).collect(),
        })
    }

    #[test]
    fn keywords_have_no_case() {
        let upper = extensions(&[
            "mx",
            "8BITMIME",
            "SMTPUTF8",
            "STARTTLS",
            "AUTH PLAIN LOGIN CRAM-MD5",
        ]);
        let lower = extensions(&[
            "mx",
            "8bitmime",
            "SmtpUtf8",
            "starttls",
            "auth plain login cram-md5",
        ]);
        assert_eq!(upper, lower);
        assert!(upper.starttls && upper.eight_bit && upper.smtputf8 && upper.plain && upper.login);
        assert!(extensions(&["mx", "AUTH=LOGIN"]).login);
    }

    #[test]
    fn a_name_is_no_offer_and_what_is_unknown_is_passed_over() {
        assert_eq!(extensions(&["STARTTLS"]), Extensions::default());
        assert_eq!(
            extensions(&["", "", "SIZE 1000", "XSTARTTLS", "STARTTLSX"]),
            Extensions::default()
        );
        let other = extensions(&["mx", "AUTH CRAM-MD5 XOAUTH2"]);
        assert_eq!((other.plain, other.login), (false, false));
        assert_eq!(other.auth.as_deref(), Some("CRAM-MD5 XOAUTH2"));
    }
}
