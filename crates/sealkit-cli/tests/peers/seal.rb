# What the Ruby SDK writes and reads, one question a line.

require "json"
require_relative "containers"

format = FORMATS.fetch(ARGV.fetch(0))

$stdout.sync = true
while (line = $stdin.gets)
  question = JSON.parse(line)
  given = question["arguments"]
  answer =
    begin
      case question["operation"]
      when "seal" then { ok: format.seal(JSON.generate(given["payload"]), given["password"]) }
      when "open" then { ok: format.open(given["sealed"], given["password"]).force_encoding("UTF-8") }
      else raise ArgumentError, "no operation #{question["operation"]}"
      end
    rescue StandardError => e
      { error: { name: e.class.name, message: e.message } }
    end
  puts JSON.generate(answer)
end
