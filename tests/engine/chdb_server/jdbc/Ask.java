import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.Statement;
import java.util.Properties;

/** Asks an embedded ClickHouse through JDBC: `java Ask URL KEY=VALUE... -- SQL...`; prints rows, tab-separated. */
final class Ask {
    public static void main(String[] arguments) throws Exception {
        Properties properties = new Properties();
        int position = 1;
        for (; !arguments[position].equals("--"); position++) {
            String[] pair = arguments[position].split("=", 2);
            properties.setProperty(pair[0], pair[1]);
        }
        try (Connection connection = DriverManager.getConnection(arguments[0], properties);
                Statement statement = connection.createStatement()) {
            PrintStream output = new PrintStream(new FileOutputStream(FileDescriptor.out), false, StandardCharsets.UTF_8);
            for (position++; position < arguments.length; position++) {
                if (!statement.execute(arguments[position])) {
                    continue;
                }
                ResultSet rows = statement.getResultSet();
                int columns = rows.getMetaData().getColumnCount();
                while (rows.next()) {
                    StringBuilder line = new StringBuilder(rows.getString(1));
                    for (int column = 2; column <= columns; column++) {
                        line.append('\t').append(rows.getString(column));
                    }
                    output.println(line);
                }
            }
            try (PreparedStatement prepared = connection.prepareStatement("SELECT toUInt64(?) + 1")) {
                prepared.setLong(1, 41);
                ResultSet rows = prepared.executeQuery();
                rows.next();
                output.println("prepared " + rows.getLong(1));
            }
            output.flush();
        }
    }

    private Ask() {}
}
