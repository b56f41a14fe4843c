import com.fasterxml.jackson.databind.JsonNode;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;

import org.apache.kafka.clients.consumer.ConsumerGroupMetadata;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** Commands for a consumer. */
final class ConsumerHandler implements CommandServer.Handler, ConsumerRebalanceListener {
    private final KafkaConsumer<byte[], byte[]> consumer;
    private final List<Object> events = new ArrayList<>();

    ConsumerHandler(Properties config) {
        consumer = new KafkaConsumer<>(config, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    ConsumerGroupMetadata groupMetadata() {
        return consumer.groupMetadata();
    }

    @Override
    public Object handle(String op, JsonNode args) {
        switch (op) {
            case "assign":
                assign(args.get("partitions"));
                return null;
            case "subscribe":
                consumer.subscribe(Arrays.asList(CommandServer.strings(args.get("topics"))), this);
                return null;
            case "poll":
                return poll(Duration.ofMillis(args.get("millis").asLong()));
            case "seek":
                consumer.seek(partition(args.get("partition")), args.get("offset").asLong());
                return null;
            case "commit":
                if (args.hasNonNull("offsets")) {
                    consumer.commitSync(ProducerHandler.offsets(args.get("offsets")));
                } else {
                    consumer.commitSync();
                }
                return null;
            case "committed":
                return committed(partitions(args.get("partitions")));
            case "assignment":
                return names(consumer.assignment());
            case "events":
                List<Object> seen = new ArrayList<>(events);
                events.clear();
                return seen;
            case "offsets-for-times":
                return offsetsForTimes(args.get("partitions"));
            case "close":
                consumer.close(Duration.ofSeconds(5));
                return null;
            default:
                throw new IllegalArgumentException("a consumer cannot " + op);
        }
    }

    private void assign(JsonNode wanted) {
        Set<TopicPartition> partitions = new HashSet<>();
        wanted.forEach(entry -> partitions.add(partition(entry)));
        consumer.assign(partitions);
        for (JsonNode entry : wanted) {
            String where = entry.get(2).asText();
            if (where.equals("earliest")) {
                consumer.seekToBeginning(Set.of(partition(entry)));
            } else if (where.equals("latest")) {
                consumer.seekToEnd(Set.of(partition(entry)));
            } else if (entry.get(2).isNumber()) {
                consumer.seek(partition(entry), entry.get(2).asLong());
            } // else: where the group stands
        }
    }

    private Object poll(Duration wait) {
        List<Object> records = new ArrayList<>();
        for (ConsumerRecord<byte[], byte[]> record : consumer.poll(wait)) {
            Map<String, Object> out = new LinkedHashMap<>();
            out.put("topic", record.topic());
            out.put("partition", record.partition());
            out.put("offset", record.offset());
            out.put("key", CommandServer.text(record.key()));
            out.put("value", CommandServer.text(record.value()));
            List<Object> headers = new ArrayList<>();
            for (Header header : record.headers()) {
                headers.add(Arrays.asList(header.key(), CommandServer.text(header.value())));
            }
            out.put("headers", headers);
            out.put("timestamp", record.timestamp());
            out.put("timestamp_type", record.timestampType().name);
            records.add(out);
        }
        return records;
    }

    private Object committed(Set<TopicPartition> partitions) {
        List<Object> out = new ArrayList<>();
        for (Map.Entry<TopicPartition, OffsetAndMetadata> entry : consumer.committed(partitions).entrySet()) {
            out.add(Arrays.asList(entry.getKey().topic(), entry.getKey().partition(),
                entry.getValue() == null ? null : entry.getValue().offset()));
        }
        return out;
    }

    private Object offsetsForTimes(JsonNode wanted) {
        Map<TopicPartition, Long> times = new HashMap<>();
        wanted.forEach(entry -> times.put(partition(entry), entry.get(2).asLong()));
        List<Object> out = new ArrayList<>();
        for (Map.Entry<TopicPartition, OffsetAndTimestamp> entry : consumer.offsetsForTimes(times).entrySet()) {
            out.add(Arrays.asList(entry.getKey().topic(), entry.getKey().partition(),
                entry.getValue() == null ? null : entry.getValue().offset()));
        }
        return out;
    }

    @Override
    public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
        events.add(Arrays.asList("assigned", names(partitions)));
    }

    @Override
    public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
        events.add(Arrays.asList("revoked", names(partitions)));
    }

    @Override
    public void onPartitionsLost(Collection<TopicPartition> partitions) {
        events.add(Arrays.asList("lost", names(partitions)));
    }

    static TopicPartition partition(JsonNode entry) {
        return new TopicPartition(entry.get(0).asText(), entry.get(1).asInt());
    }

    static Set<TopicPartition> partitions(JsonNode entries) {
        Set<TopicPartition> partitions = new HashSet<>();
        entries.forEach(entry -> partitions.add(partition(entry)));
        return partitions;
    }

    private static List<Object> names(Collection<TopicPartition> partitions) {
        List<Object> out = new ArrayList<>();
        partitions.forEach(partition -> out.add(Arrays.asList(partition.topic(), partition.partition())));
        return out;
    }
}
