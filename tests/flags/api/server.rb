# frozen_string_literal: true

# Ruby Flipper's HTTP API for the tests, over Debian's own Flipper, ActiveRecord and SQLite.
#
# Debian's ruby-flipper leaves flipper-api out (its api.rb requires files that are not there), so
# routes, error codes and the reading of parameters are written anew here, after the API's
# documentation and measurements of flipper-api 1.4.2. All that a gate means (what wipes what, which
# rows stay, what creates a feature) is Flipper's own code. Its 0.25 has no expressions: they are
# rows beside the others, as 1.x writes them.
#
#   API_PORT, API_DATABASE: where it listens and what it keeps
#   API_TOKEN, or API_USER and API_PASSWORD: what it asks for, if anything

require 'json'
require 'logger'
require 'rack'
require 'rack/handler/webrick'
require 'active_record'
require 'flipper'

ActiveRecord::Base.establish_connection(
  adapter: 'sqlite3', database: ENV.fetch('API_DATABASE'), pool: 32, timeout: 5000
)
require 'flipper/adapters/active_record'

ActiveRecord::Schema.verbose = false
ActiveRecord::Schema.define do
  unless ActiveRecord::Base.connection.table_exists?(:flipper_features)
    create_table(:flipper_features) do |t|
      t.string :key, null: false
      t.timestamps null: false
    end
    add_index :flipper_features, :key, unique: true
    create_table(:flipper_gates) do |t|
      t.string :feature_key, null: false
      t.string :key, null: false
      t.text :value
      t.timestamps null: false
    end
    add_index :flipper_gates, %i[feature_key key value], unique: true
  end
end

Row = Flipper::Adapters::ActiveRecord::Gate
FLIPPER = Flipper.new(Flipper::Adapters::ActiveRecord.new)

# Asks for a bearer token or for basic authentication, as an application's own middleware would.
class Gatekeeper
  def initialize(app)
    @app = app
    @wanted =
      if ENV['API_TOKEN']
        "Bearer #{ENV['API_TOKEN']}"
      elsif ENV['API_USER']
        "Basic #{["#{ENV['API_USER']}:#{ENV['API_PASSWORD']}"].pack('m0')}"
      end
  end

  def call(env)
    return @app.call(env) if @wanted.nil? || env['HTTP_AUTHORIZATION'] == @wanted

    [401, { 'Content-Type' => 'text/plain' }, ['who are you?']]
  end
end

