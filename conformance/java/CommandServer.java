import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.protocol.Errors;

/**
 * Apache Kafka's own Java clients and console tools behind one process: a command per line of JSON on standard input, an answer per line on
 * standard output, so that a whole test suite pays for one start of the JVM.
 *
 * <p>A command is {@code {"id": 7, "on": "p1", "op": "producer.send", ...}}; {@code on} names the producer, consumer or admin client it is
 * for. The answer is {@code {"id": 7, "result": ...}}, or {@code {"id": 7, "error": "TOPIC_ALREADY_EXISTS", "message": ...}} with the
 * protocol's name of the error. Commands run side by side; a caller sends the next one for the same client after the last one's answer.
 * Bytes travel as strings of ISO 8859-1.
 */
public final class CommandServer {
    static final ObjectMapper JSON = new ObjectMapper();
    private static final Map<String, Handler> HANDLERS = new ConcurrentHashMap<>();
    private static final ToolRunner TOOLS = new ToolRunner();

    /** Something that commands are for. */
    interface Handler {
        Object handle(String op, JsonNode args) throws Exception;
    }

    public static void main(String[] unused) throws Exception {
        PrintStream answers = System.out;
        BufferedReader commands = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        TOOLS.install();
        ExecutorService workers = Executors.newCachedThreadPool(work -> {
            Thread thread = new Thread(work);
            thread.setDaemon(true);
            return thread;
        });
        for (String line = commands.readLine(); line != null; line = commands.readLine()) {
            JsonNode command = JSON.readTree(line);
            workers.submit(() -> {
                String answer = answer(command);
                synchronized (answers) {
                    answers.println(answer);
                    answers.flush();
                }
            });
        }
        Runtime.getRuntime().halt(0); // no client says goodbye: the brokers are gone, too
    }

    private static String answer(JsonNode command) {
        Map<String, Object> answer = new LinkedHashMap<>();
        answer.put("id", command.get("id").asInt());
        try {
            answer.put("result", dispatch(command));
        } catch (Throwable thrown) {
            Throwable cause = cause(thrown);
            answer.put("error", errorName(cause));
            answer.put("message", cause.toString());
        }
        try {
            return JSON.writeValueAsString(answer);
        } catch (Exception impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    private static Object dispatch(JsonNode command) throws Exception {
        String op = command.get("op").asText();
        String on = command.path("on").asText();
        switch (op) {
            case "producer.new":
                HANDLERS.put(on, new ProducerHandler(properties(command.get("config"))));
                return null;
            case "consumer.new":
                HANDLERS.put(on, new ConsumerHandler(properties(command.get("config"))));
                return null;
            case "admin.new":
                HANDLERS.put(on, new AdminHandler(properties(command.get("config"))));
                return null;
            case "tool":
                return TOOLS.run(command.get("class").asText(), strings(command.get("args")), command.path("stdin").asText());
            default:
                Handler handler = HANDLERS.get(on);
                if (handler == null) {
                    throw new IllegalArgumentException("nothing is called " + on);
                }
                return handler.handle(op.substring(op.indexOf('.') + 1), command);
        }
    }

    static ConsumerHandler consumer(String name) {
        return (ConsumerHandler) HANDLERS.get(name);
    }

    static String[] strings(JsonNode array) {
        String[] out = new String[array.size()];
        for (int i = 0; i < out.length; i++) {
            out[i] = array.get(i).asText();
        }
        return out;
    }

    static byte[] bytes(JsonNode text) {
        return text == null || text.isNull() ? null : text.asText().getBytes(StandardCharsets.ISO_8859_1);
    }

    static String text(byte[] bytes) {
        return bytes == null ? null : new String(bytes, StandardCharsets.ISO_8859_1);
    }

    private static Properties properties(JsonNode config) {
        Properties properties = new Properties();
        config.fields().forEachRemaining(entry -> properties.put(entry.getKey(), entry.getValue().asText()));
        return properties;
    }

    static Throwable cause(Throwable thrown) {
        Throwable cause = thrown;
        while ((cause instanceof ExecutionException || cause instanceof CompletionException
                || cause.getClass() == KafkaException.class) && cause.getCause() != null) {
            cause = cause.getCause();
        }
        return cause;
    }

    static String errorName(Throwable thrown) {
        Throwable cause = cause(thrown);
        Errors known = Errors.forException(cause);
        return known == Errors.UNKNOWN_SERVER_ERROR ? cause.getClass().getSimpleName() : known.name();
    }
}
