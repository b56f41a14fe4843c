// The jobs of `bench copy` and `bench state` as a user of Kafka Streams writes them. The bench measures this process from outside.
//
//   java -cp ... Rival copy|project|count|sessions BOOTSTRAP APPLICATION INPUT OUTPUT STATE_DIR
//   java -cp ... Rival join BOOTSTRAP APPLICATION INPUT,SECOND_INPUT OUTPUT STATE_DIR
//
// Runs until SIGTERM, then closes in order: the last transaction is committed.

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.ObjectWriter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.JoinWindows;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.SessionWindows;
import org.apache.kafka.streams.kstream.StreamJoined;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.kstream.WindowedSerdes;

public final class Rival {
    /** What the filter and the projection need of a visit. */
    @JsonIgnoreProperties(ignoreUnknown = true)
    public record Visit(
            @JsonProperty("visit_id") String visitId,
            @JsonProperty("event_time") String eventTime,
            @JsonProperty("page") String page,
            @JsonProperty("keep_private") boolean keepPrivate) {}

    /** What is written. */
    public record PageView(
            @JsonProperty("visit_id") String visitId,
            @JsonProperty("event_time") String eventTime,
            @JsonProperty("page") String page) {}

    /** What windows, sessions and joins need of an event. */
    @JsonIgnoreProperties(ignoreUnknown = true)
    public record Event(@JsonProperty("event_id") long eventId, @JsonProperty("event_time") long eventTime) {}

    /** A group's count. */
    public record Count(@JsonProperty("events") long events) {}

    /** An event with one of its clicks, or without any. */
    public record Clicked(@JsonProperty("event_id") long eventId, @JsonProperty("click_id") Long clickId) {}

    private static final Duration GRACE = Duration.ofSeconds(10);

    private static final ObjectMapper MAPPER = new ObjectMapper();

    private static <T> Serde<T> json(Class<T> type) {
        ObjectReader reader = MAPPER.readerFor(type);
        ObjectWriter writer = MAPPER.writerFor(type);
        return Serdes.serdeFrom(
                (topic, value) -> {
                    try {
                        return value == null ? null : writer.writeValueAsBytes(value);
                    } catch (IOException e) {
                        throw new UncheckedIOException(e);
                    }
                },
                (topic, bytes) -> {
                    try {
                        return bytes == null ? null : reader.readValue(bytes);
                    } catch (IOException e) {
                        throw new UncheckedIOException(e);
                    }
                });
    }

    private static void copy(StreamsBuilder builder, String input, String output) {
        Serde<byte[]> bytes = Serdes.ByteArray();
        builder.stream(input, Consumed.with(bytes, bytes)).to(output, Produced.with(bytes, bytes));
    }

    private static void project(StreamsBuilder builder, String input, String output) {
        Serde<byte[]> bytes = Serdes.ByteArray();
        builder.stream(input, Consumed.with(bytes, json(Visit.class)))
                .filter((key, visit) -> !visit.keepPrivate())
                .mapValues(visit -> new PageView(visit.visitId(), visit.eventTime(), visit.page()))
                .to(output, Produced.with(bytes, json(PageView.class)));
    }

    private static KStream<String, Event> events(StreamsBuilder builder, String input) {
        Consumed<String, Event> consumed = Consumed.with(Serdes.String(), json(Event.class))
                .withTimestampExtractor((record, partitionTime) -> ((Event) record.value()).eventTime());
        return builder.stream(input, consumed);
    }

    private static void count(StreamsBuilder builder, String input, String output) {
        events(builder, input)
                .groupByKey(Grouped.with(Serdes.String(), json(Event.class)))
                .windowedBy(TimeWindows.ofSizeAndGrace(Duration.ofMinutes(1), GRACE))
                .count(Materialized.with(Serdes.String(), Serdes.Long()))
                .mapValues(Count::new)
                .toStream()
                .to(output, Produced.with(WindowedSerdes.timeWindowedSerdeFrom(String.class, 60_000L), json(Count.class)));
    }

    private static void sessions(StreamsBuilder builder, String input, String output) {
        events(builder, input)
                .groupByKey(Grouped.with(Serdes.String(), json(Event.class)))
                .windowedBy(SessionWindows.ofInactivityGapAndGrace(Duration.ofSeconds(30), GRACE))
                .count(Materialized.with(Serdes.String(), Serdes.Long()))
                .mapValues(count -> count == null ? null : new Count(count))
                .toStream()
                .to(output, Produced.with(WindowedSerdes.sessionWindowedSerdeFrom(String.class), json(Count.class)));
    }

    private static void join(StreamsBuilder builder, String inputs, String output) {
        String[] topics = inputs.split(",");
        Serde<Event> event = json(Event.class);
        JoinWindows windows =
                JoinWindows.ofTimeDifferenceAndGrace(Duration.ofMinutes(2), GRACE).before(Duration.ZERO);
        events(builder, topics[0])
                .leftJoin(
                        events(builder, topics[1]),
                        (left, right) -> new Clicked(left.eventId(), right == null ? null : right.eventId()),
                        windows,
                        StreamJoined.with(Serdes.String(), event, event))
                .to(output, Produced.with(Serdes.String(), json(Clicked.class)));
    }

    private static Properties settings(String bootstrap, String application, String stateDir) {
        Properties settings = new Properties();
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, application);
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, bootstrap);
        settings.put(StreamsConfig.STATE_DIR_CONFIG, stateDir);
        settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG), "earliest");
        // Larger batches and fetches than the defaults (16 KiB, 1 MiB): cheaper per record for Kafka Streams too.
        settings.put(StreamsConfig.producerPrefix(ProducerConfig.BATCH_SIZE_CONFIG), 524_288);
        settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.MAX_PARTITION_FETCH_BYTES_CONFIG), 2_097_152);
        settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.MAX_POLL_RECORDS_CONFIG), 10_000);
        return settings;
    }

    public static void main(String[] arguments) throws InterruptedException {
        if (arguments.length != 6) {
            throw new IllegalArgumentException("JOB BOOTSTRAP APPLICATION INPUT OUTPUT STATE_DIR");
        }
        StreamsBuilder builder = new StreamsBuilder();
        switch (arguments[0]) {
            case "copy" -> copy(builder, arguments[3], arguments[4]);
            case "project" -> project(builder, arguments[3], arguments[4]);
            case "count" -> count(builder, arguments[3], arguments[4]);
            case "sessions" -> sessions(builder, arguments[3], arguments[4]);
            case "join" -> join(builder, arguments[3], arguments[4]);
            default -> throw new IllegalArgumentException("no job " + arguments[0]);
        }
        KafkaStreams streams = new KafkaStreams(builder.build(), settings(arguments[1], arguments[2], arguments[5]));
        CountDownLatch stopped = new CountDownLatch(1);
        streams.setUncaughtExceptionHandler(error -> {
            error.printStackTrace();
            stopped.countDown();
            return org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        });
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            streams.close(Duration.ofSeconds(30));
            stopped.countDown();
        }));
        streams.start();
        stopped.await();
    }
}
