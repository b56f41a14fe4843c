import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.nio.charset.StandardCharsets;
import java.util.Map;

import org.apache.kafka.common.utils.Exit;

/**
 * Runs the main method of a console tool inside this process, with standard input and output of its own.
 *
 * <p>{@code System.in} and {@code System.out} belong to the whole process, so they are replaced by ones that look up which tool the calling
 * thread (or the thread that made it) works for. The tools leave through Kafka's {@code Exit}, which can be made to throw instead.
 */
final class ToolRunner {
    private final InheritableThreadLocal<Streams> streams = new InheritableThreadLocal<>();

    private record Streams(InputStream in, ByteArrayOutputStream out, ByteArrayOutputStream err) { }

    /** Takes the place of an exit of the process. */
    private static final class ToolExit extends Error {
        private final int status;

        ToolExit(int status, String message) {
            super(message);
            this.status = status;
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
        Exit.setExitProcedure((status, message) -> {
            throw new ToolExit(status, message);
        });
        Exit.setHaltProcedure((status, message) -> {
            throw new ToolExit(status, message);
        });
        Exit.setShutdownHookAdder((name, hook) -> { });
    }

    Object run(String name, String[] args, String stdin) throws Exception {
        Streams mine = new Streams(new ByteArrayInputStream(stdin.getBytes(StandardCharsets.UTF_8)),
            new ByteArrayOutputStream(), new ByteArrayOutputStream());
        streams.set(mine);
        int status = 0;
        try {
            Class.forName(name).getMethod("main", String[].class).invoke(null, (Object) args);
        } catch (InvocationTargetException thrown) {
            if (!(thrown.getCause() instanceof ToolExit exit)) {
                throw thrown;
            }
            status = exit.status;
            if (exit.getMessage() != null) {
                mine.err.writeBytes(exit.getMessage().getBytes(StandardCharsets.UTF_8));
            }
        } finally {
            streams.remove();
        }
        return Map.of("status", status, "out", mine.out.toString(StandardCharsets.UTF_8),
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
