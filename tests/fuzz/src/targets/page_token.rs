//! Page tokens: what nobody has given out is refused, and what was given out reads back, by the same query only.

use watchbell_store::paging::{FiltersHash, PageLimits, PageRequest};

type Cursor = (i64, String);

pub(super) fn run(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    assert!(
        parse(&text, filters("a")).is_none_or(|after| after.is_none()),
        "a made-up token is taken"
    );
    let cursor: Cursor = (input.len().try_into().unwrap(), text.into_owned());
    let first = PageRequest::<Cursor>::parse(1, "", PageLimits::default(), filters("a")).unwrap();
    let page = first.page(vec![(), ()], |()| cursor.clone()).unwrap();
    let token = page.next_page_token;
    assert!(
        token
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)),
        "{token}"
    );
    assert_eq!(parse(&token, filters("a")), Some(Some(cursor)));
    assert_eq!(parse(&token, filters("b")), None, "of another query");
    let altered = format!(
        "{token}{}",
        char::from(input.first().copied().unwrap_or(b'A') & 0x7f)
    );
    assert_eq!(parse(&altered, filters("a")), None, "altered");
}

fn filters(kind: &str) -> FiltersHash {
    FiltersHash::for_method("ListThings").with(kind)
}

fn parse(token: &str, filters: FiltersHash) -> Option<Option<Cursor>> {
    let request = PageRequest::<Cursor>::parse(1, token, PageLimits::default(), filters);
    request.ok().map(|request| request.after)
}
