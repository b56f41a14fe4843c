import com.fasterxml.jackson.databind.JsonNode;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;

import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.ConsumerGroupDescription;
import org.apache.kafka.clients.admin.DescribeClusterResult;
import org.apache.kafka.clients.admin.ListOffsetsOptions;
import org.apache.kafka.clients.admin.ListOffsetsResult;
import org.apache.kafka.clients.admin.MemberDescription;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.GroupState;
import org.apache.kafka.common.IsolationLevel;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;

/** Commands for an admin client. */
final class AdminHandler implements CommandServer.Handler {
    private final Admin admin;

    AdminHandler(Properties config) {
        admin = Admin.create(config);
    }

    @Override
    public Object handle(String op, JsonNode args) throws Exception {
        switch (op) {
            case "create-topic":
                return createTopic(args);
            case "delete-topic":
                return get(admin.deleteTopics(List.of(args.get("topic").asText())).all());
            case "create-partitions":
                return get(admin.createPartitions(Map.of(args.get("topic").asText(),
                    NewPartitions.increaseTo(args.get("total").asInt()))).all());
            case "list-topics":
                return get(admin.listTopics().names());
            case "describe-topic":
                return describeTopic(args.get("topic").asText());
            case "describe-configs":
                return describeConfigs(resource(args));
            case "alter-configs":
                return alterConfigs(resource(args), args.get("changes"));
            case "describe-cluster":
                return describeCluster();
            case "delete-records":
                return deleteRecords(args.get("offsets"));
            case "list-offsets":
                return listOffsets(args);
            case "list-groups":
                return listGroups();
            case "describe-group":
                return describeGroup(args.get("group").asText());
            case "delete-group":
                return get(admin.deleteConsumerGroups(List.of(args.get("group").asText())).all());
            case "group-offsets":
                return groupOffsets(args.get("group").asText());
            case "alter-offsets":
                return get(admin.alterConsumerGroupOffsets(args.get("group").asText(),
                    ProducerHandler.offsets(args.get("offsets"))).all());
            case "delete-offsets":
                return get(admin.deleteConsumerGroupOffsets(args.get("group").asText(),
                    ConsumerHandler.partitions(args.get("partitions"))).all());
            case "close":
                admin.close();
                return null;
            default:
                throw new IllegalArgumentException("an admin client cannot " + op);
        }
    }

    private static <T> T get(KafkaFuture<T> future) throws Exception {
        return future.get(20, TimeUnit.SECONDS);
    }

    private Object createTopic(JsonNode args) throws Exception {
        Map<String, String> configs = new HashMap<>();
        args.path("configs").fields().forEachRemaining(entry -> configs.put(entry.getKey(), entry.getValue().asText()));
        NewTopic topic = new NewTopic(args.get("topic").asText(),
            args.hasNonNull("partitions") ? Optional.of(args.get("partitions").asInt()) : Optional.empty(),
            args.hasNonNull("replication") ? Optional.of((short) args.get("replication").asInt()) : Optional.empty());
        return get(admin.createTopics(List.of(topic.configs(configs))).all());
    }

    private Object describeTopic(String topic) throws Exception {
        TopicDescription description = get(admin.describeTopics(List.of(topic)).allTopicNames()).get(topic);
        Map<String, Object> out = new LinkedHashMap<>();
        out.put("internal", description.isInternal());
        out.put("partitions", description.partitions().size());
        out.put("replicas", description.partitions().get(0).replicas().size());
        out.put("in_sync", description.partitions().get(0).isr().size());
        return out;
    }

    private static ConfigResource resource(JsonNode args) {
        return new ConfigResource(ConfigResource.Type.valueOf(args.get("kind").asText().toUpperCase(java.util.Locale.ROOT)),
            args.get("name").asText());
    }

    private Object describeConfigs(ConfigResource resource) throws Exception {
        Map<String, Object> out = new TreeMap<>();
        for (ConfigEntry entry : get(admin.describeConfigs(List.of(resource)).all()).get(resource).entries()) {
            Map<String, Object> described = new LinkedHashMap<>();
            described.put("value", entry.value());
            described.put("source", entry.source().name());
            described.put("read_only", entry.isReadOnly());
            described.put("sensitive", entry.isSensitive());
            out.put(entry.name(), described);
        }
        return out;
    }

