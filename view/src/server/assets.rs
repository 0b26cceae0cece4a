//! The page: the files of `page/dist`, embedded by `build.rs`.

use axum::response::{IntoResponse as _, Response};
use http::{StatusCode, header};

/// Path and content.
static FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/assets.rs"));

const NO_PAGE: &str = "<!doctype html><meta charset=utf-8><title>Sonde</title>\
<p>This build has no page (view/page/dist was missing); the API is at <a href=/api/openapi.json>/api/openapi.json</a>.\n";

/// The file at `path`, or the page itself for paths that only the page knows.
pub(super) fn asset(path: &str) -> Response {
    let found = |name: &str| FILES.iter().find(|(known, _)| *known == name);
    if let Some((name, content)) = found(path).filter(|_| path != "/index.html") {
        let caching = if name.starts_with("/assets/") {
            "public, max-age=31536000, immutable"
        } else {
            "no-cache"
        };
        return (
            [
                (header::CONTENT_TYPE, media_type(name)),
                (header::CACHE_CONTROL, caching),
            ],
            *content,
        )
            .into_response();
    }
    let last = path.rsplit('/').next().unwrap_or_default();
    if last.contains('.') && path != "/index.html" {
        return (StatusCode::NOT_FOUND, "not found\n").into_response();
    }
    let page = found("/index.html").map_or(NO_PAGE.as_bytes(), |(_, content)| content);
    (
        [
            (header::CONTENT_TYPE, "text/html; charset=utf-8"),
            (header::CACHE_CONTROL, "no-cache"),
        ],
        page,
    )
        .into_response()
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
