# The containers that the Ruby SDK writes, from their layouts, with Ruby's own OpenSSL and nothing of sealkit's.
# The real gem's vectors judge them as they judge sealkit.

require "base64"
require "openssl"

# The gem `encryptor`, as the SDK used it up to 6.x: the password is the key, the tag is at the end, lines of 60.
module RubyV6
  def self.seal(text, password)
    cipher = OpenSSL::Cipher.new("aes-256-gcm").encrypt
    cipher.key = password
    iv = cipher.random_iv
    cipher.auth_data = ""
    Base64.encode64(iv + cipher.update(text) + cipher.final + cipher.auth_tag)
  end

  def self.open(sealed, password)
    bytes = Base64.decode64(sealed)
    cipher = OpenSSL::Cipher.new("aes-256-gcm").decrypt
    cipher.key = password
    cipher.iv = bytes[0, 12]
    cipher.auth_tag = bytes[-16, 16]
    cipher.auth_data = ""
    cipher.update(bytes[12..-17]) + cipher.final
  end
end

# WorkOS::Encryptors::AesGcm since 7.0: a version, the tag before the ciphertext, the password hashed.
module RubyV7
  def self.seal(text, password)
    cipher = OpenSSL::Cipher.new("aes-256-gcm").encrypt
    cipher.key = OpenSSL::Digest::SHA256.digest(password)
    iv = cipher.random_iv
    ciphertext = cipher.update(text) + cipher.final
    Base64.strict_encode64("\x01".b + iv + cipher.auth_tag(16) + ciphertext)
  end

  def self.open(sealed, password)
    bytes = Base64.decode64(sealed)
    raise ArgumentError, "unknown version" unless bytes[0] == "\x01".b

    cipher = OpenSSL::Cipher.new("aes-256-gcm").decrypt
    cipher.key = OpenSSL::Digest::SHA256.digest(password)
    cipher.iv = bytes[1, 12]
    cipher.auth_tag = bytes[13, 16]
    cipher.update(bytes[29..]) + cipher.final
  end
end

FORMATS = { "ruby-v6" => RubyV6, "ruby-v7" => RubyV7 }.freeze
