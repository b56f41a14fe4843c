import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

import org.apache.kafka.common.utils.Exit;

/**
 * Runs the main method of a console tool inside this process, with standard input and output of its own.
 *
 * <p>{@code System.in} and {@code System.out} belong to the whole process, so they are replaced by ones that look up which tool the calling
 * thread (or the thread that made it) works for. The tools leave through Kafka's {@code Exit}, which can be made to throw instead.
 */
final class ToolRunner {
    private final InheritableThreadLocal<Streams> streams = new InheritableThreadLocal<>();
    /** One for each tool: some count in static fields (ConsoleConsumer its messages), so a tool runs once at a time. */
    private final ConcurrentHashMap<String, Object> turns = new ConcurrentHashMap<>();

    /** What belongs to one run of a tool. */
    private static final class Streams {
        final InputStream in;
        final ByteArrayOutputStream out = new ByteArrayOutputStream();
        final ByteArrayOutputStream err = new ByteArrayOutputStream();
        final List<Runnable> hooks = new ArrayList<>();
        /** Of the first exit: some tools catch what takes an exit's place, and exit again. */
        Integer status;

        Streams(String in) {
            this.in = new ByteArrayInputStream(in.getBytes(StandardCharsets.UTF_8));
        }
    }

    /** Takes the place of an exit of the process. */
    private static final class ToolExit extends Error {
        ToolExit(String message) {
            super(message, null, false, false);
        }
    }

    void install() {
        System.setIn(new InputStream() {
            @Override
            public int read() {
                Streams mine = streams.get();
                try {
                    return mine == null ? -1 : mine.in.read();
                } catch (java.io.IOException impossible) {
                    return -1;
                }
            }

            @Override
            public int read(byte[] into, int offset, int length) throws java.io.IOException {
                Streams mine = streams.get();
                return mine == null ? -1 : mine.in.read(into, offset, length);
            }
        });
        PrintStream realErr = System.err;
        System.setOut(new PrintStream(new ToolOutput(realErr, false), true));
        System.setErr(new PrintStream(new ToolOutput(realErr, true), true));
        Exit.setExitProcedure(this::exit);
        Exit.setHaltProcedure(this::exit);
        Exit.setShutdownHookAdder((name, hook) -> {
            Streams mine = streams.get();
            if (mine != null) {
                mine.hooks.add(hook);
            }
        });
    }

    private void exit(int status, String message) {
        Streams mine = streams.get();
        if (mine != null && mine.status == null) {
            mine.status = status;
        }
        throw new ToolExit(message);
    }

    Object run(String name, String[] args, String stdin) throws Exception {
        synchronized (turns.computeIfAbsent(name, one -> new Object())) {
            return runAlone(name, args, stdin);
        }
    }

    private Object runAlone(String name, String[] args, String stdin) throws Exception {
        Streams mine = new Streams(stdin);
        streams.set(mine);
        try {
            Class.forName(name).getMethod("main", String[].class).invoke(null, (Object) args);
        } catch (InvocationTargetException thrown) {
            if (!(thrown.getCause() instanceof ToolExit exit)) {
                throw thrown;
            }
            if (exit.getMessage() != null) {
                mine.err.writeBytes(exit.getMessage().getBytes(StandardCharsets.UTF_8));
            }
        } finally {
            mine.hooks.forEach(Runnable::run);
            streams.remove();
        }
        return Map.of("status", mine.status == null ? 0 : mine.status, "out", mine.out.toString(StandardCharsets.UTF_8),
            "err", mine.err.toString(StandardCharsets.UTF_8));
    }

    private final class ToolOutput extends OutputStream {
        private final PrintStream otherwise;
        private final boolean isErr;

        ToolOutput(PrintStream otherwise, boolean isErr) {
            this.otherwise = otherwise;
            this.isErr = isErr;
        }

        @Override
        public void write(int octet) {
            write(new byte[] {(byte) octet}, 0, 1);
        }

        @Override
        public void write(byte[] from, int offset, int length) {
            Streams mine = streams.get();
            if (mine == null) {
                otherwise.write(from, offset, length);
            } else {
                (isErr ? mine.err : mine.out).write(from, offset, length);
            }
        }
    }
}
