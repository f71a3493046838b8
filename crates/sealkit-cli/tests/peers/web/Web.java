// Applications on Tomcat and on the JDK's own server that share a session with sealkit through the Kotlin SDK: each on a port of
// its own, in one process.
//
// GET  /who      the user; an expired session is refreshed and set again, as an application does it
// GET  /refresh  refreshes, whether that is due or not
// POST /set      seals the payload of the body, and sets it
// GET  /probe    the cookie `probe` as the server gives it

import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import com.workos.WorkOS;
import com.workos.models.User;
import com.workos.session.AuthenticateSessionResult;
import com.workos.session.RefreshSessionResult;
import com.workos.session.Session;
import com.workos.session.SessionKt;
import jakarta.servlet.http.Cookie;
import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Executors;
import java.util.logging.Level;
import java.util.logging.Logger;
import org.apache.catalina.Context;
import org.apache.catalina.startup.Tomcat;

public final class Web {
    private static final String NAME = "wos-session";
    private static final ObjectMapper JSON = new ObjectMapper();

    /** What a route says, and the seal that it sets, if any. */
    private record Answer(int status, Map<String, Object> body, String sealed) {}

    private final Session session;
    private final String password;

    private Web(Session session, String password) {
        this.session = session;
        this.password = password;
    }

    public static void main(String[] arguments) throws Exception {
        // Tomcat tells its start otherwise, between the lines that are asked for.
        Logger.getLogger("").setLevel(Level.SEVERE);
        Map<?, ?> settings = JSON.readValue(System.getenv("SEALKIT_WEB"), Map.class);
        WorkOS workos = WorkOS.builder()
            .apiKey((String) settings.get("apiKey"))
            .clientId((String) settings.get("clientId"))
            .apiBaseUrl((String) settings.get("baseUrl"))
            .build();
        Web web = new Web(SessionKt.getSession(workos), (String) settings.get("password"));
        Map<String, Object> ports = Map.of("tomcat", web.onTomcat(), "jdk", web.onJdk());
        System.out.println(JSON.writeValueAsString(ports));
        // The test holds the other end, and this process ends with it.
        while (System.in.read() >= 0) {}
        System.exit(0);
    }

    private int onTomcat() throws Exception {
        Tomcat tomcat = new Tomcat();
        tomcat.setBaseDir(System.getenv("SEALKIT_FOLDER"));
        tomcat.setPort(0);
        tomcat.getConnector().setProperty("address", "127.0.0.1");
        Context context = tomcat.addContext("", null);
        Tomcat.addServlet(context, "session", new HttpServlet() {
            @Override
            protected void service(HttpServletRequest request, HttpServletResponse response) throws IOException {
                Map<String, String> cookies = new LinkedHashMap<>();
                if (request.getCookies() != null) {
                    for (Cookie cookie : request.getCookies()) {
                        cookies.putIfAbsent(cookie.getName(), cookie.getValue());
                    }
                }
                Answer answer = answer(request.getRequestURI(), cookies, request.getInputStream().readAllBytes());
                if (answer.sealed() != null) {
                    Cookie cookie = new Cookie(NAME, answer.sealed());
                    cookie.setPath("/");
                    cookie.setHttpOnly(true);
                    response.addCookie(cookie);
                }
                response.setStatus(answer.status());
                response.setContentType("application/json");
                response.getOutputStream().write(JSON.writeValueAsBytes(answer.body()));
            }
        });
        context.addServletMappingDecoded("/*", "session");
        tomcat.start();
        return tomcat.getConnector().getLocalPort();
    }

    private int onJdk() throws IOException {
        HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", 0), 0);
        server.setExecutor(Executors.newFixedThreadPool(2));
        server.createContext("/", this::exchange);
        server.start();
        return server.getAddress().getPort();
    }

    /** The JDK's server has no cookies of its own: an application splits the header. */
    private void exchange(HttpExchange exchange) throws IOException {
        Map<String, String> cookies = new LinkedHashMap<>();
        String header = exchange.getRequestHeaders().getFirst("Cookie");
        for (String pair : (header == null ? "" : header).split("; ?")) {
            int equals = pair.indexOf('=');
            if (equals > 0) {
                cookies.putIfAbsent(pair.substring(0, equals), pair.substring(equals + 1));
            }
        }
        Answer answer = answer(exchange.getRequestURI().getPath(), cookies, exchange.getRequestBody().readAllBytes());
        if (answer.sealed() != null) {
            exchange.getResponseHeaders().add("Set-Cookie", NAME + "=" + answer.sealed() + "; Path=/; HttpOnly; SameSite=Lax");
        }
        byte[] body = JSON.writeValueAsBytes(answer.body());
        exchange.getResponseHeaders().add("Content-Type", "application/json");
        exchange.sendResponseHeaders(answer.status(), body.length);
        exchange.getResponseBody().write(body);
        exchange.close();
    }

    private Answer answer(String path, Map<String, String> cookies, byte[] body) {
        try {
            return switch (path) {
                case "/who" -> who(cookies.getOrDefault(NAME, ""));
                case "/refresh" -> refresh(cookies.getOrDefault(NAME, ""));
                case "/set" -> new Answer(200, Map.of("set", true), seal(body));
                case "/probe" -> {
                    Map<String, Object> probed = new LinkedHashMap<>();
                    probed.put("value", cookies.get("probe"));
                    yield new Answer(200, probed, null);
                }
                default -> new Answer(404, Map.of(), null);
            };
        } catch (Exception error) {
            return refused(error.toString());
        }
    }

    private Answer who(String sealed) {
        if (session.authenticateWithSessionCookie(sealed, password) instanceof AuthenticateSessionResult.Success who) {
            return new Answer(200, told(who.getSessionId(), who.getUser(), who.getAccessToken()), null);
        }
        // The SDK names an expired token and a bad one alike, and its documentation refreshes for both.
        return refresh(sealed);
    }

    private Answer refresh(String sealed) {
        RefreshSessionResult result = session.refreshSession(sealed, password);
        if (result instanceof RefreshSessionResult.Success refreshed) {
            Object token = session.unsealData(refreshed.getSealedSession(), password).get("accessToken");
            Map<String, Object> told = told(refreshed.getSessionId(), refreshed.getUser(), (String) token);
            told.put("refreshed", true);
            return new Answer(200, told, refreshed.getSealedSession());
        }
        return refused(result.toString());
    }

    @SuppressWarnings("unchecked")
    private String seal(byte[] body) throws IOException {
        return session.sealData(JSON.readValue(body, Map.class), password);
    }

    private static Map<String, Object> told(String sessionId, User user, String accessToken) {
        Map<String, Object> told = new LinkedHashMap<>();
        told.put("authenticated", true);
        told.put("session_id", sessionId);
        told.put("access_token", accessToken);
        told.put("email", user.getEmail());
        told.put("first_name", user.getFirstName());
        return told;
    }

    private static Answer refused(String reason) {
        return new Answer(401, Map.of("authenticated", false, "reason", reason), null);
    }
}
