package citypulse;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StoreQueryParameters;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.QueryableStoreTypes;
import org.apache.kafka.streams.state.ReadOnlyKeyValueStore;
import org.apache.kafka.streams.state.Stores;

/**
 * Kafka Streams, Processor API: duplicates in an LRU store of the same horizon as CityPulse's, panes in a cached store,
 * both logged to changelogs; totals are kept per source partition, so that nothing is sent through a second topic.
 *
 * <p>Arguments: the order as JSON, and exactly_once_v2 or at_least_once.
 */
public final class Peer {
  private static final int WARM = 5;
  private static final int HORIZON = 1_000_000;
  private static final long CACHE_BYTES = 128L << 20;

  private static final AtomicLong COUNTED = new AtomicLong();

  /** Transactions and minor units of a pane. */
  private record Pane(long count, long minor) {
    byte[] bytes() {
      return ByteBuffer.allocate(16).putLong(count).putLong(minor).array();
    }

    static Pane of(byte[] bytes) {
      ByteBuffer buffer = ByteBuffer.wrap(bytes);
      return new Pane(buffer.getLong(), buffer.getLong());
    }
  }

  private record Order(String broker, String topic, int partitions, long counted, String name, Path scratch,
      Map<String, Integer> exponents) {
    static Order of(String json) throws IOException {
      JsonNode order = new ObjectMapper().readTree(json);
      Map<String, Integer> exponents = new HashMap<>();
      order.get("exponents").properties().forEach(each -> exponents.put(each.getKey(), each.getValue().intValue()));
      return new Order(order.get("broker").textValue(), order.get("topic").textValue(),
          order.get("partitions").intValue(), order.get("counted").longValue(), order.get("name").textValue(),
          Path.of(order.get("scratch").textValue()), exponents);
    }
  }

  /** One source partition's part. */
  private static final class Count implements Processor<byte[], byte[], Void, Void> {
    private static final byte[] YES = {1};

    private final Order order;
    private final Reader reader;
    private KeyValueStore<String, byte[]> seen;
    private KeyValueStore<String, byte[]> panes;

    Count(Order order) {
      this.order = order;
      this.reader = new Reader(order.exponents());
    }

    @Override
    public void init(ProcessorContext<Void, Void> context) {
      seen = context.getStateStore("seen");
      panes = context.getStateStore("panes");
    }

    @Override
    public void process(Record<byte[], byte[]> record) {
      Counted event = reader.read(record.value());
      if (event == null || seen.putIfAbsent(event.identity(), YES) != null) {
        return;
      }
      byte[] held = panes.get(event.pane());
      Pane before = held == null ? new Pane(0, 0) : Pane.of(held);
      panes.put(event.pane(), new Pane(before.count() + 1, before.minor() + event.minor()).bytes());
      long counted = COUNTED.incrementAndGet();
      if (counted == order.counted() / WARM) {
        say("started " + counted);
      } else if (counted == order.counted()) {
        say("done " + counted);
      }
    }
  }

  private static void say(String line) {
    System.out.println(line);
    System.out.flush();
  }

  public static void main(String[] arguments) throws IOException, InterruptedException {
    Order order = Order.of(arguments[0]);
    Serde<String> text = Serdes.String();
    Topology topology = new Topology();
    topology.addSource("events", Serdes.ByteArray().deserializer(), Serdes.ByteArray().deserializer(), order.topic());
    topology.addProcessor("count", () -> new Count(order), "events");
    topology.addStateStore(
        Stores.keyValueStoreBuilder(Stores.lruMap("seen", HORIZON), text, Serdes.ByteArray()), "count");
    topology.addStateStore(
        Stores.keyValueStoreBuilder(Stores.inMemoryKeyValueStore("panes"), text, Serdes.ByteArray())
            .withCachingEnabled(), "count");

    Properties settings = new Properties();
    settings.put(StreamsConfig.APPLICATION_ID_CONFIG, order.name());
    settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, order.broker());
    settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, arguments[1]);
    settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 100);
    settings.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, CACHE_BYTES);
    settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, Runtime.getRuntime().availableProcessors());
    settings.put(StreamsConfig.STATE_DIR_CONFIG, order.scratch().resolve("state").toString());
    settings.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
    settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG), "earliest");
    settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.MAX_POLL_RECORDS_CONFIG), 4096);
    KafkaStreams streams = new KafkaStreams(topology, settings);
    streams.start();
    System.in.read(); // whoever looks at this process has seen enough
    handIn(streams, order.scratch().resolve("totals"));
    streams.close();
  }

  private static void handIn(KafkaStreams streams, Path file) throws IOException {
    ReadOnlyKeyValueStore<String, byte[]> panes =
        streams.store(StoreQueryParameters.fromNameAndType("panes", QueryableStoreTypes.keyValueStore()));
    try (PrintWriter out = new PrintWriter(Files.newBufferedWriter(file));
        KeyValueIterator<String, byte[]> all = panes.all()) {
      while (all.hasNext()) {
        KeyValue<String, byte[]> each = all.next();
        Pane pane = Pane.of(each.value);
        out.println(each.key + " " + pane.count() + " " + pane.minor());
      }
    }
    say("totals");
  }
}
