//! What stands between browser and application, and from which size of a session on it is in the way.

/// The head of a response that nginx takes at its defaults: all of it must fit into one memory page (`proxy_buffer_size`, 4 KiB on
/// x86-64), or nginx answers 502.
const NGINX_RESPONSE_HEAD: usize = 4096;

/// What the callback's response head holds besides name and value of the session cookie: status, `Location`, cache headers, the
/// attributes, and the deletion of the verifier cookie are 377 bytes. The rest is room for a return path, a `Domain` and headers of
/// the application.
const REST_OF_THE_HEAD: usize = 768;

/// From this size on, name and value together, a session is worth a warning: 3,328 bytes. The callback that sets a larger one may be
/// 502 behind an nginx with its default settings.
///
/// `sealkit-axum` has a test with nginx that states the exact limits.
pub const WARN_COOKIE_BYTES: usize = NGINX_RESPONSE_HEAD - REST_OF_THE_HEAD;

/// The limits of proxies and servers at their defaults, and the directives of nginx that raise them: for logs and reports.
pub const PROXY_LIMITS: &str = "behind nginx raise proxy_buffer_size, proxy_buffers and proxy_busy_buffers_size (a response head \
    of over 4 KiB is 502) and large_client_header_buffers (a Cookie line of over 8 KiB is 400); Tomcat answers 400, Jetty 431 and \
    Ktor 400 from 8 KiB of request head on, Node.js 431 from 16 KiB";