    private Object alterConfigs(ConfigResource resource, JsonNode changes) throws Exception {
        Collection<AlterConfigOp> ops = new ArrayList<>();
        for (JsonNode change : changes) {
            ops.add(new AlterConfigOp(new ConfigEntry(change.get(1).asText(), change.get(2).isNull() ? null : change.get(2).asText()),
                AlterConfigOp.OpType.valueOf(change.get(0).asText().toUpperCase(java.util.Locale.ROOT))));
        }
        return get(admin.incrementalAlterConfigs(Map.of(resource, ops)).all());
    }

    private Object describeCluster() throws Exception {
        DescribeClusterResult cluster = admin.describeCluster();
        return Map.of("nodes", get(cluster.nodes()).size(), "controller", get(cluster.controller()).id(),
            "has_id", !get(cluster.clusterId()).isEmpty());
    }

    private Object deleteRecords(JsonNode offsets) throws Exception {
        Map<TopicPartition, RecordsToDelete> before = new HashMap<>();
        offsets.forEach(entry -> before.put(ConsumerHandler.partition(entry), RecordsToDelete.beforeOffset(entry.get(2).asLong())));
        List<Object> out = new ArrayList<>();
        for (var entry : admin.deleteRecords(before).lowWatermarks().entrySet()) {
            out.add(Arrays.asList(entry.getKey().topic(), entry.getKey().partition(), get(entry.getValue()).lowWatermark()));
        }
        return out;
    }

    private Object listOffsets(JsonNode args) throws Exception {
        Map<TopicPartition, OffsetSpec> specs = new HashMap<>();
        for (JsonNode entry : args.get("partitions")) {
            String spec = entry.get(2).asText();
            specs.put(ConsumerHandler.partition(entry), switch (spec) {
                case "earliest" -> OffsetSpec.earliest();
                case "latest" -> OffsetSpec.latest();
                case "max_timestamp" -> OffsetSpec.maxTimestamp();
                default -> OffsetSpec.forTimestamp(Long.parseLong(spec));
            });
        }
        IsolationLevel isolation = args.path("isolation").asText().equals("read_committed")
            ? IsolationLevel.READ_COMMITTED : IsolationLevel.READ_UNCOMMITTED;
        List<Object> out = new ArrayList<>();
        ListOffsetsResult result = admin.listOffsets(specs, new ListOffsetsOptions(isolation));
        for (TopicPartition partition : specs.keySet()) {
            ListOffsetsResult.ListOffsetsResultInfo info = get(result.partitionResult(partition));
            out.add(Arrays.asList(partition.topic(), partition.partition(), info.offset(), info.timestamp()));
        }
        return out;
    }

    private Object listGroups() throws Exception {
        Map<String, Object> out = new TreeMap<>();
        get(admin.listGroups().all()).forEach(group -> out.put(group.groupId(), group.groupState().map(GroupState::toString).orElse(null)));
        return out;
    }

    private Object describeGroup(String group) throws Exception {
        ConsumerGroupDescription description = get(admin.describeConsumerGroups(List.of(group)).all()).get(group);
        Map<String, Object> out = new LinkedHashMap<>();
        out.put("state", description.groupState().toString());
        out.put("assignor", description.partitionAssignor());
        List<Object> members = new ArrayList<>();
        for (MemberDescription member : description.members()) {
            List<Object> partitions = new ArrayList<>();
            member.assignment().topicPartitions().forEach(p -> partitions.add(Arrays.asList(p.topic(), p.partition())));
            Map<String, Object> described = new LinkedHashMap<>();
            described.put("client", member.clientId());
            described.put("instance", member.groupInstanceId().orElse(null));
            described.put("partitions", partitions);
            members.add(described);
        }
        out.put("members", members);
        return out;
    }

    private Object groupOffsets(String group) throws Exception {
        List<Object> out = new ArrayList<>();
        for (Map.Entry<TopicPartition, OffsetAndMetadata> entry
                : get(admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata()).entrySet()) {
            out.add(Arrays.asList(entry.getKey().topic(), entry.getKey().partition(),
                entry.getValue() == null ? null : entry.getValue().offset()));
        }
        return out;
    }
}