class Api
  ERRORS = {
    feature_not_found: [1, 404], group_not_registered: [2, 404], percentage_invalid: [3, 422],
    flipper_id_missing: [4, 422], name_missing: [5, 422], expression_invalid: [7, 422]
  }.freeze
  GATE = %r{\A/features/(?<name>.*)/(?<gate>boolean|actors|groups|percentage_of_actors|percentage_of_time|expression|clear)/?\z}
  FEATURE = %r{\A/features/(?<name>.*[^/])/?\z}

  def initialize
    # SQLite refuses two writers at once; an application's own database does not.
    @lock = Mutex.new
  end

  def call(env)
    @lock.synchronize do
      ActiveRecord::Base.connection_pool.with_connection { catch(:answer) { route(env) } }
    end
  end

  private

  def route(env)
    path = env['PATH_INFO']
    body = parameters(env)
    verb = env['REQUEST_METHOD']
    if (match = GATE.match(path))
      gate(verb, FLIPPER[Rack::Utils.unescape(match[:name])], match[:gate], body)
    elsif (match = FEATURE.match(path))
      feature(verb, Rack::Utils.unescape(match[:name]))
    elsif path.chomp('/') == '/features'
      features(verb, body)
    else
      answer(404, {})
    end
  end

  # A body counts only under exactly this type; malformed JSON is nobody's catch: a 500 in HTML.
  def parameters(env)
    query = Rack::Utils.parse_query(env['QUERY_STRING'])
    return query.merge(Rack::Request.new(env).POST) unless env['CONTENT_TYPE'] == 'application/json'

    text = env['rack.input'].read
    text.empty? ? query : query.merge(JSON.parse(text))
  end

  def features(verb, body)
    case verb
    when 'GET' then answer(200, 'features' => FLIPPER.features.map { |each| as_json(each) })
    when 'POST'
      fail_with(:name_missing) if body['name'].to_s.empty?
      FLIPPER[body['name']].add
      answer(200, as_json(FLIPPER[body['name']]))
    else raise "no #{verb} here"
    end
  end

  def feature(verb, name)
    case verb
    when 'GET'
      fail_with(:feature_not_found) unless FLIPPER[name].exist?
      answer(200, as_json(FLIPPER[name]))
    when 'DELETE'
      FLIPPER[name].remove
      answer(204, nil)
    else raise "no #{verb} here"
    end
  end

  def gate(verb, feature, gate, body)
    raise "no #{verb} here" unless %w[POST DELETE].include?(verb)

    on = verb == 'POST'
    case gate
    when 'boolean' then on ? feature.enable : feature.disable
    when 'clear'
      feature.clear
      answer(204, nil)
    when 'actors' then actor(on, feature, body)
    when 'groups' then group(on, feature, body)
    when 'expression' then expression(on, feature, body)
    else percentage(on, feature, gate, body)
    end
    answer(200, as_json(feature))
  end

  def actor(on, feature, body)
    id = body['flipper_id'].to_s
    fail_with(:flipper_id_missing) if id.empty?
    thing = Flipper::Actor.new(id)
    on ? feature.enable_actor(thing) : feature.disable_actor(thing)
  end

  def group(on, feature, body)
    name = body['name'].to_s
    fail_with(:name_missing) if name.empty?
    known = body['allow_unregistered_groups'] == 'true' || Flipper.group_exists?(name)
    fail_with(:group_not_registered) unless known
    on ? feature.enable_group(name) : feature.disable_group(name)
  end

  def percentage(on, feature, gate, body)
    value = on ? body['percentage'].to_s : '0'
    fail_with(:percentage_invalid) unless value.match?(/\d/) && value.to_f.between?(0, 100)
    feature.public_send("enable_#{gate}", Flipper::Typecast.to_percentage(value))
  end

  def expression(on, feature, body)
    fail_with(:expression_invalid) if on && body.empty?
    feature.add
    Row.where(feature_key: feature.key, key: 'expression').delete_all
    Row.create!(feature_key: feature.key, key: 'expression', value: JSON.generate(body)) if on
  end

  def as_json(feature)
    values = FLIPPER.adapter.get(feature)
    gates = feature.gates.map do |gate|
      value = values[gate.key]
      { 'key' => gate.key.to_s, 'name' => gate.name.to_s,
        'value' => gate.data_type == :set ? value.to_a : value }
    end
    text = Row.where(feature_key: feature.key, key: 'expression').pick(:value)
    gates.insert(1, { 'key' => 'expression', 'name' => 'expression', 'value' => text && JSON.parse(text) })
    { 'key' => feature.key, 'state' => state(feature, text), 'gates' => gates }
  end

  def state(feature, expression)
    feature.state == :off && expression ? 'conditional' : feature.state.to_s
  end

  def fail_with(name)
    code, status = ERRORS.fetch(name)
    answer(status, 'code' => code, 'message' => name.to_s, 'more_info' => '')
  end

  # Ends the request.
  def answer(status, value)
    throw :answer, [204, {}, []] if value.nil?
    throw :answer, [status, { 'Content-Type' => 'application/json' }, [JSON.generate(value)]]
  end
end

app = Rack::Builder.new do
  map('/flipper') do
    use Gatekeeper
    run Api.new
  end
  map('/') { run ->(_) { [404, { 'Content-Type' => 'text/html' }, ['<h1>Not here</h1>']] } }
end

# Headers and body are two writes: without this each answer waits for a delayed ACK, some 40 ms.
at_once = ->(socket) { socket.setsockopt(Socket::IPPROTO_TCP, Socket::TCP_NODELAY, 1) }

Rack::Handler::WEBrick.run(
  app.to_app,
  AcceptCallback: at_once,
  Host: '127.0.0.1', Port: Integer(ENV.fetch('API_PORT')),
  Logger: WEBrick::Log.new($stderr, WEBrick::Log::WARN), AccessLog: []
)
