# Ruby Flipper over ActiveRecord, one JSON request a line in, one JSON answer a line out.
require "active_record"
require "flipper"
require "flipper/adapters/active_record"
require "flipper/adapters/active_support_cache_store"
require "json"
require "zlib"
require_relative "redis_cache"

Actor = Struct.new(:flipper_id)
Gate = Flipper::Adapters::ActiveRecord::Gate
Record = Flipper::Adapters::ActiveRecord::Feature

class Tables < ActiveRecord::Migration[6.1]
  def up
    create_table :flipper_features do |t|
      t.string :key, null: false
      t.timestamps null: false
    end
    add_index :flipper_features, :key, unique: true
    create_table :flipper_gates do |t|
      t.string :feature_key, null: false
      t.string :key, null: false
      t.string :value
      t.timestamps null: false
    end
    add_index :flipper_gates, %i[feature_key key value], unique: true
  end
end

class Events < ActiveRecord::Migration[6.1]
  def up
    create_table :feature_toggle_events do |t|
      %i[feature_name operation gate_name value user].each { |name| t.string name }
      t.timestamps null: false
    end
  end
end

class Session
  def connect(database)
    ActiveRecord::Base.establish_connection(database)
    ActiveRecord::Migration.verbose = false
    [Gate, Record].each(&:reset_column_information)
    @flipper = Flipper.new(Flipper::Adapters::ActiveRecord.new)
    @cached = nil
  end

  def tables(events)
    Tables.migrate(:up)
    Events.migrate(:up) if events
  end

  # Each step: [feature, Flipper's own method, arguments...]; "raw" adds a row past Flipper.
  def apply(steps)
    ActiveRecord::Base.transaction { hammer(steps) }
  end

  # The same without a transaction around it, as an application's request does.
  def hammer(steps)
    steps.each { |step| take(@flipper, step) }
    nil
  end

  def report(features, actors)
    rows = Gate.where(feature_key: features).pluck(:feature_key, :key, :value).group_by(&:first)
    features.to_h do |name|
      feature = @flipper[name]
      open = actors.map { |actor| feature.enabled?(actor && Actor.new(actor)) }
      [name, { rows: (rows[name] || []).map { |row| row.drop(1) }, state: feature.state, open: open }]
    end
  end

  def names
    @flipper.adapter.features.sort
  end

  # [flag, actor, percentage as text] without a database: Flipper's gate on its own.
  def percent(triples)
    gate = Flipper::Gates::PercentageOfActors.new
    triples.map do |flag, actor, text|
      values = Flipper::GateValues.new(percentage_of_actors: text)
      thing = Flipper::Types::Actor.wrap(Actor.new(actor))
      context = Flipper::FeatureCheckContext.new(feature_name: flag, values: values, thing: thing)
      [Zlib.crc32("#{flag}#{actor}"), gate.open?(context)]
    end
  end

  def cache(port, namespace)
    store = RedisCache.new(port, namespace: namespace)
    adapter = Flipper::Adapters::ActiveRecord.new
    @cached = Flipper.new(Flipper::Adapters::ActiveSupportCacheStore.new(adapter, store))
  end

  # What an application sees: one flag asked for, and the same flag in the list of all.
  def cached(feature)
    all = @cached.adapter.get_all.fetch(feature)
    [@cached[feature].enabled?, Flipper::GateValues.new(all).boolean]
  end

  def columns
    %w[flipper_features flipper_gates].to_h do |table|
      [table, ActiveRecord::Base.connection.columns(table).to_h { |c| [c.name, c.sql_type] }]
    end
  end

  def times(feature)
    Gate.where(feature_key: feature).pluck(:created_at, :updated_at).flatten.map(&:to_f)
  end

  private

  def take(flipper, step)
    name, act, *arguments = step
    return Gate.create!(feature_key: name, key: arguments[0], value: arguments[1]) if act == "raw"
    arguments = [Actor.new(arguments[0])] if act.end_with?("_actor")
    flipper[name].public_send(act, *arguments)
  end
end

session = Session.new
$stdout.sync = true
$stdin.each_line do |line|
  name, *arguments = JSON.parse(line)
  begin
    puts JSON.generate(answer: session.public_send(name, *arguments))
  rescue StandardError => error
    puts JSON.generate(error: "#{error.class}: #{error.message}")
  end
end
