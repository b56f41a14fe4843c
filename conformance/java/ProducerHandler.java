import com.fasterxml.jackson.databind.JsonNode;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.time.Duration;

import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** Commands for a producer. */
final class ProducerHandler implements CommandServer.Handler {
    private final KafkaProducer<byte[], byte[]> producer;
    private final List<Future<RecordMetadata>> sent = new ArrayList<>();

    ProducerHandler(Properties config) {
        producer = new KafkaProducer<>(config, new ByteArraySerializer(), new ByteArraySerializer());
    }

    @Override
    public Object handle(String op, JsonNode args) throws Exception {
        switch (op) {
            case "send":
                for (JsonNode record : args.get("records")) {
                    sent.add(producer.send(record(record)));
                }
                return null;
            case "flush":
                return flush();
            case "init":
                producer.initTransactions();
                return null;
            case "begin":
                producer.beginTransaction();
                return null;
            case "commit":
                producer.commitTransaction();
                return null;
            case "abort":
                producer.abortTransaction();
                return null;
            case "send-offsets":
                producer.sendOffsetsToTransaction(offsets(args.get("offsets")),
                    CommandServer.consumer(args.get("consumer").asText()).groupMetadata());
                return null;
            case "close":
                producer.close(Duration.ofSeconds(5));
                return null;
            default:
                throw new IllegalArgumentException("a producer cannot " + op);
        }
    }

    /** The outcome of each record sent since the last flush, in the order sent. */
    private Object flush() throws InterruptedException {
        producer.flush();
        List<Object> outcomes = new ArrayList<>();
        for (Future<RecordMetadata> future : sent) {
            Map<String, Object> outcome = new LinkedHashMap<>();
            try {
                RecordMetadata metadata = future.get();
                outcome.put("partition", metadata.partition());
                outcome.put("offset", metadata.offset());
            } catch (ExecutionException failed) {
                outcome.put("error", CommandServer.errorName(failed));
            }
            outcomes.add(outcome);
        }
        sent.clear();
        return outcomes;
    }

    private static ProducerRecord<byte[], byte[]> record(JsonNode node) {
        ProducerRecord<byte[], byte[]> record = new ProducerRecord<>(node.get("topic").asText(),
            node.hasNonNull("partition") ? node.get("partition").asInt() : null,
            node.hasNonNull("timestamp") ? node.get("timestamp").asLong() : null,
            CommandServer.bytes(node.get("key")), CommandServer.bytes(node.get("value")));
        for (JsonNode header : node.path("headers")) {
            record.headers().add(header.get(0).asText(), CommandServer.bytes(header.get(1)));
        }
        return record;
    }

    static Map<TopicPartition, OffsetAndMetadata> offsets(JsonNode node) {
        Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
        for (JsonNode entry : node) {
            offsets.put(new TopicPartition(entry.get(0).asText(), entry.get(1).asInt()),
                new OffsetAndMetadata(entry.get(2).asLong()));
        }
        return offsets;
    }
}
