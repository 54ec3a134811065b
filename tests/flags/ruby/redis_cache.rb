# A Rails cache in a real Redis, with nothing but a socket: Debian's Flipper brings no Redis client.
require "active_support"
require "active_support/cache"
require "socket"

class RedisCache < ActiveSupport::Cache::Store
  def initialize(port, **options)
    super(options)
    @line = TCPSocket.new("127.0.0.1", port)
  end

  def call(*words)
    @line.write("*#{words.size}\r\n" + words.map { |w| "$#{w.to_s.bytesize}\r\n#{w}\r\n" }.join)
    head = @line.gets("\r\n").chomp
    raise head if head.start_with?("-")
    return head[1..] unless head.start_with?("$")
    size = head[1..].to_i
    return nil if size.negative?
    @line.read(size + 2)[0...size]
  end

  private

  def read_entry(key, **)
    packed = call("GET", key)
    packed && Marshal.load(packed)
  end

  def write_entry(key, entry, unless_exist: false, **)
    call("SET", key, Marshal.dump(entry), *(unless_exist ? ["NX"] : [])) == "OK"
  end

  def delete_entry(key, **)
    call("DEL", key) == "1"
  end
end
