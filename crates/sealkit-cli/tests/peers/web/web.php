<?php
// An application on PHP's built-in server that shares a session with sealkit: `/FORMAT/…` for each container of the SDK.
//
// GET  /FORMAT/who      the user; an expired session is refreshed and set again, as an application does it
// GET  /FORMAT/refresh  refreshes, whether that is due or not
// POST /FORMAT/set      seals the payload of the body, and sets it
// GET  /probe           the cookie `probe` as PHP gives it

declare(strict_types=1);

require __DIR__ . '/../containers.php';

const NAME = 'wos-session';

$settings = json_decode(getenv('SEALKIT_WEB'));
$path = explode('/', parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH));
header('content-type: application/json');
if ($path[1] === 'probe') {
    exit(json_encode(['value' => $_COOKIE['probe'] ?? null], JSON_THROW_ON_ERROR));
}
[, $format, $route] = $path;
$container = container($format);

$open = fn (): object => $container->open($_COOKIE[NAME] ?? '', $settings->password);
$put = fn (object $payload): bool => setcookie(
    NAME,
    $container->seal($payload, $settings->password),
    ['path' => '/', 'httponly' => true, 'samesite' => 'Lax'],
);

$claims = fn (object $payload): object =>
    json_decode(base64_decode(strtr(explode('.', $payload->access_token)[1], '-_', '+/')));
$told = fn (object $payload): array => [
    'authenticated' => true,
    'session_id' => $claims($payload)->sid,
    'access_token' => $payload->access_token,
    'email' => $payload->user->email ?? null,
    'first_name' => $payload->user->first_name ?? null,
];
$refresh = function () use ($settings, $open, $put, $told): array {
    $asked = [
        'grant_type' => 'refresh_token', 'client_id' => $settings->clientId, 'client_secret' => $settings->apiKey,
        'refresh_token' => $open()->refresh_token,
    ];
    $context = stream_context_create(['http' => [
        'method' => 'POST', 'header' => 'content-type: application/json', 'content' => json_encode($asked),
    ]]);
    $answer = json_decode(file_get_contents("{$settings->baseUrl}/user_management/authenticate", false, $context));
    $payload = (object) array_intersect_key((array) $answer, array_flip(['access_token', 'refresh_token', 'user']));
    $put($payload);
    return $told($payload) + ['refreshed' => true];
};
$who = function () use ($open, $claims, $told, $refresh): array {
    $payload = $open();
    return $claims($payload)->exp <= time() ? $refresh() : $told($payload);
};

try {
    $answer = match ($route) {
        'who' => $who(),
        'refresh' => $refresh(),
        'set' => ['set' => $put(json_decode(file_get_contents('php://input'), flags: JSON_THROW_ON_ERROR))],
    };
} catch (Throwable $error) {
    http_response_code(401);
    $answer = ['authenticated' => false, 'reason' => $error->getMessage()];
}
echo json_encode($answer, JSON_THROW_ON_ERROR);
