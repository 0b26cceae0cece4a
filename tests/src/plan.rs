//! What the tests over real services and clients ask for, whatever the version of HTTP.

use crate::client::Request;

/// What each client asks each service: distinct targets, sizes, statuses and contexts.
pub fn requests(url: &str) -> Vec<Request> {
    let get = |path: String| Request::new("GET", format!("{url}{path}"));
    let mut requests: Vec<Request> = (0..20)
        .map(|i| get(format!("/sized/{}?n={i}", 1000 + i * 137)))
        .collect();
    requests.extend([204, 301, 304, 400, 404, 500, 503].map(|code| get(format!("/status/{code}"))));
    requests.extend((1..=5).map(|i| {
        let mut post = Request::new("POST", format!("{url}/echo/{i}"));
        post.body = 10_usize.pow(i);
        post
    }));
    requests.extend([20, 60].map(|milliseconds| get(format!("/slow/{milliseconds}"))));
    requests.push(get("/chunked/12".to_owned()));
    requests.push(get("/sized/200000".to_owned()));
    for (index, request) in requests.iter_mut().enumerate() {
        // Every third request comes with a context, sampled or not, with or without state.
        if index % 3 == 0 {
            let flags = if index % 2 == 0 { "01" } else { "00" };
            request.traceparent = Some(format!(
                "00-{:032x}-{:016x}-{flags}",
                0xabc_0000 + index,
                0xdef_0000 + index
            ));
            request.tracestate = (index % 2 == 0).then(|| format!("vendor=value{index}"));
        }
    }
    requests
}
