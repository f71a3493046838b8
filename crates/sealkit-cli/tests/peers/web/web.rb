# An application on Rack and Puma that shares a session with sealkit.
#
# GET  /who      the user; an expired session is refreshed and set again, as an application does it
# GET  /refresh  refreshes, whether that is due or not
# POST /set      seals the payload of the body, and sets it
# GET  /probe    the cookie `probe` as Rack gives it

require "json"
require "net/http"
require "puma"
require "rack"
require_relative "../containers"

SETTINGS = JSON.parse(ENV.fetch("SEALKIT_WEB"))
NAME = "wos-session".freeze

# The routes, for one container of the Ruby SDK.
class Application
  def initialize(format, password)
    @format = FORMATS.fetch(format)
    @password = password
  end

  def call(env)
    request = Rack::Request.new(env)
    status, body, sealed = respond(request)
    response = Rack::Response.new([JSON.generate(body)], status, { "content-type" => "application/json" })
    response.set_cookie(NAME, { value: sealed, path: "/", httponly: true, same_site: :lax }) if sealed
    response.finish
  end

  private

  def respond(request)
    case request.path
    when "/who" then who(request.cookies[NAME])
    when "/refresh" then refresh(request.cookies[NAME])
    when "/set" then [200, { set: true }, seal(JSON.parse(request.body.read))]
    when "/probe" then [200, { value: request.cookies["probe"] }]
    else [404, {}]
    end
  rescue StandardError => e
    [401, { authenticated: false, reason: "#{e.class}: #{e.message}" }]
  end

  def who(sealed)
    payload = open(sealed)
    return refresh(sealed) if claims(payload)["exp"] <= Time.now.to_i

    [200, told(payload)]
  end

  def refresh(sealed)
    asked = {
      grant_type: "refresh_token", client_id: SETTINGS["clientId"], client_secret: SETTINGS["apiKey"],
      refresh_token: open(sealed).fetch("refresh_token"),
    }
    url = URI("#{SETTINGS["baseUrl"]}/user_management/authenticate")
    answer = Net::HTTP.post(url, JSON.generate(asked), "content-type" => "application/json")
    raise answer.body unless answer.code == "200"

    payload = JSON.parse(answer.body).slice("access_token", "refresh_token", "user", "impersonator").compact
    [200, told(payload).merge(refreshed: true), seal(payload)]
  end

  def told(payload)
    {
      authenticated: true, session_id: claims(payload)["sid"], access_token: payload["access_token"],
      email: payload["user"]["email"], first_name: payload["user"]["first_name"],
    }
  end

  def claims(payload)
    JSON.parse(Base64.urlsafe_decode64(payload.fetch("access_token").split(".")[1]))
  end

  def open(sealed)
    JSON.parse(@format.open(sealed, @password).force_encoding("UTF-8"))
  end

  def seal(payload)
    @format.seal(JSON.generate(payload), @password)
  end
end

ports = { "ruby-v7" => SETTINGS["password"], "ruby-v6" => SETTINGS["password32"] }.to_h do |format, password|
  server = Puma::Server.new(Application.new(format, password), Puma::Events.strings, min_threads: 1, max_threads: 2)
  port = server.add_tcp_listener("127.0.0.1", 0).addr[1]
  server.run
  [format, port]
end
$stdout.sync = true
puts JSON.generate(ports)
# The test holds the other end, and this process ends with it.
$stdin.read
