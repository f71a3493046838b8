<?php
// The containers that the PHP SDK writes, from their layouts, with PHP's own sodium and hash modules and nothing of sealkit's.
// The real package's vectors judge them as they judge sealkit.

declare(strict_types=1);

const DEFAULT_TTL = 30 * 86400;

function decoded(string $text): string
{
    $bytes = base64_decode($text, true);
    return $bytes === false ? throw new RuntimeException('not base64') : $bytes;
}

function unexpired(int $end): void
{
    time() > $end && throw new RuntimeException('expired');
}

/** SessionManager since 5.0. */
final class PhpSecretbox
{
    public function seal(mixed $payload, string $password): string
    {
        $nonce = random_bytes(SODIUM_CRYPTO_SECRETBOX_NONCEBYTES);
        $text = json_encode($payload, JSON_UNESCAPED_SLASHES | JSON_THROW_ON_ERROR);
        return base64_encode($nonce . sodium_crypto_secretbox($text, $nonce, base64_decode($password)));
    }

    public function open(string $sealed, string $password): mixed
    {
        $bytes = decoded($sealed);
        $nonce = substr($bytes, 0, SODIUM_CRYPTO_SECRETBOX_NONCEBYTES);
        $text = sodium_crypto_secretbox_open(substr($bytes, strlen($nonce)), $nonce, base64_decode($password));
        return $text === false ? throw new RuntimeException('bad tag') : json_decode($text, flags: JSON_THROW_ON_ERROR);
    }
}

/** HaliteSessionEncryption of 4.30 to 4.32, with what Halite 4 does inside. */
final class PhpHalite
{
    private const HEADER = "\x31\x42\x04\x00";
    private const SALT_BYTES = 32;
    private const MAC_BYTES = 64;

    public function seal(mixed $payload, string $password, int $ttl = DEFAULT_TTL): string
    {
        $text = json_encode(['data' => $payload, 'expires_at' => time() + $ttl], JSON_THROW_ON_ERROR);
        $salt = random_bytes(self::SALT_BYTES);
        $nonce = random_bytes(SODIUM_CRYPTO_STREAM_NONCEBYTES);
        [$encryption, $authentication] = $this->keys($password, $salt);
        $body = self::HEADER . $salt . $nonce . sodium_crypto_stream_xor($text, $nonce, $encryption);
        $mac = sodium_crypto_generichash($body, $authentication, self::MAC_BYTES);
        return base64_encode(sodium_bin2base64($body . $mac, SODIUM_BASE64_VARIANT_URLSAFE));
    }

    public function open(string $sealed, string $password): mixed
    {
        $bytes = sodium_base642bin(decoded($sealed), SODIUM_BASE64_VARIANT_URLSAFE);
        str_starts_with($bytes, self::HEADER) || throw new RuntimeException('unknown version');
        $body = substr($bytes, 0, -self::MAC_BYTES);
        $salt = substr($body, strlen(self::HEADER), self::SALT_BYTES);
        $nonce = substr($body, strlen(self::HEADER) + self::SALT_BYTES, SODIUM_CRYPTO_STREAM_NONCEBYTES);
        [$encryption, $authentication] = $this->keys($password, $salt);
        $mac = sodium_crypto_generichash($body, $authentication, self::MAC_BYTES);
        hash_equals($mac, substr($bytes, -self::MAC_BYTES)) || throw new RuntimeException('bad tag');
        $ciphertext = substr($body, strlen(self::HEADER) + self::SALT_BYTES + strlen($nonce));
        $envelope = json_decode(sodium_crypto_stream_xor($ciphertext, $nonce, $encryption), flags: JSON_THROW_ON_ERROR);
        unexpired($envelope->expires_at);
        return $envelope->data;
    }

    /** Keys for encryption and authentication. */
    private function keys(string $password, string $salt): array
    {
        $master = hash_hkdf('sha256', $password, 32, '', str_repeat("\0", 32));
        $prk = sodium_crypto_generichash($master, $salt, 32);
        $of = fn (string $info) => sodium_crypto_generichash($info . "\x01", $prk, 32);
        return [$of('Halite|EncryptionKey'), $of('AuthenticationKeyFor_|Halite')];
    }
}

/** SigningOnlySessionHandler of 4.30 to 4.32. */
final class PhpSigned
{
    public function seal(mixed $payload, string $password, int $ttl = DEFAULT_TTL): string
    {
        $text = json_encode(['v' => 1, 'd' => $payload, 'e' => time() + $ttl], JSON_THROW_ON_ERROR);
        $mac = hash_hmac('sha256', $text, $password, true);
        return base64_encode(json_encode(['p' => base64_encode($text), 's' => base64_encode($mac)]));
    }

    public function open(string $sealed, string $password): mixed
    {
        $outer = json_decode(decoded($sealed), flags: JSON_THROW_ON_ERROR);
        $text = decoded($outer->p);
        $mac = hash_hmac('sha256', $text, $password, true);
        hash_equals($mac, decoded($outer->s)) || throw new RuntimeException('bad tag');
        $envelope = json_decode($text, flags: JSON_THROW_ON_ERROR);
        $envelope->v === 1 || throw new RuntimeException('unknown version');
        unexpired($envelope->e);
        return $envelope->d;
    }
}

/** The container of this name. */
function container(string $format): PhpSecretbox|PhpHalite|PhpSigned
{
    return match ($format) {
        'php-secretbox' => new PhpSecretbox(),
        'php-halite' => new PhpHalite(),
        'php-signed' => new PhpSigned(),
    };
}
